#include "cli/keys/rehome.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gate.h"
#include "cli/lines.h"
#include "cli/out.h"
#include "cli/session.h"
#include "text/uni.h"

size_t
rehome_planned(const struct rehome *r, const struct target *to)
{
    size_t planned = 0;
    for (size_t i = 0; i < r->count; i++)
        planned +=
            r->moves[i].outcome == PLANNED && (to == NULL || &r->targets[r->moves[i].target] == to);
    return planned;
}

/* ---- root keys ---- */

static enum rc
find_target(struct rehome *r, const char *ref, struct target **out, struct err *err)
{
    struct root root;
    for (size_t i = 0; i < r->target_count; i++) {
        *out = &r->targets[i];
        if (strcmp((*out)->root.object.name, ref) ==
            0) /* found by it before, so there is only one */
            return RC_OK;
    }
    enum rc rc = root_find(r->ctx->store, ref, &root, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(r->from.uuid, root.object.uuid) == 0)
        return err_set(err, RC_USAGE, "rehome: --from is the root key to wrap under, too");
    for (size_t i = 0; i < r->target_count; i++) {
        *out = &r->targets[i];
        if (strcmp((*out)->root.object.uuid, root.object.uuid) == 0)
            return RC_OK;
    }
    if (r->target_count == REHOME_TARGETS)
        return err_set(err, RC_BAD_VALUE, "more than %d root keys at once", REHOME_TARGETS);
    *out = &r->targets[r->target_count++];
    (*out)->root = root;
    return RC_OK;
}

/* ---- keys ---- */

struct look {
    const struct rehome *r;
    const struct target *target;
    int to, from; /* a wrap that is not retired is under it */
};

static enum rc
look_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct look *l = arg;
    (void)err;
    if (w->retired)
        return RC_OK;
    l->to |= strcmp(w->root, l->target->root.object.uuid) == 0;
    l->from |= l->r->from.uuid[0] == '\0' || strcmp(w->root, l->r->from.uuid) == 0;
    return RC_OK;
}

static enum rc
add_move(struct rehome *r, const struct key *key, const struct target *to, int64_t line, int there,
         struct err *err)
{
    if (r->count == r->room) {
        size_t room = r->room > 0 ? 2 * r->room : 64;
        struct move *moves = realloc(r->moves, room * sizeof *moves);
        if (moves == NULL)
            return err_nomem(err);
        r->moves = moves;
        r->room = room;
    }
    struct move *m = &r->moves[r->count++];
    memset(m, 0, sizeof *m);
    memcpy(m->key, key->uuid, sizeof m->key);
    m->target = (unsigned char)(to - r->targets);
    m->line = line;
    m->outcome = there ? THERE : PLANNED;
    r->there += there;
    return there ? RC_OK : gate_reason_of(r->ctx, &r->reasons, key->purpose, err);
}

/* The place in the table of named keys where this one stands, or is to stand. */
static size_t
named_at(const struct rehome *r, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    size_t at = hash & (r->named_room - 1);
    while (r->named[at] != 0 && strcmp(r->moves[r->named[at] - 1].key, key) != 0)
        at = (at + 1) & (r->named_room - 1);
    return at;
}

/* At most half of it is full; the room is a power of two. */
static enum rc
named_room(struct rehome *r, struct err *err)
{
    if (r->named_room > 2 * r->count)
        return RC_OK;
    free(r->named);
    for (r->named_room = 64; r->named_room <= 2 * r->count;)
        r->named_room *= 4;
    r->named = calloc(r->named_room, sizeof *r->named);
    if (r->named == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < r->count; i++)
        r->named[named_at(r, r->moves[i].key)] = i + 1;
    return RC_OK;
}

/* line 0: named on the command line, where twice is no harm. */
static enum rc
plan_named(struct rehome *r, const char *ref, struct target *to, int64_t line, struct err *err)
{
    struct key key;
    char said[KEY_REF];
    struct look l = {.r = r, .target = to};
    enum rc rc = session_key(r->ctx, ref, &key, err);
    if (rc == RC_OK)
        rc = wrap_each(r->ctx->store, key.uuid, look_wrap, &l, err);
    if (rc == RC_OK)
        rc = named_room(r, err);
    if (rc != RC_OK)
        return rc;
    size_t *named = &r->named[named_at(r, key.uuid)];
    const struct move *before = *named != 0 ? &r->moves[*named - 1] : NULL;
    if (before != NULL && line == 0)
        return RC_OK;
    if (before != NULL)
        return err_set(err, RC_BAD_VALUE, "%s@%lld stands on line %lld already", key.name,
                       (long long)key.generation, (long long)before->line);
    if (r->from.uuid[0] == '\0' || l.from) {
        rc = add_move(r, &key, to, line, l.to, err);
        *named = r->count;
        return rc;
    }
    (void)err_set(err, RC_NOT_FOUND, "%s@%lld has no wrap under %s", key.name,
                  (long long)key.generation, r->from.name);
    return err_hint(err, "see its wraps: keymuster wrap list %s",
                    key_ref_said(said, r->ctx->store, &key));
}

static enum rc
plan_any(void *arg, const struct key *key, struct err *err)
{
    struct rehome *r = arg;
    struct look l = {.r = r, .target = &r->targets[0]};
    if (strcmp(key->state, "destroyed") == 0)
        return RC_OK;
    enum rc rc = wrap_each(r->ctx->store, key->uuid, look_wrap, &l, err);
    return rc == RC_OK && l.from ? add_move(r, key, &r->targets[0], 0, l.to, err) : rc;
}

/* ---- a map ---- */

/* Without the blanks at both ends. */
static char *
trim(char *text)
{
    text += strspn(text, " ");
    for (size_t len = strlen(text); len > 0 && text[len - 1] == ' ';)
        text[--len] = '\0';
    return text;
}

static enum rc
plan_line(struct rehome *r, struct lines *l, struct target *to, struct err *err)
{
    char *text = l->text.data;
    if (l->text.failed)
        return err_set(err, RC_BAD_VALUE, "the line is longer than %d bytes", LIMIT_ENTRY);
    if (l->text.len == 0 || text[0] == '#')
        return RC_OK;
    if (!utf8_is(text, l->text.len) || strlen(text) != l->text.len)
        return err_set(err, RC_BAD_VALUE, "it is no text in UTF-8");
    char *tab = strchr(text, '\t');
    char *root = tab != NULL ? tab + 1 : text + l->text.len;
    if (strchr(root, '\t') != NULL)
        return err_set(err, RC_BAD_VALUE, "want KEY, a TAB and ROOT, and there is one more TAB");
    if (tab != NULL)
        *tab = '\0';
    char *key = trim(text);
    root = trim(root);
    if (key[0] == '\0' && root[0] == '\0')
        return RC_OK;
    if (key[0] == '\0')
        return err_set(err, RC_BAD_VALUE, "the key before the TAB is missing");
    enum rc rc = RC_OK;
    if (root[0] != '\0')
        rc = find_target(r, root, &to, err);
    else if (to == NULL)
        rc = err_set(err, RC_BAD_VALUE, "no root key stands behind %s, and --to is not given", key);
    return rc == RC_OK ? plan_named(r, key, to, l->number, err) : rc;
}

static enum rc
plan_map(struct rehome *r, const char *path, struct target *to, struct err *err)
{
    struct lines l;
    int more = 1;
    enum rc rc = lines_open(&l, path, err);
    while (rc == RC_OK && (rc = lines_next(&l, &more, err)) == RC_OK && more) {
        rc = plan_line(r, &l, to, err);
        if (rc != RC_OK)
            rc = err_wrap(err, "%s, line %lld", l.name, (long long)l.number);
    }
    lines_close(&l);
    if (rc == RC_OK && r->count == 0)
        out_note(r->ctx, "there is no key in %s", path);
    return rc;
}

enum rc
rehome_plan(struct rehome *r, const char *to, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    const char *from = opt_get(o, OPT_FROM);
    const char *map = opt_get(o, OPT_MAP);
    struct target *target = NULL;
    enum rc rc = RC_OK;
    if (to == NULL && map == NULL)
        return err_set(err, RC_USAGE, "under which root key? %s is missing",
                       strcmp(r->how, "add") == 0 ? "--root" : "--to");
    if ((o->arg_count > 0) + opt_has(o, OPT_ALL) + (map != NULL) != 1)
        return err_set(err, RC_USAGE, "rehome: name keys, or give one of --all and --map");
    if (opt_has(o, OPT_ALL) && opt_has(o, OPT_AT))
        return err_set(err, RC_USAGE, "rehome: --at goes with the name of a key");
    if (from != NULL)
        rc = object_find(r->ctx->store, "root", from, &r->from, err);
    if (rc == RC_OK && to != NULL)
        rc = find_target(r, to, &target, err);
    if (rc == RC_OK && map != NULL)
        rc = plan_map(r, map, target, err);
    if (rc == RC_OK && opt_has(o, OPT_ALL))
        rc = key_each(r->ctx->store, NULL, plan_any, r, err);
    if (rc == RC_OK)
        rc = session_keys_check(r->ctx, o->arg_count, err);
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++)
        rc = plan_named(r, opt_arg(o, i), target, 0, err);
    return rc;
}

enum rc
rehome_plan_key(struct rehome *r, const char *to, const char *key, struct err *err)
{
    struct target *target = NULL;
    enum rc rc = find_target(r, to, &target, err);
    return rc == RC_OK ? plan_named(r, key, target, 0, err) : rc;
}
