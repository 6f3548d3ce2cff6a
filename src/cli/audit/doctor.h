/* What `doctor` says, in two files. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/cmd.h"
#include "text/jw.h"

struct doctor {
    struct ctx *ctx;
    struct jw *w; /* JSON; NULL: text */
    int64_t findings;
};

/* One line, or one item. found: 1 well, 0 not, -1 not known; why: what to know or to do, or "". */
void doctor_tell(struct doctor *d, const char *what, const char *name, const char *test, int found,
                 int finding, const char *why);
/* What can be looked at without a network (cli/audit/doctor_local.c). */
enum rc doctor_local(struct doctor *d, struct err *err) MUST_CHECK;

#endif
