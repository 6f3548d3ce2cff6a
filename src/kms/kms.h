/*
 * One key management instance, whatever its provider. Callers never see provider details: they fill
 * operations, run them as a batch, and read from each what happened and what was observed of the
 * root key.
 *
 * Providers: local (kms/local.c), ibm (kms/ibm.c). A batch may run its operations concurrently; the
 * results are in the order given. Each operation carries its own error; kms_run itself fails only
 * when nothing could be tried at all (wrong passphrase, instance unreachable).
 */
#ifndef KMS_KMS_H
#define KMS_KMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

struct kms; /* an open instance */

/* NIST states with the numbers of the IBM wire (reference: Key Protect, "Key states"). */
enum root_state {
    ROOT_UNKNOWN = -1,
    ROOT_PREACTIVE = 0,
    ROOT_ACTIVE = 1,
    ROOT_SUSPENDED = 2,   /* disabled */
    ROOT_DEACTIVATED = 3, /* expired: unwraps, does not wrap */
    ROOT_DESTROYED = 5
};
const char *root_state_name(enum root_state state); /* "active" ... */
enum root_state root_state_parse(const char *name); /* ROOT_UNKNOWN for any other word */

/* What a KMS said of a root key. Times 0 where it said nothing; texts "" likewise. */
struct root_info {
    char id[UUID_TEXT + 1];
    char alias[LIMIT_NAME + 1];
    char crn[256];
    enum root_state state;
    char version[UUID_TEXT + 1]; /* current version */
    unsigned versions;           /* how many there are; 0 unknown */
    int64_t created_ms, updated_ms, rotated_ms, deleted_ms, restore_until_ms, expires_ms;
    char deleted_by[64]; /* of a destroyed one */
    char request[64];    /* correlation id */
};

enum kms_verb { KMS_WRAP, KMS_UNWRAP, KMS_REWRAP };

/*
 * One wrap, unwrap or rewrap. The caller owns everything it points to; kms_op_release frees the
 * outputs. in:  verb, root (id), aad; wrap: payload or NULL for 32 fresh random bytes; unwrap,
 * rewrap: ciphertext. out: rc and err; wrap without payload and unwrap: *plain, a new slot
 * (base64-decoded payload bytes); wrap, rewrap: fresh; unwrap of an older version: fresh is a new
 * wrap under the current version, else empty; version: the version that wrapped the input (unwrap,
 * rewrap) or the output (wrap); fresh_version: of fresh.
 *
 * Places for secrets are few, and a batch may be large: take (may be NULL) is called during kms_run
 * as soon as an unwrap has succeeded, and takes or frees *plain, so that the next one has a place.
 * It must not ask the same KMS.
 */
struct kms_op {
    enum kms_verb verb;
    const char *root;
    const char *const *aad;
    size_t aad_count;
    const struct secret *payload;
    const char *ciphertext;
    void (*take)(void *arg, struct kms_op *op);
    void *take_arg;

    enum rc rc;
    struct err err;
    struct secret *plain;
    struct buf fresh;
    char version[UUID_TEXT + 1];
    char fresh_version[UUID_TEXT + 1];
    char request[64];
    int64_t ms; /* how long it took, repeats included */
};
void kms_op_init(struct kms_op *op, enum kms_verb verb, const char *root);
void kms_op_release(struct kms_op *op);

/* How to reach an instance; texts borrowed during the call. credential: passphrase, API key or
 * token; borrowed. */
struct kms_config {
    const char *provider;                       /* "local", "ibm" */
    const char *name;                           /* for messages */
    const char *file;                           /* local */
    const char *endpoint, *instance, *iam, *ca; /* ibm */
    const char *proxy;                          /* ibm; NULL: none */
    int64_t timeout_ms;                         /* ibm; 0: the usual */
    unsigned connections;                       /* ibm, at once, HTTP/1.1; 0: the usual */
    const struct secret *credential;
};

/* RC_CONFIG when no such provider is built in. name is for the message. */
enum rc kms_known(const char *provider, const char *name, struct err *err) MUST_CHECK;
/*
 * Before the credential is read: whether it may go where this says. `confirmed`: a person named the
 * endpoint on the command line or in keymuster.conf; else it must be IBM's own. iam must never come
 * from a log. RC_BAD_VALUE, RC_ENDPOINT_UNKNOWN.
 */
enum rc kms_may_ask(const struct kms_config *config, int confirmed, struct err *err) MUST_CHECK;
/* Does not yet talk to anything remote; a local file is opened and its passphrase checked. */
enum rc kms_open(struct kms **out, const struct kms_config *config, struct err *err) MUST_CHECK;
void kms_close(struct kms *kms); /* takes NULL; wipes */

/* The key ring that a root key (by any name it is asked by) is in; for credentials that have rights
 * on that ring only. Nothing for providers without rings. */
enum rc kms_ring(struct kms *kms, const char *root, const char *ring, struct err *err) MUST_CHECK;

/* Runs the batch. RC_OK when every operation was tried, whatever came of each. */
enum rc kms_run(struct kms *kms, struct kms_op *ops, size_t count, struct err *err) MUST_CHECK;

/* The KMS is out of reach for now; nothing is known of its root keys. */
int kms_is_away(enum rc rc);

/* State of one root key, by id, alias or CRN. RC_KMS_NO_ROOT. A destroyed one is a result, not an
 * error.
 */
enum rc kms_root_info(struct kms *kms, const char *root, struct root_info *out,
                      struct err *err) MUST_CHECK;
/* All of them, fn called for each. */
typedef enum rc (*kms_root_fn)(void *arg, const struct root_info *info, struct err *err);
enum rc kms_root_each(struct kms *kms, kms_root_fn fn, void *arg, struct err *err) MUST_CHECK;

/* alias must be unique in the instance: RC_EXISTS (so a retried create is noticed). */
enum rc kms_root_create(struct kms *kms, const char *alias, struct root_info *out,
                        struct err *err) MUST_CHECK;
enum kms_change { KMS_ROTATE, KMS_DISABLE, KMS_ENABLE, KMS_DESTROY, KMS_RESTORE };
/* Ends with what is then true in *out. RC_ROOT_STATE, RC_KMS_TOO_EARLY and the root errors. */
enum rc kms_root_change(struct kms *kms, const char *root, enum kms_change change,
                        struct root_info *out, struct err *err) MUST_CHECK;

/*
 * Rights that a credential may have: IBM's roles Reader, Writer, Manager. Tried without changing
 * anything: on a root key that is not there, for rights are judged first. *yes 0: refused. An error
 * when that could not be found out.
 */
enum kms_right { KMS_MAY_USE, KMS_MAY_ROTATE, KMS_MAY_MANAGE };
enum rc kms_may(struct kms *kms, enum kms_right right, int *yes, struct err *err) MUST_CHECK;

/*
 * For people: what would be sent for one operation (NULL: to look at root), as curl commands with
 * the token left out, one a line. Nothing is asked, no credential is needed. ring: "" for none.
 * RC_CONFIG where nothing is sent.
 */
enum rc kms_show(struct buf *out, const struct kms_config *config, const char *root,
                 const char *ring, struct kms_op *op, struct err *err) MUST_CHECK;

/* A syntax check that needs no KMS: text is base64 of JSON (as both providers make). RC_BAD_VALUE
 * saying what is off. */
enum rc kms_wrap_check(const char *ciphertext, struct err *err) MUST_CHECK;

/* ---- local provider only ---- */
/* Creates the file (0600) with a fresh salt under this passphrase. RC_EXISTS. */
enum rc kms_local_create(const char *path, const struct secret *passphrase,
                         struct err *err) MUST_CHECK;

#endif
