/*
 * What encrypts with a password of a backup server: asked of its REST API, or read from a list that
 * a script there made (docs/reference/vbr.md).
 *
 * REST tells of the jobs that its version knows, and of the tiers of scale-out repositories. Tape
 * pools and the permissions of single repositories are not asked (a request each).
 */
#ifndef VBR_CONSUMERS_H
#define VBR_CONSUMERS_H

#include "vbr/rest.h"

enum { VBR_USE_NAME = 200, VBR_USES_FILE = 16 * 1024 * 1024 };

struct vbr_use {
    const char *kind;             /* constant text: "job", "capacity-tier", ... */
    char name[VBR_USE_NAME + 1];  /* valid UTF-8 as it came, not yet escaped; cut */
    char id[UUID_TEXT + 1];       /* its own; "" */
    char password[UUID_TEXT + 1]; /* id of what it encrypts with; "" in a list: none, or see hint */
    char hint[VBR_HINT + 1];      /* of a list: the description of it; "" */
    char seen[TIME_TEXT + 1];     /* of a list: when; "" */
};
typedef enum rc (*vbr_use_fn)(void *arg, const struct vbr_use *u, struct err *err);

/* Jobs with a password, in pages of 50; the same job may come more than once. Besides what a
 * call may say: RC_VBR_FORBIDDEN for another role. */
enum rc vbr_each_job(struct vbr *vbr, vbr_use_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Capacity and archive tiers with a password, in pages. */
enum rc vbr_each_tier(struct vbr *vbr, vbr_use_fn fn, void *arg, struct err *err) MUST_CHECK;

/* A list by script. *whole 0: it ends without the configuration backup, so it is cut. RC_BAD_VALUE:
 * it is none; RC_IO. */
enum rc vbr_uses_file(const char *path, vbr_use_fn fn, void *arg, int *whole,
                      struct err *err) MUST_CHECK;

#endif
