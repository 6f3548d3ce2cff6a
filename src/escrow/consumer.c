#include "escrow/consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "db/db.h"
#include "text/enc.h"
#include "text/json.h"

/* One entry of a look, without its list. */
struct head {
    char server[UUID_TEXT + 1], part[CONSUMER_PART];
    char pass[HASH_TEXT + 1], seen[TIME_TEXT + 1];
    int64_t number, of; /* number 0: seen again, the list is in older entries */
    unsigned char entry[HASH_SIZE];
};

struct consumers {
    struct head *heads; /* oldest first */
    size_t head_count, head_size;
    struct consumer *list;
    size_t count, size;
};

static enum rc
grow(void **list, size_t *size, size_t count, size_t each, struct err *err)
{
    if (count < *size)
        return RC_OK;
    size_t more = *size == 0 ? 32 : *size * 2;
    void *now = realloc(*list, more * each);
    if (now == NULL)
        return err_nomem(err);
    *list = now;
    *size = more;
    return RC_OK;
}

/* ---- looks ---- */

static enum rc
take_head(struct consumers *c, struct stmt *q, struct err *err)
{
    size_t len = 0;
    void *list = c->heads;
    enum rc rc = grow(&list, &c->head_size, c->head_count, sizeof *c->heads, err);
    c->heads = list;
    const void *entry = col_blob(q, 6, &len);
    if (rc != RC_OK || len != HASH_SIZE)
        return rc;
    struct head *h = &c->heads[c->head_count++];
    memset(h, 0, sizeof *h);
    (void)snprintf(h->server, sizeof h->server, "%s", col_text(q, 0));
    (void)snprintf(h->part, sizeof h->part, "%s", col_text(q, 1));
    (void)snprintf(h->pass, sizeof h->pass, "%s", col_text(q, 2));
    (void)snprintf(h->seen, sizeof h->seen, "%s", col_text(q, 3));
    h->number = col_int(q, 4);
    h->of = col_int(q, 5);
    memcpy(h->entry, entry, HASH_SIZE);
    return RC_OK;
}

static enum rc
load_heads(struct consumers *c, const struct store *store, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT coalesce(json_extract(body, '$.vbr'), ''), json_extract(body, '$.part'),"
                 " json_extract(body, '$.pass'), json_extract(body, '$.seen'),"
                 " json_extract(body, '$.number'), json_extract(body, '$.of'), entry"
                 " FROM event WHERE object = '' AND kind = 'vbr.observed'"
                 " AND json_extract(body, '$.result') = 'consumers' ORDER BY 4, at, author, seq",
                 err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = take_head(c, q, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

static int
is_of(const struct head *h, const struct head *look)
{
    return strcmp(h->pass, look->pass) == 0 && strcmp(h->server, look->server) == 0 &&
           strcmp(h->part, look->part) == 0;
}

/* The entries of one list differ in number alone, whoever wrote them. */
static int
is_whole(const struct consumers *c, const struct head *look)
{
    for (int64_t n = 1; n <= look->of; n++) {
        int there = 0;
        for (size_t i = 0; i < c->head_count && !there; i++)
            there = c->heads[i].number == n && is_of(&c->heads[i], look);
        if (!there)
            return 0;
    }
    return look->of > 0;
}

static const struct head *
newest(const struct consumers *c, const char *server, const char *part)
{
    for (size_t i = c->head_count; i > 0; i--) {
        const struct head *h = &c->heads[i - 1];
        if (strcmp(h->server, server) == 0 && strcmp(h->part, part) == 0 && is_whole(c, h))
            return h;
    }
    return NULL;
}

/* What is known of that part, unless a script has seen all of it later. */
static const struct head *
known_look(const struct consumers *c, const char *server, const char *part)
{
    const struct head *h = newest(c, server, part), *all = NULL;
    if (strcmp(part, "export") != 0 && strcmp(part, "files") != 0)
        all = newest(c, server, "export");
    return h != NULL && all != NULL && strcmp(all->seen, h->seen) >= 0 ? NULL : h;
}

void
consumers_look(const struct consumers *c, const char *server, const char *part,
               struct consumers_look *out)
{
    const struct head *h = newest(c, server, part);
    memset(out, 0, sizeof *out);
    if (h == NULL)
        return;
    memcpy(out->pass, h->pass, sizeof out->pass);
    memcpy(out->seen, h->seen, sizeof out->seen);
}

int
consumers_hold(const struct consumers *c, const char *server, const char *part, const char *pass)
{
    for (size_t i = 0; i < c->head_count; i++) {
        const struct head *h = &c->heads[i];
        if (strcmp(h->pass, pass) == 0 && strcmp(h->server, server) == 0 &&
            strcmp(h->part, part) == 0 && is_whole(c, h))
            return 1;
    }
    return 0;
}

/* ---- lists ---- */

static enum rc
take_consumer(struct consumers *c, const struct head *look, const char *key, const struct json *v,
              struct err *err)
{
    const char *kind = json_gets(v, "kind"), *name = json_gets(v, "name"), *id = json_gets(v, "id");
    void *list = c->list;
    enum rc rc = grow(&list, &c->size, c->count, sizeof *c->list, err);
    c->list = list;
    if (rc != RC_OK || kind == NULL || name == NULL)
        return rc;
    struct consumer *one = &c->list[c->count++];
    memset(one, 0, sizeof *one);
    (void)snprintf(one->key, sizeof one->key, "%s", key);
    (void)snprintf(one->server, sizeof one->server, "%s", look->server);
    (void)snprintf(one->kind, sizeof one->kind, "%s", kind);
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    (void)snprintf(one->id, sizeof one->id, "%s", id != NULL ? id : "");
    (void)snprintf(one->seen, sizeof one->seen, "%s", look->seen);
    one->uses = strcmp(look->part, "files") != 0;
    return RC_OK;
}

static enum rc
take_body(struct consumers *c, const struct head *look, const char *body, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = json_parse(&doc, body, strlen(body), "a look", err);
    const struct json *keys = json_get(doc, "keys");
    for (const struct json *k = json_first(keys); rc == RC_OK && k != NULL; k = json_next(k)) {
        const char *key = json_gets(k, "key");
        const struct json *list = json_get(k, "consumers");
        for (const struct json *v = json_first(list); rc == RC_OK && key != NULL && v != NULL;
             v = json_next(v))
            rc = take_consumer(c, look, key, v, err);
    }
    json_free(doc);
    return rc;
}

static enum rc
load_one(struct consumers *c, const struct store *store, const struct head *look, int64_t number,
         struct err *err)
{
    struct stmt *q = NULL;
    const struct head *from = NULL;
    for (size_t i = 0; i < c->head_count && from == NULL; i++)
        if (c->heads[i].number == number && is_of(&c->heads[i], look))
            from = &c->heads[i];
    enum rc rc = db_query(store->db, &q, "SELECT body FROM event WHERE entry = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, from->entry, HASH_SIZE);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        rc = take_body(c, look, col_text(q, 0), err);
    stmt_done(q);
    return rc;
}

static const char *const parts[] = {"jobs", "tiers", "config-backup", "export", "files"};
enum { PARTS = sizeof parts / sizeof *parts };

/* Whether the server of heads[i] came up before. */
static int
is_first(const struct consumers *c, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(c->heads[i].server, c->heads[at].server) == 0)
            return 0;
    return 1;
}

static enum rc
load_lists(struct consumers *c, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < c->head_count; i++) {
        for (size_t p = 0; rc == RC_OK && p < PARTS && is_first(c, i); p++) {
            const struct head *look = known_look(c, c->heads[i].server, parts[p]);
            for (int64_t n = 1; rc == RC_OK && look != NULL && n <= look->of; n++)
                rc = load_one(c, store, look, n, err);
        }
    }
    return rc;
}

static int
in_order(const void *a, const void *b)
{
    const struct consumer *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    order = order != 0 ? order : y->uses - x->uses;
    order = order != 0 ? order : strcmp(x->server, y->server);
    order = order != 0 ? order : strcmp(x->kind, y->kind);
    order = order != 0 ? order : strcmp(x->name, y->name);
    order = order != 0 ? order : strcmp(x->id, y->id);
    return order != 0 ? order : strcmp(y->seen, x->seen);
}

/* Seen by a script, and by asking since: once, with the newer time. */
static void
drop_doubles(struct consumers *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct consumer *now = &c->list[i];
        struct consumer *last = kept > 0 ? &c->list[kept - 1] : NULL;
        if (last != NULL && strcmp(last->key, now->key) == 0 && last->uses == now->uses &&
            strcmp(last->server, now->server) == 0 && strcmp(last->kind, now->kind) == 0 &&
            strcmp(last->name, now->name) == 0 && strcmp(last->id, now->id) == 0)
            continue;
        c->list[kept++] = *now;
    }
    c->count = kept;
}

enum rc
consumers_load(struct consumers **out, const struct store *store, struct err *err)
{
    struct consumers *c = calloc(1, sizeof *c);
    *out = NULL;
    if (c == NULL)
        return err_nomem(err);
    enum rc rc = load_heads(c, store, err);
    if (rc == RC_OK)
        rc = load_lists(c, store, err);
    if (rc != RC_OK) {
        consumers_free(c);
        return rc;
    }
    if (c->count > 0)
        qsort(c->list, c->count, sizeof *c->list, in_order);
    drop_doubles(c);
    *out = c;
    return RC_OK;
}

void
consumers_free(struct consumers *c)
{
    if (c == NULL)
        return;
    free(c->heads);
    free(c->list);
    free(c);
}

/* ---- questions ---- */

static int
by_key(const void *key, const void *item)
{
    return strcmp(key, ((const struct consumer *)item)->key);
}

const struct consumer *
consumers_of(const struct consumers *c, const char *key, size_t *count)
{
    *count = 0;
    if (c->count == 0)
        return NULL;
    const struct consumer *end = c->list + c->count;
    const struct consumer *first = bsearch(key, c->list, c->count, sizeof *c->list, by_key);
    if (first == NULL)
        return NULL;
    while (first > c->list && strcmp((first - 1)->key, key) == 0)
        first--;
    while (first + *count < end && strcmp(first[*count].key, key) == 0)
        ++*count;
    return first;
}

size_t
consumers_users(const struct consumer *list, size_t count)
{
    size_t n = 0;
    while (n < count && list[n].uses)
        n++;
    return n;
}

/* The rest alone tells too little. */
static const char *
consumers_seen(const struct consumers *c, const char *server)
{
    const struct head *jobs = newest(c, server, "jobs"), *all = newest(c, server, "export");
    if (jobs == NULL || (all != NULL && strcmp(all->seen, jobs->seen) > 0))
        jobs = all;
    return jobs != NULL ? jobs->seen : NULL;
}

enum rc
consumers_seen_of(const struct consumers *c, const struct store *store, const char *key,
                  const char **seen, struct err *err)
{
    struct stmt *q = NULL;
    int missing = 0;
    *seen = NULL;
    if (c->head_count == 0)
        return RC_OK;
    enum rc rc = db_query(store->db, &q,
                          "SELECT DISTINCT coalesce(json_extract(body, '$.vbr'), '') FROM event"
                          " WHERE object = ?1 AND kind IN ('key.delivered', 'vbr.observed')"
                          " AND (json_extract(body, '$.vbr') IS NOT NULL"
                          " OR json_extract(body, '$.to') = 'by hand')",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        const char *at = consumers_seen(c, col_text(q, 0));
        missing |= at == NULL;
        if (at != NULL && (*seen == NULL || strcmp(at, *seen) < 0))
            *seen = at;
    }
    stmt_done(q);
    if (missing)
        *seen = NULL;
    return rc;
}

void
consumer_label(char *out, size_t size, const struct consumer *c)
{
    static const struct {
        const char *kind, *words;
    } known[] = {{"config-backup", "the configuration backup"},
                 {"capacity-tier", "the capacity tier of"},
                 {"archive-tier", "the archive tier of"},
                 {"repository", "agents at repository"},
                 {"tape-pool", "tape pool"},
                 {"backup-file", "configuration backup"}};
    const char *words = c->kind;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].kind, c->kind) == 0)
            words = known[i].words;
    (void)snprintf(out, size, "%s%s%s", words, c->name[0] != '\0' ? " " : "", c->name);
}
