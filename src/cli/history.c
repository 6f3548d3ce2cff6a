/* The history of a key, for `show --history`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "escrow/history.h"
#include "text/enc.h"
#include "text/time.h"

struct telling {
    struct ctx *ctx;
    const struct key *key;
};

static void
add_root(const struct ctx *ctx, struct buf *out, const struct json *wrap)
{
    char name[LIMIT_NAME + 1];
    struct err scratch = ERR_INIT;
    const char *root = json_gets(wrap, "root");
    const char *version = json_gets(wrap, "version");
    if (root == NULL)
        return;
    if (object_name(ctx->store, root, name, &scratch) != RC_OK)
        (void)snprintf(name, sizeof name, "%s", root);
    buf_addf(out, " under %s", name);
    if (version != NULL)
        buf_addf(out, " %.8s", version);
}

static void
add_created(const struct ctx *ctx, struct buf *out, const struct key *key, const struct json *body)
{
    int64_t generation = 0;
    const char *uuid = json_gets(body, "uuid");
    if (json_geti(body, "generation", &generation) != 0)
        generation = 0;
    buf_addf(out, "%sgeneration %lld",
             uuid != NULL && strcmp(uuid, key->uuid) != 0 ? "its successor, " : "",
             (long long)generation);
    const struct json *wraps = json_get(body, "wraps");
    for (const struct json *w = json_first(wraps); w != NULL; w = json_next(w))
        add_root(ctx, out, w);
}

static void
add_set(struct buf *out, const struct json *set)
{
    for (const struct json *f = json_first(set); f != NULL; f = json_next(f)) {
        const struct json *value = json_get(f, "value");
        const char *reason = json_gets(f, "reason");
        buf_addf(out, "%s%s: ", out->len > 0 ? "; " : "", json_name(f));
        if (json_str(value) != NULL)
            buf_adds(out, json_str(value));
        else
            json_print(out, value);
        if (reason != NULL)
            buf_addf(out, " (%s)", reason);
    }
}

/* A UUID, or a name as it was typed, which is longer, perhaps. */
static void
add_person(const struct ctx *ctx, struct buf *out, const char *person)
{
    char name[LIMIT_NAME + 1];
    struct err scratch = ERR_INIT;
    if (person == NULL)
        return;
    int known = uuid_is(person) && object_name(ctx->store, person, name, &scratch) == RC_OK;
    buf_addf(out, "%sby %s", out->len > 0 ? ", " : "", known ? name : person);
}

/* What an entry says, in a few words. */
static void
tell(const struct telling *t, const struct entry *e, struct buf *out)
{
    static const char *const words[] = {"how", "to", "outcome", "reason", "ticket"};
    const struct json *wrap = json_get(e->body, "wrap");
    const char *how = json_gets(wrap, "how");
    if (strcmp(e->kind, "key.created") == 0) {
        add_created(t->ctx, out, t->key, e->body);
    } else if (strcmp(e->kind, "key.changed") == 0) {
        add_set(out, json_get(e->body, "set"));
    } else if (how != NULL) {
        buf_adds(out, how);
        add_root(t->ctx, out, wrap);
    } else if (strcmp(e->kind, "wrap.retired") == 0 && json_str(wrap) != NULL) {
        buf_addf(out, "%.12s", json_str(wrap));
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *text = json_gets(e->body, words[i]);
        if (text != NULL)
            buf_addf(out, "%s%s %s", out->len > 0 ? ", " : "", words[i], text);
    }
    add_person(t->ctx, out, json_gets(e->body, "person"));
}

static enum rc
tell_line(void *arg, const struct entry *e, struct err *err)
{
    const struct telling *t = arg;
    char site[LIMIT_NAME + 1];
    struct buf text;
    int64_t at = 0;
    const char *user = json_gets(e->by, "user");
    const char *host = json_gets(e->by, "host");
    buf_init(&text, LIMIT_ENTRY);
    cmd_author_site(t->ctx->store, e->author, site);
    buf_addf(&text, "  %s  %-15s %s@%s", e->at, e->kind, user != NULL ? user : "?",
             host != NULL ? host : "?");
    if (site[0] != '\0')
        buf_addf(&text, " (%s)", site);
    if (time_parse(&at, e->at) == 0 && time_is_ahead(at, clock_now_ms()))
        buf_adds(&text, " (ahead of this clock)");
    out_text(t->ctx, buf_str(&text));
    buf_clear(&text);
    tell(t, e, &text);
    enum rc rc = buf_check(&text, "a line of the history", err);
    if (text.len > 0) {
        out_printf(t->ctx, "  ");
        out_text(t->ctx, buf_str(&text));
    }
    out_printf(t->ctx, "\n");
    buf_release(&text);
    return rc;
}

static enum rc
write_item(void *arg, const struct entry *e, struct err *err)
{
    struct jw *w = arg;
    char hash[HASH_TEXT + 1];
    struct buf part;
    buf_init(&part, LIMIT_ENTRY);
    hex_encode(hash, e->hash, HASH_SIZE);
    jw_obj(w, NULL);
    jw_str(w, "entry", hash);
    jw_str(w, "author", e->author);
    jw_int(w, "seq", e->seq);
    jw_str(w, "at", e->at);
    json_print(&part, e->by);
    jw_raw(w, "by", buf_str(&part), part.len);
    jw_str(w, "kind", e->kind);
    buf_clear(&part);
    json_print(&part, e->body);
    jw_raw(w, "body", buf_str(&part), part.len);
    jw_end_obj(w);
    enum rc rc = buf_check(&part, "an entry", err);
    buf_release(&part);
    return rc;
}

enum rc
cmd_history(struct ctx *ctx, const struct key *key, struct jw *w, struct err *err)
{
    struct telling t = {ctx, key};
    enum rc rc = RC_OK;
    if (w == NULL) {
        out_printf(ctx, "history\n");
        return history_each(ctx->store, key->uuid, tell_line, &t, err);
    }
    jw_arr(w, "history");
    rc = history_each(ctx->store, key->uuid, write_item, w, err);
    jw_end_arr(w);
    return rc;
}
