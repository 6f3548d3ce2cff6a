#include "cli/keys/kms_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "text/ini.h"

static int
name_is_own(const struct store *store, const char *kind, const struct object *o)
{
    struct object found;
    struct err scratch = ERR_INIT; /* in doubt it is not */
    return object_find(store, kind, o->name, &found, &scratch) == RC_OK &&
           strcmp(found.uuid, o->uuid) == 0;
}

void
conf_section(const struct store *store, const char *kind, const struct object *o,
             char out[LIMIT_NAME + 1])
{
    const char *whose = store_conf(store, kind, o->name, "uuid");
    int by_name = whose != NULL ? strcmp(whose, o->uuid) == 0 : name_is_own(store, kind, o);
    int by_uuid = !by_name || ini_has(store->conf, kind, o->uuid);
    (void)snprintf(out, LIMIT_NAME + 1, "%s", by_uuid ? o->uuid : o->name);
}

const char *
conf_value(const struct store *store, const char *kind, const struct object *o, const char *key)
{
    char section[LIMIT_NAME + 1];
    conf_section(store, kind, o, section);
    return store_conf(store, kind, section, key);
}

enum rc
conf_own(struct store *store, const char *kind, const struct object *o, const char *section,
         struct err *err)
{
    const char *whose = store_conf(store, kind, section, "uuid");
    if (whose != NULL && strcmp(whose, o->uuid) == 0)
        return RC_OK;
    return store_conf_set(store, kind, section, "uuid", o->uuid, err);
}

/* ---- KMSs ---- */

int
kms_name_is_own(const struct store *store, const struct object *kms)
{
    return name_is_own(store, "kms", kms);
}

void
kms_section(const struct store *store, const struct object *kms, char out[LIMIT_NAME + 1])
{
    conf_section(store, "kms", kms, out);
}

const char *
kms_conf(const struct store *store, const struct object *kms, const char *key)
{
    return conf_value(store, "kms", kms, key);
}

enum rc
kms_conf_network(const struct store *store, struct kms_config *config, struct err *err)
{
    const char *text = store_conf(store, "network", NULL, "connections");
    config->proxy = store_conf(store, "network", NULL, "proxy");
    config->connections = 0;
    if (text == NULL)
        return RC_OK;
    size_t digits = strspn(text, "0123456789");
    long n = digits > 0 && digits <= 3 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;
    if (n < 1 || n > HTTP_CONNECTIONS_MOST) {
        (void)err_set(err, RC_CONFIG, "keymuster.conf: connections of [network] is %.40s", text);
        return err_hint(err, "a number from 1 to %d, or leave it out", HTTP_CONNECTIONS_MOST);
    }
    config->connections = (unsigned)n;
    return RC_OK;
}

enum rc
kms_conf_own(struct store *store, const struct object *kms, const char *section, struct err *err)
{
    return conf_own(store, "kms", kms, section, err);
}
