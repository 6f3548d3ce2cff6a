#include "cli/vbr/identify_walk.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/out.h"
#include "sys/dir.h"

struct walking {
    struct ctx *ctx;
    identify_fn fn;
    void *arg;
    size_t count;
    unsigned depth;
    int more;
    struct bco bco; /* of the file looked at last */
    struct identify found;
};

static int
is_bco(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcasecmp(name + len - 4, ".bco") == 0;
}

static enum rc
look(struct walking *w, const char *path, struct err *err)
{
    if (w->count == IDENTIFY_FILES) {
        w->more = 1;
        return RC_OK;
    }
    w->count++;
    enum rc rc = identify_file(w->ctx, path, &w->bco, &w->found, err);
    return rc == RC_OK ? w->fn(w->arg, &w->found, err) : rc;
}

/* A link to one is not followed: it may lead in a circle. */
static int
is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct place {
    struct walking *all;
    const char *folder;
};

static enum rc walk(struct walking *w, const char *folder, struct err *err);

static enum rc
one_name(void *arg, const char *name, struct err *err)
{
    struct place *p = arg;
    char path[PATH_SIZE];
    struct err scratch = ERR_INIT;
    if (path_join(path, p->folder, name, &scratch) != RC_OK) /* too long to be anybody's */
        return RC_OK;
    if (is_bco(name))
        return look(p->all, path, err);
    return p->all->depth < IDENTIFY_DEPTH && is_folder(path) ? walk(p->all, path, err) : RC_OK;
}

static enum rc
walk(struct walking *w, const char *folder, struct err *err)
{
    struct place p = {w, folder};
    w->depth++;
    enum rc rc = dir_each(folder, one_name, &p, err);
    w->depth--;
    if (rc == RC_IO && w->depth > 0) { /* a folder that may not be read hides no other */
        out_warn(w->ctx, "%s", err->msg);
        err_clear(err);
        rc = RC_OK;
    }
    return rc;
}

enum rc
identify_walk(struct ctx *ctx, const char *path, identify_fn fn, void *arg, int *more,
              struct err *err)
{
    struct walking *w = calloc(1, sizeof *w); /* too large for a stack */
    if (w == NULL)
        return err_nomem(err);
    w->ctx = ctx;
    w->fn = fn;
    w->arg = arg;
    enum rc rc = dir_exists(path) ? walk(w, path, err) : look(w, path, err);
    if (rc == RC_OK && !dir_exists(path) && w->found.failed.code != RC_OK) {
        *err = w->found.failed;
        rc = err->code;
    }
    *more |= w->more;
    free(w);
    return rc;
}
