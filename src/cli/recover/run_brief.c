#include "cli/recover/run_brief.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/keys/kms_conf.h"
#include "escrow/key.h"
#include "text/json.h"
#include "text/time.h"

enum { LAST_STEPS = 3, STEP_LINE = 512 };

/* Date and time to the minute, of an RFC 3339 text. */
#define MINUTE "%.10s %.5s UTC"
#define MINUTE_OF(at) (at), strlen(at) > 11 ? (at) + 11 : ""

/* ---- how old it is ---- */

static enum rc
newest_of(const struct store *store, const char *site, char out[TIME_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT max(json_extract(e.line, '$.at')) FROM author_key k JOIN entry e"
                 " ON e.author = k.author AND e.seq = (SELECT max(seq) FROM entry"
                 " WHERE author = k.author) WHERE k.author <> ?1 AND (?2 = '' OR k.site = ?2)",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    stmt_text(q, 2, site);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q) && strlen(col_text(q, 0)) <= TIME_TEXT)
        (void)snprintf(out, TIME_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

enum rc
run_brief_newest(const struct store *store, const char *site, char out[TIME_TEXT + 1],
                 struct err *err)
{
    out[0] = '\0';
    enum rc rc = site != NULL ? newest_of(store, site, out, err) : RC_OK;
    return rc == RC_OK && out[0] == '\0' ? newest_of(store, "", out, err) : rc;
}

static const char *
word_of(const struct run *run, const char *word)
{
    for (size_t i = 0; runbook_word(i) != NULL; i++) {
        if (strcmp(runbook_word(i), word) == 0)
            return run->words[i];
    }
    return NULL;
}

static enum rc
put_age(struct buf *out, const struct ctx *ctx, const struct run *run, struct err *err)
{
    char newest[TIME_TEXT + 1];
    char ago[AGO_TEXT] = "";
    int64_t at = 0;
    struct object site;
    struct err scratch = ERR_INIT;
    const char *lost = word_of(run, "lost");
    int known = 0;
    enum rc rc = RC_OK;
    if (lost != NULL)
        rc = err_unless_found(object_find(ctx->store, "site", lost, &site, &scratch), &scratch,
                              &known, err);
    if (rc == RC_OK)
        rc = run_brief_newest(ctx->store, known ? site.uuid : NULL, newest, err);
    if (rc != RC_OK || time_parse(&at, newest) != 0)
        return rc;
    time_ago(ago, at, clock_now_ms());
    buf_addf(out,
             "The newest that is known here%s%s is of " MINUTE
             ", %s. What was recorded there after that is not known, and cannot be.\n",
             known ? " from " : "", known ? site.name : "", MINUTE_OF(newest), ago);
    return RC_OK;
}

/* ---- the key, and where its credentials are ---- */

struct naming {
    const struct ctx *ctx;
    struct buf *out;
    char seen[16][UUID_TEXT + 1]; /* KMSs */
    size_t count;
};

static enum rc
put_kms(struct naming *n, const struct root *root, struct err *err)
{
    const struct store *store = n->ctx->store;
    struct buf kept;
    char site[LIMIT_NAME + 1];
    int lost = 0;
    for (size_t i = 0; i < n->count; i++) {
        if (strcmp(n->seen[i], root->kms.uuid) == 0)
            return RC_OK;
    }
    if (n->count == sizeof n->seen / sizeof n->seen[0])
        return RC_OK;
    (void)snprintf(n->seen[n->count++], sizeof n->seen[0], "%s", root->kms.uuid);
    buf_init(&kept, LIMIT_TEXT);
    enum rc rc = object_name(store, root->site, site, err);
    if (rc == RC_OK)
        rc = site_is_lost(store, root->site, &lost, err);
    if (rc == RC_OK)
        rc = field_get(store, root->kms.uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK)
        buf_addf(n->out, "* %s at %s%s (root key %s): %s%s\n", root->kms.name, site,
                 lost ? ", which is lost" : "", root->object.name,
                 kept.len > 0 ? buf_str(&kept) : "nobody recorded where; ask who runs it",
                 kms_conf(store, &root->kms, "credential") != NULL ? "; bound here" : "");
    buf_release(&kept);
    return rc;
}

static enum rc
put_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct naming *n = arg;
    struct root root;
    struct err scratch = ERR_INIT;
    int known = 0;
    if (w->retired)
        return RC_OK;
    enum rc rc =
        err_unless_found(root_find(n->ctx->store, w->root, &root, &scratch), &scratch, &known, err);
    if (!known)
        return rc; /* not known here: no place to look for its credential */
    return put_kms(n, &root, err);
}

static enum rc
put_key(struct buf *out, const struct ctx *ctx, const struct run *run, struct err *err)
{
    struct naming n = {.ctx = ctx, .out = out};
    struct key key;
    struct err scratch = ERR_INIT;
    int known = 0;
    const char *ref = word_of(run, "key");
    if (ref == NULL)
        return RC_OK;
    enum rc rc = err_unless_found(key_find(ctx->store, ref, &key, &scratch), &scratch, &known, err);
    if (!known)
        return rc; /* the step that needs it will say so */
    buf_addf(out, "\nThe key: %s@%lld, made on %.10s.\n", key.name, (long long)key.generation,
             key.created_at);
    if (word_of(run, RUN_OFFICER) != NULL)
        buf_addf(out, "\nIts Security Officer's passphrase: %s.\n", word_of(run, RUN_OFFICER));
    buf_adds(out, "\nThe credential of a KMS that opens it is kept:\n");
    rc = wrap_each(ctx->store, key.uuid, put_wrap, &n, err);
    if (rc == RC_OK && n.count == 0)
        buf_adds(out, "* no root key that wraps it is known here\n");
    return rc;
}

/* ---- what was done so far ---- */

struct telling {
    const struct run *run;
    struct buf *out;
    char last[LAST_STEPS][STEP_LINE]; /* a ring */
    size_t ended;
    size_t notes;
};

static const char *
title_of(const struct run *run, const char *id)
{
    for (size_t i = 0; id != NULL && i < run->book->count; i++) {
        if (strcmp(run->book->steps[i].id, id) == 0)
            return run->book->steps[i].title;
    }
    return id != NULL ? id : "?";
}

static void
tell_bco(struct buf *out, const struct json *bco)
{
    const char *file = json_gets(bco, "file");
    const char *made = json_gets(bco, "made");
    const char *by = json_gets(bco, "by");
    if (file == NULL || by == NULL)
        return;
    buf_addf(out, "\nIt opens the configuration backup %s", file);
    if (made != NULL)
        buf_addf(out, " of " MINUTE, MINUTE_OF(made));
    buf_addf(out, " (told by the %s in its description).", by);
    if (json_bool(json_get(bco, "officer")))
        buf_adds(out, " The Security Officer's passphrase is needed as well.");
    buf_addc(out, '\n');
}

static enum rc
tell(void *arg, const struct run_event *e, struct err *err)
{
    struct telling *t = arg;
    struct json *body = NULL;
    enum rc rc = json_parse(&body, e->body, strlen(e->body), "an entry", err);
    if (rc != RC_OK)
        return rc;
    const char *text = json_gets(body, "text");
    const char *result = json_gets(body, "result");
    if (strcmp(e->kind, "run.started") == 0)
        tell_bco(t->out, json_get(body, "bco"));
    else if (strcmp(e->kind, "run.ended") == 0 && result != NULL)
        (void)snprintf(t->last[t->ended++ % LAST_STEPS], STEP_LINE, "* " MINUTE "  %s: %.400s\n",
                       MINUTE_OF(e->at), result, title_of(t->run, json_gets(body, "step")));
    else if (strcmp(e->kind, "run.note") == 0 && text != NULL)
        buf_addf(t->out, "%s* " MINUTE "  %s\n", t->notes++ == 0 ? "\nNotes:\n" : "",
                 MINUTE_OF(e->at), text);
    json_free(body);
    return RC_OK;
}

enum rc
run_brief(struct buf *out, const struct ctx *ctx, const struct run *run, struct err *err)
{
    struct telling t = {.run = run, .out = out};
    enum rc rc = put_age(out, ctx, run, err);
    if (rc == RC_OK)
        rc = put_key(out, ctx, run, err);
    if (rc == RC_OK)
        rc = run_events(ctx->store, run->record.id, tell, &t, err);
    if (t.ended > 0)
        buf_adds(out, "\nDone last:\n");
    for (size_t i = t.ended > LAST_STEPS ? t.ended - LAST_STEPS : 0; i < t.ended; i++)
        buf_adds(out, t.last[i % LAST_STEPS]);
    buf_addf(
        out,
        "\nResume code %.8s. To go on after a pause or a crash, here or at another machine:\n\n"
        "    keymuster -C %s recover resume %.8s\n"
        "    keymuster recover resume %.8s --from COPY --site SITE\n",
        run->record.id, ctx->store->dir, run->record.id, run->record.id);
    return rc == RC_OK ? buf_check(out, "the beginning of a run", err) : rc;
}
