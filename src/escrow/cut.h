/*
 * A cut: this machine's own word that an author's entries count up to one of them only. For a log
 * whose key was stolen, before (or without) a retirement that says so to every site. Kept as local
 * values, `cut:AUTHOR`; see trust.c for what they do.
 */
#ifndef ESCROW_CUT_H
#define ESCROW_CUT_H

#include <stdint.h>

#include "escrow/store.h"

/* Inside a transaction, which settles. last 0: nothing of this author counts. */
enum rc cut_set(struct store *store, const char *author, int64_t last, struct err *err) MUST_CHECK;
/* One author's, or everybody's (NULL). */
enum rc cut_forget(struct store *store, const char *author, struct err *err) MUST_CHECK;
/* By author. RC_STORE_CORRUPT when one is malformed. */
typedef enum rc (*cut_fn)(void *arg, const char *author, int64_t last, struct err *err);
enum rc cut_each(const struct store *store, cut_fn fn, void *arg, struct err *err) MUST_CHECK;
/* LIMIT_NUMBER without one. */
enum rc cut_of(const struct store *store, const char *author, int64_t *last,
               struct err *err) MUST_CHECK;
/* Gives `to` the cuts of `from`. Inside a transaction of `to`. */
enum rc cut_copy(const struct store *from, struct store *to, struct err *err) MUST_CHECK;

/* The author's last entry before the first that says a later time; *earlier: how many after that
 * say an earlier one all the same, so that a clock must have been wrong. */
enum rc cut_at(const struct store *store, const char *author, int64_t ms, int64_t *last,
               int64_t *earlier, struct err *err) MUST_CHECK;

/*
 * What this store holds and knows, copied into memory (or a file), to be cut and asked. It answers
 * queries, has no folder, and borrows keymuster.conf, so `of` must stay open. cut_view_close takes
 * NULL.
 */
enum rc cut_view(struct store **out, const struct store *of, enum db_copy_where where,
                 struct err *err) MUST_CHECK;
void cut_view_close(struct store *view);

#endif
