#include "copy/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/log.h"

enum { RUN_LARGE = 4096, RUN_MIDDLE = 256, RUN_SMALL = 16 };

/* The run that begins after `done` entries when `left` are still to be cut. */
static int64_t
run_of(int64_t left)
{
    if (left >= RUN_LARGE)
        return RUN_LARGE;
    if (left >= RUN_MIDDLE)
        return RUN_MIDDLE;
    return left >= RUN_SMALL ? RUN_SMALL : left;
}

enum rc
segment_cut(int64_t count, segment_size_fn size, segment_fn fn, void *arg, struct err *err)
{
    int64_t middle_until = 0; /* up to here a run of 4,096 was too large */
    for (int64_t done = 0; done < count;) {
        int64_t run = done < middle_until ? RUN_MIDDLE : run_of(count - done);
        if (run == RUN_LARGE) {
            int64_t bytes = 0;
            enum rc rc = size(arg, done + 1, done + RUN_LARGE, &bytes, err);
            if (rc != RC_OK)
                return rc;
            if (bytes > LIMIT_SEGMENT) {
                middle_until = done + RUN_LARGE;
                run = RUN_MIDDLE;
            }
        }
        enum rc rc = fn(arg, done + 1, done + run, err);
        if (rc != RC_OK)
            return rc;
        done += run;
    }
    return RC_OK;
}

void
segment_name(char out[OBJECT_NAME], const char *author, const struct head_segment *s)
{
    (void)snprintf(out, OBJECT_NAME, "log/%s/%010lld/%010lld-%010lld-%s.ndjson", author,
                   (long long)((s->first - 1) / RUN_LARGE), (long long)s->first, (long long)s->last,
                   s->sha256);
}

static enum rc
add_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct buf *out = arg;
    (void)seq;
    buf_add(out, line, len);
    buf_addc(out, '\n');
    return buf_check(out, "a segment", err);
}

enum rc
segment_build(const struct store *store, const char *author, int64_t first, int64_t last,
              struct buf *out, struct err *err)
{
    buf_clear(out);
    return log_each(store, author, first, last, add_line, out, err);
}

const struct head_segment *
segment_find(const struct head *h, const struct head_segment *s)
{
    size_t low = 0;
    size_t high = h->segment_count;
    while (low < high) { /* a checked list is sorted */
        size_t mid = low + (high - low) / 2;
        if (h->segments[mid].first < s->first)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == h->segment_count)
        return NULL;
    const struct head_segment *at = &h->segments[low];
    return at->first == s->first && at->last == s->last && strcmp(at->sha256, s->sha256) == 0
               ? at
               : NULL;
}

/* ---- a list that somebody else made ---- */

struct check {
    const struct head *head;
    size_t next; /* index of the run that must come now */
};

/* Bytes of the listed runs inside first..last. */
static enum rc
check_size(void *arg, int64_t first, int64_t last, int64_t *bytes, struct err *err)
{
    const struct check *c = arg;
    (void)first;
    (void)err;
    *bytes = 0;
    for (size_t i = c->next; i < c->head->segment_count; i++) {
        const struct head_segment *s = &c->head->segments[i];
        if (s->last > last)
            break;
        *bytes += s->bytes < 0 || s->bytes > SEGMENT_MAX ? 0 : s->bytes; /* check_run refuses it */
    }
    return RC_OK;
}

static enum rc
check_run(void *arg, int64_t first, int64_t last, struct err *err)
{
    struct check *c = arg;
    if (c->next >= c->head->segment_count)
        return err_set(err, RC_COPY_GAP, "entries from %lld on are missing", (long long)first);
    const struct head_segment *s = &c->head->segments[c->next++];
    if (s->first != first || s->last != last)
        return err_set(err, RC_COPY_GAP,
                       "entries %lld to %lld are listed where %lld to %lld belong",
                       (long long)s->first, (long long)s->last, (long long)first, (long long)last);
    if (s->bytes < last - first + 1 || s->bytes > SEGMENT_MAX)
        return err_set(err, RC_COPY_GAP, "entries %lld to %lld cannot have %lld bytes",
                       (long long)first, (long long)last, (long long)s->bytes);
    return RC_OK;
}

enum rc
segment_check(const struct head *h, const char *what, struct err *err)
{
    struct check c = {h, 0};
    enum rc rc = segment_cut(h->entries, check_size, check_run, &c, err);
    if (rc == RC_OK && c.next != h->segment_count)
        rc = err_set(err, RC_COPY_GAP, "more segments are listed than there are entries");
    if (rc != RC_OK) {
        char why[sizeof err->why];
        (void)snprintf(why, sizeof why, "%.500s", err->msg);
        (void)err_set(err, rc, "%.300s lists segments that do not cover its log", what);
        (void)err_why(err, "%s", why);
    }
    return rc;
}

/* ---- our own list ---- */

struct fill {
    const struct store *store;
    struct head *head;
    const struct head *former;
    size_t room;
    struct buf bytes;
};

/* Bytes of a run as the former head lists it, whole or in parts; -1 when it does not reach that
 * far. */
static int64_t
former_size(const struct head *former, int64_t first, int64_t last)
{
    int64_t bytes = 0;
    int64_t next = first;
    for (size_t i = 0; former != NULL && i < former->segment_count && next <= last; i++) {
        const struct head_segment *s = &former->segments[i];
        if (s->first != next || s->last > last)
            continue;
        bytes += s->bytes;
        next = s->last + 1;
    }
    return next == last + 1 ? bytes : -1;
}

static enum rc
fill_size(void *arg, int64_t first, int64_t last, int64_t *bytes, struct err *err)
{
    struct fill *f = arg;
    struct stmt *q = NULL;
    *bytes = former_size(f->former, first, last);
    if (*bytes >= 0)
        return RC_OK;
    /* length() of a text counts characters. */
    enum rc rc = db_query(f->store->db, &q,
                          "SELECT coalesce(sum(length(CAST(line AS BLOB)) + 1), 0) FROM entry"
                          " WHERE author = ?1 AND seq BETWEEN ?2 AND ?3",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, f->head->author);
    stmt_int(q, 2, first);
    stmt_int(q, 3, last);
    rc = stmt_row(q, err);
    if (rc == RC_OK)
        *bytes = col_int(q, 0);
    stmt_done(q);
    return rc;
}

/* What the former head says of the same run: the lines never change, so neither does it. */
static const struct head_segment *
former_run(const struct fill *f, int64_t first, int64_t last)
{
    for (size_t i = 0; f->former != NULL && i < f->former->segment_count; i++) {
        const struct head_segment *s = &f->former->segments[i];
        if (s->first == first)
            return s->last == last ? s : NULL;
    }
    return NULL;
}

static enum rc
fill_room(struct fill *f, struct err *err)
{
    if (f->head->segment_count < f->room)
        return RC_OK;
    size_t room = f->room == 0 ? 32 : 2 * f->room;
    struct head_segment *more = realloc(f->head->segments, room * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    f->head->segments = more;
    f->room = room;
    return RC_OK;
}

static enum rc
fill_run(void *arg, int64_t first, int64_t last, struct err *err)
{
    struct fill *f = arg;
    enum rc rc = fill_room(f, err);
    if (rc != RC_OK)
        return rc;
    struct head_segment *s = &f->head->segments[f->head->segment_count];
    const struct head_segment *old = former_run(f, first, last);
    if (old != NULL) {
        *s = *old;
    } else {
        rc = segment_build(f->store, f->head->author, first, last, &f->bytes, err);
        if (rc != RC_OK)
            return rc;
        s->first = first;
        s->last = last;
        s->bytes = (int64_t)f->bytes.len;
        sha256_hex(s->sha256, buf_str(&f->bytes), f->bytes.len);
    }
    f->head->segment_count++;
    return RC_OK;
}

enum rc
segment_fill(const struct store *store, struct head *h, const struct head *former, struct err *err)
{
    struct fill f = {.store = store, .head = h, .former = former};
    buf_init(&f.bytes, SEGMENT_MAX);
    enum rc rc = segment_cut(h->entries, fill_size, fill_run, &f, err);
    buf_release(&f.bytes);
    return rc;
}
