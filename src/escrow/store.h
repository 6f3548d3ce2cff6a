/*
 * One installation's folder: escrow.db, author.key, keymuster.conf, and store.lock, which a writer
 * holds while its transaction runs. A store is built under a temporary name beside its place and
 * renamed into it, so a killed `init` or `join` leaves nothing that looks like a store.
 */
#ifndef ESCROW_STORE_H
#define ESCROW_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "db/db.h"
#include "sys/path.h"
#include "text/ini.h"

/* Raised whenever apply.c would make other tables of the same lines: the derived tables are then
 * rebuilt. */
#define APPLY_VERSION "2"

/*
 * Invariants: db is open; self.author is the author whose key lies in the folder; escrow is 32 hex
 * digits; lock_fd >= 0 exactly while a transaction runs (between log_begin and log_commit or
 * log_rollback).
 */
struct store {
    char dir[PATH_SIZE];
    enum db_flags flags;
    struct db *db;
    struct ini *conf;
    struct sign_public self;
    char escrow[AUTHOR_TEXT + 1];
    char name[LIMIT_TEXT + 1]; /* of the escrow, immutable */
    char site[UUID_TEXT + 1];  /* own site; "" in an evidence store without --site */
    struct sign_public founder;
    int lock_fd;
    int trust_dirty;              /* a line that bears on trust was added in this transaction */
    char appended[HASH_TEXT + 1]; /* hash of the newest own entry of this transaction; or "" */
    char stored[HASH_TEXT + 1];   /* hash of the newest one that is durable; or "" */
    char in_doubt[HASH_TEXT + 1]; /* hash of the newest one that may or may not be stored; or "" */
    /* Of the log that grows now, own or received, while its entries come one after the other: its
     * end, and how many are in the tables already. Known is 0 when the tables `entry` and
     * `accepted` must be asked; so after rolling back, too. */
    struct {
        int known;
        char author[AUTHOR_TEXT + 1]; /* `author renew` goes on as another one */
        int64_t seq;
        unsigned char hash[HASH_SIZE];
        int64_t applied;
        int64_t upto; /* last entry that counts */
    } tail;
};

enum { STORE_WAIT_MS = 10000 }; /* how long to wait for another writer */

/* The default place: $XDG_DATA_HOME/keymuster, else $HOME/.local/share/keymuster; root:
 * /var/lib/keymuster. */
enum rc store_default_dir(char out[PATH_SIZE], struct err *err) MUST_CHECK;

/* RC_NO_STORE, RC_STORE_*; *out NULL on failure. flags DB_WRITE also rebuilds tables of another
 * apply version. */
enum rc store_open(struct store **out, const char *dir, enum db_flags flags,
                   struct err *err) MUST_CHECK;
void store_close(struct store *store); /* takes NULL */
/* For another process: lets go of the database and opens it again (db.h). store_let_go only outside
 * a transaction. */
void store_let_go(struct store *store);
enum rc store_reopen(struct store *store, struct err *err) MUST_CHECK;

/*
 * A new store in a temporary folder beside dir, open for writing, its log empty. founder NULL: this
 * store founds the escrow. Follow with entries, then store_place. RC_STORE_EXISTS, RC_STORE_NETFS.
 */
enum rc store_create(struct store **out, const char *dir, const struct sign_public *founder,
                     const char *name, struct err *err) MUST_CHECK;
/* Moves the temporary store to its place and reopens it there (*store is replaced; on failure NULL,
 * folder removed). */
enum rc store_place(struct store **store, const char *dir, struct err *err) MUST_CHECK;
/* Closes and removes a temporary store that will not be placed. */
void store_discard(struct store *store);

/* Makes this key the author's, in a store that has no entry of its own yet. */
enum rc store_take_key(struct store *store, const struct secret *key, const struct sign_public *pub,
                       struct err *err) MUST_CHECK;
/*
 * Another key for a store in use. Inside a transaction, which decides: store_stage_key lays the new
 * key beside the old one, store_become makes its author this store's. After the transaction,
 * however it ended, store_settle_key leaves the one key that counts and wipes the other; opening
 * for writing does the same for a killed run.
 */
enum rc store_stage_key(struct store *store, const struct secret *key, struct err *err) MUST_CHECK;
enum rc store_become(struct store *store, const struct sign_public *pub,
                     struct err *err) MUST_CHECK;
enum rc store_settle_key(struct store *store, struct err *err) MUST_CHECK;

/* The author's signing key, read from author.key and checked against self. Caller: secret_free. */
enum rc store_sign_key(const struct store *store, struct secret **out, struct err *err) MUST_CHECK;

/* A local, never synchronised value. *out "" if it is not there. */
enum rc store_meta(const struct store *store, const char *name, struct buf *out,
                   struct err *err) MUST_CHECK;
enum rc store_meta_set(struct store *store, const char *name, const char *value,
                       struct err *err) MUST_CHECK;

/* keymuster.conf. store_conf borrows until the next store_conf_set. */
const char *store_conf(const struct store *store, const char *section, const char *name,
                       const char *key);
/* value NULL removes the key. The file is replaced durably and read again. */
enum rc store_conf_set(struct store *store, const char *section, const char *name, const char *key,
                       const char *value, struct err *err) MUST_CHECK;

/* Id of the escrow that this founder's key founds. */
void escrow_id(char out[AUTHOR_TEXT + 1], const struct sign_public *founder);

#endif
