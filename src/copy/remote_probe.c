/* What a place promises is tried, not believed: once when a copy is made, and by every check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/remote_kind.h"
#include "crypt/hash.h"
#include "text/enc.h"

enum { PROBE_TEXT = 16, PROBE_ID = 16, PROBE_NAME = 6 + 2 * PROBE_ID + 1 };

static const char first[] = "probe, first one";
static const char second[] = "probe, other one";

static void
new_name(char out[PROBE_NAME])
{
    unsigned char raw[PROBE_ID];
    (void)snprintf(out, PROBE_NAME, "probe-");
    random_bytes(raw, sizeof raw);
    hex_encode(out + 6, raw, sizeof raw);
}

/* The name is taken; what a second creation with other bytes comes to. */
static enum rc
try_again(struct remote *r, const char *name, struct remote_verdict *v, struct err *err)
{
    struct err none = ERR_INIT;
    int torn = 0;
    enum rc again = r->kind->create(r, name, second, PROBE_TEXT, &none);
    enum rc rc = remote_settle(r, name, first, PROBE_TEXT, &torn, err);
    int usual = r->kind->only_usual != NULL && r->kind->only_usual(r);
    if (rc == RC_OK && again == RC_EXISTS)
        v->create_once = usual ? "usual" : "enforced";
    else if (rc == RC_OK)
        v->create_once = "refused";
    else if (rc == RC_CREATE_ONCE)
        v->create_once = "ignored";
    if (rc != RC_CREATE_ONCE)
        return rc;
    err_clear(err);
    return RC_OK;
}

/* A refusal is what is asked for here; anything else ends the probe. */
static int
refused(enum rc rc, struct err *err)
{
    if (rc != RC_COPY_READ_ONLY && rc != RC_COPY_DENIED && rc != RC_EXISTS)
        return 0;
    err_clear(err);
    return 1;
}

/* Whether what is there can be destroyed by whoever has this credential. */
static enum rc
try_destroy(struct remote *r, const char *name, struct remote_verdict *v, struct err *err)
{
    enum rc rc = r->kind->replace(r, name, second, PROBE_TEXT, err);
    v->overwrites = rc == RC_OK;
    if (rc != RC_OK && !refused(rc, err))
        return rc;
    rc = r->kind->remove(r, name, err);
    v->removes = rc == RC_OK;
    return rc == RC_OK || refused(rc, err) ? RC_OK : rc;
}

/* Random, so that nothing in between makes it smaller. */
static enum rc
large_object(struct remote *r, int removes, struct err *err)
{
    char name[PROBE_NAME];
    struct err none = ERR_INIT;
    int torn = 0;
    unsigned char *bytes = malloc(REMOTE_LARGE);
    if (bytes == NULL)
        return err_nomem(err);
    random_noise(bytes, REMOTE_LARGE);
    new_name(name);
    enum rc rc = r->kind->create(r, name, bytes, REMOTE_LARGE, err);
    if (rc == RC_OK)
        rc = remote_settle(r, name, bytes, REMOTE_LARGE, &torn, err);
    free(bytes);
    if (rc != RC_EXISTS && removes)
        err_ignore(r->kind->remove(r, name, &none)); /* the next probe says whether it can */
    return rc;
}

static enum rc
try_large(struct remote *r, struct remote_verdict *v, struct err *err)
{
    enum rc rc = r->kind->room != NULL ? r->kind->room(r, REMOTE_LARGE, err)
                                       : large_object(r, v->removes, err);
    if (rc == RC_INTERRUPTED || rc == RC_NO_MEMORY)
        return rc;
    v->large = rc != RC_OK ? LARGE_REFUSED : r->kind->room != NULL ? LARGE_ROOM : LARGE_TAKEN;
    if (rc != RC_OK)
        (void)snprintf(v->large_why, sizeof v->large_why, "%.159s",
                       err->why[0] != '\0' ? err->why : err->msg);
    err_clear(err);
    return RC_OK;
}

enum rc
remote_probe(struct remote *r, enum probe_how how, struct remote_verdict *out, struct err *err)
{
    char name[PROBE_NAME];
    memset(out, 0, sizeof *out);
    out->create_once = "";
    new_name(name);
    enum rc rc = remote_create_once(r, name, first, PROBE_TEXT, err);
    if (rc == RC_COPY_READ_ONLY) {
        err_clear(err);
        out->create_once = "read-only";
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = try_again(r, name, out, err);
    if (rc == RC_OK)
        rc = try_destroy(r, name, out, err);
    int large = how == PROBE_FIRST || (how == PROBE_AGAIN && out->removes);
    return rc == RC_OK && large ? try_large(r, out, err) : rc;
}
