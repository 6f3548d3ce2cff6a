/*
 * What is known of a copy and need not be asked again (table `copy_known`): what was last written
 * there of objects that are rewritten, and when something was last looked at. Local, a saving of
 * requests and nothing else: whatever is missing here is asked.
 *
 *   "newest/<author>"    number in that hint, as written from here
 *   "recovery/<file>"    hash of what it says, without the time it was written
 *   "recovery/"          of what in the store its pages were made
 *   "head/<author>"      when the newest head known was last seen to be there
 *   "place"              where escrow.json and copy.json were read, see copy.c
 *   KNOWN_LARGE          "yes" or "no": an object of REMOTE_LARGE bytes finds room
 *   KNOWN_DESTROYS       words of "overwrites removes": what this account may do to what it wrote
 *   KNOWN_ALL            when a copy was last looked at thoroughly
 */
#ifndef COPY_KNOWN_H
#define COPY_KNOWN_H

#include "copy/copy.h"

#define KNOWN_ALL "all"
#define KNOWN_LARGE "large"
#define KNOWN_DESTROYS "destroys"

enum { KNOWN_VALUE = 256, KNOWN_RECENT_MS = 60 * 60 * 1000 };

struct known {
    char value[KNOWN_VALUE]; /* "" when nothing is known */
    int recent;              /* noted within the last KNOWN_RECENT_MS */
};

/* copy: the id; nothing is known of a copy without one. */
enum rc known_get(const struct store *store, const char *copy, const char *what, struct known *out,
                  struct err *err) MUST_CHECK;
/* Inside a transaction. */
enum rc known_set(struct store *store, const char *copy, const char *what, const char *value,
                  struct err *err) MUST_CHECK;
/* That the newest head of an author that is known of a copy is there. Inside a transaction. */
enum rc known_looked(struct store *store, const char *copy, const char *author,
                     struct err *err) MUST_CHECK;
/* Forgets: before an object is rewritten, so that one that was torn meanwhile is written again.
 * Inside a transaction. */
enum rc known_drop(struct store *store, const char *copy, const char *what,
                   struct err *err) MUST_CHECK;

/* Whether a probe found that create-once holds there: then a number that somebody else has taken is
 * noticed by the creation itself. */
enum rc known_enforced(const struct store *store, const struct copy *copy, int *yes,
                       struct err *err) MUST_CHECK;
/* Probes and remembers. Its own transaction. */
enum rc known_probe(struct store *store, struct remote *r, const char *copy, enum probe_how how,
                    struct remote_verdict *out, struct err *err) MUST_CHECK;
/* The same, quickly, where nobody has yet. */
enum rc known_probe_once(struct store *store, const struct copy *copy, struct err *err) MUST_CHECK;

#endif
