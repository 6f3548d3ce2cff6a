/*
 * Writes JSON: struct jw streams into a buf, members in the order written, no spaces; sticky
 * failure as in buf. Texts are UTF-8; a byte that is not becomes U+FFFD, so that the output is
 * always valid.
 */
#ifndef TEXT_JW_H
#define TEXT_JW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

struct jw {
    struct buf *out;
    unsigned char comma[LIMIT_JSON_DEPTH + 1]; /* whether a comma is due at this depth */
    unsigned depth;
};

void jw_init(struct jw *w, struct buf *out);
/* name NULL inside an array or at the top. */
void jw_obj(struct jw *w, const char *name);
void jw_arr(struct jw *w, const char *name);
void jw_end_obj(struct jw *w);
void jw_end_arr(struct jw *w);
void jw_str(struct jw *w, const char *name, const char *text); /* NULL writes null */
void jw_strn(struct jw *w, const char *name, const char *text, size_t len);
void jw_opt(struct jw *w, const char *name, const char *text); /* nothing for NULL or "" */
void jw_base64(struct jw *w, const char *name, const void *bytes, size_t len);
void jw_int(struct jw *w, const char *name, int64_t n);
void jw_bool(struct jw *w, const char *name, int yes);
void jw_null(struct jw *w, const char *name);
void jw_raw(struct jw *w, const char *name, const char *json,
            size_t len); /* JSON already made, trusted */

#endif
