/*
 * Who plays a run: the persons whom its entries name, and the accounts under which they were made.
 */
#ifndef RECOVER_PLAYER_H
#define RECOVER_PLAYER_H

#include "escrow/person.h"

struct run;

/* Somebody who did a part of it: as the entry names them, or the account. */
struct player {
    char person[LIMIT_TEXT + 1]; /* UUID, or as typed; "": the account is all that is known */
    char login[LIMIT_NAME + 1];
};

/* Whether entries of this kind are made by who plays. */
int player_plays(const char *kind);
/* While a run is read: who made an entry of it. */
enum rc player_take(struct run *r, const struct entry *e, struct err *err) MUST_CHECK;

/* Whether this person, or somebody who has only a name, plays it or has played a part of it. */
enum rc player_is(const struct run *r, const struct store *store, const char *person,
                  const char *name, int *yes, struct err *err) MUST_CHECK;
/* Appends who played it, for people: "first.operator, root". */
enum rc player_names(struct buf *out, const struct run *r, const struct store *store,
                     struct err *err) MUST_CHECK;

#endif
