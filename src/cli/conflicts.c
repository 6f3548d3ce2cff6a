#include "cli/conflicts.h"

#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"

/* ---- in words ---- */

struct telling {
    const struct store *store;
    struct buf *out;
    struct jw *w;
    size_t count;
};

static enum rc
tell_value(void *arg, const char *value, const char *author, struct err *err)
{
    struct telling *t = arg;
    char site[LIMIT_NAME + 1];
    (void)err;
    cmd_author_site(t->store, author, site);
    buf_addf(t->out, "%s%.200s", t->count++ == 0 ? ": " : ", ", value);
    if (site[0] != '\0')
        buf_addf(t->out, " (%s)", site);
    return RC_OK;
}

enum rc
conflict_tell(const struct store *store, const struct conflict *c, struct buf *out, struct err *err)
{
    struct telling t = {.store = store, .out = out};
    char command[CONFLICT_SETTLING];
    if (c->what == CONFLICT_FIELD)
        buf_addf(out, "%.64s of %s was set apart by two sites", c->field, c->label);
    else if (c->what == CONFLICT_GENERATION)
        buf_addf(out, "two sites made %s apart", c->label);
    else
        buf_addf(out, "two sites named a %s %s apart", c->kind, c->label);
    enum rc rc = conflict_values(store, c, tell_value, &t, err);
    conflict_settling(c, command, sizeof command);
    if (command[0] != '\0')
        buf_addf(out, "; settle it: %s", command);
    else if (c->what == CONFLICT_NAME)
        buf_adds(out, "; name each by its UUID");
    return rc == RC_OK ? buf_check(out, "a conflict", err) : rc;
}

/* ---- in JSON ---- */

static enum rc
write_value(void *arg, const char *value, const char *author, struct err *err)
{
    struct telling *t = arg;
    char site[LIMIT_NAME + 1];
    (void)err;
    cmd_author_site(t->store, author, site);
    jw_obj(t->w, NULL);
    jw_raw(t->w, "value", value, strlen(value));
    jw_opt(t->w, "site", site);
    jw_opt(t->w, "author", author);
    jw_end_obj(t->w);
    return RC_OK;
}

enum rc
conflict_write(const struct store *store, const struct conflict *c, struct jw *w, struct err *err)
{
    struct telling t = {.store = store, .w = w};
    char command[CONFLICT_SETTLING];
    conflict_settling(c, command, sizeof command);
    jw_obj(w, NULL);
    jw_opt(w, "kind", c->kind);
    jw_str(w, "object", c->label);
    jw_str(w, "uuid", c->object);
    jw_str(w, "field", c->field);
    jw_arr(w, "values");
    enum rc rc = conflict_values(store, c, write_value, &t, err);
    jw_end_arr(w);
    jw_opt(w, "settle", command);
    jw_end_obj(w);
    return rc;
}

/* ---- those of one object ---- */

struct showing_of {
    struct ctx *ctx;
    const char *kind, *uuid, *label;
    struct jw *w;
};

static enum rc
show_one(void *arg, const struct conflict *c, struct err *err)
{
    struct showing_of *s = arg;
    int own = c->what == CONFLICT_FIELD
                  ? strcmp(c->object, s->uuid) == 0
                  : strcmp(c->kind, s->kind) == 0 && strcmp(c->label, s->label) == 0;
    if (!own)
        return RC_OK;
    if (s->w != NULL)
        return conflict_write(s->ctx->store, c, s->w, err);
    struct buf text;
    buf_init(&text, LIMIT_ENTRY);
    enum rc rc = conflict_tell(s->ctx->store, c, &text, err);
    if (rc == RC_OK)
        out_field(s->ctx, "CONFLICT", buf_str(&text));
    buf_release(&text);
    return rc;
}

enum rc
conflict_show(struct ctx *ctx, const char *kind, const char *uuid, const char *label, struct jw *w,
              struct err *err)
{
    struct showing_of s = {ctx, kind, uuid, label, w};
    if (w != NULL)
        jw_arr(w, "conflicts");
    enum rc rc = conflict_each(ctx->store, show_one, &s, err);
    if (w != NULL)
        jw_end_arr(w);
    return rc;
}
