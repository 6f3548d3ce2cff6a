#include "escrow/author.h"

#include <stdio.h>
#include <string.h>

#include "text/uni.h"

/* ---- all of them ---- */

/* Name and site of an author who never wrote, from the entry that admitted it. */
static enum rc
read_admission(struct stmt *q, struct log_author *a, struct err *err)
{
    memset(a, 0, sizeof *a);
    (void)snprintf(a->author, sizeof a->author, "%s", col_text(q, 0));
    (void)snprintf(a->public_key, sizeof a->public_key, "%s", col_text(q, 1));
    struct entry e = {0};
    struct err scratch = ERR_INIT;
    size_t len = 0;
    const char *line = col_blob(q, 2, &len);
    enum rc rc = entry_parse(&e, line, len, &scratch);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc != RC_OK)
        return RC_OK; /* `verify` is for that */
    const char *name = json_gets(e.body, "name");
    const char *site = json_gets(e.body, "site");
    if (name != NULL && name_check(name, "author", &scratch) == RC_OK)
        (void)snprintf(a->name, sizeof a->name, "%s", name);
    if (site != NULL && strlen(site) == UUID_TEXT)
        (void)snprintf(a->site, sizeof a->site, "%s", site);
    entry_release(&e);
    return RC_OK;
}

enum rc
author_each(const struct store *store, log_author_fn fn, void *arg, struct err *err)
{
    enum rc rc = log_authors(store, fn, arg, err);
    struct stmt *q = NULL;
    if (rc == RC_OK)
        rc = db_query(store->db, &q,
                      "SELECT f.subject, f.public_key, e.line, min(a.rank)"
                      " FROM trust_fact f"
                      " JOIN entry e ON e.author = f.author AND e.seq = f.seq"
                      " JOIN accepted a ON a.author = f.author AND f.seq <= a.upto"
                      " WHERE f.verb = 'admit' AND f.subject IN (SELECT author FROM accepted)"
                      " AND f.subject NOT IN (SELECT author FROM author_key)"
                      " GROUP BY f.subject ORDER BY f.subject",
                      err);
    if (rc != RC_OK)
        return rc;
    struct log_author a;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = read_admission(q, &a, err);
        if (rc == RC_OK)
            rc = fn(arg, &a, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- one of them ---- */

struct finding {
    const char *ref;
    size_t len;
    struct log_author *out;
    unsigned hits;
    char ids[160];
};

static enum rc
find_one(void *arg, const struct log_author *a, struct err *err)
{
    (void)err;
    struct finding *f = arg;
    if (strncmp(a->author, f->ref, f->len) != 0)
        return RC_OK;
    *f->out = *a;
    f->hits++;
    size_t used = strlen(f->ids);
    (void)snprintf(f->ids + used, sizeof f->ids - used, "%s%s", used > 0 ? ", " : "", a->author);
    return RC_OK;
}

enum rc
author_find(const struct store *store, const char *ref, struct log_author *out, struct err *err)
{
    struct finding f = {.ref = ref, .len = strlen(ref), .out = out};
    if (f.len < AUTHOR_PREFIX || f.len > AUTHOR_TEXT || strspn(ref, "0123456789abcdef") != f.len) {
        (void)err_set(err, RC_BAD_VALUE,
                      "an author's id is %d lower-case hex digits; the first %d or more will do",
                      AUTHOR_TEXT, AUTHOR_PREFIX);
        return err_hint(err, "see them: keymuster author list");
    }
    enum rc rc = author_each(store, find_one, &f, err);
    if (rc != RC_OK || f.hits == 1)
        return rc;
    if (f.hits == 0) {
        (void)err_set(err, RC_NOT_FOUND, "no author %s", ref);
        return err_hint(err, "see them: keymuster author list; take in what copies have: "
                             "keymuster sync");
    }
    (void)err_set(err, RC_AMBIGUOUS, "more than one author's id begins with %s", ref);
    (void)err_why(err, "%s", f.ids);
    return err_hint(err, "type more of it");
}

/* ---- what does not count ---- */

#define QUARANTINED                                                                                \
    " FROM entry e LEFT JOIN accepted a ON a.author = e.author WHERE e.author = ?1"                \
    " AND e.seq > coalesce(a.upto, 0) AND NOT EXISTS (SELECT 1 FROM trust_fact f"                  \
    " WHERE f.author = e.author AND f.seq = e.seq AND f.verb = 'retire' AND f.subject = e.author)"

static enum rc
count(struct stmt *q, int64_t *out, struct err *err)
{
    enum rc rc = stmt_row(q, err);
    *out = rc == RC_OK ? col_int(q, 0) : 0;
    stmt_done(q);
    return rc;
}

enum rc
author_quarantined(const struct store *store, const char *author, int64_t *out, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, "SELECT count(*)" QUARANTINED, err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    return count(q, out, err);
}

enum rc
entry_quarantined(const struct store *store, const char *author, int64_t seq, int *yes,
                  struct err *err)
{
    struct stmt *q = NULL;
    int64_t n = 0;
    enum rc rc = db_query(store->db, &q, "SELECT count(*)" QUARANTINED " AND e.seq = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, seq);
    rc = count(q, &n, err);
    *yes = n > 0;
    return rc;
}
