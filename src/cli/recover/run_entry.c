#include "cli/recover/run_entry.h"

#include "cli/out.h"
#include "cli/session.h"

void
run_entry(struct buf *body, struct jw *w, const char *run)
{
    buf_init(body, LIMIT_BODY);
    jw_init(w, body);
    jw_obj(w, NULL);
    jw_str(w, "run", run);
}

enum rc
run_entry_put(struct ctx *ctx, const char *kind, struct buf *body, struct jw *w, struct err *err)
{
    static int said; /* a command is one run's */
    struct err away = ERR_INIT;
    int quiet = ctx->quiet;
    jw_end_obj(w);
    enum rc rc = session_record(ctx, kind, body, NULL, err);
    buf_release(body);
    ctx->quiet = quiet || said;
    if (rc == RC_OK && session_publish(ctx, &away) != RC_OK)
        out_warn(ctx, "not published: %s", away.msg);
    said = 1;
    ctx->quiet = quiet;
    return rc;
}
