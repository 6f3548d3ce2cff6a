/* One entry: a line of JSON, without its line feed. See docs/reference/formats.md, "Entry". */
#ifndef ESCROW_ENTRY_H
#define ESCROW_ENTRY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "crypt/hash.h"
#include "text/json.h"

/* A parsed line. line, kind, by and body are borrowed from the caller's bytes and from doc. */
struct entry {
    const char *line;
    size_t len;
    unsigned char hash[HASH_SIZE];
    unsigned char prev[HASH_SIZE];
    char author[AUTHOR_TEXT + 1];
    int64_t seq;
    const char *at;
    const char *kind;
    const struct json *by;
    const struct json *body;
    const struct json *restates; /* what it says again (escrow/restate.h), or NULL */
    struct json *doc;            /* owned */
};

/* RC_MALFORMED, naming the member that is wrong. The line must stay until entry_release. */
enum rc entry_parse(struct entry *out, const char *line, size_t len, struct err *err) MUST_CHECK;
void entry_release(struct entry *e); /* takes a zeroed struct, too */

/* The account that wrote it, for people: "operator@escrow-fra as keymuster, ssh 192.0.2.7". */
void entry_account(struct buf *out, const struct entry *e);

/* What chains a line, read from its first members alone, where they stand as entry_build writes
 * them; 0 when they do not, and only entry_parse can tell. Sets author, seq, prev and hash. For
 * lines that were parsed once, when they came in. */
int entry_skim(struct entry *out, const char *line, size_t len);

/* Appends the line (no line feed) of a new entry. body and restates (or NULL) are JSON objects.
 * RC_BAD_VALUE past LIMIT_ENTRY. */
enum rc entry_build(struct buf *out, const char *author, int64_t seq,
                    const unsigned char prev[HASH_SIZE], int64_t at_ms, const char *kind,
                    const struct buf *body, const struct buf *restates, struct err *err) MUST_CHECK;

#endif
