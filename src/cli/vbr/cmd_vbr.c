/* vbr add|set|list|show|test: backup servers and this machine's bindings to them. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/keys/kms_conf.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "cli/vbr/vbr_server.h"
#include "crypt/hash.h"
#include "net/url.h"
#include "text/uni.h"

/* ---- add, set ---- */

/* --ca and --pin, one of them; and the address. */
static enum rc
take_words(struct ctx *ctx, const char *url, struct vbr_words *w, struct err *err)
{
    struct url parsed;
    const char *ca = opt_get(&ctx->opts, OPT_CA);
    w->pin = opt_get(&ctx->opts, OPT_PIN);
    w->credential = opt_get(&ctx->opts, OPT_CREDENTIAL);
    if (ca != NULL && w->pin != NULL)
        return err_set(err, RC_USAGE, "--ca and --pin exclude each other");
    enum rc rc = w->pin != NULL ? vbr_pin_check(w->pin, err) : RC_OK;
    if (rc == RC_OK && ca != NULL)
        rc = path_absolute(w->ca, ca, err);
    if (rc == RC_OK && url != NULL)
        rc = url_parse(&parsed, url, "the address", err);
    if (rc == RC_OK && url != NULL)
        (void)snprintf(w->url, sizeof w->url, "%s", parsed.base);
    return rc;
}

static enum rc
bind_here(struct ctx *ctx, const struct object *o, const struct vbr_words *w, struct err *err)
{
    struct store *s = ctx->store;
    char name[LIMIT_NAME + 1];
    int kept = 0;
    enum rc rc = RC_OK;
    conf_section(s, "vbr", o, name);
    if (w->url[0] != '\0')
        rc = store_conf_set(s, "vbr", name, "endpoint", w->url, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_CA))
        rc = store_conf_set(s, "vbr", name, "ca", w->ca, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_PIN))
        rc = store_conf_set(s, "vbr", name, "pin", opt_get(&ctx->opts, OPT_PIN), err);
    /* One takes the place of the other. */
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_CA) && store_conf(s, "vbr", name, "pin") != NULL)
        rc = store_conf_set(s, "vbr", name, "pin", NULL, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_CREDENTIAL)) {
        const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
        rc = session_keep_credential(ctx, "vbr", name, "credential", ref, &kept, err);
        if (rc == RC_OK && !kept)
            out_note(ctx,
                     "%s can be read only once, so it is not kept; later: keymuster vbr set %s "
                     "--credential REF",
                     ref, name);
    }
    return rc == RC_OK ? conf_own(s, "vbr", o, name, err) : rc;
}

static void
write_added(struct buf *body, const struct ctx *ctx, const char *uuid, const struct object *site,
            const struct vbr_words *w)
{
    struct jw j;
    buf_init(body, LIMIT_BODY);
    jw_init(&j, body);
    jw_obj(&j, NULL);
    jw_str(&j, "uuid", uuid);
    jw_str(&j, "name", w->name);
    jw_opt(&j, "site", site->uuid);
    jw_str(&j, "endpoint", w->url);
    jw_opt(&j, "kept_at", opt_get(&ctx->opts, OPT_KEPT_AT));
    jw_end_obj(&j);
}

static enum rc
check_add(struct ctx *ctx, struct vbr_words *w, struct object *site, struct err *err)
{
    const char *where = opt_get(&ctx->opts, OPT_SITE);
    const char *kept = opt_get(&ctx->opts, OPT_KEPT_AT);
    enum rc rc = cmd_new_name(ctx, "vbr", w->name, err);
    if (rc == RC_OK)
        rc = take_words(ctx, opt_arg(&ctx->opts, 1), w, err);
    if (rc == RC_OK && w->credential == NULL) {
        (void)err_set(err, RC_USAGE, "vbr add: --credential is missing");
        return err_hint(err,
                        "where USER:PASSWORD is: --credential file:PATH, command:ARGV, prompt");
    }
    if (rc == RC_OK && kept != NULL)
        rc = text_check(kept, "--kept-at", err);
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", where != NULL ? where : ctx->store->site, site, err);
    return rc;
}

/* --offline binds without trying. */
static enum rc
try_it(struct ctx *ctx, const struct vbr_words *w, struct err *err)
{
    struct vbr *vbr = NULL;
    enum rc rc = ctx->dry_run ? RC_OK : vbr_words_try(ctx, w, &vbr, err);
    if (rc == RC_VBR_UNREACHABLE)
        (void)err_hint(err, "to bind it without trying it now: --offline");
    vbr_close(vbr);
    return rc;
}

static enum rc
run_add(struct ctx *ctx, struct err *err)
{
    struct vbr_words w = {.name = opt_arg(&ctx->opts, 0)};
    struct object site = {.kind = "site"};
    struct object o = {.kind = "vbr"};
    struct buf body;
    enum rc rc = check_add(ctx, &w, &site, err);
    if (rc == RC_OK)
        rc = try_it(ctx, &w, err);
    if (rc != RC_OK)
        return rc;
    random_uuid(o.uuid);
    (void)snprintf(o.name, sizeof o.name, "%s", w.name);
    write_added(&body, ctx, o.uuid, &site, &w);
    rc = session_record(ctx, "vbr.added", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK && !ctx->dry_run)
        rc = bind_here(ctx, &o, &w, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "vbr.add", "backup server", w.name, o.uuid, "added", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* The address in the log, where another one or two of them stand there. */
static enum rc
record_address(struct ctx *ctx, const struct object *o, const char *url, struct err *err)
{
    struct buf v;
    struct jw w;
    int conflict = 0;
    buf_init(&v, LIMIT_BODY);
    enum rc rc = field_get(ctx->store, o->uuid, "endpoint", &v, &conflict, err);
    if (rc != RC_OK || (!conflict && strcmp(buf_str(&v), url) == 0)) {
        buf_release(&v);
        return rc;
    }
    buf_clear(&v);
    jw_init(&w, &v);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", o->uuid);
    jw_obj(&w, "set");
    jw_obj(&w, "endpoint");
    jw_str(&w, "value", url);
    jw_opt(&w, "reason", ctx->reason);
    rc = field_supersedes(ctx->store, o->uuid, "endpoint", &w, err);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(ctx, "vbr.changed", &v, NULL, err);
    buf_release(&v);
    return rc;
}

/* What is not given now is as it was bound. */
static void
add_bound(const struct ctx *ctx, const struct object *o, struct vbr_words *w)
{
    const struct store *s = ctx->store;
    const char *url = conf_value(s, "vbr", o, "endpoint");
    const char *ca = conf_value(s, "vbr", o, "ca");
    if (w->url[0] == '\0')
        (void)snprintf(w->url, sizeof w->url, "%s", url != NULL ? url : "");
    if (w->pin == NULL && w->ca[0] == '\0')
        w->pin = conf_value(s, "vbr", o, "pin");
    if (w->pin == NULL && w->ca[0] == '\0')
        (void)snprintf(w->ca, sizeof w->ca, "%s", ca != NULL ? ca : "");
    if (w->credential == NULL)
        w->credential = conf_value(s, "vbr", o, "credential");
}

static enum rc
run_set(struct ctx *ctx, struct err *err)
{
    struct object o;
    struct vbr_words w = {.name = o.name};
    const char *url = opt_arg(&ctx->opts, 1);
    int any = url != NULL || opt_has(&ctx->opts, OPT_CREDENTIAL) || opt_has(&ctx->opts, OPT_CA) ||
              opt_has(&ctx->opts, OPT_PIN);
    enum rc rc = object_find(ctx->store, "vbr", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK && !any)
        rc = err_set(err, RC_USAGE,
                     "vbr set: nothing to set; give a URL, --credential, --ca or --pin");
    if (rc == RC_OK)
        rc = take_words(ctx, url, &w, err);
    if (rc != RC_OK)
        return rc;
    add_bound(ctx, &o, &w);
    if (w.url[0] == '\0' || w.credential == NULL) {
        (void)err_set(err, RC_USAGE, "vbr set: %s is missing",
                      w.url[0] == '\0' ? "the address" : "--credential");
        return err_hint(err, "keymuster vbr set %s https://HOST:9419 --credential REF", o.name);
    }
    rc = try_it(ctx, &w, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = bind_here(ctx, &o, &w, err);
    if (rc == RC_OK && url != NULL)
        rc = record_address(ctx, &o, w.url, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "vbr.set", "backup server", o.name, o.uuid, "bound here:", err);
    return rc == RC_OK && ctx->entry[0] != '\0' ? session_publish(ctx, err) : rc;
}

/* ---- list ---- */

static enum rc
list_one(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    const struct store *store = l->ctx->store;
    struct buf v;
    char site[LIMIT_NAME + 1];
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = object_site_name(store, o->uuid, site, err);
    if (rc == RC_OK)
        rc = field_get(store, o->uuid, "endpoint", &v, NULL, err);
    int bound = conf_value(store, "vbr", o, "credential") != NULL;
    if (rc == RC_OK && l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_opt(l->w, "site", site);
        jw_opt(l->w, "endpoint", buf_str(&v));
        jw_bool(l->w, "bound", bound);
        jw_end_obj(l->w);
    } else if (rc == RC_OK) {
        const char *cells[] = {o->name, site, buf_str(&v), bound ? "yes" : "no credential"};
        rc = cmd_table_row(l->table, cells, 4, err);
    }
    buf_release(&v);
    return rc;
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"BACKUP SERVER", "SITE", "ADDRESS", "BOUND HERE", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "vbr.list", "vbr", titles, list_one, err);
}

/* ---- test ---- */

struct tested {
    struct vbr_info info;
    int64_t passwords;
    struct vbr_backup backup;
    int knows_backup;
};

static enum rc
count_one(void *arg, const struct vbr_password *p, struct err *err)
{
    struct tested *t = arg;
    (void)p;
    (void)err;
    t->passwords++;
    return RC_OK;
}

/* What this account may not see is left out. */
static enum rc
look(struct vbr *vbr, struct tested *t, struct err *err)
{
    struct err scratch = ERR_INIT;
    enum rc rc = vbr_each(vbr, count_one, t, err);
    if (rc == RC_OK && vbr_info(vbr, &t->info, &scratch) != RC_OK &&
        scratch.code != RC_VBR_FORBIDDEN) {
        *err = scratch;
        rc = err->code;
    }
    if (rc == RC_OK)
        t->knows_backup = vbr_backup_get(vbr, &t->backup, &scratch) == RC_OK;
    if (rc == RC_OK && !t->knows_backup && scratch.code != RC_VBR_FORBIDDEN) {
        *err = scratch;
        rc = err->code;
    }
    return rc;
}

static void
judge(struct ctx *ctx, const struct vbr *vbr, const struct tested *t)
{
    if (!vbr_can_verify(vbr)) {
        out_warn(ctx, "this server cannot verify a password: what is pushed stays unconfirmed");
        ctx->findings++;
    }
    if (t->knows_backup && !t->backup.encrypted) {
        out_warn(ctx, "%s",
                 t->passwords > 0
                     ? "its configuration backup is not encrypted: with a password in the list it "
                       "no longer runs, until it is given a key: keymuster vbr push KEY --to NAME "
                       "--config-backup"
                     : "its configuration backup is not encrypted: it holds no credentials, and "
                       "the first password stops it until it is given a key");
        ctx->findings++;
    }
    if (!t->knows_backup)
        out_note(ctx, "this account may not see the configuration backup's settings");
}

static enum rc
run_test(struct ctx *ctx, struct err *err)
{
    struct vbr_server s;
    struct tested t = {.passwords = 0};
    struct buf doc;
    struct jw w;
    enum rc rc = vbr_server_open(ctx, opt_arg(&ctx->opts, 0), &s, err);
    if (rc == RC_OK)
        rc = look(s.vbr, &t, err);
    if (rc == RC_OK && out_is_json(ctx)) {
        session_answer(&doc, &w, "vbr.test");
        jw_str(&w, "name", s.object.name);
        jw_bool(&w, "reachable", 1);
        jw_str(&w, "rest", vbr_version(s.vbr));
        jw_opt(&w, "build", t.info.build);
        jw_int(&w, "passwords", t.passwords);
        jw_bool(&w, "verify", vbr_can_verify(s.vbr));
        if (t.knows_backup) {
            jw_bool(&w, "config_encrypted", t.backup.encrypted);
            jw_opt(&w, "config_password", t.backup.encrypted ? t.backup.password : "");
        }
        rc = out_object(ctx, &doc, &w, err);
    } else if (rc == RC_OK) {
        out_printf(ctx, "%s answers: REST %s, %lld encryption password%s\n", s.object.name,
                   vbr_version(s.vbr), (long long)t.passwords, t.passwords == 1 ? "" : "s");
        out_field(ctx, "build", t.info.build);
        out_field(ctx, "verify", vbr_can_verify(s.vbr) ? "yes" : "no");
        if (t.knows_backup)
            out_field(ctx, "config", t.backup.encrypted ? "encrypted" : "not encrypted");
    }
    if (rc == RC_OK)
        judge(ctx, s.vbr, &t);
    vbr_backup_release(&t.backup);
    vbr_server_close(&s);
    return rc;
}

/* clang-format off */
static const struct opt_spec add_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF, "where USER:PASSWORD is: file:PATH, prompt, ..."},
    {OPT_CA, "ca", 0, "FILE", 0, "certificates that vouch for it, not the system's"},
    {OPT_PIN, "pin", 0, "sha256//BASE64", 0, "its public key, instead of what vouches for it"},
    {OPT_SITE, "site", 0, "SITE", 0, "where it stands (default: this one)"},
    {OPT_KEPT_AT, "kept-at", 0, "TEXT", 0, "where people keep that login"},
    OPT_END,
};
static const struct opt_spec set_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF, "where USER:PASSWORD is: file:PATH, prompt, ..."},
    {OPT_CA, "ca", 0, "FILE", 0, "certificates that vouch for it, not the system's"},
    {OPT_PIN, "pin", 0, "sha256//BASE64", 0, "its public key, instead of what vouches for it"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_vbr_table[] = {
    {"vbr", "add",
     "NAME URL --credential REF [--ca FILE|--pin HASH] [--site SITE] [--kept-at TEXT]",
     "Adds a Veeam backup server, tries its REST API, and binds its login on this machine.",
     add_options, 2, 2, CMD_WRITE, GROUP_SET_UP, run_add,
     "keymuster vbr add vbr-fra https://vbr-fra.example.net:9419 --ca vbr.pem \\\n"
     "    --credential file:/etc/keymuster/vbr-fra.login\n"},
    {"vbr", "set", "NAME [URL] [--credential REF] [--ca FILE|--pin HASH]",
     "Binds a backup server that the log knows on this machine.", set_options, 1, 2, CMD_WRITE,
     GROUP_SET_UP, run_set, "keymuster vbr set vbr-fra --credential prompt\n"},
    {"vbr", "list", "", "Lists the backup servers.", NULL, 0, 0, CMD_READ, GROUP_SET_UP, run_list,
     NULL},
    {"vbr", "test", "NAME", "Tries whether a backup server answers, and what is amiss there.", NULL,
     1, 1, CMD_READ, GROUP_SET_UP, run_test, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
