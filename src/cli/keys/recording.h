/*
 * Recording a key that exists already: what `record` and `import` share, above all the rule of
 * recording twice.
 *
 * Order of use: recording_init, fill m (name, purpose, form, roots ...), recording_wrapped or
 * recording_description, recording_find, recording_prove (unless it is not to be proved),
 * recording_judge, recording_body; log_append of the body is the caller's.
 */
#ifndef CLI_RECORDING_H
#define CLI_RECORDING_H

#include "cli/keys/mint.h"

struct recording {
    struct mint m;    /* wraps[0] is the wrap in question, except for an adopted password */
    struct buf fresh; /* the new wrap that an unwrap of an older version returned; or empty */
    char fresh_version[UUID_TEXT + 1];
    struct key known;  /* the newest key of that name; or an older one that has the same value */
    int there;         /* known is one */
    int other_moniker; /* the description was another key's by its moniker */
};

enum recording_verdict {
    RECORDING_NEW,    /* no key of that name, or made a successor */
    RECORDING_KNOWN,  /* the same value, and no news */
    RECORDING_WRAP,   /* the same value in a wrap that was not there */
    RECORDING_PROVED, /* known, and its check value is only found now */
    RECORDING_OTHER   /* another value, or nobody can tell */
};

void recording_init(struct recording *r);
void recording_release(struct recording *r);

/* A WDEK as it is; blanks around its end are cut. RC_BAD_VALUE. what names it: "--wrapped". */
enum rc recording_wrapped(struct recording *r, const char *text, size_t len, const char *what,
                          struct err *err) MUST_CHECK;
/* "moniker | WDEK"; splits at the last " | ", for a moniker may contain one. */
enum rc recording_description(struct recording *r, const char *text, size_t len, const char *what,
                              struct err *err) MUST_CHECK;

/* A password in use, by its reference; a person knows it. The value is never repeated. */
enum rc recording_password(struct recording *r, const char *ref, struct err *err) MUST_CHECK;

/* Looks for the name; costs one look-up, whatever the number of keys. RC_AMBIGUOUS. */
enum rc recording_find(struct ctx *ctx, struct recording *r, struct err *err) MUST_CHECK;
/* Whether a generation has this very wrap under this root; that one then is r->known. */
enum rc recording_find_wrap(struct ctx *ctx, struct recording *r, const struct mint_wrap *w,
                            int *found, struct err *err) MUST_CHECK;
/* Unwraps once: proves the wrap and gives the value for the check value. What the KMS says. */
enum rc recording_prove(struct ctx *ctx, struct recording *r, struct err *err) MUST_CHECK;
/* Compares with every generation, so that recording a list again is no news. */
enum rc recording_judge(struct ctx *ctx, struct recording *r, enum recording_verdict *out,
                        struct err *err) MUST_CHECK;
/* After RECORDING_OTHER: it is the next generation; what follows is as for RECORDING_NEW. */
void recording_succeed(struct recording *r);
/* The error for RECORDING_OTHER. */
enum rc recording_refuse(const struct recording *r, struct err *err);
/* Kind (a literal) and body of the entry for a verdict with news: NEW, WRAP, PROVED. */
enum rc recording_body(const struct ctx *ctx, struct recording *r, enum recording_verdict verdict,
                       const char **kind, struct buf *body, struct err *err) MUST_CHECK;
/* Body of wrap.added: one more wrap of the known key. */
enum rc recording_wrap_body(const struct ctx *ctx, const struct recording *r,
                            struct mint_wrap *wrap, struct buf *body, struct err *err) MUST_CHECK;

/* An adopted password is unconfirmed until a separate check, or a backup server, has said that it
 * is the one. What cannot be recorded is only said: the answer stands. */
void recording_confirm(struct ctx *ctx, const struct key *key, const struct who *who);

#endif
