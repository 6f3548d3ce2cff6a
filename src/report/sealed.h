/*
 * A report that is filed: written piece by piece into a new file, nothing of it held, and signed at
 * the end by the store's author. Its last lines are the seal, which says whose report it is, as of
 * when, and how far every author's log had got; then minisign's four lines, over all bytes before
 * them. In an HTML page these lines are a comment, in CSV the first line is one cell. See
 * docs/reference/report.md.
 */
#ifndef REPORT_SEALED_H
#define REPORT_SEALED_H

#include "crypt/hash.h"
#include "escrow/log.h"
#include "sys/file.h"

#define SEALED_TRUSTED "keymuster report 1"

enum sealed_format { SEALED_HTML, SEALED_CSV, SEALED_JSON };
extern const char *const sealed_formats[]; /* "html", "csv", "json", NULL */

/* How far a log had got that counts: up to entry `entries`, whose hash is last. */
struct chain_point {
    char author[AUTHOR_TEXT + 1];
    char name[LIMIT_NAME + 1], site[LIMIT_NAME + 1]; /* for people; or "" */
    int64_t entries;
    char last[HASH_TEXT + 1];
};
struct chain {
    struct chain_point *points; /* by author */
    size_t count;
    int64_t entries; /* of all */
};
enum rc chain_of(struct chain *out, const struct store *store, struct err *err) MUST_CHECK;
void chain_release(struct chain *c); /* takes a zeroed one, too */
/* Where it was with an author; 0: nothing of them. */
int64_t chain_entries(const struct chain *c, const char *author);

struct sealed {
    struct file_new file;
    int dry;        /* nothing is written, all else is done */
    struct buf out; /* add to it; sealed_flow takes what is there when it is much */
    struct sha256_state sha;
    struct sign_state sign;
    int64_t bytes;
    char sha256[HASH_TEXT + 1]; /* after sealed_end */
};
enum rc sealed_begin(struct sealed *s, const char *path, enum file_new_how how, int dry,
                     struct err *err) MUST_CHECK;
enum rc sealed_flow(struct sealed *s, struct err *err) MUST_CHECK;
struct seal_of {
    enum sealed_format format;
    const char *as_of;
    const struct chain *chain;
    const struct store *signer; /* the store itself, not a view of it */
};
/* of NULL: without a seal, as any other file. */
enum rc sealed_end(struct sealed *s, const struct seal_of *of, struct err *err) MUST_CHECK;
void sealed_release(struct sealed *s); /* takes a zeroed one, too */

/* ---- reading one ---- */

struct seal {
    struct sign_public signer, founder;
    char escrow[AUTHOR_TEXT + 1];
    char as_of[TIME_TEXT + 1];
    enum sealed_format format;
    struct chain chain; /* names and sites are not in it */
    char sha256[HASH_TEXT + 1];
    int64_t bytes;
};
/* Verifies the signature by the key that the seal itself names: whose that is, the caller asks.
 * RC_MALFORMED: no report; RC_COPY_SIGNATURE: altered. On failure out needs no release. */
enum rc seal_read(struct seal *out, const char *path, struct err *err) MUST_CHECK;
void seal_release(struct seal *s);

#endif
