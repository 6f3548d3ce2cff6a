/*
 * Evidence that was kept in a folder of its own (--from on a bare machine), merged into a store of
 * the same escrow: verified as a pull from a copy is, and all or nothing.
 */
#ifndef RECOVER_ATTACH_H
#define RECOVER_ATTACH_H

#include "copy/pull.h"

struct attached {
    char dir[PATH_SIZE];          /* the store that was found in the folder */
    char author[AUTHOR_TEXT + 1]; /* whose evidence it is */
    int64_t signed_now;           /* entries that nothing had signed yet; with dry: would be */
    struct pull_report report;
};
/*
 * dir: the store's folder, or one above it. Entries that no head of its author covers are signed
 * there first, for which that folder is written; otherwise it is only read. The author is not
 * admitted by this. RC_NO_STORE, RC_USAGE (it is this store), RC_COPY_FOREIGN, and all that
 * pull_from has.
 */
enum rc attach_evidence(struct store *store, const char *dir, int dry, struct attached *out,
                        struct err *err) MUST_CHECK;

#endif
