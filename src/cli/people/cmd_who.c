/* audit who: what a person saw, typed, approved and adopted, and which duties follow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/people/person_duties.h"
#include "cli/session.h"
#include "escrow/duty.h"
#include "recover/approval.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

/* ---- keys that they know ---- */

/* Sorted by nothing: a person knows tens of keys, not thousands. */
struct keys {
    char (*uuids)[UUID_TEXT + 1];
    size_t count, size;
};

static int
keys_have(const struct keys *k, const char *uuid)
{
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->uuids[i], uuid) == 0)
            return 1;
    }
    return 0;
}

static enum rc
keys_add(void *arg, const struct act *act, struct err *err)
{
    struct keys *k = arg;
    if (act->key[0] == '\0' || act->what == ACT_USED || act->what == ACT_APPROVED ||
        keys_have(k, act->key))
        return RC_OK;
    if (k->count == k->size) {
        size_t size = k->size == 0 ? 16 : k->size * 2;
        char(*more)[UUID_TEXT + 1] = realloc(k->uuids, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        k->uuids = more;
        k->size = size;
    }
    memcpy(k->uuids[k->count++], act->key, UUID_TEXT + 1);
    return RC_OK;
}

struct duties {
    struct ctx *ctx;
    struct jw *w;
    struct keys keys;
    size_t count;
};

static enum rc
tell_duty(void *arg, const struct duty *d, struct err *err)
{
    static const char *const lacks[] = {[DUTY_SUCCESSOR] = "successor",
                                        [DUTY_DELIVERY] = "delivery",
                                        [DUTY_DRILL] = "drill",
                                        [DUTY_CONSUMERS] = "consumers"};
    static const char *const next[] = {
        [DUTY_SUCCESSOR] = "no successor",
        [DUTY_DELIVERY] = "successor not delivered",
        [DUTY_DRILL] = "successor not drilled",
        [DUTY_CONSUMERS] = "still used",
    };
    struct duties *t = arg;
    (void)err;
    if (!keys_have(&t->keys, d->key.uuid))
        return RC_OK;
    t->count++;
    if (t->w != NULL) {
        jw_obj(t->w, NULL);
        jw_str(t->w, "key", d->key.uuid);
        jw_str(t->w, "name", d->key.name);
        jw_int(t->w, "generation", d->key.generation);
        jw_str(t->w, "since", d->since);
        jw_str(t->w, "lacks", lacks[d->lacks]);
        jw_opt(t->w, "left", d->left);
        jw_end_obj(t->w);
        return RC_OK;
    }
    if (t->count == 1)
        out_printf(t->ctx, "\nduties: these must be replaced\n");
    out_printf(t->ctx, "  ");
    out_text(t->ctx, d->key.name);
    out_printf(t->ctx, "@%lld   %s%s\n", (long long)d->key.generation, next[d->lacks],
               d->lacks == DUTY_SUCCESSOR ? ": keymuster rekey" : "");
    return RC_OK;
}

enum rc
person_duties(struct ctx *ctx, const struct person *p, struct jw *w, struct err *err)
{
    struct duties t = {.ctx = ctx, .w = w};
    if (w != NULL)
        jw_arr(w, "duties");
    enum rc rc = act_each(ctx->store, p, keys_add, &t.keys, err);
    if (rc == RC_OK && t.keys.count > 0)
        rc = duty_each(ctx->store, tell_duty, &t, err);
    if (w != NULL)
        jw_end_arr(w);
    else if (rc == RC_OK && t.count == 0)
        out_printf(ctx, "\nno open duties\n");
    free(t.keys.uuids);
    return rc;
}

/* ---- what they did ---- */

struct telling {
    struct ctx *ctx;
    struct jw writer;
    struct jw *w; /* that, or NULL for text */
    struct table *table;
    size_t count;
};

static void
subject_of_run(const struct json *body, struct buf *out)
{
    const char *step = json_gets(body, "step");
    const char *book = json_gets(body, "runbook");
    const char *result = json_gets(body, "result");
    buf_addf(out, "run %.8s", json_gets(body, "run"));
    if (book != NULL)
        buf_addf(out, " %s", book);
    if (step != NULL)
        buf_addf(out, " step %s", step);
    if (result != NULL)
        buf_addf(out, ": %s", result);
    if (json_gets(body, "alone") != NULL)
        buf_adds(out, ", alone");
}

/* What it was about: a key, an author, a wrap without a key. */
static enum rc
subject_of(const struct telling *t, const struct act *act, struct buf *out, struct err *err)
{
    struct key key;
    struct err none = ERR_INIT;
    int known = 0;
    enum rc rc = RC_OK;
    if (act->key[0] != '\0')
        rc = err_unless_found(key_find(t->ctx->store, act->key, &key, &none), &none, &known, err);
    if (known)
        buf_addf(out, "%s@%lld", key.name, (long long)key.generation);
    else if (act->key[0] != '\0')
        buf_adds(out, act->key);
    else if (json_gets(act->entry->body, "author") != NULL)
        buf_addf(out, "author %.12s", json_gets(act->entry->body, "author"));
    else if (json_gets(act->entry->body, "wrap") != NULL)
        buf_addf(out, "wrap %.12s", json_gets(act->entry->body, "wrap"));
    else if (json_gets(act->entry->body, "run") != NULL)
        subject_of_run(act->entry->body, out);
    return rc;
}

/* What it is called: an approval counts only if it verifies. */
static enum rc
word_of(const struct telling *t, const struct act *act, const char **word, struct err *err)
{
    const struct entry *e = act->entry;
    int yes = 1;
    enum rc rc = RC_OK;
    if (act->what == ACT_ATTESTED || act->what == ACT_COUNTERSIGNED ||
        strcmp(e->kind, "run.approved") == 0)
        rc = approval_counts(t->ctx->store, e->body, e->kind, e->at, &yes, err);
    *word = yes                         ? act_word(act->what)
            : act->what == ACT_APPROVED ? "not approved"
            : act->what == ACT_ATTESTED ? "not attested"
                                        : "not countersigned";
    return rc;
}

static void
write_act(const struct telling *t, const struct act *act, const char *word, const char *subject)
{
    const struct entry *e = act->entry;
    char hash[HASH_TEXT + 1];
    struct buf by;
    buf_init(&by, LIMIT_ENTRY);
    hex_encode(hash, e->hash, HASH_SIZE);
    json_print(&by, e->by);
    jw_obj(t->w, NULL);
    jw_str(t->w, "what", word);
    jw_str(t->w, "at", e->at);
    jw_opt(t->w, "key", act->key);
    jw_opt(t->w, "subject", subject);
    jw_opt(t->w, "to", json_gets(e->body, "to"));
    jw_opt(t->w, "reason", json_gets(e->body, "reason"));
    jw_opt(t->w, "ticket", json_gets(e->body, "ticket"));
    jw_opt(t->w, "terminal", json_gets(e->body, "terminal"));
    jw_bool(t->w, "named", json_gets(e->body, "person") != NULL || act->what == ACT_KNEW);
    jw_raw(t->w, "by", buf_str(&by), by.len);
    jw_str(t->w, "kind", e->kind);
    jw_str(t->w, "entry", hash);
    jw_end_obj(t->w);
    buf_release(&by);
}

static enum rc
tell_act(void *arg, const struct act *act, struct err *err)
{
    struct telling *t = arg;
    struct buf subject, account;
    buf_init(&subject, LIMIT_ENTRY);
    buf_init(&account, LIMIT_ENTRY);
    enum rc rc = subject_of(t, act, &subject, err);
    entry_account(&account, act->entry);
    t->count++;
    const char *word = "";
    if (rc == RC_OK)
        rc = word_of(t, act, &word, err);
    if (rc == RC_OK && t->w != NULL) {
        write_act(t, act, word, buf_str(&subject));
    } else if (rc == RC_OK) {
        const char *cells[] = {act->entry->at,    word,
                               buf_str(&subject), json_gets(act->entry->body, "to"),
                               buf_str(&account), json_gets(act->entry->body, "reason")};
        rc = cmd_table_row(t->table, cells, 6, err);
    }
    buf_release(&subject);
    buf_release(&account);
    return rc;
}

/* ---- the answer ---- */

static enum rc
answer_json(struct telling *t, const struct person *p, struct err *err)
{
    struct ctx *ctx = t->ctx;
    struct buf doc;
    struct jw *w = t->w = &t->writer;
    session_answer(&doc, w, "audit.who");
    jw_str(w, "name", p->object.name);
    jw_opt(w, "uuid", p->object.uuid);
    jw_bool(w, "registered", p->object.uuid[0] != '\0');
    jw_opt(w, "role", p->role);
    jw_opt(w, "public_key", p->public_key);
    jw_opt(w, "left", p->left);
    jw_arr(w, "acts");
    enum rc rc = act_each(ctx->store, p, tell_act, t, err);
    jw_end_arr(w);
    if (rc == RC_OK)
        rc = person_duties(ctx, p, w, err);
    if (rc == RC_OK)
        return out_object(ctx, &doc, w, err);
    buf_release(&doc);
    return rc;
}

static enum rc
answer_text(struct telling *t, const struct person *p, struct err *err)
{
    static const char *const titles[] = {"AT", "WHAT", "WHICH", "TO", "ACCOUNT", "REASON", NULL};
    struct ctx *ctx = t->ctx;
    out_field(ctx, "person", p->object.name);
    out_field(ctx, "role", p->role);
    out_field(ctx, "public key", p->public_key);
    out_field(ctx, "left", p->left);
    if (p->object.uuid[0] == '\0')
        out_printf(ctx, "not registered; these are the records that have this name\n");
    out_printf(ctx, "\n");
    enum rc rc = cmd_table_new(&t->table, ctx, titles, err);
    if (rc == RC_OK)
        rc = act_each(ctx->store, p, tell_act, t, err);
    if (rc == RC_OK && t->count > 0)
        rc = table_print(t->table, &ctx->out, err);
    if (rc == RC_OK && t->count == 0)
        out_printf(ctx, "nothing is recorded of them\n");
    table_free(t->table);
    return rc == RC_OK ? person_duties(ctx, p, NULL, err) : rc;
}

static enum rc
count_act(void *arg, const struct act *act, struct err *err)
{
    (void)act;
    (void)err;
    ++*(size_t *)arg;
    return RC_OK;
}

/* Somebody who is not registered may have been named all the same. */
static enum rc
find_person(struct ctx *ctx, const char *name, struct person *out, struct err *err)
{
    struct object o;
    size_t count = 0;
    struct err none = ERR_INIT;
    *out = (struct person){.role = ""};
    enum rc rc = object_find(ctx->store, "person", name, &o, err);
    if (rc == RC_OK)
        return person_load(ctx->store, &o, out, err);
    if (rc != RC_NOT_FOUND || strlen(name) > LIMIT_NAME)
        return rc;
    (void)snprintf(out->object.name, sizeof out->object.name, "%s", name);
    enum rc counted = act_each(ctx->store, out, count_act, &count, &none);
    if (counted != RC_OK) {
        *err = none;
        return counted;
    }
    if (count == 0)
        return rc;
    err_clear(err);
    return RC_OK;
}

static enum rc
run_who(struct ctx *ctx, struct err *err)
{
    struct person p;
    struct telling t = {.ctx = ctx};
    enum rc rc = find_person(ctx, opt_arg(&ctx->opts, 0), &p, err);
    if (rc == RC_OK)
        rc = out_is_json(ctx) ? answer_json(&t, &p, err) : answer_text(&t, &p, err);
    person_release(&p);
    return rc;
}

const struct cmd cmd_who_table[] = {
    {"audit", "who", "PERSON",
     "Tells what a person saw, typed, approved and adopted, and which duties follow.", NULL, 1, 1,
     CMD_READ, GROUP_PROOF, run_who, "keymuster audit who first.operator\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
