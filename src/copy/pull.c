#include "copy/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/contradict.h"
#include "copy/known.h"
#include "copy/memory.h"
#include "copy/newest.h"
#include "copy/pull_author.h"
#include "copy/pull_views.h"
#include "escrow/log.h"
#include "escrow/settle.h"
#include "escrow/trust.h"
#include "text/enc.h"

/* A listing can name any number of authors; a fleet has a handful. */
enum { ROSTER_MAX = 4096 };

enum state { TODO, DONE, SKIPPED, BROKEN };

/* What did not verify of an author that has to, until all who might have retired him were heard. */
struct broken {
    struct err cause;
    struct buf evidence;
    char author[AUTHOR_TEXT + 1];
    char what[OBJECT_NAME];
};

struct row {
    char author[AUTHOR_TEXT + 1];
    enum state state;
    struct broken *broken; /* of BROKEN */
};

/* All authors to ask for, in the order in which they were heard of. */
struct roster {
    struct pull pull;
    struct pull_report *report;
    struct row *rows;
    size_t count;
};

/* ---- who there is ---- */

static enum rc
roster_add(struct roster *r, const char *author, struct err *err)
{
    if (!hex_is(author, AUTHOR_TEXT) || r->count == ROSTER_MAX)
        return RC_OK; /* a name that we did not make */
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->rows[i].author, author) == 0)
            return RC_OK;
    }
    struct row *more = realloc(r->rows, (r->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    r->rows = more;
    memset(&more[r->count], 0, sizeof *more);
    memcpy(more[r->count++].author, author, AUTHOR_TEXT + 1);
    return RC_OK;
}

static enum rc
add_listed(void *arg, const char *name, struct err *err)
{
    return roster_add(arg, name, err);
}

static enum rc
add_held(void *arg, const struct log_author *author, struct err *err)
{
    return roster_add(arg, author->author, err);
}

/* Everybody whom the logs as held name. Again after every author: his lines may name more. */
static enum rc
add_named(struct roster *r, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(r->pull.store->db, &q,
                          "SELECT DISTINCT subject FROM trust_fact ORDER BY subject", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = roster_add(r, col_text(q, 0), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* Whom this copy once showed: it has to show them still. */
static enum rc
add_seen(struct roster *r, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(r->pull.store->db, &q,
                          "SELECT author FROM copy_seen WHERE copy = ?1 ORDER BY author", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, r->pull.copy->id);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = roster_add(r, col_text(q, 0), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* Own names first: a listing that is too long must not crowd them out. */
static enum rc
roster_fill(struct roster *r, struct err *err)
{
    struct store *store = r->pull.store;
    enum rc rc = roster_add(r, store->self.author, err);
    if (rc == RC_OK)
        rc = roster_add(r, store->founder.author, err);
    if (rc == RC_OK)
        rc = log_authors(store, add_held, r, err);
    if (rc == RC_OK)
        rc = add_named(r, err);
    if (rc == RC_OK)
        rc = add_seen(r, err);
    if (rc != RC_OK || (r->pull.flags & PULL_QUICK) != 0)
        return rc;
    rc = remote_list(r->pull.copy->remote, "newest", add_listed, r, err);
    return rc == RC_OK ? remote_list(r->pull.copy->remote, "head", add_listed, r, err) : rc;
}

/* ---- one author ---- */

/*
 * Whether a log that does not verify ends the pull: my own; and that of an accepted author, unless
 * he is retired and all of his that counts is held (a stolen, retired key must not stop a site).
 */
static enum rc
is_strict(const struct roster *r, const char *author, int *strict, struct err *err)
{
    const struct store *store = r->pull.store;
    struct trust trust;
    struct log_end end;
    enum rc rc = trust_of(store, author, &trust, err);
    if (rc == RC_OK)
        rc = log_end(store, author, &end, err);
    if (rc != RC_OK)
        return rc;
    int founder = strcmp(author, store->founder.author) == 0;
    *strict = strcmp(author, store->self.author) == 0 ||
              (r->pull.must != NULL && strcmp(author, r->pull.must) == 0) ||
              (founder && strcmp(trust.standing, "unknown") == 0) ||
              (trust_accepted(&trust) && end.seq < trust.upto);
    return RC_OK;
}

static enum rc
pull_known(struct roster *r, const struct head *h, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < h->known_count; i++)
        rc = roster_add(r, h->known[i].author, err);
    return rc;
}

/* Always said: somebody put an old image in the place of this store, or runs a clone of it. */
static void
note_again(struct roster *r, const struct pulled *got)
{
    char *note = r->report->note;
    size_t len = strlen(note);
    r->report->again += got->again;
    if (got->again + got->known == 0)
        return;
    (void)snprintf(note + len, sizeof r->report->note - len,
                   "%sthis store is an old image of one that went on, or a clone of it: %lld "
                   "entr%s that only it had %s recorded again after what was published, %lld %s "
                   "there already",
                   len > 0 ? "; " : "", (long long)got->again, got->again == 1 ? "y" : "ies",
                   got->again == 1 ? "was" : "were", (long long)got->known,
                   got->known == 1 ? "was" : "were");
}

/* Likewise when nothing of this store's own contradicts it: it may be a thief of its key. */
static void
note_own(struct roster *r, const char *author, const struct pulled *got)
{
    char *note = r->report->note;
    size_t len = strlen(note);
    if (strcmp(author, r->pull.store->self.author) != 0 || got->new_entries == 0 ||
        got->head.entries == got->new_entries || got->again + got->known > 0)
        return;
    (void)snprintf(note + len, sizeof r->report->note - len,
                   "%s%lld of this store's own entries came from there: it is an old image of one "
                   "that went on, or somebody else writes with its key",
                   len > 0 ? "; " : "", (long long)got->new_entries);
}

static enum rc
pull_one(struct roster *r, const char *author, int64_t *good, struct err *err)
{
    struct pulled got = {0};
    struct trust trust = {.standing = "unknown"};
    struct pull_report *report = r->report;
    enum rc rc = pull_author(&r->pull, author, &got, err);
    if (rc == RC_OK) /* his own lines may have settled how he stands */
        rc = apply_settle(r->pull.store, err);
    if (rc == RC_OK)
        rc = trust_of(r->pull.store, author, &trust, err);
    int accepted = trust_accepted(&trust);
    if (rc == RC_OK && accepted)
        rc = pull_known(r, &got.head, err);
    if (rc == RC_OK)
        rc = add_named(r, err);
    if (rc == RC_OK) {
        note_again(r, &got);
        note_own(r, author, &got);
        report->new_entries += got.new_entries;
        report->lagging +=
            accepted && got.lagging && strcmp(author, r->pull.store->self.author) != 0;
        report->authors += got.head.number > 0;
        if (strcmp(got.head.at, report->newest_at) > 0)
            (void)snprintf(report->newest_at, sizeof report->newest_at, "%s", got.head.at);
    }
    *good = got.good;
    head_release(&got.head);
    return rc;
}

/* Failures that say something about the log, not about this machine or the way to the copy. */
static int
is_damage(enum rc rc)
{
    return rc == RC_CHAIN || rc == RC_MALFORMED || rc == RC_COPY_FOREIGN || rc == RC_COPY_GAP ||
           rc == RC_COPY_ROLLED_BACK || rc == RC_COPY_FORKED || rc == RC_COPY_TAMPERED ||
           rc == RC_COPY_SIGNATURE;
}

static void
note_skipped(struct roster *r, const char *author, const struct err *cause)
{
    char *note = r->report->note;
    size_t len = strlen(note);
    r->report->skipped++;
    (void)snprintf(note + len, sizeof r->report->note - len,
                   "%sthe log of author %s was skipped: %.200s", len > 0 ? "; " : "", author,
                   cause->msg);
}

/* An author whose lines do not count: what does not verify is left out, and said. */
static enum rc
pull_lenient(struct roster *r, struct row *row, struct err *err)
{
    char author[AUTHOR_TEXT + 1];
    size_t at = (size_t)(row - r->rows); /* the list may move */
    struct db *db = r->pull.store->db;
    struct err cause = ERR_INIT;
    memcpy(author, row->author, sizeof author);
    enum rc rc = db_exec(db, "SAVEPOINT pull", err);
    if (rc != RC_OK)
        return rc;
    int64_t good = 0;
    rc = pull_one(r, author, &good, &cause);
    if (rc == RC_OK) {
        r->rows[at].state = DONE;
        return db_exec(db, "RELEASE pull", err);
    }
    if (!is_damage(rc)) {
        *err = cause;
        return rc;
    }
    buf_clear(&r->pull.evidence);
    r->rows[at].state = SKIPPED;
    note_skipped(r, author, &cause);
    return db_exec(db, "ROLLBACK TO pull; RELEASE pull", err);
}

/* Damage that leaves what stands before it, or in older objects, as it was. */
static int
is_of_lines(enum rc rc)
{
    return rc == RC_CHAIN || rc == RC_MALFORMED || rc == RC_COPY_GAP || rc == RC_COPY_TAMPERED;
}

/* Lines of before the damage, in case all that count are among them. What they lack is found out at
 * the end. */
static enum rc
take_good(struct roster *r, const char *author, int64_t good, struct err *err)
{
    struct db *db = r->pull.store->db;
    struct err cause = ERR_INIT;
    enum rc rc = db_exec(db, "SAVEPOINT good", err);
    if (rc != RC_OK)
        return rc;
    rc = pull_author_good(&r->pull, author, good, &cause);
    if (rc == RC_OK)
        rc = apply_settle(r->pull.store, &cause);
    if (rc == RC_OK)
        rc = add_named(r, &cause);
    if (rc == RC_OK)
        return db_exec(db, "RELEASE good", err);
    if (!is_damage(rc)) {
        *err = cause;
        return rc;
    }
    return db_exec(db, "ROLLBACK TO good; RELEASE good", err);
}

static enum rc
keep_broken(struct roster *r, size_t at, const struct err *cause, struct err *err)
{
    struct pull *p = &r->pull;
    struct broken *b = calloc(1, sizeof *b);
    if (b == NULL)
        return err_nomem(err);
    b->cause = *cause;
    b->evidence = p->evidence; /* transferred */
    memcpy(b->author, p->evidence_author, sizeof b->author);
    memcpy(b->what, p->evidence_what, sizeof b->what);
    buf_init(&p->evidence, LIMIT_SMALL_FILE);
    r->rows[at].broken = b;
    r->rows[at].state = BROKEN;
    return RC_OK;
}

/*
 * An author who has to verify. When he does not, somebody who was not heard yet may have retired
 * him before that: a stolen key must not stop a site, nor a bare machine. My own log, and that of
 * the evidence that is asked for, have no such excuse.
 */
static enum rc
pull_strict(struct roster *r, struct row *row, struct err *err)
{
    char author[AUTHOR_TEXT + 1];
    size_t at = (size_t)(row - r->rows); /* the list may move */
    struct db *db = r->pull.store->db;
    struct err cause = ERR_INIT;
    int64_t good = 0;
    memcpy(author, row->author, sizeof author);
    enum rc rc = db_exec(db, "SAVEPOINT strict", err);
    if (rc != RC_OK)
        return rc;
    rc = pull_one(r, author, &good, &cause);
    if (rc == RC_OK) {
        r->rows[at].state = DONE;
        return db_exec(db, "RELEASE strict", err);
    }
    if (!is_damage(rc) || strcmp(author, r->pull.store->self.author) == 0 ||
        (r->pull.must != NULL && strcmp(author, r->pull.must) == 0)) {
        *err = cause;
        return rc;
    }
    rc = keep_broken(r, at, &cause, err);
    if (rc == RC_OK)
        rc = db_exec(db, "ROLLBACK TO strict; RELEASE strict", err);
    if (rc == RC_OK && is_of_lines(cause.code))
        rc = take_good(r, author, good, err);
    return rc;
}

/* Whoever still has to verify ends the pull now. */
static enum rc
judge_broken(struct roster *r, struct err *err)
{
    struct pull *p = &r->pull;
    for (size_t i = 0; i < r->count; i++) {
        struct broken *b = r->rows[i].broken;
        int strict = 0;
        enum rc rc = b != NULL ? is_strict(r, r->rows[i].author, &strict, err) : RC_OK;
        if (rc != RC_OK)
            return rc;
        if (strict) {
            *err = b->cause;
            buf_release(&p->evidence);
            p->evidence = b->evidence; /* transferred */
            b->evidence = (struct buf){0};
            memcpy(p->evidence_author, b->author, sizeof p->evidence_author);
            memcpy(p->evidence_what, b->what, sizeof p->evidence_what);
            return err->code;
        }
        if (b != NULL)
            note_skipped(r, r->rows[i].author, &b->cause);
    }
    return RC_OK;
}

/* ---- all authors ---- */

/* The first author who has to verify and whose turn it is; NULL when there is none. Those skipped
 * before they were admitted come again. */
static enum rc
next_strict(struct roster *r, struct row **out, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < r->count; i++) {
        int strict = 0;
        enum rc rc = RC_OK;
        if (r->rows[i].state != DONE && r->rows[i].state != BROKEN)
            rc = is_strict(r, r->rows[i].author, &strict, err);
        if (rc != RC_OK)
            return rc;
        if (strict) {
            *out = &r->rows[i];
            return RC_OK;
        }
    }
    return RC_OK;
}

static struct row *
next_todo(struct roster *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->rows[i].state == TODO)
            return &r->rows[i];
    }
    return NULL;
}

static enum rc
pull_all(struct roster *r, struct err *err)
{
    for (;;) {
        struct row *row = NULL;
        enum rc rc = newest_go_on(err);
        if (rc == RC_OK)
            rc = next_strict(r, &row, err);
        if (rc != RC_OK)
            return rc;
        if (row != NULL) {
            rc = pull_strict(r, row, err);
        } else {
            row = next_todo(r);
            if (row == NULL)
                return judge_broken(r, err);
            rc = pull_lenient(r, row, err);
        }
        if (rc != RC_OK)
            return rc;
    }
}

static enum rc
run(struct roster *r, struct err *err)
{
    struct store *store = r->pull.store;
    enum rc rc = memory_merge(store, err);
    if (rc == RC_OK)
        rc = roster_fill(r, err);
    if (rc == RC_OK)
        rc = pull_all(r, err);
    if (rc == RC_OK)
        rc = pull_views(store, r->report->note, sizeof r->report->note, err);
    if (rc != RC_OK || (r->pull.flags & PULL_DRY) != 0)
        return rc;
    rc = seen_reached(store, r->pull.copy, err);
    return rc == RC_OK && (r->pull.flags & PULL_QUICK) == 0
               ? known_set(store, r->pull.copy->id, KNOWN_ALL, "", err)
               : rc;
}

static enum rc
finish(struct roster *r, struct err *err)
{
    struct store *store = r->pull.store;
    if ((r->pull.flags & PULL_DRY) != 0) {
        log_rollback(store);
        return RC_OK;
    }
    enum rc rc = log_commit(store, err);
    if (rc == RC_OK) {
        char unsaid[256]; /* a mirror: the store itself knows */
        memory_save(store, unsaid);
    }
    return rc;
}

/* What is looked at before a dry pull is taken back; or none. */
struct look {
    pull_look_fn fn;
    void *arg;
};

static enum rc
pull(struct roster *r, const struct look *look, struct err *err)
{
    struct pull *p = &r->pull;
    memset(r->report, 0, sizeof *r->report);
    buf_init(&p->evidence, LIMIT_SMALL_FILE);
    enum rc rc = log_begin(p->store, err);
    if (rc == RC_OK) {
        rc = run(r, err);
        if (rc == RC_OK && look != NULL)
            rc = look->fn(look->arg, err);
        if (rc == RC_OK)
            rc = finish(r, err);
        else
            log_rollback(p->store);
    }
    if (rc != RC_OK && (p->flags & PULL_DRY) == 0)
        evidence_keep(p->store, p->copy, p->evidence_author, p->evidence_what, &p->evidence);
    if (rc != RC_OK && (p->flags & PULL_DRY) == 0)
        contradict_keep(p->store, p->copy, err);
    buf_release(&p->evidence);
    for (size_t i = 0; i < r->count; i++) {
        if (r->rows[i].broken != NULL)
            buf_release(&r->rows[i].broken->evidence);
        free(r->rows[i].broken);
    }
    free(r->rows);
    return rc;
}

enum rc
pull_from(struct store *store, struct copy *copy, enum pull_flags flags, struct pull_report *report,
          struct err *err)
{
    return pull_evidence(store, copy, NULL, flags, report, err);
}

enum rc
pull_evidence(struct store *store, struct copy *copy, const char *author, enum pull_flags flags,
              struct pull_report *report, struct err *err)
{
    struct roster r = {.pull = {.store = store, .copy = copy, .flags = flags, .must = author},
                       .report = report};
    return pull(&r, NULL, err);
}

enum rc
pull_preview(struct store *store, struct copy *copy, struct pull_report *report, pull_look_fn look,
             void *arg, struct err *err)
{
    struct look l = {look, arg};
    struct roster r = {.pull = {.store = store, .copy = copy, .flags = PULL_DRY}, .report = report};
    return pull(&r, &l, err);
}
