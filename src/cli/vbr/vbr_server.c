#include "cli/vbr/vbr_server.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys/kms_conf.h"
#include "cli/ref.h"
#include "cli/session.h"

enum rc
vbr_words_try(struct ctx *ctx, const struct vbr_words *w, struct vbr **out, struct err *err)
{
    char what[LIMIT_NAME + 32];
    struct secret *login = NULL;
    struct vbr_config config = {.name = w->name,
                                .url = w->url,
                                .ca = w->ca[0] != '\0' ? w->ca : NULL,
                                .pin = w->pin,
                                .proxy = store_conf(ctx->store, "network", NULL, "proxy"),
                                .timeout_ms = ctx->timeout_ms};
    *out = NULL;
    (void)snprintf(what, sizeof what, "login of backup server %s", w->name);
    enum rc rc = ref_read(&login, w->credential, what, err);
    config.login = login;
    if (rc == RC_OK)
        rc = vbr_open(out, &config, err);
    secret_free(login);
    if (rc == RC_OK && !ctx->offline)
        rc = vbr_login(*out, err);
    if (rc != RC_OK) {
        vbr_close(*out);
        *out = NULL;
    }
    return rc;
}

/* The log may have been written by anybody who is admitted; it does not lead a login elsewhere. */
static enum rc
same_address(const struct ctx *ctx, const struct object *o, const char *section, const char *bound,
             struct err *err)
{
    struct buf v;
    int conflict = 0;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(ctx->store, o->uuid, "endpoint", &v, &conflict, err);
    if (rc == RC_OK && (conflict || (v.len > 0 && strcmp(buf_str(&v), bound) != 0))) {
        rc = err_set(err, RC_ENDPOINT_DIFFERS,
                     "backup server %s: the log names another address than the one bound here",
                     o->name);
        (void)err_why(err, "bound: %s", bound);
        (void)err_hint(err, "which one is right? keymuster vbr set %s URL", section);
    }
    buf_release(&v);
    return rc;
}

enum rc
vbr_server_open(struct ctx *ctx, const char *name, struct vbr_server *out, struct err *err)
{
    struct vbr_words w = {.name = out->object.name};
    char section[LIMIT_NAME + 1];
    memset(out, 0, sizeof *out);
    enum rc rc = object_find(ctx->store, "vbr", name, &out->object, err);
    if (rc != RC_OK)
        return rc;
    const struct store *store = ctx->store;
    const char *mine = out->object.name;
    conf_section(store, "vbr", &out->object, section);
    const char *url = store_conf(store, "vbr", section, "endpoint");
    const char *ca = store_conf(store, "vbr", section, "ca");
    const char *credential = store_conf(store, "vbr", section, "credential");
    if (ctx->offline)
        return err_set(err, RC_USAGE, "--offline: backup server %s cannot be asked", mine);
    if (url == NULL || credential == NULL) {
        (void)err_set(err, RC_VBR_NO_CREDENTIAL, "backup server %s is not bound on this machine",
                      mine);
        return err_hint(err, "keymuster vbr set %s https://HOST:9419 --credential REF", section);
    }
    rc = same_address(ctx, &out->object, section, url, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(out->to, sizeof out->to, "vbr:%s", mine);
    (void)snprintf(w.url, sizeof w.url, "%s", url);
    (void)snprintf(w.ca, sizeof w.ca, "%s", ca != NULL ? ca : "");
    w.pin = store_conf(store, "vbr", section, "pin");
    w.credential = credential;
    return vbr_words_try(ctx, &w, &out->vbr, err);
}

void
vbr_server_close(struct vbr_server *s)
{
    vbr_close(s->vbr);
    s->vbr = NULL;
}
