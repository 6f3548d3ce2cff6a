/* The two pages of recovery/ that say what this escrow has: for a person with a copy and a KMS.
 * Nothing in them is secret. */
#ifndef COPY_RECOVERY_PAGES_H
#define COPY_RECOVERY_PAGES_H

#include "base/buf.h"
#include "escrow/store.h"

/* KEYS.txt: every key generation with its wraps. now stands in it once, before any text of the log:
 * when it is written. */
enum rc recovery_page_keys(const struct store *store, const char *now, struct buf *out,
                           struct err *err) MUST_CHECK;
/* START-HERE.md, likewise; program: keymuster itself lies beside it. */
enum rc recovery_page_start(const struct store *store, const char *now, int program,
                            struct buf *out, struct err *err) MUST_CHECK;

#endif
