/*
 * Publishing. One head sequence per author, the same bytes on every copy. A head is made and stored
 * (table `head`) before anything is sent, so every retry is byte-identical; what a copy still lacks
 * follows from `copy_seen`.
 */
#ifndef COPY_PUBLISH_H
#define COPY_PUBLISH_H

#include "copy/copy.h"

/* Makes the next head when own entries are newer than the newest own head. *made tells. Its own
 * transaction. */
enum rc publish_prepare(struct store *store, int *made, struct err *err) MUST_CHECK;

/* The same inside a transaction that runs. */
enum rc publish_head(struct store *store, int *made, struct err *err) MUST_CHECK;

struct publish_report {
    int64_t segments, heads; /* objects created */
    int64_t own_entries;     /* own entries that the copy holds now */
    char note[256];          /* why recovery/ could not be written anew; "" */
};
/*
 * Sends to one copy what it lacks: own segments, heads up to the newest, newest/ hint; then the
 * lines and the newest head (earlier ones where held) of every other accepted author. Records
 * copy_seen and the memory outside the store at the end.
 * Before: checks that the copy's head <n> that we know still has our bytes (RC_COPY_FORKED), and
 * that it is not behind what it once showed (RC_COPY_ROLLED_BACK).
 * One own entry is a segment, its head and that look: two PUTs and a GET; every sixteenth writes
 * the hint, too. Of recovery/ is written what changed since it was last written from here.
 * every: a thorough look, also at what nothing is sent for: all heads known, a newer one of its own
 * author, each file of recovery/; and the hint is brought up to date.
 */
enum rc publish_to(struct store *store, struct copy *copy, int every, struct publish_report *report,
                   struct err *err) MUST_CHECK;

/*
 * After a command changed the log: prepare, then publish to every copy bound here that can be
 * reached. A copy that is away is not a failure here (*reached counts the others); a copy that is
 * hostile is (15, 16), after the others were done.
 */
enum rc publish_all(struct store *store, int *reached, int *bound, struct err *err) MUST_CHECK;

#endif
