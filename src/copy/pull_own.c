#include "copy/pull_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/memory.h"
#include "copy/newest.h"
#include "copy/segment.h"
#include "escrow/log.h"
#include "escrow/restate.h"
#include "text/enc.h"

enum { LINES_MAX = 256 * 1024 * 1024 };

void
own_fork_release(struct own_fork *fork)
{
    buf_release(&fork->lines);
}

/* ---- where the two part ---- */

/* What is known while looking. */
struct looking {
    struct pull *p;
    const char *self;
    const struct head *h;
    struct log_end end; /* of the own log */
    struct mark newest; /* own head */
    int64_t line;       /* last common entry */
    int64_t head;       /* number of the last common head */
};

/* Moves l->line on through the lines of a published segment, up to the first that differs. */
static enum rc
compare_lines(struct looking *l, const struct buf *segment, int64_t first, int *differs,
              struct err *err)
{
    const char *at = buf_str(segment);
    const char *end = at + segment->len;
    for (int64_t seq = first; at < end && seq <= l->end.seq; seq++) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        unsigned char mine[HASH_SIZE];
        unsigned char theirs[HASH_SIZE];
        int found = 0;
        if (lf == NULL)
            return RC_OK; /* what is malformed is refused when it is taken in */
        sha256(theirs, at, (size_t)(lf - at));
        enum rc rc = held_line(l->p->store, l->self, seq, mine, &found, err);
        if (rc != RC_OK)
            return rc;
        *differs = !found || memcmp(mine, theirs, HASH_SIZE) != 0;
        if (*differs)
            return RC_OK;
        l->line = seq;
        at = lf + 1;
    }
    return RC_OK;
}

/* A segment that the own lines make as well need not be fetched. */
static enum rc
segment_same(struct looking *l, const struct head_segment *s, int *same, struct err *err)
{
    struct buf mine;
    *same = 0;
    if (s->last > l->end.seq)
        return RC_OK;
    buf_init(&mine, SEGMENT_MAX);
    enum rc rc = segment_build(l->p->store, l->self, s->first, s->last, &mine, err);
    if (rc == RC_OK) {
        char sha[HASH_TEXT + 1];
        sha256_hex(sha, buf_str(&mine), mine.len);
        *same = strcmp(sha, s->sha256) == 0;
    }
    buf_release(&mine);
    return rc;
}

static enum rc
find_line(struct looking *l, struct err *err)
{
    struct buf segment;
    int differs = 0;
    enum rc rc = RC_OK;
    buf_init(&segment, SEGMENT_MAX);
    for (size_t i = 0; rc == RC_OK && !differs && i < l->h->segment_count; i++) {
        const struct head_segment *s = &l->h->segments[i];
        int same = 0;
        if (s->first > l->end.seq)
            break;
        rc = segment_same(l, s, &same, err);
        if (rc == RC_OK && same) {
            l->line = s->last;
            continue;
        }
        if (rc == RC_OK)
            rc = pull_segment(l->p->copy, l->self, l->h->number, s, &segment, err);
        if (rc == RC_OK)
            rc = compare_lines(l, &segment, s->first, &differs, err);
    }
    buf_release(&segment);
    return rc;
}

/* Downward from the newest that both could have. One that the copy does not show says nothing. */
static enum rc
find_head(struct looking *l, struct err *err)
{
    struct buf there, mine;
    struct mark m;
    int found = 0;
    int64_t i = l->newest.number < l->h->number ? l->newest.number : l->h->number;
    enum rc rc = RC_OK;
    buf_init(&there, LIMIT_SMALL_FILE);
    buf_init(&mine, LIMIT_SMALL_FILE);
    for (; rc == RC_OK && i > 0; i--) {
        rc = held_at(l->p->store, l->self, i, &m, &mine, err);
        if (rc == RC_OK)
            rc = newest_get(l->p->copy->remote, l->self, i, &there, &found, err);
        if (rc != RC_OK || (m.number > 0 && m.entries <= l->line && !found))
            break;
        if (m.number > 0 && found && there.len == mine.len &&
            memcmp(buf_str(&there), buf_str(&mine), mine.len) == 0)
            break;
    }
    l->head = i;
    buf_release(&mine);
    buf_release(&there);
    return rc;
}

/* Whether a copy ever showed what would be cut. */
static enum rc
was_published(struct looking *l, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        l->p->store->db, &q,
        "SELECT EXISTS (SELECT 1 FROM copy_seen s JOIN head h ON h.author = s.author"
        " AND h.number = s.number AND h.hash = s.head WHERE s.author = ?1 AND s.number > ?2)"
        " OR EXISTS (SELECT 1 FROM copy_seen s JOIN entry e ON e.author = s.author"
        " AND e.seq = s.entries AND e.hash = s.last WHERE s.author = ?1 AND s.entries > ?3)",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, l->self);
    stmt_int(q, 2, l->head);
    stmt_int(q, 3, l->line);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && col_int(q, 0) != 0;
    stmt_done(q);
    return rc;
}

/* ---- cutting ---- */

static enum rc
keep_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct buf *lines = arg;
    (void)seq;
    (void)err;
    buf_add(lines, line, len);
    buf_addc(lines, '\n');
    return RC_OK;
}

static enum rc
keep_heads(struct looking *l, struct err *err)
{
    struct mark m = {.number = l->head};
    struct buf object;
    char what[OBJECT_NAME];
    enum rc rc = RC_OK;
    buf_init(&object, LIMIT_SMALL_FILE);
    for (;;) {
        rc = held_next(l->p->store, l->self, m.number, &m, &object, err);
        if (rc != RC_OK || m.number == 0)
            break;
        head_name(what, l->self, m.number);
        rc = evidence_add(l->p->store, l->p->copy, l->self, what, &object, err);
        if (rc != RC_OK)
            break;
    }
    buf_release(&object);
    return rc;
}

static enum rc
cut(struct own_fork *fork, struct looking *l, int lines, int heads, struct err *err)
{
    struct store *store = l->p->store;
    char what[OBJECT_NAME];
    enum rc rc = heads ? keep_heads(l, err) : RC_OK;
    if (rc == RC_OK && heads)
        rc = held_cut(store, l->head, err);
    if (rc != RC_OK || !lines)
        return rc;
    fork->common = l->line;
    rc = log_each(store, l->self, l->line + 1, l->end.seq, keep_line, &fork->lines, err);
    if (rc == RC_OK)
        rc = buf_check(&fork->lines, "the entries that only this store has", err);
    (void)snprintf(what, sizeof what, "log/%s after entry %lld", l->self, (long long)l->line);
    if (rc == RC_OK)
        rc = evidence_add(store, l->p->copy, l->self, what, &fork->lines, err);
    return rc == RC_OK ? log_cut(store, l->line, err) : rc;
}

enum rc
own_fork_cut(struct own_fork *fork, struct pull *p, const struct head *h, struct err *err)
{
    struct store *store = p->store;
    struct looking l = {.p = p, .self = store->self.author, .h = h};
    struct mark same;
    int published = 0;
    int current = 0;
    memset(fork, 0, sizeof *fork);
    buf_init(&fork->lines, LINES_MAX);
    enum rc rc = held_at(store, l.self, h->number, &same, NULL, err);
    if (rc != RC_OK || (same.number > 0 && memcmp(same.hash, h->hash, HASH_SIZE) == 0))
        return rc; /* all as it should be */
    rc = log_end(store, l.self, &l.end, err);
    if (rc == RC_OK)
        rc = held_newest(store, l.self, LIMIT_NUMBER, &l.newest, NULL, err);
    if (rc == RC_OK)
        rc = find_line(&l, err);
    if (rc == RC_OK)
        rc = find_head(&l, err);
    int64_t both = l.end.seq < h->entries ? l.end.seq : h->entries;
    int lines = l.line < both;
    int heads = l.head < l.newest.number;
    if (rc != RC_OK || l.line == 0 || (!lines && !heads))
        return rc;
    rc = was_published(&l, &published, err);
    if (rc == RC_OK && (p->flags & PULL_IMAGE) == 0)
        rc = memory_fits(store, &current, err);
    return rc == RC_OK && !published && !current ? cut(fork, &l, lines, heads, err) : rc;
}

/* ---- and what follows ---- */

/* What an entry says, whoever says it when: kind and body. */
struct saying {
    unsigned char what[HASH_SIZE];
    char entry[HASH_TEXT + 1];
};
struct sayings {
    struct saying *list;
    size_t count;
};

static enum rc
saying_of(unsigned char out[HASH_SIZE], const struct entry *e, const struct restated *map,
          struct err *err)
{
    struct buf text;
    buf_init(&text, (size_t)2 * LIMIT_ENTRY);
    buf_addf(&text, "%s\n", e->kind);
    restate_body(&text, e, map);
    sha256(out, buf_str(&text), text.len);
    enum rc rc = buf_check(&text, "an entry", err);
    buf_release(&text);
    return rc;
}

static enum rc
add_saying(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    static const struct restated none;
    struct sayings *s = arg;
    struct entry e;
    (void)seq;
    struct saying *more = realloc(s->list, (s->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    s->list = more;
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK)
        return rc;
    rc = saying_of(more[s->count].what, &e, &none, err);
    hex_encode(more[s->count++].entry, e.hash, HASH_SIZE);
    entry_release(&e);
    return rc;
}

static const char *
said_as(const struct sayings *s, const unsigned char what[HASH_SIZE])
{
    for (size_t i = 0; i < s->count; i++) {
        if (memcmp(s->list[i].what, what, HASH_SIZE) == 0)
            return s->list[i].entry;
    }
    return NULL;
}

static enum rc
append_line(struct own_fork *fork, struct pull *p, const struct sayings *said, struct restated *map,
            const char *line, size_t len, struct err *err)
{
    struct entry e;
    char hash[HASH_TEXT + 1];
    unsigned char what[HASH_SIZE];
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK)
        return rc;
    hex_encode(hash, e.hash, HASH_SIZE);
    const char *as = restated_as(map, hash);
    rc = saying_of(what, &e, map, err);
    if (rc == RC_OK && as == NULL) {
        as = said_as(said, what);
        if (as != NULL)
            rc = restated_add(map, hash, as, err);
    }
    if (rc == RC_OK && as == NULL) {
        rc = restate_append(p->store, &e, map, err);
        fork->again += rc == RC_OK;
    } else {
        fork->known += rc == RC_OK;
    }
    entry_release(&e);
    return rc;
}

enum rc
own_fork_append(struct own_fork *fork, struct pull *p, int64_t entries, struct err *err)
{
    struct sayings said = {0};
    struct restated map = {0};
    const char *at = buf_str(&fork->lines);
    if (fork->lines.len == 0)
        return RC_OK;
    enum rc rc = log_each(p->store, p->store->self.author, fork->common + 1, entries, add_saying,
                          &said, err);
    if (rc == RC_OK)
        rc = restated_load(p->store, &map, err);
    while (rc == RC_OK && *at != '\0') {
        const char *lf = strchr(at, '\n');
        rc = append_line(fork, p, &said, &map, at, (size_t)(lf - at), err);
        at = lf + 1;
    }
    restated_release(&map);
    free(said.list);
    return rc;
}
