/*
 * vbr reconcile: what it is about, for the list of a live server (cmd_vbr_reconcile.c) and for
 * lists in files (reconcile_file.c).
 */
#ifndef CLI_RECONCILE_H
#define CLI_RECONCILE_H

#include "cli/cmd_tables.h"
#include "cli/vbr/vbr_server.h"
#include "vbr/description.h"

/* What is on record of a key there: the newest id, and the newest time of change that was ours or
 * that a verify settled. */
struct record {
    char key[UUID_TEXT + 1], id[UUID_TEXT + 1], modified[TIME_TEXT + 1];
    char at[TIME_TEXT + 1]; /* of the newest */
    int removed, seen;
};

enum reconcile_verdict {
    V_OK,
    V_UNKNOWN,
    V_SUSPECT,
    V_HINT,
    V_BEHIND,
    V_FOREIGN,
    V_GONE,
    V_HOLE,
    V_DAMAGED,
    VERDICTS
};
struct uses;
struct reconciling {
    struct ctx *ctx;
    struct vbr_server *s; /* of files without a server's name: its UUID is "" */
    struct description_wraps *wraps;
    int64_t total, of_list; /* of pages in files: as they say, as there are */
    int incomplete;
    struct record *records;
    size_t count, size;
    struct record **ids; /* by id, those that are there; made when first needed */
    size_t id_count;
    struct uses *uses; /* reconcile_uses.h */
    struct jw *w;
    struct table *table;
    int64_t found[VERDICTS];
    int64_t problems; /* of generations that are needed still */
};

/* A password of the list. to_the_second: its time has lost the rest, which is no change. */
enum rc reconcile_password(struct reconciling *r, const struct vbr_password *p, int to_the_second,
                           struct err *err) MUST_CHECK;
/* What is on record of this very password, by its id; NULL. */
const struct record *reconcile_record(struct reconciling *r, const char *id, struct err *err);
/* What is on record of a key there; NULL. */
const struct record *reconcile_record_of(const struct reconciling *r, const char *key);
/* An item of the answer. key and hint may be NULL; of V_DAMAGED the hint is the reason. */
enum rc reconcile_tell(struct reconciling *r, enum reconcile_verdict v, const struct key *key,
                       const char *hint, const char *id, struct err *err) MUST_CHECK;

/* The server that the files are of, as the log knows it, or none; nothing is asked of it. */
enum rc reconcile_server(struct ctx *ctx, struct vbr_server *s, struct err *err) MUST_CHECK;
/* The passwords of all --file. */
enum rc reconcile_files(struct reconciling *r, struct err *err) MUST_CHECK;

#endif
