#include "cli/vbr/vbr_adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gate.h"
#include "cli/out.h"
#include "cli/reveal/showing.h"
#include "escrow/log.h"
#include "text/enc.h"
#include "text/uni.h"
#include "vbr/description.h"

/* ---- which key ---- */

/* The key on record of this password; NULL. */
static const struct vbr_known *
on_record(const struct vbr_adopt *a, const struct vbr_adoption *p)
{
    for (size_t i = 0; i < a->known_count; i++) {
        if (strcmp(a->known[i].id, p->id) == 0)
            return &a->known[i];
    }
    return NULL;
}

/* The name for it: --key, that of the key on record, of its uniqueId, else the moniker without a
 * generation. */
static enum rc
choose_name(const struct vbr_adopt *a, const struct vbr_adoption *p, char out[KEY_NAME_BYTES + 1],
            struct err *err)
{
    const struct vbr_known *k = on_record(a, p);
    const char *ref = k != NULL ? k->key : uuid_is(p->unique) ? p->unique : NULL;
    struct key key;
    int known = 0;
    size_t len = strlen(p->hint);
    long cut = description_cut(p->hint, len);
    enum rc rc =
        ref != NULL && a->name == NULL ? key_is_known(a->ctx->store, ref, &known, err) : RC_OK;
    if (rc == RC_OK && known)
        rc = key_find(a->ctx->store, ref, &key, err);
    if (rc != RC_OK)
        return rc;
    const char *name = a->name != NULL ? a->name : known ? key.name : p->hint;
    size_t most = a->name != NULL || known ? strlen(name) : cut >= 0 ? (size_t)cut : len;
    if (most > KEY_NAME_BYTES)
        most = KEY_NAME_BYTES; /* too long for a name, which is then said */
    memcpy(out, name, most);
    out[most] = '\0';
    char *at = strrchr(out, '@');
    if (a->name == NULL && !known && at != NULL && at[1] != '\0' &&
        strspn(at + 1, "0123456789") == strlen(at + 1))
        *at = '\0';
    rc = key_name_check(out, err);
    return rc == RC_OK ? rc : err_hint(err, "name the key yourself: --key NAME");
}

/* Purpose, site and date; what is not given is as the former generation has it. */
static enum rc
prepare(const struct vbr_adopt *a, const struct vbr_adoption *p, struct recording *r,
        struct err *err)
{
    struct mint *m = &r->m;
    const char *purpose = strcmp(a->config, p->id) == 0 ? "config-backup" : a->purpose;
    m->purpose = r->there ? r->known.purpose : purpose;
    m->taken_from = a->s->object.uuid;
    m->taken_id = p->id;
    m->protects_site = a->site;
    if (r->there) {
        (void)snprintf(m->protects_site.uuid, sizeof m->protects_site.uuid, "%s",
                       r->known.protects_site);
        enum rc rc = object_name(a->ctx->store, r->known.protects_site, m->protects_site.name, err);
        if (rc != RC_OK)
            return rc;
    }
    (void)snprintf(m->made_at, sizeof m->made_at, "%s",
                   a->since[0] != '\0' ? a->since : p->modified);
    if (m->purpose != NULL && mint_is_purpose(m->purpose))
        return gate_reason(a->ctx, m->purpose, err);
    (void)err_set(err, RC_USAGE, "--purpose is missing, for %s", m->name);
    return err_hint(err, "what is it for? --purpose backup-job, backup-copy, capacity-tier, "
                         "config-backup, restore-secret, other");
}

/* What was on record under this id before is there no more. */
static enum rc
replaced(struct vbr_adopt *a, const struct vbr_adoption *p, struct err *err)
{
    const struct vbr_known *k = on_record(a, p);
    if (k == NULL || strcmp(k->key, p->key.uuid) == 0)
        return RC_OK;
    return vbr_observed(a->ctx, a->s, k->key, p->id, "replaced", "", err);
}

/* ---- wraps ---- */

/* The root keys that its wrap can be under: --root, else all that are known. */
struct candidates {
    struct vbr_adopt *a;
    struct recording *r;
    struct err first; /* why the first one did not open it */
    int opened;
};

/* In m.wraps[0].root. */
static enum rc
try_this(struct candidates *c, struct err *err)
{
    struct err why = ERR_INIT;
    enum rc rc = recording_prove(c->a->ctx, c->r, &why);
    c->opened = rc == RC_OK;
    if (rc == RC_INTERRUPTED || rc == RC_NO_MEMORY || rc == RC_NO_LOCK) {
        *err = why;
        return rc;
    }
    if (rc != RC_OK && c->first.code == RC_OK)
        c->first = why;
    return RC_OK;
}

static enum rc
try_root(void *arg, const struct object *o, struct err *err)
{
    struct candidates *c = arg;
    if (c->opened || (c->a->first != NULL && strcmp(c->a->first->object.uuid, o->uuid) == 0))
        return RC_OK; /* that one was tried */
    enum rc rc = root_load(c->a->ctx->store, o, &c->r->m.wraps[0].root, err);
    return rc == RC_OK ? try_this(c, err) : rc;
}

/* That of the scripts; its KMS being away is the end of it. */
static enum rc
try_first(struct candidates *c, struct err *err)
{
    if (c->a->first == NULL)
        return RC_OK;
    c->r->m.wraps[0].root = *c->a->first;
    enum rc rc = try_this(c, err);
    if (rc == RC_OK && kms_is_away(c->first.code)) {
        *err = c->first;
        rc = err->code;
    }
    return rc;
}

static enum rc
find_root(struct vbr_adopt *a, struct recording *r, struct err *err)
{
    struct candidates c = {.a = a, .r = r};
    size_t given = a->first != NULL ? 0 : opt_count(&a->ctx->opts, OPT_ROOT);
    struct object o;
    enum rc rc = try_first(&c, err);
    if (rc == RC_OK)
        rc = given == 0 ? object_each(a->ctx->store, "root", try_root, &c, err) : RC_OK;
    for (size_t i = 0; rc == RC_OK && i < given; i++) {
        rc = object_find(a->ctx->store, "root", opt_at(&a->ctx->opts, OPT_ROOT, i), &o, err);
        if (rc == RC_OK)
            rc = try_root(&c, &o, err);
    }
    if (rc != RC_OK || c.opened)
        return rc;
    if (c.first.code == RC_OK)
        return err_set(err, RC_NOT_FOUND, "no root key is known here that it could be under");
    *err = c.first;
    (void)err_hint(err,
                   "if another root key wrapped it: keymuster root add NAME --kms KMS --key ID, "
                   "then --root NAME");
    return err_wrap(err, "its wrap opens under no root key %s", given > 0 ? "given" : "known here");
}

/* --second: one more wrap of what was opened, in a mint of its own, for the first stays as it is.
 */
static enum rc
second_wrap(struct vbr_adopt *a, struct recording *r, struct err *err)
{
    const char *name = opt_get(&a->ctx->opts, OPT_SECOND);
    struct mint two;
    struct root root;
    if (name == NULL || r->m.wrap_count == MINT_WRAPS)
        return RC_OK;
    enum rc rc = root_find(a->ctx->store, name, &root, err);
    if (rc != RC_OK || strcmp(root.object.uuid, r->m.wraps[0].root.object.uuid) == 0)
        return rc;
    mint_init(&two);
    two.payload = r->m.payload;
    two.aad_count = r->m.aad_count;
    memcpy(two.aad, r->m.aad, sizeof two.aad);
    rc = mint_root(a->ctx, &two, name, "add", err);
    if (rc == RC_OK && !a->ctx->dry_run)
        rc = mint_wrap(a->ctx, &two, err);
    if (rc == RC_OK && !a->ctx->dry_run)
        rc = mint_prove(a->ctx, &two, err);
    two.payload = NULL; /* r's */
    if (rc == RC_OK) {
        struct mint_wrap *w = &r->m.wraps[r->m.wrap_count++];
        buf_release(&w->ciphertext);
        *w = two.wraps[0];
        buf_init(&two.wraps[0].ciphertext, LIMIT_CIPHERTEXT); /* transferred */
    }
    mint_release(&two);
    return rc;
}

/* A known key that the second root key has no wrap of yet gets one, too. */
static enum rc
append(struct vbr_adopt *a, struct recording *r, enum recording_verdict verdict, struct err *err)
{
    struct buf body;
    const char *kind = NULL;
    if (verdict == RECORDING_KNOWN)
        return RC_OK;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = recording_body(a->ctx, r, verdict, &kind, &body, err);
    if (rc == RC_OK)
        rc = session_record(a->ctx, kind, &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* Recorded as what it turned out to be; the key of it. */
static enum rc
settle(struct vbr_adopt *a, struct vbr_adoption *p, struct recording *r, struct err *err)
{
    enum recording_verdict verdict = RECORDING_NEW;
    enum rc rc = recording_judge(a->ctx, r, &verdict, err);
    if (rc == RC_OK && verdict == RECORDING_OTHER) {
        recording_succeed(r);
        verdict = RECORDING_NEW;
    }
    if (rc == RC_OK && verdict == RECORDING_NEW)
        rc = prepare(a, p, r, err);
    if (rc == RC_OK && verdict == RECORDING_NEW && r->m.known)
        rc = mint_wrap(a->ctx, &r->m, err);
    if (rc == RC_OK && verdict == RECORDING_NEW && r->m.known)
        rc = mint_prove(a->ctx, &r->m, err);
    if (rc == RC_OK && verdict == RECORDING_NEW && !r->m.known)
        rc = second_wrap(a, r, err);
    if (rc == RC_OK && verdict == RECORDING_NEW)
        rc = mint_site_rule(a->ctx, &r->m, err);
    if (rc == RC_OK && a->ctx->dry_run) {
        p->outcome = ADOPT_PLANNED;
        (void)snprintf(p->key.name, sizeof p->key.name, "%s", r->m.name);
        p->key.generation = verdict == RECORDING_NEW ? r->m.generation : r->known.generation;
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = append(a, r, verdict, err);
    return rc == RC_OK ? key_find(a->ctx->store, r->m.uuid, &p->key, err) : rc;
}

/* ---- from the hint ---- */

static enum rc
record_hint(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    struct recording r;
    char name[KEY_NAME_BYTES + 1];
    recording_init(&r);
    r.m.name = name;
    r.m.origin = "kms";
    r.m.wrap_count = 1;
    r.m.wraps[0].how = "import";
    for (size_t i = 0; i < opt_count(&a->ctx->opts, OPT_AAD) && i < LIMIT_AAD_COUNT; i++)
        r.m.aad[r.m.aad_count++] = opt_at(&a->ctx->opts, OPT_AAD, i);
    enum rc rc = choose_name(a, p, name, err);
    if (rc == RC_OK)
        rc = recording_description(&r, p->hint, strlen(p->hint), "its hint", err);
    if (rc == RC_OK)
        rc = recording_find(a->ctx, &r, err);
    if (rc == RC_OK)
        rc = find_root(a, &r, err);
    if (rc == RC_OK)
        rc = settle(a, p, &r, err);
    recording_release(&r);
    return rc;
}

/* Whether the entry that made the key says that it was taken over from this server, under this id:
 * then it was cut off before the server was asked, and goes on. */
static enum rc
was_taken(const struct vbr_adopt *a, const struct vbr_adoption *p, int *yes, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    struct stmt *q = NULL;
    *yes = 0;
    if (hex_decode(hash, sizeof hash, p->key.entry) != 0)
        return RC_OK;
    enum rc rc = db_query(a->ctx->store->db, &q,
                          "SELECT 1 FROM entry WHERE hash = ?1"
                          " AND json_extract(line, '$.body.taken_from') = ?2"
                          " AND json_extract(line, '$.body.taken_id') = ?3",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, hash, sizeof hash);
    stmt_text(q, 2, a->s->object.uuid);
    stmt_text(q, 3, p->id);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

/* A hint can be written by whoever rules the server, and what is verified there is seen there: a
 * wrap of a key that was never put there is not opened for it unless a person has named it. */
static enum rc
take_known(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    int here = strcmp(p->unique, p->key.uuid) == 0;
    for (size_t i = 0; i < a->known_count; i++)
        here |= strcmp(a->known[i].key, p->key.uuid) == 0;
    if (a->s->vbr == NULL) { /* nothing is shown to it */
        p->outcome = ADOPT_THERE;
        return RC_OK;
    }
    enum rc rc = here ? RC_OK : was_taken(a, p, &here, err);
    if (rc != RC_OK)
        return rc;
    if (a->every && !here) {
        (void)err_set(err, RC_POLICY,
                      "the wrap in its hint is that of %s@%lld, which was never put "
                      "there",
                      p->key.name, (long long)p->key.generation);
        return err_hint(err, "if it is right: keymuster vbr adopt %s %s", a->s->object.name, p->id);
    }
    if (a->ctx->dry_run)
        p->outcome = ADOPT_PLANNED;
    return RC_OK;
}

enum rc
vbr_adopt_hint(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    const struct vbr_known *k = on_record(a, p);
    enum description_how how = DESCRIPTION_NONE;
    struct err why = ERR_INIT;
    struct key of_hint;
    enum rc rc = RC_OK;
    if (description_cut(p->hint, strlen(p->hint)) < 0) {
        p->outcome = k != NULL ? ADOPT_THERE : ADOPT_PASSWORD;
        return k != NULL ? key_find(a->ctx->store, k->key, &p->key, err) : RC_OK;
    }
    rc = description_key(a->ctx->store, p->hint, "", &of_hint, &how, &why);
    if (rc == RC_AMBIGUOUS)
        err_clear(&why); /* two of that name: the wrap tells, or it is a further one */
    else if (rc != RC_OK) {
        *err = why;
        return rc;
    }
    if (rc == RC_OK && how == DESCRIPTION_WRAP)
        p->key = of_hint;
    if (k != NULL && p->key.uuid[0] != '\0' && strcmp(k->key, p->key.uuid) == 0) {
        p->outcome = ADOPT_THERE;
        return RC_OK;
    }
    rc = p->key.uuid[0] != '\0' ? take_known(a, p, &why) : record_hint(a, p, &why);
    if (rc == RC_OK)
        return rc;
    int status = err_exit(rc);
    if (status == 130 || status == 70 || status == 19 || rc == RC_IO || rc == RC_DISK_FULL ||
        rc == RC_STORE_BUSY || rc == RC_NO_LOCK || rc == RC_USAGE || kms_is_away(rc)) {
        *err = why; /* it would go wrong with each */
        return rc;
    }
    p->outcome = ADOPT_REFUSED;
    p->why = why;
    return RC_OK;
}

enum rc
vbr_adopt_verify(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    struct showing sh;
    struct asker asker;
    struct vbr_pushed pushed;
    memset(&sh, 0, sizeof sh);
    memset(&asker, 0, sizeof asker);
    sh.key = p->key;
    sh.any_root = 1;
    (void)snprintf(asker.reason, sizeof asker.reason, "%s",
                   a->ctx->reason != NULL ? a->ctx->reason : "taken over from a backup server");
    asker.who = a->who;
    enum rc rc = showing_open(a->ctx, &sh, &asker, a->s->to, err);
    if (rc == RC_OK) {
        rc = vbr_push_onto(a->ctx, a->s, &sh.key, sh.unwrap.text, p->id, &pushed, err);
        showing_close(a->ctx, &sh, rc == RC_OK ? "verified" : "failed");
    }
    showing_release(&sh);
    if (rc == RC_VBR_DIFFERS) {
        err_clear(err);
        p->outcome = ADOPT_DIFFERS;
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = replaced(a, p, err);
    if (rc != RC_OK)
        return rc;
    p->outcome = pushed.verdict == VBR_EQUAL   ? ADOPT_DONE
                 : pushed.verdict == VBR_LATER ? ADOPT_LATER
                                               : ADOPT_UNSURE;
    return RC_OK;
}

/* ---- as it is typed ---- */

/* Nothing is recorded of what the server says is not the one. */
static enum rc
ask_server(struct vbr_adopt *a, const struct vbr_adoption *p, const struct secret *text,
           struct err *err)
{
    enum vbr_verdict v = VBR_UNSURE;
    enum rc rc = a->ctx->dry_run ? RC_OK : vbr_verify(a->s->vbr, p->id, text, &v, err);
    if (rc != RC_OK || v == VBR_EQUAL || v == VBR_UNSURE)
        return rc;
    if (v == VBR_LATER) {
        (void)err_set(err, RC_VBR_REJECTED, "backup server %s verifies nothing now",
                      a->s->object.name);
        (void)err_why(err, "there were too many wrong tries");
        return err_hint(err, "again in five minutes");
    }
    (void)err_set(err, RC_VBR_DIFFERS, "that is not the password of %s at backup server %s", p->id,
                  a->s->object.name);
    return err_hint(err, "nothing was recorded. Where nobody knows it: --unknown");
}

static enum rc
add_roots(struct vbr_adopt *a, struct recording *r, struct err *err)
{
    const struct opts *o = &a->ctx->opts;
    size_t roots = opt_count(o, OPT_ROOT);
    enum rc rc = RC_OK;
    if (roots == 0)
        return err_set(err, RC_USAGE, "vbr adopt: --root is missing: under which root keys?");
    for (size_t i = 0; rc == RC_OK && i < roots; i++)
        rc = mint_root(a->ctx, &r->m, opt_at(o, OPT_ROOT, i), "import", err);
    if (rc == RC_OK && opt_has(o, OPT_SECOND))
        rc = mint_root(a->ctx, &r->m, opt_get(o, OPT_SECOND), "import", err);
    return rc;
}

static enum rc
type_it(struct vbr_adopt *a, struct vbr_adoption *p, struct recording *r, struct err *err)
{
    struct vbr_pushed pushed = {.made = 0};
    enum rc rc = add_roots(a, r, err);
    if (rc == RC_OK)
        rc = recording_find(a->ctx, r, err);
    if (rc == RC_OK)
        rc = prepare(a, p, r, err);
    if (rc == RC_OK)
        rc = recording_password(r, a->secret, err);
    if (rc == RC_OK)
        rc = ask_server(a, p, r->m.text, err);
    if (rc == RC_OK)
        rc = settle(a, p, r, err);
    if (rc != RC_OK || a->ctx->dry_run)
        return rc;
    rc = session_publish(a->ctx, err);
    if (rc == RC_OK)
        rc = vbr_push_onto(a->ctx, a->s, &p->key, r->m.text, p->id, &pushed, err);
    if (rc == RC_OK)
        rc = replaced(a, p, err);
    p->outcome = pushed.verdict == VBR_EQUAL ? ADOPT_DONE : ADOPT_UNSURE;
    return rc;
}

enum rc
vbr_adopt_typed(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    struct recording r;
    char name[KEY_NAME_BYTES + 1];
    recording_init(&r);
    r.m.name = name;
    r.m.origin = "adopted";
    r.m.who = a->who;
    p->typed = 1;
    enum rc rc = choose_name(a, p, name, err);
    if (rc == RC_OK)
        rc = type_it(a, p, &r, err);
    recording_release(&r);
    return rc;
}

/* ---- a hole ---- */

/* A generation with a name and a date, and no wrap: what was encrypted with it is known to need it.
 */
enum rc
vbr_adopt_hole(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err)
{
    struct recording r;
    struct buf body;
    char name[KEY_NAME_BYTES + 1];
    struct vbr_pushed there = {.verdict = VBR_UNSURE};
    const struct vbr_known *k = on_record(a, p);
    recording_init(&r);
    buf_init(&body, LIMIT_BODY);
    r.m.name = name;
    r.m.origin = "adopted";
    r.m.form = "bytes";
    memcpy(there.id, p->id, sizeof there.id);
    memcpy(there.modified, p->modified, sizeof there.modified);
    enum rc rc = choose_name(a, p, name, err);
    if (rc == RC_OK)
        rc = recording_find(a->ctx, &r, err);
    if (rc == RC_OK)
        rc = prepare(a, p, &r, err);
    int same = 0;
    if (rc == RC_OK && r.there)
        rc = vbr_key_is_hole(a->ctx->store, &r.known, &same, err);
    int here = same && k != NULL && strcmp(k->key, r.known.uuid) == 0;
    same = same && (here || strcmp(r.known.created_at, r.m.made_at) == 0); /* said before */
    if (rc == RC_OK && r.there && !same)
        recording_succeed(&r);
    if (rc == RC_OK && !same)
        rc = mint_body(a->ctx, &r.m, &body, err);
    if (rc == RC_OK && !same)
        rc = session_record(a->ctx, "key.created", &body, NULL, err);
    p->outcome = a->ctx->dry_run ? ADOPT_PLANNED : ADOPT_HOLE;
    (void)snprintf(p->key.name, sizeof p->key.name, "%s", name);
    p->key.generation = r.m.generation;
    if (rc == RC_OK && !a->ctx->dry_run)
        rc = key_find(a->ctx->store, same ? r.known.uuid : r.m.uuid, &p->key, err);
    if (rc == RC_OK && !a->ctx->dry_run && !here)
        rc = vbr_record_delivered(a->ctx, a->s, &p->key, &there, "", err);
    if (rc == RC_OK && !a->ctx->dry_run)
        rc = replaced(a, p, err);
    buf_release(&body);
    recording_release(&r);
    return rc;
}
