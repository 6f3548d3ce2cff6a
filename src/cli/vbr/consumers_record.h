/* Who uses which key, into the log: one look as escrow/consumer.h has it. */
#ifndef CLI_CONSUMERS_RECORD_H
#define CLI_CONSUMERS_RECORD_H

#include "cli/cmd.h"
#include "escrow/consumer.h"

/*
 * Appends the look, in one transaction; nothing with --dry-run, when a newer one is on record, or
 * the same one of less than a day before. Of each item key, kind, name and id count; the list is
 * put in order. known: what was on record before.
 */
enum rc consumers_record(struct ctx *ctx, const struct consumers *known, const char *server,
                         const char *part, const char *seen, struct consumer *list, size_t count,
                         struct err *err) MUST_CHECK;

#endif
