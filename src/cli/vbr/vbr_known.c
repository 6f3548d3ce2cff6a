#include "cli/vbr/vbr_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"

/* ---- on record ---- */

struct loading {
    struct vbr_known *list;
    size_t count, size;
    struct vbr_known now; /* key and server of the rows that are read */
};

static enum rc
end_one(struct loading *l, struct err *err)
{
    if (l->now.id[0] == '\0')
        return RC_OK;
    if (l->count == l->size) {
        size_t size = l->size == 0 ? 16 : l->size * 2;
        struct vbr_known *more = realloc(l->list, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        l->list = more;
        l->size = size;
    }
    l->list[l->count++] = l->now;
    return RC_OK;
}

/* key, server, id, modified, hint, whether it is there no more. */
static enum rc
take_row(struct loading *l, struct stmt *q, struct err *err)
{
    struct vbr_known *n = &l->now;
    enum rc rc = RC_OK;
    if (strcmp(n->key, col_text(q, 0)) != 0 || strcmp(n->server, col_text(q, 1)) != 0) {
        rc = end_one(l, err);
        memset(n, 0, sizeof *n);
        (void)snprintf(n->key, sizeof n->key, "%s", col_text(q, 0));
        (void)snprintf(n->server, sizeof n->server, "%s", col_text(q, 1));
    }
    const char *id = col_text(q, 2);
    if (col_int(q, 5)) {
        n->id[0] = '\0';
        return rc;
    }
    if (id[0] == '\0')
        return rc;                /* by hand */
    if (strcmp(n->id, id) != 0) { /* another password than before */
        n->modified[0] = n->hint[0] = '\0';
        (void)snprintf(n->id, sizeof n->id, "%s", id);
    }
    if (col_text(q, 3)[0] != '\0')
        (void)snprintf(n->modified, sizeof n->modified, "%s", col_text(q, 3));
    if (col_text(q, 4)[0] != '\0')
        (void)snprintf(n->hint, sizeof n->hint, "%s", col_text(q, 4));
    return rc;
}

/* clang-format off */
#define KNOWN                                                                                      \
    "SELECT object, json_extract(body, '$.vbr'), coalesce(json_extract(body, '$.vbr_id'), '')," \
    " coalesce(json_extract(body, '$.vbr_modified'), ''),"                                         \
    " coalesce(json_extract(body, '$.hint_wrap'), ''),"                                            \
    " coalesce(json_extract(body, '$.result'), '') IN ('removed', 'gone', 'replaced') FROM event" \
    " WHERE kind IN ('key.delivered', 'vbr.observed') AND object != ''" \
    " AND json_extract(body, '$.vbr') IS NOT NULL"
#define KNOWN_ORDER " ORDER BY 1, 2, at, author, seq"
/* clang-format on */

enum rc
vbr_known_load(const struct store *store, const char *key, struct vbr_known **out, size_t *count,
               struct err *err)
{
    struct loading l = {.list = NULL};
    struct stmt *q = NULL;
    *out = NULL;
    *count = 0;
    enum rc rc = db_query(
        store->db, &q, key != NULL ? KNOWN " AND object = ?1" KNOWN_ORDER : KNOWN KNOWN_ORDER, err);
    if (rc != RC_OK)
        return rc;
    if (key != NULL)
        stmt_text(q, 1, key);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = take_row(&l, q, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    if (rc == RC_OK)
        rc = end_one(&l, err);
    if (rc != RC_OK) {
        free(l.list);
        return rc;
    }
    *out = l.list; /* transferred */
    *count = l.count;
    return RC_OK;
}

/* ---- hints ---- */

struct choosing {
    const struct store *store;
    const struct key *key;
    struct buf *out;
    char wrap[HASH_TEXT + 1];
    int away; /* the one in out is of another site than the protected one */
};

static enum rc
choose_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct choosing *c = arg;
    struct object object;
    struct root root;
    struct err scratch = ERR_INIT;
    int away = 0;
    if (w->retired || c->away)
        return RC_OK;
    enum rc rc = object_find(c->store, "root", w->root, &object, &scratch);
    if (rc == RC_OK)
        rc = root_load(c->store, &object, &root, &scratch);
    if (rc == RC_OK)
        away = root.site[0] != '\0' && strcmp(root.site, c->key->protects_site) != 0;
    else if (rc != RC_NOT_FOUND) {
        *err = scratch;
        return rc;
    }
    if (c->out->len > 0 && !away)
        return RC_OK; /* newest first */
    c->away = away;
    memcpy(c->wrap, w->id, sizeof c->wrap);
    buf_clear(c->out);
    buf_adds(c->out, c->key->name);
    if (c->key->generation > 1)
        buf_addf(c->out, "@%lld", (long long)c->key->generation);
    buf_addf(c->out, " | %s", w->ciphertext);
    return buf_check(c->out, "the hint", err);
}

enum rc
vbr_hint_choose(const struct store *store, const struct key *key, struct buf *out,
                char wrap[HASH_TEXT + 1], struct err *err)
{
    struct choosing c = {.store = store, .key = key, .out = out};
    buf_clear(out);
    enum rc rc = wrap_each(store, key->uuid, choose_wrap, &c, err);
    if (rc == RC_OK && wrap != NULL)
        memcpy(wrap, c.wrap, sizeof c.wrap);
    if (rc == RC_OK && out->len == 0) {
        (void)err_set(err, RC_NOT_FOUND, "%s has no wrap that is in use", key->name);
        rc = err_hint(err, "wrap it: keymuster wrap add KEY --root ROOT");
    }
    return rc;
}

enum rc
vbr_hint_of(const struct store *store, const struct key *key, struct buf *out, struct err *err)
{
    return vbr_hint_choose(store, key, out, NULL, err);
}

enum rc
vbr_hint_is_behind(const struct store *store, const struct vbr_known *k, int *behind,
                   struct err *err)
{
    struct key key;
    struct buf hint;
    char wrap[HASH_TEXT + 1] = "";
    struct err scratch = ERR_INIT;
    *behind = 0;
    enum rc rc = key_find(store, k->key, &key, &scratch);
    if (rc == RC_OK && strcmp(key.state, "destroyed") == 0)
        return RC_OK;
    buf_init(&hint, VBR_HINT);
    if (rc == RC_OK)
        rc = vbr_hint_choose(store, &key, &hint, wrap, &scratch);
    buf_release(&hint);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* the key waits for its entry, or has no wrap to put there */
    if (rc != RC_OK)
        *err = scratch;
    *behind = rc == RC_OK && strcmp(wrap, k->hint) != 0;
    return rc;
}

static enum rc
count_wrap(void *arg, const struct wrap *w, struct err *err)
{
    (void)w;
    (void)err;
    ++*(size_t *)arg;
    return RC_OK;
}

enum rc
vbr_key_is_hole(const struct store *store, const struct key *key, int *hole, struct err *err)
{
    size_t wraps = 0;
    *hole = 0;
    if (strcmp(key->origin, "adopted") != 0 || key->has_check)
        return RC_OK;
    enum rc rc = wrap_each(store, key->uuid, count_wrap, &wraps, err);
    *hole = rc == RC_OK && wraps == 0;
    return rc;
}

/* ---- records ---- */

void
vbr_seen_body(struct buf *body, const struct ctx *ctx, const struct vbr_seen *seen)
{
    struct jw w;
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", seen->key);
    jw_str(&w, "vbr", seen->server);
    jw_str(&w, "vbr_id", seen->id);
    jw_str(&w, "result", seen->result);
    jw_opt(&w, "vbr_modified", seen->modified);
    jw_opt(&w, "hint_wrap", seen->hint);
    jw_opt(&w, "reason", ctx->reason);
    jw_end_obj(&w);
}

enum rc
vbr_seen_record(struct ctx *ctx, const struct vbr_seen *seen, struct err *err)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    vbr_seen_body(&body, ctx, seen);
    enum rc rc = session_record(ctx, "vbr.observed", &body, NULL, err);
    buf_release(&body);
    return rc;
}
