#include "cli/people/who.h"

#include <stdio.h>
#include <string.h>

#include "cli/layout.h"
#include "cli/out.h"
#include "escrow/person.h"
#include "sys/term.h"
#include "text/uni.h"

static enum rc
take(struct ctx *ctx, struct who *out, const struct object *o, struct err *err)
{
    struct person p;
    (void)snprintf(out->person, sizeof out->person, "%s", o->uuid);
    (void)snprintf(out->name, sizeof out->name, "%s", o->name);
    enum rc rc = person_load(ctx->store, o, &p, err);
    if (rc == RC_OK && p.left[0] != '\0')
        out_warn(ctx, "%s left, by the record of %s; it is recorded all the same", o->name, p.left);
    person_release(&p);
    return rc;
}

enum rc
who_named(struct ctx *ctx, struct who *out, const char *name, const char *what, struct err *err)
{
    struct object o;
    struct err unknown = ERR_INIT;
    enum rc rc = text_check(name, what, err);
    if (rc != RC_OK)
        return rc;
    rc = object_find(ctx->store, "person", name, &o, &unknown);
    if (rc == RC_OK)
        return take(ctx, out, &o, err);
    if (rc != RC_NOT_FOUND && rc != RC_AMBIGUOUS) {
        *err = unknown;
        return rc;
    }
    (void)snprintf(out->person, sizeof out->person, "%s", name);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    if (rc == RC_AMBIGUOUS)
        out_warn(ctx, "two persons are called %s; recorded as typed", name);
    else
        out_warn(ctx, "%s is no registered person; recorded as typed%s%s", name,
                 strncmp(unknown.hint, "did you", 7) == 0 ? "\n" : "",
                 strncmp(unknown.hint, "did you", 7) == 0 ? unknown.hint : "");
    return RC_OK;
}

static enum rc
take_any(void *arg, const struct person *p, struct err *err)
{
    (void)err;
    *(int *)arg |= p->left[0] == '\0';
    return RC_OK;
}

enum rc
who_ask(struct ctx *ctx, struct who *out, struct err *err)
{
    char answer[LIMIT_TEXT + 1] = "";
    struct object o;
    struct err none = ERR_INIT;
    int fd;
    int yes = 0;
    const char *given = opt_get(&ctx->opts, OPT_AS);
    *out = (struct who){.person = ""};
    if (given != NULL)
        return who_named(ctx, out, given, "--as", err);
    enum rc rc = person_acting(ctx->store, &o, &yes, err);
    if (rc == RC_OK && yes)
        return take(ctx, out, &o, err);
    if (rc == RC_OK)
        rc = person_each(ctx->store, take_any, &yes, err);
    if (rc != RC_OK || !yes || ctx->no_input || term_open(&fd, &none) != RC_OK)
        return rc;
    rc = layout_ask(answer, sizeof answer, "Who are you, for the record (Enter: unknown)? ", err);
    return rc == RC_OK && answer[0] != '\0' ? who_named(ctx, out, answer, "the name", err) : rc;
}
