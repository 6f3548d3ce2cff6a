/* What `status` and `verify` say of runs: what waits for a countersignature, which approvals do not
 * count. */
#include "cli/audit/status.h"
#include "cli/out.h"
#include "recover/run.h"

static enum rc
look(void *arg, const struct run *run, enum approval_finding what, const struct approval *bad,
     const char *who, struct err *err)
{
    struct status *s = arg;
    (void)err;
    if (what == APPROVAL_DUTY) {
        s->duties++;
        s->countersign++;
        status_warn(s,
                    "duty: run %.8s of %s was done alone by %.100s: another person: keymuster "
                    "recover countersign %.8s",
                    run->record.id, run->record.runbook, who, run->record.id);
        return RC_OK;
    }
    status_warn(s, "run %.8s%s%s: it is said to be %s by %.64s, which does not count: %s",
                run->record.id, bad->step[0] != '\0' ? ", step " : "", bad->step,
                approval_word_claimed(bad), who, bad->why);
    return RC_OK;
}

enum rc
status_runs(struct status *s, struct err *err)
{
    return approval_each(s->ctx->store, look, s, err);
}

struct telling {
    struct ctx *ctx;
    int64_t count;
};

static enum rc
look_bad(void *arg, const struct run *run, enum approval_finding what, const struct approval *bad,
         const char *who, struct err *err)
{
    struct telling *t = arg;
    (void)err;
    if (what != APPROVAL_BAD)
        return RC_OK;
    t->count++;
    out_warn(t->ctx, "run %.8s%s%s: it is said to be %s by %.64s, which does not count: %s",
             run->record.id, bad->step[0] != '\0' ? ", step " : "", bad->step,
             approval_word_claimed(bad), who, bad->why);
    return RC_OK;
}

enum rc
verify_runs(struct ctx *ctx, int64_t *bad, struct err *err)
{
    struct telling t = {ctx, 0};
    enum rc rc = approval_each(ctx->store, look_bad, &t, err);
    *bad = t.count;
    return rc;
}
