/* What the two files share that write a run for people: run_sheet.c the whole, run_steps.c its
 * steps. */
#ifndef REPORT_RUN_TELLING_H
#define REPORT_RUN_TELLING_H

#include "report/run_report.h"

enum { RUN_VALUE = 16 * 1024, RUN_STAMP = TIME_TEXT + 1 };

struct run_telling {
    struct sheet s;
    const struct run_facts *f;
    const struct report_about *about;
};

/* "" for -1. */
void run_stamp(char out[RUN_STAMP], int64_t ms);
/* "12 s of 5 min, over"; "" for -1. of 0: no budget. 1 when it is over. */
int run_span_of(char *out, size_t size, int64_t ms, int64_t of);
enum rc run_who_fact(struct run_telling *t, const char *label, const struct entry *e,
                     struct err *err) MUST_CHECK;

enum rc run_put_steps(struct run_telling *t, struct err *err) MUST_CHECK;
/* Of a step; NULL: those of the whole. */
enum rc run_put_notes(struct run_telling *t, const char *step, struct err *err) MUST_CHECK;

#endif
