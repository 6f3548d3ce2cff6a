/* vbr push|verify|delivered|remove: keys at backup servers. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/officer.h"
#include "cli/keys/recording.h"
#include "cli/out.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "cli/vbr/vbr_config.h"
#include "text/uni.h"

/* ---- which server ---- */

struct only {
    struct object *out;
    size_t count;
};

static enum rc
count_server(void *arg, const struct object *o, struct err *err)
{
    struct only *only = arg;
    (void)err;
    *only->out = *o;
    only->count++;
    return RC_OK;
}

/* NAME, vbr:NAME, or where there is only one, that. */
static enum rc
which_server(struct ctx *ctx, const char *word, struct object *out, struct err *err)
{
    struct only only = {.out = out};
    if (word != NULL)
        return object_find(ctx->store, "vbr", strncmp(word, "vbr:", 4) == 0 ? word + 4 : word, out,
                           err);
    enum rc rc = object_each(ctx->store, "vbr", count_server, &only, err);
    if (rc != RC_OK || only.count == 1)
        return rc;
    (void)err_set(err, RC_USAGE, "%s",
                  only.count == 0 ? "no backup server is known here" : "which backup server?");
    return err_hint(err, only.count == 0
                             ? "keymuster vbr add NAME https://HOST:9419 --credential REF"
                             : "--on NAME; see: keymuster vbr list");
}

static enum rc
open_server(struct ctx *ctx, enum opt_id option, struct vbr_server *out, struct err *err)
{
    struct object o;
    memset(out, 0, sizeof *out);
    enum rc rc = which_server(ctx, opt_get(&ctx->opts, option), &o, err);
    return rc == RC_OK ? vbr_server_open(ctx, o.uuid, out, err) : rc;
}

/* No person sees it, so nobody is asked; without --reason the record says what was done. */
static void
reason_of(const struct ctx *ctx, const char *what, const struct vbr_server *s, struct asker *out)
{
    memset(out, 0, sizeof *out);
    if (ctx->reason != NULL)
        (void)snprintf(out->reason, sizeof out->reason, "%s", ctx->reason);
    else
        (void)snprintf(out->reason, sizeof out->reason, "%s %s", what, s->object.name);
}

static enum rc
check_usage(struct ctx *ctx, struct err *err)
{
    if (ctx->format == OUT_JSON && ctx->opts.arg_count > 1)
        return err_set(err, RC_USAGE, "-o json is one document; for several keys: -o ndjson");
    if (ctx->reason != NULL && text_check(ctx->reason, "--reason", err) != RC_OK)
        return err->code;
    return session_keys_check(ctx, ctx->opts.arg_count, err);
}

/* ---- push ---- */

static enum rc
answer_push(struct ctx *ctx, const struct showing *sh, const struct vbr_server *s,
            const struct vbr_pushed *p, int config, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(ctx)) {
        out_field(ctx, "key", sh->label);
        vbr_push_tell(ctx, s, p);
        out_field(ctx, "config", config ? "the configuration backup ran with it" : "");
        return RC_OK;
    }
    session_answer(&doc, &w, "vbr.push");
    jw_str(&w, "key", sh->key.uuid);
    jw_str(&w, "name", sh->key.name);
    jw_int(&w, "generation", sh->key.generation);
    vbr_push_write(&w, s, p);
    jw_bool(&w, "config_backup", config);
    enum rc rc = out_object(ctx, &doc, &w, err);
    vbr_push_tell(ctx, s, p);
    return rc;
}

static enum rc
push_one(struct ctx *ctx, struct vbr_server *s, const char *ref, struct err *err)
{
    struct showing sh;
    struct asker asker;
    struct vbr_pushed p = {.made = 0};
    int config = opt_has(&ctx->opts, OPT_CONFIG_BACKUP);
    memset(&sh, 0, sizeof sh);
    reason_of(ctx, "push to backup server", s, &asker);
    enum rc rc = session_key(ctx, ref, &sh.key, err);
    if (rc == RC_OK && config)
        rc = vbr_config_check(sh.key.purpose, sh.key.name, err);
    if (rc == RC_OK)
        rc = officer_refuse_push(sh.key.purpose, sh.key.name, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would push %s@%lld to %s\n", sh.key.name, (long long)sh.key.generation,
                   s->object.name);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = showing_open(ctx, &sh, &asker, s->to, err);
    if (rc != RC_OK) {
        showing_release(&sh);
        return rc;
    }
    rc = vbr_push_key(ctx, s, &sh.key, sh.unwrap.text, &p, err);
    showing_close(ctx, &sh, rc == RC_OK ? "delivered" : "failed");
    showing_release(&sh);
    if (rc == RC_OK)
        rc = vbr_config_settle(ctx, s, &sh.key, "", &p, &config, err);
    return rc == RC_OK ? answer_push(ctx, &sh, s, &p, config, err) : rc;
}

static enum rc
each_key(struct ctx *ctx, enum opt_id option,
         enum rc (*fn)(struct ctx *, struct vbr_server *, const char *, struct err *),
         struct err *err)
{
    struct vbr_server s = {.vbr = NULL};
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK)
        rc = showing_memory(ctx, err);
    if (rc == RC_OK)
        rc = open_server(ctx, option, &s, err);
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++) {
        rc = fn(ctx, &s, opt_arg(&ctx->opts, i), err);
        if (rc == RC_OK && out_is_json(ctx) == 0 && i + 1 < ctx->opts.arg_count)
            out_printf(ctx, "\n");
    }
    vbr_server_close(&s);
    if (rc != RC_OK) {
        session_publish_rest(ctx);
        return rc;
    }
    return session_publish(ctx, err);
}

static enum rc
run_push(struct ctx *ctx, struct err *err)
{
    if (opt_has(&ctx->opts, OPT_CONFIG_BACKUP) && ctx->opts.arg_count != 1)
        return err_set(err, RC_USAGE, "vbr push: --config-backup goes with one key");
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK)
        rc = gate_reason_named(ctx, err);
    return rc == RC_OK ? each_key(ctx, OPT_TO, push_one, err) : rc;
}

/* ---- verify ---- */

static enum rc
tell_verdict(struct ctx *ctx, const struct showing *sh, const struct vbr_server *s, const char *id,
             enum vbr_verdict v, struct err *err)
{
    static const char *const words[] = {[VBR_EQUAL] = "equal",
                                        [VBR_DIFFERENT] = "different",
                                        [VBR_UNSURE] = "unsure",
                                        [VBR_LATER] = "later"};
    struct buf doc;
    struct jw w;
    if (v == VBR_DIFFERENT)
        out_warn(ctx, "%s has another password for %s than this escrow", s->object.name, sh->label);
    else if (v == VBR_UNSURE)
        out_warn(ctx, "%s cannot verify a password", s->object.name);
    else if (v == VBR_LATER)
        out_warn(ctx, "%s: too many wrong tries, so it was not asked; again in some minutes",
                 s->object.name);
    ctx->findings += v != VBR_EQUAL;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%-10s  ", words[v]);
        out_text(ctx, sh->label);
        out_printf(ctx, "   %s\n", s->object.name);
        return RC_OK;
    }
    session_answer(&doc, &w, "vbr.verify");
    jw_str(&w, "key", sh->key.uuid);
    jw_str(&w, "name", sh->key.name);
    jw_int(&w, "generation", sh->key.generation);
    jw_str(&w, "server", s->object.name);
    jw_str(&w, "vbr_id", id);
    jw_str(&w, "verdict", words[v]);
    return out_object(ctx, &doc, &w, err);
}

/* Where it was delivered by this escrow, else by its uniqueId. */
static enum rc
find_id(struct ctx *ctx, struct vbr_server *s, const struct key *key, char id[UUID_TEXT + 1],
        struct err *err)
{
    struct vbr_password there;
    int found = 0;
    enum rc rc = vbr_delivered_id(ctx->store, key->uuid, s->object.uuid, id, err);
    if (rc != RC_OK || id[0] != '\0')
        return rc;
    rc = vbr_find(s->vbr, key->uuid, &there, &found, err);
    if (rc == RC_OK && found)
        memcpy(id, there.id, sizeof there.id);
    if (rc == RC_OK && !found) {
        char ref[KEY_REF];
        (void)err_set(err, RC_VBR_GONE, "backup server %s has no password for %s@%lld",
                      s->object.name, key->name, (long long)key->generation);
        rc = err_hint(err, "put it there: keymuster vbr push %s --to %s",
                      key_ref_said(ref, ctx->store, key), s->object.name);
    }
    return rc;
}

/* With the time of the last change there, which is settled by an equal. */
static enum rc
keep_verdict(struct ctx *ctx, struct vbr_server *s, const struct key *key, const char *id,
             enum vbr_verdict v, struct err *err)
{
    static const struct who nobody = {.person = ""};
    struct vbr_password there;
    enum rc rc = vbr_get(s->vbr, id, &there, err);
    if (rc != RC_OK)
        return rc;
    if (v == VBR_EQUAL)
        recording_confirm(ctx, key, &nobody);
    return v == VBR_EQUAL ? vbr_observed(ctx, s, key->uuid, id, "verified", there.modified, err)
                          : vbr_observed(ctx, s, key->uuid, id, "different", "", err);
}

static enum rc
verify_one(struct ctx *ctx, struct vbr_server *s, const char *ref, struct err *err)
{
    struct showing sh;
    struct asker asker;
    char id[UUID_TEXT + 1] = "";
    enum vbr_verdict v = VBR_UNSURE;
    memset(&sh, 0, sizeof sh);
    reason_of(ctx, "verify at backup server", s, &asker);
    enum rc rc = session_key(ctx, ref, &sh.key, err);
    if (rc == RC_OK)
        rc = find_id(ctx, s, &sh.key, id, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would verify %s@%lld at %s\n", sh.key.name, (long long)sh.key.generation,
                   s->object.name);
        return RC_OK;
    }
    if (rc == RC_OK && !vbr_can_verify(s->vbr)) { /* nothing is unwrapped for nothing */
        showing_label(sh.label, &sh.key);
        return tell_verdict(ctx, &sh, s, id, v, err);
    }
    if (rc == RC_OK)
        rc = showing_open(ctx, &sh, &asker, s->to, err);
    if (rc != RC_OK) {
        showing_release(&sh);
        return rc;
    }
    rc = vbr_verify(s->vbr, id, sh.unwrap.text, &v, err);
    showing_close(ctx, &sh, rc == RC_OK ? "verified" : "failed");
    showing_release(&sh);
    if (rc == RC_OK && (v == VBR_EQUAL || v == VBR_DIFFERENT))
        rc = keep_verdict(ctx, s, &sh.key, id, v, err);
    return rc == RC_OK ? tell_verdict(ctx, &sh, s, id, v, err) : rc;
}

static enum rc
run_verify(struct ctx *ctx, struct err *err)
{
    return each_key(ctx, OPT_ON, verify_one, err);
}

/* ---- delivered ---- */

static enum rc
record_one(struct ctx *ctx, const char *ref, const char *to, const char *server, struct err *err)
{
    struct key key;
    struct buf body;
    struct jw w;
    enum rc rc = session_key(ctx, ref, &key, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", key.uuid);
    jw_str(&w, "to", to);
    jw_bool(&w, "seen", 0);
    jw_opt(&w, "vbr", server);
    jw_str(&w, "evidence", opt_get(&ctx->opts, OPT_EVIDENCE));
    jw_opt(&w, "reason", ctx->reason);
    jw_opt(&w, "ticket", ctx->ticket);
    jw_end_obj(&w);
    rc = session_record(ctx, "key.delivered", &body, NULL, err);
    buf_release(&body);
    return rc == RC_OK ? cmd_answer_object(ctx, "vbr.delivered", "key", key.name, key.uuid,
                                           "recorded as delivered:", err)
                       : rc;
}

static enum rc
run_delivered(struct ctx *ctx, struct err *err)
{
    struct object o = {.uuid = ""};
    char to[LIMIT_NAME + 8] = "by hand";
    const char *evidence = opt_get(&ctx->opts, OPT_EVIDENCE);
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK && evidence == NULL) {
        (void)err_set(err, RC_USAGE, "vbr delivered: --evidence is missing");
        rc = err_hint(err, "what shows that it is in use there: a ticket, an event's number");
    }
    if (rc == RC_OK)
        rc = text_check(evidence, "--evidence", err);
    if (rc == RC_OK)
        rc = gate_reason_named(ctx, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_ON)) {
        rc = which_server(ctx, opt_get(&ctx->opts, OPT_ON), &o, err);
        (void)snprintf(to, sizeof to, "vbr:%s", o.name);
    }
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = record_one(ctx, opt_arg(&ctx->opts, i), to, o.uuid, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- remove ---- */

struct destroyed {
    struct ctx *ctx;
    struct vbr_server *s;
    const struct key *key;
    char asked[16][UUID_TEXT + 1];
    size_t count;
};

static enum rc
not_proven(const struct destroyed *d, const char *root, const char *why, struct err *err)
{
    (void)err_set(err, RC_POLICY, "%s@%lld stays at %s: its erasure on purpose is not proven",
                  d->key->name, (long long)d->key->generation, d->s->object.name);
    (void)err_why(err, "root key %s: %s", root, why);
    return err_hint(err, "every root key that ever wrapped it must be destroyed, and its KMS must "
                         "say so itself: keymuster root destroy ROOT");
}

/* What the KMS itself says now; a root key that it merely does not find proves nothing. */
static enum rc
one_root(void *arg, const struct wrap *w, struct err *err)
{
    struct destroyed *d = arg;
    struct root root;
    int known = 0;
    struct root_info info = {.state = ROOT_UNKNOWN};
    struct kms *kms = NULL;
    struct err why = ERR_INIT;
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->asked[i], w->root) == 0)
            return RC_OK;
    }
    if (d->count == sizeof d->asked / sizeof d->asked[0])
        return not_proven(d, w->root, "there are too many of them", err);
    memcpy(d->asked[d->count++], w->root, UUID_TEXT + 1);
    enum rc rc =
        err_unless_found(root_find(d->ctx->store, w->root, &root, &why), &why, &known, err);
    if (rc != RC_OK)
        return rc;
    if (!known)
        return not_proven(d, w->root, why.msg, err);
    rc = session_kms(d->ctx, &root.kms, &kms, &why);
    if (rc == RC_OK)
        rc = kms_root_info(kms, root.id, &info, &why);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc != RC_OK)
        return not_proven(d, root.object.name, why.msg, err);
    if (info.state != ROOT_DESTROYED || info.deleted_ms <= 0)
        return not_proven(d, root.object.name,
                          info.state == ROOT_DESTROYED
                              ? "its KMS does not say when it was destroyed"
                              : root_state_name(info.state),
                          err);
    return RC_OK;
}

/* A configuration backup that uses it would stop. */
static enum rc
not_in_use(struct ctx *ctx, struct vbr_server *s, const struct key *key, const char *id,
           struct err *err)
{
    struct vbr_backup b;
    struct err scratch = ERR_INIT;
    enum rc rc = vbr_backup_get(s->vbr, &b, &scratch);
    int used = rc == RC_OK && b.encrypted && strcmp(b.password, id) == 0;
    vbr_backup_release(&b);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc != RC_OK)
        out_warn(ctx, "whether %s@%lld encrypts the configuration backup of %s is not known: %s",
                 key->name, (long long)key->generation, s->object.name, scratch.msg);
    if (!used)
        return RC_OK;
    (void)err_set(err, RC_POLICY, "%s@%lld encrypts the configuration backup of %s", key->name,
                  (long long)key->generation, s->object.name);
    return err_hint(err, "give it another first: keymuster vbr push KEY --to %s --config-backup",
                    s->object.name);
}

/* That it is not there is what was wanted: the answer to a former removal got lost. */
static enum rc
delete_there(struct ctx *ctx, struct vbr_server *s, const struct key *key, const char *id,
             struct err *err)
{
    struct vbr_password there;
    struct err scratch = ERR_INIT;
    int gone = 0;
    enum rc rc = vbr_delete(s->vbr, id, err);
    if (rc == RC_VBR_GONE) { /* the password, or the call? */
        gone = vbr_get(s->vbr, id, &there, &scratch) == RC_VBR_GONE;
        if (gone) {
            err_clear(err);
            rc = RC_OK;
        }
    }
    return rc == RC_OK ? vbr_observed(ctx, s, key->uuid, id, gone ? "gone" : "removed", "", err)
                       : rc;
}

static enum rc
tell_removed(struct ctx *ctx, const struct key *key, const char *word, struct err *err)
{
    return cmd_answer_object(ctx, "vbr.remove", "key", key->name, key->uuid, word, err);
}

static enum rc
remove_one(struct ctx *ctx, struct vbr_server *s, const char *ref, struct err *err)
{
    struct key key;
    char id[UUID_TEXT + 1] = "", question[KEY_NAME_BYTES + 160];
    struct destroyed d = {.ctx = ctx, .s = s, .key = &key};
    struct err scratch = ERR_INIT;
    int removed = 0;
    enum rc rc = session_key(ctx, ref, &key, err);
    if (rc == RC_OK)
        rc = find_id(ctx, s, &key, id, err);
    enum rc told = rc == RC_VBR_GONE
                       ? vbr_is_removed(ctx->store, key.uuid, s->object.uuid, &removed, &scratch)
                       : RC_OK;
    if (told != RC_OK) {
        *err = scratch;
        return told;
    }
    if (rc == RC_VBR_GONE && removed) {
        err_clear(err);
        return tell_removed(ctx, &key, "removed already:", err);
    }
    if (rc == RC_OK)
        rc = wrap_each(ctx->store, key.uuid, one_root, &d, err);
    if (rc == RC_OK && d.count == 0)
        rc = not_proven(&d, "(none)", "no wrap of it is recorded", err);
    if (rc == RC_OK)
        rc = not_in_use(ctx, s, &key, id, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(question, sizeof question,
                   "Remove %s@%lld from %s? What was encrypted with it can then be read nowhere.",
                   key.name, (long long)key.generation, s->object.name);
    rc = ctx->dry_run ? RC_OK : confirm_word(ctx, key.name, question, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = delete_there(ctx, s, &key, id, err);
    return rc == RC_OK
               ? tell_removed(ctx, &key, ctx->dry_run ? "would be removed:" : "removed:", err)
               : rc;
}

static enum rc
run_remove(struct ctx *ctx, struct err *err)
{
    if (ctx->reason == NULL)
        return err_set(err, RC_NO_REASON, "vbr remove: --reason is missing");
    return each_key(ctx, OPT_ON, remove_one, err);
}

/* clang-format off */
static const struct opt_spec push_options[] = {
    {OPT_TO, "to", 0, "SERVER", 0, "which backup server, where there are several"},
    {OPT_CONFIG_BACKUP, "config-backup", 0, NULL, 0, "sets its configuration backup to this key, runs it, waits"},
    {OPT_ROOT, "root", 0, "ROOT", 0, "only wraps under this root key"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};
static const struct opt_spec verify_options[] = {
    {OPT_ON, "on", 0, "SERVER", 0, "which backup server, where there are several"},
    {OPT_ROOT, "root", 0, "ROOT", 0, "only wraps under this root key"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};
static const struct opt_spec delivered_options[] = {
    {OPT_EVIDENCE, "evidence", 0, "TEXT", 0, "what shows it: a ticket, an event of the server"},
    {OPT_ON, "on", 0, "SERVER", 0, "the backup server that uses it"},
    KEY_AT_OPTION,
    OPT_END,
};
static const struct opt_spec remove_options[] = {
    {OPT_ON, "on", 0, "SERVER", 0, "which backup server, where there are several"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_vbr_key_table[] = {
    {"vbr", "push", "KEY... [--to SERVER] [--config-backup]",
     "Puts a key into a backup server, reads it back, and has it verified there.", push_options, 1,
     -1, CMD_WRITE, GROUP_SET_UP, run_push,
     "keymuster vbr push vbr/config --to vbr-fra --config-backup\n"},
    {"vbr", "verify", "KEY... [--on SERVER]",
     "Asks a backup server whether it holds the very passwords of this escrow.", verify_options, 1,
     -1, CMD_WRITE, GROUP_SET_UP, run_verify, NULL},
    {"vbr", "delivered", "KEY... --evidence TEXT [--on SERVER]",
     "Records that a key is in use at a server that keymuster does not reach.", delivered_options,
     1, -1, CMD_WRITE, GROUP_SET_UP, run_delivered,
     "keymuster vbr delivered vbr/job-sql --evidence \"event 31600 of 2026-11-25\"\n"},
    {"vbr", "remove", "KEY... --reason TEXT [--on SERVER]",
     "Removes a key from a backup server whose root keys were destroyed on purpose.",
     remove_options, 1, -1, CMD_WRITE | CMD_DESTRUCTIVE, GROUP_SET_UP, run_remove, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
