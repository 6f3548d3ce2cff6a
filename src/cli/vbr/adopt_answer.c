/* vbr adopt: what became of each password, and what is to be done next. */
#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "cli/vbr/adopt.h"
#include "text/uni.h"

enum { TELL_MOST = 16 * 1024 };

static const struct {
    const char *word;
    int finding;
} outcomes[] = {
    [ADOPT_OPEN] = {"not done", 1},       [ADOPT_THERE] = {"there", 0},
    [ADOPT_PLANNED] = {"would adopt", 0}, [ADOPT_DONE] = {"adopted", 0},
    [ADOPT_UNSURE] = {"not verified", 1}, [ADOPT_DIFFERS] = {"differs", 1},
    [ADOPT_LATER] = {"verify later", 1},  [ADOPT_PASSWORD] = {"needs password", 1},
    [ADOPT_HOLE] = {"hole", 1},           [ADOPT_REFUSED] = {"refused", 1},
};

static const char *const seconds[] = {
    [ADOPT_SECOND_NONE] = "",         [ADOPT_SECOND_ADDED] = "added",
    [ADOPT_SECOND_THERE] = "there",   [ADOPT_SECOND_PLANNED] = "would be added",
    [ADOPT_SECOND_FAILED] = "failed",
};

/* The command that comes next; nothing where all is done. */
static void
next_of(const struct adopting *x, const struct vbr_adoption *p, struct buf *out)
{
    const char *server = x->a.s->object.name;
    const char *root = opt_get(&x->a.ctx->opts, OPT_ROOT);
    struct buf name;
    buf_init(&name, (size_t)4 * LIMIT_TEXT);
    escape_shell(&name, p->key.name);
    switch (p->outcome) {
    case ADOPT_DONE:
        if (p->typed)
            buf_addf(out, "keymuster rekey %s --to vbr:%s", buf_str(&name), server);
        else
            buf_addf(out, "keymuster drill %s", buf_str(&name));
        break;
    case ADOPT_HOLE:
        buf_addf(out, "keymuster rekey %s --root %s --to vbr:%s", buf_str(&name),
                 root != NULL ? root : "ROOT", server);
        break;
    case ADOPT_DIFFERS:
    case ADOPT_PASSWORD:
        buf_addf(out,
                 "keymuster vbr adopt %s %s --root %s --secret prompt   (or, where nobody "
                 "knows it, --unknown)",
                 server, p->id, root != NULL ? root : "ROOT");
        break;
    case ADOPT_UNSURE:
        if (x->listed)
            buf_addf(out, "keymuster vbr delivered %s --evidence TEXT", buf_str(&name));
        else
            buf_addf(out, "keymuster check %s", buf_str(&name));
        break;
    case ADOPT_LATER:
        buf_addf(out, "in five minutes: keymuster vbr adopt %s %s", server, p->id);
        break;
    case ADOPT_REFUSED:
        for (const char *c = p->why.hint; *c != '\0'; c++)
            buf_addf(out, *c == '\n' ? "; or " : "%c", *c);
        break;
    case ADOPT_OPEN: /* the same command again */
    case ADOPT_THERE:
    case ADOPT_PLANNED:
        break;
    }
    buf_release(&name);
}

static void
why_of(const struct vbr_adoption *p, struct buf *out)
{
    if (p->outcome == ADOPT_REFUSED)
        buf_addf(out, "%s%s%s", p->why.msg, p->why.why[0] != '\0' ? ": " : "", p->why.why);
    else if (p->outcome == ADOPT_DIFFERS)
        buf_adds(out, "what its hint gives is recorded, but the password in use is another one");
    else if (p->outcome == ADOPT_PASSWORD)
        buf_adds(out, "its hint has no wrap");
    else if (p->outcome == ADOPT_OPEN)
        buf_adds(out,
                 p->key.uuid[0] != '\0' ? "recorded; not yet verified there" : "not yet tried");
    else if (p->second == ADOPT_SECOND_FAILED)
        buf_adds(out, "the second wrap could not be made");
}

/* Recoverable by this escrow without the server: in use by what is known, and on a copy. */
static enum rc
is_protected(const struct adopting *x, const struct vbr_adoption *p, int *yes, struct err *err)
{
    *yes = p->outcome == ADOPT_PLANNED;
    if (outcomes[p->outcome].finding || p->key.uuid[0] == '\0')
        return RC_OK;
    return x->a.ctx->dry_run ? RC_OK : key_released(x->a.ctx->store, &p->key, yes, err);
}

static enum rc
tell(struct adopting *x, const struct vbr_adoption *p, struct jw *w, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    struct buf next, why;
    char label[KEY_NAME_BYTES + 24] = "";
    buf_init(&next, TELL_MOST);
    buf_init(&why, TELL_MOST);
    next_of(x, p, &next);
    why_of(p, &why);
    if (p->key.name[0] != '\0')
        (void)snprintf(label, sizeof label, "%s@%lld", p->key.name, (long long)p->key.generation);
    if (w != NULL) {
        jw_obj(w, NULL);
        jw_str(w, "verdict", outcomes[p->outcome].word);
        jw_str(w, "vbr_id", p->id);
        jw_str(w, "hint", p->hint);
        jw_opt(w, "key", p->key.uuid);
        jw_opt(w, "name", p->key.name);
        if (p->key.generation > 0)
            jw_int(w, "generation", p->key.generation);
        jw_opt(w, "second", seconds[p->second]);
        jw_opt(w, "why", buf_str(&why));
        jw_opt(w, "next", buf_str(&next));
        jw_end_obj(w);
    } else {
        out_printf(ctx, "%-14s  ", outcomes[p->outcome].word);
        out_text(ctx, label[0] != '\0' ? label : p->hint);
        out_printf(ctx, "   %s\n", p->id);
        out_field(ctx, "  second", seconds[p->second]);
        out_field(ctx, "  why", buf_str(&why));
        out_field(ctx, "  next", buf_str(&next));
    }
    ctx->findings += outcomes[p->outcome].finding || p->second == ADOPT_SECOND_FAILED;
    enum rc rc = buf_check(&next, "what comes next", err);
    buf_release(&next);
    buf_release(&why);
    return rc;
}

/* The KMS and root key of the scripts, and the secrets in them. */
static void
tell_scripts(const struct adopting *x, struct jw *w)
{
    const struct adopt_scripts *s = x->scripts;
    struct ctx *ctx = x->a.ctx;
    const char *added = ctx->dry_run ? "would be added" : "added";
    if (w == NULL) {
        out_printf(ctx, "KMS %s: %s\nroot key %s: %s\n", s->kms.name, s->kms_new ? added : "known",
                   s->root.object.name, s->root_new ? added : "known");
        if (s->kms_new) {
            out_field(ctx, "  instance", s->words.instance);
            out_field(ctx, "  endpoint", s->words.endpoint);
            out_field(ctx, "  site", s->site.name);
        }
        out_field(ctx, "  root id", s->root.id);
        return;
    }
    jw_obj(w, "scripts");
    jw_str(w, "kms", s->kms.name);
    jw_bool(w, "kms_added", s->kms_new);
    jw_opt(w, "instance", s->words.instance);
    jw_opt(w, "endpoint", s->words.endpoint);
    jw_opt(w, "site", s->site.name);
    jw_str(w, "root", s->root.object.name);
    jw_bool(w, "root_added", s->root_new);
    jw_str(w, "root_id", s->root.id);
    jw_arr(w, "secrets");
    for (size_t i = 0; i < s->read.secret_count; i++) {
        jw_obj(w, NULL);
        jw_str(w, "file", s->read.secrets[i].file);
        jw_int(w, "line", s->read.secrets[i].line);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

/* Who is still unprotected: in text a line of their own; counted. */
static enum rc
tell_unprotected(const struct adopting *x, int json, int64_t *count, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    int is = 0;
    enum rc rc = RC_OK;
    *count = 0;
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        const struct vbr_adoption *p = x->chosen[i];
        rc = is_protected(x, p, &is, err);
        if (rc != RC_OK || is)
            continue;
        if (!json) {
            out_printf(ctx, "%s", (*count)++ == 0 ? "still unprotected: " : ", ");
            out_text(ctx, p->key.name[0] != '\0' ? p->key.name : p->hint);
        } else {
            (*count)++;
        }
    }
    if (!json && *count > 0)
        out_printf(ctx, "\n");
    return rc;
}

enum rc
adopt_answer(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    struct buf doc;
    struct jw w;
    int json = out_is_json(ctx);
    int64_t adopted = 0, planned = 0, left = 0, open = 0;
    enum rc rc = RC_OK;
    if (json) {
        session_answer(&doc, &w, "vbr.adopt");
        doc.max = (size_t)256 * 1024 * 1024;
        jw_str(&w, "server", x->a.s->object.name);
    }
    if (x->scripts != NULL)
        tell_scripts(x, json ? &w : NULL);
    if (json)
        jw_arr(&w, "items");
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        const struct vbr_adoption *p = x->chosen[i];
        adopted += p->outcome == ADOPT_DONE;
        planned += p->outcome == ADOPT_PLANNED;
        left += outcomes[p->outcome].finding;
        rc = tell(x, p, json ? &w : NULL, err);
    }
    if (json) {
        jw_end_arr(&w);
        jw_bool(&w, "dry_run", ctx->dry_run);
        jw_int(&w, "adopted", adopted);
        jw_int(&w, "left", left);
        if (rc == RC_OK)
            rc = tell_unprotected(x, 1, &open, err);
        jw_int(&w, "unprotected", open);
        if (rc == RC_OK)
            return out_object(ctx, &doc, &w, err);
        buf_release(&doc);
    } else if (rc == RC_OK) {
        out_printf(ctx, "%lld %s, %lld to look at\n", (long long)(ctx->dry_run ? planned : adopted),
                   ctx->dry_run ? "would be adopted" : "adopted", (long long)left);
        rc = tell_unprotected(x, 0, &open, err);
    }
    return rc;
}
