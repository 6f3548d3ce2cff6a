/*
 * Saying an entry again in one's own log, because the one there is does not count: it is
 * quarantined, or only an old image of this store had it. Kind and body stay; the member
 * "restates", beside "kind", says what it was, when, and who did it:
 *
 *   "restates":{"entry":HASH,"author":ID,"seq":N,"at":TIME,"by":{...}}
 *
 * For the tables the new entry is one like any other. Bodies name other entries by hash; a name of
 * one that was said again already becomes the name of its restatement.
 */
#ifndef ESCROW_RESTATE_H
#define ESCROW_RESTATE_H

#include "escrow/entry.h"
#include "escrow/store.h"

/* Which entry says which again. Zeroed: empty. */
struct restated {
    struct restated_pair {
        char old[HASH_TEXT + 1];
        char new[HASH_TEXT + 1];
    } * pairs;
    size_t count;
};
void restated_release(struct restated *map);
/* Adds all restatements that count here. */
enum rc restated_load(const struct store *store, struct restated *map, struct err *err) MUST_CHECK;
enum rc restated_add(struct restated *map, const char *old, const char *new,
                     struct err *err) MUST_CHECK;
/* The entry that says this one again, or NULL. */
const char *restated_as(const struct restated *map, const char *old);

/* Appends e again in the own log and adds it to map. Inside a transaction. */
enum rc restate_append(struct store *store, const struct entry *e, struct restated *map,
                       struct err *err) MUST_CHECK;
/* Appends e's body to out, names of restated entries exchanged. */
void restate_body(struct buf *out, const struct entry *e, const struct restated *map);

#endif
