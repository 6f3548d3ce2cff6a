/*
 * A key's way into a backup server, and what is recorded of it. Escrow first; then the server; then
 * the record that it is there. A crash in between leaves a password that the next push finds again
 * by its uniqueId, which is the key's UUID.
 */
#ifndef CLI_VBR_PUSH_H
#define CLI_VBR_PUSH_H

#include "cli/vbr/vbr_known.h"
#include "text/jw.h"

struct vbr_pushed {
    char id[UUID_TEXT + 1];       /* in VBR */
    char modified[TIME_TEXT + 1]; /* as VBR says after it; "" */
    char before[TIME_TEXT + 1];   /* as it said before our own change of the hint */
    int made;                     /* added now; 0: it was there */
    int hint_changed;
    enum vbr_verdict verdict;
    int recorded; /* key.delivered was appended now */
    int first;    /* it is the only password there */
};

/* Puts it there, reads the hint back, has the password verified, records key.delivered (once for
 * the same id). RC_VBR_HINT, RC_VBR_DIFFERS and what rest.h says. */
enum rc vbr_push_key(struct ctx *ctx, struct vbr_server *s, const struct key *key,
                     const struct secret *text, struct vbr_pushed *out, struct err *err) MUST_CHECK;
/* The same onto a password that is there already, whoever made it. Its hint is changed only when
 * the server did not say that it is another password. */
enum rc vbr_push_onto(struct ctx *ctx, struct vbr_server *s, const struct key *key,
                      const struct secret *text, const char *id, struct vbr_pushed *out,
                      struct err *err) MUST_CHECK;
/* Only the record of it; wrap: the id of that in its hint, or "". */
enum rc vbr_record_delivered(struct ctx *ctx, const struct vbr_server *s, const struct key *key,
                             const struct vbr_pushed *p, const char *wrap,
                             struct err *err) MUST_CHECK;
/* The members of an answer: server, id, made, verified ... */
void vbr_push_write(struct jw *w, const struct vbr_server *s, const struct vbr_pushed *p);
void vbr_push_tell(struct ctx *ctx, const struct vbr_server *s, const struct vbr_pushed *p);

/* The id under which a key was last delivered to a server ("" not at all, or it was removed). */
enum rc vbr_delivered_id(const struct store *store, const char *key, const char *server,
                         char out[UUID_TEXT + 1], struct err *err) MUST_CHECK;
/* Whether the last word of a key at a server is that it is there no more. */
enum rc vbr_is_removed(const struct store *store, const char *key, const char *server, int *removed,
                       struct err *err) MUST_CHECK;
/* Appends vbr.observed: what was found of a key there, see vbr_known.h; modified may be "". */
enum rc vbr_observed(struct ctx *ctx, const struct vbr_server *s, const char *key, const char *id,
                     const char *result, const char *modified, struct err *err) MUST_CHECK;

#endif
