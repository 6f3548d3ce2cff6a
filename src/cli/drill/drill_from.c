/* What a drill is done from. */
#include "base/plant.h"

#include <stdio.h>
#include <string.h>

#include "cli/drill/drill.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/places/from_export.h"
#include "cli/session.h"

/* A copy that is away is no answer as long as there is another one; one that is hostile is. *done
 * 0: there is none that answers. */
static enum rc
open_first(struct drill_run *r, int own_site, int *done, struct err *err)
{
    const char *name;
    *done = 0;
    for (size_t i = 0; (name = ini_name_at(r->own->conf, "copy", i)) != NULL; i++) {
        int own = 0;
        enum rc rc = copy_is_at(r->own, name, r->own->site, &own, err);
        if (rc != RC_OK)
            return rc;
        if (own != own_site)
            continue;
        if (r->from_rc != RC_OK)
            out_warn(r->ctx, "copy %s cannot be reached; trying %s", r->from, name);
        (void)snprintf(r->from, sizeof r->from, "%s", name);
        r->from_rc = copy_open(r->own, name, &r->copy, &r->from_err);
        *done = r->from_rc != RC_COPY_UNREACHABLE;
        if (*done)
            return RC_OK;
    }
    return RC_OK;
}

static enum rc
open_any(struct drill_run *r, struct err *err)
{
    const char *export = store_conf(r->own, "store", NULL, "export");
    if (ini_name_at(r->own->conf, "copy", 0) == NULL && export != NULL) {
        (void)snprintf(r->from, sizeof r->from, "%s", export);
        r->alone = r->own; /* which knows what the export says */
        return RC_OK;
    }
    if (ini_name_at(r->own->conf, "copy", 0) == NULL) {
        (void)err_set(err, RC_COPY_NOT_BOUND, "no copy is bound here to get keys back from");
        return err_hint(err, "bind one: keymuster copy add NAME URL --site SITE\n"
                             "or name one: --from COPY");
    }
    int done = 0;
    enum rc rc = open_first(r, 1, &done, err);
    return rc == RC_OK && !done ? open_first(r, 0, &done, err) : rc;
}

static enum rc
open_named(struct drill_run *r, const char *name, struct err *err)
{
    if (store_conf(r->own, "copy", name, "url") == NULL) {
        enum rc rc = copy_open(r->own, name, &r->copy, err);
        return rc != RC_OK ? rc : err_set(err, RC_INTERNAL, "copy %s", name);
    }
    (void)snprintf(r->from, sizeof r->from, "%s", name);
    r->from_rc = copy_open(r->own, name, &r->copy, &r->from_err);
    return RC_OK;
}

/* First against what this store knows and remembers of the copy, for a copy alone cannot tell that
 * it was set back; then by itself. */
static void
read_copy(struct drill_run *r, int pulled)
{
    struct pull_report report;
    if (r->from_rc == RC_OK && !pulled)
        r->from_rc = pull_from(r->own, &r->copy, PULL_DRY, &report, &r->from_err);
    if (r->from_rc == RC_OK)
        r->from_rc = copy_alone(&r->alone, r->own, &r->copy, &report, &r->from_err);
    if (PLANTED("own-not-copy")) {
        copy_alone_close(r->alone);
        r->alone = r->own;
    }
    if (r->from_rc == RC_OK)
        r->from_rc = copy_lag(&r->lag, r->own, r->alone, &r->from_err);
    r->has_lag = r->from_rc == RC_OK;
}

/* What says something of the copy is a result; what says something of this machine ends the drill.
 */
static int
is_of_copy(enum rc rc)
{
    int code = (int)rc;
    return (code >= 4000 && code < 5000) || rc == RC_CHAIN || rc == RC_MALFORMED;
}

enum rc
drill_from_open(struct drill_run *r, struct err *err)
{
    const char *from = opt_get(&r->ctx->opts, OPT_FROM);
    const char *name = opt_get(&r->ctx->opts, OPT_COPY);
    enum rc rc = RC_OK;
    r->own = r->ctx->store;
    if (from != NULL && from_is_export(from)) {
        (void)snprintf(r->from, sizeof r->from, "%s", from);
        r->alone = r->own;
        return RC_OK;
    }
    if (from != NULL) {
        (void)snprintf(r->from, sizeof r->from, "%s", from);
        struct remote_access access;
        place_access(r->ctx, &access);
        r->from_rc = copy_open_url(r->own, from, &access, "from", &r->copy, &r->from_err);
    } else {
        rc = name != NULL ? open_named(r, name, err) : open_any(r, err);
    }
    if (rc == RC_OK && r->alone != NULL)
        return RC_OK;
    if (rc == RC_OK && r->from_rc == RC_OK)
        rc = object_site(r->own, r->copy.uuid, r->copy_site, err);
    if (rc == RC_OK)
        read_copy(r, from != NULL);
    if (rc != RC_OK || r->from_rc == RC_OK || is_of_copy(r->from_rc))
        return rc;
    *err = r->from_err;
    return r->from_rc;
}

void
drill_from_close(struct drill_run *r)
{
    if (r->alone != r->own)
        copy_alone_close(r->alone);
    r->alone = NULL;
    copy_close(&r->copy);
}
