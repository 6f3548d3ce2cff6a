/*
 * The description (hint) of an encryption password in Veeam Backup & Replication, as this escrow
 * writes it: "moniker | WDEK", the moniker a key's name or NAME@GEN, the WDEK a wrap of it.
 */
#ifndef VBR_DESCRIPTION_H
#define VBR_DESCRIPTION_H

#include "escrow/view.h"

/* Bytes of the moniker; the WDEK stands behind " | ". Cut at the last one, for a moniker may
 * contain one. -1: there is none. */
long description_cut(const char *text, size_t len);

enum description_how {
    DESCRIPTION_NONE,
    DESCRIPTION_WRAP, /* this very wrap is, or was, recorded */
    DESCRIPTION_NAME, /* the moniker names a generation */
    DESCRIPTION_TIME  /* the moniker is a name, and this was its newest generation at the time */
};
/*
 * Which generation of which key it is. Never by the time alone. at: when it was in use, RFC 3339,
 * or
 * "". What names nothing is DESCRIPTION_NONE. RC_AMBIGUOUS.
 */
enum rc description_key(const struct store *store, const char *text, const char *at,
                        struct key *out, enum description_how *how, struct err *err) MUST_CHECK;

#endif
