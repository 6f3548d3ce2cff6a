#include "cli/vbr/consumers_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "escrow/log.h"

enum { CHUNK = LIMIT_BODY - 4096, DAY_MS = 24 * 3600 * 1000 };

struct look {
    const char *server, *part, *seen;
    char pass[HASH_TEXT + 1];
    struct consumer *list;
    size_t count;
    struct buf *chunks; /* a list of keys each, as JSON */
    size_t chunk_count;
};

static int
in_order(const void *a, const void *b)
{
    const struct consumer *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    order = order != 0 ? order : strcmp(x->kind, y->kind);
    order = order != 0 ? order : strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->id, y->id);
}

static void
put_in_order(struct look *l)
{
    size_t kept = 0;
    if (l->count > 0)
        qsort(l->list, l->count, sizeof *l->list, in_order);
    for (size_t i = 0; i < l->count; i++)
        if (kept == 0 || in_order(&l->list[kept - 1], &l->list[i]) != 0)
            l->list[kept++] = l->list[i];
    l->count = kept;
}

/* The same for the same list, whoever sees it. */
static void
name_pass(struct look *l)
{
    struct sha256_state s;
    unsigned char id[HASH_SIZE];
    sha256_begin(&s);
    sha256_more(&s, l->server, strlen(l->server) + 1);
    sha256_more(&s, l->part, strlen(l->part) + 1);
    for (size_t i = 0; i < l->count; i++) {
        const struct consumer *c = &l->list[i];
        sha256_more(&s, c->key, strlen(c->key) + 1);
        sha256_more(&s, c->kind, strlen(c->kind) + 1);
        sha256_more(&s, c->name, strlen(c->name) + 1);
        sha256_more(&s, c->id, strlen(c->id) + 1);
    }
    sha256_end(&s, id);
    for (size_t i = 0; i < HASH_SIZE; i++)
        (void)snprintf(l->pass + 2 * i, 3, "%02x", id[i]);
}

/* As many as fit into an entry, from at on; the next one is returned. */
static size_t
write_chunk(const struct look *l, size_t at, struct buf *out)
{
    const char *key = NULL;
    struct jw w;
    buf_init(out, LIMIT_BODY);
    jw_init(&w, out);
    jw_arr(&w, NULL);
    for (; at < l->count && out->len < CHUNK - 6 * CONSUMER_NAME; at++) {
        const struct consumer *c = &l->list[at];
        if (key != NULL && strcmp(key, c->key) != 0) {
            jw_end_arr(&w);
            jw_end_obj(&w);
            key = NULL;
        }
        if (key == NULL) {
            key = c->key;
            jw_obj(&w, NULL);
            jw_str(&w, "key", key);
            jw_arr(&w, "consumers");
        }
        jw_obj(&w, NULL);
        jw_str(&w, "kind", c->kind);
        jw_str(&w, "name", c->name);
        jw_opt(&w, "id", c->id);
        jw_end_obj(&w);
    }
    if (key != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    return at;
}

/* One at least: that nobody uses any key is something, too. */
static enum rc
cut(struct look *l, struct err *err)
{
    size_t at = 0, size = 0;
    do {
        if (l->chunk_count == size) {
            size = size == 0 ? 4 : size * 2;
            struct buf *more = realloc(l->chunks, size * sizeof *more);
            if (more == NULL)
                return err_nomem(err);
            l->chunks = more;
        }
        struct buf *out = &l->chunks[l->chunk_count++];
        at = write_chunk(l, at, out);
        enum rc rc = buf_check(out, "a look", err);
        if (rc != RC_OK)
            return rc;
    } while (at < l->count);
    return RC_OK;
}

/* number 0: seen again, and the list is in older entries. */
static enum rc
append(struct ctx *ctx, const struct look *l, size_t number, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_opt(&w, "vbr", l->server);
    jw_str(&w, "result", "consumers");
    jw_str(&w, "part", l->part);
    jw_str(&w, "seen", l->seen);
    jw_str(&w, "pass", l->pass);
    jw_int(&w, "number", (int64_t)number);
    jw_int(&w, "of", (int64_t)l->chunk_count);
    if (number > 0)
        jw_raw(&w, "keys", buf_str(&l->chunks[number - 1]), l->chunks[number - 1].len);
    jw_end_obj(&w);
    enum rc rc = log_append(session_records(ctx), "vbr.observed", &body, ctx->entry, err);
    buf_release(&body);
    return rc;
}

static int
is_old_news(struct ctx *ctx, const struct look *l, const struct consumers_look *last)
{
    int64_t then = 0, now = 0;
    if (time_parse(&then, last->seen) != 0 || time_parse(&now, l->seen) != 0)
        return 0;
    if (now < then)
        out_note(ctx, "what was seen at %s is older than what is on record, and is not recorded",
                 l->seen);
    return now < then || (strcmp(last->pass, l->pass) == 0 && now - then < DAY_MS);
}

enum rc
consumers_record(struct ctx *ctx, const struct consumers *known, const char *server,
                 const char *part, const char *seen, struct consumer *list, size_t count,
                 struct err *err)
{
    struct look l = {.server = server, .part = part, .seen = seen, .list = list, .count = count};
    struct consumers_look last;
    put_in_order(&l);
    name_pass(&l);
    consumers_look(known, server, part, &last);
    if (ctx->dry_run || is_old_news(ctx, &l, &last))
        return RC_OK;
    enum rc rc = cut(&l, err);
    if (rc == RC_OK)
        rc = log_begin(session_records(ctx), err);
    if (rc == RC_OK) {
        if (consumers_hold(known, server, part, l.pass))
            rc = append(ctx, &l, 0, err);
        else
            for (size_t n = 1; rc == RC_OK && n <= l.chunk_count; n++)
                rc = append(ctx, &l, n, err);
        rc = log_finish(session_records(ctx), rc, err);
    }
    for (size_t i = 0; i < l.chunk_count; i++)
        buf_release(&l.chunks[i]);
    free(l.chunks);
    return rc;
}
