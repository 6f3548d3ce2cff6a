#include "cli/vbr/vbr_hints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "escrow/log.h"
#include "sys/process.h"
#include "vbr/description.h"

enum { WAVE = 32 };

void
vbr_hints_release(struct vbr_hints *h)
{
    free(h->list);
    h->list = NULL;
    h->count = h->size = 0;
}

static enum rc
add_one(struct vbr_hints *h, const struct vbr_known *k, struct err *err)
{
    int behind = 0;
    enum rc rc = vbr_hint_is_behind(h->ctx->store, k, &behind, err);
    if (rc != RC_OK || !behind)
        return rc;
    if (h->count == h->size) {
        size_t size = h->size == 0 ? 16 : h->size * 2;
        struct vbr_known *more = realloc(h->list, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        h->list = more;
        h->size = size;
    }
    h->list[h->count++] = *k;
    return RC_OK;
}

enum rc
vbr_hints_add(struct vbr_hints *h, const char *key, struct err *err)
{
    struct vbr_known *all = NULL;
    size_t count = 0;
    enum rc rc = vbr_known_load(h->ctx->store, key, &all, &count, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = add_one(h, &all[i], err);
    free(all);
    return rc;
}

/* ---- paying ---- */

/* What was done at a server and is not yet recorded. */
struct paid {
    const struct vbr_known *known;
    const char *result;
    char modified[TIME_TEXT + 1], hint[HASH_TEXT + 1];
};

struct paying {
    struct vbr_hints *h;
    struct vbr_server *s;
    struct paid wave[WAVE];
    size_t count;
};

/* Together in one transaction, and not while a server is waited for. */
static enum rc
flush(struct paying *p, struct err *err)
{
    struct ctx *ctx = p->h->ctx;
    struct buf body;
    if (p->count == 0)
        return RC_OK;
    enum rc rc = log_begin(ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < p->count; i++) {
        const struct paid *d = &p->wave[i];
        const struct vbr_seen seen = {.key = d->known->key,
                                      .server = d->known->server,
                                      .id = d->known->id,
                                      .result = d->result,
                                      .modified = d->modified,
                                      .hint = d->hint};
        buf_init(&body, LIMIT_BODY);
        vbr_seen_body(&body, ctx, &seen);
        rc = log_append(ctx->store, "vbr.observed", &body, ctx->entry, err);
        buf_release(&body);
    }
    p->count = 0;
    return log_finish(ctx->store, rc, err);
}

static enum rc
note(struct paying *p, const struct vbr_known *k, const char *result, const char *modified,
     const char *hint, struct err *err)
{
    struct paid *d = &p->wave[p->count++];
    d->known = k;
    d->result = result;
    (void)snprintf(d->modified, sizeof d->modified, "%s", modified);
    (void)snprintf(d->hint, sizeof d->hint, "%s", hint);
    return p->count == WAVE ? flush(p, err) : RC_OK;
}

/* One that has a wrap of this key is ours to replace; another text tells somebody something. */
static enum rc
is_ours(const struct ctx *ctx, const struct key *key, const char *hint, int *ours, struct err *err)
{
    struct key other;
    enum description_how how;
    struct err scratch = ERR_INIT;
    enum rc rc = description_key(ctx->store, hint, "", &other, &how, &scratch);
    *ours = rc == RC_OK && how == DESCRIPTION_WRAP && strcmp(other.uuid, key->uuid) == 0;
    if (rc == RC_OK || rc == RC_AMBIGUOUS)
        return RC_OK;
    *err = scratch;
    return rc;
}

/* Sent, and read back; an answer that is lost is looked for. */
static enum rc
change(struct paying *p, const char *id, const struct key *key, struct vbr_password *there,
       const char *hint, struct err *err)
{
    struct err lost = ERR_INIT;
    enum rc sent = vbr_set_hint(p->s->vbr, there, hint, &lost);
    enum rc rc = sent == RC_INTERRUPTED ? sent : vbr_get(p->s->vbr, id, there, err);
    if (sent != RC_OK && (rc != RC_OK || strcmp(there->hint, hint) != 0)) {
        *err = lost;
        return sent;
    }
    if (rc != RC_OK || strcmp(there->hint, hint) == 0)
        return rc;
    return err_set(err, RC_VBR_HINT, "backup server %s kept %zu of the hint's %zu bytes of %s@%lld",
                   p->s->object.name, strlen(there->hint), strlen(hint), key->name,
                   (long long)key->generation);
}

/* A password that was changed there since our last own change stays suspect: the time of the new
 * change is then not recorded as ours. */
static enum rc
put_right(struct paying *p, const struct vbr_known *k, const struct key *key,
          struct vbr_password *there, const char *hint, const char *wrap, struct err *err)
{
    int ours = 0, same = strcmp(there->hint, hint) == 0;
    int quiet = strcmp(there->modified, k->modified) == 0;
    enum rc rc = same ? RC_OK : is_ours(p->h->ctx, key, there->hint, &ours, err);
    if (rc != RC_OK)
        return rc;
    if (!same && !ours) {
        char ref[KEY_REF];
        out_warn(p->h->ctx,
                 "hint behind: %s@%lld has a hint at %s that keymuster did not write; it is left "
                 "as it is: keymuster vbr verify %s, then vbr push",
                 key->name, (long long)key->generation, p->s->object.name,
                 key_ref_said(ref, p->h->ctx->store, key));
        p->h->behind++;
        return RC_OK;
    }
    if (!same)
        rc = change(p, k->id, key, there, hint, err);
    if (rc == RC_VBR_HINT && quiet) {
        struct err scratch = ERR_INIT; /* the time of our own change is known all the same */
        err_ignore(note(p, k, "hint", there->modified, "", &scratch));
    }
    if (rc != RC_OK)
        return rc;
    p->h->changed++;
    return note(p, k, "hint", quiet ? there->modified : "", wrap, err);
}

static enum rc
pay_one(struct paying *p, const struct vbr_known *k, struct err *err)
{
    struct key key;
    struct buf hint;
    char wrap[HASH_TEXT + 1];
    struct vbr_password *there = calloc(1, sizeof *there);
    if (there == NULL)
        return err_nomem(err);
    buf_init(&hint, VBR_HINT);
    enum rc rc = key_find(p->h->ctx->store, k->key, &key, err);
    if (rc == RC_OK)
        rc = vbr_hint_choose(p->h->ctx->store, &key, &hint, wrap, err);
    if (rc == RC_OK)
        rc = vbr_get(p->s->vbr, k->id, there, err);
    if (rc == RC_OK)
        rc = put_right(p, k, &key, there, buf_str(&hint), wrap, err);
    if (rc == RC_VBR_GONE) {
        char ref[KEY_REF];
        err_clear(err);
        out_warn(p->h->ctx,
                 "%s@%lld is at %s no more; to put it there again: keymuster vbr push %s", key.name,
                 (long long)key.generation, p->s->object.name,
                 key_ref_said(ref, p->h->ctx->store, &key));
        rc = note(p, k, "gone", "", "", err);
    }
    buf_release(&hint);
    free(there);
    return rc;
}

/* Such an error says nothing of the other passwords. */
static int
is_own(enum rc rc)
{
    return rc == RC_VBR_HINT || rc == RC_VBR_REJECTED || rc == RC_VBR_REPLY;
}

static void
stays(struct vbr_hints *h, const char *server, size_t count, const struct err *why)
{
    out_warn(h->ctx, "hint behind: %zu password%s at %s: %s%s%s; keymuster upkeep pays it", count,
             count == 1 ? "" : "s", server, why->msg, why->why[0] != '\0' ? ": " : "", why->why);
    h->behind += (int64_t)count;
}

static enum rc
pay_open(struct paying *p, const char *server, struct err *err)
{
    struct vbr_hints *h = p->h;
    struct err why = ERR_INIT;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < h->count; i++) {
        if (strcmp(h->list[i].server, server) != 0)
            continue;
        if (signals_pending()) {
            rc = err_set(err, RC_INTERRUPTED, "interrupted; the same command goes on");
            break;
        }
        err_clear(&why);
        enum rc one = pay_one(p, &h->list[i], &why);
        if (one == RC_OK)
            continue;
        if (one < RC_VBR_UNREACHABLE || one > RC_VBR_JOB) { /* the store, memory, a signal */
            *err = why;
            rc = one;
        } else if (is_own(one)) {
            stays(h, p->s->object.name, 1, &why);
        } else {
            size_t left = 0;
            for (size_t j = i; j < h->count; j++)
                left += strcmp(h->list[j].server, server) == 0;
            stays(h, p->s->object.name, left, &why);
            break;
        }
    }
    struct err scratch = ERR_INIT;
    enum rc stored = flush(p, rc == RC_OK ? err : &scratch);
    return rc == RC_OK ? stored : rc;
}

static enum rc
pay_server(struct vbr_hints *h, const char *server, struct err *err)
{
    struct vbr_server s = {.vbr = NULL};
    struct paying p = {.h = h, .s = &s};
    struct err why = ERR_INIT;
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += strcmp(h->list[i].server, server) == 0;
    if (h->ctx->dry_run || h->ctx->offline) {
        h->behind += (int64_t)count;
        return RC_OK;
    }
    enum rc rc = vbr_server_open(h->ctx, server, &s, &why);
    if (rc == RC_OK) {
        rc = pay_open(&p, server, err);
    } else if (rc == RC_VBR_NO_CREDENTIAL || rc == RC_NOT_FOUND) {
        out_note(h->ctx,
                 "hint behind: %zu password%s at %s, which is not bound here; keymuster upkeep "
                 "pays it where it is",
                 count, count == 1 ? "" : "s", s.object.name[0] != '\0' ? s.object.name : server);
        h->behind += (int64_t)count;
        rc = RC_OK;
    } else if (rc == RC_INTERRUPTED || rc == RC_NO_MEMORY) {
        *err = why;
    } else {
        stays(h, s.object.name, count, &why);
        if (rc == RC_VBR_PIN || rc == RC_ENDPOINT_DIFFERS)
            *err = why;
        else
            rc = RC_OK;
    }
    vbr_server_close(&s);
    return rc;
}

static enum rc
pay(struct vbr_hints *h, struct err *err)
{
    enum rc rc = RC_OK, hostile = RC_OK;
    struct err first = ERR_INIT;
    for (size_t i = 0; rc == RC_OK && i < h->count; i++) {
        size_t j = 0;
        while (strcmp(h->list[j].server, h->list[i].server) != 0)
            j++;
        if (j != i)
            continue; /* each server once */
        rc = pay_server(h, h->list[i].server, err);
        if ((rc == RC_VBR_PIN || rc == RC_ENDPOINT_DIFFERS) && hostile == RC_OK) {
            hostile = rc;
            first = *err;
            err_clear(err);
            rc = RC_OK;
        }
    }
    if (rc != RC_OK || hostile == RC_OK)
        return rc;
    *err = first;
    return hostile;
}

enum rc
vbr_hints_settle(struct vbr_hints *h, struct err *err)
{
    enum rc rc = pay(h, err);
    if (rc == RC_OK && !out_is_json(h->ctx) && h->changed + h->behind > 0)
        out_printf(h->ctx, "hints at backup servers: %lld put right, %lld behind\n",
                   (long long)h->changed, (long long)h->behind);
    return rc;
}

void
vbr_hints_write(const struct vbr_hints *h, struct jw *w)
{
    jw_int(w, "hints_changed", h->changed);
    jw_int(w, "hints_behind", h->behind);
}
