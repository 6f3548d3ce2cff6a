#include "cli/vbr/vbr_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "cli/keys/recording.h"
#include "cli/out.h"
#include "cli/session.h"

/* ---- records ---- */

/* The last word of a key at a server; *removed -1: there is none. */
static enum rc
last_word(const struct store *store, const char *key, const char *server, char id[UUID_TEXT + 1],
          int *removed, struct err *err)
{
    struct stmt *q = NULL;
    id[0] = '\0';
    *removed = -1;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT coalesce(json_extract(body, '$.vbr_id'), ''),"
                 " coalesce(json_extract(body, '$.result'), '') IN ('removed', 'gone', 'replaced')"
                 " FROM event WHERE object = ?1"
                 " AND kind IN ('key.delivered', 'vbr.observed')"
                 " AND json_extract(body, '$.vbr') = ?2 ORDER BY at DESC, seq DESC LIMIT 1",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    stmt_text(q, 2, server);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        *removed = col_int(q, 1) != 0;
        (void)snprintf(id, UUID_TEXT + 1, "%s", col_text(q, 0));
    }
    stmt_done(q);
    return rc;
}

enum rc
vbr_delivered_id(const struct store *store, const char *key, const char *server,
                 char out[UUID_TEXT + 1], struct err *err)
{
    int removed = 0;
    enum rc rc = last_word(store, key, server, out, &removed, err);
    if (removed != 0)
        out[0] = '\0';
    return rc;
}

enum rc
vbr_is_removed(const struct store *store, const char *key, const char *server, int *removed,
               struct err *err)
{
    char id[UUID_TEXT + 1];
    enum rc rc = last_word(store, key, server, id, removed, err);
    *removed = *removed > 0;
    return rc;
}

enum rc
vbr_record_delivered(struct ctx *ctx, const struct vbr_server *s, const struct key *key,
                     const struct vbr_pushed *p, const char *wrap, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", key->uuid);
    jw_str(&w, "to", s->to);
    jw_bool(&w, "seen", 0);
    jw_bool(&w, "allow_unsynced", ctx->unsynced);
    jw_str(&w, "vbr", s->object.uuid);
    jw_str(&w, "vbr_id", p->id);
    jw_opt(&w, "vbr_modified", p->modified);
    jw_opt(&w, "hint_wrap", wrap);
    jw_bool(&w, "verified", p->verdict == VBR_EQUAL);
    jw_end_obj(&w);
    enum rc rc = session_record(ctx, "key.delivered", &body, NULL, err);
    buf_release(&body);
    return rc;
}

enum rc
vbr_observed(struct ctx *ctx, const struct vbr_server *s, const char *key, const char *id,
             const char *result, const char *modified, struct err *err)
{
    const struct vbr_seen seen = {
        .key = key, .server = s->object.uuid, .id = id, .result = result, .modified = modified};
    return vbr_seen_record(ctx, &seen, err);
}

/* key.delivered once for an id; later what changed since: our own hint, or a change that the server
 * has now verified. */
static enum rc
record_push(struct ctx *ctx, const struct vbr_server *s, const struct key *key,
            struct vbr_pushed *p, const char *wrap, struct err *err)
{
    static const struct who nobody = {.person = ""};
    struct vbr_known *all = NULL;
    const struct vbr_known *k = NULL;
    size_t count = 0;
    enum rc rc = vbr_known_load(ctx->store, key->uuid, &all, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].server, s->object.uuid) == 0 && strcmp(all[i].id, p->id) == 0)
            k = &all[i];
    }
    int settled = p->verdict == VBR_EQUAL ||
                  (k != NULL && p->hint_changed && strcmp(k->modified, p->before) == 0);
    const struct vbr_seen seen = {.key = key->uuid,
                                  .server = s->object.uuid,
                                  .id = p->id,
                                  .result = p->hint_changed ? "hint" : "verified",
                                  .modified = settled ? p->modified : "",
                                  .hint = wrap};
    int news = k != NULL && (p->hint_changed || strcmp(k->hint, wrap) != 0 ||
                             (settled && strcmp(k->modified, p->modified) != 0));
    if (rc == RC_OK && p->verdict == VBR_EQUAL)
        recording_confirm(ctx, key, &nobody);
    if (rc == RC_OK && k == NULL) {
        rc = vbr_record_delivered(ctx, s, key, p, wrap, err);
        p->recorded = rc == RC_OK;
    } else if (rc == RC_OK && news) {
        rc = vbr_seen_record(ctx, &seen, err);
    }
    free(all);
    return rc;
}

/* ---- pushing ---- */

struct found {
    const char *unique;
    struct vbr_password *out;
    unsigned hits, others;
};

static enum rc
one_there(void *arg, const struct vbr_password *p, struct err *err)
{
    struct found *f = arg;
    (void)err;
    if (strcmp(p->unique, f->unique) != 0) {
        f->others++;
        return RC_OK;
    }
    if (f->hits == 0 || strcmp(p->id, f->out->id) != 0)
        f->hits++;
    *f->out = *p;
    return RC_OK;
}

static enum rc
find_there(struct vbr_server *s, const struct key *key, struct vbr_password *there, struct found *f,
           struct err *err)
{
    *f = (struct found){.unique = key->uuid, .out = there};
    enum rc rc = vbr_each(s->vbr, one_there, f, err);
    if (rc != RC_OK || f->hits < 2)
        return rc;
    (void)err_set(err, RC_AMBIGUOUS, "backup server %s has %u passwords for %s@%lld",
                  s->object.name, f->hits, key->name, (long long)key->generation);
    return err_hint(err, "look at them there, and remove the one that no job uses");
}

/* There now, or in doubt and then looked for. */
static enum rc
add_there(struct vbr_server *s, const struct key *key, const struct secret *text, const char *hint,
          struct vbr_password *there, struct vbr_pushed *out, struct err *err)
{
    struct found f;
    struct err scratch = ERR_INIT;
    int lost = 0;
    enum rc rc = vbr_create(s->vbr, text, hint, key->uuid, there, &lost, err);
    if (rc != RC_OK && lost && find_there(s, key, there, &f, &scratch) == RC_OK && f.hits == 1) {
        err_clear(err);
        rc = RC_OK;
    }
    if (rc != RC_OK && lost)
        (void)err_hint(err, "it may have been added; the same command again finds out");
    out->made = rc == RC_OK;
    return rc;
}

/* What was sent must be what is there. */
static enum rc
settle_hint(struct vbr_server *s, struct vbr_password *there, const char *hint,
            struct vbr_pushed *out, struct err *err)
{
    enum rc rc = RC_OK;
    memcpy(out->before, there->modified, sizeof out->before);
    if (!out->made && strcmp(there->hint, hint) != 0) {
        rc = vbr_set_hint(s->vbr, there, hint, err);
        out->hint_changed = rc == RC_OK;
    }
    if (rc == RC_OK)
        rc = vbr_get(s->vbr, there->id, there, err);
    if (rc != RC_OK || strcmp(there->hint, hint) == 0)
        return rc;
    size_t kept = strlen(there->hint);
    (void)err_set(err, RC_VBR_HINT, "backup server %s kept %zu of the hint's %zu bytes",
                  s->object.name, kept, strlen(hint));
    (void)err_why(err, "%s",
                  strncmp(there->hint, hint, kept) == 0
                      ? "it was cut, and the wrap in it is of no use"
                      : "what is there is another text");
    return err_hint(err, "the password is there, and the escrow has its wrap; only the hint cannot "
                         "tell it. Remove it: keymuster vbr remove KEY, or leave it");
}

/* What is there is asked for first: a hint is changed for a password that is this one, and no
 * other. */
static enum rc
finish(struct ctx *ctx, struct vbr_server *s, const struct key *key, const struct secret *text,
       struct vbr_password *there, struct vbr_pushed *out, struct err *err)
{
    struct buf hint;
    char wrap[HASH_TEXT + 1] = "";
    buf_init(&hint, VBR_HINT);
    enum rc rc = vbr_hint_choose(ctx->store, key, &hint, wrap, err);
    if (rc == RC_OK)
        rc = vbr_verify(s->vbr, there->id, text, &out->verdict, err);
    if (rc == RC_OK && out->verdict == VBR_DIFFERENT) {
        rc = err_set(err, RC_VBR_DIFFERS, "backup server %s has another password for %s@%lld",
                     s->object.name, key->name, (long long)key->generation);
        (void)err_hint(
            err,
            "somebody changed it there; take it over: keymuster vbr adopt %s %s --secret "
            "prompt\na password of its own: keymuster rekey KEY --to vbr:%s",
            s->object.name, there->id, s->object.name);
    }
    if (rc == RC_OK)
        rc = settle_hint(s, there, buf_str(&hint), out, err);
    if (rc == RC_OK) {
        memcpy(out->id, there->id, sizeof out->id);
        memcpy(out->modified, there->modified, sizeof out->modified);
        rc = record_push(ctx, s, key, out, wrap, err);
    }
    buf_release(&hint);
    return rc;
}

enum rc
vbr_push_key(struct ctx *ctx, struct vbr_server *s, const struct key *key,
             const struct secret *text, struct vbr_pushed *out, struct err *err)
{
    struct found f;
    struct buf hint;
    memset(out, 0, sizeof *out);
    struct vbr_password *there = calloc(1, sizeof *there);
    if (there == NULL)
        return err_nomem(err);
    buf_init(&hint, VBR_HINT);
    enum rc rc = vbr_hint_of(ctx->store, key, &hint, err);
    if (rc == RC_OK)
        rc = find_there(s, key, there, &f, err);
    if (rc == RC_OK && (f.hits == 0 || PLANTED("push-twice")))
        rc = add_there(s, key, text, buf_str(&hint), there, out, err);
    buf_release(&hint);
    if (rc == RC_OK) {
        out->first = out->made && f.others == 0;
        rc = finish(ctx, s, key, text, there, out, err);
    }
    free(there);
    return rc;
}

enum rc
vbr_push_onto(struct ctx *ctx, struct vbr_server *s, const struct key *key,
              const struct secret *text, const char *id, struct vbr_pushed *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    struct vbr_password *there = calloc(1, sizeof *there);
    if (there == NULL)
        return err_nomem(err);
    enum rc rc = vbr_get(s->vbr, id, there, err);
    if (rc == RC_OK)
        rc = finish(ctx, s, key, text, there, out, err);
    free(there);
    return rc;
}

/* ---- answers ---- */

static const char *
verdict_word(enum vbr_verdict v)
{
    return v == VBR_EQUAL ? "yes" : v == VBR_UNSURE ? "not by this server" : "not now";
}

void
vbr_push_write(struct jw *w, const struct vbr_server *s, const struct vbr_pushed *p)
{
    jw_str(w, "server", s->object.name);
    jw_str(w, "vbr_id", p->id);
    jw_bool(w, "made", p->made);
    jw_bool(w, "hint_changed", p->hint_changed);
    jw_bool(w, "verified", p->verdict == VBR_EQUAL);
    jw_bool(w, "recorded", p->recorded);
}

void
vbr_push_tell(struct ctx *ctx, const struct vbr_server *s, const struct vbr_pushed *p)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s   %s   %s\n", p->made ? "delivered  " : "there      ", s->object.name,
                   p->id);
        out_field(ctx, "hint", p->hint_changed ? "changed, read back" : "as it should be");
        out_field(ctx, "verified", verdict_word(p->verdict));
    }
    if (p->verdict != VBR_EQUAL) {
        out_warn(ctx, "%s could not say whether it holds this very password", s->object.name);
        ctx->findings++;
    }
    if (p->first)
        out_warn(ctx,
                 "it is the first password there: the configuration backup of %s no longer runs "
                 "until it is given one: keymuster vbr push KEY --to %s --config-backup",
                 s->object.name, s->object.name);
}
