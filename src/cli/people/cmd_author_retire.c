/* author retire|adopt: where an author stops counting, and what is taken over all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/restate.h"
#include "text/enc.h"
#include "text/uni.h"

/* ---- retire ---- */

struct retiring {
    struct ctx *ctx;
    struct log_author a;
    struct trust mine, theirs; /* elsewhere: what this machine overrides is nobody else's */
    int64_t last;
    char hash[HASH_TEXT + 1]; /* of the entry `last` */
    int64_t quarantined;
    int already;
    char who[512]; /* may retire it */
};

static enum rc
add_higher(void *arg, const struct log_author *a, struct err *err)
{
    struct retiring *r = arg;
    struct trust t;
    enum rc rc = trust_elsewhere(r->ctx->store, a->author, &t, err);
    size_t used = strlen(r->who);
    if (rc == RC_OK && trust_accepted(&t) && t.upto == LIMIT_NUMBER && t.rank < r->theirs.rank)
        (void)snprintf(r->who + used, sizeof r->who - used, "%s%s (%s)", used > 0 ? ", " : "",
                       a->author, a->name);
    return rc;
}

/* Only a higher rank can retire an author; what anybody else records has no effect. */
static enum rc
check_rank(struct retiring *r, struct err *err)
{
    if (!trust_accepted(&r->theirs)) {
        r->already = 1;
        return RC_OK;
    }
    if (r->mine.rank < r->theirs.rank)
        return RC_OK;
    enum rc rc = author_each(r->ctx->store, add_higher, r, err);
    if (rc != RC_OK)
        return rc;
    (void)err_set(err, RC_POLICY, "author %s ranks above this store's author", r->a.author);
    if (r->who[0] == '\0') {
        (void)err_why(err, "only a higher rank can retire an author, and nobody ranks above it");
    } else {
        (void)err_why(err, "only a higher rank can retire an author; above it: %s", r->who);
        (void)err_hint(err,
                       "do it at such a store; with a spare's key: keymuster join --spare FILE");
    }
    return err_hint(err, "on this machine alone: keymuster author block %s", r->a.author);
}

static enum rc
take_hash(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct retiring *r = arg;
    unsigned char hash[HASH_SIZE];
    (void)seq;
    (void)err;
    sha256(hash, line, len);
    hex_encode(r->hash, hash, HASH_SIZE);
    return RC_OK;
}

/* --last, or the last entry that is held and counts; entry 0 has the hash of zeros. */
static enum rc
find_last(struct retiring *r, struct err *err)
{
    const char *text = opt_get(&r->ctx->opts, OPT_LAST);
    r->last = r->a.entries;
    if (text != NULL) {
        size_t digits = strlen(text);
        if (digits > 15 || strspn(text, "0123456789") != digits)
            return err_set(err, RC_BAD_VALUE, "--last wants the number of an entry");
        r->last = strtoll(text, NULL, 10);
    }
    if (r->last > r->a.entries) {
        (void)err_set(err, RC_NOT_FOUND, "entry %lld of author %s is not held here",
                      (long long)r->last, r->a.author);
        (void)err_why(err, "%lld are", (long long)r->a.entries);
        return err_hint(err, "take in what copies have: keymuster sync");
    }
    memset(r->hash, '0', HASH_TEXT);
    if (r->theirs.upto <= r->last && trust_accepted(&r->theirs))
        r->already = 1;
    return log_each(r->ctx->store, r->a.author, r->last, r->last, take_hash, r, err);
}

/* Its id is what a person types; the part that lists show will do. */
static enum rc
confirm_retire(struct retiring *r, struct err *err)
{
    char question[400];
    char word[AUTHOR_TEXT + 1];
    const char *given = opt_get(&r->ctx->opts, OPT_CONFIRM);
    (void)snprintf(word, sizeof word, "%s", r->a.author);
    if (given == NULL || strcmp(given, word) != 0)
        word[AUTHOR_SHORT] = '\0';
    (void)snprintf(
        question, sizeof question,
        "Retire author %s (%s) after its entry %lld? What it recorded later is ignored at "
        "every site from then on; this cannot be taken back.",
        r->a.author, r->a.name, (long long)r->last);
    return confirm_word(r->ctx, word, question, err);
}

static enum rc
record_retired(struct retiring *r, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "author", r->a.author);
    jw_int(&w, "entries", r->last);
    jw_str(&w, "last", r->hash);
    jw_str(&w, "reason", r->ctx->reason);
    jw_opt(&w, "ticket", r->ctx->ticket);
    jw_end_obj(&w);
    enum rc rc = session_record(r->ctx, "author.retired", &body, NULL, err);
    buf_release(&body);
    return rc == RC_OK ? author_quarantined(r->ctx->store, r->a.author, &r->quarantined, err) : rc;
}

static enum rc
answer_retired(struct retiring *r, struct err *err)
{
    struct ctx *ctx = r->ctx;
    if (!out_is_json(ctx) && r->already) {
        if (trust_accepted(&r->theirs))
            out_printf(ctx, "retired before: author %s, after its entry %lld\n", r->a.author,
                       (long long)r->theirs.upto);
        else
            out_printf(ctx, "author %s is not admitted: nothing of it counts\n", r->a.author);
        return RC_OK;
    }
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s author %s after its entry %lld\n",
                   ctx->dry_run ? "would retire" : "retired", r->a.author, (long long)r->last);
        if (r->quarantined > 0)
            out_printf(ctx,
                       "%lld later entr%s kept and not counted; what is genuine among them: "
                       "keymuster author adopt HASH\n",
                       (long long)r->quarantined, r->quarantined == 1 ? "y is" : "ies are");
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "author.retire");
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_bool(&w, "retired", !r->already && !ctx->dry_run);
    jw_str(&w, "author", r->a.author);
    jw_str(&w, "name", r->a.name);
    if (!r->already)
        jw_int(&w, "last", r->last);
    jw_int(&w, "quarantined", r->quarantined);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
check_retire(struct retiring *r, struct err *err)
{
    struct ctx *ctx = r->ctx;
    const struct store *store = ctx->store;
    if (ctx->reason == NULL)
        return err_set(err, RC_NO_REASON, "author retire: --reason is missing");
    enum rc rc = text_check(ctx->reason, "--reason", err);
    if (rc == RC_OK)
        rc = author_find(store, opt_arg(&ctx->opts, 0), &r->a, err);
    if (rc == RC_OK && strcmp(r->a.author, store->self.author) == 0) {
        (void)err_set(err, RC_POLICY, "author %s is this store's own", r->a.author);
        (void)err_why(err, "what this store records next would be ignored by the others");
        return err_hint(err, "give the store another author, which ends this one: keymuster author "
                             "renew");
    }
    if (rc == RC_OK)
        rc = cmd_author_counts(ctx, err);
    if (rc == RC_OK)
        rc = trust_elsewhere(store, store->self.author, &r->mine, err);
    if (rc == RC_OK)
        rc = trust_elsewhere(store, r->a.author, &r->theirs, err);
    if (rc == RC_OK)
        rc = author_quarantined(store, r->a.author, &r->quarantined, err);
    if (rc == RC_OK)
        rc = check_rank(r, err);
    return rc == RC_OK ? find_last(r, err) : rc;
}

static enum rc
warn_trusted(struct retiring *r, struct err *err)
{
    struct trust here;
    enum rc rc = trust_of(r->ctx->store, r->a.author, &here, err);
    if (rc == RC_OK && trust_accepted(&here) && here.upto == LIMIT_NUMBER && !r->ctx->dry_run)
        out_warn(r->ctx,
                 "this machine trusts it by hand, so all of it goes on counting here: keymuster "
                 "author block %s",
                 r->a.author);
    return rc;
}

static enum rc
run_retire(struct ctx *ctx, struct err *err)
{
    struct retiring r = {.ctx = ctx};
    enum rc rc = check_retire(&r, err);
    if (rc == RC_OK && !r.already && !ctx->dry_run)
        rc = confirm_retire(&r, err);
    if (rc == RC_OK && !r.already)
        rc = record_retired(&r, err);
    if (rc == RC_OK)
        rc = warn_trusted(&r, err);
    if (rc == RC_OK)
        rc = answer_retired(&r, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- adopt ---- */

/* One entry to be said again. */
struct adopting {
    char hash[HASH_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
    int64_t seq;
    char kind[72];
    char as[HASH_TEXT + 1]; /* the entry that says it; "" before */
    int before;             /* it was there before this command */
    struct buf line;
};

struct adoption {
    struct ctx *ctx;
    struct adopting *list;
    size_t count, fresh;
    struct restated map;
};

/* What names a log's own author, or decides who counts, is nobody else's to repeat. */
static enum rc
check_kind(const struct adopting *a, struct err *err)
{
    static const char *const own[] = {"escrow.created", "author.joined", "author.admitted",
                                      "author.retired"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(a->kind, own[i]) != 0)
            continue;
        (void)err_set(err, RC_POLICY, "entry %s cannot be adopted", a->hash);
        (void)err_why(err, "it is %s: who counts is said by who counts", a->kind);
        return err_hint(err, "say it yourself: keymuster author admit ID, author retire ID");
    }
    return RC_OK;
}

static enum rc
load_line(struct adoption *d, struct adopting *a, struct err *err)
{
    unsigned char raw[HASH_SIZE];
    struct stmt *q = NULL;
    if (hex_decode(raw, HASH_SIZE, a->hash) != 0) {
        (void)err_set(err, RC_BAD_VALUE, "an entry's hash is %d lower-case hex digits", HASH_TEXT);
        return err_hint(err, "see them: keymuster -o ndjson audit log");
    }
    enum rc rc =
        db_query(d->ctx->store->db, &q, "SELECT author, seq, line FROM entry WHERE hash = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, raw, HASH_SIZE);
    rc = stmt_row(q, err);
    if (rc == RC_OK && !stmt_more(q)) {
        rc = err_set(err, RC_NOT_FOUND, "no entry %s here", a->hash);
    } else if (rc == RC_OK) {
        size_t len = 0;
        const char *line = col_blob(q, 2, &len);
        (void)snprintf(a->author, sizeof a->author, "%s", col_text(q, 0));
        a->seq = col_int(q, 1);
        buf_add(&a->line, line, len);
        rc = buf_check(&a->line, "an entry", err);
    }
    stmt_done(q);
    return rc;
}

static enum rc
load_one(struct adoption *d, struct adopting *a, const char *hash, struct err *err)
{
    struct entry e = {0};
    int quarantined = 0;
    (void)snprintf(a->hash, sizeof a->hash, "%s", strlen(hash) == HASH_TEXT ? hash : "");
    buf_init(&a->line, LIMIT_ENTRY);
    enum rc rc = load_line(d, a, err);
    if (rc == RC_OK)
        rc = entry_quarantined(d->ctx->store, a->author, a->seq, &quarantined, err);
    if (rc == RC_OK)
        rc = entry_parse(&e, buf_str(&a->line), a->line.len, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(a->kind, sizeof a->kind, "%s", e.kind);
    entry_release(&e);
    const char *as = quarantined ? restated_as(&d->map, a->hash) : a->hash;
    if (as != NULL) {
        (void)snprintf(a->as, sizeof a->as, "%s", as);
        a->before = 1;
        return RC_OK;
    }
    d->fresh++;
    return check_kind(a, err);
}

/* In the order of the logs, so that what names an earlier one comes after it. */
static int
by_place(const void *x, const void *y)
{
    const struct adopting *a = x;
    const struct adopting *b = y;
    int order = strcmp(a->author, b->author);
    if (order != 0)
        return order;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static enum rc
load_all(struct adoption *d, struct err *err)
{
    d->list = calloc(d->ctx->opts.arg_count, sizeof *d->list);
    enum rc rc = d->list == NULL ? err_nomem(err) : restated_load(d->ctx->store, &d->map, err);
    for (size_t i = 0; rc == RC_OK && i < d->ctx->opts.arg_count; i++)
        rc = load_one(d, &d->list[d->count++], opt_arg(&d->ctx->opts, i), err);
    if (rc == RC_OK)
        qsort(d->list, d->count, sizeof *d->list, by_place);
    return rc;
}

/* Named twice on the command line, it is said once. */
static enum rc
append_one(struct adoption *d, struct adopting *a, struct err *err)
{
    struct entry e = {0};
    enum rc rc = RC_OK;
    if (restated_as(&d->map, a->hash) == NULL) {
        rc = entry_parse(&e, buf_str(&a->line), a->line.len, err);
        if (rc == RC_OK)
            rc = restate_append(d->ctx->store, &e, &d->map, err);
        entry_release(&e);
    }
    if (rc == RC_OK)
        (void)snprintf(a->as, sizeof a->as, "%s", restated_as(&d->map, a->hash));
    return rc;
}

static enum rc
append_all(struct adoption *d, struct err *err)
{
    struct store *store = d->ctx->store;
    if (d->fresh == 0 || d->ctx->dry_run)
        return RC_OK;
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < d->count; i++) {
        if (!d->list[i].before)
            rc = append_one(d, &d->list[i], err);
    }
    rc = log_finish(store, rc, err);
    if (rc == RC_OK)
        memcpy(d->ctx->entry, store->appended, sizeof d->ctx->entry);
    return rc;
}

static enum rc
confirm_adopt(struct adoption *d, struct err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        if (!d->list[i].before)
            out_note(d->ctx, "entry %lld of author %.8s: %s", (long long)d->list[i].seq,
                     d->list[i].author, d->list[i].kind);
    }
    return confirm_yes(d->ctx, "Record them again as this store's own, so that they count?", err);
}

static enum rc
answer_adopt(struct adoption *d, struct err *err)
{
    struct ctx *ctx = d->ctx;
    struct buf doc = {0};
    struct jw w;
    int json = out_is_json(ctx);
    if (json) {
        session_answer(&doc, &w, "author.adopt");
        jw_bool(&w, "dry_run", ctx->dry_run);
        jw_arr(&w, "items");
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct adopting *a = &d->list[i];
        const char *done = !a->before ? (ctx->dry_run ? "would adopt" : "adopted")
                           : strcmp(a->as, a->hash) == 0 ? "counts already:"
                                                         : "adopted before:";
        if (!json) {
            out_printf(ctx, "%s %s %s\n", done, a->kind, a->hash);
            continue;
        }
        jw_obj(&w, NULL);
        jw_str(&w, "restates", a->hash);
        jw_opt(&w, "entry", a->as);
        jw_str(&w, "kind", a->kind);
        jw_bool(&w, "adopted", !a->before && !ctx->dry_run);
        jw_end_obj(&w);
    }
    enum rc rc = RC_OK;
    if (json) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    }
    buf_release(&doc);
    return rc;
}

static enum rc
run_adopt(struct ctx *ctx, struct err *err)
{
    struct adoption d = {.ctx = ctx};
    enum rc rc = cmd_author_counts(ctx, err);
    if (rc == RC_OK)
        rc = load_all(&d, err);
    if (rc == RC_OK && d.fresh > 0 && !ctx->dry_run)
        rc = confirm_adopt(&d, err);
    if (rc == RC_OK)
        rc = append_all(&d, err);
    if (rc == RC_OK)
        rc = answer_adopt(&d, err);
    for (size_t i = 0; i < d.count; i++)
        buf_release(&d.list[i].line);
    free(d.list);
    restated_release(&d.map);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* clang-format off */
static const struct opt_spec retire_options[] = {
    {OPT_LAST, "last", 0, "SEQ", 0, "its last entry that counts; else the last one held here"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_author_retire_table[] = {
    {"author", "retire", "ID --reason TEXT [--last SEQ]",
     "Ends an author: what it recorded later is kept and ignored.", retire_options, 1, 1,
     CMD_WRITE | CMD_DESTRUCTIVE, GROUP_SET_UP, run_retire,
     "keymuster author retire 01234567 --reason \"the machine was stolen\"\n"},
    {"author", "adopt", "HASH...", "Records entries that do not count as this store's own.", NULL,
     1, -1, CMD_WRITE, GROUP_SET_UP, run_adopt, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
