/*
 * This machine's bindings of a KMS in keymuster.conf: [kms "NAME"], and of a backup server:
 * [vbr "NAME"]. Two sites may have made one of the same name; so that none gets the other's
 * credential, a section says whose it is (uuid), and where the name stands for two, the other one's
 * section is [kms "UUID"].
 */
#ifndef CLI_KMS_CONF_H
#define CLI_KMS_CONF_H

#include "escrow/view.h"
#include "kms/kms.h"

/* The name of the section of an object of this kind ("kms", "vbr"), whether it is there or not. */
void conf_section(const struct store *store, const char *kind, const struct object *o,
                  char out[LIMIT_NAME + 1]);
/* A key of it, or NULL. Borrowed until the next store_conf_set. */
const char *conf_value(const struct store *store, const char *kind, const struct object *o,
                       const char *key);
/* Says in the section whose it is; after the first key was set. */
enum rc conf_own(struct store *store, const char *kind, const struct object *o, const char *section,
                 struct err *err) MUST_CHECK;

/* The same of a KMS. */
void kms_section(const struct store *store, const struct object *kms, char out[LIMIT_NAME + 1]);
const char *kms_conf(const struct store *store, const struct object *kms, const char *key);
/* What [network] says, into config; texts are borrowed likewise. RC_CONFIG. */
enum rc kms_conf_network(const struct store *store, struct kms_config *config,
                         struct err *err) MUST_CHECK;
/* Whether the name alone means this KMS. */
int kms_name_is_own(const struct store *store, const struct object *kms);
enum rc kms_conf_own(struct store *store, const struct object *kms, const char *section,
                     struct err *err) MUST_CHECK;

#endif
