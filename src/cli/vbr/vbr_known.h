/*
 * What this escrow has on record of passwords at backup servers: key.delivered and vbr.observed,
 * the newest of each word. Beside it what their hints must say.
 */
#ifndef CLI_VBR_KNOWN_H
#define CLI_VBR_KNOWN_H

#include "cli/cmd.h"
#include "cli/vbr/vbr_server.h"
#include "escrow/key.h"

struct vbr_known {
    char key[UUID_TEXT + 1], server[UUID_TEXT + 1];
    char id[UUID_TEXT + 1];       /* in VBR; never "" */
    char modified[TIME_TEXT + 1]; /* as VBR had it after our own change, or a verify; "" */
    char hint[HASH_TEXT + 1];     /* id of the wrap that was put into its hint; "": not known */
};
/* Those that are there by what is on record: not the removed, the gone, nor what was delivered by
 * hand. key NULL: of all keys. *out is the caller's, by free; ordered by key and server. */
enum rc vbr_known_load(const struct store *store, const char *key, struct vbr_known **out,
                       size_t *count, struct err *err) MUST_CHECK;

/* "NAME | WDEK", from generation 2 on "NAME@GEN | WDEK": the newest live wrap under a KMS at
 * another site than the protected one, else the newest. wrap (may be NULL): its id.
 * RC_NOT_FOUND: the key has none. */
enum rc vbr_hint_choose(const struct store *store, const struct key *key, struct buf *out,
                        char wrap[HASH_TEXT + 1], struct err *err) MUST_CHECK;
/* The same without the id. */
enum rc vbr_hint_of(const struct store *store, const struct key *key, struct buf *out,
                    struct err *err) MUST_CHECK;
/* Whether the hint on record has another wrap than it must have. */
enum rc vbr_hint_is_behind(const struct store *store, const struct vbr_known *k, int *behind,
                           struct err *err) MUST_CHECK;

/* *hole 1: a generation that is known to be in use and has no wrap, because nobody knows its
 * password. */
enum rc vbr_key_is_hole(const struct store *store, const struct key *key, int *hole,
                        struct err *err) MUST_CHECK;

/* What was found or done at a server: the body of vbr.observed. */
struct vbr_seen {
    const char *key, *server, *id;
    const char *result;   /* "verified", "different", "hint", "gone", "removed", "config-backup" */
    const char *modified; /* when VBR changed it last, where that is settled; "" */
    const char *hint;     /* id of the wrap in its hint now; "" */
};
void vbr_seen_body(struct buf *body, const struct ctx *ctx, const struct vbr_seen *seen);
/* One such entry. */
enum rc vbr_seen_record(struct ctx *ctx, const struct vbr_seen *seen, struct err *err) MUST_CHECK;

#endif
