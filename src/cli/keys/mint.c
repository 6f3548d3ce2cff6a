/* What is asked for when a key is made: options, roots, the rules of its purpose. */
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

/* ---- afterwards ---- */

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
