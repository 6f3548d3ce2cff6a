/* person add|set|list|left: who acts behind the accounts, with which key they approve, and that
 * they have left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/people/person_duties.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "escrow/store_key.h"
#include "sys/file.h"
#include "text/time.h"
#include "text/uni.h"

/* What the command line says of a person. */
struct given {
    struct ctx *ctx;
    const char *role;
    char key[SIGN_PUBLIC_TEXT + 1]; /* "": none */
    char file[PATH_SIZE];           /* --new-key: the secret key's place */
    const char *uuid;               /* of the person; "" for a new one */
};

/* ---- keys ---- */

static enum rc
bad_key(const char *ref, int secret, struct err *err)
{
    if (secret) {
        (void)err_set(err, RC_BAD_VALUE, "--key: %.200s is a secret key", ref);
        return err_hint(err, "the public one is wanted, in the file beside it (.pub)");
    }
    (void)err_set(err, RC_BAD_VALUE, "--key: %.200s is no public key of minisign", ref);
    return err_hint(err,
                    "a file made by minisign -G, or its second line; or make one: --new-key FILE");
}

/* Whether a word is a key rather than the name of a file, perhaps a secret one: not to be repeated.
 */
static int
seems_key(const char *word)
{
    static const char base64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t len = strlen(word);
    return len > SIGN_PUBLIC_TEXT && strspn(word, base64) == len && file_exists(word) != 1;
}

static enum rc
read_key(struct given *g, const char *ref, struct err *err)
{
    struct buf text;
    int what = person_key_parse(g->key, ref, strlen(ref));
    if (what == 0)
        return RC_OK;
    if (seems_key(ref)) {
        (void)err_set(err, RC_SECRET_LITERAL, "--key: what is given is no public key");
        (void)err_why(err, "if it is a secret one, it has been seen here by now: make another");
        return err_hint(err,
                        "the public one is wanted: the file that ends in .pub, or its second line");
    }
    buf_init(&text, 4096);
    enum rc rc = file_read(&text, ref, err);
    if (rc == RC_OK) {
        what = person_key_parse(g->key, buf_str(&text), text.len);
        if (what != 0)
            rc = bad_key(ref, what == -2, err);
    } else if (rc != RC_INTERRUPTED && rc != RC_NO_MEMORY) {
        (void)err_wrap(err, "--key");
        rc = err->code = RC_BAD_VALUE;
    }
    buf_release(&text);
    return rc;
}

static enum rc
look_key(void *arg, const struct person *p, struct err *err)
{
    const struct given *g = arg;
    if (strcmp(p->public_key, g->key) != 0 || strcmp(p->object.uuid, g->uuid) == 0)
        return RC_OK;
    (void)err_set(err, RC_EXISTS, "this key is that of %s already", p->object.name);
    return err_hint(err, "a key tells one person from another: each has one of their own");
}

/* The pair, sealed; the file is the person's to take away. */
static enum rc
make_key(struct given *g, const struct secret *passphrase, struct err *err)
{
    struct sign_public pub;
    enum rc rc = key_file_make(g->file, passphrase, &pub, err);
    if (rc == RC_OK)
        memcpy(g->key, pub.text, sizeof g->key);
    return rc;
}

static enum rc
new_key(struct given *g, struct err *err)
{
    const struct opts *o = &g->ctx->opts;
    const char *ref = opt_get(o, OPT_CREDENTIAL);
    struct secret *passphrase = NULL;
    enum rc rc = path_absolute(g->file, opt_get(o, OPT_NEW_KEY), err);
    if (rc == RC_OK && file_exists(g->file) != 0) {
        (void)err_set(err, RC_EXISTS, "%s exists", g->file);
        return err_hint(err, "a key is a new file; nothing is written over");
    }
    if (rc != RC_OK || g->ctx->dry_run)
        return rc;
    rc = ref_read_new(&passphrase, ref != NULL ? ref : "prompt", "passphrase of the person's key",
                      err);
    if (rc == RC_OK && passphrase->len > LIMIT_PASSPHRASE)
        rc = err_set(err, RC_BAD_VALUE, "the passphrase is longer than %d bytes", LIMIT_PASSPHRASE);
    if (rc == RC_OK)
        rc = make_key(g, passphrase, err);
    secret_free(passphrase);
    return rc;
}

/* A key that was made here and is recorded nowhere would only be taken for one that counts. */
static void
drop_key(const struct given *g, enum rc rc, struct err *err)
{
    if (g->file[0] == '\0' || g->ctx->dry_run)
        return;
    if (rc == RC_UNKNOWN_OUTCOME)
        (void)err_hint(err, "keep %s until that is known", g->file);
    else
        (void)unlink(g->file);
}

/* ---- what is given ---- */

static enum rc
read_given(struct given *g, struct err *err)
{
    const struct opts *o = &g->ctx->opts;
    enum rc rc = RC_OK;
    g->role = opt_get(o, OPT_ROLE);
    if (opt_has(o, OPT_KEY) && opt_has(o, OPT_NEW_KEY))
        return err_set(err, RC_USAGE, "one of --key and --new-key");
    if (g->role != NULL)
        rc = text_check(g->role, "--role", err);
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_LOGIN); i++)
        rc = text_check(opt_at(o, OPT_LOGIN, i), "--login", err);
    if (rc == RC_OK && g->ctx->reason != NULL)
        rc = text_check(g->ctx->reason, "--reason", err);
    if (rc == RC_OK && opt_has(o, OPT_KEY))
        rc = read_key(g, opt_get(o, OPT_KEY), err);
    return rc == RC_OK && g->key[0] != '\0' ? person_each(g->ctx->store, look_key, g, err) : rc;
}

static void
write_logins(struct jw *w, const char *name, const struct opts *o)
{
    jw_arr(w, name);
    for (size_t i = 0; i < opt_count(o, OPT_LOGIN); i++)
        jw_str(w, NULL, opt_at(o, OPT_LOGIN, i));
    jw_end_arr(w);
}

static int
same_logins(const struct person *p, const struct opts *o)
{
    size_t count = opt_count(o, OPT_LOGIN);
    int same = count == 0 || json_count(p->logins) == count;
    for (size_t i = 0; same && i < count; i++)
        same = person_has_login(p, opt_at(o, OPT_LOGIN, i));
    return same;
}

/* Nothing is given that is recorded otherwise. */
static int
is_same(const struct given *g, const struct person *p)
{
    return (g->role == NULL || strcmp(g->role, p->role) == 0) &&
           (g->key[0] == '\0' || strcmp(g->key, p->public_key) == 0) &&
           !opt_has(&g->ctx->opts, OPT_NEW_KEY) && same_logins(p, &g->ctx->opts);
}

/* ---- answers ---- */

static enum rc
answer(const struct given *g, const char *schema, const char *member, int done, const char *name,
       const char *uuid, struct err *err)
{
    struct ctx *ctx = g->ctx;
    int add = strcmp(member, "created") == 0;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s%s person %s\n", ctx->dry_run ? "would be " : "",
                   done ? (add ? "added" : "changed") : "known already:", name);
        out_field(ctx, "public key", g->key);
        out_field(ctx, "secret key", g->file);
        if (g->file[0] != '\0' && !ctx->dry_run)
            out_printf(ctx, "\nnext:  %s takes the file away, and nobody else has its passphrase\n",
                       name);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, schema);
    jw_bool(&w, member, done);
    jw_str(&w, "name", name);
    jw_str(&w, "uuid", uuid);
    jw_opt(&w, "public_key", g->key);
    jw_opt(&w, "file", g->file);
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

/* ---- add ---- */

/* The same person again is no news; another of the name is refused. */
static enum rc
add_again(const struct given *g, const struct object *o, struct err *err)
{
    struct person p;
    enum rc rc = person_load(g->ctx->store, o, &p, err);
    if (rc == RC_OK && !is_same(g, &p)) {
        rc = err_set(err, RC_EXISTS, "the person %s is registered with other facts", o->name);
        (void)err_hint(err, "to change them: keymuster person set %s ...", o->name);
    } else if (rc == RC_OK) {
        rc = answer(g, "person.add", "created", 0, o->name, o->uuid, err);
    }
    person_release(&p);
    return rc;
}

static enum rc
record_added(const struct given *g, const char *uuid, const char *name, struct err *err)
{
    const struct opts *o = &g->ctx->opts;
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", name);
    jw_opt(&w, "role", g->role);
    jw_opt(&w, "public_key", g->key);
    if (opt_has(o, OPT_LOGIN))
        write_logins(&w, "logins", o);
    jw_end_obj(&w);
    enum rc rc = session_record(g->ctx, "person.added", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
run_add(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    char uuid[UUID_TEXT + 1];
    struct object o = {.uuid = ""};
    struct err unknown = ERR_INIT;
    struct given g = {.ctx = ctx, .uuid = o.uuid};
    enum rc rc = name_check(name, "person", err);
    if (rc != RC_OK)
        return rc;
    enum rc found = object_find(ctx->store, "person", name, &o, &unknown);
    if (found != RC_OK && found != RC_NOT_FOUND) {
        *err = unknown;
        return found;
    }
    rc = read_given(&g, err);
    if (rc == RC_OK && found == RC_OK)
        return add_again(&g, &o, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_NEW_KEY))
        rc = new_key(&g, err);
    if (rc != RC_OK)
        return rc;
    random_uuid(uuid);
    rc = record_added(&g, uuid, name, err);
    if (rc != RC_OK) {
        drop_key(&g, rc, err);
        return rc;
    }
    rc = answer(&g, "person.add", "created", 1, name, uuid, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- set, left ---- */

static enum rc
begin_field(const struct given *g, struct jw *w, const char *name, struct err *err)
{
    jw_obj(w, name);
    jw_opt(w, "reason", g->ctx->reason);
    jw_opt(w, "ticket", g->ctx->ticket);
    return field_supersedes(g->ctx->store, g->uuid, name, w, err);
}

static enum rc
set_text(const struct given *g, struct jw *w, const char *name, const char *value, struct err *err)
{
    enum rc rc = begin_field(g, w, name, err);
    jw_str(w, "value", value);
    jw_end_obj(w);
    return rc;
}

/* left NULL: it is not said; "": they are back. */
static enum rc
record_changed(const struct given *g, const char *left, struct err *err)
{
    const struct opts *o = &g->ctx->opts;
    struct buf body;
    struct jw w;
    enum rc rc = RC_OK;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", g->uuid);
    jw_obj(&w, "set");
    if (g->role != NULL)
        rc = set_text(g, &w, "role", g->role, err);
    if (rc == RC_OK && g->key[0] != '\0')
        rc = set_text(g, &w, "public_key", g->key, err);
    if (rc == RC_OK && left != NULL)
        rc = set_text(g, &w, "left", left, err);
    if (rc == RC_OK && opt_has(o, OPT_LOGIN)) {
        rc = begin_field(g, &w, "logins", err);
        write_logins(&w, "value", o);
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(g->ctx, "person.changed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
run_set(struct ctx *ctx, struct err *err)
{
    struct object o;
    struct person p = {.role = ""};
    struct given g = {.ctx = ctx, .uuid = o.uuid};
    int back = opt_has(&ctx->opts, OPT_RETURNED);
    int news = 0;
    if (!back && !opt_has(&ctx->opts, OPT_ROLE) && !opt_has(&ctx->opts, OPT_KEY) &&
        !opt_has(&ctx->opts, OPT_NEW_KEY) && !opt_has(&ctx->opts, OPT_LOGIN))
        return err_set(err, RC_USAGE, "person set: what is to be set? Give an option");
    enum rc rc = object_find(ctx->store, "person", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK)
        rc = read_given(&g, err);
    if (rc == RC_OK)
        rc = person_load(ctx->store, &o, &p, err);
    if (rc == RC_OK)
        news = !is_same(&g, &p) || (back && p.left[0] != '\0');
    person_release(&p);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_NEW_KEY))
        rc = new_key(&g, err);
    if (rc != RC_OK)
        return rc;
    rc = news ? record_changed(&g, back ? "" : NULL, err) : RC_OK;
    if (rc != RC_OK) {
        drop_key(&g, rc, err);
        return rc;
    }
    rc = answer(&g, "person.set", "changed", news, o.name, o.uuid, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* The duties stand in the log's own words: what they knew is looked up after it is recorded. */
static enum rc
answer_left(struct ctx *ctx, struct person *p, int changed, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "person.left");
        jw_bool(&w, "changed", changed);
        jw_str(&w, "name", p->object.name);
        jw_str(&w, "uuid", p->object.uuid);
        jw_opt(&w, "left", p->left);
        jw_bool(&w, "dry_run", ctx->dry_run);
        jw_opt(&w, "entry", ctx->entry);
        enum rc rc = person_duties(ctx, p, &w, err);
        if (rc == RC_OK)
            return out_object(ctx, &doc, &w, err);
        buf_release(&doc);
        return rc;
    }
    out_printf(ctx, "%s%s left%s\n", ctx->dry_run ? "would be recorded: " : "", p->object.name,
               changed ? "" : ", as is recorded already");
    if (p->public_key[0] != '\0')
        out_printf(ctx, "%s\n", "their key approves nothing any more");
    return person_duties(ctx, p, NULL, err);
}

static enum rc
run_left(struct ctx *ctx, struct err *err)
{
    struct object o;
    struct person p = {.role = ""};
    struct given g = {.ctx = ctx, .uuid = o.uuid};
    enum rc rc = object_find(ctx->store, "person", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK)
        rc = read_given(&g, err);
    if (rc == RC_OK)
        rc = person_load(ctx->store, &o, &p, err);
    if (rc != RC_OK)
        return rc;
    int changed = p.left[0] == '\0';
    if (changed) {
        time_format(p.left, clock_now_ms());
        rc = record_changed(&g, p.left, err);
    }
    if (rc == RC_OK)
        rc = answer_left(ctx, &p, changed, err);
    person_release(&p);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- list ---- */

static enum rc
list_person(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    struct person p;
    struct buf logins;
    buf_init(&logins, LIMIT_ENTRY);
    enum rc rc = person_load(l->ctx->store, o, &p, err);
    for (const struct json *i = json_first(p.logins); rc == RC_OK && i != NULL; i = json_next(i))
        buf_addf(&logins, "%s%s", logins.len > 0 ? " " : "",
                 json_str(i) != NULL ? json_str(i) : "");
    if (rc == RC_OK && l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_opt(l->w, "role", p.role);
        jw_opt(l->w, "public_key", p.public_key);
        jw_arr(l->w, "logins");
        for (const struct json *i = json_first(p.logins); i != NULL; i = json_next(i))
            jw_str(l->w, NULL, json_str(i));
        jw_end_arr(l->w);
        jw_opt(l->w, "left", p.left);
        jw_end_obj(l->w);
    } else if (rc == RC_OK) {
        const char *cells[] = {o->name, p.role, buf_str(&logins), p.public_key, p.left};
        rc = cmd_table_row(l->table, cells, 5, err);
    }
    buf_release(&logins);
    person_release(&p);
    return rc;
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"PERSON", "ROLE", "LOGINS", "KEY", "LEFT", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "person.list", "person", titles, list_person, err);
}

/* clang-format off */
#define PERSON_OPTIONS                                                                             \
    {OPT_ROLE, "role", 0, "TEXT", 0, "what they do: operator, security officer, ..."},             \
    {OPT_KEY, "key", 0, "FILE|KEY", 0, "their public key, as minisign makes it"},                  \
    {OPT_NEW_KEY, "new-key", 0, "FILE", 0, "make them a key, sealed by a passphrase, in this file"}, \
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF, "its passphrase; else asked for, twice"}, \
    {OPT_LOGIN, "login", 0, "USER", OPT_MANY, "a login name of theirs alone; else their name"}

static const struct opt_spec add_options[] = {PERSON_OPTIONS, OPT_END};
static const struct opt_spec set_options[] = {
    PERSON_OPTIONS,
    {OPT_RETURNED, "returned", 0, NULL, 0, "they have not left after all"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_person_table[] = {
    {"person", "add", "PERSON [--role R] [--key FILE|KEY] [--login USER]...",
     "Registers a person, and the key with which they approve.", add_options, 1, 1, CMD_WRITE,
     GROUP_SET_UP, run_add,
     "keymuster person add first.operator --role operator --key first.pub\n"},
    {"person", "set", "PERSON [--role R] [--key FILE|KEY] [--login USER]... [--returned]",
     "Changes what is recorded of a person.", set_options, 1, 1, CMD_WRITE, GROUP_SET_UP, run_set,
     "keymuster person set first.operator --new-key first.key\n"},
    {"person", "list", "", "Lists the persons.", NULL, 0, 0, CMD_READ, GROUP_SET_UP, run_list,
     NULL},
    {"person", "left", "PERSON [--reason TEXT]",
     "Records that a person left; every key that they know must be replaced.", NULL, 1, 1,
     CMD_WRITE, GROUP_SET_UP, run_left, "keymuster person left first.operator\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
