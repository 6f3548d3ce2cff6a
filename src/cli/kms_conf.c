#include "cli/kms_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "text/ini.h"

int
kms_name_is_own(const struct store *store, const struct object *kms)
{
    struct object found;
    struct err scratch = ERR_INIT; /* in doubt it is not */
    return object_find(store, "kms", kms->name, &found, &scratch) == RC_OK &&
           strcmp(found.uuid, kms->uuid) == 0;
}

void
kms_section(const struct store *store, const struct object *kms, char out[LIMIT_NAME + 1])
{
    const char *whose = store_conf(store, "kms", kms->name, "uuid");
    int by_name = whose != NULL ? strcmp(whose, kms->uuid) == 0 : kms_name_is_own(store, kms);
    int by_uuid = !by_name || ini_has(store->conf, "kms", kms->uuid);
    (void)snprintf(out, LIMIT_NAME + 1, "%s", by_uuid ? kms->uuid : kms->name);
}

const char *
kms_conf(const struct store *store, const struct object *kms, const char *key)
{
    char section[LIMIT_NAME + 1];
    kms_section(store, kms, section);
    return store_conf(store, "kms", section, key);
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
    const char *whose = store_conf(store, "kms", section, "uuid");
    if (whose != NULL && strcmp(whose, kms->uuid) == 0)
        return RC_OK;
    return store_conf_set(store, "kms", section, "uuid", kms->uuid, err);
}
