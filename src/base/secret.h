/*
 * Secrets: the only place where the plain bytes of a password, passphrase, root key or signing key
 * may be.
 *
 * All secrets live in one arena of SECRET_SLOTS slots of SECRET_SLOT bytes (48 KiB), mapped once,
 * locked in memory, kept out of core dumps, with a guard page on each side. A secret takes a slot;
 * so work in flight is bounded by the free slots. There is no function that prints one.
 *
 * Locking: secret_arena_open asks the kernel, and if it refuses, secrets are refused (RC_NO_LOCK),
 * unless SECRET_UNLOCKED_OK was passed (--accept-risk), which secret_unlocked() then reports for
 * the record.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/err.h"

enum { SECRET_SLOTS = 12, SECRET_SLOT = 4096 };

enum secret_flags { SECRET_LOCKED = 0, SECRET_UNLOCKED_OK = 1 };

struct secret {
    unsigned char *bytes; /* SECRET_SLOT bytes inside the arena */
    size_t len;           /* used */
};

/* Opened at the first secret_new if not before. Calling it twice is harmless; the first call's
 * flags stay. */
enum rc secret_arena_open(enum secret_flags flags, struct err *err) MUST_CHECK;
/* Wipes all slots and unmaps the arena; for tests and the end of main. */
void secret_arena_close(void);
/* True when the arena is open and not locked. */
int secret_unlocked(void);
/* Slots in use now: zero at exit, tests check it. */
unsigned secret_live(void);

/* Takes a slot; *out has len 0. RC_NO_LOCK without a lock; RC_NO_MEMORY when every slot is taken.
 * *out NULL on failure. */
enum rc secret_new(struct secret **out, struct err *err) MUST_CHECK;
/* Wipes the slot and gives it back, and what its use left on the stack. Takes NULL. */
void secret_free(struct secret *s);
/* Appends; RC_BAD_VALUE past SECRET_SLOT. */
enum rc secret_add(struct secret *s, const void *bytes, size_t len, struct err *err) MUST_CHECK;
/* Cuts to len (not more than now), wiping the rest. */
void secret_cut(struct secret *s, size_t len);
/* Constant-time in the content; lengths are compared openly. */
int secret_equal(const struct secret *a, const struct secret *b);
/* Wipes memory in a way that the compiler keeps; for the few borrowed scratch bytes outside the
 * arena. */
void secret_wipe(void *bytes, size_t len);

#endif
