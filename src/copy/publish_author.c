#include "copy/publish_author.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "copy/known.h"
#include "copy/newest.h"
#include "copy/segment.h"
#include "escrow/trust.h"

enum { HINT_EVERY = 16 }; /* heads: a reader asks upward from a hint */

/* One author on its way to one copy. */
struct sending {
    struct publish *p;
    const char *author;
    int own;
    struct published *out;
    struct mark newest; /* held */
    struct mark seen;   /* what the copy showed last */
    struct head head;   /* the newest, parsed */
    struct head former; /* the one seen there, if it is held: its runs are there already */
    struct buf object;  /* bytes of a held head */
    struct buf there;   /* bytes of an object at the copy */
    struct buf segment;
};

static enum rc
forked(struct sending *s, int64_t number, struct err *err)
{
    char what[OBJECT_NAME];
    head_name(what, s->author, number);
    (void)err_set(err, RC_COPY_FORKED, "%s at copy %s is not the head that is held here", what,
                  s->p->copy->name);
    if (s->own) {
        (void)err_why(err,
                      "somebody else published head %lld as this author: is there a clone of "
                      "this store, or was it restored from a backup?",
                      (long long)number);
        (void)err_hint(err,
                       "restored from a backup: keymuster sync takes in what was published and "
                       "records again what only this store has\n"
                       "a clone: end one of the two first; both heads are kept as evidence");
    } else {
        (void)err_why(err, "author %s has two heads with number %lld", s->author,
                      (long long)number);
        (void)err_hint(err, "both heads are kept as evidence; ask who runs that store");
    }
    evidence_keep(s->p->store, s->p->copy, s->author, what, &s->there);
    return err->code;
}

static void
known_name(char out[OBJECT_NAME], const char *kind, const char *author)
{
    (void)snprintf(out, OBJECT_NAME, "%s/%s", kind, author);
}

/* What the copy once showed must still be there. */
static enum rc
check_seen(struct sending *s, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    char what[OBJECT_NAME];
    struct known known;
    int found = 0;
    known_name(what, "head", s->author);
    enum rc rc = known_get(s->p->store, s->p->copy->id, what, &known, err);
    if (rc != RC_OK || s->seen.number == 0 || PLANTED("no-look") ||
        (known.recent && !s->p->every && s->newest.number <= s->seen.number))
        return rc;
    s->out->looked = 1;
    rc = newest_get(s->p->copy->remote, s->author, s->seen.number, &s->there, &found, err);
    if (rc != RC_OK)
        return rc;
    if (!found) {
        (void)err_set(err, RC_COPY_ROLLED_BACK, "copy %s is rolled back", s->p->copy->name);
        (void)err_why(err, "it once showed head %lld of author %s, which is gone",
                      (long long)s->seen.number, s->author);
        return err_hint(err,
                        "find out who put an older state there; this store still has everything\n"
                        "to begin anew there: empty that place, then keymuster copy add NAME URL");
    }
    sha256(hash, buf_str(&s->there), s->there.len);
    return memcmp(hash, s->seen.hash, HASH_SIZE) == 0 ? RC_OK : forked(s, s->seen.number, err);
}

/* Whether the copy has heads of mine that I do not. */
static enum rc
look_beyond(struct sending *s, struct err *err)
{
    int beyond = 0;
    enum rc rc = newest_own(s->p->store, s->p->copy->remote, s->seen.number, &s->newest, &s->object,
                            &beyond, err);
    if (rc != RC_OK || !beyond)
        return rc;
    (void)err_set(err, RC_STORE_OLD, "copy %s shows more of this author than the store holds",
                  s->p->copy->name);
    (void)err_why(err, "it has head %lld, this store has %lld: was it restored from a backup?",
                  (long long)s->newest.number + 1, (long long)s->newest.number);
    return err_hint(err, "`keymuster sync` pulls back what this author published");
}

/* A head of mine that I do not know: I am the older one of two. Where a head is created once and
 * for all, sending the next one tells as well. */
static enum rc
check_mine(struct sending *s, struct err *err)
{
    int enforced = 0;
    if (!s->own)
        return RC_OK;
    enum rc rc = known_enforced(s->p->store, s->p->copy, &enforced, err);
    int unsent = s->seen.number < s->newest.number;
    if (rc != RC_OK ||
        (!s->p->every && s->seen.number <= s->newest.number && (enforced || !unsent)))
        return rc;
    return look_beyond(s, err);
}

static enum rc
load_heads(struct sending *s, struct err *err)
{
    struct mark former;
    enum rc rc = head_peek(&s->head, buf_str(&s->object), s->object.len, "a held head", err);
    if (rc == RC_OK)
        rc = held_at(s->p->store, s->author, s->seen.number, &former, &s->object, err);
    /* Its runs are said to be there already, so it has to be the very head that was seen there. */
    if (rc == RC_OK && former.number > 0 && memcmp(former.hash, s->seen.hash, HASH_SIZE) != 0)
        return forked(s, s->seen.number, err);
    if (rc == RC_OK && former.number > 0)
        rc = head_peek(&s->former, buf_str(&s->object), s->object.len, "a held head", err);
    return rc;
}

static enum rc
send_segment(struct sending *s, const struct head_segment *run, struct err *err)
{
    char name[OBJECT_NAME];
    char sha[HASH_TEXT + 1];
    enum rc rc = newest_go_on(err);
    if (rc == RC_OK)
        rc = segment_build(s->p->store, s->author, run->first, run->last, &s->segment, err);
    if (rc != RC_OK)
        return rc;
    sha256_hex(sha, buf_str(&s->segment), s->segment.len);
    segment_name(name, s->author, run);
    if (strcmp(sha, run->sha256) != 0) {
        (void)err_set(err, RC_STORE_CORRUPT, "entries %lld to %lld of author %s were altered",
                      (long long)run->first, (long long)run->last, s->author);
        return err_hint(err, "keymuster verify --log");
    }
    rc = remote_create_once(s->p->copy->remote, name, buf_str(&s->segment), s->segment.len, err);
    if (rc == RC_CREATE_ONCE) {
        /* Its name holds its hash: whatever is there is not what anybody published. */
        err->code = RC_COPY_TAMPERED;
        rc = RC_COPY_TAMPERED;
    }
    if (rc == RC_OK)
        s->p->report->segments++;
    return rc;
}

/* Those that the head lists and one that is there already does not. */
static enum rc
send_segments(struct sending *s, const struct head *h, const struct head *former, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < h->segment_count; i++) {
        if (segment_find(former, &h->segments[i]) == NULL)
            rc = send_segment(s, &h->segments[i], err);
    }
    return rc;
}

/*
 * Of a head in between: whoever looks before the last one has arrived, or finds that it never did,
 * takes it for the newest, and must be able to read it. Not where nothing was shown before: there
 * the first one promises nothing yet.
 */
static enum rc
send_between(struct sending *s, struct err *err)
{
    struct head h = {0};
    enum rc rc = head_peek(&h, buf_str(&s->object), s->object.len, "a held head", err);
    if (rc == RC_OK)
        rc = send_segments(s, &h, &s->former, err);
    head_release(&s->former);
    s->former = h;
    return rc;
}

/* The number has been taken: by whoever went on from where this store was, or for a fork. */
static enum rc
taken(struct sending *s, int64_t number, struct err *err)
{
    int found = 0;
    struct err scratch = ERR_INIT;
    if (s->own && look_beyond(s, &scratch) == RC_STORE_OLD) {
        *err = scratch;
        return RC_STORE_OLD;
    }
    err_clear(&scratch);
    if (newest_get(s->p->copy->remote, s->author, number, &s->there, &found, &scratch) != RC_OK)
        buf_clear(&s->there);
    return forked(s, number, err);
}

/* All held heads that the copy has not shown. */
static enum rc
send_heads(struct sending *s, struct err *err)
{
    char name[OBJECT_NAME];
    struct mark next = {.number = s->seen.number};
    for (;;) {
        enum rc rc = newest_go_on(err);
        if (rc == RC_OK)
            rc = held_next(s->p->store, s->author, next.number, &next, &s->object, err);
        if (rc != RC_OK || next.number == 0)
            return rc;
        if (s->seen.number > 0 && !PLANTED("head-first"))
            rc = send_between(s, err);
        if (rc != RC_OK)
            return rc;
        head_name(name, s->author, next.number);
        rc = remote_create_once(s->p->copy->remote, name, buf_str(&s->object), s->object.len, err);
        if (rc == RC_CREATE_ONCE)
            return taken(s, next.number, err);
        if (rc != RC_OK)
            return rc;
        s->p->report->heads++;
    }
}

/* The number that newest/ of this store's author holds, as written from here; 0 when that is not
 * known. */
static enum rc
hint_written(struct sending *s, int64_t *number, struct err *err)
{
    char name[OBJECT_NAME];
    struct known known;
    newest_name(name, s->author);
    enum rc rc = known_get(s->p->store, s->p->copy->id, name, &known, err);
    *number = strtoll(known.value, NULL, 10);
    return rc;
}

/*
 * Own: written here alone, or by who carries what was sent here; so it need not be read, and
 * between two rewritings readers ask upward from it. Of another author never below what is there:
 * he may have published more since.
 */
static enum rc
send_hint(struct sending *s, struct err *err)
{
    char name[OBJECT_NAME];
    char text[32];
    int64_t there = 0;
    enum rc rc = s->own ? hint_written(s, &there, err)
                        : newest_hint(s->p->copy->remote, s->author, &there, err);
    int64_t behind = s->newest.number - there;
    if (rc != RC_OK || behind <= 0 || (s->own && there > 0 && !s->p->every && behind < HINT_EVERY))
        return rc;
    newest_name(name, s->author);
    (void)snprintf(text, sizeof text, "%lld\n", (long long)s->newest.number);
    rc = remote_put(s->p->copy->remote, name, text, strlen(text), err);
    s->out->hint = rc == RC_OK && s->own ? s->newest.number : 0;
    return rc;
}

static enum rc
send_author(struct sending *s, struct err *err)
{
    enum rc rc = held_newest(s->p->store, s->author, LIMIT_NUMBER, &s->newest, &s->object, err);
    if (rc == RC_OK)
        rc = seen_get(s->p->store, s->p->copy->id, s->author, &s->seen, err);
    if (rc == RC_OK)
        rc = check_seen(s, err);
    if (rc == RC_OK)
        rc = check_mine(s, err);
    if (rc != RC_OK || s->newest.number == 0)
        return rc;
    if (s->newest.number <= s->seen.number)
        return s->own && s->p->every ? send_hint(s, err) : RC_OK;
    rc = load_heads(s, err);
    if (rc == RC_OK && s->seen.number == 0 && !PLANTED("head-first"))
        rc = send_segments(s, &s->head, &s->former, err);
    if (rc == RC_OK)
        rc = send_heads(s, err);
    if (rc == RC_OK && PLANTED("head-first"))
        rc = send_segments(s, &s->head, &s->former, err);
    s->out->looked |= rc == RC_OK;
    return rc == RC_OK ? send_hint(s, err) : rc;
}

/* Of an author whose log was ended, by a retirement or here, another story may lie there for good:
 * it is kept as evidence, and nothing else waits for it. Pulling says so. */
static int
is_ended(const struct sending *s)
{
    struct trust t;
    struct err scratch = ERR_INIT;
    return !s->own && trust_of(s->p->store, s->author, &t, &scratch) == RC_OK &&
           t.upto < LIMIT_NUMBER;
}

enum rc
publish_author(struct publish *p, const char *author, struct published *out, struct err *err)
{
    struct sending s = {.p = p, .author = author, .out = out};
    memset(out, 0, sizeof *out);
    s.own = strcmp(author, p->store->self.author) == 0;
    buf_init(&s.object, LIMIT_SMALL_FILE);
    buf_init(&s.there, LIMIT_SMALL_FILE);
    buf_init(&s.segment, SEGMENT_MAX);
    enum rc rc = send_author(&s, err);
    if (rc == RC_COPY_FORKED && is_ended(&s)) {
        err_clear(err);
        s.newest.number = 0;
        rc = RC_OK;
    }
    if (rc == RC_OK)
        out->shown = s.newest.number >= s.seen.number ? s.newest : s.seen;
    head_release(&s.head);
    head_release(&s.former);
    buf_release(&s.object);
    buf_release(&s.there);
    buf_release(&s.segment);
    return rc;
}
