#include "cli/place.h"

#include <stdio.h>
#include <string.h>

#include "cli/ref.h"
#include "cli/session.h"
#include "copy/copy.h"
#include "sys/file.h"

const char *
place_credential(const struct ctx *ctx, const char *name)
{
    size_t len = strlen(name);
    /* Elsewhere a reference without a name is for a KMS. */
    int plain = strcmp(name, "copy") == 0 &&
                (!opt_has(&ctx->opts, OPT_FROM) || strcmp(ctx->cmd->verb, "join") == 0);
    for (size_t i = 0; i < opt_count(&ctx->opts, OPT_CREDENTIAL); i++) {
        const char *text = opt_at(&ctx->opts, OPT_CREDENTIAL, i);
        if (strncmp(text, name, len) == 0 && text[len] == '=')
            return text + len + 1;
        if (plain && ref_is(text))
            return text;
    }
    return NULL;
}

void
place_access(const struct ctx *ctx, struct remote_access *out)
{
    *out = (struct remote_access){.credential = place_credential(ctx, "copy"),
                                  .known_hosts = opt_get(&ctx->opts, OPT_KNOWN_HOSTS),
                                  .host_key = opt_get(&ctx->opts, OPT_HOST_KEY)};
}

void
place_access_kept(const struct ctx *ctx, const char *name, struct remote_access *out)
{
    struct remote_access kept;
    place_access(ctx, out);
    copy_access(ctx->store, name, &kept);
    if (out->credential == NULL)
        out->credential = kept.credential;
    if (out->host_key == NULL && out->known_hosts == NULL) { /* one takes the place of the other */
        out->host_key = kept.host_key;
        out->known_hosts = kept.known_hosts;
    }
    out->ca = kept.ca;
}

enum rc
place_bind(struct ctx *ctx, const char *copy, struct err *err)
{
    struct remote_access access;
    char name[LIMIT_NAME + 1]; /* copy may be borrowed from what store_conf_set replaces */
    char path[PATH_SIZE];
    int kept = 0;
    enum rc rc = RC_OK;
    (void)snprintf(name, sizeof name, "%s", copy);
    place_access(ctx, &access);
    if (access.credential != NULL)
        rc = session_keep_credential(ctx, "copy", name, access.credential, &kept, err);
    if (rc == RC_OK && access.known_hosts != NULL)
        rc = path_absolute(path, access.known_hosts, err);
    if (rc == RC_OK && access.known_hosts != NULL)
        rc = store_conf_set(ctx->store, "copy", name, "known-hosts", path, err);
    if (rc == RC_OK && (access.known_hosts != NULL || access.host_key != NULL))
        rc = store_conf_set(ctx->store, "copy", name, "host-key", access.host_key, err);
    return rc;
}
