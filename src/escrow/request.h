/*
 * A request to be admitted, for a store whose copy cannot be written: short lines that survive a
 * mail, signed by the author's key. Lines `WORD VALUE`, the first `keymuster request 1`, then
 * minisign's four with the trusted comment of the same words. The signature proves that whoever
 * asks has the key; that it is the right machine, a person has to say.
 */
#ifndef ESCROW_REQUEST_H
#define ESCROW_REQUEST_H

#include "escrow/store.h"

enum { REQUEST_DAYS = 14 };
struct request {
    char escrow[AUTHOR_TEXT + 1];
    struct sign_public author;
    char name[LIMIT_NAME + 1];
    char site[UUID_TEXT + 1]; /* "" without one */
    char at[TIME_TEXT + 1];
    char until[TIME_TEXT + 1]; /* at and REQUEST_DAYS */
};

/* This store's, as of now. name: of its author. */
enum rc request_write(struct buf *out, const struct store *store, const char *name,
                      struct err *err) MUST_CHECK;
/*
 * Finds the request in a text; what names it. Before and behind it may stand anything; its own
 * lines may end in CR LF or blanks, and be quoted with "> ". RC_BAD_VALUE: there is none, or it is
 * malformed; RC_COPY_SIGNATURE: it was altered.
 */
enum rc request_read(struct request *out, const char *text, const char *what,
                     struct err *err) MUST_CHECK;

#endif
