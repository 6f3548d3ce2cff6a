/*
 * What would be lost with a thing: KMSs and root keys that could not be asked any more, copies that
 * would be gone, and so the keys without a way back. A key keeps one when a wrap of it, not
 * retired, lies under a root key that is left and not destroyed, and its record is in a copy that
 * is left, or in this store. Read only; nothing is asked over a network.
 */
#ifndef ESCROW_LOSS_H
#define ESCROW_LOSS_H

#include "escrow/inventory.h"
#include "escrow/policy.h"

enum loss_kind {
    LOSS_SITE,
    LOSS_KMS,
    LOSS_ROOT,
    LOSS_VERSION, /* of a root key; how it begins */
    LOSS_REGION,
    LOSS_VENDOR, /* of sites, or the provider of a KMS */
    LOSS_ACCOUNT,
    LOSS_COPY,
    LOSS_CREDENTIAL, /* a KMS's name, or the place where credentials are kept (kept_at) */
    LOSS_PERSON      /* what is kept with them, by kept_at */
};
const char *loss_kind_name(enum loss_kind kind);

/* Sites, KMSs, copies, authors as they are, loaded once. */
struct loss_thing {
    struct object object;
    char site[UUID_TEXT + 1];
    char *region, *vendor, *account, *kept_at; /* owned; "" for none */
};
struct loss_ack {
    char copy[UUID_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
    int64_t entries;
};
struct loss_author {
    char author[AUTHOR_TEXT + 1];
    char site[UUID_TEXT + 1];
};
struct loss_world {
    const struct store *store;
    struct loss_thing *sites, *kmss, *copies, *persons;
    size_t site_count, kms_count, copy_count, person_count;
    struct loss_ack *acks;
    size_t ack_count;
    struct loss_author *authors; /* trusted and living */
    size_t author_count;
    struct policy policy;
    int strict; /* policy asks for more wraps or copies than the one that is asked for anyway */
};
enum rc loss_world_load(struct loss_world *w, const struct store *store,
                        struct err *err) MUST_CHECK;
void loss_world_release(struct loss_world *w); /* takes a zeroed one, too */

struct loss {
    enum loss_kind kind;
    char name[LIMIT_TEXT + 1];
    char uuid[UUID_TEXT + 1];             /* of an object; else "" */
    unsigned char *sites, *kmss, *copies; /* owned: 1 is gone, as in the world */
    int own_store;                        /* this store is gone */
};
/* KIND:NAME. RC_USAGE, RC_NOT_FOUND. */
enum rc loss_parse(struct loss *l, const struct loss_world *w, const char *text,
                   struct err *err) MUST_CHECK;
/* The same of a kind and a name that is known to be there. */
enum rc loss_make(struct loss *l, const struct loss_world *w, enum loss_kind kind, const char *name,
                  const char *uuid, struct err *err) MUST_CHECK;
void loss_release(struct loss *l);

/* Whether a root key could not be asked any more. */
int loss_takes_root(const struct loss *l, const struct loss_world *w, const struct root *r);
/* What a key keeps; the item with INV_FIELDS and INV_WRAPS. */
struct loss_left {
    int wrap;                        /* one under a root key that is left */
    int record;                      /* one copy, or this store */
    int touched;                     /* it has a wrap, or a record, that is gone */
    int64_t roots, copies;           /* how many root keys and copies of it are left ... */
    int64_t roots_gone, copies_gone; /* ... and how many are not */
    const struct root *root;         /* one that is left, or NULL */
};
void loss_left(const struct loss *l, const struct loss_world *w, const struct inventory_item *item,
               struct loss_left *out);
/* Whether the loss takes the site that the key is for. */
int loss_takes_site(const struct loss *l, const struct loss_world *w, const char *site);
/* A word of a text: "vault mad" has mad. */
int loss_mentions(const char *text, const char *word);

#endif
