/*
 * High-water memory outside the store: $XDG_STATE_HOME/keymuster/<escrow>-<author>.json (else
 * ~/.local/state). It catches a store that was restored from an old image or cloned, which the
 * database itself cannot notice.
 */
#ifndef COPY_MEMORY_H
#define COPY_MEMORY_H

#include "escrow/store.h"

/* Writes what is known now: own log end and newest own head, copy_seen of every copy. Failure is a
 * warning, not an error: *warning (256 bytes) says why, "" if all is well. */
void memory_save(const struct store *store, char warning[256]);
/* Compares: RC_STORE_OLD when the memory knows more own entries or a newer own head than the
 * database, or another hash at their number. No memory there: RC_OK. Called before a command
 * appends. */
enum rc memory_check(const struct store *store, struct err *err) MUST_CHECK;
/* Raises copy_seen rows of this store to what the memory knows (an old image forgot them). Inside a
 * transaction. */
enum rc memory_merge(struct store *store, struct err *err) MUST_CHECK;

/* Removes it: for a store that is discarded before it was ever used. */
void memory_forget(const struct store *store);

/* Whether this machine remembers this store, and the store holds all of it: then it is no old image
 * of itself. */
enum rc memory_fits(const struct store *store, int *yes, struct err *err) MUST_CHECK;

#endif
