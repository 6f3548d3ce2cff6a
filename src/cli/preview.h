/* What a pull would bring, for sync -n: entries, and conflicts that are not here yet. Looked at
 * inside the pull, before it is taken back. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "base/buf.h"
#include "cli/cmd.h"
#include "text/jw.h"

struct preview_author;

struct preview {
    struct ctx *ctx;
    struct preview_author *authors; /* how far each is known, or was told already */
    size_t author_count;
    struct buf told; /* conflicts known or told, one a line, each ended by LF */
    int64_t entry_count, conflict_count;
    struct buf entries, conflicts; /* lines of text */
    struct buf entry_doc, conflict_doc;
    struct jw entry_list, conflict_list; /* JSON arrays, being written */
};

/* Notes what is here now. preview_release also after a failure. */
enum rc preview_begin(struct preview *p, struct ctx *ctx, struct err *err) MUST_CHECK;
void preview_release(struct preview *p);
/* A pull_look_fn; arg is the struct preview. Of several copies each entry is told once. */
enum rc preview_look(void *arg, struct err *err);
/* The lines, or with w the members "entries" and "conflicts". Once, at the end. */
enum rc preview_answer(struct preview *p, struct jw *w, struct err *err) MUST_CHECK;

#endif
