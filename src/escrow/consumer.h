/*
 * Who uses a key: jobs, tiers, the configuration backup of a backup server, as vbr.observed with
 * the result "consumers" has it.
 *
 * A *look* is what was seen at one server at one time, in one part: "jobs", "tiers",
 * "config-backup" (each asked of the server), "export" (all that a script there saw) or "files"
 * (configuration backups on disk, which need a key and do not use it any more). A look is one or
 * more entries; it counts when all of them are here, and the newest one of a part is what is known.
 * A look by script tells everything, so older ones of other parts are superseded by it.
 */
#ifndef ESCROW_CONSUMER_H
#define ESCROW_CONSUMER_H

#include "escrow/store.h"

enum { CONSUMER_KIND = 16, CONSUMER_NAME = 200, CONSUMER_PART = 16 };

struct consumer {
    char key[UUID_TEXT + 1];
    char server[UUID_TEXT + 1]; /* "": of a list that names none */
    char kind[CONSUMER_KIND];   /* "job", "capacity-tier", ... "backup-file" */
    char name[CONSUMER_NAME + 1];
    char id[UUID_TEXT + 1]; /* its own, there; "" */
    char seen[TIME_TEXT + 1];
    int uses; /* it encrypts with the key; 0: it only needs it */
};

struct consumers;
/* Everything that is known. The store is not needed afterwards. */
enum rc consumers_load(struct consumers **out, const struct store *store,
                       struct err *err) MUST_CHECK;
void consumers_free(struct consumers *c); /* takes NULL */

/* Those of a key, by server, kind and name, inside c; users first. */
const struct consumer *consumers_of(const struct consumers *c, const char *key, size_t *count);
/* How many of them use it; they come first. */
size_t consumers_users(const struct consumer *list, size_t count);
/* The same for all servers that a key is on record at: the oldest of them. NULL: one of them never
 * was looked at, or it is at none. */
enum rc consumers_seen_of(const struct consumers *c, const struct store *store, const char *key,
                          const char **seen, struct err *err) MUST_CHECK;

/* The pass of the look that is known of a server's part, and when; "" without one. */
struct consumers_look {
    char pass[HASH_TEXT + 1];
    char seen[TIME_TEXT + 1];
};
void consumers_look(const struct consumers *c, const char *server, const char *part,
                    struct consumers_look *out);

/* Whether all entries of such a look are here. */
int consumers_hold(const struct consumers *c, const char *server, const char *part,
                   const char *pass);

/* "job SQL nightly" into out, cut where it does not fit. */
void consumer_label(char *out, size_t size, const struct consumer *c);

#endif
