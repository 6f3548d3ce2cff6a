#include "escrow/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "escrow/cut.h"
#include "escrow/log.h"
#include "text/enc.h"

/* Unlimited: every entry counts. */
#define NO_LIMIT LIMIT_NUMBER

enum { DEPTH_TRUSTED = 1000, DEPTH_NONE = 1 << 20, FACTS_MAX = 10000 };

/*
 * The evaluation, all in memory: a fleet has a handful of authors. Everybody who is named is a node
 * once all is loaded; from then on nodes stay where they are.
 * Invariant: a node with done set has its final limit; only done nodes' facts within their limit
 * are looked at.
 */
struct node {
    char id[AUTHOR_TEXT + 1];
    int depth; /* shortest accepted chain of admissions; DEPTH_NONE if none yet */
    int rank;
    int done;
    int blocked;
    int trusted; /* by this machine */
    int64_t limit;
    int64_t cut; /* by this machine */
    const char *standing;
};

struct fact {
    char author[AUTHOR_TEXT + 1];
    int64_t seq;
    int retire;
    int spare;
    char subject[AUTHOR_TEXT + 1];
    int64_t upto;
};

struct eval {
    struct node *nodes;
    size_t node_count, node_room;
    struct fact *facts;
    size_t fact_count, fact_room;
    int next_rank;
};

/* ---- taking notes ---- */

static const char *
note_verb(const struct entry *e)
{
    if (strcmp(e->kind, "author.admitted") == 0)
        return "admit";
    return strcmp(e->kind, "author.retired") == 0 ? "retire" : NULL;
}

enum rc
trust_note(struct store *store, const struct entry *e, struct err *err)
{
    const char *verb = note_verb(e);
    if (verb == NULL)
        return RC_OK;
    int retire = verb[0] == 'r';
    const char *subject = json_gets(e->body, "author");
    const char *key = json_gets(e->body, "public_key");
    const char *last = json_gets(e->body, "last");
    unsigned char hash[HASH_SIZE];
    struct sign_public pub;
    int64_t upto = 0;
    /* A malformed one bears on nothing; apply lists it under `unapplied`. */
    if (subject == NULL || !hex_is(subject, AUTHOR_TEXT))
        return RC_OK;
    if (retire && (json_geti(e->body, "entries", &upto) != 0 || upto < 0 || last == NULL ||
                   hex_decode(hash, HASH_SIZE, last) != 0))
        return RC_OK;
    if (!retire &&
        (key == NULL || sign_public_parse(&pub, key) != 0 || strcmp(pub.author, subject) != 0))
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "INSERT INTO trust_fact (author, seq, verb, subject, public_key, spare, upto, upto_hash)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, e->author);
    stmt_int(q, 2, e->seq);
    stmt_text(q, 3, verb);
    stmt_text(q, 4, subject);
    stmt_text(q, 5, retire ? NULL : key);
    stmt_int(q, 6, json_bool(json_get(e->body, "spare")) == 1);
    stmt_int(q, 7, upto);
    if (retire)
        stmt_blob(q, 8, hash, HASH_SIZE);
    store->trust_dirty = 1;
    return stmt_run(q, err);
}

/* ---- evaluating ---- */

/* The array with room for one more; NULL without memory, and the old one is as it was. */
static void *
grown(void *old, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return old;
    size_t more = *room * 2 + 16;
    void *new = realloc(old, more * size);
    if (new != NULL)
        *room = more;
    return new;
}

/* NULL when nothing names this author. */
static struct node *
node_of(struct eval *ev, const char *id)
{
    for (size_t i = 0; i < ev->node_count; i++) {
        if (strcmp(ev->nodes[i].id, id) == 0)
            return &ev->nodes[i];
    }
    return NULL;
}

/* While all is loaded only. *out may be NULL. */
static enum rc
name_node(struct eval *ev, const char *id, struct node **out, struct err *err)
{
    struct node *n = node_of(ev, id);
    if (n == NULL) {
        struct node *all = grown(ev->nodes, ev->node_count, &ev->node_room, sizeof *all);
        if (all == NULL)
            return err_nomem(err);
        ev->nodes = all;
        n = &all[ev->node_count++];
        memset(n, 0, sizeof *n);
        (void)snprintf(n->id, sizeof n->id, "%s", id);
        n->depth = DEPTH_NONE;
        n->limit = NO_LIMIT;
        n->cut = NO_LIMIT;
        n->standing = "unknown";
    }
    if (out != NULL)
        *out = n;
    return RC_OK;
}

static enum rc
load_fact(struct eval *ev, struct stmt *q, struct err *err)
{
    if (ev->fact_count == FACTS_MAX)
        return err_set(err, RC_CHAIN, "more than %d admissions and retirements", FACTS_MAX);
    struct fact *all = grown(ev->facts, ev->fact_count, &ev->fact_room, sizeof *all);
    if (all == NULL)
        return err_nomem(err);
    ev->facts = all;
    struct fact *f = &all[ev->fact_count++];
    memset(f, 0, sizeof *f);
    (void)snprintf(f->author, sizeof f->author, "%s", col_text(q, 0));
    f->seq = col_int(q, 1);
    f->retire = col_text(q, 2)[0] == 'r';
    (void)snprintf(f->subject, sizeof f->subject, "%s", col_text(q, 3));
    f->spare = (int)col_int(q, 4);
    f->upto = col_int(q, 5);
    enum rc rc = name_node(ev, f->author, NULL, err);
    return rc == RC_OK ? name_node(ev, f->subject, NULL, err) : rc;
}

static enum rc
load_facts(const struct store *store, struct eval *ev, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT author, seq, verb, subject, spare, upto FROM trust_fact ORDER BY author, seq", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q) &&
           (rc = load_fact(ev, q, err)) == RC_OK)
        ;
    stmt_done(q);
    return rc;
}

/* Of an author that nobody admitted it changes nothing. */
static enum rc
take_cut(void *arg, const char *author, int64_t last, struct err *err)
{
    struct node *n = NULL;
    enum rc rc = name_node(arg, author, &n, err);
    if (rc == RC_OK)
        n->cut = PLANTED("no-cut") ? NO_LIMIT : last;
    return rc;
}

static enum rc
load_overrides(const struct store *store, struct eval *ev, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, "SELECT author, verdict FROM local_trust", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct node *n = NULL;
        if ((rc = name_node(ev, col_text(q, 0), &n, err)) != RC_OK)
            break;
        n->blocked = col_text(q, 1)[0] == 'b';
        n->trusted = !n->blocked;
        n->depth = DEPTH_TRUSTED; /* a blocked one too, so that the table names it */
    }
    stmt_done(q);
    return rc == RC_OK ? cut_each(store, take_cut, ev, err) : rc;
}

/* Where the node's log stops counting: the earliest retirement by a higher rank or by itself. */
static int64_t
limit_of(struct eval *ev, const struct node *n)
{
    int64_t limit = NO_LIMIT;
    for (size_t i = 0; i < ev->fact_count; i++) {
        const struct fact *f = &ev->facts[i];
        if (!f->retire || strcmp(f->subject, n->id) != 0 || f->upto >= limit)
            continue;
        const struct node *by = node_of(ev, f->author);
        if (by == n || (by->done && f->seq <= by->limit))
            limit = f->upto;
    }
    return limit;
}

static void
settle_node(struct eval *ev, struct node *n, const char *standing)
{
    n->rank = ev->next_rank++;
    n->limit = n->blocked ? 0 : (n->trusted ? NO_LIMIT : limit_of(ev, n));
    if (n->limit > n->cut)
        n->limit = n->cut;
    n->standing = n->blocked ? "blocked" : standing;
    n->done = 1;
    for (size_t i = 0; i < ev->fact_count; i++) {
        const struct fact *f = &ev->facts[i];
        if (f->retire || strcmp(f->author, n->id) != 0 || f->seq > n->limit)
            continue;
        struct node *to = node_of(ev, f->subject);
        if (!to->done && n->depth + 1 < to->depth)
            to->depth = n->depth + 1;
    }
}

/* The first spare in the founder's log ranks above the founder, so that a stolen founder's key can
 * be retired. */
static struct node *
first_spare(struct eval *ev, const char *founder)
{
    for (size_t i = 0; i < ev->fact_count; i++) { /* facts are sorted by author, then seq */
        const struct fact *f = &ev->facts[i];
        if (!f->retire && f->spare && strcmp(f->author, founder) == 0 &&
            strcmp(f->subject, founder) != 0)
            return node_of(ev, f->subject);
    }
    return NULL;
}

static struct node *
next_candidate(struct eval *ev)
{
    struct node *best = NULL;
    for (size_t i = 0; i < ev->node_count; i++) {
        struct node *n = &ev->nodes[i];
        if (n->done || n->depth == DEPTH_NONE)
            continue;
        if (best == NULL || n->depth < best->depth ||
            (n->depth == best->depth && strcmp(n->id, best->id) < 0))
            best = n;
    }
    return best;
}

static void
evaluate(const struct store *store, struct eval *ev)
{
    struct node *founder = node_of(ev, store->founder.author);
    founder->depth = 0;
    struct node *spare = first_spare(ev, store->founder.author);
    if (spare != NULL) {
        spare->depth = 1;
        settle_node(ev, spare, "spare");
    }
    settle_node(ev, founder, "founder");
    for (struct node *n = next_candidate(ev); n != NULL; n = next_candidate(ev))
        settle_node(ev, n, n->depth >= DEPTH_TRUSTED ? "trusted" : "admitted");
    struct node *self = node_of(ev, store->self.author);
    if (!self->done) {
        self->rank = ev->next_rank++;
        self->standing = "own";
        self->done = 1;
    }
}

/* ---- storing the outcome ---- */

static enum rc
store_node(struct store *store, const struct node *n, int *changed, struct err *err)
{
    struct trust old;
    enum rc rc = trust_of(store, n->id, &old, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(old.standing, n->standing) == 0 && old.rank == n->rank && old.upto == n->limit)
        return RC_OK;
    /* Without earlier lines in the tables, or with a higher limit, what is applied stays right: no
     * rebuild. */
    if (old.applied > n->limit)
        *changed = 1;
    struct stmt *q = NULL;
    rc = db_query(
        store->db, &q,
        "INSERT INTO accepted (author, rank, standing, upto, applied) VALUES (?1, ?2, ?3, ?4, 0)"
        " ON CONFLICT (author) DO UPDATE SET rank = ?2, standing = ?3, upto = ?4",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, n->id);
    stmt_int(q, 2, n->rank);
    stmt_text(q, 3, n->standing);
    stmt_int(q, 4, n->limit);
    return stmt_run(q, err);
}

/* Rows of authors that are accepted no longer. */
static enum rc
drop_others(struct store *store, struct eval *ev, int *changed, struct err *err)
{
    struct stmt *q = NULL;
    struct stmt *drop = NULL;
    enum rc rc =
        db_query(store->db, &q, "SELECT author, applied FROM accepted ORDER BY author", err);
    if (rc == RC_OK)
        rc = db_query(store->db, &drop, "DELETE FROM accepted WHERE author = ?1", err);
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        const struct node *n = node_of(ev, col_text(q, 0));
        if (n != NULL && n->done)
            continue;
        if (col_int(q, 1) > 0)
            *changed = 1;
        stmt_again(drop);
        stmt_text(drop, 1, col_text(q, 0));
        rc = stmt_row(drop, err);
    }
    stmt_done(drop);
    stmt_done(q);
    return rc;
}

static enum rc
eval_all(const struct store *store, struct eval *ev, int overrides, struct err *err)
{
    memset(ev, 0, sizeof *ev);
    enum rc rc = name_node(ev, store->founder.author, NULL, err);
    if (rc == RC_OK)
        rc = name_node(ev, store->self.author, NULL, err);
    if (rc == RC_OK)
        rc = load_facts(store, ev, err);
    if (rc == RC_OK && overrides)
        rc = load_overrides(store, ev, err);
    if (rc == RC_OK)
        evaluate(store, ev);
    return rc;
}

static void
eval_release(struct eval *ev)
{
    free(ev->nodes);
    free(ev->facts);
}

enum rc
trust_refresh(struct store *store, int *changed, struct err *err)
{
    *changed = 0;
    struct eval ev;
    enum rc rc = eval_all(store, &ev, 1, err);
    if (rc == RC_OK) { /* a store always applies its own log */
        struct node *self = node_of(&ev, store->self.author);
        self->limit = self->cut;
    }
    for (size_t i = 0; rc == RC_OK && i < ev.node_count; i++) {
        if (ev.nodes[i].done)
            rc = store_node(store, &ev.nodes[i], changed, err);
    }
    if (rc == RC_OK)
        rc = drop_others(store, &ev, changed, err);
    eval_release(&ev);
    return rc;
}

enum rc
trust_elsewhere(const struct store *store, const char *author, struct trust *out, struct err *err)
{
    struct eval ev;
    memset(out, 0, sizeof *out);
    (void)snprintf(out->standing, sizeof out->standing, "unknown");
    enum rc rc = eval_all(store, &ev, 0, err);
    const struct node *n = rc == RC_OK ? node_of(&ev, author) : NULL;
    if (n != NULL && n->done) {
        (void)snprintf(out->standing, sizeof out->standing, "%s", n->standing);
        out->rank = n->rank;
        out->upto = n->limit;
    }
    eval_release(&ev);
    return rc;
}

enum rc
trust_of(const struct store *store, const char *author, struct trust *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    (void)snprintf(out->standing, sizeof out->standing, "unknown");
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q, "SELECT standing, rank, upto, applied FROM accepted WHERE author = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        (void)snprintf(out->standing, sizeof out->standing, "%s", col_text(q, 0));
        out->rank = (int)col_int(q, 1);
        out->upto = col_int(q, 2);
        out->applied = col_int(q, 3);
    }
    stmt_done(q);
    return rc;
}

enum rc
trust_verify(const struct store *store, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT f.subject, f.upto FROM trust_fact f"
        " JOIN entry e ON e.author = f.subject AND e.seq = f.upto"
        " JOIN accepted a ON a.author = f.author AND f.seq <= a.upto"
        " JOIN accepted s ON s.author = f.subject AND (a.rank < s.rank OR s.author = a.author)"
        " WHERE f.verb = 'retire' AND e.hash <> f.upto_hash LIMIT 1",
        err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        rc = err_set(err, RC_CHAIN,
                     "author %s was retired at entry %lld, and another entry %lld is held here",
                     col_text(q, 0), (long long)col_int(q, 1), (long long)col_int(q, 1));
    stmt_done(q);
    return rc;
}

int
trust_accepted(const struct trust *t)
{
    return strcmp(t->standing, "unknown") != 0 && strcmp(t->standing, "own") != 0 &&
           strcmp(t->standing, "blocked") != 0;
}

enum rc
trust_override(struct store *store, const char *author, const char *verdict, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = db_query(store->db, &q,
                  verdict != NULL ? "INSERT INTO local_trust (author, verdict) VALUES (?1, ?2)"
                                    " ON CONFLICT (author) DO UPDATE SET verdict = ?2"
                                  : "DELETE FROM local_trust WHERE author = ?1",
                  err);
    if (rc == RC_OK) {
        stmt_text(q, 1, author);
        if (verdict != NULL)
            stmt_text(q, 2, verdict);
        rc = stmt_run(q, err);
    }
    store->trust_dirty = 1;
    return log_finish(store, rc, err);
}
