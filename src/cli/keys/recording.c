#include "cli/keys/recording.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "copy/memory.h"
#include "crypt/hash.h"
#include "recover/unwrap.h"
#include "text/time.h"
#include "text/uni.h"
#include "vbr/description.h"

void
recording_init(struct recording *r)
{
    memset(r, 0, sizeof *r);
    mint_init(&r->m);
    buf_init(&r->fresh, LIMIT_CIPHERTEXT);
}

void
recording_release(struct recording *r)
{
    buf_release(&r->fresh);
    mint_release(&r->m);
}

/* ---- what was given ---- */

enum rc
recording_wrapped(struct recording *r, const char *text, size_t len, const char *what,
                  struct err *err)
{
    struct buf *out = &r->m.wraps[0].ciphertext;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    if (!utf8_is(text, len))
        return err_set(err, RC_BAD_VALUE, "%s: it is not text in UTF-8", what);
    buf_add(out, text, len);
    enum rc rc = buf_check(out, "the wrap", err);
    return rc == RC_OK ? kms_wrap_check(buf_str(out), err) : rc;
}

enum rc
recording_description(struct recording *r, const char *text, size_t len, const char *what,
                      struct err *err)
{
    long cut = description_cut(text, len);
    if (cut < 0) {
        (void)err_set(err, RC_BAD_VALUE, "%s: there is no \" | \" in it", what);
        return err_hint(err, "a description reads: moniker | WDEK; a bare WDEK goes to --wrapped");
    }
    size_t moniker = (size_t)cut;
    r->other_moniker = moniker != strlen(r->m.name) || memcmp(text, r->m.name, moniker) != 0;
    return recording_wrapped(r, text + moniker + 3, len - moniker - 3, what, err);
}

/* Control characters, a byte-order mark and what is no UTF-8 have no place in a password that
 * somebody has to type one day. The value is never repeated. */
static enum rc
check_password(const struct secret *s, struct err *err)
{
    const unsigned char *b = s->bytes;
    const char *what = NULL;
    if (s->len > LIMIT_SECRET)
        return err_set(err, RC_BAD_VALUE, "the password is longer than %d bytes", LIMIT_SECRET);
    if (!utf8_is((const char *)b, s->len))
        what = "it is not UTF-8; convert the file, for example with iconv";
    for (size_t i = 0; what == NULL && i < s->len; i++) {
        if (b[i] < 0x20 || b[i] == 0x7f || (b[i] == 0xc2 && b[i + 1] >= 0x80 && b[i + 1] < 0xa0))
            what = "it has a control character in it";
        else if (b[i] == 0xef && b[i + 1] == 0xbb && b[i + 2] == 0xbf)
            what = "it has a byte-order mark in it; save the file without one";
    }
    if (what == NULL)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "the password is not recorded");
    return err_why(err, "%s", what);
}

enum rc
recording_password(struct recording *r, const char *ref, struct err *err)
{
    char what[KEY_NAME_BYTES + 16];
    (void)snprintf(what, sizeof what, "password of %s", r->m.name);
    r->m.form = "bytes";
    r->m.known = 1;
    enum rc rc = ref_read_new(&r->m.payload, ref, what, err);
    if (rc == RC_OK)
        rc = check_password(r->m.payload, err);
    return rc == RC_OK ? unwrap_form(&r->m.text, r->m.payload, r->m.form, err) : rc;
}

enum rc
recording_prove(struct ctx *ctx, struct recording *r, struct err *err)
{
    struct mint_wrap *w = &r->m.wraps[0];
    struct kms *kms = NULL;
    struct kms_op op;
    kms_op_init(&op, KMS_UNWRAP, w->root.id);
    op.aad = r->m.aad;
    op.aad_count = r->m.aad_count;
    op.ciphertext = buf_str(&w->ciphertext);
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = err_wrap(err, "proving the wrap under %s", w->root.object.name);
    }
    if (kms_is_away(rc))
        (void)err_hint(err, "to record it unproven: --no-prove");
    if (rc == RC_OK) {
        (void)snprintf(w->version, sizeof w->version, "%s", op.version);
        memcpy(w->proof, op.request, sizeof w->proof);
        (void)snprintf(r->fresh_version, sizeof r->fresh_version, "%s", op.fresh_version);
        buf_add(&r->fresh, buf_str(&op.fresh), op.fresh.len);
        r->m.payload = op.plain;
        op.plain = NULL; /* transferred */
        rc = unwrap_form(&r->m.text, r->m.payload, r->m.form, err);
    }
    kms_op_release(&op);
    return rc;
}

/* ---- the rule of recording twice ---- */

struct newest {
    struct key *out;
    int hits;
};

static enum rc
look_newest(void *arg, const struct key *key, struct err *err)
{
    struct newest *n = arg;
    (void)err;
    n->hits = n->hits > 0 && key->generation == n->out->generation ? n->hits + 1 : 1;
    *n->out = *key; /* they come by generation */
    return RC_OK;
}

enum rc
recording_find(struct ctx *ctx, struct recording *r, struct err *err)
{
    struct newest n = {&r->known, 0};
    struct key ignored;
    enum rc rc = key_each(ctx->store, r->m.name, look_newest, &n, err);
    r->there = rc == RC_OK && n.hits == 1;
    if (rc == RC_OK && n.hits > 1)
        rc = key_find(ctx->store, r->m.name, &ignored, err); /* which says why it is ambiguous */
    return rc;
}

struct same_wrap {
    const char *id;
    const char *root;
    int found;
};

static enum rc
look_same(void *arg, const struct wrap *w, struct err *err)
{
    (void)err;
    struct same_wrap *s = arg;
    if (strcmp(w->id, s->id) == 0 && strcmp(w->root, s->root) == 0)
        s->found = 1;
    return RC_OK;
}

static enum rc
has_wrap(struct ctx *ctx, const struct key *key, const struct mint_wrap *w, int *found,
         struct err *err)
{
    char id[HASH_TEXT + 1];
    sha256_hex(id, buf_str(&w->ciphertext), w->ciphertext.len);
    struct same_wrap s = {id, w->root.object.uuid, 0};
    enum rc rc = wrap_each(ctx->store, key->uuid, look_same, &s, err);
    *found = s.found;
    return rc;
}

/* Is the value that of this key? By its check value, or, unproven, by the very same wrap. */
static enum rc
judge_against(struct ctx *ctx, const struct recording *r, const struct key *key,
              enum recording_verdict *out, struct err *err)
{
    struct check_value check;
    int have = 0;
    int found = 0;
    enum rc rc = RC_OK;
    if (!r->m.known)
        rc = has_wrap(ctx, key, &r->m.wraps[0], &have, err);
    int same = have;
    if (rc == RC_OK)
        rc = key_check(ctx->store, key->uuid, &check, &found, err);
    if (rc == RC_OK && found && r->m.text != NULL)
        rc = check_compare(&same, &check, r->m.text, key->uuid, err);
    if (rc != RC_OK)
        return rc;
    int proves = have && !found && r->m.text != NULL;
    if (!same || (proves && strcmp(r->m.form, key->form) != 0))
        *out = RECORDING_OTHER; /* of another form the same wrap gives another password */
    else if (!have)
        *out = r->m.known ? RECORDING_KNOWN : RECORDING_WRAP;
    else
        *out = proves ? RECORDING_PROVED : RECORDING_KNOWN;
    return RC_OK;
}

/* A walk over the generations of the name, until one fits. */
struct search {
    struct ctx *ctx;
    const struct recording *r;
    const struct mint_wrap *w;
    struct key key; /* the one that fits */
    enum recording_verdict verdict;
    int found;
};

static enum rc
search_wrap(void *arg, const struct key *key, struct err *err)
{
    struct search *s = arg;
    if (s->found)
        return RC_OK;
    s->key = *key;
    return has_wrap(s->ctx, key, s->w, &s->found, err);
}

enum rc
recording_find_wrap(struct ctx *ctx, struct recording *r, const struct mint_wrap *w, int *found,
                    struct err *err)
{
    struct search s = {.ctx = ctx, .w = w};
    enum rc rc = key_each(ctx->store, r->m.name, search_wrap, &s, err);
    *found = rc == RC_OK && s.found;
    if (*found)
        r->known = s.key;
    return rc;
}

static enum rc
search_value(void *arg, const struct key *key, struct err *err)
{
    struct search *s = arg;
    if (s->found || strcmp(key->uuid, s->r->known.uuid) == 0)
        return RC_OK;
    s->key = *key;
    enum rc rc = judge_against(s->ctx, s->r, key, &s->verdict, err);
    s->found = rc == RC_OK && s->verdict != RECORDING_OTHER;
    return rc;
}

enum rc
recording_judge(struct ctx *ctx, struct recording *r, enum recording_verdict *out, struct err *err)
{
    struct search s = {.ctx = ctx, .r = r};
    *out = RECORDING_NEW;
    if (!r->there)
        return RC_OK;
    enum rc rc = judge_against(ctx, r, &r->known, out, err);
    if (rc == RC_OK && *out == RECORDING_OTHER)
        rc = key_each(ctx->store, r->m.name, search_value, &s, err);
    if (rc == RC_OK && s.found) {
        r->known = s.key;
        *out = s.verdict;
    }
    if (rc == RC_OK && *out != RECORDING_OTHER)
        (void)snprintf(r->m.uuid, sizeof r->m.uuid, "%s", r->known.uuid);
    return rc;
}

void
recording_succeed(struct recording *r)
{
    r->m.generation = r->known.generation + 1;
    (void)snprintf(r->m.follows, sizeof r->m.follows, "%s", r->known.uuid);
}

enum rc
recording_refuse(const struct recording *r, struct err *err)
{
    (void)err_set(err, RC_EXISTS, "%s@%lld is there already, with %s value", r->known.name,
                  (long long)r->known.generation,
                  r->m.text != NULL && r->known.has_check ? "another" : "perhaps another");
    if (r->m.text == NULL)
        (void)err_why(err, "without proving, only the very same wrap can be told to be the same");
    else if (!r->known.has_check)
        (void)err_why(err, "it was recorded unproven, so there is nothing to compare with");
    return err_hint(
        err,
        "if this is its successor: --new-generation\nif it is another key: choose another name");
}

/* ---- the entry ---- */

enum rc
recording_wrap_body(const struct ctx *ctx, const struct recording *r, struct mint_wrap *wrap,
                    struct buf *body, struct err *err)
{
    struct jw w;
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", r->known.uuid);
    wrap->how = "add";
    mint_write_wrap(&w, "wrap", &r->m, wrap);
    jw_opt(&w, "reason", ctx->reason);
    jw_opt(&w, "ticket", ctx->ticket);
    jw_end_obj(&w);
    return buf_check(body, "the wrap's entry", err);
}

/* The check value of a key that was recorded unproven. */
static enum rc
check_body(struct recording *r, struct buf *body, struct err *err)
{
    char id[HASH_TEXT + 1];
    struct jw w;
    const struct buf *ciphertext = &r->m.wraps[0].ciphertext;
    enum rc rc = mint_check(&r->m, err);
    if (rc != RC_OK)
        return rc;
    sha256_hex(id, buf_str(ciphertext), ciphertext->len);
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", r->known.uuid);
    jw_str(&w, "wrap", id);
    mint_write_check(&w, &r->m.check);
    jw_end_obj(&w);
    return buf_check(body, "the check value's entry", err);
}

/* The fresh wrap that an unwrap returned is recorded for free. */
static enum rc
add_fresh(struct recording *r, struct err *err)
{
    if (r->fresh.len == 0 || r->m.wrap_count == MINT_WRAPS)
        return RC_OK;
    struct mint_wrap *w = &r->m.wraps[r->m.wrap_count];
    w->root = r->m.wraps[0].root;
    w->how = "refresh";
    (void)snprintf(w->version, sizeof w->version, "%s", r->fresh_version);
    buf_clear(&w->ciphertext);
    buf_add(&w->ciphertext, buf_str(&r->fresh), r->fresh.len);
    r->m.wrap_count++;
    return buf_check(&w->ciphertext, "the fresh wrap", err);
}

enum rc
recording_body(const struct ctx *ctx, struct recording *r, enum recording_verdict verdict,
               const char **kind, struct buf *body, struct err *err)
{
    enum rc rc = RC_OK;
    switch (verdict) {
    case RECORDING_WRAP:
        *kind = "wrap.added";
        return recording_wrap_body(ctx, r, &r->m.wraps[0], body, err);
    case RECORDING_PROVED:
        *kind = "key.check";
        return check_body(r, body, err);
    case RECORDING_NEW:
        *kind = "key.created";
        if (r->m.text != NULL)
            rc = mint_check(&r->m, err);
        if (rc == RC_OK)
            rc = add_fresh(r, err);
        return rc == RC_OK ? mint_body(ctx, &r->m, body, err) : rc;
    case RECORDING_KNOWN:
    case RECORDING_OTHER:
        break;
    }
    return err_set(err, RC_INTERNAL, "nothing to record");
}

void
recording_confirm(struct ctx *ctx, const struct key *key, const struct who *who)
{
    struct buf v;
    struct jw w;
    char now[TIME_TEXT + 1];
    struct err why = ERR_INIT;
    buf_init(&v, LIMIT_BODY);
    enum rc rc = field_get(ctx->store, key->uuid, "confirmed", &v, NULL, &why);
    if (rc != RC_OK)
        out_warn(ctx, "the match is not recorded: %s", why.msg);
    if (rc != RC_OK || v.len > 0 || strcmp(key->origin, "adopted") != 0) {
        buf_release(&v);
        return;
    }
    time_format(now, clock_now_ms());
    jw_init(&w, &v);
    jw_obj(&w, NULL);
    jw_str(&w, "key", key->uuid);
    jw_opt(&w, "person", who->person);
    jw_obj(&w, "set");
    jw_obj(&w, "confirmed");
    jw_str(&w, "value", now);
    rc = field_supersedes(ctx->store, key->uuid, "confirmed", &w, &why);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = memory_check(ctx->store, &why);
    if (rc == RC_OK)
        rc = session_record(ctx, "key.changed", &v, NULL, &why);
    if (rc == RC_OK)
        rc = session_publish(ctx, &why);
    if (rc != RC_OK)
        out_warn(ctx, "the match is not recorded: %s", why.msg);
    buf_release(&v);
}
