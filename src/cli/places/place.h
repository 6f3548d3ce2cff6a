/* How a copy at a server is reached, as the command line says it, and what is kept of that in
 * keymuster.conf. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "cli/cmd.h"
#include "copy/remote.h"

/* Rows of option tables. */
/* clang-format off */
/* Beside the options of KMSs: --endpoint copy=URL, --iam copy=URL, --ca copy=FILE are the copy's. */
#define PLACE_KEY_OPTIONS                                                                          \
    {OPT_KNOWN_HOSTS, "known-hosts", 0, "FILE", 0, "SFTP: keys of servers, as OpenSSH has them"},  \
    {OPT_HOST_KEY, "host-key", 0, "SHA256:...", 0, "SFTP: the server's key, by its fingerprint"},  \
    {OPT_REGION, "region", 0, "REGION", 0, "S3: region, where the endpoint does not say it"},      \
    {OPT_PROXY, "proxy", 0, "URL", 0, "the copy's way through a proxy: http://HOST:PORT"}
#define PLACE_SERVER_OPTIONS                                                                       \
    PLACE_KEY_OPTIONS,                                                                             \
    {OPT_ENDPOINT, "endpoint", 0, "URL", 0, "S3: where the service answers"},                      \
    {OPT_IAM, "iam", 0, "URL", 0, "S3 with IBM API key: where tokens come from"},                  \
    {OPT_CA, "ca", 0, "FILE", 0, "certificates that vouch for the server, not the system's"}
#define PLACE_OPTIONS                                                                              \
    {OPT_CREDENTIAL, "credential", 0, "[proxy=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,    \
     "the server's, or its proxy's: private key, password, login"},                                \
    PLACE_SERVER_OPTIONS
/* clang-format on */

/* One of --credential: NAME=REF of that name; for "copy" also a REF without a name, unless it goes
 * to a KMS. NULL: not said. */
const char *place_credential(const struct ctx *ctx, const char *name);

/* A credential for remote_read_secrets_by: what can be read only once, or is asked for, is read
 * once in a command, however often its place is opened. */
enum rc place_secret(struct secret **out, const char *ref, const char *what,
                     struct err *err) MUST_CHECK;
void place_forget(void); /* wipes them */

/* What the options say; borrowed from them. */
void place_access(const struct ctx *ctx, struct remote_access *out);
/* The same, and what is not said as keymuster.conf has it for this copy. */
void place_access_kept(const struct ctx *ctx, const char *name, struct remote_access *out);
/* Keeps what the options say in keymuster.conf, under the name of a copy; a credential that can be
 * read once only is not kept. */
enum rc place_bind(struct ctx *ctx, const char *copy, struct err *err) MUST_CHECK;

#endif
