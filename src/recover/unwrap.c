#include "recover/unwrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/process.h"
#include "text/enc.h"
#include "text/json.h"

/* How far a wrap came; the error of the one that came farthest tells a person most. */
enum stage { STAGE_NONE, STAGE_ROOT, STAGE_OPEN, STAGE_RUN };

/* One wrap to try. wrap.ciphertext and wrap.aad point into text. */
struct candidate {
    struct wrap wrap;
    char *text;
    int own_site;
    size_t order; /* as wrap_each gave it: newest first */
};

struct hunt {
    const struct store *store;
    const struct key *key;
    const char *root; /* NULL: any */
    unwrap_open_fn open;
    void *arg;
    struct unwrap *out;
    struct candidate *list;
    size_t count;
    struct check_value check;
    int has_check;
    enum stage farthest;
    struct err nearest;
};

void
unwrap_release(struct unwrap *u)
{
    secret_free(u->text);
    u->text = NULL;
    buf_release(&u->fresh);
}

enum rc
unwrap_form(struct secret **out, const struct secret *payload, const char *form, struct err *err)
{
    *out = NULL;
    struct secret *text = NULL;
    int is_base64 = strcmp(form, "base64") == 0;
    if (!is_base64 && strcmp(form, "bytes") != 0)
        return err_set(err, RC_MALFORMED, "%.16s is no form of a key: base64 or bytes", form);
    enum rc rc = secret_new(&text, err);
    if (rc == RC_OK)
        rc = is_base64 ? base64_encode_secret(text, payload, err)
                       : secret_add(text, payload->bytes, payload->len, err);
    if (rc != RC_OK) {
        secret_free(text);
        return rc;
    }
    *out = text; /* transferred */
    return RC_OK;
}

enum rc
unwrap_payload(struct secret **out, const struct secret *text, const char *form, struct err *err)
{
    *out = NULL;
    struct secret *payload = NULL;
    int is_base64 = strcmp(form, "base64") == 0;
    if (!is_base64 && strcmp(form, "bytes") != 0)
        return err_set(err, RC_MALFORMED, "%.16s is no form of a key: base64 or bytes", form);
    enum rc rc = secret_new(&payload, err);
    if (rc == RC_OK)
        rc = is_base64 ? base64_decode_secret(payload, text, err)
                       : secret_add(payload, text->bytes, text->len, err);
    if (rc != RC_OK) {
        secret_free(payload);
        return rc;
    }
    *out = payload; /* transferred */
    return RC_OK;
}

/* ---- which wraps, in which order ---- */

static enum rc
load_root(const struct store *store, const char *uuid, struct root *out, struct err *err)
{
    struct object object;
    enum rc rc = object_find(store, "root", uuid, &object, err);
    return rc == RC_OK ? root_load(store, &object, out, err) : rc;
}

static enum rc
copy_wrap(struct candidate *c, const struct wrap *w, struct err *err)
{
    size_t ciphertext = strlen(w->ciphertext) + 1;
    size_t aad = strlen(w->aad) + 1;
    c->text = malloc(ciphertext + aad);
    if (c->text == NULL)
        return err_nomem(err);
    memcpy(c->text, w->ciphertext, ciphertext);
    memcpy(c->text + ciphertext, w->aad, aad);
    c->wrap = *w;
    c->wrap.ciphertext = c->text;
    c->wrap.aad = c->text + ciphertext;
    return RC_OK;
}

/* Collected first, and the cursor closed: opening a KMS can take long, and may record something. */
static enum rc
collect(void *arg, const struct wrap *w, struct err *err)
{
    struct hunt *h = arg;
    struct root root;
    struct err unknown = ERR_INIT;
    if (h->root != NULL && strcmp(h->root, w->root) != 0)
        return RC_OK;
    struct candidate *list = realloc(h->list, (h->count + 1) * sizeof *list);
    if (list == NULL)
        return err_nomem(err);
    h->list = list;
    struct candidate *c = &list[h->count];
    *c = (struct candidate){.order = h->count};
    enum rc rc = copy_wrap(c, w, err);
    if (rc != RC_OK)
        return rc;
    h->count++;
    /* A root key that is not known here yet is said when its turn comes. */
    c->own_site = h->store->site[0] != '\0' &&
                  load_root(h->store, w->root, &root, &unknown) == RC_OK &&
                  strcmp(root.site, h->store->site) == 0;
    return RC_OK;
}

static int
by_promise(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->wrap.retired != y->wrap.retired)
        return x->wrap.retired - y->wrap.retired;
    if (x->own_site != y->own_site)
        return y->own_site - x->own_site;
    return (x->order > y->order) - (x->order < y->order);
}

static enum rc
none_at_all(const struct hunt *h, struct err *err)
{
    char ref[KEY_REF];
    if (h->root == NULL)
        return err_set(err, RC_NOT_FOUND, "key %s has no wrap", h->key->name);
    (void)err_set(err, RC_NOT_FOUND, "key %s has no wrap under that root key", h->key->name);
    return err_hint(err, "see its wraps: keymuster show %s --wraps",
                    key_ref_said(ref, h->store, h->key));
}

/* ---- one of them ---- */

enum rc
unwrap_aad_read(struct unwrap_aad *out, const char *text, struct err *err)
{
    memset(out, 0, sizeof *out);
    enum rc rc = json_parse(&out->doc, text, strlen(text), "the wrap's AAD", err);
    if (rc != RC_OK)
        return rc;
    int fits = json_type(out->doc) == JSON_ARRAY && json_count(out->doc) <= LIMIT_AAD_COUNT;
    for (const struct json *i = json_first(out->doc); fits && i != NULL; i = json_next(i)) {
        fits = json_str(i) != NULL;
        out->list[out->count++] = json_str(i);
    }
    if (fits)
        return RC_OK;
    out->count = 0;
    return err_set(err, RC_MALFORMED, "the wrap's AAD is no list of at most %d strings",
                   LIMIT_AAD_COUNT);
}

void
unwrap_aad_release(struct unwrap_aad *aad)
{
    json_free(aad->doc);
    memset(aad, 0, sizeof *aad);
}

static enum rc
compare(const struct hunt *h, const struct secret *text, const struct root *root, struct err *err)
{
    char ref[KEY_REF];
    int match = 0;
    if (!h->has_check)
        return RC_OK;
    enum rc rc = check_compare(&match, &h->check, text, h->key->uuid, err);
    if (rc != RC_OK || match)
        return rc;
    (void)err_set(err, RC_CHECK_MISMATCH,
                  "key %s: root key %s gave another value than the right one", h->key->name,
                  root->object.name);
    (void)err_why(err, "it fails the check value recorded with the key; it is not given out");
    return err_hint(err,
                    "treat the wrap as hostile; another one: --root ROOT\n"
                    "see them: keymuster show %s --wraps",
                    key_ref_said(ref, h->store, h->key));
}

static void
keep_facts(const struct hunt *h, const struct candidate *c, const struct root *root,
           const struct kms_op *op)
{
    struct unwrap *u = h->out;
    memcpy(u->root, c->wrap.root, sizeof u->root);
    memcpy(u->root_name, root->object.name, sizeof u->root_name);
    memcpy(u->wrap, c->wrap.id, sizeof u->wrap);
    memcpy(u->version, op->version[0] != '\0' ? op->version : c->wrap.version, sizeof u->version);
    memcpy(u->request, op->request, sizeof u->request);
    u->checked = h->has_check;
    /* An AAD too long to keep: the fresh wrap could not be recorded whole, and the old one opens.
     */
    if (strlen(c->wrap.aad) >= sizeof u->aad)
        return;
    (void)snprintf(u->aad, sizeof u->aad, "%s", c->wrap.aad);
    buf_add(&u->fresh, op->fresh.data, op->fresh.len);
    memcpy(u->fresh_version, op->fresh_version, sizeof u->fresh_version);
}

static enum rc
run_one(const struct hunt *h, const struct candidate *c, const struct root *root, struct kms *kms,
        struct err *err)
{
    struct unwrap_aad aad = {.doc = NULL};
    struct secret *text = NULL;
    struct kms_op op;
    kms_op_init(&op, KMS_UNWRAP, root->id);
    enum rc rc = unwrap_aad_read(&aad, c->wrap.aad, err);
    if (rc != RC_OK)
        goto out;
    op.aad = aad.list;
    op.aad_count = aad.count;
    op.ciphertext = c->wrap.ciphertext;
    rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = op.rc;
    }
    if (rc == RC_OK)
        rc = unwrap_form(&text, op.plain, h->key->form, err);
    if (rc == RC_OK)
        rc = compare(h, text, root, err);
    if (rc == RC_OK) {
        keep_facts(h, c, root, &op);
        h->out->text = text;
        text = NULL; /* transferred */
    }
out:
    secret_free(text);
    kms_op_release(&op);
    unwrap_aad_release(&aad);
    return rc;
}

static enum rc
try_one(const struct hunt *h, const struct candidate *c, enum stage *stage, struct err *err)
{
    struct root root;
    struct kms *kms = NULL;
    *stage = STAGE_ROOT;
    enum rc rc = load_root(h->store, c->wrap.root, &root, err);
    if (rc == RC_OK && root.kms.uuid[0] == '\0')
        rc = err_set(err, RC_NOT_FOUND, "the KMS of root key %s is not known here",
                     root.object.name);
    if (rc == RC_OK && root.id[0] == '\0')
        rc = err_set(err, RC_NOT_FOUND, "root key %s: its id in the KMS is not known here",
                     root.object.name);
    if (rc != RC_OK)
        return rc;
    *stage = STAGE_OPEN;
    rc = h->open(h->arg, &root.kms, &kms, err);
    if (rc != RC_OK)
        return rc;
    *stage = STAGE_RUN;
    return run_one(h, c, &root, kms, err);
}

/* ---- one after the other ---- */

/* What no other wrap can help. */
static int
stops(enum rc rc)
{
    return rc == RC_CHECK_MISMATCH || rc == RC_NO_LOCK || rc == RC_NO_MEMORY ||
           rc == RC_INTERRUPTED || rc == RC_USAGE || rc == RC_SECRET_LITERAL || rc == RC_INTERNAL;
}

static void
note_failure(struct hunt *h, enum stage stage, const struct err *e)
{
    char *note = h->out->note;
    size_t used = strlen(note);
    (void)snprintf(note + used, sizeof h->out->note - used, "%s%s%s%s", used > 0 ? "\n" : "",
                   e->msg, e->why[0] != '\0' ? ": " : "", e->why);
    if (stage > h->farthest) {
        h->farthest = stage;
        h->nearest = *e;
    }
}

static enum rc
none_opened(const struct hunt *h, struct err *err)
{
    char why[sizeof err->why];
    *err = h->nearest;
    (void)snprintf(why, sizeof why, "%s", err->why);
    if (h->out->tried > 1)
        (void)err_why(err, "%s%snone of %u wraps opened:\n%s", why, why[0] != '\0' ? "\n" : "",
                      h->out->tried, h->out->note);
    return err_wrap(err, "key %s", h->key->name);
}

static enum rc
try_all(struct hunt *h, struct err *err)
{
    for (size_t i = 0; i < h->count; i++) {
        enum stage stage = STAGE_NONE;
        struct err failed = ERR_INIT;
        if (signals_pending())
            return err_set(err, RC_INTERRUPTED, "interrupted before a wrap opened");
        h->out->tried++;
        enum rc rc = try_one(h, &h->list[i], &stage, &failed);
        if (rc == RC_OK)
            return buf_check(&h->out->fresh, "a wrap", err);
        if (stops(rc)) {
            *err = failed;
            return rc;
        }
        note_failure(h, stage, &failed);
    }
    return none_opened(h, err);
}

static void
hunt_release(struct hunt *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->list[i].text);
    free(h->list);
}

enum rc
unwrap_first(struct unwrap_first *out, const struct store *store, const struct key *key,
             const char *root, struct err *err)
{
    struct hunt h = {.store = store, .key = key, .root = root};
    memset(out, 0, sizeof *out);
    buf_init(&out->ciphertext, LIMIT_CIPHERTEXT);
    buf_init(&out->aad, LIMIT_BODY);
    enum rc rc = wrap_each(store, key->uuid, collect, &h, err);
    if (rc == RC_OK && h.count == 0)
        rc = none_at_all(&h, err);
    if (rc == RC_OK) {
        qsort(h.list, h.count, sizeof *h.list, by_promise);
        rc = load_root(store, h.list[0].wrap.root, &out->root, err);
    }
    if (rc == RC_OK) {
        memcpy(out->wrap, h.list[0].wrap.id, sizeof out->wrap);
        memcpy(out->version, h.list[0].wrap.version, sizeof out->version);
        buf_adds(&out->ciphertext, h.list[0].wrap.ciphertext);
        buf_adds(&out->aad, h.list[0].wrap.aad);
        rc = buf_check(&out->ciphertext, "a wrap", err);
    }
    if (rc == RC_OK)
        rc = buf_check(&out->aad, "a wrap's AAD", err);
    hunt_release(&h);
    return rc;
}

void
unwrap_first_release(struct unwrap_first *f)
{
    buf_release(&f->ciphertext);
    buf_release(&f->aad);
}

enum rc
unwrap_key(const struct store *store, const struct key *key, const char *root, unwrap_open_fn open,
           void *arg, struct unwrap *out, struct err *err)
{
    struct hunt h = {
        .store = store, .key = key, .root = root, .open = open, .arg = arg, .out = out};
    memset(out, 0, sizeof *out);
    buf_init(&out->fresh, LIMIT_CIPHERTEXT);
    enum rc rc = key_check(store, key->uuid, &h.check, &h.has_check, err);
    if (rc == RC_OK)
        rc = wrap_each(store, key->uuid, collect, &h, err);
    if (rc == RC_OK && h.count == 0)
        rc = none_at_all(&h, err);
    if (rc == RC_OK) {
        qsort(h.list, h.count, sizeof *h.list, by_promise);
        rc = try_all(&h, err);
    }
    hunt_release(&h);
    if (rc != RC_OK) {
        secret_free(out->text);
        out->text = NULL;
    }
    return rc;
}
