/*
 * The log: append own entries, take in those of others, walk, verify. The only writer of the table
 * `entry`.
 *
 * A transaction: log_begin, any number of log_append or log_receive, log_commit. log_commit first
 * settles the derived tables (trust, then apply), so they never lag behind the lines of the same
 * transaction.
 */
#ifndef ESCROW_LOG_H
#define ESCROW_LOG_H

#include <stdint.h>

#include "base/buf.h"
#include "escrow/entry.h"
#include "escrow/store.h"

/* Takes the writer's lock (RC_STORE_BUSY names who has it) and begins. */
enum rc log_begin(struct store *store, struct err *err) MUST_CHECK;
/* Takes everything since log_begin back; harmless outside a transaction. */
void log_rollback(struct store *store);
/*
 * RC_OK: all of it is durable. RC_UNKNOWN_OUTCOME (19): the system did not say and a fresh look at
 * the file did not help; err->entry names the entry. Any other failure: nothing was stored.
 */
enum rc log_commit(struct store *store, struct err *err) MUST_CHECK;
/* Makes err say that of store->in_doubt; returns RC_UNKNOWN_OUTCOME. */
enum rc log_say_in_doubt(const struct store *store, struct err *err);
/* How a transaction usually ends: rc RC_OK commits, anything else takes all back and is returned.
 */
enum rc log_finish(struct store *store, enum rc rc, struct err *err) MUST_CHECK;

/* Appends an own entry; body is a JSON object. hash_out (HASH_TEXT + 1) may be NULL. */
enum rc log_append(struct store *store, const char *kind, const struct buf *body, char *hash_out,
                   struct err *err) MUST_CHECK;
/* The same for an entry that says another one again (escrow/restate.h). */
enum rc log_append_again(struct store *store, const char *kind, const struct buf *body,
                         const struct buf *restates, char *hash_out, struct err *err) MUST_CHECK;
/* begin, one append, commit. */
enum rc log_append_one(struct store *store, const char *kind, const struct buf *body,
                       char *hash_out, struct err *err) MUST_CHECK;

/* Where an author's log has got to. seq 0 and a zero hash for an unknown author. */
struct log_end {
    int64_t seq;
    unsigned char hash[HASH_SIZE];
};
enum rc log_end(const struct store *store, const char *author, struct log_end *out,
                struct err *err) MUST_CHECK;

/*
 * Takes in one line of any author. It must follow *end (RC_CHAIN), which then moves on. A first
 * entry must belong to this escrow (RC_COPY_FOREIGN) and carry the public key of its author id
 * (RC_CHAIN).
 */
enum rc log_receive(struct store *store, const struct entry *e, struct log_end *end,
                    struct err *err) MUST_CHECK;

/*
 * Takes the own log back to entry `after`: only for lines that no copy ever showed, when the
 * published log went on without them (copy/pull_own.h). The caller keeps them. Inside a
 * transaction.
 */
enum rc log_cut(struct store *store, int64_t after, struct err *err) MUST_CHECK;

/* What the indexes say of a line, whatever the standing of its author: who is who (first entries),
 * admissions and retirements. For log_receive, and to make the indexes again from the lines. */
enum rc log_index(struct store *store, const struct entry *e, struct err *err) MUST_CHECK;

/* Walks lines from..to of an author in order. */
typedef enum rc (*log_fn)(void *arg, int64_t seq, const char *line, size_t len, struct err *err);
enum rc log_each(const struct store *store, const char *author, int64_t from, int64_t to, log_fn fn,
                 void *arg, struct err *err) MUST_CHECK;

/* Runs a query whose first column is a line to its end and gives it back; the entry is borrowed for
 * the call. */
typedef enum rc (*log_entry_fn)(void *arg, const struct entry *e, struct err *err);
enum rc log_rows(struct stmt *q, log_entry_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Walks all authors whose lines are held, by id. */
struct log_author {
    char author[AUTHOR_TEXT + 1];
    char public_key[SIGN_PUBLIC_TEXT + 1];
    char name[LIMIT_NAME + 1];
    char site[UUID_TEXT + 1];
    int founder;
    int64_t entries;
};
typedef enum rc (*log_author_fn)(void *arg, const struct log_author *author, struct err *err);
enum rc log_authors(const struct store *store, log_author_fn fn, void *arg,
                    struct err *err) MUST_CHECK;
/* One of them; RC_NOT_FOUND. */
enum rc log_author_get(const struct store *store, const char *author, struct log_author *out,
                       struct err *err) MUST_CHECK;

/* Re-reads every line: parses, hashes, chains, first entries. RC_CHAIN names author and seq. *count
 * lines checked. */
enum rc log_verify(const struct store *store, int64_t *count, struct err *err) MUST_CHECK;

#endif
