/* The configuration backup of a backup server, and the key that it uses. */
#ifndef CLI_VBR_CONFIG_H
#define CLI_VBR_CONFIG_H

#include "cli/vbr/vbr_push.h"
#include "escrow/key.h"

/*
 * After a push of a key for configuration backups: with --config-backup; when the configuration
 * backup uses the former generation (its id there, or ""); or when it has no key, this is the first
 * password there, and a person says yes. *used: it was done, and recorded.
 */
enum rc vbr_config_settle(struct ctx *ctx, struct vbr_server *s, const struct key *key,
                          const char *former, struct vbr_pushed *p, int *used,
                          struct err *err) MUST_CHECK;
/* RC_POLICY: --config-backup with a key of another purpose. */
enum rc vbr_config_check(const char *purpose, const char *name, struct err *err) MUST_CHECK;

#endif
