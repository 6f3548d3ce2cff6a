#include "db/vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

/* The system's methods for files of one kind (with locks, without), and the same with our read. */
struct methods {
    sqlite3_io_methods ours; /* first: a file points here */
    const sqlite3_io_methods *theirs;
};

enum { KINDS = 4 };
static struct methods kinds[KINDS];
static sqlite3_vfs ours;
static const sqlite3_vfs *theirs;

static int
read_file(sqlite3_file *file, void *out, int size, sqlite3_int64 at)
{
    const struct methods *m = (const struct methods *)file->pMethods;
    int code = m->theirs->xRead(file, out, size, at);
    return code == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : code;
}

static const sqlite3_io_methods *
with_our_read(const sqlite3_io_methods *methods)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct methods *m = &kinds[i];
        if (m->theirs == NULL) {
            *m = (struct methods){*methods, methods};
            m->ours.xRead = read_file;
        }
        if (m->theirs == methods)
            return &m->ours;
    }
    return methods;
}

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
    int code = theirs->xOpen(vfs, name, file, flags, flags_out);
    if (file->pMethods != NULL)
        file->pMethods = with_our_read(file->pMethods);
    return code;
}

static int
access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    struct stat st;
    if (flags != SQLITE_ACCESS_EXISTS)
        return theirs->xAccess(vfs, name, flags, result);
    int there = stat(name, &st) == 0;
    /* as in SQLite: an empty file says nothing */
    *result = there && (!S_ISREG(st.st_mode) || st.st_size > 0);
    return there || errno == ENOENT || errno == ENOTDIR ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

const char *
vfs_name(void)
{
    if (theirs == NULL) {
        const sqlite3_vfs *found = sqlite3_vfs_find(NULL);
        if (found == NULL)
            return NULL;
        ours = *found;
        ours.zName = "keymuster";
        ours.xOpen = open_file;
        ours.xAccess = access_file;
        if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK)
            return NULL;
        theirs = found;
    }
    return ours.zName;
}
