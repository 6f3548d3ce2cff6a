/* author spare|renew: keys of authors. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "escrow/store_key.h"
#include "recover/renew.h"
#include "sys/file.h"
#include "text/uni.h"

/* ---- spare ---- */

struct sparing {
    struct ctx *ctx;
    char path[PATH_SIZE];
    struct log_author a; /* the spare */
    struct trust trust;
};

static enum rc
check_spare(struct sparing *s, struct err *err)
{
    const struct opts *o = &s->ctx->opts;
    const char *file = opt_get(o, OPT_FILE);
    const char *name = opt_get(o, OPT_NAME);
    const char *where = opt_get(o, OPT_SITE);
    struct object site;
    if (file == NULL) {
        (void)err_set(err, RC_USAGE, "author spare: --file is missing");
        return err_hint(err, "name a new file, on the medium that will lie with the recovery card");
    }
    enum rc rc = name_check(name != NULL ? name : "spare", "author", err);
    if (rc == RC_OK)
        rc = path_absolute(s->path, file, err);
    if (rc == RC_OK && where != NULL)
        rc = object_find(s->ctx->store, "site", where, &site, err);
    if (rc == RC_OK && where != NULL)
        memcpy(s->a.site, site.uuid, sizeof s->a.site);
    if (rc == RC_OK)
        rc = cmd_author_counts(s->ctx, err);
    if (rc == RC_OK && file_exists(s->path) == 1) {
        (void)err_set(err, RC_EXISTS, "%s exists", s->path);
        (void)err_why(err, "a spare key is a new file; nothing is written over");
        rc = err_hint(err, "another name, or move the old one away first");
    }
    (void)snprintf(s->a.name, sizeof s->a.name, "%s", name != NULL ? name : "spare");
    return rc;
}

/* Sealed, so that nothing but the passphrase has to be kept from others. */
static enum rc
write_sealed(struct sparing *s, const struct secret *passphrase, struct err *err)
{
    struct sign_public pub;
    enum rc rc = key_file_make(s->path, passphrase, &pub, err);
    if (rc != RC_OK)
        return rc;
    memcpy(s->a.author, pub.author, sizeof s->a.author);
    memcpy(s->a.public_key, pub.text, sizeof s->a.public_key);
    return RC_OK;
}

/* The file first: an admitted author without a key would count as one that lives. */
static enum rc
make_spare(struct sparing *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
    struct secret *passphrase = NULL;
    enum rc rc =
        ref_read_new(&passphrase, ref != NULL ? ref : "prompt", "passphrase of the spare key", err);
    if (rc == RC_OK && passphrase->len > LIMIT_PASSPHRASE)
        rc = err_set(err, RC_BAD_VALUE, "the passphrase is longer than %d bytes", LIMIT_PASSPHRASE);
    if (rc == RC_OK)
        rc = write_sealed(s, passphrase, err);
    secret_free(passphrase);
    if (rc != RC_OK)
        return rc;
    rc = cmd_author_admit(ctx, &s->a, 1, err);
    if (rc == RC_OK)
        return trust_of(ctx->store, s->a.author, &s->trust, err);
    if (rc == RC_UNKNOWN_OUTCOME)
        (void)err_hint(err, "keep %s until that is known", s->path);
    else
        (void)unlink(s->path); /* what is left of it would be a key that nobody admitted */
    return rc;
}

static enum rc
answer_spare(struct sparing *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    const char *rank = strcmp(s->trust.standing, "spare") == 0
                           ? "above the founder: it can retire every other author"
                           : "an ordinary author: only the first spare of the founder ranks above";
    if (!out_is_json(ctx)) {
        out_field(ctx, "file", s->path);
        out_field(ctx, "author", s->a.author);
        out_field(ctx, "name", s->a.name);
        out_field(ctx, "public key", s->a.public_key);
        out_field(ctx, "rank", rank);
        out_printf(ctx, "\nnext:  keep the file with the recovery card, and its passphrase apart "
                        "from it\n"
                        "       when this store is lost: keymuster join --from COPY --site SITE "
                        "--spare FILE\n");
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "author.spare");
    jw_str(&w, "file", s->path);
    jw_str(&w, "author", s->a.author);
    jw_str(&w, "name", s->a.name);
    jw_str(&w, "public_key", s->a.public_key);
    jw_str(&w, "standing", s->trust.standing);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_spare(struct ctx *ctx, struct err *err)
{
    struct sparing s = {.ctx = ctx};
    enum rc rc = check_spare(&s, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_note(ctx, "would make a spare author's key in %s", s.path);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = make_spare(&s, err);
    if (rc == RC_OK && fs_same_device(s.path, ctx->store->dir))
        out_warn(ctx, "%s lies on the same disk as the store: one broken disk takes both", s.path);
    if (rc == RC_OK)
        rc = answer_spare(&s, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- renew ---- */

static enum rc
answer_renewed(struct ctx *ctx, const char *former, struct err *err)
{
    const struct store *store = ctx->store;
    if (!out_is_json(ctx)) {
        out_field(ctx, "author", ctx->dry_run ? "(a new one)" : store->self.author);
        out_field(ctx, "former", former);
        out_field(ctx, "public key", ctx->dry_run ? "" : store->self.text);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "author.renew");
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_str(&w, "author", store->self.author);
    jw_str(&w, "public_key", store->self.text);
    jw_str(&w, "former", former);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
look_spare(void *arg, const struct log_author *a, struct err *err)
{
    struct sparing *s = arg;
    struct trust t;
    enum rc rc = trust_of(s->ctx->store, a->author, &t, err);
    if (rc == RC_OK && strcmp(t.standing, "spare") == 0)
        s->trust = t;
    return rc;
}

/* Only the founder's own log can name a spare that ranks above all, and it ends here. */
static enum rc
warn_founder(struct ctx *ctx, struct err *err)
{
    struct sparing s = {.ctx = ctx};
    if (strcmp(ctx->store->self.author, ctx->store->founder.author) != 0)
        return RC_OK;
    enum rc rc = author_each(ctx->store, look_spare, &s, err);
    if (rc == RC_OK && s.trust.standing[0] == '\0')
        out_warn(ctx, "this is the founder, and it has no spare: one that is made later ranks like "
                      "any author; better first: keymuster author spare --file FILE");
    return rc;
}

static enum rc
run_renew(struct ctx *ctx, struct err *err)
{
    char former[AUTHOR_TEXT + 1];
    memcpy(former, ctx->store->self.author, sizeof former);
    enum rc rc = ctx->reason != NULL ? text_check(ctx->reason, "--reason", err) : RC_OK;
    if (rc == RC_OK)
        rc = cmd_author_counts(ctx, err);
    if (rc == RC_OK)
        rc = warn_founder(ctx, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = confirm_yes(ctx, "Give this store a new author's key and wipe the old one?", err);
    if (rc == RC_OK) /* a copy that shows another end of the old log has to be settled before */
        rc = session_publish(ctx, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = author_renew(ctx->store, ctx->reason, err);
    if (rc == RC_OK)
        rc = answer_renewed(ctx, former, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* clang-format off */
static const struct opt_spec spare_options[] = {
    {OPT_FILE, "file", 0, "FILE", 0, "new file for the key, sealed by a passphrase"},
    {OPT_SITE, "site", 0, "SITE", 0, "site where it would be used, if that is known"},
    {OPT_NAME, "name", 0, "NAME", 0, "name of the author; else spare"},
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF, "its passphrase; else asked for, twice"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_author_key_table[] = {
    {"author", "spare", "--file FILE [--site SITE]",
     "Makes a further author's key to lie with the recovery card.", spare_options, 0, 0, CMD_WRITE,
     GROUP_SET_UP, run_spare, "keymuster author spare --file /media/usb/spare.key\n"},
    {"author", "renew", "", "Gives this store a new author's key and ends the log of the old one.",
     NULL, 0, 0, CMD_WRITE, GROUP_SET_UP, run_renew, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
