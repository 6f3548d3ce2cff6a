/* From a key to its password: which wrap, which KMS, and the check that it is the right value. */
#ifndef RECOVER_UNWRAP_H
#define RECOVER_UNWRAP_H

#include "escrow/key.h"
#include "escrow/view.h"
#include "kms/kms.h"

/* Opens the KMS of an object; the caller of unwrap_key knows credentials. *out is borrowed. */
typedef enum rc (*unwrap_open_fn)(void *arg, const struct object *kms, struct kms **out,
                                  struct err *err);

struct unwrap {
    /* out; unwrap_release frees */
    struct secret *text; /* the password exactly as delivered */
    char root[UUID_TEXT + 1];
    char root_name[LIMIT_NAME + 1];
    char wrap[HASH_TEXT + 1];    /* id of the wrap that opened */
    char version[UUID_TEXT + 1]; /* root version that wrapped it */
    char request[64];
    int checked;      /* 1: the check value matched; 0: the key has none (unproven) */
    struct buf fresh; /* a new wrap of the same key under the current version, or empty */
    char fresh_version[UUID_TEXT + 1];
    char aad[LIMIT_BODY / 8]; /* JSON array of the wrap that opened */
    unsigned tried;           /* wraps tried */
    char note[512]; /* why earlier wraps did not do, one a line; "" when the first one did */
};
void unwrap_release(struct unwrap *u); /* takes a zeroed struct */

/*
 * Tries the key's wraps until one opens: wraps of the store's own site first, then the newest;
 * retired ones last, for nothing recorded can stop a recovery. root (UUID) limits it to that root.
 * A value that fails the check value is RC_CHECK_MISMATCH at once and is never given out. When none
 * opens: the error of the wrap that came nearest, with the others as its note; RC_NOT_FOUND when
 * the key has no wrap at all.
 */
enum rc unwrap_key(const struct store *store, const struct key *key, const char *root,
                   unwrap_open_fn open, void *arg, struct unwrap *out, struct err *err) MUST_CHECK;

/* The wrap that unwrap_key would try first. For a batch, which falls back on unwrap_key where that
 * one does not open. */
struct unwrap_first {
    struct root root;
    char wrap[HASH_TEXT + 1];
    char version[UUID_TEXT + 1];
    struct buf ciphertext, aad;
};
/* RC_NOT_FOUND: no wrap, or its root key is not known here. Release in any case. */
enum rc unwrap_first(struct unwrap_first *out, const struct store *store, const struct key *key,
                     const char *root, struct err *err) MUST_CHECK;
void unwrap_first_release(struct unwrap_first *f); /* takes a zeroed struct */

/* An AAD list (JSON array of strings) as kms_op wants it; texts belong to doc. */
struct unwrap_aad {
    struct json *doc;
    const char *list[LIMIT_AAD_COUNT];
    size_t count;
};
enum rc unwrap_aad_read(struct unwrap_aad *out, const char *json, struct err *err) MUST_CHECK;
void unwrap_aad_release(struct unwrap_aad *aad); /* takes a zeroed struct */

/* Payload bytes to password text by the key's form ("base64", "bytes"); *out a new slot. */
enum rc unwrap_form(struct secret **out, const struct secret *payload, const char *form,
                    struct err *err) MUST_CHECK;
/* The other way: what a KMS must wrap so that the password is text. *out a new slot. */
enum rc unwrap_payload(struct secret **out, const struct secret *text, const char *form,
                       struct err *err) MUST_CHECK;

#endif
