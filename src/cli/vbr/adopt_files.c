/* vbr adopt --file: the passwords of a list in files, for servers without a REST API. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/vbr/adopt.h"
#include "sys/file.h"
#include "sys/process.h"
#include "text/enc.h"
#include "vbr/keylist.h"

enum rc
adopt_take(struct adopting *x, const struct vbr_password *p, struct err *err)
{
    if (x->count == x->size) {
        size_t size = x->size == 0 ? 64 : x->size * 2;
        struct vbr_adoption *more = realloc(x->list, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        x->list = more;
        x->size = size;
    }
    struct vbr_adoption *n = &x->list[x->count];
    memset(n, 0, sizeof *n);
    memcpy(n->id, p->id, sizeof n->id);
    memcpy(n->modified, p->modified, sizeof n->modified);
    if (uuid_is(p->unique))
        memcpy(n->unique, p->unique, sizeof n->unique);
    n->hint = strdup(p->hint);
    if (n->hint == NULL)
        return err_nomem(err);
    x->count++;
    return RC_OK;
}

static enum rc
take_rows(struct adopting *x, struct keylist *l, struct keylist_row *row, const char *path,
          struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    int more = 1;
    enum rc rc = RC_OK;
    while ((rc = keylist_next(l, row, &more, err)) == RC_OK && more) {
        if (row->kind == KEYLIST_PASSWORD) {
            rc = adopt_take(x, &row->p, err);
        } else {
            out_warn(ctx, "%s line %lld: %s", path, (long long)row->line,
                     row->kind == KEYLIST_BROKEN ? row->why : "it is no row of such a list");
            ctx->findings++;
        }
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted");
        if (rc != RC_OK)
            break;
    }
    if (rc == RC_OK && keylist_incomplete(l)) {
        out_warn(ctx, "%s is not whole: there may be passwords that are not in it", path);
        ctx->findings++;
    }
    return rc;
}

enum rc
adopt_files(struct adopting *x, struct err *err)
{
    const struct opts *o = &x->a.ctx->opts;
    struct keylist_row *row = calloc(1, sizeof *row); /* too large for a stack */
    enum rc rc = row != NULL ? RC_OK : err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_FILE); i++) {
        const char *path = opt_at(o, OPT_FILE, i);
        struct keylist *l = NULL;
        FILE *f = fopen(path, "re");
        if (f == NULL) {
            rc = file_not_opened(path, err);
            break;
        }
        rc = keylist_open(&l, f, path, err);
        if (rc == RC_OK)
            rc = take_rows(x, l, row, path, err);
        keylist_close(l);
        (void)fclose(f); /* only read from */
    }
    free(row);
    return rc;
}
