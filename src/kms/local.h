/*
 * The local provider, inside: root keys in one sealed file. See docs/reference/formats.md.
 *
 * local_file.c: reading the file; local_print.c: writing it; local_wrap.c: root key material and
 * wraps; local_root.c: states of root keys and changes; local.c: wrap, unwrap, rewrap, opening.
 *
 * The file is JSON {"version":1,"kdf":{"alg":"argon2id","mem":,"ops":},"salt":,"key-check":,
 * "nonce":,"sealed":}. Key = Argon2id(passphrase, salt); all that it does goes through subkeys
 * (seal_subkey):
 *   "keymuster local 1 key-check"  written into the file as it is, to tell a wrong passphrase;
 *   "keymuster local 1 file"       seals the list of root keys, no associated data;
 *   "keymuster local 1 material"   seals each version's 32 bytes once more, with the version id's
 *                                  16 bytes as associated data, so that none of them is ever in
 *                                  JSON text or in memory outside a secret.
 */
#ifndef KMS_LOCAL_H
#define KMS_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "crypt/seal.h"
#include "kms/kms.h"
#include "sys/path.h"

enum { LOCAL_UUID = 16, LOCAL_MATERIAL = SEAL_NONCE + SEAL_KEY + SEAL_TAG };

struct local_version {
    char id[UUID_TEXT + 1];
    unsigned char raw[LOCAL_UUID];          /* the same id */
    unsigned char material[LOCAL_MATERIAL]; /* nonce, sealed key, tag */
    int64_t created_ms;
};

/* Invariants: count >= 1; versions[0].id equals id; the last version is the current one. */
struct local_root {
    char id[UUID_TEXT + 1];
    char alias[LIMIT_NAME + 1];
    enum root_state state;
    int64_t created_ms, updated_ms, rotated_ms, deleted_ms; /* 0: never */
    struct local_version *versions;
    size_t count;
};

struct local_file {
    struct local_root *roots;
    size_t count;
};

/* The part that stays the same as long as the passphrase does. */
struct local_head {
    int64_t mem; /* bytes */
    int64_t ops; /* passes */
    unsigned char salt[SEAL_SALT];
    unsigned char check[SEAL_KEY];
};

struct local {
    char path[PATH_SIZE];
    struct local_head head;
    struct secret *key; /* derived once, in local_file_unlock */
};

/* ---- local_file.c ---- */

/* A fresh head and key under this passphrase. l->path is set; l->key is to secret_free. */
enum rc local_file_found(struct local *l, const struct secret *passphrase,
                         struct err *err) MUST_CHECK;
/* Reads the head of the file at l->path, derives the key, proves it. RC_KMS_MISSING,
 * RC_KMS_PASSPHRASE, RC_KMS_INTEGRITY. l->key is to secret_free. */
enum rc local_file_unlock(struct local *l, const struct secret *passphrase,
                          struct err *err) MUST_CHECK;
/* Reads everything; out is to local_file_release whatever comes. */
enum rc local_file_load(struct local_file *out, const struct local *l, struct err *err) MUST_CHECK;
/* The subkey that seals the list of root keys, in a new slot. */
enum rc local_file_key(struct secret **out, const struct local *l, struct err *err) MUST_CHECK;

/* ---- local_print.c ---- */

/* The file's text, appended. */
enum rc local_file_print(struct buf *out, const struct local *l, const struct local_file *f,
                         struct err *err) MUST_CHECK;
/* Replaces the file. Take the lock (PATH.lock) and load before. */
enum rc local_file_save(const struct local *l, const struct local_file *f,
                        struct err *err) MUST_CHECK;
/* The subkey that seals the list of root keys, in a new slot. */
enum rc local_file_key(struct secret **out, const struct local *l, struct err *err) MUST_CHECK;

/* ---- local_print.c ---- */

/* The file's text, appended. */
enum rc local_file_print(struct buf *out, const struct local *l, const struct local_file *f,
                         struct err *err) MUST_CHECK;
/* Replaces the file. Take the lock (PATH.lock) and load before. */
enum rc local_file_save(const struct local *l, const struct local_file *f,
                        struct err *err) MUST_CHECK;
void local_file_release(struct local_file *f);

/* A zeroed root or version at the end; NULL without memory. Borrowed until the next one. */
struct local_root *local_root_add(struct local_file *f);
struct local_version *local_version_add(struct local_root *root);
const struct local_version *local_current(const struct local_root *root);

/* ---- local_wrap.c ---- */

/* The subkey that opens material, in a new slot. */
enum rc local_material_key(struct secret **out, const struct local *l, struct err *err) MUST_CHECK;
/* Fills v with 32 fresh bytes, sealed, under this id. */
enum rc local_version_make(struct local_version *v, const char *id, int64_t now_ms,
                           const struct secret *material_key, struct err *err) MUST_CHECK;

struct local_wrap {
    char handle[UUID_TEXT + 1];
    unsigned char nonce[SEAL_NONCE];
    struct buf sealed;
};
/* RC_BAD_VALUE when it is no wrap at all, RC_CIPHERTEXT when it is one of another make. Release
 * whatever comes. */
enum rc local_wrap_parse(struct local_wrap *out, const char *text, struct err *err) MUST_CHECK;
void local_wrap_release(struct local_wrap *w);

/* Number and length of AAD strings. RC_BAD_VALUE. */
enum rc local_aad_check(const char *const *aad, size_t count, struct err *err) MUST_CHECK;
enum rc local_wrap_make(struct buf *out, const struct local_version *v,
                        const struct secret *material_key, const char *const *aad, size_t count,
                        const struct secret *plain, struct err *err) MUST_CHECK;
/* Appended to plain. w->handle is v's id. RC_CIPHERTEXT. */
enum rc local_wrap_open(struct secret *plain, const struct local_wrap *w,
                        const struct local_version *v, const struct secret *material_key,
                        const char *const *aad, size_t count, struct err *err) MUST_CHECK;

/* ---- local_root.c ---- */

/* The file's content while one call lasts. */
struct local_session {
    const struct local *local;
    struct local_file file;
    struct secret *material_key;
    int lock; /* -1: reading only */
};

/* lock: for a change; the file is read under it, so that nobody's change is lost. A reader needs
 * none: the file is only ever replaced as a whole. Ends itself on failure. */
enum rc local_session_begin(struct local_session *s, const struct local *l, int lock,
                            struct err *err) MUST_CHECK;
void local_session_end(struct local_session *s);

/* By id or alias; doing ("rotating") begins the message. RC_KMS_NO_ROOT, RC_ROOT_PURGED. */
enum rc local_find(struct local_root **out, const struct local_session *s, const char *root,
                   const char *doing, struct err *err) MUST_CHECK;
/* May it be used so in its state? */
enum rc local_use_check(const struct local_root *r, enum kms_verb verb, const char *doing,
                        struct err *err) MUST_CHECK;
/* A made-up correlation id. */
void local_request(char out[64]);

/* The provider's calls (kms/provider.h). */
enum rc local_root_info(void *self, const char *root, struct root_info *out,
                        struct err *err) MUST_CHECK;
enum rc local_root_each(void *self, kms_root_fn fn, void *arg, struct err *err) MUST_CHECK;
enum rc local_root_create(void *self, const char *alias, struct root_info *out,
                          struct err *err) MUST_CHECK;
enum rc local_root_change(void *self, const char *root, enum kms_change change,
                          struct root_info *out, struct err *err) MUST_CHECK;

#endif
