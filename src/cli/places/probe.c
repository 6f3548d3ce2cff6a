#include "cli/places/probe.h"

#include <string.h>

#include "cli/out.h"

static const char *
once_words(const char *verdict)
{
    if (strcmp(verdict, "enforced") == 0)
        return "nothing there can be overwritten by mistake";
    if (strcmp(verdict, "usual") == 0)
        return "overwriting is usually refused; every head is read back";
    if (strcmp(verdict, "read-only") == 0)
        return "this account may read there and not write";
    return "that place does not refuse overwriting; every object is read back";
}

static const char *
destroy_words(const struct remote_verdict *v)
{
    if (v->overwrites && v->removes)
        return "this account can destroy the copy: it may overwrite and remove what lies there; "
               "keep another copy that it cannot reach, or old versions at the server";
    if (v->overwrites)
        return "this account can destroy the copy: it may overwrite what lies there, though not "
               "remove it";
    if (v->removes)
        return "this account can destroy the copy: it may remove what lies there, though not "
               "overwrite it";
    return "this account cannot destroy the copy: what it has written stays";
}

void
probe_lines(struct ctx *ctx, const struct remote_verdict *v)
{
    out_printf(ctx, "%-11s %s: %s\n", "once", v->create_once, once_words(v->create_once));
    if (strcmp(v->create_once, "read-only") == 0)
        return;
    if (v->large == LARGE_ROOM)
        out_field(ctx, "large", "there is room for an object of 32 MiB");
    if (v->large == LARGE_TAKEN)
        out_field(ctx, "large", "an object of 32 MiB arrives whole");
    if (v->large == LARGE_REFUSED)
        out_printf(ctx, "%-11s no object of 32 MiB finds room: %s\n", "large", v->large_why);
    out_field(ctx, "destroy", destroy_words(v));
}

void
probe_members(struct jw *w, const struct remote_verdict *v)
{
    static const char *const large[] = {"untried", "room", "taken", "refused"};
    jw_str(w, "create_once", v->create_once);
    jw_str(w, "large_object", large[v->large]);
    jw_opt(w, "large_object_why", v->large_why);
    jw_bool(w, "can_overwrite", v->overwrites);
    jw_bool(w, "can_remove", v->removes);
}
