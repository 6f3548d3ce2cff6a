#include "cli/audit/show_consumers.h"

#include <stdio.h>

#include "cli/out.h"
#include "escrow/consumer.h"
#include "escrow/view.h"

static enum rc
write_one(struct ctx *ctx, const struct consumer *c, struct jw *w, struct err *err)
{
    char server[LIMIT_NAME + 1] = "", label[CONSUMER_NAME + 32];
    char text[CONSUMER_NAME + LIMIT_NAME + TIME_TEXT + 64];
    enum rc rc = c->server[0] != '\0' ? object_name(ctx->store, c->server, server, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (w != NULL) {
        jw_obj(w, NULL);
        jw_str(w, "kind", c->kind);
        jw_str(w, "name", c->name);
        jw_opt(w, "id", c->id);
        jw_opt(w, "server", server);
        jw_str(w, "seen", c->seen);
        jw_end_obj(w);
        return RC_OK;
    }
    consumer_label(label, sizeof label, c);
    (void)snprintf(text, sizeof text, "%s%s%s   seen %s", label, server[0] != '\0' ? "   " : "",
                   server, c->seen);
    out_field(ctx, c->uses ? "used by" : "needed by", text);
    return RC_OK;
}

static enum rc
write_list(struct ctx *ctx, const struct consumer *list, size_t count, const char *name,
           struct jw *w, struct err *err)
{
    enum rc rc = RC_OK;
    if (w != NULL)
        jw_arr(w, name);
    for (size_t i = 0; rc == RC_OK && list != NULL && i < count; i++)
        rc = write_one(ctx, &list[i], w, err);
    if (w != NULL)
        jw_end_arr(w);
    return rc;
}

/* Whether it is on record as being at some server, where somebody could look. */
static enum rc
is_out(const struct store *store, const char *key, int *out, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT EXISTS (SELECT 1 FROM event WHERE object = ?1 AND kind = 'key.delivered')", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    rc = stmt_row(q, err);
    *out = rc == RC_OK && (int)col_int(q, 0);
    stmt_done(q);
    return rc;
}

enum rc
show_consumers(struct ctx *ctx, const struct key *k, struct jw *w, struct err *err)
{
    struct consumers *all = NULL;
    const char *seen = NULL;
    size_t count = 0, users = 0;
    int out = 0;
    const struct consumer *list = NULL;
    enum rc rc = consumers_load(&all, ctx->store, err);
    if (rc == RC_OK)
        rc = consumers_seen_of(all, ctx->store, k->uuid, &seen, err);
    if (rc == RC_OK) {
        list = consumers_of(all, k->uuid, &count);
        users = consumers_users(list, count);
        rc = is_out(ctx->store, k->uuid, &out, err);
    }
    if (rc == RC_OK)
        rc = write_list(ctx, list, users, "used_by", w, err);
    if (rc == RC_OK)
        rc =
            write_list(ctx, list == NULL ? NULL : list + users, count - users, "needed_by", w, err);
    if (w != NULL)
        jw_opt(w, "use_seen", seen);
    if (rc == RC_OK && w == NULL && users == 0 && seen != NULL) {
        char text[TIME_TEXT + 32];
        (void)snprintf(text, sizeof text, "nobody known   seen %s", seen);
        out_field(ctx, "used by", text);
    } else if (rc == RC_OK && w == NULL && users == 0 && out) {
        out_field(ctx, "used by", "not known: keymuster vbr reconcile");
    }
    consumers_free(all);
    return rc;
}
