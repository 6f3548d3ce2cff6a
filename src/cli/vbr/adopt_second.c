/* vbr adopt --second: what is known already gets its second wrap, too. */
#include <stdlib.h>
#include <string.h>

#include "cli/keys/rehome.h"
#include "cli/vbr/adopt.h"
#include "cli/vbr/vbr_hints.h"

static enum rc
one_done(void *arg, const struct job *j, struct err *err)
{
    struct adopting *x = arg;
    (void)err;
    for (size_t i = 0; i < x->chosen_count; i++) {
        if (strcmp(x->chosen[i]->key.uuid, j->key.uuid) == 0)
            x->chosen[i]->second = j->move->outcome == ADDED     ? ADOPT_SECOND_ADDED
                                   : j->move->outcome == THERE   ? ADOPT_SECOND_THERE
                                   : j->move->outcome == PLANNED ? ADOPT_SECOND_PLANNED
                                                                 : ADOPT_SECOND_FAILED;
    }
    return RC_OK;
}

/* The hints of those that got one: the wrap that must survive is perhaps this one. */
static enum rc
settle_hints(struct adopting *x, struct err *err)
{
    struct vbr_hints hints = {.ctx = x->a.ctx};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        if (x->chosen[i]->second == ADOPT_SECOND_ADDED && x->chosen[i]->outcome == ADOPT_THERE)
            rc = vbr_hints_add(&hints, x->chosen[i]->key.uuid, err);
    }
    if (rc == RC_OK && hints.count > 0)
        rc = vbr_hints_settle(&hints, err);
    vbr_hints_release(&hints);
    return rc;
}

enum rc
adopt_second(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    const char *to = opt_get(&ctx->opts, OPT_SECOND);
    struct rehome *r = to != NULL ? calloc(1, sizeof *r) : NULL;
    enum rc rc = RC_OK;
    if (to == NULL)
        return RC_OK;
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    r->how = "add";
    r->told = one_done;
    r->arg = x;
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        const struct vbr_adoption *p = x->chosen[i];
        int hole = 0;
        if (p->key.uuid[0] == '\0')
            continue;
        rc = vbr_key_is_hole(ctx->store, &p->key, &hole, err);
        if (rc == RC_OK && !hole)
            rc = rehome_plan_key(r, to, p->key.uuid, err);
    }
    if (rc == RC_OK && rehome_planned(r, NULL) > 0)
        rc = rehome_reach(r, err);
    if (rc == RC_OK)
        rc = rehome_run(r, err);
    if (rc == RC_OK && r->added > 0)
        rc = settle_hints(x, err);
    rehome_release(r);
    free(r);
    return rc;
}
