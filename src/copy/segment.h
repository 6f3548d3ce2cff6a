/* Segments: a pure function of the log. See docs/reference/formats.md, "Segments". */
#ifndef COPY_SEGMENT_H
#define COPY_SEGMENT_H

#include <stdint.h>

#include "copy/head.h"
#include "escrow/store.h"

/*
 * How entries 1..count are cut: from the left into aligned runs of 4,096, 256 and 16, then one
 * tail; a run of 4,096 over 32 MiB (line feeds included) is its sixteen runs of 256. size(arg,
 * first, last) gives the bytes of a run. fn is called for each run in order.
 */
typedef enum rc (*segment_size_fn)(void *arg, int64_t first, int64_t last, int64_t *bytes,
                                   struct err *err);
typedef enum rc (*segment_fn)(void *arg, int64_t first, int64_t last, struct err *err);
enum rc segment_cut(int64_t count, segment_size_fn size, segment_fn fn, void *arg,
                    struct err *err) MUST_CHECK;

/* Bytes of a run of an author's lines, each with its line feed, from the store. out is emptied
 * first. */
enum rc segment_build(const struct store *store, const char *author, int64_t first, int64_t last,
                      struct buf *out, struct err *err) MUST_CHECK;
/* Most bytes of a segment: 256 lines of the greatest length. */
enum { SEGMENT_MAX = 256 * (LIMIT_ENTRY + 1) };

/* Whether a head's list is the cut of its entries: no gap, no overlap, sizes possible. RC_COPY_GAP;
 * what names the head. */
enum rc segment_check(const struct head *h, const char *what, struct err *err) MUST_CHECK;
/*
 * Fills h->segments for entries 1..h->entries of an author from the store. Runs that former lists
 * too (NULL: none) are taken over without reading their lines again.
 */
enum rc segment_fill(const struct store *store, struct head *h, const struct head *former,
                     struct err *err) MUST_CHECK;
/* The same run with the same bytes in h's list, or NULL. */
const struct head_segment *segment_find(const struct head *h, const struct head_segment *s);

/* "log/<author>/<group>/<first>-<last>-<sha256>.ndjson"; group = (first - 1) / 4096. */
void segment_name(char out[OBJECT_NAME], const char *author, const struct head_segment *s);

#endif
