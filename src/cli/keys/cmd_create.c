/* create, rekey: a new key, or the next generation of one: generated and wrapped by KMSs, proved,
 * recorded, published, and perhaps delivered. */
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/mint.h"
#include "cli/out.h"
#include "cli/reveal/showing.h"
#include "cli/vbr/vbr_config.h"
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
    session_answer(&doc, &w, m != NULL ? m->command : "create");
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
    jw_arr(&w, "owed");
    for (size_t i = 0; m != NULL && i < m->owed_count; i++)
        jw_str(&w, NULL, m->owed[i].object.name);
    jw_end_arr(&w);
    return out_object(ctx, &doc, &w, err);
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
    enum rc rc = key_is_known(ctx->store, name, there, err);
    if (rc == RC_OK && *there)
        rc = key_find(ctx->store, name, key, err); /* which says so when it is ambiguous */
    if (rc != RC_OK || !*there)
        return rc;
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
        rc = mint_look(ctx, m, err);
    if (rc == RC_OK)
        rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = mint_observe(ctx, m, err);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "key.created", &body, ctx->entry, err);
    if (rc == RC_OK)
        rc = officer_link(ctx, m->uuid, m->with, err);
    rc = log_finish(ctx->store, rc, err);
    buf_release(&body);
    return rc;
}

/* key.delivered comes before the first byte: no showing without a record. */
static enum rc
hand_out(struct ctx *ctx, const struct mint *m, struct deliver *d, struct err *err)
{
    struct buf body;
    struct jw w;
    char to[SHOWING_TO];
    enum rc rc = showing_to(ctx, d, to, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", m->uuid);
    jw_str(&w, "to", to);
    jw_bool(&w, "seen", strcmp(to, "tty") == 0 || strcmp(to, "stdout") == 0);
    jw_bool(&w, "allow_unsynced", ctx->unsynced);
    jw_opt(&w, "person", m->who.person);
    jw_end_obj(&w);
    rc = session_record(ctx, "key.delivered", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK) {
        d->title = m->name;
        showing_warn_watched(ctx, d);
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
    if (rc == RC_OK && (d == NULL || d->kind != DELIVER_STDOUT) && !PLANTED("early-ack"))
        rc = answer(ctx, &key, m, 1, released, err);
    if (rc == RC_OK && m->owed_count > 0)
        out_note(ctx, "owed: a wrap under %zu more root key%s", m->owed_count,
                 m->owed_count == 1 ? "" : "s");
    if (rc == RC_OK && d != NULL && released)
        rc = hand_out(ctx, m, d, err);
    if (rc == RC_OK && d != NULL && released)
        rc = session_publish(ctx, err);
    return rc;
}

/* All KMSs are opened before the first wrap, so that an unreachable one costs nothing. */
static enum rc
open_all(struct ctx *ctx, struct mint *m, struct err *err)
{
    struct kms *kms = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++)
        rc = session_kms(ctx, &m->wraps[i].root.kms, &kms, err);
    if (kms_is_away(rc))
        (void)err_hint(err,
                       "to go on without it and owe that wrap: --owe ROOT instead of --root ROOT");
    return rc;
}

static enum rc
find_origin(struct ctx *ctx, struct mint *m, struct err *err)
{
    struct buf provider;
    buf_init(&provider, LIMIT_TEXT);
    enum rc rc = field_get(ctx->store, m->wraps[0].root.kms.uuid, "provider", &provider, NULL, err);
    m->origin = strcmp(buf_str(&provider), "local") == 0 ? "local" : "kms";
    buf_release(&provider);
    return rc;
}

/* The planted fault of that name. */
static enum rc
acknowledge_early(struct ctx *ctx, const struct mint *m, struct err *err)
{
    struct key early = {.generation = 1};
    (void)snprintf(early.name, sizeof early.name, "%s", m->name);
    (void)snprintf(early.uuid, sizeof early.uuid, "%s", m->uuid);
    enum rc rc = answer(ctx, &early, m, 1, 1, err);
    return rc == RC_OK ? out_flush(ctx, err) : rc;
}

static enum rc
make(struct ctx *ctx, struct mint *m, struct deliver *d, struct err *err)
{
    if (ctx->dry_run) {
        out_printf(ctx, "would %s %s@%lld under %zu root key%s\n", m->command, m->name,
                   (long long)m->generation, m->wrap_count, m->wrap_count == 1 ? "" : "s");
        return RC_OK;
    }
    enum rc rc = find_origin(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_wrap(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_prove(ctx, m, err);
    if (rc == RC_OK)
        rc = mint_check(m, err);
    if (rc == RC_OK && PLANTED("early-ack"))
        rc = acknowledge_early(ctx, m, err);
    if (rc == RC_OK)
        rc = store_key(ctx, m, err);
    return rc == RC_OK ? finish(ctx, m, d, err) : rc;
}

/* The configuration backup that used the former generation uses this one from now on. */
static enum rc
push_made(struct ctx *ctx, struct vbr_server *s, const struct mint *m, const struct key *key,
          struct err *err)
{
    struct vbr_pushed p;
    char former[UUID_TEXT + 1] = "";
    int config = 0;
    enum rc rc = m->follows[0] != '\0'
                     ? vbr_delivered_id(ctx->store, m->follows, s->object.uuid, former, err)
                     : RC_OK;
    if (rc == RC_OK)
        rc = vbr_push_key(ctx, s, key, m->text, &p, err);
    if (rc != RC_OK) {
        char ref[KEY_REF];
        return err_hint(err,
                        "the key is made and escrowed; go on with: keymuster vbr push %s --to %s",
                        key_ref_said(ref, ctx->store, key), s->object.name);
    }
    rc = vbr_config_settle(ctx, s, key, former, &p, &config, err);
    vbr_push_tell(ctx, s, &p);
    if (config && !out_is_json(ctx))
        out_field(ctx, "config", "the configuration backup ran with it");
    else if (config)
        out_note(ctx, "the configuration backup of %s ran with it", s->object.name);
    return rc;
}

/* The server is asked before anything is made, and gets the password after a copy has its record.
 */
static enum rc
make_and_push(struct ctx *ctx, struct mint *m, const char *server, struct err *err)
{
    struct vbr_server s = {.vbr = NULL};
    struct key key;
    int released = 0;
    enum rc rc =
        opt_has(&ctx->opts, OPT_CONFIG_BACKUP) ? vbr_config_check(m->purpose, m->name, err) : RC_OK;
    if (rc == RC_OK)
        rc = officer_refuse_push(m->purpose, m->name, err);
    if (rc == RC_OK)
        rc = vbr_server_open(ctx, server, &s, err);
    if (rc == RC_OK)
        rc = make(ctx, m, NULL, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = key_find(ctx->store, m->uuid, &key, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = key_released(ctx->store, &key, &released, err);
    if (rc == RC_OK && (released || (ctx->unsynced && !ctx->dry_run))) {
        rc = push_made(ctx, &s, m, &key, err);
        if (rc == RC_OK)
            rc = session_publish(ctx, err);
        else
            session_publish_rest(ctx);
    }
    vbr_server_close(&s);
    return rc;
}

static enum rc
config_alone(const struct mint *m, struct err *err)
{
    return err_set(err, RC_USAGE, "%s: --config-backup goes with --to vbr:NAME", m->command);
}

/* Checks the destination before anything is made, makes, and hands over. */
static enum rc
make_and_deliver(struct ctx *ctx, struct mint *m, struct err *err)
{
    struct deliver d;
    const char *to = opt_get(&ctx->opts, OPT_TO);
    char handed[SHOWING_TO];
    if ((to == NULL || strncmp(to, "vbr:", 4) == 0) && showing_to(ctx, NULL, handed, err) != RC_OK)
        return err->code;
    if (to == NULL && opt_has(&ctx->opts, OPT_CONFIG_BACKUP))
        return config_alone(m, err);
    if (to == NULL)
        return make(ctx, m, NULL, err);
    if (strncmp(to, "vbr:", 4) == 0)
        return make_and_push(ctx, m, to + 4, err);
    if (opt_has(&ctx->opts, OPT_CONFIG_BACKUP))
        return config_alone(m, err);
    enum rc rc = deliver_parse(&d, to, err);
    if (rc != RC_OK)
        return rc;
    rc = showing_to(ctx, &d, handed, err);
    if (rc == RC_OK)
        rc = deliver_check(&d, err);
    if (rc == RC_OK)
        rc = who_ask(ctx, &m->who, err);
    if (rc == RC_OK)
        rc = make(ctx, m, &d, err);
    deliver_release(&d);
    return rc;
}

static enum rc
answer_there(struct ctx *ctx, const struct key *key, struct err *err)
{
    int released = 0;
    enum rc rc = key_released(ctx->store, key, &released, err);
    return rc == RC_OK ? answer(ctx, key, NULL, 0, released, err) : rc;
}

static enum rc
run_create(struct ctx *ctx, struct err *err)
{
    struct mint m;
    struct key key;
    int there = 0;
    mint_init(&m);
    enum rc rc = mint_options(ctx, &m, err);
    if (rc == RC_OK)
        rc = read_roots(ctx, &m, err);
    if (rc == RC_OK)
        rc = check_free(ctx, m.name, &key, &there, err);
    if (rc == RC_OK && there) {
        rc = answer_there(ctx, &key, err);
    } else if (rc == RC_OK) {
        rc = mint_site_rule(ctx, &m, err);
        if (rc == RC_OK)
            rc = gate_make(ctx, &m, err);
        if (rc == RC_OK)
            rc = open_all(ctx, &m, err);
        if (rc == RC_OK)
            rc = make_and_deliver(ctx, &m, err);
    }
    mint_release(&m);
    return rc;
}

/* ---- rekey ---- */

/* Roots of the former key's wraps, each once, newest wrap first; then those that it still owes. */
struct former_roots {
    char uuid[MINT_WRAPS][UUID_TEXT + 1];
    size_t count;
};

static void
note_root(struct former_roots *f, const char *root)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->uuid[i], root) == 0)
            return;
    }
    if (f->count < MINT_WRAPS)
        (void)snprintf(f->uuid[f->count++], UUID_TEXT + 1, "%s", root);
}

static enum rc
note_wrap(void *arg, const struct wrap *w, struct err *err)
{
    (void)err;
    if (!w->retired)
        note_root(arg, w->root);
    return RC_OK;
}

static enum rc
note_former(struct former_roots *f, const struct ctx *ctx, const struct key *former,
            struct err *err)
{
    struct buf owe;
    struct json *doc = NULL;
    buf_init(&owe, LIMIT_ENTRY);
    enum rc rc = wrap_each(ctx->store, former->uuid, note_wrap, f, err);
    if (rc == RC_OK)
        rc = field_get(ctx->store, former->uuid, "owe", &owe, NULL, err);
    if (rc == RC_OK && owe.len > 0)
        rc = json_parse(&doc, buf_str(&owe), owe.len, "the debts of a key", err);
    for (const struct json *i = json_first(doc); rc == RC_OK && i != NULL; i = json_next(i)) {
        if (json_str(i) != NULL)
            note_root(f, json_str(i));
    }
    json_free(doc);
    buf_release(&owe);
    return rc;
}

/* A root key that can wrap now is used, another is owed. */
static enum rc
reach_root(struct ctx *ctx, struct mint *m, const char *name, struct err *nearest, struct err *err)
{
    struct kms *kms = NULL;
    struct root_info info = {.state = ROOT_UNKNOWN};
    struct err why = ERR_INIT;
    enum rc rc = mint_root(ctx, m, name, "create", err);
    if (rc != RC_OK)
        return rc;
    struct root *root = &m->wraps[m->wrap_count - 1].root;
    enum rc reached = session_kms(ctx, &root->kms, &kms, &why);
    if (reached == RC_OK)
        reached = kms_root_info(kms, root->id, &info, &why);
    if (reached == RC_OK && info.state != ROOT_ACTIVE)
        reached = err_set(&why, RC_ROOT_STATE, "root key %s is %s", root->object.name,
                          root_state_name(info.state));
    if (reached == RC_OK)
        return RC_OK;
    out_warn(ctx, "no wrap under %s now, it is owed: %s%s%s", root->object.name, why.msg,
             why.why[0] != '\0' ? ": " : "", why.why);
    *nearest = why;
    m->owed[m->owed_count++] = *root;
    m->wrap_count--;
    ctx->findings++;
    return RC_OK;
}

static enum rc
reach_roots(struct ctx *ctx, struct mint *m, const struct key *former, struct err *err)
{
    struct former_roots f = {.count = 0};
    struct err nearest = ERR_INIT;
    size_t given = opt_count(&ctx->opts, OPT_ROOT);
    enum rc rc = given == 0 ? note_former(&f, ctx, former, err) : RC_OK;
    if (rc == RC_OK && given > MINT_WRAPS)
        return err_set(err, RC_USAGE, "more than %d root keys for one key", MINT_WRAPS);
    for (size_t i = 0; rc == RC_OK && i < (given > 0 ? given : f.count); i++)
        rc = reach_root(ctx, m, given > 0 ? opt_at(&ctx->opts, OPT_ROOT, i) : f.uuid[i], &nearest,
                        err);
    if (rc != RC_OK || m->wrap_count > 0)
        return rc;
    if (m->owed_count == 0)
        return err_set(err, RC_NOT_FOUND, "%s has no wrap to take the root keys from; give --root",
                       former->name);
    *err = nearest;
    (void)err_hint(err, "under another root key: --root NAME");
    return err_wrap(err, "no root key of %s can be reached", former->name);
}

/* Once a site is marked lost, the rule about where a wrap must be is a finding. */
static enum rc
rekey_site_rule(struct ctx *ctx, const struct mint *m, struct err *err)
{
    struct buf lost;
    buf_init(&lost, 16);
    enum rc rule = mint_site_rule(ctx, m, err);
    if (rule != RC_PURPOSE_SITE)
        return rule;
    struct err scratch = ERR_INIT;
    int conflict = 0; /* while two sites say otherwise, the stricter rule counts */
    enum rc rc = field_get(ctx->store, m->protects_site.uuid, "lost", &lost, &conflict, &scratch);
    int is_lost = rc == RC_OK && !conflict && strcmp(buf_str(&lost), "true") == 0;
    buf_release(&lost);
    if (rc != RC_OK) {
        *err = scratch;
        return rc;
    }
    if (!is_lost)
        return rule;
    out_warn(ctx, "%s", err->msg);
    ctx->findings++;
    return RC_OK;
}

struct standing {
    struct mint *m;
    const struct key *former;
    struct key newest;
};

static enum rc
look_standing(void *arg, const struct key *key, struct err *err)
{
    struct standing *s = arg;
    struct mint *m = s->m;
    s->newest = *key; /* they come by generation */
    if (key->generation != s->former->generation || strcmp(key->uuid, s->former->uuid) == 0)
        return RC_OK;
    if (m->twin_count == MINT_TWINS)
        return err_set(err, RC_AMBIGUOUS, "%s: more than %d keys have generation %lld", key->name,
                       MINT_TWINS + 1, (long long)key->generation);
    memcpy(m->twins[m->twin_count++], key->uuid, sizeof m->twins[0]);
    return RC_OK;
}

/* Only the newest generation is followed; an older one has its successor already. Keys of the same
 * generation, made apart, get the same successor: that settles which is the newest. */
static enum rc
check_newest(struct ctx *ctx, struct mint *m, const struct key *former, struct err *err)
{
    struct standing s = {.m = m, .former = former};
    char ref[KEY_REF];
    enum rc rc = key_each(ctx->store, former->name, look_standing, &s, err);
    if (rc != RC_OK || s.newest.generation == former->generation)
        return rc;
    (void)err_set(err, RC_EXISTS, "%s@%lld has a successor already", former->name,
                  (long long)former->generation);
    return err_hint(err, "the newest is %s@%lld: keymuster rekey %s", s.newest.name,
                    (long long)s.newest.generation, key_ref_said(ref, ctx->store, &s.newest));
}

static enum rc
run_rekey(struct ctx *ctx, struct err *err)
{
    struct mint m;
    struct key former;
    mint_init(&m);
    m.command = "rekey";
    enum rc rc = key_find(ctx->store, opt_arg(&ctx->opts, 0), &former, err);
    if (rc == RC_OK)
        rc = gate_reason(ctx, former.purpose, err);
    if (rc == RC_OK)
        rc = check_newest(ctx, &m, &former, err);
    if (rc == RC_OK)
        rc = mint_follow(ctx, &m, &former, err);
    if (rc == RC_OK)
        rc = reach_roots(ctx, &m, &former, err);
    if (rc == RC_OK)
        rc = rekey_site_rule(ctx, &m, err);
    if (rc == RC_OK)
        rc = make_and_deliver(ctx, &m, err);
    mint_release(&m);
    return rc;
}

/* clang-format off */
static const struct opt_spec create_options[] = {
    MINT_OPTIONS,
    {OPT_OWE, "owe", 0, "ROOT", OPT_MANY, "a root key out of reach: book its wrap as a debt"},
    {OPT_IF_MISSING, "if-missing", 0, NULL, 0, "do nothing when the name is there already"},
    {OPT_TO, "to", 0, "DEST", 0, "hand the password out: -, tty, file:PATH, fd:N, vbr:NAME"},
    HANDOVER_OPTION,
    {OPT_CONFIG_BACKUP, "config-backup", 0, NULL, 0, "with --to vbr:NAME: its configuration backup gets this key and runs"},
    AS_OPTION,
    OPT_END,
};
static const struct opt_spec rekey_options[] = {
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "other root keys than the former generation's"},
    {OPT_SYSTEM, "system", 0, "TEXT", 0, "the backup server that uses it"},
    {OPT_OWNER, "owner", 0, "TEXT", 0, "who is responsible"},
    {OPT_PROTECTS, "protects", 0, "TEXT", 0, "what it encrypts"},
    {OPT_LABEL, "label", 0, "K=V", OPT_MANY, "any label"},
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY,
     "additional authenticated data, once for each string, in order"},
    {OPT_NEEDED_UNTIL, "needed-until", 0, "DATE|DUR", 0, "how long its backups are kept"},
    {OPT_EXPIRES, "expires", 0, "DATE|DUR", 0, "when a successor is due"},
    KMS_OPTIONS,
    {OPT_TO, "to", 0, "DEST", 0, "hand the password out: -, tty, file:PATH, fd:N, vbr:NAME"},
    HANDOVER_OPTION,
    {OPT_CONFIG_BACKUP, "config-backup", 0, NULL, 0, "with --to vbr:NAME: its configuration backup gets this key and runs"},
    AS_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_create_table[] = {
    {NULL, "create", "KEY --purpose PURPOSE --root ROOT [--root ROOT]...",
     "Creates a key, wraps it under root keys, proves each wrap and escrows it.", create_options, 1,
     1, CMD_WRITE, GROUP_EVERY_DAY, run_create,
     "keymuster create vbr/config --purpose config-backup --root mad-main\n"
     "keymuster create vbr/job --purpose backup-job --root fra-main --root mad-main\n"},
    {NULL, "rekey", "KEY [--root ROOT]... [--to DEST]",
     "Makes the next generation of a key, under every root key that can be reached.", rekey_options,
     1, 1, CMD_WRITE, GROUP_EVERY_DAY, run_rekey, "keymuster rekey vbr/config --to tty\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
