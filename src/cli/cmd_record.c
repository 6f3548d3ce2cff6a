/* record: a wrap that exists already, as --wrapped or as the description of a Veeam password; or an
 * adopted password (--secret), which is wrapped now. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/mint.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "escrow/log.h"
#include "recover/unwrap.h"
#include "text/enc.h"
#include "text/uni.h"

struct record {
    struct mint m;
    struct buf given; /* what --wrapped or --description held */
    struct buf fresh; /* the new wrap that an unwrap of an older version returned; or empty */
    char fresh_version[UUID_TEXT + 1];
    struct key known; /* the newest key of that name */
    int there;
    int created;
};

/* "moniker | WDEK": splits at the last " | ", for a moniker may contain one. */
static enum rc
take_description(struct ctx *ctx, struct record *r, struct err *err)
{
    const char *text = buf_str(&r->given);
    const char *cut = NULL;
    for (const char *at = strstr(text, " | "); at != NULL; at = strstr(at + 1, " | "))
        cut = at;
    if (cut == NULL) {
        (void)err_set(err, RC_BAD_VALUE, "--description: there is no \" | \" in it");
        return err_hint(err, "a description reads: moniker | WDEK; a bare WDEK goes to --wrapped");
    }
    buf_adds(&r->m.wraps[0].ciphertext, cut + 3);
    if ((size_t)(cut - text) != strlen(r->m.name) ||
        strncmp(text, r->m.name, (size_t)(cut - text)) != 0)
        out_note(ctx, "the description's moniker is not %s; recorded under the name you gave",
                 r->m.name);
    return RC_OK;
}

static void
trim(struct buf *b)
{
    while (b->len > 0 && strchr(" \t\r\n", b->data[b->len - 1]) != NULL)
        b->data[--b->len] = '\0';
}

static enum rc
read_wrap(struct ctx *ctx, struct record *r, struct err *err)
{
    const char *wrapped = opt_get(&ctx->opts, OPT_WRAPPED);
    const char *description = opt_get(&ctx->opts, OPT_DESCRIPTION);
    if ((wrapped == NULL) == (description == NULL)) {
        (void)err_set(err, RC_USAGE, "record: give one of --wrapped, --description and --secret");
        return err_hint(err, "--wrapped file:PATH    the wrapped key (WDEK)\n"
                             "--description -        a Veeam description: moniker | WDEK\n"
                             "--secret prompt        a password that is in use; it is wrapped now");
    }
    enum rc rc = wrapped != NULL ? ref_read_open(&r->given, wrapped, "--wrapped", err)
                                 : ref_read_open(&r->given, description, "--description", err);
    if (rc != RC_OK)
        return rc;
    trim(&r->given);
    if (!utf8_is(buf_str(&r->given), r->given.len))
        return err_set(err, RC_BAD_VALUE, "what was given is not text in UTF-8");
    if (wrapped != NULL)
        buf_adds(&r->m.wraps[0].ciphertext, buf_str(&r->given));
    else
        rc = take_description(ctx, r, err);
    if (rc == RC_OK)
        rc = buf_check(&r->m.wraps[0].ciphertext, "the wrap", err);
    return rc == RC_OK ? kms_wrap_check(buf_str(&r->m.wraps[0].ciphertext), err) : rc;
}

/* wrap.added for the known key, in the running transaction. */
static enum rc
log_wrap(struct ctx *ctx, struct record *r, struct mint_wrap *wrap, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", r->known.uuid);
    wrap->how = "add";
    mint_write_wrap(&w, "wrap", &r->m, wrap);
    jw_end_obj(&w);
    enum rc rc = log_append(ctx->store, "wrap.added", &body, ctx->entry, err);
    buf_release(&body);
    return rc;
}

/* ---- an adopted password ---- */

/* Control characters, a byte-order mark and what is no UTF-8 have no place in a password that
 * somebody has to type one day. The value is never repeated. */
static enum rc
check_password(const struct secret *s, struct err *err)
{
    const unsigned char *b = s->bytes;
    const char *what = NULL;
    if (s->len > LIMIT_SECRET)
        return err_set(err, RC_BAD_VALUE, "the password is longer than %d bytes", LIMIT_SECRET);
    if (!utf8_is((const char *)b, s->len))
        what = "it is not UTF-8; convert the file, for example with iconv";
    for (size_t i = 0; what == NULL && i < s->len; i++) {
        if (b[i] < 0x20 || b[i] == 0x7f || (b[i] == 0xc2 && b[i + 1] >= 0x80 && b[i + 1] < 0xa0))
            what = "it has a control character in it";
        else if (b[i] == 0xef && b[i + 1] == 0xbb && b[i + 2] == 0xbf)
            what = "it has a byte-order mark in it; save the file without one";
    }
    if (what == NULL)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "the password is not recorded");
    return err_why(err, "%s", what);
}

static enum rc
read_password(struct ctx *ctx, struct record *r, struct err *err)
{
    char what[KEY_NAME_BYTES + 16];
    (void)snprintf(what, sizeof what, "password of %s", r->m.name);
    r->m.form = "bytes";
    r->m.known = 1;
    enum rc rc = ref_read_new(&r->m.payload, opt_get(&ctx->opts, OPT_SECRET), what, err);
    if (rc == RC_OK)
        rc = check_password(r->m.payload, err);
    return rc == RC_OK ? unwrap_form(&r->m.text, r->m.payload, r->m.form, err) : rc;
}

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
add_missing(struct ctx *ctx, struct record *r, struct err *err)
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
    if (rc == RC_OK)
        return log_commit(ctx->store, err);
    log_rollback(ctx->store);
    return rc;
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

/* The newest key of that name, if there is one. */
static enum rc
find_known(struct ctx *ctx, struct record *r, struct err *err)
{
    struct err scratch = ERR_INIT;
    enum rc rc = key_find(ctx->store, r->m.name, &r->known, &scratch);
    r->there = rc == RC_OK;
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        return RC_OK;
    *err = scratch;
    return rc;
}

/* Unwraps once: proves the wrap and gives the value for the check value. */
static enum rc
prove(struct ctx *ctx, struct record *r, struct err *err)
{
    struct mint_wrap *w = &r->m.wraps[0];
    struct kms *kms = NULL;
    struct kms_op op;
    kms_op_init(&op, KMS_UNWRAP, w->root.id);
    op.aad = r->m.aad;
    op.aad_count = r->m.aad_count;
    op.ciphertext = buf_str(&w->ciphertext);
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = err_wrap(err, "proving the wrap under %s", w->root.object.name);
    }
    if (rc == RC_KMS_UNREACHABLE || rc == RC_KMS_MISSING)
        (void)err_hint(err, "to record it unproven: --no-prove");
    if (rc == RC_OK) {
        (void)snprintf(w->version, sizeof w->version, "%s", op.version);
        (void)snprintf(r->fresh_version, sizeof r->fresh_version, "%s", op.fresh_version);
        buf_add(&r->fresh, buf_str(&op.fresh), op.fresh.len);
        r->m.payload = op.plain;
        op.plain = NULL; /* transferred */
        rc = unwrap_form(&r->m.text, r->m.payload, r->m.form, err);
    }
    kms_op_release(&op);
    return rc;
}

struct same_wrap {
    const char *id;
    const char *root;
    int found;
};

static enum rc
look_same(void *arg, const struct wrap *w, struct err *err)
{
    (void)err;
    struct same_wrap *s = arg;
    if (strcmp(w->id, s->id) == 0 && strcmp(w->root, s->root) == 0)
        s->found = 1;
    return RC_OK;
}

static enum rc
have_wrap(struct ctx *ctx, const struct key *key, const struct mint_wrap *w, int *found,
          struct err *err)
{
    char id[HASH_TEXT + 1];
    sha256_hex(id, buf_str(&w->ciphertext), w->ciphertext.len);
    struct same_wrap s = {id, w->root.object.uuid, 0};
    enum rc rc = wrap_each(ctx->store, key->uuid, look_same, &s, err);
    *found = s.found;
    return rc;
}

/* Is the value that of the known key? By its check value, or, unproven, by the very same wrap. */
static enum rc
same_value(struct ctx *ctx, struct record *r, int have, int *same, struct err *err)
{
    struct check_value check;
    int found = 0;
    *same = have;
    enum rc rc = key_check(ctx->store, r->known.uuid, &check, &found, err);
    if (rc != RC_OK || !found || r->m.text == NULL)
        return rc;
    return check_compare(same, &check, r->m.text, r->known.uuid, err);
}

static enum rc
add_fresh(struct record *r, struct err *err)
{
    if (r->fresh.len == 0 || r->m.wrap_count == MINT_WRAPS)
        return RC_OK;
    struct mint_wrap *w = &r->m.wraps[r->m.wrap_count];
    w->root = r->m.wraps[0].root;
    w->how = "refresh";
    (void)snprintf(w->version, sizeof w->version, "%s", r->fresh_version);
    buf_add(&w->ciphertext, buf_str(&r->fresh), r->fresh.len);
    r->m.wrap_count++;
    return buf_check(&w->ciphertext, "the fresh wrap", err);
}

static enum rc
append_key(struct ctx *ctx, struct record *r, struct err *err)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = r->m.text != NULL ? mint_check(&r->m, err) : RC_OK;
    if (rc == RC_OK && r->m.known)
        rc = mint_wrap(ctx, &r->m, err);
    if (rc == RC_OK && r->m.known)
        rc = mint_prove(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = add_fresh(r, err);
    if (rc == RC_OK)
        rc = mint_body(ctx, &r->m, &body, err);
    if (rc == RC_OK)
        rc = session_record(ctx, "key.created", &body, NULL, err);
    buf_release(&body);
    r->created = rc == RC_OK;
    return rc;
}

static enum rc
append_wrap(struct ctx *ctx, struct record *r, struct err *err)
{
    enum rc rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = log_wrap(ctx, r, &r->m.wraps[0], err);
    if (rc == RC_OK)
        return log_commit(ctx->store, err);
    log_rollback(ctx->store);
    return rc;
}

/* The rule of recording twice: the same value is no news, another one is refused unless it is a new
 * generation. */
static enum rc
record_again(struct ctx *ctx, struct record *r, struct err *err)
{
    int have = 0;
    int same = 0;
    enum rc rc = r->m.known ? RC_OK : have_wrap(ctx, &r->known, &r->m.wraps[0], &have, err);
    if (rc == RC_OK)
        rc = same_value(ctx, r, have, &same, err);
    if (rc != RC_OK)
        return rc;
    if (same) {
        (void)snprintf(r->m.uuid, sizeof r->m.uuid, "%s", r->known.uuid);
        if (r->m.known)
            return add_missing(ctx, r, err);
        return have ? RC_OK : append_wrap(ctx, r, err);
    }
    if (opt_has(&ctx->opts, OPT_NEW_GENERATION)) {
        r->m.generation = r->known.generation + 1;
        (void)snprintf(r->m.follows, sizeof r->m.follows, "%s", r->known.uuid);
        return append_key(ctx, r, err);
    }
    (void)err_set(err, RC_EXISTS, "%s@%lld is there already, with %s value", r->known.name,
                  (long long)r->known.generation,
                  r->m.text != NULL ? "another" : "perhaps another");
    if (r->m.text == NULL)
        (void)err_why(err, "without proving, only the very same wrap can be told to be the same");
    return err_hint(
        err,
        "if this is its successor: --new-generation\nif it is another key: choose another name");
}

static enum rc
answer(struct ctx *ctx, const struct record *r, const struct key *key, int released,
       struct err *err)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s %s@%lld   %s\n", r->created ? "recorded   " : "known      ", key->name,
                   (long long)key->generation, key->uuid);
        out_printf(ctx, "proved      %s\n",
                   r->m.text != NULL ? "yes: the wrap opened" : "no (--no-prove)");
        out_printf(ctx, "released    %s\n", released ? "yes" : "no");
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "record");
    jw_bool(&w, "created", r->created);
    jw_bool(&w, "proved", r->m.text != NULL);
    jw_bool(&w, "released", released);
    jw_str(&w, "name", key->name);
    jw_int(&w, "generation", key->generation);
    jw_str(&w, "uuid", key->uuid);
    jw_opt(&w, "entry", ctx->entry);
    jw_end_obj(&w);
    enum rc rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

/* A wrap is under one root key; a password is wrapped under as many as are named. */
static enum rc
read_roots(struct ctx *ctx, struct record *r, int adopt, struct err *err)
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
do_record(struct ctx *ctx, struct record *r, struct err *err)
{
    struct key key;
    int released = 0;
    int adopt = opt_has(&ctx->opts, OPT_SECRET);
    enum rc rc = mint_options(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = read_roots(ctx, r, adopt, err);
    if (rc == RC_OK && !adopt)
        rc = read_form(ctx, &r->m, err);
    if (rc == RC_OK)
        rc = adopt ? read_password(ctx, r, err) : read_wrap(ctx, r, err);
    if (rc == RC_OK)
        rc = find_known(ctx, r, err);
    if (rc == RC_OK && !r->there)
        rc = mint_site_rule(ctx, &r->m, err);
    if (rc == RC_OK && !adopt && !opt_has(&ctx->opts, OPT_NO_PROVE))
        rc = prove(ctx, r, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would record %s\n", r->m.name);
        return RC_OK;
    }
    r->m.origin = strcmp(r->m.form, "bytes") == 0 ? "adopted" : "kms";
    if (rc == RC_OK)
        rc = r->there ? record_again(ctx, r, err) : append_key(ctx, r, err);
    if (rc == RC_OK)
        rc = session_publish(ctx, err);
    if (rc == RC_OK)
        rc = key_find(ctx->store, r->m.uuid, &key, err);
    if (rc == RC_OK)
        rc = mint_release_rule(ctx, &key, &released, err);
    return rc == RC_OK ? answer(ctx, r, &key, released, err) : rc;
}

static enum rc
run_record(struct ctx *ctx, struct err *err)
{
    struct record r = {0};
    mint_init(&r.m);
    buf_init(&r.given, LIMIT_CIPHERTEXT + LIMIT_TEXT);
    buf_init(&r.fresh, LIMIT_CIPHERTEXT);
    enum rc rc = do_record(ctx, &r, err);
    buf_release(&r.given);
    buf_release(&r.fresh);
    mint_release(&r.m);
    return rc;
}

static const struct opt_spec record_options[] = {
    MINT_OPTIONS,
    {OPT_WRAPPED, "wrapped", 0, "REF", 0, "the wrapped key (WDEK): file:PATH, -, ..."},
    {OPT_DESCRIPTION, "description", 0, "REF", 0, "a Veeam description: moniker | WDEK"},
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF,
     "a password in use: file:PATH, prompt, -, ...; it is wrapped now"},
    {OPT_KNOWN_TO, "known-to", 0, "PERSON", OPT_MANY, "who knows the password"},
    {OPT_FORM, "form", 0, "FORM", 0, "base64 (the password is the payload's base64 text) or bytes"},
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
