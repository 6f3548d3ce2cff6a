#include "cli/keys/mint.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "crypt/hash.h"
#include "crypt/passphrase.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "text/time.h"
#include "text/uni.h"

const char *const mint_purposes[] = {"config-backup",  "backup-copy", "backup-job", "capacity-tier",
                                     "restore-secret", "other",       NULL};

void
mint_init(struct mint *m)
{
    memset(m, 0, sizeof *m);
    m->generation = 1;
    m->form = "base64";
    m->command = "create";
    for (size_t i = 0; i < MINT_WRAPS; i++)
        buf_init(&m->wraps[i].ciphertext, LIMIT_CIPHERTEXT);
    random_uuid_in_order(m->uuid);
}

void
mint_release(struct mint *m)
{
    for (size_t i = 0; i < MINT_WRAPS; i++)
        buf_release(&m->wraps[i].ciphertext);
    secret_free(m->payload);
    secret_free(m->text);
    m->payload = NULL;
    m->text = NULL;
}

/* ---- options ---- */

int
mint_is_purpose(const char *word)
{
    for (size_t i = 0; mint_purposes[i] != NULL; i++) {
        if (strcmp(mint_purposes[i], word) == 0)
            return 1;
    }
    return 0;
}

static enum rc
check_purpose(const struct ctx *ctx, struct mint *m, struct err *err)
{
    m->purpose = opt_get(&ctx->opts, OPT_PURPOSE);
    if (m->purpose != NULL && mint_is_purpose(m->purpose))
        return RC_OK;
    (void)err_set(err, RC_USAGE,
                  m->purpose == NULL ? "--purpose is missing"
                                     : "--purpose: there is no such purpose");
    return err_hint(
        err,
        "one of: config-backup, backup-copy, backup-job, capacity-tier, restore-secret, other");
}

enum rc
mint_when(const char *text, const char *what, char out[TIME_TEXT + 1], struct err *err)
{
    int64_t ms = 0;
    struct err scratch = ERR_INIT;
    if (text == NULL)
        return RC_OK;
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] != '\0' && text[digits + 1] == '\0') {
        if (duration_parse(&ms, text, what, err) != RC_OK)
            return err->code;
        ms += clock_now_ms();
    } else if (date_parse(&ms, text, what, &scratch) != RC_OK) {
        (void)err_set(err, RC_BAD_VALUE, "%s: %.40s is no date and no duration", what, text);
        return err_hint(err, "a date: YYYY-MM-DD, or RFC 3339 such as 2026-11-25T02:12:38Z\n"
                             "from now on: a whole number and one of s m h d w y, such as 90d");
    }
    time_format(out, ms);
    return RC_OK;
}

enum rc
mint_read_when(struct ctx *ctx, enum opt_id id, const char *what, char out[TIME_TEXT + 1],
               struct err *err)
{
    int64_t ms = 0;
    enum rc rc = mint_when(opt_get(&ctx->opts, id), what, out, err);
    if (rc == RC_OK && out[0] != '\0' && time_parse(&ms, out) == 0 && ms <= clock_now_ms())
        out_warn(ctx, "%s: %.40s is past", what, opt_get(&ctx->opts, id));
    return rc;
}

static enum rc
read_aad(const struct ctx *ctx, struct mint *m, struct err *err)
{
    size_t count = opt_count(&ctx->opts, OPT_AAD);
    if (count > LIMIT_AAD_COUNT)
        return err_set(err, RC_BAD_VALUE, "--aad: %zu strings; %d are allowed", count,
                       LIMIT_AAD_COUNT);
    for (size_t i = 0; i < count; i++) {
        const char *text = opt_at(&ctx->opts, OPT_AAD, i);
        if (strlen(text) > LIMIT_AAD_TEXT || !utf8_is(text, strlen(text)))
            return err_set(err, RC_BAD_VALUE,
                           "--aad: string %zu is longer than %d bytes or not UTF-8", i + 1,
                           LIMIT_AAD_TEXT);
        m->aad[m->aad_count++] = text;
    }
    return RC_OK;
}

enum rc
mint_check_texts(const struct ctx *ctx, struct err *err)
{
    static const struct {
        enum opt_id id;
        const char *what;
    } texts[] = {{OPT_SYSTEM, "--system"}, {OPT_OWNER, "--owner"}, {OPT_PROTECTS, "--protects"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = opt_get(&ctx->opts, texts[i].id);
        enum rc rc = text != NULL ? text_check(text, texts[i].what, err) : RC_OK;
        if (rc != RC_OK)
            return rc;
    }
    for (size_t i = 0; i < opt_count(&ctx->opts, OPT_LABEL); i++) {
        const char *text = opt_at(&ctx->opts, OPT_LABEL, i);
        const char *eq = strchr(text, '=');
        if (eq == NULL || eq == text || text_check(text, "--label", err) != RC_OK)
            return err_set(err, RC_BAD_VALUE, "--label: want NAME=VALUE");
        for (size_t j = 0; j < i; j++) {
            if (strncmp(opt_at(&ctx->opts, OPT_LABEL, j), text, (size_t)(eq - text) + 1) == 0)
                return err_set(err, RC_BAD_VALUE, "--label: one name is given twice");
        }
    }
    return RC_OK;
}

/* What a first and a later generation take alike. */
static enum rc
read_details(struct ctx *ctx, struct mint *m, struct err *err)
{
    m->system = opt_get(&ctx->opts, OPT_SYSTEM);
    m->owner = opt_get(&ctx->opts, OPT_OWNER);
    m->protects = opt_get(&ctx->opts, OPT_PROTECTS);
    enum rc rc = read_aad(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_check_texts(ctx, err);
    if (rc == RC_OK)
        rc = mint_read_when(ctx, OPT_NEEDED_UNTIL, "--needed-until", m->needed_until, err);
    if (rc == RC_OK)
        rc = mint_read_when(ctx, OPT_EXPIRES, "--expires", m->expires, err);
    return rc;
}

enum rc
mint_options(struct ctx *ctx, struct mint *m, struct err *err)
{
    m->name = opt_arg(&ctx->opts, 0);
    const char *site = opt_get(&ctx->opts, OPT_PROTECTS_SITE);
    enum rc rc = key_name_check(m->name, err);
    if (rc == RC_OK)
        rc = check_purpose(ctx, m, err);
    if (rc == RC_OK && site == NULL && ctx->store->site[0] == '\0')
        rc = err_set(err, RC_USAGE, "--protects-site is missing, and this store stands at no site");
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", site != NULL ? site : ctx->store->site,
                         &m->protects_site, err);
    if (rc == RC_OK)
        rc = officer_option(ctx, m->purpose, m->with, err);
    return rc == RC_OK ? read_details(ctx, m, err) : rc;
}

/* What is carried over from a key in conflict is one of two values; that is said. */
static enum rc
warn_carried(struct ctx *ctx, const struct key *former, struct err *err)
{
    static const struct {
        enum opt_id id;
        const char *field, *option;
    } carried[] = {{OPT_SYSTEM, "system", "--system TEXT"},
                   {OPT_OWNER, "owner", "--owner TEXT"},
                   {OPT_PROTECTS, "protects", "--protects TEXT"},
                   {OPT_LABEL, "labels", "--label K=V"}};
    struct buf v;
    enum rc rc = RC_OK;
    buf_init(&v, LIMIT_ENTRY);
    for (size_t i = 0; rc == RC_OK && i < sizeof carried / sizeof carried[0]; i++) {
        int conflict = 0;
        if (opt_has(&ctx->opts, carried[i].id))
            continue;
        rc = field_get(ctx->store, former->uuid, carried[i].field, &v, &conflict, err);
        if (rc == RC_OK && conflict)
            out_warn(ctx,
                     "%s of %s@%lld is in conflict; its successor gets \"%s\"; to choose: "
                     "keymuster state KEY %s",
                     carried[i].field, former->name, (long long)former->generation, buf_str(&v),
                     carried[i].option);
    }
    buf_release(&v);
    return rc;
}

enum rc
mint_follow(struct ctx *ctx, struct mint *m, const struct key *former, struct err *err)
{
    m->name = former->name;
    m->purpose = former->purpose;
    m->generation = former->generation + 1;
    (void)snprintf(m->follows, sizeof m->follows, "%s", former->uuid);
    (void)snprintf(m->protects_site.uuid, sizeof m->protects_site.uuid, "%s",
                   former->protects_site);
    enum rc rc = object_name(ctx->store, former->protects_site, m->protects_site.name, err);
    if (rc == RC_OK)
        rc = warn_carried(ctx, former, err);
    return rc == RC_OK ? read_details(ctx, m, err) : rc;
}

enum rc
mint_root(struct ctx *ctx, struct mint *m, const char *name, const char *how, struct err *err)
{
    if (m->wrap_count == MINT_WRAPS)
        return err_set(err, RC_USAGE, "more than %d root keys for one key", MINT_WRAPS);
    struct mint_wrap *w = &m->wraps[m->wrap_count];
    enum rc rc = root_find(ctx->store, name, &w->root, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < m->wrap_count; i++) {
        if (strcmp(m->wraps[i].root.object.uuid, w->root.object.uuid) == 0)
            return err_set(err, RC_USAGE, "--root %s is given twice", name);
    }
    w->how = how;
    m->wrap_count++;
    return RC_OK;
}

/* ---- where it must survive ---- */

static enum rc
warn_shared_region(struct ctx *ctx, const char *site, const struct object *protected,
                   struct err *err)
{
    struct buf a, b;
    buf_init(&a, LIMIT_TEXT);
    buf_init(&b, LIMIT_TEXT);
    enum rc rc = field_get(ctx->store, site, "region", &a, NULL, err);
    if (rc == RC_OK)
        rc = field_get(ctx->store, protected->uuid, "region", &b, NULL, err);
    if (rc == RC_OK && a.len > 0 && strcmp(buf_str(&a), buf_str(&b)) == 0)
        out_warn(ctx, "the KMS's site and %s are in the same region, %s: one event may take both",
                 protected->name, buf_str(&a));
    buf_release(&a);
    buf_release(&b);
    return rc;
}

enum rc
mint_site_rule(struct ctx *ctx, const struct mint *m, struct err *err)
{
    if (!purpose_must_outlive(m->purpose) && !officer_is(m->purpose))
        return RC_OK;
    for (size_t i = 0; i < m->wrap_count; i++) {
        const struct root *r = &m->wraps[i].root;
        if (r->site[0] != '\0' && strcmp(r->site, m->protects_site.uuid) != 0)
            return warn_shared_region(ctx, r->site, &m->protects_site, err);
    }
    if (officer_is(m->purpose)) {
        out_warn(ctx, "every wrap of %s lies at %s, the site it protects: it would be lost with it",
                 m->name, m->protects_site.name);
        return RC_OK;
    }
    if (ctx->accept_risk != NULL) {
        out_warn(ctx,
                 "every wrap of %s lies at %s, the site it protects; recorded as an accepted risk",
                 m->name, m->protects_site.name);
        return RC_OK;
    }
    (void)err_set(err, RC_PURPOSE_SITE, "%s would be lost with the site it protects", m->name);
    (void)err_why(err, "a %s key needs a wrap under a KMS at another site than %s", m->purpose,
                  m->protects_site.name);
    return err_hint(err, "add a root key at another site: --root NAME (see: keymuster root list)\n"
                         "or, if another site is protected: --protects-site SITE\n"
                         "or on your responsibility: --accept-risk \"why\"");
}

/* ---- wrapping and proving ---- */

static enum rc
op_outcome(const struct kms_op *op, const struct root *root, const char *doing, struct err *err)
{
    if (op->rc == RC_OK)
        return RC_OK;
    *err = op->err;
    return err_wrap(err, "%s %s", doing, root->object.name);
}

static void
op_prepare(struct kms_op *op, enum kms_verb verb, const struct mint *m, const struct root *root)
{
    kms_op_init(op, verb, root->id);
    op->aad = m->aad;
    op->aad_count = m->aad_count;
}

/* Wraps under one root; payload NULL lets the KMS generate it. */
static enum rc
wrap_once(struct ctx *ctx, struct mint *m, struct mint_wrap *w, struct err *err)
{
    struct kms *kms = NULL;
    struct kms_op op;
    op_prepare(&op, KMS_WRAP, m, &w->root);
    op.payload = m->payload;
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK)
        rc = op_outcome(&op, &w->root, "wrapping under", err);
    if (rc == RC_OK && m->payload == NULL && op.plain == NULL)
        rc = err_set(err, RC_KMS_REPLY, "the KMS generated nothing");
    if (rc == RC_OK) {
        buf_clear(&w->ciphertext);
        buf_add(&w->ciphertext, buf_str(&op.fresh), op.fresh.len);
        (void)snprintf(w->version, sizeof w->version, "%s", op.version);
        memcpy(w->request, op.request, sizeof w->request);
        rc = buf_check(&w->ciphertext, "the wrap", err);
    }
    if (rc == RC_OK && m->payload == NULL) {
        m->payload = op.plain;
        op.plain = NULL; /* transferred */
    }
    kms_op_release(&op);
    return rc;
}

/* Veeam's analyzer wants a digit in a password: draw again without one (1 in 1,546). */
static enum rc
generate(struct ctx *ctx, struct mint *m, struct err *err)
{
    for (int i = 0; i < MINT_GENERATIONS; i++) {
        enum rc rc = wrap_once(ctx, m, &m->wraps[0], err);
        if (rc == RC_OK)
            rc = unwrap_form(&m->text, m->payload, m->form, err);
        if (rc != RC_OK || secret_has_digit(m->text))
            return rc;
        secret_free(m->payload);
        secret_free(m->text);
        m->payload = NULL;
        m->text = NULL;
    }
    return err_set(err, RC_KMS_REPLY, "the KMS generated %d values without a digit",
                   MINT_GENERATIONS);
}

enum rc
mint_wrap(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    if (m->payload == NULL && officer_is(m->purpose)) {
        m->form = "bytes"; /* base64 fails the rule that a passphrase has to meet */
        m->origin = "local";
        rc = passphrase_make(&m->payload, err);
    }
    size_t first = m->payload == NULL;
    if (rc == RC_OK && first)
        rc = generate(ctx, m, err);
    for (size_t i = first; rc == RC_OK && i < m->wrap_count; i++)
        rc = wrap_once(ctx, m, &m->wraps[i], err);
    return rc;
}

static enum rc
prove_once(struct ctx *ctx, struct mint *m, struct mint_wrap *w, struct err *err)
{
    struct kms *kms = NULL;
    struct kms_op op;
    op_prepare(&op, KMS_UNWRAP, m, &w->root);
    op.ciphertext = buf_str(&w->ciphertext);
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK)
        rc = op_outcome(&op, &w->root, "proving the wrap under", err);
    memcpy(w->proof, op.request, sizeof w->proof);
    if (rc == RC_OK && !secret_equal(op.plain, m->payload))
        rc = err_set(err, RC_KMS_REPLY, "the wrap under %s gives another value than was wrapped",
                     w->root.object.name);
    kms_op_release(&op);
    return rc;
}

enum rc
mint_prove(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++)
        rc = prove_once(ctx, m, &m->wraps[i], err);
    return rc;
}

enum rc
mint_check(struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    if (m->text == NULL)
        rc = unwrap_form(&m->text, m->payload, m->form, err);
    if (rc == RC_OK)
        rc = check_make(&m->check, m->payload, m->text, m->uuid, err);
    m->has_check = rc == RC_OK;
    return rc;
}

enum rc
mint_look(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++) {
        struct mint_wrap *w = &m->wraps[i];
        struct kms *kms = NULL;
        if (w->version[0] == '\0' || strcmp(w->version, w->root.version) == 0)
            continue;
        rc = session_kms(ctx, &w->root.kms, &kms, err);
        if (rc == RC_OK)
            rc = kms_root_info(kms, w->root.id, &w->seen, err);
    }
    return rc;
}

enum rc
mint_observe(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++) {
        struct mint_wrap *w = &m->wraps[i];
        if (w->seen.id[0] != '\0')
            rc = session_observe(ctx, &w->root, &w->seen, err);
    }
    return rc;
}

/* ---- the entry ---- */

void
mint_write_wrap(struct jw *w, const char *name, const struct mint *m, const struct mint_wrap *wrap)
{
    jw_obj(w, name);
    jw_str(w, "root", wrap->root.object.uuid);
    jw_opt(w, "version", wrap->version);
    jw_arr(w, "aad");
    for (size_t i = 0; i < m->aad_count; i++)
        jw_str(w, NULL, m->aad[i]);
    jw_end_arr(w);
    jw_str(w, "ciphertext", buf_str(&wrap->ciphertext));
    jw_str(w, "how", wrap->how);
    wrap_write_requests(w, (const char *const[]){wrap->request, wrap->proof, NULL});
    jw_end_obj(w);
}

void
mint_write_check(struct jw *w, const struct check_value *c)
{
    jw_obj(w, "check");
    jw_str(w, "alg", check_alg_name(c->alg));
    jw_obj(w, "params");
    if (c->alg == CHECK_ARGON2ID) {
        jw_int(w, "mem", (int64_t)c->mem);
        jw_int(w, "ops", (int64_t)c->ops);
    }
    jw_end_obj(w);
    jw_str(w, "value", c->value);
    jw_end_obj(w);
}

/* A text as given now, else as the former generation has it. */
static enum rc
write_carried(const struct ctx *ctx, const struct mint *m, struct jw *w, const char *name,
              const char *text, struct err *err)
{
    struct buf former;
    buf_init(&former, LIMIT_ENTRY);
    enum rc rc = RC_OK;
    if (text == NULL && m->follows[0] != '\0') {
        rc = field_get(ctx->store, m->follows, name, &former, NULL, err);
        text = buf_str(&former);
    }
    if (rc == RC_OK && former.len > 0 && strcmp(name, "labels") == 0)
        jw_raw(w, name, text, former.len);
    else if (rc == RC_OK)
        jw_opt(w, name, text);
    buf_release(&former);
    return rc;
}

void
mint_write_labels(struct jw *w, const char *name, const struct opts *o)
{
    jw_obj(w, name);
    for (size_t i = 0; i < opt_count(o, OPT_LABEL); i++) {
        const char *text = opt_at(o, OPT_LABEL, i);
        char label[LIMIT_TEXT + 1];
        const char *eq = strchr(text, '='); /* mint_check_texts saw it */
        (void)snprintf(label, sizeof label, "%.*s", (int)(eq - text), text);
        jw_str(w, label, eq + 1);
    }
    jw_end_obj(w);
}

static enum rc
write_labels(const struct ctx *ctx, const struct mint *m, struct jw *w, struct err *err)
{
    const struct opts *o = &ctx->opts;
    struct buf given;
    if (opt_count(o, OPT_LABEL) == 0 && m->labels == NULL)
        return write_carried(ctx, m, w, "labels", NULL, err);
    if (m->labels != NULL) {
        buf_init(&given, LIMIT_BODY);
        json_print(&given, m->labels);
        jw_raw(w, "labels", buf_str(&given), given.len);
        enum rc rc = buf_check(&given, "the labels", err);
        buf_release(&given);
        return rc;
    }
    mint_write_labels(w, "labels", o);
    return RC_OK;
}

static void
write_known_to(struct jw *w, const struct mint *m, const struct opts *o)
{
    size_t count = opt_count(o, OPT_KNOWN_TO);
    if (count == 0 && !m->known)
        return;
    jw_arr(w, "known_to");
    for (size_t i = 0; i < count; i++)
        jw_str(w, NULL, opt_at(o, OPT_KNOWN_TO, i));
    if (count == 0)
        jw_str(w, NULL, "unknown");
    jw_end_arr(w);
}

enum rc
mint_body(const struct ctx *ctx, const struct mint *m, struct buf *body, struct err *err)
{
    struct jw w;
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", m->uuid);
    jw_str(&w, "name", m->name);
    jw_int(&w, "generation", m->generation);
    jw_arr(&w, "follows");
    if (m->follows[0] != '\0')
        jw_str(&w, NULL, m->follows);
    for (size_t i = 0; i < m->twin_count; i++)
        jw_str(&w, NULL, m->twins[i]);
    jw_end_arr(&w);
    jw_str(&w, "purpose", m->purpose);
    jw_opt(&w, "protects_site", m->protects_site.uuid);
    enum rc rc = write_carried(ctx, m, &w, "system", m->system, err);
    if (rc == RC_OK)
        rc = write_carried(ctx, m, &w, "owner", m->owner, err);
    if (rc == RC_OK)
        rc = write_carried(ctx, m, &w, "protects", m->protects, err);
    if (rc == RC_OK)
        rc = write_labels(ctx, m, &w, err);
    if (rc != RC_OK)
        return rc;
    if (m->payload != NULL)
        jw_int(&w, "bits", (int64_t)m->payload->len * 8);
    jw_str(&w, "form", m->form);
    jw_str(&w, "origin", m->origin);
    jw_opt(&w, "created_at", m->made_at);
    jw_opt(&w, "taken_from", m->taken_from);
    jw_opt(&w, "taken_id", m->taken_id);
    jw_opt(&w, "needed_until", m->needed_until);
    jw_opt(&w, "expires", m->expires);
    jw_opt(&w, "accepted_risk", ctx->accept_risk);
    jw_opt(&w, "reason", ctx->reason);
    write_known_to(&w, m, &ctx->opts);
    jw_opt(&w, "person", m->who.person);
    if (m->owed_count > 0) {
        jw_arr(&w, "owe");
        for (size_t i = 0; i < m->owed_count; i++)
            jw_str(&w, NULL, m->owed[i].object.uuid);
        jw_end_arr(&w);
    }
    if (m->has_check)
        mint_write_check(&w, &m->check);
    jw_arr(&w, "wraps");
    for (size_t i = 0; i < m->wrap_count; i++)
        mint_write_wrap(&w, NULL, m, &m->wraps[i]);
    jw_end_arr(&w);
    jw_end_obj(&w);
    return buf_check(body, "the key's entry", err);
}

enum rc
mint_release_rule(struct ctx *ctx, const struct key *key, int *released, struct err *err)
{
    enum rc rc = key_released(ctx->store, key, released, err);
    if (rc != RC_OK || *released)
        return rc;
    if (ctx->unsynced) {
        *released = 1;
        out_warn(ctx, "no copy has %s yet; released all the same, as asked, and recorded",
                 key->name);
        return RC_OK;
    }
    ctx->findings++;
    out_warn(ctx, "%s is stored here, but not released: no copy %shas acknowledged it yet",
             key->name,
             purpose_must_outlive(key->purpose) ? "at another site than the protected one " : "");
    out_note(
        ctx,
        "reach a copy:  keymuster sync          (see: keymuster copy list, keymuster copy add)");
    out_note(ctx, "or hand it out all the same, recorded:  --allow-unsynced");
    return RC_OK;
}
