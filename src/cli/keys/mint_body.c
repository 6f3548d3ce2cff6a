/* What the log says of a new key: the body of key.created. */
#include "cli/keys/mint.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "crypt/passphrase.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "text/uni.h"

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
