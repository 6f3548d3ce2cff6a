#include "cli/reveal/answers.h"

#include <stdlib.h>

#include "cli/out.h"
#include "cli/session.h"

enum rc
answers_keys(struct ctx *ctx, struct key **out, struct err *err)
{
    size_t n = ctx->opts.arg_count;
    *out = calloc(n, sizeof **out);
    if (*out == NULL)
        return err_nomem(err);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < n; i++)
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &(*out)[i], err);
    return rc;
}

void
answers_begin(struct answers *a, struct ctx *ctx, const char *schema)
{
    *a = (struct answers){.ctx = ctx, .schema = schema};
    a->many = ctx->format == OUT_JSON && ctx->opts.arg_count > 1;
    if (a->many) {
        session_answer(&a->doc, &a->w, schema);
        jw_arr(&a->w, "results");
    }
}

void
answers_one(struct answers *a)
{
    if (a->many)
        jw_obj(&a->w, NULL);
    else
        session_answer(&a->doc, &a->w, a->schema);
}

enum rc
answers_one_end(struct answers *a, struct err *err)
{
    jw_end_obj(&a->w);
    if (a->many)
        return RC_OK;
    enum rc rc = out_json(a->ctx, &a->doc, err);
    buf_release(&a->doc);
    return rc;
}

enum rc
answers_end(struct answers *a, struct err *err)
{
    enum rc rc = RC_OK;
    if (a->many) {
        jw_end_arr(&a->w);
        jw_end_obj(&a->w);
        rc = out_json(a->ctx, &a->doc, err);
    }
    buf_release(&a->doc);
    return rc;
}
