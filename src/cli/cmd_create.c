/* create: a new key, generated and wrapped by KMSs, proved, recorded, published, and perhaps
 * delivered. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/mint.h"
#include "cli/out.h"
#include "escrow/log.h"
#include "recover/deliver.h"

static enum rc
answer(struct ctx *ctx, const struct key *key, const struct mint *m, int created, int released,
       struct err *err)
{
    if (!out_is_json(ctx)) {
        if (!created) {
            out_printf(ctx, "there already: %s@%lld\n", key->name, (long long)key->generation);
            return RC_OK;
        }
        out_printf(ctx, "created     %s@%lld   %s\n", key->name, (long long)key->generation,
                   key->uuid);
        for (size_t i = 0; m != NULL && i < m->wrap_count; i++)
            out_printf(ctx, "wrapped     %s   proved: opened again and compared\n",
                       m->wraps[i].root.object.name);
        out_printf(ctx, "released    %s\n", released ? "yes" : "no");
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "create");
    jw_bool(&w, "created", created);
    jw_bool(&w, "released", released);
    jw_str(&w, "name", key->name);
    jw_int(&w, "generation", key->generation);
    jw_str(&w, "uuid", key->uuid);
    jw_opt(&w, "entry", ctx->entry);
    jw_arr(&w, "roots");
    for (size_t i = 0; m != NULL && i < m->wrap_count; i++)
        jw_str(&w, NULL, m->wraps[i].root.object.name);
    jw_end_arr(&w);
    jw_end_obj(&w);
    enum rc rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

static enum rc
read_roots(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    size_t roots = opt_count(&ctx->opts, OPT_ROOT);
    if (roots == 0) {
        (void)err_set(err, RC_USAGE, "create: --root is missing");
        return err_hint(err, "under which root key? See: keymuster root list");
    }
    for (size_t i = 0; rc == RC_OK && i < roots; i++)
        rc = mint_root(ctx, m, opt_at(&ctx->opts, OPT_ROOT, i), "create", err);
    size_t owed = opt_count(&ctx->opts, OPT_OWE);
    if (rc == RC_OK && owed > MINT_WRAPS)
        rc = err_set(err, RC_USAGE, "more than %d root keys owed", MINT_WRAPS);
    for (size_t i = 0; rc == RC_OK && i < owed; i++) {
        rc = root_find(ctx->store, opt_at(&ctx->opts, OPT_OWE, i), &m->owed[i], err);
        m->owed_count++;
    }
    return rc;
}

/* An existing key of the name: with --if-missing it is the answer, without it an error. */
static enum rc
check_free(struct ctx *ctx, const char *name, struct key *key, int *there, struct err *err)
{
    struct err scratch = ERR_INIT;
    enum rc rc = key_find(ctx->store, name, key, &scratch);
    *there = rc == RC_OK || rc == RC_AMBIGUOUS;
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (!*there || rc == RC_AMBIGUOUS) {
        *err = scratch;
        return rc;
    }
    if (opt_has(&ctx->opts, OPT_IF_MISSING))
        return RC_OK;
    (void)err_set(err, RC_EXISTS, "a key %s is there already, generation %lld", name,
                  (long long)key->generation);
    return err_hint(err, "show it: keymuster show %s\nto go on when it is there: --if-missing",
                    name);
}

static enum rc
store_key(struct ctx *ctx, struct mint *m, struct err *err)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = mint_body(ctx, m, &body, err);
    if (rc == RC_OK)
        rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = mint_observe(ctx, m, err);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "key.created", &body, ctx->entry, err);
    if (rc == RC_OK)
        rc = log_commit(ctx->store, err);
    else
        log_rollback(ctx->store);
    buf_release(&body);
    return rc;
}

/* key.delivered comes before the first byte: no showing without a record. */
static enum rc
hand_out(struct ctx *ctx, const struct mint *m, struct deliver *d, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", m->uuid);
    jw_str(&w, "to", deliver_word(d));
    jw_bool(&w, "seen", d->kind == DELIVER_TTY || d->kind == DELIVER_STDOUT);
    jw_bool(&w, "allow_unsynced", ctx->unsynced);
    jw_end_obj(&w);
    enum rc rc = session_record(ctx, "key.delivered", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK) {
        d->title = m->name;
        rc = deliver_give(d, m->text, err);
    }
    if (rc == RC_OUTPUT_FAILED)
        (void)snprintf(err->entry, sizeof err->entry, "%s", ctx->entry);
    return rc;
}

static enum rc
finish(struct ctx *ctx, struct mint *m, struct deliver *d, struct err *err)
{
    struct key key;
    int released = 0;
    enum rc rc = session_publish(ctx, err);
    if (rc == RC_OK)
        rc = key_find(ctx->store, m->uuid, &key, err);
    if (rc == RC_OK)
        rc = mint_release_rule(ctx, &key, &released, err);
#ifndef PLANT_EARLY_ACK
    if (rc == RC_OK && (d == NULL || d->kind != DELIVER_STDOUT))
        rc = answer(ctx, &key, m, 1, released, err);
#endif
    if (rc == RC_OK && m->owed_count > 0)
        out_note(ctx, "owed: a wrap under %zu more root key%s", m->owed_count,
                 m->owed_count == 1 ? "" : "s");
    if (rc == RC_OK && d != NULL && released)
        rc = hand_out(ctx, m, d, err);
    if (rc == RC_OK && d != NULL && released)
        rc = session_publish(ctx, err);
    return rc;
}

static enum rc
make(struct ctx *ctx, struct mint *m, struct deliver *d, struct err *err)
{
    struct kms *kms = NULL;
    enum rc rc = mint_site_rule(ctx, m, err);
    /* All KMSs are opened before the first wrap, so that an unreachable one costs nothing. */
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++)
        rc = session_kms(ctx, &m->wraps[i].root.kms, &kms, err);
    if (rc == RC_KMS_UNREACHABLE || rc == RC_KMS_MISSING)
        (void)err_hint(err,
                       "to go on without it and owe that wrap: --owe ROOT instead of --root ROOT");
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would create %s under %zu root key%s\n", m->name, m->wrap_count,
                   m->wrap_count == 1 ? "" : "s");
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = mint_wrap(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_prove(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_check(m, err);
#ifdef PLANT_EARLY_ACK
    /* The planted fault: acknowledges before the commit. tests/fault must catch this build. */
    struct key early = {.generation = 1};
    (void)snprintf(early.name, sizeof early.name, "%s", m->name);
    (void)snprintf(early.uuid, sizeof early.uuid, "%s", m->uuid);
    if (rc == RC_OK)
        rc = answer(ctx, &early, m, 1, 1, err);
    if (rc == RC_OK)
        rc = out_flush(ctx, err);
#endif
    if (rc == RC_OK)
        rc = store_key(ctx, m, err);
    return rc == RC_OK ? finish(ctx, m, d, err) : rc;
}

static enum rc
run_create(struct ctx *ctx, struct err *err)
{
    struct mint m;
    struct key key;
    struct deliver d;
    int there = 0;
    const char *to = opt_get(&ctx->opts, OPT_TO);
    mint_init(&m);
    enum rc rc = mint_options(ctx, &m, err);
    if (rc == RC_OK)
        rc = read_roots(ctx, &m, err);
    if (rc == RC_OK)
        rc = check_free(ctx, m.name, &key, &there, err);
    if (rc == RC_OK && there) {
        int released = 0;
        rc = key_released(ctx->store, &key, &released, err);
        if (rc == RC_OK)
            rc = answer(ctx, &key, NULL, 0, released, err);
        mint_release(&m);
        return rc;
    }
    if (rc == RC_OK && to != NULL) {
        rc = deliver_parse(&d, to, err);
        if (rc == RC_OK)
            rc = deliver_check(&d, err);
    }
    if (rc == RC_OK) {
        struct buf provider;
        buf_init(&provider, LIMIT_TEXT);
        rc = field_get(ctx->store, m.wraps[0].root.kms.uuid, "provider", &provider, NULL, err);
        m.origin = strcmp(buf_str(&provider), "local") == 0 ? "local" : "kms";
        buf_release(&provider);
    }
    if (rc == RC_OK)
        rc = make(ctx, &m, to != NULL ? &d : NULL, err);
    if (to != NULL && rc == RC_OK)
        deliver_release(&d);
    mint_release(&m);
    return rc;
}

static const struct opt_spec create_options[] = {
    MINT_OPTIONS,
    {OPT_OWE, "owe", 0, "ROOT", OPT_MANY, "a root key out of reach: book its wrap as a debt"},
    {OPT_IF_MISSING, "if-missing", 0, NULL, 0, "do nothing when the name is there already"},
    {OPT_TO, "to", 0, "DEST", 0, "hand the password out: -, tty, file:PATH, fd:N"},
    OPT_END,
};

const struct cmd cmd_create_table[] = {
    {NULL, "create", "KEY --purpose PURPOSE --root ROOT [--root ROOT]...",
     "Creates a key, wraps it under root keys, proves each wrap and escrows it.", create_options, 1,
     1, CMD_WRITE, GROUP_EVERY_DAY, run_create,
     "keymuster create vbr/config --purpose config-backup --root mad-main\n"
     "keymuster create vbr/job --purpose backup-job --root fra-main --root mad-main\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
