#include "cli/places/place.h"

#include <stdio.h>
#include <string.h>

#include "cli/ref.h"
#include "cli/session.h"
#include "copy/copy.h"
#include "sys/path.h"

enum { ASKED_MOST = 4, ASKED_WHAT = 512 };

static struct asked {
    char what[ASKED_WHAT];
    struct secret *secret; /* NULL: free */
} asked[ASKED_MOST];

static struct asked *
find_asked(const char *what)
{
    for (size_t i = 0; i < ASKED_MOST; i++) {
        if (asked[i].secret == NULL || strcmp(asked[i].what, what) == 0)
            return &asked[i];
    }
    return NULL;
}

static enum rc
copy_secret(struct secret **out, const struct secret *from, struct err *err)
{
    enum rc rc = secret_new(out, err);
    return rc == RC_OK ? secret_add(*out, from->bytes, from->len, err) : rc;
}

enum rc
place_secret(struct secret **out, const char *ref, const char *what, struct err *err)
{
    struct asked *a = ref_is_lasting(ref) ? NULL : find_asked(what);
    if (a == NULL)
        return ref_read(out, ref, what, err);
    if (a->secret == NULL) {
        enum rc rc = ref_read(&a->secret, ref, what, err);
        if (rc != RC_OK)
            return rc;
        (void)snprintf(a->what, sizeof a->what, "%s", what);
    }
    return copy_secret(out, a->secret, err);
}

void
place_forget(void)
{
    for (size_t i = 0; i < ASKED_MOST; i++) {
        secret_free(asked[i].secret);
        asked[i].secret = NULL;
    }
}

/* What an option says for the copy: copy=VALUE, or a VALUE alone where no KMS is asked. */
static const char *
said(const struct ctx *ctx, enum opt_id id, const char *name)
{
    size_t len = strlen(name);
    int alone = strcmp(name, "copy") == 0 &&
                (!opt_has(&ctx->opts, OPT_FROM) || strcmp(ctx->cmd->verb, "join") == 0);
    for (size_t i = 0; i < opt_count(&ctx->opts, id); i++) {
        const char *text = opt_at(&ctx->opts, id, i);
        if (strncmp(text, name, len) == 0 && text[len] == '=')
            return text + len + 1;
        if (alone && (id != OPT_CREDENTIAL || ref_is(text)))
            return text;
    }
    return NULL;
}

const char *
place_credential(const struct ctx *ctx, const char *name)
{
    return said(ctx, OPT_CREDENTIAL, name);
}

void
place_access(const struct ctx *ctx, struct remote_access *out)
{
    *out = (struct remote_access){.credential = place_credential(ctx, "copy"),
                                  .known_hosts = opt_get(&ctx->opts, OPT_KNOWN_HOSTS),
                                  .host_key = opt_get(&ctx->opts, OPT_HOST_KEY),
                                  .endpoint = said(ctx, OPT_ENDPOINT, "copy"),
                                  .region = opt_get(&ctx->opts, OPT_REGION),
                                  .iam = said(ctx, OPT_IAM, "copy"),
                                  .ca = said(ctx, OPT_CA, "copy"),
                                  .proxy = opt_get(&ctx->opts, OPT_PROXY),
                                  .proxy_credential = place_credential(ctx, "proxy")};
}

static void
keep(const char **said, const char *kept)
{
    if (*said == NULL)
        *said = kept;
}

void
place_access_kept(const struct ctx *ctx, const char *name, struct remote_access *out)
{
    struct remote_access kept;
    place_access(ctx, out);
    copy_access(ctx->store, name, &kept);
    keep(&out->credential, kept.credential);
    if (out->host_key == NULL && out->known_hosts == NULL) { /* one takes the place of the other */
        out->host_key = kept.host_key;
        out->known_hosts = kept.known_hosts;
    }
    keep(&out->endpoint, kept.endpoint);
    keep(&out->region, kept.region);
    keep(&out->iam, kept.iam);
    keep(&out->ca, kept.ca);
    keep(&out->proxy, kept.proxy);
    keep(&out->proxy_credential, kept.proxy_credential);
}

/* Keeps what was said under this key; a file by its absolute path. */
static enum rc
bind_one(struct ctx *ctx, const char *name, const char *key, const char *value, int file,
         struct err *err)
{
    char path[PATH_SIZE];
    if (value == NULL)
        return RC_OK;
    enum rc rc = file ? path_absolute(path, value, err) : RC_OK;
    return rc == RC_OK ? store_conf_set(ctx->store, "copy", name, key, file ? path : value, err)
                       : rc;
}

enum rc
place_bind(struct ctx *ctx, const char *copy, struct err *err)
{
    struct remote_access access;
    char name[LIMIT_NAME + 1]; /* copy may be borrowed from what store_conf_set replaces */
    int kept = 0;
    enum rc rc = RC_OK;
    (void)snprintf(name, sizeof name, "%s", copy);
    place_access(ctx, &access);
    if (access.credential != NULL)
        rc =
            session_keep_credential(ctx, "copy", name, "credential", access.credential, &kept, err);
    if (rc == RC_OK && access.proxy_credential != NULL)
        rc = session_keep_credential(ctx, "copy", name, "proxy-credential", access.proxy_credential,
                                     &kept, err);
    if (rc == RC_OK)
        rc = bind_one(ctx, name, "known-hosts", access.known_hosts, 1, err);
    if (rc == RC_OK && (access.known_hosts != NULL || access.host_key != NULL))
        rc = store_conf_set(ctx->store, "copy", name, "host-key", access.host_key, err);
    if (rc == RC_OK)
        rc = bind_one(ctx, name, "endpoint", access.endpoint, 0, err);
    if (rc == RC_OK)
        rc = bind_one(ctx, name, "region", access.region, 0, err);
    if (rc == RC_OK)
        rc = bind_one(ctx, name, "iam", access.iam, 0, err);
    if (rc == RC_OK)
        rc = bind_one(ctx, name, "ca", access.ca, 1, err);
    return rc == RC_OK ? bind_one(ctx, name, "proxy", access.proxy, 0, err) : rc;
}
