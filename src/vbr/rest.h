/*
 * The REST API of Veeam Backup & Replication (12.3 to 13), as far as keymuster uses it: encryption
 * passwords and the configuration backup.
 *
 * The version is found by asking for the newest first. An access token is fetched when it is first
 * needed, renewed by its refresh token shortly before it ends, and fetched anew with name and
 * password when the server has forgotten it (it was restarted). Nothing that is not repeatable is
 * sent twice: a create without an answer is in doubt, and is found again by its uniqueId.
 *
 * Secrets: name and password, tokens and passwords live in struct secret; what carries them to the
 * server lies in one buffer that never moves and is wiped; no message and no log has any of them.
 */
#ifndef VBR_REST_H
#define VBR_REST_H

#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"

struct vbr;

enum { VBR_HINT = LIMIT_CIPHERTEXT + 4096, VBR_UNIQUE = 256, VBR_VERSION = 16, VBR_PIN = 52 };

struct vbr_config {
    const char *name;           /* for messages */
    const char *url;            /* https://HOST:9419 */
    const char *ca, *pin;       /* see net/http.h; NULL */
    const char *proxy;          /* NULL: none */
    int64_t timeout_ms;         /* 0: the usual */
    const struct secret *login; /* USER:PASSWORD, split at the first colon; copied */
};
/* Asks nothing yet. RC_BAD_VALUE. */
enum rc vbr_open(struct vbr **out, const struct vbr_config *config, struct err *err) MUST_CHECK;
void vbr_close(struct vbr *vbr); /* takes NULL; wipes */
/* "sha256//" and 44 characters of base64, as curl has it. RC_BAD_VALUE. */
enum rc vbr_pin_check(const char *pin, struct err *err) MUST_CHECK;

/* Logs in, if that was not done. RC_VBR_UNREACHABLE, RC_VBR_CERTIFICATE, RC_VBR_PIN,
 * RC_VBR_REFUSED, RC_VBR_REPLY, RC_VBR_OLD. */
enum rc vbr_login(struct vbr *vbr, struct err *err) MUST_CHECK;
/* "1.3-rev2"; after a login. */
const char *vbr_version(const struct vbr *vbr);
int vbr_can_verify(const struct vbr *vbr);

/* What each call below may say besides: RC_VBR_FORBIDDEN (the role is too small), RC_VBR_REJECTED,
 * RC_VBR_GONE (no such password or session). */

struct vbr_info {
    char name[256], build[64];
};
/* Only a Backup Administrator may. */
enum rc vbr_info(struct vbr *vbr, struct vbr_info *out, struct err *err) MUST_CHECK;

struct vbr_password {
    char id[UUID_TEXT + 1];
    char hint[VBR_HINT + 1]; /* valid UTF-8, not yet escaped */
    char unique[VBR_UNIQUE + 1];
    char modified[TIME_TEXT + 1]; /* "": not said */
};
/* Each password, in pages, one request a page. A hint that is longer than VBR_HINT is RC_VBR_REPLY.
 */
typedef enum rc (*vbr_password_fn)(void *arg, const struct vbr_password *p, struct err *err);
enum rc vbr_each(struct vbr *vbr, vbr_password_fn fn, void *arg, struct err *err) MUST_CHECK;
enum rc vbr_get(struct vbr *vbr, const char *id, struct vbr_password *out,
                struct err *err) MUST_CHECK;
/* The one with this uniqueId; *found 0: none. Two are RC_AMBIGUOUS. */
enum rc vbr_find(struct vbr *vbr, const char *unique, struct vbr_password *out, int *found,
                 struct err *err) MUST_CHECK;
/* *lost: no answer, but it may have been done. What the server made of it comes back. */
enum rc vbr_create(struct vbr *vbr, const struct secret *password, const char *hint,
                   const char *unique, struct vbr_password *out, int *lost,
                   struct err *err) MUST_CHECK;
/* The hint alone; the secret is untouched. What the server made of it comes back into p. */
enum rc vbr_set_hint(struct vbr *vbr, struct vbr_password *p, const char *hint,
                     struct err *err) MUST_CHECK;
enum rc vbr_delete(struct vbr *vbr, const char *id, struct err *err) MUST_CHECK;

/* 15 wrong tries in a minute lock the call for five; so this stops after a few before that. */
enum vbr_verdict {
    VBR_EQUAL,
    VBR_DIFFERENT,
    VBR_UNSURE, /* the server has no such call */
    VBR_LATER   /* too many wrong ones: ask again after some minutes */
};
enum rc vbr_verify(struct vbr *vbr, const char *id, const struct secret *password,
                   enum vbr_verdict *out, struct err *err) MUST_CHECK;

/* The configuration backup's settings. */
struct vbr_backup {
    struct buf model; /* as received; vbr_backup_release */
    int encrypted;
    char password[UUID_TEXT + 1]; /* its id */
};
enum rc vbr_backup_get(struct vbr *vbr, struct vbr_backup *out, struct err *err) MUST_CHECK;
void vbr_backup_release(struct vbr_backup *b);
/* All as it was, but encrypted with this password. */
enum rc vbr_backup_set_key(struct vbr *vbr, const struct vbr_backup *b, const char *id,
                           struct err *err) MUST_CHECK;
/* Starts it; session is its id. */
enum rc vbr_backup_run(struct vbr *vbr, char session[UUID_TEXT + 1], struct err *err) MUST_CHECK;

struct vbr_session {
    int over;
    char state[32], result[16]; /* "Success", "Warning", "Failed"; "None" while it runs */
    char message[256];
};
enum rc vbr_session(struct vbr *vbr, const char *id, struct vbr_session *out,
                    struct err *err) MUST_CHECK;

#endif
