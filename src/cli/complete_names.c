/* Names for completion, read from the store. */
#include "cli/complete.h"
#include "copy/recovery_scripts.h"
#include "escrow/author.h"
#include "escrow/key.h"
#include "escrow/runbooks.h"
#include "escrow/runs.h"
#include "escrow/view.h"
#include "text/uni.h"

#include <stdio.h>
#include <string.h>

/* What goes through the walks of the store. */
struct naming {
    struct complete *c;
    const char *before, *after; /* around each name */
};

static void
offer_name(const struct naming *n, const char *name)
{
    char text[LIMIT_NAME + 32];
    struct err ignored = ERR_INIT;
    if (name_check(name, "name", &ignored) != RC_OK)
        return;
    (void)snprintf(text, sizeof text, "%s%s%s", n->before, name, n->after);
    complete_offer(n->c, text, NULL);
}

static enum rc
take_object(void *arg, const struct object *o, struct err *err)
{
    (void)err;
    offer_name(arg, o->name);
    return RC_OK;
}

/* The name once, or each generation once one is being typed. */
static enum rc
take_key(void *arg, const struct key *key, struct err *err)
{
    static char last[KEY_NAME_BYTES + 1]; /* keys come by name; one command, one walk */
    const struct naming *n = arg;
    struct err ignored = ERR_INIT;
    (void)err;
    if (key_name_check(key->name, &ignored) != RC_OK)
        return RC_OK;
    size_t len = strlen(key->name), fixed = strlen(n->c->fixed);
    const char *typed = n->c->typed + fixed;
    if (strncmp(typed, key->name, len) == 0 && typed[len] == '@') {
        char text[KEY_NAME_BYTES + 32];
        (void)snprintf(text, sizeof text, "%s@%lld", key->name, (long long)key->generation);
        complete_offer(n->c, text, key->purpose);
    } else if (strcmp(last, key->name) != 0) {
        complete_offer(n->c, key->name, key->purpose);
    }
    (void)snprintf(last, sizeof last, "%s", key->name);
    return RC_OK;
}

static enum rc
take_runbook(void *arg, const struct runbook_entry *r, struct err *err)
{
    (void)err;
    offer_name(arg, r->name);
    return RC_OK;
}

static enum rc
take_run(void *arg, const struct run_record *r, struct err *err)
{
    const struct naming *n = arg;
    (void)err;
    complete_offer(n->c, r->id, name_check(r->runbook, "name", err) == RC_OK ? r->runbook : NULL);
    return RC_OK;
}

static enum rc
take_author(void *arg, const struct log_author *a, struct err *err)
{
    const struct naming *n = arg;
    struct err ignored = ERR_INIT;
    (void)err;
    complete_offer(n->c, a->author,
                   name_check(a->name, "name", &ignored) == RC_OK ? a->name : NULL);
    return RC_OK;
}

/* Those that come with the program: "runbooks/total-loss.md" is total-loss. */
static void
shipped_runbooks(const struct naming *n)
{
    static const char folder[] = "runbooks/";
    for (size_t i = 0; i < recovery_script_count; i++) {
        const char *path = recovery_scripts[i].name;
        char name[LIMIT_NAME + 1];
        if (strncmp(path, folder, sizeof folder - 1) != 0)
            continue;
        path += sizeof folder - 1;
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "."), path);
        offer_name(n, name);
    }
}

static enum rc
objects(struct complete *c, const struct store *store, unsigned want, struct err *err)
{
    static const struct {
        unsigned want;
        const char *kind, *before, *after;
    } kinds[] = {
        {WANT_ROOT, "root", "", ""},
        {WANT_SITE, "site", "", ""},
        {WANT_KMS, "kms", "", ""},
        {WANT_COPY, "copy", "", ""},
        {WANT_VBR, "vbr", "", ""},
        {WANT_PERSON, "person", "", ""},
        {WANT_KMS_IS, "kms", "", "="},
        {WANT_DEST, "vbr", "vbr:", ""},
        {WANT_LOSS, "site", "site:", ""},
        {WANT_LOSS, "kms", "kms:", ""},
        {WANT_LOSS, "root", "root:", ""},
        {WANT_LOSS, "copy", "copy:", ""},
        {WANT_LOSS, "person", "person:", ""},
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && rc == RC_OK; i++) {
        struct naming n = {c, kinds[i].before, kinds[i].after};
        if (want & kinds[i].want)
            rc = object_each(store, kinds[i].kind, take_object, &n, err);
    }
    return rc;
}

static enum rc
from_store(struct complete *c, const struct store *store, unsigned want, struct err *err)
{
    struct naming n = {c, "", ""};
    enum rc rc = objects(c, store, want, err);
    if (rc == RC_OK && (want & WANT_KEY))
        rc = key_each(store, NULL, take_key, &n, err);
    if (rc == RC_OK && (want & WANT_RUNBOOK))
        rc = runbook_each(store, NULL, take_runbook, &n, err);
    if (rc == RC_OK && (want & WANT_RUN))
        rc = run_each(store, take_run, &n, err);
    if (rc == RC_OK && (want & WANT_AUTHOR))
        rc = author_each(store, take_author, &n, err);
    return rc;
}

void
complete_names(struct complete *c, unsigned want)
{
    const unsigned stored = WANT_KEY | WANT_ROOT | WANT_SITE | WANT_KMS | WANT_COPY | WANT_VBR |
                            WANT_PERSON | WANT_RUNBOOK | WANT_RUN | WANT_AUTHOR | WANT_KMS_IS |
                            WANT_DEST | WANT_LOSS;
    struct err ignored = ERR_INIT; /* no store, no names: nothing to be said at TAB */
    struct store *store = NULL;
    char dir[PATH_SIZE];
    enum rc rc = RC_OK;
    if (want & WANT_RUNBOOK)
        shipped_runbooks(&(struct naming){c, "", ""});
    if (!(want & stored))
        return;
    if (c->store_dir != NULL)
        (void)snprintf(dir, sizeof dir, "%s", c->store_dir);
    else
        rc = store_default_dir(dir, &ignored);
    if (rc == RC_OK)
        rc = store_open(&store, dir, DB_READ, &ignored);
    if (rc == RC_OK)
        rc = from_store(c, store, want, &ignored);
    err_ignore(rc);
    store_close(store);
}
