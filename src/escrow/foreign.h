/*
 * What a KMS says that it did under a root key, and what of it nobody recorded. Correlation ids of
 * what keymuster asked are in the log, beside what came of it; an unwrap by any other id opens a
 * duty, until somebody explains it.
 */
#ifndef ESCROW_FOREIGN_H
#define ESCROW_FOREIGN_H

#include "escrow/store.h"
#include "kms/activity.h"

/* ---- whose it was ---- */
enum foreign_verdict {
    FOREIGN_OURS,
    FOREIGN_AGAIN, /* this very event was seen before in this book */
    FOREIGN_OTHER
};
/* The correlation ids in the entries that count; 20 bytes each. */
struct foreign_book;
enum rc foreign_book_open(struct foreign_book **out, const struct store *store,
                          struct err *err) MUST_CHECK;
void foreign_book_close(struct foreign_book *b); /* takes NULL */
/* An id serves for one event that succeeded: who uses one again took it from the log. */
enum foreign_verdict foreign_judge(struct foreign_book *b, const struct activity *a);

/* ---- duties ---- */
struct foreign {
    char event[17];
    char root[UUID_TEXT + 1];
    char kms_at[TIME_TEXT + 1];
    char who[ACTIVITY_TEXT + 1];
    char address[64];
    char request[64];
};
/* Those that nobody has explained, by the KMS's time. */
typedef enum rc (*foreign_fn)(void *arg, const struct foreign *f, struct err *err);
enum rc foreign_each(const struct store *store, foreign_fn fn, void *arg,
                     struct err *err) MUST_CHECK;
/* Whether the log has that event, explained or not. */
enum rc foreign_known(const struct store *store, const char *event, int *yes,
                      struct err *err) MUST_CHECK;
/* Appends the duty, or the explanation, in the running transaction; entry as log_append. */
enum rc foreign_append(struct store *store, const struct activity *a, const char *root, char *entry,
                       struct err *err) MUST_CHECK;
enum rc foreign_explain(struct store *store, const char *event, const char *reason,
                        const char *ticket, char *entry, struct err *err) MUST_CHECK;

#endif
