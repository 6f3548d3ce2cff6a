#include "recover/reveal.h"

#include <stdio.h>
#include <string.h>

#include "escrow/log.h"
#include "escrow/wrap.h"
#include "sys/term.h"
#include "text/jw.h"

/* Turns a failure to write into the answer "no record, so nothing is shown", with its cause. */
static enum rc
no_record(const struct reveal *r, struct err *err)
{
    struct err cause = *err;
    /* The record may be there: then it says more than was shown, which is nothing. */
    if (cause.code == RC_UNKNOWN_OUTCOME)
        return err_wrap(err, "nothing is shown");
    (void)err_set(err, RC_NO_RECORD, "no record of the showing can be made, so nothing is shown");
    (void)err_why(err, "%s%s%s", cause.msg, cause.why[0] != '\0' ? ": " : "", cause.why);
    if (cause.hint[0] != '\0')
        (void)err_hint(err, "%s", cause.hint);
    (void)err_hint(err, "from a copy, with records elsewhere: --from COPY [--evidence DIR]");
    err->os_errno = cause.os_errno;
    (void)snprintf(err->entry, sizeof err->entry, "%s",
                   cause.entry[0] != '\0' ? cause.entry : r->intended);
    return RC_NO_RECORD;
}

static void
begin_body(struct buf *body, struct jw *w)
{
    buf_init(body, LIMIT_BODY);
    jw_init(w, body);
    jw_obj(w, NULL);
}

enum rc
reveal_intended(struct store *store, struct reveal *r, struct err *err)
{
    struct buf body;
    struct jw w;
    r->intended[0] = '\0';
    if (r->reason == NULL || r->reason[0] == '\0')
        return err_set(err, RC_NO_REASON, "a secret is shown only for a reason");
    begin_body(&body, &w);
    if (r->key != NULL)
        jw_str(&w, "key", r->key->uuid);
    else
        jw_str(&w, "wrap", r->wrap);
    jw_str(&w, "reason", r->reason);
    jw_opt(&w, "ticket", r->ticket);
    jw_str(&w, "to", r->to);
    jw_opt(&w, "terminal", term_name());
    jw_opt(&w, "person", r->person);
    if (r->unsynced)
        jw_bool(&w, "allow_unsynced", 1);
    if (r->unlocked)
        jw_bool(&w, "unlocked_memory", 1);
    jw_opt(&w, "accepted_risk", r->accept_risk);
    jw_opt(&w, "export", r->export);
    jw_opt(&w, "signer", r->signer);
    jw_opt(&w, "until", r->until);
    jw_end_obj(&w);
    char hash[HASH_TEXT + 1];
    enum rc rc = log_append_one(store, "reveal.intended", &body, hash, err);
    if (rc == RC_OK)
        memcpy(r->intended, hash, sizeof hash);
    else
        rc = no_record(r, err);
    buf_release(&body);
    return rc;
}

static void
shown_body(struct buf *body, const struct reveal *r, const struct unwrap *u)
{
    struct jw w;
    begin_body(body, &w);
    jw_str(&w, "intended", r->intended);
    if (r->key != NULL)
        jw_str(&w, "key", r->key->uuid);
    jw_str(&w, "root", u->root);
    jw_str(&w, "wrap", u->wrap);
    jw_str(&w, "version", u->version);
    jw_str(&w, "request", u->request);
    jw_bool(&w, "checked", u->checked);
    jw_end_obj(&w);
}

static enum rc
append_refreshed(struct store *store, const struct reveal *r, const struct unwrap *u,
                 struct err *err)
{
    struct wrap w = {.ciphertext = buf_str(&u->fresh), .aad = u->aad, .how = "refresh"};
    memcpy(w.key, r->key->uuid, sizeof w.key);
    memcpy(w.root, u->root, sizeof w.root);
    memcpy(w.version, u->fresh_version, sizeof w.version);
    return wrap_append(store, &w, NULL, err);
}

enum rc
reveal_shown(struct store *store, const struct reveal *r, const struct unwrap *u, struct err *err)
{
    struct buf shown;
    /* A wrap of a value that nothing proves is not worth keeping. */
    int refreshed = r->key != NULL && u->checked && u->fresh.len > 0;
    shown_body(&shown, r, u);
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        goto out;
    if (refreshed)
        rc = append_refreshed(store, r, u, err);
    if (rc == RC_OK)
        rc = log_append(store, "reveal.shown", &shown, NULL, err);
    rc = log_finish(store, rc, err);
out:
    buf_release(&shown);
    return rc == RC_OK ? rc : no_record(r, err);
}

enum rc
reveal_closed(struct store *store, const struct reveal *r, const char *how, struct err *err)
{
    struct buf body;
    struct jw w;
    begin_body(&body, &w);
    jw_str(&w, "intended", r->intended);
    if (r->key != NULL)
        jw_str(&w, "key", r->key->uuid);
    jw_str(&w, "how", how);
    jw_end_obj(&w);
    enum rc rc = log_append_one(store, "reveal.closed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* ---- the release rule ---- */

static enum rc
left_before(const struct store *store, const struct key *key, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT 1 FROM event WHERE object = ?1"
                          " AND kind IN ('reveal.shown', 'key.delivered') LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->uuid);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

static enum rc
not_released(const struct store *store, const struct key *key, struct err *err)
{
    char site[LIMIT_NAME + 1] = "";
    struct err unnamed = ERR_INIT;
    int outlives = purpose_must_outlive(key->purpose);
    if (outlives && key->protects_site[0] != '\0')
        err_ignore(object_name(store, key->protects_site, site, &unnamed)); /* only a text */
    (void)err_set(err, RC_NOT_RELEASED, "key %s has not been released yet", key->name);
    if (site[0] != '\0')
        (void)err_why(err, "no copy outside site %s has its record: a loss now would lose the key",
                      site);
    else
        (void)err_why(err, "no copy has its record: a loss now would lose the key");
    return err_hint(err, "bring a copy in reach, then: keymuster sync\n"
                         "bind one: keymuster copy add NAME URL --site SITE\n"
                         "hand it out all the same, recorded: --allow-unsynced");
}

enum rc
reveal_released(const struct store *store, const struct key *key, struct err *err)
{
    int yes = 0;
    enum rc rc = key_released(store, key, &yes, err);
    if (rc == RC_OK && !yes)
        rc = left_before(store, key, &yes, err);
    if (rc != RC_OK || yes)
        return rc;
    return not_released(store, key, err);
}
