#include "cli/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/out.h"
#include "escrow/entry.h"
#include "escrow/log.h"
#include "escrow/trust.h"

enum { LINES_MOST = 100, DOC_MOST = 256 * 1024 * 1024 };

struct preview_author {
    char author[AUTHOR_TEXT + 1];
    int64_t entries;
};

/* ---- what is known ---- */

static struct preview_author *
author_of(struct preview *p, const char *author, struct err *err)
{
    for (size_t i = 0; i < p->author_count; i++) {
        if (strcmp(p->authors[i].author, author) == 0)
            return &p->authors[i];
    }
    struct preview_author *more = realloc(p->authors, (p->author_count + 1) * sizeof *more);
    if (more == NULL) {
        (void)err_nomem(err);
        return NULL;
    }
    p->authors = more;
    struct preview_author *a = &more[p->author_count++];
    memset(a, 0, sizeof *a);
    memcpy(a->author, author, sizeof a->author);
    return a;
}

static enum rc
note_author(void *arg, const struct log_author *author, struct err *err)
{
    struct preview_author *a = author_of(arg, author->author, err);
    if (a == NULL)
        return err->code;
    a->entries = author->entries;
    return RC_OK;
}

/* 1 when it was noted before. */
static enum rc
note_conflict_once(struct preview *p, const struct conflict *c, int *known, struct err *err)
{
    struct buf line;
    buf_init(&line, LIMIT_ENTRY);
    buf_addf(&line, "%s %s %s", c->kind, c->object, c->field);
    for (size_t i = 0; i < line.len; i++) { /* a field may be called anything */
        if (line.data[i] == '\n')
            line.data[i] = ' ';
    }
    buf_addc(&line, '\n');
    const char *at = strstr(buf_str(&p->told), buf_str(&line));
    *known = at != NULL && (at == p->told.data || at[-1] == '\n');
    if (!*known)
        buf_adds(&p->told, buf_str(&line));
    buf_release(&line);
    return buf_check(&p->told, "the conflicts", err);
}

static enum rc
note_conflict(void *arg, const struct conflict *c, struct err *err)
{
    int known = 0;
    return note_conflict_once(arg, c, &known, err);
}

enum rc
preview_begin(struct preview *p, struct ctx *ctx, struct err *err)
{
    memset(p, 0, sizeof *p);
    p->ctx = ctx;
    buf_init(&p->told, DOC_MOST);
    buf_init(&p->entries, DOC_MOST);
    buf_init(&p->conflicts, DOC_MOST);
    buf_init(&p->entry_doc, DOC_MOST);
    buf_init(&p->conflict_doc, DOC_MOST);
    jw_init(&p->entry_list, &p->entry_doc);
    jw_init(&p->conflict_list, &p->conflict_doc);
    jw_arr(&p->entry_list, NULL);
    jw_arr(&p->conflict_list, NULL);
    enum rc rc = log_authors(ctx->store, note_author, p, err);
    return rc == RC_OK ? conflict_each(ctx->store, note_conflict, p, err) : rc;
}

void
preview_release(struct preview *p)
{
    free(p->authors);
    buf_release(&p->told);
    buf_release(&p->entries);
    buf_release(&p->conflicts);
    buf_release(&p->entry_doc);
    buf_release(&p->conflict_doc);
}

/* ---- what would come ---- */

struct coming {
    struct preview *p;
    char site[LIMIT_NAME + 1];
    int accepted;
};

/* What an entry is about: a key with its generation, or an object's name; "" for others. */
static void
about(const struct store *store, const struct json *body, char out[KEY_NAME_BYTES + 24])
{
    static const char *const members[] = {"key", "uuid", "root", "site"};
    char name[LIMIT_NAME + 1];
    struct key key;
    struct err scratch = ERR_INIT;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *uuid = json_gets(body, members[i]);
        if (uuid == NULL || strlen(uuid) != UUID_TEXT)
            continue;
        if (key_find(store, uuid, &key, &scratch) == RC_OK)
            (void)snprintf(out, KEY_NAME_BYTES + 24, "%s@%lld", key.name,
                           (long long)key.generation);
        else if (object_name(store, uuid, name, &scratch) == RC_OK)
            (void)snprintf(out, KEY_NAME_BYTES + 24, "%s", name);
        return;
    }
}

static enum rc
tell_entry(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct coming *c = arg;
    struct preview *p = c->p;
    struct entry e;
    char what[KEY_NAME_BYTES + 24];
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK)
        return rc;
    about(p->ctx->store, e.body, what);
    if (p->entry_count++ < LINES_MOST)
        buf_addf(&p->entries, "  %s  %-8s %-16s %s%s\n", e.at, c->site[0] != '\0' ? c->site : "?",
                 e.kind, what, c->accepted ? "" : "  (its author is not admitted: kept, ignored)");
    jw_obj(&p->entry_list, NULL);
    jw_str(&p->entry_list, "author", e.author);
    jw_opt(&p->entry_list, "site", c->site);
    jw_int(&p->entry_list, "seq", seq);
    jw_str(&p->entry_list, "at", e.at);
    jw_str(&p->entry_list, "kind", e.kind);
    jw_opt(&p->entry_list, "about", what);
    jw_bool(&p->entry_list, "accepted", c->accepted);
    jw_end_obj(&p->entry_list);
    entry_release(&e);
    rc = buf_check(&p->entry_doc, "the entries", err);
    return rc == RC_OK ? buf_check(&p->entries, "the entries", err) : rc;
}

static enum rc
tell_author(void *arg, const struct log_author *author, struct err *err)
{
    struct coming c = {.p = arg};
    struct trust trust;
    struct preview_author *a = author_of(arg, author->author, err);
    if (a == NULL)
        return err->code;
    int64_t from = a->entries + 1;
    if (author->entries < from)
        return RC_OK;
    a->entries = author->entries;
    cmd_author_site(c.p->ctx->store, author->author, c.site);
    enum rc rc = trust_of(c.p->ctx->store, author->author, &trust, err);
    c.accepted = rc == RC_OK && trust_accepted(&trust);
    return rc == RC_OK ? log_each(c.p->ctx->store, author->author, from, author->entries,
                                  tell_entry, &c, err)
                       : rc;
}

static enum rc
tell_conflict(void *arg, const struct conflict *c, struct err *err)
{
    struct preview *p = arg;
    int known = 0;
    enum rc rc = note_conflict_once(p, c, &known, err);
    if (rc != RC_OK || known)
        return rc;
    p->conflict_count++;
    buf_adds(&p->conflicts, "  ");
    rc = conflict_tell(p->ctx->store, c, &p->conflicts, err);
    buf_addc(&p->conflicts, '\n');
    return rc == RC_OK ? conflict_write(p->ctx->store, c, &p->conflict_list, err) : rc;
}

enum rc
preview_look(void *arg, struct err *err)
{
    struct preview *p = arg;
    enum rc rc = log_authors(p->ctx->store, tell_author, p, err);
    return rc == RC_OK ? conflict_each(p->ctx->store, tell_conflict, p, err) : rc;
}

/* ---- the answer ---- */

/* Line by line, because each is escaped. */
static void
put_lines(struct ctx *ctx, const char *title, struct buf *lines)
{
    if (lines->len == 0)
        return;
    out_printf(ctx, "%s\n", title);
    for (char *line = lines->data; *line != '\0';) {
        char *end = strchr(line, '\n');
        *end = '\0';
        out_text(ctx, line);
        out_printf(ctx, "\n");
        line = end + 1;
    }
}

enum rc
preview_answer(struct preview *p, struct jw *w, struct err *err)
{
    jw_end_arr(&p->entry_list);
    jw_end_arr(&p->conflict_list);
    enum rc rc = buf_check(&p->entry_doc, "the entries", err);
    if (rc == RC_OK)
        rc = buf_check(&p->conflict_doc, "the conflicts", err);
    if (rc != RC_OK)
        return rc;
    if (w != NULL) {
        jw_raw(w, "entries", buf_str(&p->entry_doc), p->entry_doc.len);
        jw_raw(w, "conflicts", buf_str(&p->conflict_doc), p->conflict_doc.len);
        return RC_OK;
    }
    put_lines(p->ctx, "entries that would come:", &p->entries);
    if (p->entry_count > LINES_MOST)
        out_printf(p->ctx, "  and %lld more; all of them: -o json\n",
                   (long long)(p->entry_count - LINES_MOST));
    put_lines(p->ctx, "conflicts that would come:", &p->conflicts);
    return RC_OK;
}
