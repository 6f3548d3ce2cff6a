/* What every kind of place implements; only remote*.c looks in here. */
#ifndef COPY_REMOTE_KIND_H
#define COPY_REMOTE_KIND_H

#include "copy/remote.h"
#include "sys/file.h"

/* Meanings as in remote.h. */
struct remote_kind {
    enum rc (*reach)(struct remote *r, struct err *err);
    enum rc (*get)(struct remote *r, const char *name, struct buf *out, struct err *err);
    enum rc (*create_once)(struct remote *r, const char *name, const void *bytes, size_t len,
                           struct err *err);
    enum rc (*put)(struct remote *r, const char *name, const void *bytes, size_t len,
                   struct err *err);
    enum rc (*withdraw)(struct remote *r, const char *name, struct err *err);
    enum rc (*list)(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err);
    enum rc (*probe)(struct remote *r, const char **verdict, struct err *err);
};

struct remote {
    const struct remote_kind *kind;
    struct buf url;         /* canonical */
    char folder[PATH_SIZE]; /* absolute; "" when the place is no folder */
};

extern const struct remote_kind remote_dir_kind;

#endif
