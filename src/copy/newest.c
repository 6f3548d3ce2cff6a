#include "copy/newest.h"

#include <stdio.h>
#include <string.h>

#include "sys/process.h"

enum { DIGITS = 10, HINT_MAX = DIGITS + 1 };

enum rc
newest_go_on(struct err *err)
{
    return signals_pending() ? err_set(err, RC_INTERRUPTED, "interrupted; nothing was stored")
                             : RC_OK;
}

/* Decimal digits without a sign; -1 for any other text. */
static int64_t
decimal(const char *text, size_t len)
{
    int64_t n = 0;
    if (len < 1 || len > DIGITS)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = 10 * n + (text[i] - '0');
    }
    return n;
}

int64_t
newest_number(const char *text)
{
    return strlen(text) == DIGITS ? decimal(text, DIGITS) : -1;
}

enum rc
newest_hint(struct remote *r, const char *author, int64_t *number, struct err *err)
{
    char name[OBJECT_NAME];
    struct buf hint;
    buf_init(&hint, HINT_MAX);
    newest_name(name, author);
    *number = 0;
    enum rc rc = remote_get(r, name, &hint, err);
    const char *text = buf_str(&hint);
    if (rc == RC_OK && hint.len > 1 && text[hint.len - 1] == '\n' && text[0] != '0') {
        int64_t n = decimal(text, hint.len - 1);
        *number = n > 0 ? n : 0;
    }
    /* A hint that is missing or damaged is no hint; a place that is away shows at the heads. */
    if (rc == RC_NOT_FOUND || rc == RC_COPY_TAMPERED || rc == RC_COPY_UNREACHABLE)
        rc = RC_OK;
    buf_release(&hint);
    return rc;
}

enum rc
newest_get(struct remote *r, const char *author, int64_t number, struct buf *out, int *found,
           struct err *err)
{
    char name[OBJECT_NAME];
    enum rc rc = newest_go_on(err);
    *found = 0;
    if (rc != RC_OK)
        return rc;
    head_name(name, author, number);
    rc = remote_get(r, name, out, err);
    *found = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- listing ---- */

/* The highest number below a bound among the names of a folder. */
struct top {
    int64_t below;
    int64_t number; /* -1: none */
};

static enum rc
top_name(void *arg, const char *name, struct err *err)
{
    struct top *t = arg;
    int64_t n = newest_number(name);
    (void)err;
    if (n > t->number && n < t->below)
        t->number = n;
    return RC_OK;
}

static enum rc
list_top(struct remote *r, const char *folder, int64_t below, int64_t *number, struct err *err)
{
    struct top t = {below, -1};
    enum rc rc = remote_list(r, folder, top_name, &t, err);
    *number = t.number;
    return rc;
}

/* The highest head that the listing shows, 0 for none. Empty groups are passed over. */
static enum rc
newest_listed(struct remote *r, const char *author, int64_t *number, struct err *err)
{
    char folder[OBJECT_NAME];
    int64_t group = INT64_MAX;
    *number = 0;
    for (;;) {
        (void)snprintf(folder, sizeof folder, "head/%s", author);
        enum rc rc = list_top(r, folder, group, &group, err);
        if (rc != RC_OK || group < 0)
            return rc;
        int64_t n = -1;
        (void)snprintf(folder, sizeof folder, "head/%s/%010lld", author, (long long)group);
        rc = list_top(r, folder, 1000 * (group + 1), &n, err);
        if (rc != RC_OK)
            return rc;
        if (n > 0 && n >= 1000 * group) {
            *number = n;
            return RC_OK;
        }
    }
}

/* ---- searching ---- */

struct search {
    struct remote *r;
    const char *author;
    struct buf *out;
    struct buf next; /* what was asked for last */
    int64_t number;  /* highest found */
};

/* Asks for one head; when it is there and higher, it becomes the one found. */
static enum rc
ask(struct search *s, int64_t number, int *found, struct err *err)
{
    enum rc rc = newest_get(s->r, s->author, number, &s->next, found, err);
    if (rc != RC_OK || !*found || number < s->number)
        return rc;
    struct buf swap = *s->out;
    *s->out = s->next;
    s->next = swap;
    s->number = number;
    return RC_OK;
}

/* The highest candidate that is there. */
static enum rc
ask_candidates(struct search *s, int64_t *from, size_t count, struct err *err)
{
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            best = from[i] > from[best] ? i : best;
        int64_t number = from[best];
        int found = 0;
        if (number < 1)
            return RC_OK;
        enum rc rc = ask(s, number, &found, err);
        if (rc != RC_OK || found)
            return rc;
        for (size_t i = 0; i < count; i++) /* not again */
            from[i] = from[i] == number ? 0 : from[i];
    }
}

/* 1, 2, 4, ... as far as there are heads; then halves the rest. */
static enum rc
gallop(struct search *s, struct err *err)
{
    int64_t low = 0;
    int64_t high = 1;
    int found = 1;
    while (found) {
        enum rc rc = ask(s, high, &found, err);
        if (rc != RC_OK)
            return rc;
        low = found ? high : low;
        high = found ? 2 * high : high;
    }
    while (low > 0 && high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        enum rc rc = ask(s, mid, &found, err);
        if (rc != RC_OK)
            return rc;
        low = found ? mid : low;
        high = found ? high : mid;
    }
    return RC_OK;
}

enum rc
newest_find(struct remote *r, const char *author, int64_t seen, int64_t held, int64_t *number,
            struct buf *out, struct err *err)
{
    struct search s = {.r = r, .author = author, .out = out};
    int64_t from[4] = {0, 0, seen, held};
    int found = 1;
    buf_init(&s.next, LIMIT_SMALL_FILE);
    *number = 0;
    enum rc rc = newest_hint(r, author, &from[0], err);
    if (rc == RC_OK)
        rc = newest_listed(r, author, &from[1], err);
    if (rc == RC_OK)
        rc = ask_candidates(&s, from, 4, err);
    if (rc == RC_OK && s.number == 0)
        rc = gallop(&s, err);
    while (rc == RC_OK && s.number > 0 && found)
        rc = ask(&s, s.number + 1, &found, err);
    buf_release(&s.next);
    *number = rc == RC_OK ? s.number : 0;
    return rc;
}

enum rc
newest_own(const struct store *store, struct remote *r, int64_t seen, struct mark *held,
           struct buf *object, int *beyond, struct err *err)
{
    const char *self = store->self.author;
    int64_t before;
    struct buf there;
    *beyond = 0;
    buf_init(&there, LIMIT_SMALL_FILE);
    enum rc rc = held_newest(store, self, LIMIT_NUMBER, held, object, err);
    do {
        before = held->number;
        if (rc == RC_OK)
            rc = newest_get(r, self, before + 1, &there, beyond, err);
        *beyond |= rc == RC_OK && seen > before;
        if (rc == RC_OK && *beyond)
            rc = held_newest(store, self, LIMIT_NUMBER, held, object, err);
    } while (rc == RC_OK && held->number > before);
    buf_release(&there);
    return rc;
}
