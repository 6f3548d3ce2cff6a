/* Runbooks by name or file, and what only the command tables and the store can say of them. */
#ifndef CLI_RUNBOOK_LOAD_H
#define CLI_RUNBOOK_LOAD_H

#include "cli/cmd.h"
#include "escrow/runbooks.h"
#include "recover/runbook.h"

enum runbook_source { RUNBOOK_FILE, RUNBOOK_LOG, RUNBOOK_SHIPPED };
const char *runbook_source_name(enum runbook_source source);

/* Opens the store if there is one; ctx->store stays NULL where there is none. */
enum rc runbook_store(struct ctx *ctx, struct err *err) MUST_CHECK;

/*
 * A word with a slash, or one that ends in ".md", is a file. Else the name of a runbook in the log,
 * else of one that comes with the program. RC_NOT_FOUND names those that there are; RC_AMBIGUOUS
 * when two sites have put different ones under one name into the log.
 */
enum rc runbook_load(struct ctx *ctx, struct runbook **out, enum runbook_source *source,
                     const char *ref, struct err *err) MUST_CHECK;

/* Adds findings about the commands of its steps, and with a store about the keys that it names. */
enum rc runbook_check(struct ctx *ctx, struct runbook *r, struct err *err) MUST_CHECK;

/* RC_RUNBOOK with the first severe findings, unless there are none. ref: how it was named. */
enum rc runbook_refuse(const struct runbook *r, const char *ref, struct err *err) MUST_CHECK;

/* The current ones of a name in the log: the text of the first, and the hashes of all, as the
 * inside of a JSON array. Release it also after a failure. */
struct runbook_former {
    struct buf text, hashes;
    size_t count;
};
enum rc runbook_former(const struct ctx *ctx, const char *name, struct runbook_former *f,
                       struct err *err) MUST_CHECK;
void runbook_former_release(struct runbook_former *f);
/* Shows what differs from a former text, and asks; with --dry-run it only shows. RC_NO_CONFIRM. */
enum rc runbook_changed(struct ctx *ctx, const char *former, const struct runbook *r,
                        const char *question, struct err *err) MUST_CHECK;
/* Puts it into the log, in the place of the current ones of its name. entry (may be NULL) gets the
 * hash. */
enum rc runbook_record(struct ctx *ctx, const struct runbook *r, char *entry,
                       struct err *err) MUST_CHECK;

/* Those that come with the program, by number; NULL name after the last. text of len bytes. */
const char *runbook_shipped(size_t i, const char **text, size_t *len);

#endif
