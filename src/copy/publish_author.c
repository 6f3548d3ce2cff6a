#include "copy/publish_author.h"

#include <stdio.h>
#include <string.h>

#include "copy/newest.h"
#include "copy/segment.h"

/* One author on its way to one copy. */
struct sending {
    struct publish *p;
    const char *author;
    int own;
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

/* What the copy once showed must still be there. */
static enum rc
check_seen(struct sending *s, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    int found = 0;
    if (s->seen.number == 0)
        return RC_OK;
    enum rc rc = newest_get(s->p->copy->remote, s->author, s->seen.number, &s->there, &found, err);
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

/* A head of mine that I do not know: I am the older one of two. */
static enum rc
check_mine(struct sending *s, struct err *err)
{
    int beyond = 0;
    if (!s->own)
        return RC_OK;
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

static enum rc
load_heads(struct sending *s, struct err *err)
{
    struct mark former;
    enum rc rc = head_peek(&s->head, buf_str(&s->object), s->object.len, "a held head", err);
    if (rc == RC_OK)
        rc = held_at(s->p->store, s->author, s->seen.number, &former, &s->object, err);
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

static enum rc
send_segments(struct sending *s, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < s->head.segment_count; i++) {
        if (segment_find(&s->former, &s->head.segments[i]) == NULL)
            rc = send_segment(s, &s->head.segments[i], err);
    }
    return rc;
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
        head_name(name, s->author, next.number);
        rc = remote_create_once(s->p->copy->remote, name, buf_str(&s->object), s->object.len, err);
        if (rc == RC_CREATE_ONCE) {
            int found = 0;
            struct err scratch = ERR_INIT;
            if (newest_get(s->p->copy->remote, s->author, next.number, &s->there, &found,
                           &scratch) != RC_OK)
                buf_clear(&s->there);
            return forked(s, next.number, err);
        }
        if (rc != RC_OK)
            return rc;
        s->p->report->heads++;
    }
}

/* Never below what is there: the other author may have published more since. */
static enum rc
send_hint(struct sending *s, struct err *err)
{
    char name[OBJECT_NAME];
    char text[32];
    int64_t there = 0;
    enum rc rc = newest_hint(s->p->copy->remote, s->author, &there, err);
    if (rc != RC_OK || there >= s->newest.number)
        return rc;
    newest_name(name, s->author);
    (void)snprintf(text, sizeof text, "%lld\n", (long long)s->newest.number);
    return remote_put(s->p->copy->remote, name, text, strlen(text), err);
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
    if (rc != RC_OK || s->newest.number <= s->seen.number)
        return rc;
    rc = load_heads(s, err);
    if (rc == RC_OK)
        rc = send_segments(s, err);
    if (rc == RC_OK)
        rc = send_heads(s, err);
    return rc == RC_OK ? send_hint(s, err) : rc;
}

enum rc
publish_author(struct publish *p, const char *author, struct mark *shown, struct err *err)
{
    struct sending s = {.p = p, .author = author};
    memset(shown, 0, sizeof *shown);
    s.own = strcmp(author, p->store->self.author) == 0;
    buf_init(&s.object, LIMIT_SMALL_FILE);
    buf_init(&s.there, LIMIT_SMALL_FILE);
    buf_init(&s.segment, SEGMENT_MAX);
    enum rc rc = send_author(&s, err);
    if (rc == RC_OK)
        *shown = s.newest.number >= s.seen.number ? s.newest : s.seen;
    head_release(&s.head);
    head_release(&s.former);
    buf_release(&s.object);
    buf_release(&s.there);
    buf_release(&s.segment);
    return rc;
}
