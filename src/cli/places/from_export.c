#include "cli/places/from_export.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "copy/memory.h"
#include "escrow/export.h"
#include "escrow/trust.h"
#include "escrow/view.h"
#include "sys/file.h"
#include "text/time.h"

static const char *
path_of(const char *word)
{
    static const char scheme[] = "file://";
    size_t n = sizeof scheme - 1;
    return strncmp(word, scheme, n) == 0 ? word + n : word;
}

int
from_is_export(const char *word)
{
    struct stat st;
    return stat(path_of(word), &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- who signed it ---- */

enum signer { SIGNER_UNKNOWN, SIGNER_TRUSTED, SIGNER_BLOCKED };

/* What a store here says of the signer. One that cannot be read says nothing: it may be why
 * somebody works from an export. */
static enum signer
ask_store(const char *dir, const struct export_seal *seal)
{
    struct store *store = NULL;
    struct trust trust;
    struct err none = ERR_INIT;
    enum signer verdict = SIGNER_UNKNOWN;
    if (store_open(&store, dir, DB_READ, &none) != RC_OK)
        return verdict;
    if (strcmp(store->escrow, seal->escrow) == 0 &&
        trust_of(store, seal->signer.author, &trust, &none) == RC_OK) {
        if (trust_accepted(&trust))
            verdict = SIGNER_TRUSTED;
        else if (strcmp(trust.standing, "blocked") == 0)
            verdict = SIGNER_BLOCKED;
    }
    store_close(store);
    return verdict;
}

/* The records of former commands, and the store that -C or KEYMUSTER_STORE names or that is at the
 * default place: nothing is written to it. */
static enum signer
ask_stores(const struct ctx *ctx, const struct export_seal *seal)
{
    char dir[PATH_SIZE];
    struct err none = ERR_INIT;
    enum signer evidence = SIGNER_UNKNOWN;
    enum signer own = SIGNER_UNKNOWN;
    if (join_evidence_dir(dir, seal->escrow, opt_get(&ctx->opts, OPT_EVIDENCE), &none) == RC_OK)
        evidence = ask_store(dir, seal);
    if (ctx->store_dir != NULL)
        own = ask_store(ctx->store_dir, seal);
    else if (store_default_dir(dir, &none) == RC_OK)
        own = ask_store(dir, seal);
    if (evidence == SIGNER_BLOCKED || own == SIGNER_BLOCKED)
        return SIGNER_BLOCKED;
    return evidence == SIGNER_TRUSTED ? evidence : own;
}

static int
on_card(const struct card *card, const char *author)
{
    for (size_t i = 0; i < card->floor_count; i++) {
        if (strcmp(card->floors[i].author, author) == 0)
            return 1;
    }
    return 0;
}

static int
is_founder(const struct export_seal *seal)
{
    return strcmp(seal->signer.author, seal->founder.author) == 0;
}

static enum rc
not_anchored(const struct export_seal *seal, enum signer verdict, struct err *err)
{
    (void)err_set(err, RC_NOT_ANCHORED,
                  "the export is signed by an author whom nothing vouches for");
    if (verdict == SIGNER_BLOCKED)
        (void)err_why(err, "author %s is blocked on this machine", seal->signer.author);
    else
        (void)err_why(err, "author %s is neither the founder of that escrow nor named by the card",
                      seal->signer.author);
    return err_hint(err,
                    "take an export that the founder made, a newer card, or a copy of the escrow\n"
                    "go on all the same, recorded: --accept-risk TEXT");
}

/* Always said, also with --yes and --quiet: only a person can tell whether it is the right one. */
static enum rc
confirm_seen(struct ctx *ctx, const struct export_seal *seal, struct err *err)
{
    char ago[AGO_TEXT] = "";
    int64_t at;
    if (time_parse(&at, seal->at) == 0)
        time_ago(ago, at, clock_now_ms());
    out_warn(ctx,
             "nothing proves that this export is yours; compare with the recovery card:\n"
             "escrow %s\nname   %s\nsigner %s (%s)\nmade   %s (%s)",
             seal->escrow, seal->name, seal->signer.author,
             is_founder(seal) ? "the founder" : "says that it belongs to that escrow", seal->at,
             ago);
    if (confirm_yes(ctx, "Is this the right escrow, and the signer one of yours?", err) == RC_OK)
        return RC_OK;
    return err_hint(err, "or name it: --expect %s, --card FILE", seal->escrow);
}

static enum rc
anchor(struct ctx *ctx, const struct export_seal *seal, struct err *err)
{
    struct expected e;
    enum rc rc = expected_read(&e, ctx, err);
    if (rc != RC_OK)
        return rc;
    if (e.escrow != NULL && strcmp(e.escrow, seal->escrow) != 0) {
        (void)err_set(err, RC_NOT_ANCHORED, "the export is not of the expected escrow");
        (void)err_why(err, "it is of %s (%.200s); expected: %s", seal->escrow, seal->name,
                      e.escrow);
        return err_hint(err, "compare with the card; do not use this export until you know why");
    }
    enum signer verdict = ask_stores(ctx, seal);
    if (verdict != SIGNER_BLOCKED && e.escrow != NULL &&
        (is_founder(seal) || (e.have_card && on_card(&e.card, seal->signer.author))))
        verdict = SIGNER_TRUSTED;
    if (verdict == SIGNER_TRUSTED)
        return RC_OK;
    if (e.escrow == NULL && verdict == SIGNER_UNKNOWN)
        return confirm_seen(ctx, seal, err);
    if (ctx->accept_risk == NULL)
        return not_anchored(seal, verdict, err);
    out_warn(ctx, "nothing vouches for author %s, who signed the export", seal->signer.author);
    return RC_OK;
}

/* ---- the file ---- */

static enum rc
read_file(struct buf *bytes, const char *path, struct err *err)
{
    enum rc rc = file_read(bytes, path, err);
    if (rc != RC_OK || export_is(buf_str(bytes), bytes->len))
        return rc;
    (void)err_set(err, RC_BAD_VALUE, "%s is no export", path);
    (void)err_why(err, "--from names the folder of a copy, or a file that `keymuster export` made");
    return err_hint(err,
                    "a copy: --from FOLDER\n"
                    "a wrap alone: keymuster reveal --wrapped file:%s",
                    path);
}

/* --site by what the export says of its sites. */
static enum rc
find_site(struct ctx *ctx, const char *name, struct err *err)
{
    struct object site;
    if (name == NULL)
        return RC_OK;
    enum rc rc = object_find(ctx->store, "site", name, &site, err);
    if (rc == RC_OK)
        memcpy(ctx->store->site, site.uuid, sizeof ctx->store->site);
    else if (rc == RC_NOT_FOUND)
        (void)err_hint(err, "an export knows only the sites of its KMSs; leave --site out");
    return rc;
}

static enum rc
open_records(struct ctx *ctx, const struct export_seal *seal, struct err *err)
{
    enum rc rc = join_alone(&ctx->records, &seal->founder, seal->name, ctx->store->site,
                            opt_get(&ctx->opts, OPT_EVIDENCE), err);
    if (rc == RC_OK)
        rc = memory_check(ctx->records, err);
    if (rc != RC_OK)
        return from_no_place(rc, FROM_ELSEWHERE, err);
    memcpy(ctx->export, seal->sha256, sizeof ctx->export);
    memcpy(ctx->signer, seal->signer.author, sizeof ctx->signer);
    if (ctx->verbose)
        out_note(ctx, "records are kept in %s", ctx->records->dir);
    return RC_OK;
}

enum rc
from_export(struct ctx *ctx, const char *word, struct err *err)
{
    const char *path = path_of(word);
    struct export_seal seal;
    struct buf bytes;
    buf_init(&bytes, EXPORT_MAX);
    enum rc rc = read_file(&bytes, path, err);
    if (rc == RC_OK)
        rc = export_read(&ctx->store, &seal, buf_str(&bytes), bytes.len, path, err);
    buf_release(&bytes);
    if (rc == RC_OK)
        rc = anchor(ctx, &seal, err);
    if (rc == RC_OK)
        rc = find_site(ctx, opt_get(&ctx->opts, OPT_SITE), err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = open_records(ctx, &seal, err);
    return rc;
}

/* ---- a store of it ---- */

struct counting {
    size_t generations, names;
    char last[KEY_NAME_BYTES + 1];
};

static enum rc
count_key(void *arg, const struct key *key, struct err *err)
{
    struct counting *c = arg;
    (void)err;
    c->generations++;
    c->names += strcmp(c->last, key->name) != 0; /* by name */
    (void)snprintf(c->last, sizeof c->last, "%s", key->name);
    return RC_OK;
}

static enum rc
say_what_it_is(struct ctx *ctx, const struct export_seal *seal, struct err *err)
{
    struct counting c = {.generations = 0};
    char ago[AGO_TEXT] = "";
    int64_t at;
    if (time_parse(&at, seal->at) == 0)
        time_ago(ago, at, clock_now_ms());
    enum rc rc = key_each(ctx->store, NULL, count_key, &c, err);
    if (rc != RC_OK)
        return rc;
    out_warn(
        ctx,
        "this store knows what an export of %s (%s) says, signed by author %s: %zu generations "
        "of %zu keys, and their wraps, root keys and KMSs. Nothing tells what was recorded "
        "since, which other keys there are, or what other sites do now",
        seal->at, ago, seal->signer.author, c.generations, c.names);
    if (ini_name_at(ctx->records->conf, "copy", 0) != NULL)
        return RC_OK;
    out_warn(ctx,
             "no copy is bound here, and this machine is the only place that has what is done now: "
             "plug in a disk, then: keymuster -C %s copy add NAME URL --site SITE; into the "
             "escrow, later: keymuster recover attach %s",
             ctx->records->dir, ctx->records->dir);
    return RC_OK;
}

enum rc
from_export_keep(struct ctx *ctx, const char *word, struct err *err)
{
    const char *path = path_of(word);
    struct store *view = NULL;
    struct export_seal seal;
    struct buf bytes;
    int64_t said = 0;
    buf_init(&bytes, EXPORT_MAX);
    enum rc rc = read_file(&bytes, path, err);
    if (rc == RC_OK)
        rc = export_read(&view, &seal, buf_str(&bytes), bytes.len, path, err);
    store_close(view);
    if (rc == RC_OK && strcmp(seal.sha256, ctx->export) != 0)
        rc = err_set(err, RC_BAD_VALUE, "%s was exchanged while it was read", path);
    if (rc == RC_OK)
        rc = export_into(ctx->records, buf_str(&bytes), bytes.len, path, &said, err);
    buf_release(&bytes);
    if (rc == RC_OK)
        rc = say_what_it_is(ctx, &seal, err);
    if (rc != RC_OK)
        return rc;
    store_close(ctx->store);
    ctx->store = ctx->records;
    ctx->records = NULL;
    ctx->export[0] = '\0';
    ctx->signer[0] = '\0';
    return store_conf_set(ctx->store, "store", NULL, "export", path, err);
}
