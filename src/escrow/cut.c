#include "escrow/cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/enc.h"
#include "text/time.h"

#define PREFIX "cut:"
enum { PREFIX_LEN = sizeof PREFIX - 1, DIGITS = 15 };

enum rc
cut_set(struct store *store, const char *author, int64_t last, struct err *err)
{
    char name[PREFIX_LEN + AUTHOR_TEXT + 1];
    char value[24];
    (void)snprintf(name, sizeof name, PREFIX "%s", author);
    (void)snprintf(value, sizeof value, "%lld", (long long)last);
    store->trust_dirty = 1;
    return store_meta_set(store, name, value, err);
}

enum rc
cut_forget(struct store *store, const char *author, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "DELETE FROM meta WHERE name GLOB 'cut:*'"
                          " AND (?1 IS NULL OR name = 'cut:' || ?1)",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    rc = stmt_run(q, err);
    if (rc == RC_OK && db_changes(store->db) > 0)
        store->trust_dirty = 1;
    return rc;
}

/* A damaged file can hold anything. */
static enum rc
read_cut(struct stmt *q, char author[AUTHOR_TEXT + 1], int64_t *last, struct err *err)
{
    const char *value = col_text(q, 1);
    size_t digits = strlen(value);
    if (!hex_is(col_text(q, 0), AUTHOR_TEXT) || digits == 0 || digits > DIGITS ||
        strspn(value, "0123456789") != digits)
        return err_set(err, RC_STORE_CORRUPT, "a cut in the store is malformed");
    (void)snprintf(author, AUTHOR_TEXT + 1, "%s", col_text(q, 0));
    *last = strtoll(value, NULL, 10);
    return RC_OK;
}

enum rc
cut_each(const struct store *store, cut_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT substr(name, 5), value FROM meta WHERE name GLOB 'cut:*' ORDER BY name", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        char author[AUTHOR_TEXT + 1];
        int64_t last = 0;
        rc = read_cut(q, author, &last, err);
        if (rc == RC_OK)
            rc = fn(arg, author, last, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

struct finding {
    const char *author;
    int64_t last;
};

static enum rc
find_one(void *arg, const char *author, int64_t last, struct err *err)
{
    struct finding *f = arg;
    (void)err;
    if (strcmp(author, f->author) == 0)
        f->last = last;
    return RC_OK;
}

enum rc
cut_of(const struct store *store, const char *author, int64_t *last, struct err *err)
{
    struct finding f = {author, LIMIT_NUMBER};
    enum rc rc = cut_each(store, find_one, &f, err);
    *last = f.last;
    return rc;
}

static enum rc
copy_one(void *arg, const char *author, int64_t last, struct err *err)
{
    return cut_set(arg, author, last, err);
}

enum rc
cut_copy(const struct store *from, struct store *to, struct err *err)
{
    return cut_each(from, copy_one, to, err);
}

enum rc
cut_at(const struct store *store, const char *author, int64_t ms, int64_t *last, int64_t *earlier,
       struct err *err)
{
    struct stmt *q = NULL;
    char at[TIME_TEXT + 1];
    *last = *earlier = 0;
    time_format(at, ms);
    /* Times in entries have one width, so their order is that of their text. */
    enum rc rc = db_query(store->db, &q,
                          "SELECT seq, json_extract(line, '$.at') > ?2 FROM entry"
                          " WHERE author = ?1 ORDER BY seq",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_text(q, 2, at);
    int later = 0;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        int64_t is_later = col_int(q, 1);
        later |= is_later != 0;
        if (!later)
            *last = col_int(q, 0);
        *earlier += later && !is_later;
    }
    stmt_done(q);
    return rc;
}

void
cut_view_close(struct store *view)
{
    if (view != NULL)
        view->conf = NULL; /* borrowed */
    store_close(view);
}

enum rc
cut_view(struct store **out, const struct store *of, enum db_copy_where where, struct err *err)
{
    *out = NULL;
    struct store *view = calloc(1, sizeof *view);
    if (view == NULL)
        return err_nomem(err);
    view->lock_fd = -1;
    view->flags = DB_WRITE;
    view->self = of->self;
    view->founder = of->founder;
    view->conf = of->conf;
    memcpy(view->escrow, of->escrow, sizeof view->escrow);
    memcpy(view->name, of->name, sizeof view->name);
    memcpy(view->site, of->site, sizeof view->site);
    enum rc rc = db_copy(&view->db, of->db, where, err);
    if (rc != RC_OK) {
        cut_view_close(view);
        return rc;
    }
    *out = view; /* transferred */
    return RC_OK;
}
