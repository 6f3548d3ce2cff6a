#include "copy/verify.h"

#include <stdio.h>
#include <string.h>

#include "copy/head.h"
#include "copy/held.h"
#include "escrow/index.h"
#include "escrow/log.h"
#include "escrow/settle.h"
#include "escrow/trust.h"

struct heads {
    const struct store *store;
    int64_t count;
};

/* The columns beside a head say what the head says. */
static enum rc
check_row(const struct head *h, struct stmt *q, const char *what, struct err *err)
{
    size_t last_len = 0;
    size_t hash_len = 0;
    const void *last = col_blob(q, 3, &last_len);
    const void *hash = col_blob(q, 4, &hash_len);
    if (h->number == col_int(q, 0) && h->entries == col_int(q, 2) && last_len == HASH_SIZE &&
        memcmp(last, h->last, HASH_SIZE) == 0 && hash_len == HASH_SIZE &&
        memcmp(hash, h->hash, HASH_SIZE) == 0)
        return RC_OK;
    return err_set(err, RC_STORE_CORRUPT, "what the store says of %s is not what is in it", what);
}

static enum rc
verify_head(struct heads *v, const struct log_author *a, struct stmt *q,
            unsigned char previous[HASH_SIZE], int64_t *number, struct err *err)
{
    struct sign_public pub;
    struct head h = {0};
    size_t len = 0;
    char what[64];
    (void)snprintf(what, sizeof what, "head %lld of author %.8s", (long long)col_int(q, 0),
                   a->author);
    if (sign_public_parse(&pub, a->public_key) != 0)
        return err_set(err, RC_CHAIN, "the public key of author %s is malformed", a->author);
    const char *object = col_blob(q, 1, &len);
    enum rc rc = head_parse(&h, object, len, &pub, what, err);
    if (rc == RC_OK)
        rc = check_row(&h, q, what, err);
    if (rc == RC_OK && h.number == *number + 1 && memcmp(h.previous, previous, HASH_SIZE) != 0)
        rc = err_set(err, RC_CHAIN, "%s does not follow the head before it", what);
    if (rc == RC_OK && h.entries > a->entries)
        rc = err_set(err, RC_CHAIN, "%s promises %lld entries; %lld are here", what,
                     (long long)h.entries, (long long)a->entries);
    *number = h.number;
    memcpy(previous, h.hash, HASH_SIZE);
    v->count++;
    head_release(&h);
    return rc;
}

static enum rc
verify_heads(void *arg, const struct log_author *a, struct err *err)
{
    struct heads *v = arg;
    struct stmt *q = NULL;
    unsigned char previous[HASH_SIZE] = {0};
    int64_t number = 0;
    enum rc rc = db_query(
        v->store->db, &q,
        "SELECT number, object, entries, last, hash FROM head WHERE author = ?1 ORDER BY number",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = verify_head(v, a, q, previous, &number, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

static enum rc
verify_tables(const struct store *store, char digest[DIGEST_TEXT], struct err *err)
{
    char rebuilt[DIGEST_TEXT] = "";
    enum rc rc = db_integrity(store->db, err);
    if (rc == RC_OK)
        rc = index_verify(store, err);
    if (rc == RC_OK)
        rc = apply_digest(store->db, digest, err);
    if (rc == RC_OK)
        rc = apply_digest_rebuilt(store, rebuilt, err);
    if (rc != RC_OK || strcmp(digest, rebuilt) == 0)
        return rc;
    (void)err_set(err, RC_STORE_CORRUPT, "the tables are not what the log says");
    (void)err_why(err, "digest %.20s..., rebuilt %.20s...", digest, rebuilt);
    return err_hint(
        err,
        "the log itself is what counts; a copy or another site has it: keymuster join --from URL");
}

enum rc
store_verify(const struct store *store, enum verify_flags flags, struct verify_report *report,
             struct err *err)
{
    struct heads v = {.store = store};
    struct secret *key = NULL;
    memset(report, 0, sizeof *report);
    enum rc rc = log_verify(store, &report->entries, err);
    if (rc == RC_OK)
        rc = log_authors(store, verify_heads, &v, err);
    if (rc == RC_OK)
        rc = trust_verify(store, err);
    if (rc == RC_OK && flags == VERIFY_TABLES)
        rc = verify_tables(store, report->digest, err);
    if (rc == RC_OK)
        rc = store_sign_key(store, &key, err);
    secret_free(key);
    report->heads = v.count;
    return rc;
}
