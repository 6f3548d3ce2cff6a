/* What belongs into recovery/ besides the two pages, and how each file there is found to be. Inside
 * recovery_*.c only. */
#ifndef COPY_RECOVERY_LAID_H
#define COPY_RECOVERY_LAID_H

#include "copy/recovery_files.h"

#define RECOVERY_SUMS "SHA256SUMS"

enum { RECOVERY_FILE_MOST = 64 * 1024 * 1024, RECOVERY_NAME = 96, RECOVERY_PAGES_COUNT = 2 };

extern const char *const recovery_pages[RECOVERY_PAGES_COUNT];

/* A file that only another program or another entry changes. */
struct laid {
    char name[RECOVERY_NAME]; /* below recovery/ */
    struct buf text;
    int due; /* to be written */
};
struct laid_list {
    struct laid *files;
    size_t count;
    struct buf sums; /* SHA256SUMS of them all */
};
/* Caller: laid_release, also after a failure. */
enum rc laid_make(struct laid_list *l, const struct store *store, struct err *err) MUST_CHECK;
void laid_release(struct laid_list *l);

/* wanted NULL: any text that is signed. */
enum rc recovery_look(const struct store *store, struct copy *copy, const char *name,
                      const struct buf *wanted, enum recovery_state *state,
                      struct err *err) MUST_CHECK;

#endif
