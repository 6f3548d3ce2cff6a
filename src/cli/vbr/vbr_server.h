/*
 * Backup servers (VBR) as this machine reaches them: [vbr "NAME"] of keymuster.conf has the
 * address, the credential, and what vouches for the server. The login goes to the address bound
 * here and to no other; that of the log is only compared with it.
 */
#ifndef CLI_VBR_SERVER_H
#define CLI_VBR_SERVER_H

#include "cli/cmd.h"
#include "escrow/view.h"
#include "sys/path.h"
#include "vbr/rest.h"

struct vbr_server {
    struct object object;
    struct vbr *vbr;
    char to[LIMIT_NAME + 8]; /* "vbr:NAME", for records */
};
/* By name or UUID; logs in. With --dry-run, too: looking changes nothing. RC_NOT_FOUND,
 * RC_VBR_NO_CREDENTIAL, RC_ENDPOINT_DIFFERS, RC_USAGE with --offline, and what vbr_login says. */
enum rc vbr_server_open(struct ctx *ctx, const char *name, struct vbr_server *out,
                        struct err *err) MUST_CHECK;
void vbr_server_close(struct vbr_server *s); /* takes a zeroed struct */

/* What a server of these words says; for vbr add and set. */
struct vbr_words {
    const char *name;
    char url[544], ca[PATH_SIZE];
    const char *pin, *credential;
};
enum rc vbr_words_try(struct ctx *ctx, const struct vbr_words *w, struct vbr **out,
                      struct err *err) MUST_CHECK;

#endif
