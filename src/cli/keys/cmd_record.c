/* record: a wrap that exists already, as --wrapped or as the description of a Veeam password; or an
 * adopted password (--secret), which is wrapped now. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/recording.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "escrow/log.h"
#include "text/enc.h"

/* wrap.added for the known key, in the running transaction. */
static enum rc
log_wrap(struct ctx *ctx, struct recording *r, struct mint_wrap *wrap, struct err *err)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = recording_wrap_body(ctx, r, wrap, &body, err);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "wrap.added", &body, ctx->entry, err);
    buf_release(&body);
    return rc;
}

static enum rc
read_wrap(struct ctx *ctx, struct recording *r, struct err *err)
{
    const char *wrapped = opt_get(&ctx->opts, OPT_WRAPPED);
    const char *description = opt_get(&ctx->opts, OPT_DESCRIPTION);
    if ((wrapped == NULL) == (description == NULL)) {
        (void)err_set(err, RC_USAGE, "record: give one of --wrapped, --description and --secret");
        return err_hint(err, "--wrapped file:PATH    the wrapped key (WDEK)\n"
                             "--description -        a Veeam description: moniker | WDEK\n"
                             "--secret prompt        a password that is in use; it is wrapped now");
    }
    struct buf given;
    buf_init(&given, LIMIT_CIPHERTEXT + LIMIT_TEXT);
    enum rc rc = wrapped != NULL ? ref_read_open(&given, wrapped, "--wrapped", err)
                                 : ref_read_open(&given, description, "--description", err);
    if (rc == RC_OK && wrapped != NULL)
        rc = recording_wrapped(r, buf_str(&given), given.len, "--wrapped", err);
    else if (rc == RC_OK)
        rc = recording_description(r, buf_str(&given), given.len, "--description", err);
    buf_release(&given);
    if (rc == RC_OK && r->other_moniker)
        out_note(ctx, "the description's moniker is not %s; recorded under the name you gave",
                 r->m.name);
    return rc;
}

/* ---- an adopted password ---- */

struct under {
    const char *root;
    int found;
};

static enum rc
look_under(void *arg, const struct wrap *w, struct err *err)
{
    struct under *u = arg;
    (void)err;
    if (!w->retired && strcmp(w->root, u->root) == 0)
        u->found = 1;
    return RC_OK;
}

/* The known key gets wraps under the roots that have none yet; in one transaction. */
static enum rc
add_missing(struct ctx *ctx, struct recording *r, struct err *err)
{
    size_t kept = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->m.wrap_count; i++) {
        struct under u = {r->m.wraps[i].root.object.uuid, 0};
        rc = wrap_each(ctx->store, r->known.uuid, look_under, &u, err);
        if (!u.found)
            r->m.wraps[kept++].root = r->m.wraps[i].root;
    }
    r->m.wrap_count = kept;
    if (rc == RC_OK)
        rc = mint_wrap(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = mint_prove(ctx, &r->m, err);
    if (rc != RC_OK || kept == 0)
        return rc;
    rc = log_begin(ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < kept; i++)
        rc = log_wrap(ctx, r, &r->m.wraps[i], err);
    return log_finish(ctx->store, rc, err);
}

static enum rc
read_form(struct ctx *ctx, struct mint *m, struct err *err)
{
    const char *form = opt_get(&ctx->opts, OPT_FORM);
    if (form == NULL)
        return RC_OK;
    if (strcmp(form, "base64") != 0 && strcmp(form, "bytes") != 0)
        return err_set(err, RC_USAGE, "--form: base64 or bytes");
    m->form = form;
    return RC_OK;
}

/* What may be new of a known value: wraps, and what a passphrase goes with. */
static enum rc
append_known(struct ctx *ctx, struct recording *r, struct err *err)
{
    enum rc rc = r->m.known ? add_missing(ctx, r, err) : RC_OK;
    if (rc != RC_OK || r->m.with[0] == '\0')
        return rc;
    rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = officer_link(ctx, r->known.uuid, r->m.with, err);
    return log_finish(ctx->store, rc, err);
}

/* An adopted password is wrapped now; then the entry, if the verdict has news. */
static enum rc
append(struct ctx *ctx, struct recording *r, enum recording_verdict verdict, struct err *err)
{
    struct buf body;
    const char *kind = NULL;
    enum rc rc = RC_OK;
    if (verdict == RECORDING_KNOWN)
        return append_known(ctx, r, err);
    buf_init(&body, LIMIT_BODY);
    if (r->m.known)
        rc = mint_wrap(ctx, &r->m, err);
    if (rc == RC_OK && r->m.known)
        rc = mint_prove(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = recording_body(ctx, r, verdict, &kind, &body, err);
    if (rc == RC_OK)
        rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = log_append(ctx->store, kind, &body, ctx->entry, err);
    if (rc == RC_OK)
        rc = officer_link(ctx, r->m.uuid, r->m.with, err);
    rc = log_finish(ctx->store, rc, err);
    buf_release(&body);
    return rc;
}

/* The rule of recording twice: the same value is no news, another one is refused unless it is a new
 * generation. */
static enum rc
judge(struct ctx *ctx, struct recording *r, enum recording_verdict *verdict, struct err *err)
{
    enum rc rc = recording_judge(ctx, r, verdict, err);
    if (rc != RC_OK || *verdict != RECORDING_OTHER)
        return rc;
    if (!opt_has(&ctx->opts, OPT_NEW_GENERATION))
        return recording_refuse(r, err);
    recording_succeed(r);
    *verdict = RECORDING_NEW;
    return mint_site_rule(ctx, &r->m, err);
}

static enum rc
answer(struct ctx *ctx, const struct recording *r, int created, const struct key *key, int released,
       struct err *err)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s %s@%lld   %s\n", created ? "recorded   " : "known      ", key->name,
                   (long long)key->generation, key->uuid);
        out_printf(ctx, "proved      %s\n",
                   r->m.text != NULL ? "yes: the wrap opened" : "no (--no-prove)");
        out_printf(ctx, "released    %s\n", released ? "yes" : "no");
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "record");
    jw_bool(&w, "created", created);
    jw_bool(&w, "proved", r->m.text != NULL);
    jw_bool(&w, "released", released);
    jw_str(&w, "name", key->name);
    jw_int(&w, "generation", key->generation);
    jw_str(&w, "uuid", key->uuid);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

/* A wrap is under one root key; a password is wrapped under as many as are named. */
static enum rc
read_roots(struct ctx *ctx, struct recording *r, int adopt, struct err *err)
{
    size_t roots = opt_count(&ctx->opts, OPT_ROOT);
    enum rc rc = RC_OK;
    if (adopt && (opt_has(&ctx->opts, OPT_WRAPPED) || opt_has(&ctx->opts, OPT_DESCRIPTION) ||
                  opt_has(&ctx->opts, OPT_FORM) || opt_has(&ctx->opts, OPT_NO_PROVE)))
        return err_set(err, RC_USAGE,
                       "record: --secret goes without --wrapped, --description, "
                       "--form and --no-prove");
    if (roots == 0 || (!adopt && roots != 1))
        return err_set(err, RC_USAGE,
                       adopt ? "record: --root is missing: under which root keys?"
                             : "record: give the one --root that the wrap is under");
    for (size_t i = 0; rc == RC_OK && i < roots; i++)
        rc = mint_root(ctx, &r->m, opt_at(&ctx->opts, OPT_ROOT, i), "import", err);
    return rc;
}

static enum rc
do_record(struct ctx *ctx, struct recording *r, struct err *err)
{
    struct key key;
    enum recording_verdict verdict = RECORDING_NEW;
    int released = 0;
    int adopt = opt_has(&ctx->opts, OPT_SECRET);
    enum rc rc = mint_options(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = gate_reason(ctx, r->m.purpose, err);
    if (rc == RC_OK)
        rc = read_roots(ctx, r, adopt, err);
    if (rc == RC_OK && !adopt)
        rc = read_form(ctx, &r->m, err);
    if (rc == RC_OK && adopt)
        rc = who_ask(ctx, &r->m.who, err);
    if (rc == RC_OK)
        rc = adopt ? recording_password(r, opt_get(&ctx->opts, OPT_SECRET), err)
                   : read_wrap(ctx, r, err);
    if (rc == RC_OK)
        rc = recording_find(ctx, r, err);
    if (rc == RC_OK && !r->there)
        rc = mint_site_rule(ctx, &r->m, err);
    if (rc == RC_OK && !adopt && !opt_has(&ctx->opts, OPT_NO_PROVE))
        rc = recording_prove(ctx, r, err);
    if (rc == RC_OK)
        rc = officer_check(ctx, r->m.purpose, r->m.text, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would record %s\n", r->m.name);
        return RC_OK;
    }
    r->m.origin = strcmp(r->m.form, "bytes") == 0 ? "adopted" : "kms";
    if (rc == RC_OK)
        rc = judge(ctx, r, &verdict, err);
    if (rc == RC_OK)
        rc = append(ctx, r, verdict, err);
    if (rc == RC_OK)
        rc = session_publish(ctx, err);
    if (rc == RC_OK)
        rc = key_find(ctx->store, r->m.uuid, &key, err);
    if (rc == RC_OK)
        rc = mint_release_rule(ctx, &key, &released, err);
    return rc == RC_OK ? answer(ctx, r, verdict == RECORDING_NEW, &key, released, err) : rc;
}

static enum rc
run_record(struct ctx *ctx, struct err *err)
{
    struct recording r;
    recording_init(&r);
    enum rc rc = do_record(ctx, &r, err);
    recording_release(&r);
    return rc;
}

static const struct opt_spec record_options[] = {
    MINT_OPTIONS,
    {OPT_WRAPPED, "wrapped", 0, "REF", 0, "the wrapped key (WDEK): file:PATH, -, ..."},
    {OPT_DESCRIPTION, "description", 0, "REF", 0, "a Veeam description: moniker | WDEK"},
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF,
     "a password in use: file:PATH, prompt, -, ...; it is wrapped now"},
    AS_OPTION,
    {OPT_KNOWN_TO, "known-to", 0, "PERSON", OPT_MANY, "who knows the password"},
    {OPT_FORM, "form", 0, "base64|bytes", 0, "base64: the password is the payload's base64 text"},
    {OPT_NO_PROVE, "no-prove", 0, NULL, 0, "do not unwrap it once; the key is then unproven"},
    {OPT_NEW_GENERATION, "new-generation", 0, NULL, 0,
     "another value under a known name is its successor"},
    OPT_END,
};

const struct cmd cmd_record_table[] = {
    {NULL, "record",
     "KEY --purpose PURPOSE --root ROOT (--wrapped REF | --description REF | --secret REF)",
     "Records a key that a KMS wrapped before, or a password in use, and proves it.",
     record_options, 1, 1, CMD_WRITE, GROUP_EVERY_DAY, run_record,
     "keymuster record vbr/config --purpose config-backup --root mad-main \\\n"
     "    --description file:desc.txt\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
