#include "cli/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/notify.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "kms/place.h"
#include "recover/deliver.h"
#include "sys/dir.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/term.h"
#include "text/enc.h"
#include "text/time.h"
#include "vbr/description.h"

/* Everything about one bare wrap. The record goes into ctx->store, or as lines to path. */
struct bare {
    struct ctx *ctx;
    struct deliver deliver;
    struct asker asker;
    struct reveal record;
    struct unwrap unwrap;
    struct buf text; /* as read */
    const char *ciphertext;
    char id[HASH_TEXT + 1];
    const char *form;
    struct crn crn; /* of the root key in an IBM KMS; key "" for a local one */
    char path[PATH_SIZE];
};

/* ---- records without a store ---- */

static enum rc
record_path(char out[PATH_SIZE], struct err *err)
{
    char folder[PATH_SIZE];
    const char *state = env_get("XDG_STATE_HOME");
    const char *home = env_get("HOME");
    enum rc rc;
    if (state != NULL && state[0] == '/')
        rc = path_join(folder, state, "keymuster/recover", err);
    else if (home != NULL && home[0] == '/')
        rc = path_join(folder, home, ".local/state/keymuster/recover", err);
    else
        return err_set(err, RC_NO_RECORD, "neither XDG_STATE_HOME nor HOME says where to keep it");
    if (rc == RC_OK)
        rc = dir_make(folder, 0700, err);
    return rc == RC_OK ? path_join(out, folder, "bare-reveals.ndjson", err) : rc;
}

/* One write and a sync, so that a line is there whole or not at all for the next reader. */
static enum rc
append_line(const char *path, const struct buf *line, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, RC_IO, "opening %s", path);
    enum rc rc = file_write_fd(fd, line->data, line->len, path, err);
    if (rc == RC_OK && fsync(fd) != 0)
        rc = err_errno(err, RC_IO, "syncing %s", path);
    if (close(fd) != 0 && rc == RC_OK)
        rc = err_errno(err, RC_IO, "closing %s", path);
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    return rc == RC_OK ? dir_sync(folder, err) : rc;
}

static void
begin_line(struct buf *line, struct jw *w, const char *kind)
{
    char at[TIME_TEXT + 1];
    const struct actor *actor = actor_get();
    buf_init(line, LIMIT_ENTRY);
    jw_init(w, line);
    time_format(at, clock_now_ms());
    jw_obj(w, NULL);
    jw_str(w, "type", "bare-reveal");
    jw_int(w, "keymuster", 1);
    jw_str(w, "at", at);
    jw_obj(w, "by");
    jw_str(w, "user", actor->user);
    jw_opt(w, "login", actor->login);
    jw_str(w, "host", actor->host);
    jw_opt(w, "from", actor->from);
    jw_end_obj(w);
    jw_str(w, "kind", kind);
    jw_obj(w, "body");
}

static enum rc
end_line(const struct bare *b, struct buf *line, struct jw *w, char *hash, struct err *err)
{
    jw_end_obj(w);
    jw_end_obj(w);
    if (hash != NULL)
        sha256_hex(hash, buf_str(line), line->len);
    buf_addc(line, '\n');
    enum rc rc = buf_check(line, "a record", err);
    if (rc == RC_OK)
        rc = append_line(b->path, line, err);
    buf_release(line);
    return rc;
}

static enum rc
file_intended(struct bare *b, struct err *err)
{
    struct buf line;
    struct jw w;
    begin_line(&line, &w, "reveal.intended");
    jw_str(&w, "wrap", b->id);
    jw_str(&w, "reason", b->record.reason);
    jw_opt(&w, "ticket", b->record.ticket);
    jw_str(&w, "to", b->record.to);
    jw_opt(&w, "terminal", term_name());
    jw_opt(&w, "person", b->record.person);
    if (b->record.unlocked)
        jw_bool(&w, "unlocked_memory", 1);
    jw_opt(&w, "accepted_risk", b->record.accept_risk);
    return end_line(b, &line, &w, b->record.intended, err);
}

static enum rc
file_shown(struct bare *b, struct err *err)
{
    struct buf line;
    struct jw w;
    begin_line(&line, &w, "reveal.shown");
    jw_str(&w, "intended", b->record.intended);
    jw_str(&w, "root", b->unwrap.root);
    jw_str(&w, "wrap", b->id);
    jw_str(&w, "version", b->unwrap.version);
    jw_str(&w, "request", b->unwrap.request);
    jw_bool(&w, "checked", 0);
    return end_line(b, &line, &w, NULL, err);
}

static enum rc
file_closed(struct bare *b, const char *how, struct err *err)
{
    struct buf line;
    struct jw w;
    begin_line(&line, &w, "reveal.closed");
    jw_str(&w, "intended", b->record.intended);
    jw_str(&w, "how", how);
    return end_line(b, &line, &w, NULL, err);
}

static enum rc
no_record(enum rc rc, struct err *err)
{
    if (rc == RC_OK || rc == RC_NO_RECORD)
        return rc;
    struct err cause = *err;
    (void)err_set(err, RC_NO_RECORD, "no record of the showing can be made, so nothing is shown");
    (void)err_why(err, "%s%s%s", cause.msg, cause.why[0] != '\0' ? ": " : "", cause.why);
    return err_hint(err, "set XDG_STATE_HOME to a folder that can be written");
}

static enum rc
record_intended(struct bare *b, struct err *err)
{
    if (b->ctx->store != NULL) {
        enum rc rc = reveal_intended(b->ctx->store, &b->record, err);
        notify_look(b->ctx);
        return rc;
    }
    return no_record(file_intended(b, err), err);
}

static enum rc
record_shown(struct bare *b, struct err *err)
{
    if (b->ctx->store != NULL)
        return reveal_shown(b->ctx->store, &b->record, &b->unwrap, err);
    return no_record(file_shown(b, err), err);
}

static void
record_closed(struct bare *b, const char *how)
{
    struct err failed = ERR_INIT;
    enum rc rc = b->ctx->store != NULL ? reveal_closed(b->ctx->store, &b->record, how, &failed)
                                       : file_closed(b, how, &failed);
    if (rc != RC_OK)
        out_warn(b->ctx, "how it ended could not be recorded: %s", failed.msg);
}

/* A store that is there but cannot be used must not stop this: then the lines. */
static enum rc
find_place(struct bare *b, struct err *err)
{
    struct ctx *ctx = b->ctx;
    struct err failed = ERR_INIT;
    enum rc rc = session_open(ctx, &failed);
    if (rc == RC_OK)
        return RC_OK;
    session_close(ctx);
    if (rc == RC_NO_STORE && ctx->store_dir != NULL) {
        *err = failed; /* named, and not there: a mistake */
        return rc;
    }
    if (rc != RC_NO_STORE)
        out_warn(ctx, "the store cannot take the record: %s", failed.msg);
    rc = no_record(record_path(b->path, err), err);
    if (rc == RC_OK)
        out_note(ctx, "the record goes to %s", b->path);
    return rc;
}

/* ---- the wrap ---- */

static enum rc
check_crn(const struct opts *o, struct crn *crn, const char *root, struct err *err)
{
    if (crn_parse(crn, root) != 0 || crn->key[0] == '\0') {
        (void)err_set(err, RC_BAD_VALUE, "--root is not the CRN of a key");
        return err_hint(err, "crn:v1:bluemix:public:kms:REGION:a/ACCOUNT:INSTANCE:key:KEY");
    }
    if (opt_count(o, OPT_CREDENTIAL) != 1 || opt_has(o, OPT_KMS_FILE)) {
        (void)err_set(err, RC_USAGE, "reveal: --wrapped and a CRN need one --credential");
        return err_hint(err, "--credential REF   an API key with the role Reader on the instance");
    }
    return RC_OK;
}

static enum rc
check_usage(const struct ctx *ctx, struct bare *b, struct err *err)
{
    const struct opts *o = &ctx->opts;
    const char *root = opt_get(o, OPT_ROOT);
    b->form = opt_get(o, OPT_FORM);
    if (b->form == NULL)
        b->form = "base64";
    if (o->arg_count > 0 || opt_has(o, OPT_FROM) || opt_has(o, OPT_AT) || opt_has(o, OPT_UNTIL))
        return err_set(err, RC_USAGE, "reveal: --wrapped excludes a key, --at, --until and --from");
    if (strcmp(b->form, "base64") != 0 && strcmp(b->form, "bytes") != 0)
        return err_set(err, RC_USAGE, "--form is base64 or bytes");
    if (root == NULL)
        return err_set(err, RC_USAGE, "reveal: --wrapped needs --root, the root key's CRN or id");
    if (opt_count(o, OPT_AAD) > LIMIT_AAD_COUNT)
        return err_set(err, RC_USAGE, "--aad: at most %d", LIMIT_AAD_COUNT);
    if (strncmp(root, "crn:", 4) == 0)
        return check_crn(o, &b->crn, root, err);
    if (opt_count(o, OPT_KMS_FILE) != 1 || opt_count(o, OPT_CREDENTIAL) != 1) {
        (void)err_set(err, RC_USAGE, "reveal: --wrapped needs one --kms-file and one --credential");
        return err_hint(err, "--kms-file PATH   the local KMS\n--credential REF   its passphrase\n"
                             "a root key in an IBM KMS is named by its CRN");
    }
    return RC_OK;
}

/* Takes a whole description, too: what stands after its last " | " is the wrap. */
static enum rc
read_wrap(struct bare *b, struct err *err)
{
    static const char blanks[] = " \t\r\n";
    enum rc rc = ref_read_open(&b->text, opt_get(&b->ctx->opts, OPT_WRAPPED), "the wrap", err);
    if (rc != RC_OK)
        return rc;
    char *start = b->text.data;
    if (start == NULL)
        return err_set(err, RC_BAD_VALUE, "the wrap is empty");
    long cut = description_cut(start, strlen(start));
    start += cut < 0 ? 0 : cut + 3;
    start += strspn(start, blanks);
    size_t len = strlen(start);
    while (len > 0 && strchr(blanks, start[len - 1]) != NULL)
        start[--len] = '\0';
    b->ciphertext = start;
    rc = kms_wrap_check(start, err);
    sha256_hex(b->id, start, len);
    return rc;
}

/* PATH or NAME=PATH, REF or NAME=REF: there is one KMS only, whatever its name. */
static const char *
after_name(const char *text)
{
    const char *equals = strchr(text, '=');
    return equals != NULL && strcspn(text, "/:") > (size_t)(equals - text) ? equals + 1 : text;
}

static enum rc
open_kms(const struct bare *b, struct kms **out, struct err *err)
{
    const struct ctx *ctx = b->ctx;
    const struct opts *o = &ctx->opts;
    struct secret *credential = NULL;
    char place[URL_TEXT + 1];
    int remote = b->crn.key[0] != '\0';
    int named = opt_has(o, OPT_ENDPOINT);
    struct kms_config config = {.provider = remote ? "ibm" : "local",
                                .name = remote ? b->crn.instance : "local",
                                .timeout_ms = ctx->timeout_ms};
    place_of_crn(place, &b->crn);
    if (remote) {
        config.endpoint = named ? after_name(opt_get(o, OPT_ENDPOINT)) : place;
        config.instance = b->crn.instance;
        config.iam = opt_has(o, OPT_IAM) ? after_name(opt_get(o, OPT_IAM)) : NULL;
        config.ca = opt_has(o, OPT_CA) ? after_name(opt_get(o, OPT_CA)) : NULL;
    } else {
        config.file = after_name(opt_get(o, OPT_KMS_FILE));
    }
    enum rc rc = kms_may_ask(&config, named, err);
    if (rc == RC_OK)
        rc = ref_read(&credential, after_name(opt_get(o, OPT_CREDENTIAL)),
                      remote ? "the API key" : "passphrase of the local KMS", err);
    config.credential = credential;
    if (rc == RC_OK)
        rc = kms_open(out, &config, err);
    secret_free(credential);
    return rc;
}

static enum rc
unwrap(struct bare *b, struct err *err)
{
    const char *aad[LIMIT_AAD_COUNT];
    const struct opts *o = &b->ctx->opts;
    struct unwrap *u = &b->unwrap;
    struct kms *kms = NULL;
    struct kms_op op;
    kms_op_init(&op, KMS_UNWRAP, opt_get(o, OPT_ROOT));
    op.ciphertext = b->ciphertext;
    op.aad_count = opt_count(o, OPT_AAD);
    op.aad = aad;
    for (size_t i = 0; i < op.aad_count; i++)
        aad[i] = opt_at(o, OPT_AAD, i);
    enum rc rc = open_kms(b, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = op.rc;
    }
    if (rc == RC_OK)
        rc = unwrap_form(&u->text, op.plain, b->form, err);
    (void)snprintf(u->root, sizeof u->root, "%s",
                   b->crn.key[0] != '\0' ? b->crn.key : opt_get(o, OPT_ROOT));
    memcpy(u->wrap, b->id, sizeof u->wrap);
    memcpy(u->version, op.version, sizeof u->version);
    memcpy(u->request, op.request, sizeof u->request);
    kms_op_release(&op);
    kms_close(kms);
    return rc;
}

/* ---- all of it ---- */

static enum rc
answer(struct bare *b, struct err *err)
{
    struct ctx *ctx = b->ctx;
    struct buf doc;
    struct jw w;
    out_note(ctx,
             "handed out; nothing proves that it is the right value. Somebody has seen it now, "
             "so a new password must follow");
    if (!out_is_json(ctx))
        return RC_OK;
    session_answer(&doc, &w, "reveal");
    jw_null(&w, "key");
    jw_str(&w, "root", b->unwrap.root);
    jw_str(&w, "wrap", b->id);
    jw_bool(&w, "checked", 0);
    jw_str(&w, "to", b->record.to);
    jw_str(&w, "intended", b->record.intended);
    return out_object(ctx, &doc, &w, err);
}

/* From the first record to the last. */
static enum rc
hand_over(struct bare *b, struct err *err)
{
    char how[600] = "closed";
    enum rc rc = record_intended(b, err);
    if (rc != RC_OK)
        return rc;
    if (b->ctx->store != NULL)
        memcpy(b->ctx->entry, b->record.intended, sizeof b->ctx->entry);
    rc = unwrap(b, err);
    if (rc == RC_OK && signals_pending())
        rc = err_set(err, RC_INTERRUPTED, "interrupted; nothing was handed out");
    if (rc == RC_OK)
        rc = record_shown(b, err);
    int given = rc == RC_OK;
    if (given) {
        b->deliver.title = "a wrap";
        rc = deliver_give(&b->deliver, b->unwrap.text, err);
    }
    if (rc != RC_OK)
        (void)snprintf(how, sizeof how, "failed: %s", err->msg);
    record_closed(b, how);
    if (rc != RC_OK && given) {
        memcpy(err->entry, b->record.intended, sizeof err->entry);
        rc = err->code = RC_OUTPUT_FAILED;
    }
    return rc == RC_OK ? answer(b, err) : rc;
}

static enum rc
prepare(struct bare *b, struct err *err)
{
    struct ctx *ctx = b->ctx;
    enum rc rc = check_usage(ctx, b, err);
    if (rc == RC_OK)
        rc = deliver_parse(&b->deliver, opt_get(&ctx->opts, OPT_TO), err);
    if (rc == RC_OK)
        rc = read_wrap(b, err);
    if (rc == RC_OK)
        rc = deliver_check(&b->deliver, err);
    if (rc == RC_OK)
        rc = showing_ask_reason(ctx, &b->asker, err);
    if (rc == RC_OK)
        rc = showing_memory(ctx, err);
    if (rc != RC_OK)
        return rc;
    b->record = (struct reveal){.wrap = b->id,
                                .reason = b->asker.reason,
                                .ticket = ctx->ticket,
                                .to = deliver_word(&b->deliver),
                                .person = opt_get(&ctx->opts, OPT_AS),
                                .unlocked = secret_unlocked(),
                                .accept_risk = ctx->accept_risk};
    return RC_OK;
}

enum rc
bare_reveal(struct ctx *ctx, struct err *err)
{
    struct bare b = {.ctx = ctx, .deliver = {.folder_fd = -1, .fd = -1}};
    struct err later = ERR_INIT;
    buf_init(&b.text, LIMIT_CIPHERTEXT + LIMIT_TEXT);
    enum rc rc = prepare(&b, err);
    if (rc != RC_OK || ctx->dry_run)
        goto out;
    rc = find_place(&b, err);
    if (rc != RC_OK)
        goto out;
    if (b.deliver.kind == DELIVER_STDOUT)
        ctx->out_fd = 2; /* standard output has exactly the secret's bytes */
    showing_warn_watched(ctx, &b.deliver);
    rc = hand_over(&b, err);
    if (ctx->store != NULL && rc != RC_INTERRUPTED && session_publish(ctx, &later) != RC_OK)
        out_warn(ctx, "%s", later.msg);
out:
    unwrap_release(&b.unwrap);
    deliver_release(&b.deliver);
    buf_release(&b.text);
    return rc;
}
