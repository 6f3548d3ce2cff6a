#include "recover/drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

enum { ROOTS = 32 }; /* root keys of one key; more are not looked at */

/* Why a path need not work here. */
enum skip { SKIP_NOT, SKIP_LOST, SKIP_PRIMARY, SKIP_CREDENTIAL };

/* A root key that the key is, or should be, under. */
struct place {
    char root[UUID_TEXT + 1];
    int here, there, owed; /* a live wrap as known here, as the copy says; owed */
};

struct planning {
    const struct drill_plan *plan;
    const struct key *key;
    const struct store *reading; /* during a walk over wraps */
    struct place places[ROOTS];
    size_t count;
    int elsewhere; /* a live wrap under a KMS at another site than the protected one */
    int told;      /* paths */
    int skipped[SKIP_CREDENTIAL + 1];
    struct err credential; /* why a KMS could not be asked */
};

void
drill_path_release(struct drill_path *p)
{
    free(p->ciphertext);
    p->ciphertext = NULL;
}

enum drill_outcome
drill_judge(enum rc rc)
{
    if (rc == RC_OK)
        return DRILL_PROVEN;
    int away = kms_is_away(rc) || rc == RC_KMS_TOO_EARLY || rc == RC_COPY_UNREACHABLE ||
               rc == RC_INTERRUPTED || rc == RC_NO_MEMORY || rc == RC_NO_LOCK || rc == RC_IO ||
               rc == RC_INTERNAL;
    return away ? DRILL_INCONCLUSIVE : DRILL_FAILED;
}

void
drill_hint(struct err *err, const struct store *own, const struct key *key)
{
    char ref[KEY_REF];
    if (err->code == RC_OK || err->hint[0] != '\0')
        return;
    if (drill_judge(err->code) == DRILL_INCONCLUSIVE)
        (void)err_hint(err, "this says nothing of the key; when it is back: keymuster drill %s",
                       key_ref_said(ref, own, key));
    else if (err->code == RC_CIPHERTEXT)
        (void)err_hint(err,
                       "compare its AAD and root key with where it comes from: keymuster show %s "
                       "--wraps\nanother wrap while the key can be got back: keymuster wrap add",
                       key_ref_said(ref, own, key));
    else
        (void)err_hint(err, "what it means: keymuster explain KM%04d", (int)err->code);
}

/* ---- where the key lies ---- */

static struct place *
place_of(struct planning *p, const char *root)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->places[i].root, root) == 0)
            return &p->places[i];
    }
    if (p->count == ROOTS)
        return NULL;
    struct place *n = &p->places[p->count++];
    memset(n, 0, sizeof *n);
    (void)snprintf(n->root, sizeof n->root, "%s", root);
    return n;
}

static enum rc
note_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct planning *p = arg;
    (void)err;
    struct place *n = w->retired ? NULL : place_of(p, w->root);
    if (n != NULL && p->reading == p->plan->alone)
        n->there = 1;
    if (n != NULL && p->reading == p->plan->own)
        n->here = 1;
    return RC_OK;
}

static enum rc
note_owed(struct planning *p, struct err *err)
{
    struct buf owe;
    struct json *doc = NULL;
    buf_init(&owe, LIMIT_ENTRY);
    enum rc rc = field_get(p->plan->own, p->key->uuid, "owe", &owe, NULL, err);
    if (rc == RC_OK && owe.len > 0)
        rc = json_parse(&doc, buf_str(&owe), owe.len, "the debts of a key", err);
    for (const struct json *i = json_first(doc); rc == RC_OK && i != NULL; i = json_next(i)) {
        struct place *n = json_str(i) != NULL ? place_of(p, json_str(i)) : NULL;
        if (n != NULL)
            n->owed = 1;
    }
    json_free(doc);
    buf_release(&owe);
    return rc;
}

static enum rc
find_places(struct planning *p, struct err *err)
{
    const struct drill_plan *plan = p->plan;
    enum rc rc = RC_OK;
    if (plan->root != NULL && place_of(p, plan->root) != NULL)
        p->places[0].owed = 1; /* who names it wants it there */
    p->reading = plan->alone;
    rc = wrap_each(plan->alone, p->key->uuid, note_wrap, p, err);
    if (rc == RC_OK && plan->own != plan->alone) {
        p->reading = plan->own;
        rc = wrap_each(plan->own, p->key->uuid, note_wrap, p, err);
    }
    return rc == RC_OK ? note_owed(p, err) : rc;
}

/* ---- what is told ---- */

/* As the copy describes it, else as it is known here. RC_NOT_FOUND. */
static enum rc
read_root(const struct planning *p, const char *uuid, struct root *out, struct err *err)
{
    struct object object;
    const struct store *from = p->plan->alone;
    enum rc rc = object_find(from, "root", uuid, &object, err);
    if (rc == RC_NOT_FOUND && p->plan->own != from) {
        err_clear(err);
        from = p->plan->own;
        rc = object_find(from, "root", uuid, &object, err);
    }
    return rc == RC_OK ? root_load(from, &object, out, err) : rc;
}

static enum rc
load_root(const struct planning *p, const char *uuid, struct root *out, struct err *err)
{
    struct drill_roots *known = p->plan->roots;
    for (size_t i = 0; i < DRILL_ROOTS; i++) {
        if (strcmp(known->list[i].object.uuid, uuid) == 0) {
            *out = known->list[i];
            return RC_OK;
        }
    }
    enum rc rc = read_root(p, uuid, out, err);
    if (rc == RC_OK)
        known->list[known->next++ % DRILL_ROOTS] = *out;
    return rc;
}

/* Hands over; path is empty afterwards. */
static enum rc
tell(struct planning *p, struct drill_path *path, struct err *err)
{
    path->key = *p->key;
    p->told++;
    enum rc rc = p->plan->path(p->plan->arg, path, err);
    memset(path, 0, sizeof *path);
    return rc;
}

struct newest {
    struct drill_path *path;
    const char *root;
};

/* Wraps come newest first. */
static enum rc
take_newest(void *arg, const struct wrap *w, struct err *err)
{
    struct newest *n = arg;
    struct drill_path *path = n->path;
    if (w->retired || path->ciphertext != NULL || strcmp(w->root, n->root) != 0)
        return RC_OK;
    size_t ciphertext = strlen(w->ciphertext) + 1;
    size_t aad = strlen(w->aad) + 1;
    path->ciphertext = malloc(ciphertext + aad);
    if (path->ciphertext == NULL)
        return err_nomem(err);
    memcpy(path->ciphertext, w->ciphertext, ciphertext);
    memcpy(path->ciphertext + ciphertext, w->aad, aad);
    path->aad = path->ciphertext + ciphertext;
    memcpy(path->wrap, w->id, sizeof path->wrap);
    return RC_OK;
}

static void
say_missing(const struct planning *p, const struct place *n, struct drill_path *path)
{
    const char *root = path->root.object.name[0] != '\0' ? path->root.object.name : n->root;
    if (n->here) {
        (void)err_set(&path->err, RC_COPY_STALE, "the copy lacks the wrap of %s under %s",
                      p->key->name, root);
        (void)err_why(&path->err, "it is known here; the copy is behind");
        (void)err_hint(&path->err, "keymuster sync");
    } else {
        char ref[KEY_REF];
        (void)err_set(&path->err, RC_NOT_FOUND, "%s has no wrap under %s", p->key->name, root);
        (void)err_hint(&path->err, "keymuster wrap add %s --root %s",
                       key_ref_said(ref, p->plan->alone, p->key), root);
    }
    path->rc = path->err.code;
}

/* Whether a path under this root key need not work at this site. */
static enum rc
find_skip(struct planning *p, struct drill_path *path, enum skip *out, struct err *err)
{
    int lost = 0;
    const char *site = path->root.site;
    int named = p->plan->root != NULL;
    int outlives = purpose_must_outlive(p->key->purpose) && site[0] != '\0' &&
                   strcmp(site, p->key->protects_site) == 0;
    *out = SKIP_NOT;
    if (named)
        return RC_OK;
    enum rc rc = site_is_lost(p->plan->own, site, &lost, err);
    if (rc == RC_OK && lost)
        *out = SKIP_LOST;
    else if (rc == RC_OK && outlives && strcmp(site, p->plan->own->site) != 0)
        *out = SKIP_PRIMARY;
    return rc;
}

/* The KMS of a path that should work; what stands in the way of asking it is the result. */
static enum rc
open_path(struct planning *p, struct drill_path *path, enum skip *skip)
{
    if (path->root.kms.uuid[0] == '\0')
        path->rc = err_set(&path->err, RC_NOT_FOUND, "the KMS of root key %s is not in the copy",
                           path->root.object.name);
    else if (path->root.id[0] == '\0')
        path->rc =
            err_set(&path->err, RC_NOT_FOUND, "root key %s: its id in the KMS is not in the copy",
                    path->root.object.name);
    else if (p->plan->open != NULL)
        path->rc = p->plan->open(p->plan->arg, &path->root.kms, &path->kms, &path->err);
    if (path->rc != RC_KMS_NO_CREDENTIAL || p->plan->root != NULL)
        return RC_OK;
    *skip = SKIP_CREDENTIAL;
    p->credential = path->err;
    return RC_OK;
}

static enum rc
plan_place(struct planning *p, const struct place *n, struct err *err)
{
    struct drill_path path = {.rc = RC_OK};
    struct newest newest = {&path, n->root};
    enum skip skip = SKIP_NOT;
    enum rc rc = load_root(p, n->root, &path.root, &path.err);
    if (rc == RC_NOT_FOUND) {
        path.rc = rc;
        (void)snprintf(path.root.object.uuid, sizeof path.root.object.uuid, "%s", n->root);
    } else if (rc != RC_OK) {
        *err = path.err;
        return rc;
    }
    p->elsewhere |= (n->here || n->there) && path.root.site[0] != '\0' &&
                    strcmp(path.root.site, p->key->protects_site) != 0;
    rc = find_skip(p, &path, &skip, err);
    if (rc == RC_OK && skip == SKIP_NOT && path.rc == RC_OK)
        rc = open_path(p, &path, &skip);
    if (rc != RC_OK || skip != SKIP_NOT) {
        p->skipped[skip]++;
        return rc;
    }
    rc = wrap_each(p->plan->alone, p->key->uuid, take_newest, &newest, err);
    if (rc == RC_OK && path.ciphertext == NULL)
        say_missing(p, n, &path);
    if (rc == RC_OK)
        return tell(p, &path, err);
    drill_path_release(&path);
    return rc;
}

/* ---- the key as a whole ---- */

static enum rc
tell_whole(struct planning *p, const struct err *why, struct err *err)
{
    struct drill_path path = {.rc = why->code, .err = *why};
    return tell(p, &path, err);
}

static enum rc
tell_not_there(struct planning *p, struct err *err)
{
    struct err why = ERR_INIT;
    (void)err_set(&why, RC_COPY_STALE, "the copy does not have %s@%lld yet", p->key->name,
                  (long long)p->key->generation);
    (void)err_why(&why, "it is known here; with this copy alone it would be lost");
    (void)err_hint(&why, "keymuster sync");
    return tell_whole(p, &why, err);
}

static enum rc
tell_primary(struct planning *p, struct err *err)
{
    char ref[KEY_REF];
    struct err why = ERR_INIT;
    (void)err_set(&why, RC_PURPOSE_SITE, "%s@%lld would be lost with the site it protects",
                  p->key->name, (long long)p->key->generation);
    (void)err_why(&why, "it has no wrap under a KMS at another site");
    (void)err_hint(&why, "keymuster wrap add %s --root ROOT",
                   key_ref_said(ref, p->plan->alone, p->key));
    return tell_whole(p, &why, err);
}

/* No path was left. */
static enum rc
tell_none(struct planning *p, struct err *err)
{
    char ref[KEY_REF];
    struct err why = ERR_INIT;
    if (p->count == 0) {
        (void)err_set(&why, RC_NOT_FOUND, "%s@%lld has no wrap that is not retired", p->key->name,
                      (long long)p->key->generation);
        (void)err_hint(&why, "see its wraps: keymuster show %s --wraps",
                       key_ref_said(ref, p->plan->alone, p->key));
    } else if (p->skipped[SKIP_CREDENTIAL] > 0) {
        why = p->credential;
    } else {
        (void)err_set(&why, RC_NOT_FOUND, "%s@%lld has no wrap that would open here", p->key->name,
                      (long long)p->key->generation);
        (void)err_why(&why,
                      "its KMSs are at sites that are marked lost, or at the one it protects");
        (void)err_hint(&why, "keymuster wrap add %s --root ROOT",
                       key_ref_said(ref, p->plan->alone, p->key));
    }
    return tell_whole(p, &why, err);
}

enum rc
drill_plan_key(const struct drill_plan *plan, const struct key *key, struct err *err)
{
    struct planning p = {.plan = plan, .key = key};
    int there = 0;
    enum rc rc = key_is_known(plan->alone, key->uuid, &there, err);
    if (rc == RC_OK && !there)
        return tell_not_there(&p, err);
    if (rc == RC_OK)
        rc = find_places(&p, err);
    for (size_t i = 0; rc == RC_OK && i < p.count; i++) {
        if (plan->root == NULL || strcmp(p.places[i].root, plan->root) == 0)
            rc = plan_place(&p, &p.places[i], err);
    }
    if (rc == RC_OK && plan->root == NULL && purpose_must_outlive(key->purpose) && !p.elsewhere &&
        p.count > 0)
        rc = tell_primary(&p, err);
    return rc == RC_OK && p.told == 0 ? tell_none(&p, err) : rc;
}
