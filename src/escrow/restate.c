#include "escrow/restate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/log.h"
#include "text/enc.h"
#include "text/jw.h"

void
restated_release(struct restated *map)
{
    free(map->pairs);
    memset(map, 0, sizeof *map);
}

enum rc
restated_add(struct restated *map, const char *old, const char *new, struct err *err)
{
    struct restated_pair *more = realloc(map->pairs, (map->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    map->pairs = more;
    (void)snprintf(more[map->count].old, sizeof more->old, "%s", old);
    (void)snprintf(more[map->count].new, sizeof more->new, "%s", new);
    map->count++;
    return RC_OK;
}

const char *
restated_as(const struct restated *map, const char *old)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->pairs[i].old, old) == 0)
            return map->pairs[i].new;
    }
    return NULL;
}

enum rc
restated_load(const struct store *store, struct restated *map, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT json_extract(e.line, '$.restates.entry'), e.hash FROM entry e"
                          " JOIN accepted a ON a.author = e.author AND e.seq <= a.upto"
                          " WHERE e.line LIKE '%\"restates\":{%' ORDER BY a.rank, e.seq",
                          err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        char hash[HASH_TEXT + 1];
        size_t len = 0;
        const unsigned char *raw = col_blob(q, 1, &len);
        if (!hex_is(col_text(q, 0), HASH_TEXT) || len != HASH_SIZE)
            continue; /* the words in some text, or a member that we did not write */
        hex_encode(hash, raw, HASH_SIZE);
        rc = restated_add(map, col_text(q, 0), hash, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* A hash in a body is a whole string: 64 digits between two quotation marks. */
void
restate_body(struct buf *out, const struct entry *e, const struct restated *map)
{
    struct buf text;
    buf_init(&text, LIMIT_ENTRY);
    json_print(&text, e->body);
    const char *at = buf_str(&text);
    for (const char *quote = strchr(at, '"'); quote != NULL; quote = strchr(quote, '"')) {
        char hash[HASH_TEXT + 1];
        quote++;
        if (strnlen(quote, HASH_TEXT + 1) <= HASH_TEXT || quote[HASH_TEXT] != '"')
            continue;
        memcpy(hash, quote, HASH_TEXT);
        hash[HASH_TEXT] = '\0';
        const char *now = hex_is(hash, HASH_TEXT) ? restated_as(map, hash) : NULL;
        if (now == NULL)
            continue;
        buf_add(out, at, (size_t)(quote - at));
        buf_adds(out, now);
        at = quote + HASH_TEXT;
        quote = at + 1;
    }
    buf_adds(out, at);
    if (text.failed != RC_OK)
        out->failed = text.failed;
    buf_release(&text);
}

/* An own entry that was a restatement itself keeps the name of the first: nobody else knew it. */
static void
write_restates(struct buf *out, const struct store *store, const struct entry *e, const char *hash)
{
    struct jw w;
    struct buf by;
    if (strcmp(e->author, store->self.author) == 0 && json_gets(e->restates, "entry") != NULL) {
        json_print(out, e->restates);
        return;
    }
    buf_init(&by, LIMIT_ENTRY);
    json_print(&by, e->by);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "entry", hash);
    jw_str(&w, "author", e->author);
    jw_int(&w, "seq", e->seq);
    jw_str(&w, "at", e->at);
    jw_raw(&w, "by", buf_str(&by), by.len);
    jw_end_obj(&w);
    if (by.failed != RC_OK)
        out->failed = by.failed;
    buf_release(&by);
}

enum rc
restate_append(struct store *store, const struct entry *e, struct restated *map, struct err *err)
{
    char old[HASH_TEXT + 1];
    char new[HASH_TEXT + 1];
    struct buf body, restates;
    hex_encode(old, e->hash, HASH_SIZE);
    buf_init(&body, LIMIT_ENTRY);
    buf_init(&restates, LIMIT_ENTRY);
    restate_body(&body, e, map);
    write_restates(&restates, store, e, old);
    enum rc rc = log_append_again(store, e->kind, &body, &restates, new, err);
    if (rc == RC_OK)
        rc = restated_add(map, old, new, err);
    buf_release(&restates);
    buf_release(&body);
    return rc;
}
