#include "escrow/index.h"

#include <string.h>

#include "escrow/cut.h"
#include "escrow/digest.h"
#include "escrow/log.h"
#include "escrow/trust.h"

static const char *const tables[] = {
    "SELECT 'author_key', author, public_key, name, site, founder FROM author_key ORDER BY 2",
    "SELECT 'trust_fact', author, seq, verb, subject, public_key, spare, upto, upto_hash"
    " FROM trust_fact ORDER BY 2, 3",
    "SELECT 'accepted', author, rank, standing, upto FROM accepted ORDER BY 2",
    NULL,
};

/* What holds in every store, and what is wrong when a row is found. */
static const struct {
    const char *sql, *why;
} rules[] = {
    {"SELECT 1 FROM entry WHERE author NOT IN (SELECT author FROM author_key) LIMIT 1",
     "there are entries of an author without a first entry"},
    {"SELECT 1 FROM head WHERE author NOT IN (SELECT author FROM author_key) LIMIT 1",
     "there are heads of an author without entries"},
    {"SELECT 1 FROM accepted a WHERE applied <> min(upto,"
     " (SELECT coalesce(max(seq), 0) FROM entry e WHERE e.author = a.author)) LIMIT 1",
     "the tables are behind the log, or ahead of it"},
    {"SELECT 1 FROM author_key k JOIN entry e ON e.author = k.author AND e.seq = 1 JOIN meta m"
     " ON m.name = 'name' WHERE k.founder = 1 AND json_extract(e.line, '$.body.name') <> m.value",
     "the name is not the one that the founder gave"},
    {"SELECT 1 FROM meta m WHERE m.name = 'site' AND m.value <> '' AND NOT EXISTS"
     " (SELECT 1 FROM object o WHERE o.uuid = m.value AND o.kind = 'site') AND NOT EXISTS"
     " (SELECT 1 FROM author_key k JOIN meta s ON s.name = 'self' WHERE k.public_key = s.value"
     "  AND k.site = m.value)",
     "its own site is not one that the log knows"},
    {"SELECT 1 FROM copy_seen s JOIN head h ON h.author = s.author AND h.number = s.number"
     " WHERE h.entries <> s.entries OR h.last <> s.last OR h.hash <> s.head LIMIT 1",
     "what a copy is said to have shown is not what was held at that time"},
};

static enum rc
wrong(const char *why, struct err *err)
{
    (void)err_set(err, RC_STORE_CORRUPT, "the store is not what its log says");
    (void)err_why(err, "%s", why);
    return err_hint(err,
                    "the log itself is what counts; a copy or another site has it: keymuster join "
                    "--from URL");
}

static enum rc
check_rules(const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof rules / sizeof rules[0]; i++) {
        struct stmt *q = NULL;
        rc = db_query(store->db, &q, rules[i].sql, err);
        if (rc != RC_OK)
            return rc;
        rc = stmt_row(q, err);
        if (rc == RC_OK && stmt_more(q))
            rc = wrong(rules[i].why, err);
        stmt_done(q);
    }
    return rc;
}

/* The lines that bear on the indexes. */
static enum rc
index_one(void *arg, const struct entry *e, struct err *err)
{
    return log_index(arg, e, err);
}

static enum rc
feed_lines(const struct store *from, struct store *to, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(from->db, &q,
                          "SELECT line FROM entry WHERE seq = 1 OR json_extract(line, '$.kind') IN"
                          " ('author.admitted', 'author.retired') ORDER BY author, seq",
                          err);
    if (rc != RC_OK)
        return rc;
    return log_rows(q, index_one, to, err);
}

/* This machine's own word counts, too. */
static enum rc
feed_overrides(const struct store *from, struct store *to, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(from->db, &q, "SELECT author, verdict FROM local_trust", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct stmt *put = NULL;
        rc = db_query(to->db, &put, "INSERT INTO local_trust (author, verdict) VALUES (?1, ?2)",
                      err);
        if (rc != RC_OK)
            break;
        stmt_text(put, 1, col_text(q, 0));
        stmt_text(put, 2, col_text(q, 1));
        rc = stmt_run(put, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc == RC_OK ? cut_copy(from, to, err) : rc;
}

static enum rc
rebuild(const struct store *from, struct store *to, struct err *err)
{
    int changed = 0;
    enum rc rc = db_begin(to->db, err);
    if (rc == RC_OK)
        rc = feed_lines(from, to, err);
    if (rc == RC_OK)
        rc = feed_overrides(from, to, err);
    if (rc == RC_OK)
        rc = trust_refresh(to, &changed, err);
    return rc == RC_OK ? db_commit(to->db, err) : rc;
}

enum rc
index_verify(const struct store *store, struct err *err)
{
    unsigned char mine[HASH_SIZE] = {0};
    unsigned char again[HASH_SIZE] = {0};
    struct store fresh = {.lock_fd = -1, .self = store->self, .founder = store->founder};
    memcpy(fresh.escrow, store->escrow, sizeof fresh.escrow);
    enum rc rc = check_rules(store, err);
    if (rc == RC_OK)
        rc = db_create(&fresh.db, ":memory:", err);
    if (rc == RC_OK)
        rc = rebuild(store, &fresh, err);
    if (rc == RC_OK)
        rc = digest_rows(store->db, tables, mine, err);
    if (rc == RC_OK)
        rc = digest_rows(fresh.db, tables, again, err);
    db_close(fresh.db);
    if (rc == RC_OK && memcmp(mine, again, HASH_SIZE) != 0)
        rc = wrong("who is who, or whose entries count, is not what the lines make of it", err);
    return rc;
}
