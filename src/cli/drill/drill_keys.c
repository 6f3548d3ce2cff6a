/* Which keys a drill is of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/drill/drill.h"
#include "cli/out.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "escrow/officer.h"
#include "escrow/policy.h"

void
drill_keys_release(struct drill_keys *k)
{
    free(k->list);
    memset(k, 0, sizeof *k);
}

static enum rc
keys_add(struct drill_keys *k, const char *uuid, struct err *err)
{
    if (k->count == k->room) {
        size_t room = k->room > 0 ? 2 * k->room : 256;
        void *list = realloc(k->list, room * sizeof *k->list);
        if (list == NULL)
            return err_nomem(err);
        k->list = list;
        k->room = room;
    }
    memcpy(k->list[k->count++], uuid, UUID_TEXT + 1);
    return RC_OK;
}

struct choosing {
    struct drill_run *r;
    struct drill_keys *out;
    const struct store *besides; /* what this one knows was looked at already */
    int64_t now_ms;
    int due, unproven;
    struct policy policy;
};

/* ---- what is due at another site ---- */

struct wrap_sites {
    struct choosing *c;
    const struct key *key;
    int found;
};

static void
name_site(struct drill_elsewhere *e, const char *name)
{
    size_t i = 0;
    while (i < e->site_count && strcmp(e->sites[i], name) != 0)
        i++;
    if (i == e->site_count && i < DRILL_SITES)
        (void)snprintf(e->sites[e->site_count++], sizeof e->sites[0], "%s", name);
}

/* Of a live wrap under a root key that is known here. */
static enum rc
look_site(void *arg, const struct wrap *w, struct err *err)
{
    struct wrap_sites *s = arg;
    const struct store *own = s->c->r->own;
    struct err unknown = ERR_INIT;
    struct object object;
    struct root root;
    char name[LIMIT_NAME + 1];
    int known = 0;
    if (w->retired)
        return RC_OK;
    enum rc rc = err_unless_found(object_find(own, "root", w->root, &object, &unknown), &unknown,
                                  &known, err);
    if (!known)
        return rc;
    rc = root_load(own, &object, &root, err);
    if (rc != RC_OK || root.site[0] == '\0' || strcmp(root.site, s->key->protects_site) == 0)
        return rc;
    s->found = 1;
    rc = object_name(own, root.site, name, err);
    if (rc == RC_OK)
        name_site(&s->c->r->elsewhere, name);
    return rc;
}

/* A proof made at the site that a key must outlive counts for nothing, so the key would be due
 * there for ever. It is opened there as often as policy asks, and is due where a wrap of it lies.
 * Without such a wrap it fails, every time. */
static enum rc
leave_to_others(struct choosing *c, const struct key *key, int *yes, struct err *err)
{
    struct drill_run *r = c->r;
    struct wrap_sites s = {.c = c, .key = key};
    struct drilled_state here = {.proven = 1};
    if (!purpose_must_outlive(key->purpose) || r->own->site[0] == '\0' ||
        strcmp(r->own->site, key->protects_site) != 0)
        return RC_OK;
    enum rc rc =
        drilled_opened_at(session_records(r->ctx), key->uuid, r->own->site, here.newest.at, err);
    if (rc != RC_OK ||
        drilled_is_due(&here, policy_of(&c->policy, POLICY_DRILL, key->purpose), c->now_ms))
        return rc;
    rc = wrap_each(r->own, key->uuid, look_site, &s, err);
    if (rc != RC_OK || !s.found)
        return rc;
    *yes = 0;
    if (r->elsewhere.keys++ == 0)
        showing_label(r->elsewhere.first, key);
    return RC_OK;
}

/* Records lie in ctx->store, or with an export beside it. */
static enum rc
wanted_now(struct choosing *c, const struct key *key, int *yes, struct err *err)
{
    struct drilled_state s;
    if (!c->due && !c->unproven)
        return RC_OK;
    enum rc rc = drilled_state(session_records(c->r->ctx), key, &s, err);
    if (rc == RC_OK)
        *yes = (c->due &&
                drilled_is_due(&s, policy_of(&c->policy, POLICY_DRILL, key->purpose), c->now_ms)) ||
               (c->unproven && !s.proven);
    return rc == RC_OK && *yes && c->due ? leave_to_others(c, key, yes, err) : rc;
}

static enum rc
choose_key(void *arg, const struct key *key, struct err *err)
{
    struct choosing *c = arg;
    int yes = 0, known = 0;
    enum rc rc = RC_OK;
    if (c->besides != NULL)
        rc = key_is_known(c->besides, key->uuid, &known, err);
    if (rc == RC_OK && !known)
        rc = drilled_wants(c->besides != NULL ? c->r->alone : c->r->own, key, c->now_ms, &yes, err);
    if (rc == RC_OK && yes)
        rc = wanted_now(c, key, &yes, err);
    return rc == RC_OK && yes ? keys_add(c->out, key->uuid, err) : rc;
}

static enum rc
choose_all(struct choosing *c, struct err *err)
{
    struct drill_run *r = c->r;
    enum rc rc = key_each(r->own, NULL, choose_key, c, err);
    if (rc != RC_OK || r->alone == NULL || r->alone == r->own)
        return rc;
    c->besides = r->own; /* what only the copy has yet */
    return key_each(r->alone, NULL, choose_key, c, err);
}

static enum rc
add_once(void *arg, const struct key *key, struct err *err)
{
    struct drill_keys *out = arg;
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->list[i], key->uuid) == 0)
            return RC_OK;
    }
    return keys_add(out, key->uuid, err);
}

/* With a configuration backup's key comes the passphrase that its restore wants, too; under one
 * named root key it need not have a wrap. */
static enum rc
choose_named(struct choosing *c, struct err *err)
{
    const struct opts *o = &c->r->ctx->opts;
    enum rc rc = session_keys_check(c->r->ctx, o->arg_count, err);
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++) {
        struct key key;
        rc = session_key(c->r->ctx, opt_arg(o, i), &key, err);
        if (rc == RC_OK)
            rc = add_once(c->out, &key, err);
        if (rc == RC_OK && !opt_has(o, OPT_ROOT))
            rc = officer_each(c->r->ctx->store, &key, NULL, add_once, c->out, err);
    }
    return rc;
}

/* ---- a sample ---- */

static uint64_t
below(uint64_t n)
{
    uint64_t most = UINT64_MAX - UINT64_MAX % n; /* so that none is likelier than another */
    uint64_t x;
    do
        random_bytes(&x, sizeof x);
    while (x >= most);
    return x % n;
}

/* Each set of that size is as likely as any other; the order stays. */
static void
draw(struct drill_keys *k, size_t wanted)
{
    size_t kept = 0;
    size_t all = k->count;
    for (size_t i = 0; i < all && kept < wanted; i++) {
        if (below(all - i) < wanted - kept)
            memmove(k->list[kept++], k->list[i], sizeof k->list[i]);
    }
    if (kept < k->count)
        k->count = kept;
}

static enum rc
read_sample(const struct ctx *ctx, size_t *out, struct err *err)
{
    const char *text = opt_get(&ctx->opts, OPT_SAMPLE);
    *out = 0;
    if (text == NULL)
        return RC_OK;
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits < 10 && text[digits] == '\0')
        *out = (size_t)strtol(text, NULL, 10);
    return *out > 0 ? RC_OK
                    : err_set(err, RC_BAD_VALUE, "--sample wants a number of keys, 1 or more");
}

enum rc
drill_choose(struct drill_run *r, struct drill_keys *out, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    struct choosing c = {.r = r,
                         .out = out,
                         .now_ms = clock_now_ms(),
                         .due = opt_has(o, OPT_DUE),
                         .unproven = opt_has(o, OPT_UNPROVEN)};
    size_t sample = 0;
    enum rc rc = read_sample(r->ctx, &sample, err);
    if (rc == RC_OK)
        rc = policy_load(&c.policy, r->ctx->store, err);
    if (rc == RC_OK)
        rc = o->arg_count > 0 ? choose_named(&c, err) : choose_all(&c, err);
    if (rc == RC_OK && sample > 0)
        draw(out, sample);
    return rc;
}
