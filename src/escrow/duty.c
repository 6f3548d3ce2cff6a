#include "escrow/duty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/drilled.h"
#include "escrow/person.h"

/* A key that somebody knows who has left. */
struct known {
    char key[UUID_TEXT + 1];
    char name[LIMIT_NAME + 1];
    char left[TIME_TEXT + 1];
};

/* known: by key, then name. */
struct duty_book {
    const struct store *store;
    struct known *known;
    size_t known_count, known_size;
    struct consumers *consumers;
};

/* ---- who has left ---- */

struct leaver {
    struct duty_book *w;
    const struct person *p;
};

static enum rc
add_known(void *arg, const struct act *act, struct err *err)
{
    struct leaver *l = arg;
    struct duty_book *w = l->w;
    if (act->key[0] == '\0' || act->what == ACT_USED || act->what == ACT_APPROVED)
        return RC_OK;
    if (w->known_count == w->known_size) {
        size_t size = w->known_size == 0 ? 64 : w->known_size * 2;
        struct known *more = realloc(w->known, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        w->known = more;
        w->known_size = size;
    }
    struct known *k = &w->known[w->known_count++];
    memcpy(k->key, act->key, sizeof k->key);
    memcpy(k->name, l->p->object.name, sizeof k->name);
    memcpy(k->left, l->p->left, sizeof k->left);
    return RC_OK;
}

static enum rc
look_left(void *arg, const struct person *p, struct err *err)
{
    struct duty_book *w = arg;
    struct leaver l = {w, p};
    return p->left[0] != '\0' ? act_each(w->store, p, add_known, &l, err) : RC_OK;
}

static int
by_key(const void *a, const void *b)
{
    const struct known *x = a;
    const struct known *y = b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : strcmp(x->name, y->name);
}

static int
find_key(const void *key, const void *item)
{
    return strcmp(key, ((const struct known *)item)->key);
}

/* The first by name, so that every store says the same. */
static void
known_to_leaver(const struct duty_book *w, const struct key *key, struct duty *d)
{
    if (w->known_count == 0)
        return;
    const struct known *k =
        bsearch(key->uuid, w->known, w->known_count, sizeof *w->known, find_key);
    if (k == NULL)
        return;
    while (k > w->known && strcmp((k - 1)->key, k->key) == 0)
        k--;
    memcpy(d->left, k->name, sizeof d->left);
    if (d->since[0] == '\0')
        memcpy(d->since, k->left, sizeof d->since);
}

/* ---- one key ---- */

/* Showings to a person: intended with such a destination, and a shown that names it. And what
 * somebody typed at the end of a blind drill: without keymuster nothing else says that they saw it.
 */
static enum rc
count_showings(const struct store *store, const struct key *key, struct duty *d, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT count(*), coalesce(min(i.at), '') FROM event i WHERE i.object = ?1"
                 " AND ((i.kind = 'reveal.intended'"
                 " AND json_extract(i.body, '$.to') IN ('tty', 'stdout', 'file', 'fd')"
                 " AND EXISTS (SELECT 1 FROM event s WHERE s.object = i.object"
                 " AND s.kind = 'reveal.shown'"
                 " AND json_extract(s.body, '$.intended') = lower(hex(i.entry))))"
                 " OR (i.kind = 'run.ended' AND json_extract(i.body, '$.blind') IS 1"
                 " AND json_extract(i.body, '$.result') = 'done'))",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        d->times = col_int(q, 0);
        (void)snprintf(d->since, sizeof d->since, "%s", col_text(q, 1));
    }
    stmt_done(q);
    return rc;
}

static enum rc
known_to_someone(const struct store *store, const struct key *key, struct duty *d, struct err *err)
{
    struct buf known;
    buf_init(&known, LIMIT_ENTRY);
    enum rc rc = field_get(store, key->uuid, "known_to", &known, NULL, err);
    if (rc == RC_OK && known.len > 0 && strcmp(buf_str(&known), "[]") != 0 && d->since[0] == '\0')
        (void)snprintf(d->since, sizeof d->since, "%s", key->created_at);
    buf_release(&known);
    return rc;
}

/* Whether a successor was drilled: proven where it counts. */
static enum rc
is_drilled(const struct store *store, const char *key, int *yes, struct err *err)
{
    struct key successor;
    struct drilled_state s = {0};
    enum rc rc = key_find(store, key, &successor, err);
    *yes = 0;
    if (rc == RC_NOT_FOUND) { /* the fact waits for its key */
        err_clear(err);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = drilled_state(store, &successor, &s, err);
    *yes = rc == RC_OK && s.proven;
    return rc;
}

/* How far the best successor has come: none, made, delivered (also by exec), drilled (-1: closed).
 */
static enum rc
successor_progress(const struct store *store, const struct key *key, int *progress, struct err *err)
{
    struct stmt *q = NULL;
    *progress = DUTY_SUCCESSOR;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT EXISTS (SELECT 1 FROM event e WHERE e.object = f.key AND (e.kind = 'key.delivered'"
        " OR (e.kind = 'reveal.intended' AND (json_extract(e.body, '$.to') = 'exec'"
        " OR json_extract(e.body, '$.to') LIKE 'handover:%')))), f.key"
        " FROM follows f WHERE f.former = ?1",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->uuid);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        int drilled = 0;
        int delivered = (int)col_int(q, 0);
        if (delivered)
            rc = is_drilled(store, col_text(q, 1), &drilled, err);
        if (rc != RC_OK)
            break;
        int now = !delivered ? DUTY_DELIVERY : !drilled ? DUTY_DRILL : -1;
        if (now == -1 || (*progress != -1 && now > *progress))
            *progress = now;
    }
    stmt_done(q);
    return rc;
}

static void
still_used(const struct duty_book *book, const struct key *key, struct duty *d)
{
    size_t count = 0;
    const struct consumer *list = consumers_of(book->consumers, key->uuid, &count);
    d->users = consumers_users(list, count);
    if (d->users > 0)
        d->user = list[0];
}

void
duty_next(char out[DUTY_NEXT], const struct duty *duty)
{
    static const char *const words[] = {[DUTY_SUCCESSOR] = "it has no successor",
                                        [DUTY_DELIVERY] = "its successor is not delivered",
                                        [DUTY_DRILL] = "its successor is not drilled"};
    char label[CONSUMER_NAME + 32], more[40] = "";
    if (duty->lacks != DUTY_CONSUMERS) {
        (void)snprintf(out, DUTY_NEXT, "%s", words[duty->lacks]);
        return;
    }
    consumer_label(label, sizeof label, &duty->user);
    if (duty->users > 1)
        (void)snprintf(more, sizeof more, " and %zu more", duty->users - 1);
    (void)snprintf(out, DUTY_NEXT, "still used by %s%s, as seen on %.10s", label, more,
                   duty->user.seen);
}

enum rc
duty_of(const struct duty_book *book, const struct key *key, struct duty *out, int *open,
        struct err *err)
{
    int progress = 0;
    *open = 0;
    out->since[0] = out->left[0] = '\0';
    out->times = 0;
    out->users = 0;
    enum rc rc = count_showings(book->store, key, out, err);
    if (rc == RC_OK)
        rc = known_to_someone(book->store, key, out, err);
    if (rc == RC_OK)
        known_to_leaver(book, key, out);
    if (rc != RC_OK || out->since[0] == '\0')
        return rc;
    rc = successor_progress(book->store, key, &progress, err);
    still_used(book, key, out);
    if (rc != RC_OK || (progress == -1 && out->users == 0))
        return rc;
    out->lacks = progress == -1 ? DUTY_CONSUMERS : (enum duty_lacks)progress;
    *open = 1;
    return RC_OK;
}

enum rc
duty_open(struct duty_book **out, const struct store *store, struct err *err)
{
    struct duty_book *book = calloc(1, sizeof *book);
    *out = NULL;
    if (book == NULL)
        return err_nomem(err);
    book->store = store;
    enum rc rc = person_each(store, look_left, book, err);
    if (rc == RC_OK)
        rc = consumers_load(&book->consumers, store, err);
    if (rc != RC_OK) {
        duty_close(book);
        return rc;
    }
    if (book->known_count > 0)
        qsort(book->known, book->known_count, sizeof *book->known, by_key);
    *out = book;
    return RC_OK;
}

void
duty_close(struct duty_book *book)
{
    if (book == NULL)
        return;
    free(book->known);
    consumers_free(book->consumers);
    free(book);
}

struct walk {
    struct duty_book *book;
    duty_fn fn;
    void *arg;
};

static enum rc
look(void *arg, const struct key *key, struct err *err)
{
    struct walk *w = arg;
    struct duty d = {.key = *key};
    int open = 0;
    enum rc rc = duty_of(w->book, key, &d, &open, err);
    return rc == RC_OK && open ? w->fn(w->arg, &d, err) : rc;
}

enum rc
duty_each(const struct store *store, duty_fn fn, void *arg, struct err *err)
{
    struct walk w = {.fn = fn, .arg = arg};
    enum rc rc = duty_open(&w.book, store, err);
    if (rc == RC_OK)
        rc = key_each(store, NULL, look, &w, err);
    duty_close(w.book);
    return rc;
}
