#include "copy/pull_author.h"

#include <stdio.h>
#include <string.h>

#include "copy/known.h"
#include "copy/newest.h"
#include "copy/pull_own.h"
#include "copy/segment.h"
#include "escrow/log.h"
#include "escrow/settle.h"

/* One author being pulled. */
struct taking {
    struct pull *p;
    const char *author;
    struct log_end had; /* the log before */
    struct log_end end; /* the log now */
    struct mark held;   /* the newest held head */
    struct mark seen;   /* what this copy showed last */
    struct buf object;  /* the newest head there */
    struct buf segment;
    struct pulled *out;
    int64_t stop;                /* take no entry after this one; LIMIT_NUMBER: all */
    char what[OBJECT_NAME + 80]; /* names the head in messages */
};

/* ---- what the copy shows against what is known ---- */

static enum rc
forked(struct taking *t, const char *why, struct err *err)
{
    struct pull *p = t->p;
    (void)err_set(err, RC_COPY_FORKED, "copy %s shows another history of author %s", p->copy->name,
                  t->author);
    (void)err_why(err, "%s", why);
    if (strcmp(t->author, p->store->self.author) == 0)
        (void)err_hint(err, "this is this store's own author: is there a clone of the store? end "
                            "one of the two, then go on under a new author id: keymuster join "
                            "--from URL -C DIR\n"
                            "if the whole machine was restored from a backup: keymuster sync "
                            "--accept-risk \"why\" records again what only this store has");
    else
        (void)err_hint(err, "nothing was taken in; both histories are kept as evidence: ask who "
                            "runs that store and that copy");
    buf_clear(&p->evidence);
    buf_add(&p->evidence, buf_str(&t->object), t->object.len);
    (void)snprintf(p->evidence_author, sizeof p->evidence_author, "%s", t->author);
    head_name(p->evidence_what, t->author, t->out->head.number);
    return RC_COPY_FORKED;
}

static enum rc
rolled_back(struct taking *t, const char *why, struct err *err)
{
    const char *name = t->p->copy->name;
    (void)err_set(err, RC_COPY_ROLLED_BACK, "copy %s is rolled back: author %s", name, t->author);
    (void)err_why(err, "%s", why);
    return err_hint(err, "find out who put an older state there; this store still has everything\n"
                         "to begin anew there: empty that place, then keymuster copy add NAME URL");
}

/* Behind what this copy once showed is never normal. */
static enum rc
check_seen(struct taking *t, int64_t number, struct err *err)
{
    char why[160];
    if (number >= t->seen.number)
        return RC_OK;
    (void)snprintf(why, sizeof why, "it once showed head %lld with %lld entries, now head %lld",
                   (long long)t->seen.number, (long long)t->seen.entries, (long long)number);
    return rolled_back(t, why, err);
}

/* A head that was held or seen before has the bytes it had. */
static enum rc
check_same(struct taking *t, const struct mark *known, int *same, struct err *err)
{
    const struct head *h = &t->out->head;
    char why[160];
    if (known->number != h->number)
        return RC_OK;
    *same = 1;
    if (memcmp(known->hash, h->hash, HASH_SIZE) == 0)
        return RC_OK;
    (void)snprintf(why, sizeof why, "its head %lld is not the one that is known here",
                   (long long)h->number);
    return forked(t, why, err);
}

/* Two heads of one author: the higher number never has fewer entries, and follows the lower. */
static enum rc
check_order(struct taking *t, const struct mark *known, struct err *err)
{
    const struct head *h = &t->out->head;
    char why[200];
    if (known->number == 0 || known->number == h->number)
        return RC_OK;
    if (known->number > h->number) {
        if (h->entries <= known->entries)
            return RC_OK;
        (void)snprintf(why, sizeof why, "its head %lld has more entries than head %lld, known here",
                       (long long)h->number, (long long)known->number);
        return forked(t, why, err);
    }
    if (h->entries < known->entries) {
        (void)snprintf(why, sizeof why, "head %lld had %lld entries, head %lld has only %lld",
                       (long long)known->number, (long long)known->entries, (long long)h->number,
                       (long long)h->entries);
        return rolled_back(t, why, err);
    }
    if (h->number == known->number + 1 && memcmp(h->previous, known->hash, HASH_SIZE) != 0) {
        (void)snprintf(why, sizeof why, "its head %lld does not follow head %lld, known here",
                       (long long)h->number, (long long)known->number);
        return forked(t, why, err);
    }
    return RC_OK;
}

static enum rc
check_line(struct taking *t, int64_t seq, const unsigned char hash[HASH_SIZE], struct err *err)
{
    unsigned char mine[HASH_SIZE];
    char why[120];
    int found = 0;
    enum rc rc = held_line(t->p->store, t->author, seq, mine, &found, err);
    if (rc != RC_OK || (found && memcmp(mine, hash, HASH_SIZE) == 0))
        return rc;
    (void)snprintf(why, sizeof why, "its entry %lld is not the one that is held here",
                   (long long)seq);
    return forked(t, why, err);
}

static enum rc
check_head(struct taking *t, struct err *err)
{
    const struct head *h = &t->out->head;
    struct mark at;
    int same = 0;
    enum rc rc = held_at(t->p->store, t->author, h->number, &at, NULL, err);
    if (rc == RC_OK)
        rc = check_same(t, &at, &same, err);
    if (rc == RC_OK)
        rc = check_same(t, &t->seen, &same, err);
    if (rc == RC_OK && !same)
        rc = check_order(t, &t->held, err);
    if (rc == RC_OK && !same)
        rc = check_order(t, &t->seen, err);
    if (rc == RC_OK && h->entries <= t->had.seq)
        rc = check_line(t, h->entries, h->last, err);
    return rc;
}

/* ---- lines ---- */

enum rc
pull_segment(struct copy *copy, const char *author, int64_t number, const struct head_segment *s,
             struct buf *out, struct err *err)
{
    char name[OBJECT_NAME];
    char sha[HASH_TEXT + 1];
    enum rc rc = newest_go_on(err);
    if (rc != RC_OK)
        return rc;
    segment_name(name, author, s);
    buf_release(out);
    buf_init(out, (size_t)s->bytes);
    rc = remote_get(copy->remote, name, out, err);
    if (rc == RC_NOT_FOUND) {
        (void)err_set(err, RC_COPY_GAP, "copy %s lacks %s", copy->name, name);
        (void)err_why(err, "head %lld of its author lists it", (long long)number);
        (void)err_hint(err, "a store that holds the entries can make a whole copy elsewhere: "
                            "keymuster copy add NAME URL");
        return RC_COPY_GAP;
    }
    if (rc != RC_OK)
        return rc;
    sha256_hex(sha, buf_str(out), out->len);
    if (out->len == (size_t)s->bytes && strcmp(sha, s->sha256) == 0)
        return RC_OK;
    (void)err_set(err, RC_COPY_TAMPERED, "%s at copy %s was altered", name, copy->name);
    (void)err_why(err, "it has %zu bytes with another hash than its name says", out->len);
    return err_hint(err, "treat the copy as hostile; other copies and stores still hold the "
                         "entries");
}

static enum rc
get_segment(struct taking *t, const struct head_segment *s, struct err *err)
{
    return pull_segment(t->p->copy, t->author, t->out->head.number, s, &t->segment, err);
}

/* A line whose bytes the author signed but that breaks the rules of a log. */
static enum rc
check_place(struct taking *t, const struct entry *e, int64_t seq, struct err *err)
{
    if (strcmp(e->author, t->author) != 0)
        return err_set(err, RC_CHAIN, "entry %lld of author %s says that it is author %s's",
                       (long long)seq, t->author, e->author);
    if (e->seq != seq)
        return err_set(err, RC_CHAIN, "entry %lld of author %s says that it is entry %lld",
                       (long long)seq, t->author, (long long)e->seq);
    return RC_OK;
}

static enum rc
take_line(struct taking *t, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct entry e = {0};
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc == RC_MALFORMED) {
        char why[sizeof err->why];
        (void)snprintf(why, sizeof why, "%.500s", err->msg);
        rc = err_set(err, RC_CHAIN, "entry %lld of author %s is malformed", (long long)seq,
                     t->author);
        (void)err_why(err, "%s", why);
    }
    if (rc == RC_OK)
        rc = check_place(t, &e, seq, err);
    if (rc == RC_OK && seq <= t->had.seq) {
        rc = check_line(t, seq, e.hash, err);
    } else if (rc == RC_OK) {
        if (seq == t->had.seq + 1 && seq > 1 && memcmp(e.prev, t->had.hash, HASH_SIZE) != 0)
            rc = forked(t, "its new entries do not follow the last one that is held here", err);
        else
            rc = log_receive(t->p->store, &e, &t->end, err);
        if (rc == RC_OK)
            t->out->new_entries++;
    }
    entry_release(&e);
    return rc;
}

static enum rc
line_count(struct taking *t, const struct head_segment *s, struct err *err)
{
    char name[OBJECT_NAME];
    long long lines = (long long)s->last - s->first + 1;
    segment_name(name, t->author, s);
    (void)err_set(err, RC_COPY_GAP, "%s at copy %s does not hold %lld lines", name,
                  t->p->copy->name, lines);
    return RC_COPY_GAP;
}

static enum rc
take_segment(struct taking *t, const struct head_segment *s, struct err *err)
{
    enum rc rc = get_segment(t, s, err);
    if (rc == RC_OK && t->p->store->trust_dirty) /* so that lines are applied while in hand */
        rc = apply_settle(t->p->store, err);
    const char *at = buf_str(&t->segment);
    const char *end = at + t->segment.len;
    int64_t seq = s->first;
    for (; rc == RC_OK && at < end && seq <= t->stop; seq++) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (lf == NULL || seq > s->last)
            return line_count(t, s, err);
        rc = take_line(t, seq, at, (size_t)(lf - at), err);
        at = lf + 1;
    }
    if (rc == RC_OK && seq > t->stop)
        return RC_OK;
    return rc == RC_OK && seq != s->last + 1 ? line_count(t, s, err) : rc;
}

static enum rc
take_lines(struct taking *t, struct err *err)
{
    const struct head *h = &t->out->head;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < h->segment_count; i++) {
        if (h->segments[i].first > t->stop)
            break;
        if (h->segments[i].last > t->had.seq || (t->p->flags & PULL_DEEP) != 0)
            rc = take_segment(t, &h->segments[i], err);
    }
    if (rc != RC_OK || h->entries <= t->had.seq || t->stop < h->entries)
        return rc;
    if (t->end.seq == h->entries && memcmp(t->end.hash, h->last, HASH_SIZE) == 0)
        return RC_OK;
    return err_set(err, RC_CHAIN, "the log of author %s does not end as %s says", t->author,
                   t->what);
}

/* ---- the author's key ---- */

/* By the log as held. pub->text "" when it is not known. */
static enum rc
held_key(struct taking *t, struct sign_public *pub, struct err *err)
{
    struct store *store = t->p->store;
    struct stmt *q = NULL;
    memset(pub, 0, sizeof *pub);
    if (strcmp(t->author, store->self.author) == 0)
        *pub = store->self;
    else if (strcmp(t->author, store->founder.author) == 0)
        *pub = store->founder;
    if (pub->text[0] != '\0')
        return RC_OK;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT public_key FROM author_key WHERE author = ?1 UNION ALL SELECT public_key"
                 " FROM trust_fact WHERE subject = ?1 AND public_key IS NOT NULL",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, t->author);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        if (sign_public_parse(pub, col_text(q, 0)) == 0 && strcmp(pub->author, t->author) == 0)
            break;
        memset(pub, 0, sizeof *pub);
    }
    stmt_done(q);
    return rc;
}

/* The first line of a log carries its author's key, and the author id proves it. */
static enum rc
first_key(struct taking *t, struct sign_public *pub, struct err *err)
{
    struct head peeked = {0};
    struct entry e = {0};
    enum rc rc = head_peek(&peeked, buf_str(&t->object), t->object.len, t->what, err);
    if (rc == RC_OK)
        rc = segment_check(&peeked, t->what, err);
    if (rc == RC_OK)
        rc = get_segment(t, &peeked.segments[0], err);
    const char *line = buf_str(&t->segment);
    const char *lf = rc == RC_OK && t->segment.len > 0 ? memchr(line, '\n', t->segment.len) : NULL;
    if (rc == RC_OK && lf == NULL)
        rc = line_count(t, &peeked.segments[0], err);
    if (rc == RC_OK)
        rc = entry_parse(&e, line, (size_t)(lf - line), err);
    const char *text = rc == RC_OK ? json_gets(e.body, "public_key") : NULL;
    if (rc == RC_OK &&
        (text == NULL || sign_public_parse(pub, text) != 0 || strcmp(pub->author, t->author) != 0))
        rc = err_set(err, RC_CHAIN, "the first entry of author %s does not carry its key",
                     t->author);
    entry_release(&e);
    head_release(&peeked);
    return rc;
}

/* ---- all of it ---- */

static enum rc
open_head(struct taking *t, int64_t number, struct err *err)
{
    struct head *h = &t->out->head;
    struct sign_public pub;
    char name[OBJECT_NAME];
    head_name(name, t->author, number);
    (void)snprintf(t->what, sizeof t->what, "%s at copy %s", name, t->p->copy->name);
    enum rc rc = held_key(t, &pub, err);
    if (rc == RC_OK && pub.text[0] == '\0')
        rc = first_key(t, &pub, err);
    if (rc == RC_OK)
        rc = head_parse(h, buf_str(&t->object), t->object.len, &pub, t->what, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(h->escrow, t->p->store->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "%s belongs to another escrow", t->what);
        return err_why(err, "it names escrow %s", h->escrow);
    }
    if (h->number != number) {
        (void)err_set(err, RC_COPY_TAMPERED, "%s is another object than its name says", t->what);
        return err_why(err, "it is head %lld", (long long)h->number);
    }
    return segment_check(h, t->what, err);
}

static enum rc
load_known(struct taking *t, struct err *err)
{
    struct store *store = t->p->store;
    enum rc rc = log_end(store, t->author, &t->had, err);
    t->end = t->had;
    if (rc == RC_OK)
        rc = held_newest(store, t->author, LIMIT_NUMBER, &t->held, NULL, err);
    if (rc == RC_OK)
        rc = seen_get(store, t->p->copy->id, t->author, &t->seen, err);
    return rc;
}

/*
 * PULL_QUICK: all that this copy showed is held, and the next head is not there. Whether it still
 * shows what it showed is not asked here: publishing does. t->out->head is as held.
 */
static enum rc
nothing_new(struct taking *t, int *yes, struct err *err)
{
    struct mark at;
    struct buf next;
    int found = 0;
    *yes = 0;
    if ((t->p->flags & PULL_QUICK) == 0 || t->seen.number == 0 || t->had.seq < t->seen.entries)
        return RC_OK;
    enum rc rc = held_at(t->p->store, t->author, t->seen.number, &at, &t->object, err);
    if (rc != RC_OK || at.number == 0 || memcmp(at.hash, t->seen.hash, HASH_SIZE) != 0)
        return rc;
    buf_init(&next, LIMIT_SMALL_FILE);
    rc = newest_get(t->p->copy->remote, t->author, at.number + 1, &next, &found, err);
    buf_release(&next);
    *yes = rc == RC_OK && !found;
    if (*yes)
        rc = head_peek(&t->out->head, buf_str(&t->object), t->object.len, "a held head", err);
    t->out->lagging = *yes && at.entries < t->had.seq;
    return rc;
}

static enum rc
take(struct taking *t, struct err *err)
{
    int known = 0;
    int64_t number = 0;
    struct mark mark;
    struct own_fork fork = {0};
    struct head *h = &t->out->head;
    int own = strcmp(t->author, t->p->store->self.author) == 0;
    enum rc rc = load_known(t, err);
    if (rc == RC_OK)
        rc = nothing_new(t, &known, err);
    if (rc != RC_OK || known)
        return rc;
    rc = newest_find(t->p->copy->remote, t->author, t->seen.number, t->held.number, &number,
                     &t->object, err);
    if (rc == RC_OK)
        rc = check_seen(t, number, err);
    if (rc != RC_OK || number == 0) {
        t->out->lagging = rc == RC_OK && t->had.seq > 0;
        return rc;
    }
    rc = open_head(t, number, err);
    if (rc == RC_OK && own)
        rc = own_fork_cut(&fork, t->p, h, err);
    if (rc == RC_OK && own)
        rc = load_known(t, err);
    if (rc == RC_OK)
        rc = check_head(t, err);
    if (rc == RC_OK)
        rc = take_lines(t, err);
    if (rc != RC_OK)
        t->out->good = t->end.seq;
    if (rc == RC_OK)
        rc = held_add(t->p->store, h, &t->object, err);
    mark_of(&mark, h);
    if (rc == RC_OK)
        rc = seen_raise(t->p->store, t->p->copy->id, t->author, &mark, err);
    if (rc == RC_OK)
        rc = known_looked(t->p->store, t->p->copy->id, t->author, err);
    t->out->lagging = h->entries < t->had.seq;
    if (rc == RC_OK && own)
        rc = own_fork_append(&fork, t->p, h->entries, err);
    t->out->again = fork.again;
    t->out->known = fork.known;
    own_fork_release(&fork);
    return rc;
}

enum rc
pull_author(struct pull *p, const char *author, struct pulled *out, struct err *err)
{
    struct taking t = {.p = p, .author = author, .out = out, .stop = LIMIT_NUMBER};
    memset(out, 0, sizeof *out);
    buf_init(&t.object, LIMIT_SMALL_FILE);
    buf_init(&t.segment, SEGMENT_MAX);
    enum rc rc = take(&t, err);
    if (rc != RC_OK) {
        p->store->tail.known = 0; /* the caller rolls back */
        head_release(&out->head);
    }
    buf_release(&t.object);
    buf_release(&t.segment);
    return rc;
}

/* ---- what verified of a log that does not ---- */

enum { OLDER_HEADS = 64 }; /* looked at; a thief who published more has hidden the rest */

/* One older head: lines that the newest could not give, for its runs lie there under other names.
 * *held: it became the newest that is held. RC_NOT_FOUND: there is none. */
static enum rc
try_older(struct taking *t, int64_t number, int *held, struct err *err)
{
    struct head *h = &t->out->head;
    struct err scratch = ERR_INIT;
    char name[OBJECT_NAME];
    head_name(name, t->author, number);
    buf_clear(&t->object);
    head_release(h);
    enum rc rc = remote_get(t->p->copy->remote, name, &t->object, err);
    if (rc == RC_OK)
        rc = open_head(t, number, err);
    if (rc != RC_OK)
        return rc;
    if (h->entries > t->end.seq) {
        t->had = t->end;
        t->stop = LIMIT_NUMBER;
        err_ignore(take_lines(t, &scratch)); /* what it gave is signed, whatever it lacks */
    }
    if (h->entries > t->end.seq)
        return RC_OK;
    rc = check_line(t, h->entries, h->last, err);
    if (rc == RC_OK)
        rc = held_add(t->p->store, h, &t->object, err);
    *held = rc == RC_OK;
    return rc;
}

/* An older head without which nobody else could be given these lines. None is no failure: a copy
 * that was completed by another store has only the newest. */
static enum rc
take_older(struct taking *t, int64_t newest, struct err *err)
{
    int held = 0;
    enum rc rc = RC_OK;
    for (int64_t n = newest - 1;
         rc == RC_OK && !held && n > t->held.number && n >= newest - OLDER_HEADS; n--) {
        struct err scratch = ERR_INIT;
        if (try_older(t, n, &held, &scratch) != RC_OK)
            return RC_OK; /* no better than the newest */
        rc = newest_go_on(err);
    }
    return rc;
}

static enum rc
take_good(struct taking *t, struct err *err)
{
    int64_t number = 0;
    enum rc rc = load_known(t, err);
    if (rc == RC_OK)
        rc = newest_find(t->p->copy->remote, t->author, t->seen.number, t->held.number, &number,
                         &t->object, err);
    if (rc == RC_OK && number == 0)
        return RC_OK;
    if (rc == RC_OK)
        rc = open_head(t, number, err);
    if (rc == RC_OK)
        rc = take_lines(t, err);
    return rc == RC_OK ? take_older(t, number, err) : rc;
}

enum rc
pull_author_good(struct pull *p, const char *author, int64_t good, struct err *err)
{
    struct pulled out = {0};
    struct taking t = {.p = p, .author = author, .out = &out, .stop = good};
    buf_init(&t.object, LIMIT_SMALL_FILE);
    buf_init(&t.segment, SEGMENT_MAX);
    enum rc rc = take_good(&t, err);
    if (rc != RC_OK)
        p->store->tail.known = 0; /* likewise */
    head_release(&out.head);
    buf_release(&t.object);
    buf_release(&t.segment);
    return rc;
}
