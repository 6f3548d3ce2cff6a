/* vbr reconcile --file: for servers without a REST API, and sites that stay with scripts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/vbr/reconcile.h"
#include "sys/file.h"
#include "sys/process.h"
#include "vbr/keylist.h"

static enum rc
take_rows(struct reconciling *r, struct keylist *l, struct keylist_row *row, struct err *err)
{
    int more = 1;
    enum rc rc = RC_OK;
    while ((rc = keylist_next(l, row, &more, err)) == RC_OK && more) {
        if (row->kind == KEYLIST_PASSWORD)
            rc = reconcile_password(r, &row->p, 1, err);
        else
            rc = reconcile_tell(
                r, V_DAMAGED, NULL,
                row->kind == KEYLIST_BROKEN ? row->why : "it is no row of such a list", "", err);
        r->incomplete |= row->kind != KEYLIST_PASSWORD;
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted");
        if (rc != RC_OK)
            break;
    }
    r->incomplete |= keylist_incomplete(l);
    if (keylist_total(l) >= 0) {
        r->of_list += row->number;
        r->total = keylist_total(l) > r->total ? keylist_total(l) : r->total;
    }
    return rc;
}

static enum rc
take_file(struct reconciling *r, const char *path, struct keylist_row *row, struct err *err)
{
    struct keylist *l = NULL;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return file_not_opened(path, err);
    row->number = 0;
    enum rc rc = keylist_open(&l, f, path, err);
    if (rc == RC_OK)
        rc = take_rows(r, l, row, err);
    keylist_close(l);
    (void)fclose(f); /* only read from */
    return rc;
}

enum rc
reconcile_files(struct reconciling *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    struct keylist_row *row = calloc(1, sizeof *row); /* too large for a stack */
    enum rc rc = row != NULL ? RC_OK : err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_FILE); i++)
        rc = take_file(r, opt_at(o, OPT_FILE, i), row, err);
    free(row);
    r->incomplete |= r->total > r->of_list;
    if (rc == RC_OK && r->total > r->of_list)
        out_warn(r->ctx,
                 "the server's list has %lld passwords, and %lld are here: pages are missing",
                 (long long)r->total, (long long)r->of_list);
    if (rc == RC_OK && r->incomplete)
        out_warn(r->ctx, "the list is not whole, so what is gone there cannot be told");
    return rc;
}

enum rc
reconcile_server(struct ctx *ctx, struct vbr_server *s, struct err *err)
{
    memset(s, 0, sizeof *s);
    return ctx->opts.arg_count == 0
               ? RC_OK
               : object_find(ctx->store, "vbr", opt_arg(&ctx->opts, 0), &s->object, err);
}
