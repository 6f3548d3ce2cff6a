#include "copy/alone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/cut.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/enc.h"

void
copy_alone_close(struct store *alone)
{
    if (alone != NULL)
        alone->conf = NULL; /* borrowed */
    store_close(alone);
}

/* A store made from an export has nobody's log but its own, so nobody can have admitted it: what
 * its copy says counts for whoever trusts it, as this machine does. */
static enum rc
trust_own(struct store *alone, const struct store *own, struct err *err)
{
    struct log_end founder;
    enum rc rc = log_end(own, own->founder.author, &founder, err);
    return rc == RC_OK && founder.seq == 0 ? trust_override(alone, own->self.author, "trust", err)
                                           : rc;
}

/* Before anything is pulled, so that what is cut off need not even verify. */
static enum rc
take_cuts(struct store *alone, const struct store *own, struct err *err)
{
    enum rc rc = log_begin(alone, err);
    if (rc == RC_OK)
        rc = log_finish(alone, cut_copy(own, alone, err), err);
    return rc;
}

enum rc
copy_alone(struct store **out, const struct store *own, struct copy *copy,
           struct pull_report *report, struct err *err)
{
    unsigned char nobody[16];
    *out = NULL;
    struct store *alone = calloc(1, sizeof *alone);
    if (alone == NULL)
        return err_nomem(err);
    alone->lock_fd = -1;
    alone->flags = DB_WRITE;
    alone->founder = own->founder;
    alone->conf = own->conf;
    memcpy(alone->escrow, own->escrow, sizeof alone->escrow);
    memcpy(alone->name, own->name, sizeof alone->name);
    memcpy(alone->site, own->site, sizeof alone->site);
    random_bytes(nobody, sizeof nobody);
    hex_encode(alone->self.author, nobody, sizeof nobody);
    enum rc rc = db_create(&alone->db, ":memory:", err);
    if (rc == RC_OK)
        rc = take_cuts(alone, own, err);
    if (rc == RC_OK)
        rc = pull_from(alone, copy, PULL_STORE, report, err);
    if (rc == RC_OK)
        rc = trust_own(alone, own, err);
    if (rc != RC_OK) {
        copy_alone_close(alone);
        return rc;
    }
    *out = alone; /* transferred */
    return RC_OK;
}

/* ---- what would be lost ---- */

struct lagging {
    struct copy_lag *out;
    const struct store *own, *alone;
};

static enum rc
entry_time(const struct store *store, const char *author, int64_t seq, char at[TIME_TEXT + 1],
           struct err *err)
{
    struct stmt *q = NULL;
    at[0] = '\0';
    enum rc rc = db_query(
        store->db, &q,
        "SELECT json_extract(line, '$.at') FROM entry WHERE author = ?1 AND seq = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, seq);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(at, TIME_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

static enum rc
lag_author(void *arg, const struct log_author *a, struct err *err)
{
    struct lagging *l = arg;
    struct trust trust;
    struct log_end there;
    char at[TIME_TEXT + 1];
    enum rc rc = trust_of(l->own, a->author, &trust, err);
    if (rc == RC_OK)
        rc = log_end(l->alone, a->author, &there, err);
    if (rc != RC_OK || !trust_accepted(&trust))
        return rc;
    int64_t counts = a->entries < trust.upto ? a->entries : trust.upto;
    if (there.seq >= counts)
        return RC_OK;
    l->out->entries += counts - there.seq;
    rc = entry_time(l->own, a->author, there.seq + 1, at, err);
    if (l->out->since[0] == '\0' || strcmp(at, l->out->since) < 0) /* one width: text order */
        memcpy(l->out->since, at, sizeof at);
    return rc;
}

static enum rc
newest_author(void *arg, const struct log_author *a, struct err *err)
{
    struct lagging *l = arg;
    char at[TIME_TEXT + 1];
    enum rc rc = entry_time(l->alone, a->author, a->entries, at, err);
    if (strcmp(at, l->out->newest) > 0)
        memcpy(l->out->newest, at, sizeof at);
    return rc;
}

enum rc
copy_lag(struct copy_lag *out, const struct store *own, const struct store *alone, struct err *err)
{
    struct lagging l = {out, own, alone};
    memset(out, 0, sizeof *out);
    enum rc rc = log_authors(own, lag_author, &l, err);
    return rc == RC_OK ? log_authors(alone, newest_author, &l, err) : rc;
}
