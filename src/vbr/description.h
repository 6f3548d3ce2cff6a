/*
 * The description (hint) of an encryption password in Veeam Backup & Replication, as this escrow
 * writes it: "moniker | WDEK", the moniker a key's name or NAME@GEN, the WDEK a wrap of it.
 */
#ifndef VBR_DESCRIPTION_H
#define VBR_DESCRIPTION_H

#include "escrow/key.h"

/* Bytes of the moniker; the WDEK stands behind " | ". Cut at the last one, for a moniker may
 * contain one. -1: there is none. */
long description_cut(const char *text, size_t len);

/* "NAME@3" names generation 3 of NAME: bytes of NAME, and *generation; else all of them, and 0. */
size_t description_generation(const char *moniker, size_t len, int64_t *generation);

/* Every wrap ever held and whose it is, in memory: for whoever has many hints to look at. */
struct description_wraps;
enum rc description_wraps_new(struct description_wraps **out, const struct store *store,
                              struct err *err) MUST_CHECK;
void description_wraps_free(struct description_wraps *wraps); /* takes NULL */
/*
 * The key that has this wrap; of several the one that the moniker (len bytes; may have none) names,
 * else the newest. wraps NULL: one look through all wraps of the store. *found 0: there is none.
 */
enum rc description_wrap(const struct store *store, const struct description_wraps *wraps,
                         const char *moniker, size_t len, const char *wdek, struct key *out,
                         int *found, struct err *err) MUST_CHECK;

enum description_how {
    DESCRIPTION_NONE,
    DESCRIPTION_WRAP, /* this very wrap is, or was, recorded */
    DESCRIPTION_NAME, /* the moniker names a generation */
    DESCRIPTION_TIME  /* the moniker is a name, and this was its newest generation at the time */
};
/*
 * Which generation of which key it is. Never by the time alone. at: when it was in use, RFC 3339,
 * or "". What names nothing is DESCRIPTION_NONE. RC_AMBIGUOUS.
 */
enum rc description_key(const struct store *store, const char *text, const char *at,
                        struct key *out, enum description_how *how, struct err *err) MUST_CHECK;
/* The same for one of many hints. */
enum rc description_key_of(const struct store *store, const struct description_wraps *wraps,
                           const char *text, const char *at, struct key *out,
                           enum description_how *how, struct err *err) MUST_CHECK;

#endif
