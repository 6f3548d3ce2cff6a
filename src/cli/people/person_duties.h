/* The duties that follow from what a person knows. */
#ifndef CLI_PERSON_DUTIES_H
#define CLI_PERSON_DUTIES_H

#include "cli/cmd.h"
#include "escrow/person.h"
#include "text/jw.h"

/* Open duties of the keys that they saw, knew, adopted or typed: lines of text, or with w the
 * member "duties". */
enum rc person_duties(struct ctx *ctx, const struct person *p, struct jw *w,
                      struct err *err) MUST_CHECK;

#endif
