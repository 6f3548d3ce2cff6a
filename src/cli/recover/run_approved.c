/* What is shown of approvals (cli/recover/run_approve.h). */
#include <string.h>

#include "cli/out.h"
#include "cli/recover/run_approve.h"
#include "text/jw.h"
#include "text/uni.h"

static void
put_line(struct buf *out, const struct approval *a)
{
    struct buf line;
    buf_init(&line, LIMIT_ENTRY);
    buf_addf(&line, "%s by %s%s%s", approval_word(a), a->name, a->counts ? "" : ": ", a->why);
    buf_adds(out, a->counts ? "          " : "          ! ");
    escape_terminal(out, buf_str(&line), line.len, ESCAPE_LINE);
    buf_addc(out, '\n');
    buf_release(&line);
}

void
run_approve_list(struct buf *out, const struct run *run, size_t i)
{
    for (size_t k = 0; k < run->approval_count; k++) {
        if (strcmp(run->approvals[k].step, run->book->steps[i].id) == 0)
            put_line(out, &run->approvals[k]);
    }
    if (approval_was_alone(run, i))
        buf_addf(out, "          ! ALONE: %s\n",
                 run->steps[i].countersigned ? "countersigned since"
                                             : "no second person; to be countersigned");
}

static void
write_approval(struct jw *w, const struct approval *a)
{
    jw_obj(w, NULL);
    jw_str(w, "what", approval_word(a));
    jw_str(w, "name", a->name);
    jw_opt(w, "person", a->person);
    jw_str(w, "at", a->at);
    jw_opt(w, "why", a->why);
    jw_end_obj(w);
}

void
run_approve_write(struct jw *w, const struct run *run, size_t i)
{
    if (run->book->steps[i].kind != STEP_APPROVE)
        return;
    jw_arr(w, "approvals");
    for (size_t k = 0; k < run->approval_count; k++) {
        if (strcmp(run->approvals[k].step, run->book->steps[i].id) == 0)
            write_approval(w, &run->approvals[k]);
    }
    jw_end_arr(w);
    jw_bool(w, "alone", approval_was_alone(run, i));
}

enum rc
run_alone_list(struct ctx *ctx, const struct run *run, struct err *err)
{
    struct buf who;
    size_t open = 0;
    size_t alone = approval_alone(run, &open);
    buf_init(&who, LIMIT_ENTRY);
    enum rc rc = player_names(&who, run, ctx->store, err);
    if (rc == RC_OK && alone > 0) {
        out_printf(ctx, "\nALONE: %zu step%s ended without a second person, by ", alone,
                   alone == 1 ? "" : "s");
        out_text(ctx, buf_str(&who));
        out_printf(ctx, "%s", run->alone[0] != '\0' ? ": " : "");
        out_text(ctx, run->alone);
        out_printf(ctx, "\n");
    }
    for (size_t k = 0; rc == RC_OK && k < run->approval_count; k++) {
        if (run->approvals[k].what == APPROVAL_COUNTERSIGNED)
            put_line(&ctx->out, &run->approvals[k]);
    }
    if (rc == RC_OK && open > 0)
        out_printf(ctx, "next:  somebody else: keymuster recover countersign %.8s\n",
                   run->record.id);
    buf_release(&who);
    return rc;
}

enum rc
run_alone_write(struct ctx *ctx, struct jw *w, const struct run *run, struct err *err)
{
    struct buf who;
    size_t open = 0;
    buf_init(&who, LIMIT_ENTRY);
    enum rc rc = player_names(&who, run, ctx->store, err);
    (void)approval_alone(run, &open);
    jw_opt(w, "played_by", buf_str(&who));
    jw_opt(w, "alone", run->alone);
    jw_int(w, "to_countersign", (int64_t)open);
    jw_arr(w, "countersignatures");
    for (size_t k = 0; k < run->approval_count; k++) {
        if (run->approvals[k].what == APPROVAL_COUNTERSIGNED)
            write_approval(w, &run->approvals[k]);
    }
    jw_end_arr(w);
    buf_release(&who);
    return rc;
}
