/*
 * vbr reconcile: what uses which password there. Collected before the list of passwords is gone
 * through, joined with it, and recorded (cli/vbr/consumers_record.h) at the end.
 */
#ifndef CLI_RECONCILE_USES_H
#define CLI_RECONCILE_USES_H

#include "cli/vbr/reconcile.h"
#include "escrow/consumer.h"
#include "vbr/consumers.h"

enum use_part { PART_JOBS, PART_TIERS, PART_CONFIG, PART_EXPORT, PART_FILES, USE_PARTS };

struct use {
    struct consumer c;            /* c.key "" until it is known */
    char password[UUID_TEXT + 1]; /* id; "" when c.key was told otherwise */
    enum use_part part;
};
struct uses {
    struct use *list; /* by password */
    size_t count, size;
    int looked[USE_PARTS]; /* that part was seen to its end */
    char seen[USE_PARTS][TIME_TEXT + 1];
    struct consumers *before; /* what was on record */
};

/* Asks the server; reads --consumers; looks at --bco. What may not be seen is said. */
enum rc uses_collect(struct reconciling *r, struct err *err) MUST_CHECK;
/* The password's key. */
void uses_join(struct uses *u, const char *password, const char *key);
/* "job SQL nightly and 2 more" use this password; "" nobody. */
void uses_tell(const struct uses *u, const char *password, char *out, size_t size);
/* "used_by" of an object that is begun, where anybody was looked at. */
void uses_write(const struct uses *u, const char *password, struct jw *w);
/* Looks that are whole go into the log. */
enum rc uses_record(struct reconciling *r, struct err *err) MUST_CHECK;
void uses_free(struct uses *u); /* takes NULL */

/* The generations that are needed still, as "needed" of the answer or a table. */
enum rc reconcile_needed(struct reconciling *r, struct err *err) MUST_CHECK;

#endif
