/* Who plays a run, and who else approves its steps (recover/approval.h). */
#ifndef CLI_RUN_APPROVE_H
#define CLI_RUN_APPROVE_H

#include "cli/cmd.h"
#include "cli/people/who.h"
#include "recover/run.h"
#include "text/ini.h"

/* Who plays it: who_ask, which asks nobody when there is a file of answers. */
enum rc run_who(struct ctx *ctx, struct who *out, struct err *err) MUST_CHECK;
/* They play it from now on, here; somebody new, and --alone of this command, are recorded. */
enum rc run_take_up(struct ctx *ctx, struct run *run, const struct who *who,
                    struct err *err) MUST_CHECK;

enum approve_end { APPROVE_BACK, APPROVE_DONE, APPROVE_ALONE };
/*
 * Asks for the approvals that an approve step still lacks, by answers (NULL: at the terminal), and
 * records each at once. APPROVE_BACK: it stays open; APPROVE_ALONE: nobody else is there and run->
 * alone says that this is all right. RC_RUN_PAUSED where the answers lack somebody; RC_POLICY,
 * RC_COPY_SIGNATURE, RC_KMS_PASSPHRASE for answers that are not accepted.
 */
enum rc run_approve(struct ctx *ctx, struct run *run, const struct ini *answers, size_t i,
                    enum approve_end *end, struct err *err) MUST_CHECK;

/* Who approved what, below a step's line in text; members of its JSON object. */
void run_approve_list(struct buf *out, const struct run *run, size_t i);
void run_approve_write(struct jw *w, const struct run *run, size_t i);
/* The same of the whole run: who played it, whether alone, who countersigned. */
enum rc run_alone_list(struct ctx *ctx, const struct run *run, struct err *err) MUST_CHECK;
enum rc run_alone_write(struct ctx *ctx, struct jw *w, const struct run *run,
                        struct err *err) MUST_CHECK;

#define ALONE_OPTION                                                                               \
    {                                                                                              \
        OPT_ALONE, "alone", 0, "REASON", 0,                                                        \
            "approve steps may be ended without a second person, who countersigns later"           \
    }

#endif
