/* Commands that take several keys and answer for each. */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "text/jw.h"

/* The keys of the arguments, all found before anything is done with the first. Caller: free. */
enum rc answers_keys(struct ctx *ctx, struct key **out, struct err *err) MUST_CHECK;

/*
 * Answers of one key or several. -o json is one document: an object for one key, for several one
 * with "results"; ndjson has one a key; text is made by the caller.
 */
struct answers {
    struct ctx *ctx;
    const char *schema;
    int many;
    struct buf doc;
    struct jw w;
};

void answers_begin(struct answers *a, struct ctx *ctx, const char *schema);
/* Begins one answer; write members with a->w, then answers_one_end. */
void answers_one(struct answers *a);
enum rc answers_one_end(struct answers *a, struct err *err) MUST_CHECK;
/* Also after a failure: what was answered until then is told. */
enum rc answers_end(struct answers *a, struct err *err) MUST_CHECK;

#endif
