/* identify: a configuration backup at a server, of which the head alone is fetched. */
#ifndef CLI_IDENTIFY_URL_H
#define CLI_IDENTIFY_URL_H

#include "cli/vbr/identify.h"

/* Whether it is meant as an address: SCHEME://... */
int identify_is_url(const char *word);
/*
 * https://, davs:// (which is the same) and sftp://USER@HOST/PATH. One request, BCO_HEAD bytes at
 * most whatever the server sends, no redirect. What --credential, --ca, --known-hosts, --host-key
 * and --proxy say is for this server, and goes nowhere else; with --from those are the copy's, and
 * url=REF, url=FILE is said. What the file or its server is at fault for goes to out->failed.
 * RC_USAGE for another scheme, and with --offline.
 */
enum rc identify_url(struct ctx *ctx, const char *url, struct bco *bco, struct identify *out,
                     struct err *err) MUST_CHECK;

#endif
