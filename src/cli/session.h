/* What most commands share: the store, the KMSs it knows, recording and publishing. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "escrow/store.h"
#include "escrow/view.h"
#include "kms/kms.h"
#include "text/jw.h"
#include "text/time.h"

/* Opens ctx->store as the command's flags say; a writer's memory is checked first (RC_STORE_OLD).
 */
enum rc session_open(struct ctx *ctx, struct err *err);
/* Where this command's own entries go: ctx->store, but with --from EXPORT the evidence beside it.
 */
struct store *session_records(const struct ctx *ctx);
/* A command that failed after it had stored something: err->entry names the newest entry, unless it
 * names one already; if it is in doubt, the error becomes RC_UNKNOWN_OUTCOME. */
void session_say_stored(const struct ctx *ctx, struct err *err);
/* Closes the KMSs and the stores. */
void session_close(struct ctx *ctx);

/*
 * The KMS of an object, opened once per command. The credential: --credential NAME=REF,
 * --credential REF when the command line has only that one, [kms "NAME"] credential. The file:
 * --kms-file NAME=PATH, the binding, the hint in the log. Endpoint: --endpoint, the binding, the
 * log; IAM address and certificates: command line and binding only. Where the credential would go
 * is checked before it is read. RC_KMS_NO_CREDENTIAL, RC_ENDPOINT_DIFFERS, RC_ENDPOINT_UNKNOWN and
 * what kms_open says. *out is borrowed until session_close.
 */
enum rc session_kms(struct ctx *ctx, const struct object *kms, struct kms **out,
                    struct err *err) MUST_CHECK;

/* One that the caller has opened counts as that of the object from now on; *open is transferred. */
enum rc session_kms_lend(struct ctx *ctx, const struct object *kms, struct kms **open,
                         struct err *err) MUST_CHECK;

/* Closes all that are open; session_close does it, too. */
void session_kms_close(struct ctx *ctx);

/* --show-request: what would be sent for op (NULL: to look at the root key), as curl commands
 * without token; see kms_show. */
enum rc session_show(struct ctx *ctx, const struct root *root, struct kms_op *op, struct buf *out,
                     struct err *err) MUST_CHECK;
#define SHOW_REQUEST_OPTION                                                                        \
    {                                                                                              \
        OPT_SHOW_REQUEST, "show-request", 0, NULL, 0,                                              \
            "prints what would be sent, as curl without the token; sends nothing"                  \
    }

/* Beside --kms-file, of every command that asks a KMS. */
#define KMS_PLACE_OPTIONS                                                                          \
    {OPT_ENDPOINT, "endpoint", 0, "[NAME=]URL", OPT_MANY, "another endpoint of the KMS NAME"},     \
        {OPT_IAM, "iam", 0, "[NAME=]URL", OPT_MANY, "another IAM address of the KMS NAME"},        \
    {                                                                                              \
        OPT_CA, "ca", 0, "[NAME=]FILE", OPT_MANY, "certificates that vouch for the KMS NAME"       \
    }

/* clang-format off */
/* Of a command that may ask several KMSs. */
#define KMS_OPTIONS                                                                                \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,     \
     "another credential of a KMS, for this command"},                                             \
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,                                           \
     "another place of a local KMS, for this command"},                                            \
    KMS_PLACE_OPTIONS

/* Of a command that asks the KMS of one root key. */
#define ONE_KMS_OPTIONS                                                                            \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,     \
     "another credential of the KMS, for this command"},                                           \
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,                                           \
     "another place of the local KMS, for this command"},                                          \
    KMS_PLACE_OPTIONS
/* clang-format on */

/* The option of every command that takes a KEY. */
#define KEY_AT_OPTION                                                                              \
    {                                                                                              \
        OPT_AT, "at", 0, "DATE", 0, "of a KEY without @GEN: the newest one at DATE"                \
    }
/*
 * A KEY of the command line: NAME (the newest generation), NAME@GEN or UUID. With --at DATE a NAME
 * is the generation that was the newest then; YYYY-MM-DD is the end of that day, UTC.
 * RC_NOT_FOUND, RC_AMBIGUOUS; RC_BAD_VALUE for the date, RC_USAGE for --at with another than NAME.
 */
enum rc session_key(const struct ctx *ctx, const char *ref, struct key *out,
                    struct err *err) MUST_CHECK;

/* RC_NOT_FOUND, naming every one of the first count arguments that is no key, so that a long
 * command line is put right at once and before anything is done. */
enum rc session_keys_check(struct ctx *ctx, size_t count, struct err *err) MUST_CHECK;

/* One own entry, durable on return; nothing with --dry-run. Keeps the hash in ctx->entry. hash may
 * be NULL. */
enum rc session_record(struct ctx *ctx, const char *kind, const struct buf *body, char *hash,
                       struct err *err) MUST_CHECK;

/*
 * Publishes to every copy bound here that can be reached (not with --offline or --dry-run). A copy
 * that is away is a note on standard error; a hostile one fails (15, 16), the others being served
 * first.
 */
enum rc session_publish(struct ctx *ctx, struct err *err) MUST_CHECK;
/* The same after an interruption or a failure that left something recorded; that one stays the
 * answer. */
void session_publish_rest(struct ctx *ctx);

/*
 * Notes in keymuster.conf where a credential of [section name] is kept, under this key, as an
 * absolute place.
 * *kept 0 and nothing noted when the reference can be read only once.
 */
enum rc session_keep_credential(struct ctx *ctx, const char *section, const char *name,
                                const char *key, const char *ref, int *kept,
                                struct err *err) MUST_CHECK;

/* Starts an answer: a JSON object with its schema, "keymuster.<name>/1". Follow with members,
 * out_object. */
void session_answer(struct buf *doc, struct jw *w, const char *name);

/* Appends a root.observed entry in the running transaction when it tells something new; *root then
 * has it, so that news are told once. */
enum rc session_observe(struct ctx *ctx, struct root *root, const struct root_info *info,
                        struct err *err) MUST_CHECK;

#endif
