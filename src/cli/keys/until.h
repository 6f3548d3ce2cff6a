/*
 * --until AUTHOR:SEQ or DATE: what is known as of then, for a log whose key was stolen. Entries of
 * AUTHOR after SEQ are not taken into account; with a DATE, those of every author from the first
 * that says a later time. The store is left as it is: the command works on a view of it, and its
 * records go into the store itself. In a run of a runbook, and by `join`, the cut is kept in
 * the store, for what follows; `author list` shows it and `author block ID --lift` lifts it.
 */
#ifndef CLI_UNTIL_H
#define CLI_UNTIL_H

#include "cli/cmd.h"
#include "escrow/store.h"

#define UNTIL_OPTION                                                                               \
    {                                                                                              \
        OPT_UNTIL, "until", 0, "AUTHOR:SEQ|DATE", OPT_MANY,                                        \
            "leave out what AUTHOR recorded after SEQ, or all after DATE"                          \
    }

/* Its form only, before anything is opened. RC_BAD_VALUE. */
enum rc until_check(const struct ctx *ctx, struct err *err) MUST_CHECK;
/* Without the option: nothing. Else ctx->store becomes a view, ctx->records the store.
 * RC_NOT_FOUND. */
enum rc until_view(struct ctx *ctx, struct err *err) MUST_CHECK;
/* The same at a time, whatever the options: for a report of then. When nothing here is later it is
 * the store itself. RC_NOT_FOUND: nothing is so old. */
enum rc until_view_at(struct ctx *ctx, int64_t ms, struct err *err) MUST_CHECK;
/* Cuts the store itself, which keeps it; without the option its cuts stay, and are told.
 * RC_NOT_FOUND; RC_USAGE for the store's own author. */
enum rc until_keep(struct ctx *ctx, struct err *err) MUST_CHECK;

/* Cuts made for the time of a pull alone, so that what is cut off need not even verify. */
enum { UNTIL_SET = 16 };
struct until_set {
    char authors[UNTIL_SET][AUTHOR_TEXT + 1];
    size_t count;
};
/* Those that name whole ids and are not there yet; *set has them. */
enum rc until_before(const struct ctx *ctx, struct store *store, struct until_set *set,
                     struct err *err) MUST_CHECK;
/* Takes them back. */
enum rc until_after(struct store *store, const struct until_set *set, struct err *err) MUST_CHECK;

#endif
