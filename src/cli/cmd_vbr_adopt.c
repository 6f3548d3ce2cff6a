/* vbr adopt: passwords that are at a backup server already come into the escrow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/identify.h"
#include "cli/out.h"
#include "cli/showing.h"
#include "cli/vbr_adopt.h"
#include "cli/vbr_hints.h"
#include "text/enc.h"
#include "text/uni.h"

enum { TELL_MOST = 16 * 1024 };

struct adopting {
    struct vbr_adopt a;
    struct vbr_adoption *list; /* all that is there */
    size_t count, size;
    struct vbr_adoption **chosen;
    size_t chosen_count;
    int unknown; /* --unknown */
};

static const struct {
    const char *word;
    int finding;
} outcomes[] = {
    [ADOPT_OPEN] = {"open", 1},           [ADOPT_THERE] = {"there", 0},
    [ADOPT_PLANNED] = {"would adopt", 0}, [ADOPT_DONE] = {"adopted", 0},
    [ADOPT_UNSURE] = {"not verified", 1}, [ADOPT_DIFFERS] = {"differs", 1},
    [ADOPT_LATER] = {"verify later", 1},  [ADOPT_PASSWORD] = {"needs password", 1},
    [ADOPT_HOLE] = {"hole", 1},           [ADOPT_REFUSED] = {"refused", 1},
};

/* ---- what is there ---- */

static enum rc
take_one(void *arg, const struct vbr_password *p, struct err *err)
{
    struct adopting *x = arg;
    if (x->count == x->size) {
        size_t size = x->size == 0 ? 64 : x->size * 2;
        struct vbr_adoption *more = realloc(x->list, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        x->list = more;
        x->size = size;
    }
    struct vbr_adoption *n = &x->list[x->count];
    memset(n, 0, sizeof *n);
    memcpy(n->id, p->id, sizeof n->id);
    memcpy(n->modified, p->modified, sizeof n->modified);
    if (uuid_is(p->unique))
        memcpy(n->unique, p->unique, sizeof n->unique);
    n->hint = strdup(p->hint);
    if (n->hint == NULL)
        return err_nomem(err);
    x->count++;
    return RC_OK;
}

/* By its id, its hint, or the moniker in it. */
static int
is_named(const struct vbr_adoption *p, const char *word)
{
    long cut = description_cut(p->hint, strlen(p->hint));
    return strcmp(p->id, word) == 0 || strcmp(p->hint, word) == 0 ||
           (cut >= 0 && strlen(word) == (size_t)cut && memcmp(p->hint, word, (size_t)cut) == 0);
}

static enum rc
choose_named(struct adopting *x, const char *word, struct err *err)
{
    struct vbr_adoption *found = NULL;
    for (size_t i = 0; i < x->count; i++) {
        if (!is_named(&x->list[i], word))
            continue;
        if (found != NULL) {
            (void)err_set(err, RC_AMBIGUOUS, "several passwords at %s are called that: %s, %s",
                          x->a.s->object.name, found->id, x->list[i].id);
            return err_hint(err, "name it by its id");
        }
        found = &x->list[i];
    }
    if (found == NULL) {
        (void)err_set(err, RC_VBR_GONE, "backup server %s has no password called %.128s",
                      x->a.s->object.name, word);
        return err_hint(err,
                        "by id, hint, or what stands before \" | \" in it: keymuster vbr "
                        "reconcile %s",
                        x->a.s->object.name);
    }
    x->chosen[x->chosen_count++] = found;
    return RC_OK;
}

static enum rc
choose(struct adopting *x, struct err *err)
{
    const struct opts *o = &x->a.ctx->opts;
    enum rc rc = vbr_each(x->a.s->vbr, take_one, x, err);
    x->chosen = rc == RC_OK ? calloc(x->count + o->arg_count, sizeof(struct vbr_adoption *)) : NULL;
    if (rc == RC_OK && x->chosen == NULL)
        return err_nomem(err);
    for (size_t i = 0; rc == RC_OK && x->a.every && i < x->count; i++)
        x->chosen[x->chosen_count++] = &x->list[i];
    for (size_t i = 1; rc == RC_OK && i < o->arg_count; i++)
        rc = choose_named(x, opt_arg(o, i), err);
    return rc;
}

/* ---- the answer ---- */

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
        buf_addf(out, "keymuster check %s", buf_str(&name));
        break;
    case ADOPT_LATER:
        buf_addf(out, "in five minutes: keymuster vbr adopt %s %s", server, p->id);
        break;
    case ADOPT_OPEN:
    case ADOPT_THERE:
    case ADOPT_PLANNED:
    case ADOPT_REFUSED:
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
        jw_opt(w, "why", buf_str(&why));
        jw_opt(w, "next", buf_str(&next));
        jw_end_obj(w);
    } else {
        out_printf(ctx, "%-14s  ", outcomes[p->outcome].word);
        out_text(ctx, label[0] != '\0' ? label : p->hint);
        out_printf(ctx, "   %s\n", p->id);
        out_field(ctx, "  why", buf_str(&why));
        out_field(ctx, "  next", buf_str(&next));
    }
    ctx->findings += outcomes[p->outcome].finding;
    enum rc rc = buf_check(&next, "what comes next", err);
    buf_release(&next);
    buf_release(&why);
    return rc;
}

static enum rc
answer(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    struct buf doc;
    struct jw w;
    int json = out_is_json(ctx);
    int64_t adopted = 0, left = 0;
    enum rc rc = RC_OK;
    if (json) {
        session_answer(&doc, &w, "vbr.adopt");
        doc.max = (size_t)256 * 1024 * 1024;
        jw_str(&w, "server", x->a.s->object.name);
        jw_arr(&w, "items");
    }
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        const struct vbr_adoption *p = x->chosen[i];
        adopted += p->outcome == ADOPT_DONE;
        left += outcomes[p->outcome].finding;
        rc = tell(x, p, json ? &w : NULL, err);
    }
    if (json) {
        jw_end_arr(&w);
        jw_bool(&w, "dry_run", ctx->dry_run);
        jw_int(&w, "adopted", adopted);
        jw_int(&w, "left", left);
        if (rc == RC_OK)
            return out_object(ctx, &doc, &w, err);
        buf_release(&doc);
    } else if (rc == RC_OK) {
        out_printf(ctx, "%lld adopted, %lld to look at\n", (long long)adopted, (long long)left);
    }
    return rc;
}

/* ---- the command ---- */

/* What is verified is sent there; so a person says yes for all of them. */
static enum rc
verify_all(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    size_t waiting = 0;
    char question[LIMIT_NAME + 96];
    for (size_t i = 0; i < x->chosen_count; i++)
        waiting += x->chosen[i]->outcome == ADOPT_OPEN;
    (void)snprintf(question, sizeof question, "Have %zu password%s verified by %s? It sees them.",
                   waiting, waiting == 1 ? "" : "s", x->a.s->object.name);
    enum rc rc = waiting > 0 ? session_publish(ctx, err) : RC_OK;
    if (rc == RC_OK && x->a.every && waiting > 0)
        rc = confirm_yes(ctx, question, err);
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        if (x->chosen[i]->outcome == ADOPT_OPEN)
            rc = vbr_adopt_verify(&x->a, x->chosen[i], err);
    }
    return rc;
}

static enum rc
adopt_all(struct adopting *x, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        struct vbr_adoption *p = x->chosen[i];
        rc = x->unknown            ? vbr_adopt_hole(&x->a, p, err)
             : x->a.secret != NULL ? vbr_adopt_typed(&x->a, p, err)
                                   : vbr_adopt_hint(&x->a, p, err);
    }
    if (rc == RC_OK)
        rc = verify_all(x, err);
    if (rc == RC_OK && x->chosen_count == 1 && x->chosen[0]->outcome == ADOPT_REFUSED) {
        *err = x->chosen[0]->why; /* the only one: that is no partial success */
        rc = err->code;
    }
    return rc;
}

static enum rc
read_words(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    const struct opts *o = &ctx->opts;
    const char *since = opt_get(o, OPT_SINCE), *site = opt_get(o, OPT_PROTECTS_SITE);
    int64_t ms = 0;
    x->a.name = opt_get(o, OPT_KEY);
    x->a.purpose = opt_get(o, OPT_PURPOSE);
    x->a.secret = opt_get(o, OPT_SECRET);
    x->a.every = opt_has(o, OPT_ALL);
    x->unknown = opt_has(o, OPT_UNKNOWN);
    int one = x->a.secret != NULL || x->unknown || x->a.name != NULL || since != NULL;
    if (x->a.every == (o->arg_count > 1)) {
        (void)err_set(err, RC_USAGE, "vbr adopt: name passwords of the server, or give --all");
        return err_hint(err, "by id, by hint, or by what stands before \" | \" in it");
    }
    if (one && (x->a.every || o->arg_count != 2))
        return err_set(err, RC_USAGE,
                       "vbr adopt: --secret, --unknown, --key and --since are about one password");
    if (x->a.secret != NULL && x->unknown)
        return err_set(err, RC_USAGE, "vbr adopt: --secret and --unknown exclude each other");
    enum rc rc = since != NULL ? date_parse(&ms, since, "--since", err) : RC_OK;
    if (rc == RC_OK && since != NULL && ms > clock_now_ms())
        rc = err_set(err, RC_BAD_VALUE, "--since %s: that is yet to come", since);
    if (rc == RC_OK && since != NULL)
        time_format(x->a.since, ms);
    if (rc == RC_OK && site == NULL && ctx->store->site[0] == '\0')
        rc = err_set(err, RC_USAGE, "--protects-site is missing, and this store stands at no site");
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", site != NULL ? site : ctx->store->site, &x->a.site,
                         err);
    if (rc == RC_OK && x->a.secret != NULL)
        rc = who_ask(ctx, &x->a.who, err);
    return rc == RC_OK ? showing_memory(ctx, err) : rc;
}

/* On record of this server; and which password its configuration backup uses, if this account may
 * see that. */
static enum rc
look(struct adopting *x, struct err *err)
{
    struct vbr_backup b;
    struct err scratch = ERR_INIT;
    struct vbr_known *all = NULL;
    size_t count = 0, kept = 0;
    enum rc rc = vbr_known_load(x->a.ctx->store, NULL, &all, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].server, x->a.s->object.uuid) == 0)
            all[kept++] = all[i];
    }
    x->a.known = all;
    x->a.known_count = kept;
    if (rc == RC_OK && vbr_backup_get(x->a.s->vbr, &b, &scratch) == RC_OK && b.encrypted)
        memcpy(x->a.config, b.password, sizeof x->a.config);
    if (rc == RC_OK)
        vbr_backup_release(&b);
    return rc;
}

static enum rc
run_adopt(struct ctx *ctx, struct err *err)
{
    struct vbr_server s = {.vbr = NULL};
    struct adopting x = {.a = {.ctx = ctx, .s = &s}};
    enum rc rc = read_words(&x, err);
    if (rc == RC_OK)
        rc = vbr_server_open(ctx, opt_arg(&ctx->opts, 0), &s, err);
    if (rc == RC_OK)
        rc = look(&x, err);
    if (rc == RC_OK)
        rc = choose(&x, err);
    if (rc == RC_OK)
        rc = adopt_all(&x, err);
    if (rc == RC_OK)
        rc = answer(&x, err);
    vbr_server_close(&s);
    for (size_t i = 0; i < x.count; i++)
        free(x.list[i].hint);
    free(x.list);
    free(x.chosen);
    free(x.a.known);
    if (rc == RC_OK)
        return session_publish(ctx, err);
    session_publish_rest(ctx);
    return rc;
}

/* clang-format off */
static const struct opt_spec adopt_options[] = {
    {OPT_ALL, "all", 0, NULL, 0, "every password that has a wrap in its hint"},
    {OPT_KEY, "key", 0, "NAME", 0, "the key's name (default: as the hint has it)"},
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "of a key that is not known yet"},
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "under which the wrap is (default: any); with --secret: to wrap under"},
    {OPT_SECOND, "second", 0, "ROOT", 0, "adds a wrap under this root key, too"},
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF, "the password as it is known: prompt, file:PATH, ..."},
    {OPT_UNKNOWN, "unknown", 0, NULL, 0, "nobody knows it: recorded as a hole, with name and date"},
    {OPT_SINCE, "since", 0, "DATE", 0, "in use since then (default: as the server says)"},
    {OPT_PROTECTS_SITE, "protects-site", 0, "SITE", 0, "site whose loss the key is for (default: this one)"},
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY, "additional authenticated data of the wrap, in order"},
    AS_OPTION,
    {OPT_KNOWN_TO, "known-to", 0, "PERSON", OPT_MANY, "who knows the password"},
    KMS_OPTIONS,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_vbr_adopt_table[] = {
    {"vbr", "adopt", "SERVER (PASSWORD... | --all) [--secret REF | --unknown] [--second ROOT]",
     "Takes passwords over that a backup server has already: by the wrap in the hint, or typed.",
     adopt_options, 1, -1, CMD_WRITE, GROUP_SET_UP, run_adopt,
     "keymuster vbr adopt vbr-fra --all --purpose backup-job --second mad-main\n"
     "keymuster vbr adopt vbr-fra 123a --key vbr/old --purpose backup-job \\\n"
     "    --root mad-main --secret prompt\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
