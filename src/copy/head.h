/*
 * A head: numbered, signed statement of how far an author's log has got. Five lines; see
 * docs/reference/formats.md.
 */
#ifndef COPY_HEAD_H
#define COPY_HEAD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "crypt/hash.h"
#include "crypt/sign.h"

struct head_segment {
    int64_t first, last, bytes;
    char sha256[HASH_TEXT + 1];
};
struct head_known {
    char author[AUTHOR_TEXT + 1];
    int64_t number, entries;
    unsigned char last[HASH_SIZE];
};
struct head {
    char escrow[AUTHOR_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
    int64_t number;
    unsigned char previous[HASH_SIZE];
    int64_t entries;
    unsigned char last[HASH_SIZE];
    struct head_segment *segments;
    size_t segment_count;
    struct head_known *known; /* admitted authors only, sorted by id */
    size_t known_count;
    char at[TIME_TEXT + 1];
    unsigned char hash[HASH_SIZE]; /* SHA-256 of all five lines; set by head_sign and head_parse */
};
void head_release(struct head *h); /* takes a zeroed struct */

/* The five lines, signed; sets h->hash. */
enum rc head_sign(struct buf *out, struct head *h, const struct secret *key,
                  struct err *err) MUST_CHECK;
/*
 * Parses and verifies: signature by pub, author id is pub's, and all five lines equal their
 * canonical re-encoding. RC_COPY_MALFORMED-like failures are RC_COPY_TAMPERED; a bad signature
 * RC_COPY_SIGNATURE. what names the object.
 */
enum rc head_parse(struct head *out, const char *bytes, size_t len, const struct sign_public *pub,
                   const char *what, struct err *err) MUST_CHECK;
/* Only the JSON line, unverified: to learn which segments to fetch for a public key not yet known.
 */
enum rc head_peek(struct head *out, const char *bytes, size_t len, const char *what,
                  struct err *err) MUST_CHECK;

/* "head/<author>/<group>/<number>", "newest/<author>"; 10 digits each number; group = number /
 * 1000. */
enum { OBJECT_NAME = 200 };
void head_name(char out[OBJECT_NAME], const char *author, int64_t number);
void newest_name(char out[OBJECT_NAME], const char *author);

#endif
