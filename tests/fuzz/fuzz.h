/*
 * What every fuzz target shares. A target is tests/fuzz/fuzz_<name>.c with fuzz_one, which takes
 * bytes from outside through one parser and checks what must hold of the result, not only that
 * nothing crashes. Built three ways: with libFuzzer (preset fuzz), the same with a bug planted
 * (_planted), and with a main that runs its corpus (every test run).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "copy/remote_kind.h"
#include "crypt/sign.h"
#include "db/db.h"
#include "escrow/store.h"

/* The target. Secrets and memory that it takes it gives back. */
void fuzz_one(const char *bytes, size_t len);

/* Must hold, else the program ends at once. */
#define FUZZ_CHECK(holds) ((holds) ? (void)0 : fuzz_fail(#holds, __FILE__, __LINE__))
void fuzz_fail(const char *what, const char *file, int line);

/* A failed parse: an error of this code, with a message, and nothing given out. */
#define FUZZ_REFUSED(rc, want, err, out)                                                           \
    (FUZZ_CHECK((rc) == (want) || (rc) == RC_NO_MEMORY), FUZZ_CHECK((err)->msg[0] != '\0'),        \
     FUZZ_CHECK((err)->code == (rc)), FUZZ_CHECK((out) == NULL))

/* In the planted build: a byte read beyond its block when this holds, for the fuzzer to find. No
 * input of the corpus may fulfil it. */
#ifdef KM_FUZZ_PLANT
#define FUZZ_PLANT(holds) ((holds) ? fuzz_planted() : (void)0)
#else
#define FUZZ_PLANT(holds) ((void)(holds))
#endif
void fuzz_planted(void);

/* The bytes with a NUL behind them, in a block of exactly that size; free. NULL when there is a NUL
 * in them. */
char *fuzz_text(const char *bytes, size_t len);
/* Writes them to a file, always the same, 0600; its path. */
const char *fuzz_file(const char *bytes, size_t len);
/* A folder of this process, in memory where there is such a place. */
const char *fuzz_folder(void);
/* The author of tests/data/v1/fra: what they sign is verified in the same way as any other. The key
 * is in a slot that is kept. */
const struct secret *fuzz_key(struct sign_public *pub);
/* A store in memory, of that author and founder, its log empty; kept. */
struct store *fuzz_store(void);

/* A place whose objects the target makes: get gives the bytes of an object or RC_NOT_FOUND, list
 * calls fn for its names. */
struct fuzz_place {
    struct remote remote;
    enum rc (*get)(void *arg, const char *name, struct buf *out, struct err *err);
    enum rc (*list)(void *arg, const char *folder, remote_fn fn, void *fn_arg, struct err *err);
    void *arg;
};
void fuzz_place_init(struct fuzz_place *place);

#endif
