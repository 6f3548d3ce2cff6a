/* The calls: encryption passwords, the configuration backup, its session. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "text/enc.h"
#include "text/jw.h"
#include "text/time.h"
#include "vbr/rest_ask.h"

enum { WINDOW_MS = 65000, LOCKED_MS = 5 * 60000 };

/* ---- models ---- */

static enum rc
read_password(const struct vbr *vbr, const struct json *v, struct vbr_password *out,
              struct err *err)
{
    const char *id = json_gets(v, "id");
    const char *hint = json_gets(v, "hint");
    const char *unique = json_gets(v, "uniqueId");
    const char *modified = json_gets(v, "modificationTime");
    int64_t ms = 0;
    memset(out, 0, sizeof *out);
    if (id == NULL || !uuid_is(id))
        return vbr_odd(vbr, "a password in it has no id", err);
    if (hint != NULL && strlen(hint) > VBR_HINT)
        return vbr_odd(vbr, "a password in it has a hint that is too long", err);
    (void)snprintf(out->id, sizeof out->id, "%s", id);
    (void)snprintf(out->hint, sizeof out->hint, "%s", hint != NULL ? hint : "");
    if (unique != NULL && strlen(unique) <= VBR_UNIQUE) /* a longer one is not ours */
        (void)snprintf(out->unique, sizeof out->unique, "%s", unique);
    if (modified != NULL && time_parse(&ms, modified) == 0)
        time_format(out->modified, ms);
    return RC_OK;
}

/* Room for all of it first, so that the secret in it never moves. A password that is no UTF-8 would
 * come out as another one; none was ever taken. */
static enum rc
begin_secret(struct vbr_ask *q, struct jw *w, const struct secret *password, struct err *err)
{
    if (buf_room(&q->body, 6 * password->len + (size_t)2 * VBR_HINT + 1024) == NULL)
        return err_nomem(err);
    jw_init(w, &q->body);
    jw_obj(w, NULL);
    jw_strn(w, "password", (const char *)password->bytes, password->len);
    return RC_OK;
}

/* ---- the server ---- */

enum rc
vbr_info(struct vbr *vbr, struct vbr_info *out, struct err *err)
{
    struct vbr_ask q;
    struct json *doc = NULL;
    memset(out, 0, sizeof *out);
    vbr_ask_init(&q, "GET", "asking who it is", "/serverInfo");
    enum rc rc = vbr_ask(vbr, &q, &doc, err);
    const char *name = json_gets(doc, "name"), *build = json_gets(doc, "buildVersion");
    (void)snprintf(out->name, sizeof out->name, "%s", name != NULL ? name : "");
    (void)snprintf(out->build, sizeof out->build, "%s", build != NULL ? build : "");
    json_free(doc);
    vbr_ask_release(&q);
    return rc;
}

/* ---- passwords ---- */

struct each_password {
    struct vbr *vbr;
    vbr_password_fn fn;
    void *arg;
};

static enum rc
tell_password(void *arg, const struct json *item, struct err *err)
{
    const struct each_password *e = arg;
    struct vbr_password p;
    enum rc rc = read_password(e->vbr, item, &p, err);
    return rc == RC_OK ? e->fn(e->arg, &p, err) : rc;
}

enum rc
vbr_each(struct vbr *vbr, vbr_password_fn fn, void *arg, struct err *err)
{
    static const struct vbr_list passwords = {.path = "/encryptionPasswords",
                                              .doing = "listing the encryption passwords",
                                              .order = "ModificationTime",
                                              .page = 200,
                                              .pages = 1000};
    struct each_password e = {vbr, fn, arg};
    return vbr_each_item(vbr, &passwords, tell_password, &e, err);
}

struct finding {
    const char *unique;
    struct vbr_password *out;
    unsigned hits;
};

static enum rc
one_of(void *arg, const struct vbr_password *p, struct err *err)
{
    struct finding *f = arg;
    (void)err;
    if (strcmp(p->unique, f->unique) != 0 || (f->hits > 0 && strcmp(p->id, f->out->id) == 0))
        return RC_OK;
    *f->out = *p;
    f->hits++;
    return RC_OK;
}

enum rc
vbr_find(struct vbr *vbr, const char *unique, struct vbr_password *out, int *found, struct err *err)
{
    struct finding f = {.unique = unique, .out = out};
    enum rc rc = vbr_each(vbr, one_of, &f, err);
    *found = f.hits > 0;
    if (rc == RC_OK && f.hits > 1) {
        (void)err_set(err, RC_AMBIGUOUS, "backup server %s has %u passwords with the uniqueId %s",
                      vbr->name, f.hits, unique);
        return err_hint(err, "look at them there, and remove the one that no job uses");
    }
    return rc;
}

static enum rc
ask_password(struct vbr *vbr, struct vbr_ask *q, struct vbr_password *out, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = vbr_ask(vbr, q, &doc, err);
    if (rc == RC_OK)
        rc = read_password(vbr, doc, out, err);
    json_free(doc);
    return rc;
}

enum rc
vbr_get(struct vbr *vbr, const char *id, struct vbr_password *out, struct err *err)
{
    struct vbr_ask q;
    vbr_ask_init(&q, "GET", "looking at a password", "/encryptionPasswords/%s", id);
    enum rc rc = ask_password(vbr, &q, out, err);
    vbr_ask_release(&q);
    return rc;
}

enum rc
vbr_create(struct vbr *vbr, const struct secret *password, const char *hint, const char *unique,
           struct vbr_password *out, int *lost, struct err *err)
{
    struct vbr_ask q;
    struct jw w;
    vbr_ask_init(&q, "POST", "adding a password", "/encryptionPasswords");
    q.once = 1;
    enum rc rc = begin_secret(&q, &w, password, err);
    if (rc == RC_OK) {
        jw_str(&w, "hint", hint);
        jw_str(&w, "uniqueId", unique);
        jw_end_obj(&w);
        rc = ask_password(vbr, &q, out, err);
    }
    *lost = rc != RC_OK && (q.lost || q.status == 201);
    vbr_ask_release(&q);
    return rc;
}

enum rc
vbr_set_hint(struct vbr *vbr, struct vbr_password *p, const char *hint, struct err *err)
{
    struct vbr_ask q;
    struct jw w;
    vbr_ask_init(&q, "PUT", "changing a hint", "/encryptionPasswords/%s", p->id);
    jw_init(&w, &q.body);
    jw_obj(&w, NULL);
    jw_str(&w, "id", p->id);
    jw_str(&w, "hint", hint);
    jw_str(&w, "uniqueId", p->unique);
    jw_end_obj(&w);
    enum rc rc = ask_password(vbr, &q, p, err);
    vbr_ask_release(&q);
    return rc;
}

/* A call whose answer tells nothing more. */
static enum rc
just_ask(struct vbr *vbr, struct vbr_ask *q, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = vbr_ask(vbr, q, &doc, err);
    json_free(doc);
    vbr_ask_release(q);
    return rc;
}

enum rc
vbr_delete(struct vbr *vbr, const char *id, struct err *err)
{
    struct vbr_ask q;
    vbr_ask_init(&q, "DELETE", "removing a password", "/encryptionPasswords/%s", id);
    return just_ask(vbr, &q, err);
}

/* ---- verify ---- */

static int
too_many(const struct vbr *vbr, int64_t now)
{
    int64_t oldest = vbr->wrong[vbr->wrong_at]; /* the next one to be written over */
    return now < vbr->locked_until || (oldest != 0 && now - oldest < WINDOW_MS);
}

static enum rc
judge(struct vbr *vbr, const struct json *doc, enum vbr_verdict *out, struct err *err)
{
    int equal = json_bool(json_get(doc, "isSuccessful"));
    if (equal < 0)
        return vbr_odd(vbr, "it does not say whether the password is the one", err);
    *out = equal ? VBR_EQUAL : VBR_DIFFERENT;
    if (!equal) {
        vbr->wrong[vbr->wrong_at] = clock_mono_ms();
        vbr->wrong_at = (vbr->wrong_at + 1) % WRONG_MOST;
    }
    return RC_OK;
}

enum rc
vbr_verify(struct vbr *vbr, const char *id, const struct secret *password, enum vbr_verdict *out,
           struct err *err)
{
    struct vbr_ask q;
    struct jw w;
    struct json *doc = NULL;
    *out = VBR_UNSURE;
    enum rc rc = vbr_login(vbr, err);
    if (rc != RC_OK || !vbr_can_verify(vbr))
        return rc;
    if (too_many(vbr, clock_mono_ms())) {
        *out = VBR_LATER;
        return RC_OK;
    }
    vbr_ask_init(&q, "POST", "verifying a password", "/encryptionPasswords/%s/verify", id);
    rc = begin_secret(&q, &w, password, err);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = vbr_ask(vbr, &q, &doc, err);
    if (rc == RC_OK)
        rc = judge(vbr, doc, out, err);
    json_free(doc);
    vbr_ask_release(&q);
    if (rc == RC_VBR_REJECTED) { /* the only known reason: it is locked for a while */
        vbr->locked_until = clock_mono_ms() + LOCKED_MS;
        *out = VBR_LATER;
    }
    int settled = rc == RC_VBR_REJECTED;
    if (rc == RC_VBR_GONE) { /* the password, or the call? */
        struct vbr_password p;
        struct err scratch = ERR_INIT;
        settled = vbr_get(vbr, id, &p, &scratch) == RC_OK;
    }
    if (settled) {
        err_clear(err);
        rc = RC_OK;
    }
    return rc;
}

/* ---- the configuration backup ---- */

void
vbr_backup_release(struct vbr_backup *b)
{
    buf_release(&b->model);
}

enum rc
vbr_backup_get(struct vbr *vbr, struct vbr_backup *out, struct err *err)
{
    struct vbr_ask q;
    struct json *doc = NULL;
    memset(out, 0, sizeof *out);
    buf_init(&out->model, (size_t)64 * 1024);
    vbr_ask_init(&q, "GET", "looking at the configuration backup", "/configBackup");
    enum rc rc = vbr_ask(vbr, &q, &doc, err);
    const struct json *e = json_get(doc, "encryption");
    const char *id = json_gets(e, "passwordId");
    if (rc == RC_OK && e == NULL)
        rc = vbr_odd(vbr, "it does not say whether the configuration backup is encrypted", err);
    if (rc == RC_OK) {
        out->encrypted = json_bool(json_get(e, "isEnabled")) == 1;
        (void)snprintf(out->password, sizeof out->password, "%s",
                       id != NULL && uuid_is(id) ? id : "");
        json_print(&out->model, doc);
        rc = buf_check(&out->model, "the configuration backup's settings", err);
    }
    json_free(doc);
    vbr_ask_release(&q);
    return rc;
}

enum rc
vbr_backup_set_key(struct vbr *vbr, const struct vbr_backup *b, const char *id, struct err *err)
{
    struct vbr_ask q;
    struct jw w;
    struct json *doc = NULL;
    struct buf member;
    enum rc rc = json_parse(&doc, buf_str(&b->model), b->model.len, "the settings", err);
    if (rc != RC_OK)
        return rc;
    vbr_ask_init(&q, "PUT", "setting the configuration backup's key", "/configBackup");
    jw_init(&w, &q.body);
    jw_obj(&w, NULL);
    for (const struct json *m = json_first(doc); m != NULL; m = json_next(m)) {
        if (strcmp(json_name(m), "encryption") == 0)
            continue;
        buf_init(&member, (size_t)64 * 1024);
        json_print(&member, m);
        jw_raw(&w, json_name(m), buf_str(&member), member.len);
        buf_release(&member);
    }
    jw_obj(&w, "encryption");
    jw_bool(&w, "isEnabled", 1);
    jw_str(&w, "passwordId", id);
    jw_end_obj(&w);
    jw_end_obj(&w);
    json_free(doc);
    return just_ask(vbr, &q, err);
}

static void
read_session(const struct json *doc, struct vbr_session *out)
{
    const char *state = json_gets(doc, "state");
    const struct json *result = json_get(doc, "result");
    const char *word = json_gets(result, "result"), *said = json_gets(result, "message");
    memset(out, 0, sizeof *out);
    (void)snprintf(out->state, sizeof out->state, "%s", state != NULL ? state : "");
    (void)snprintf(out->result, sizeof out->result, "%s", word != NULL ? word : "");
    (void)snprintf(out->message, sizeof out->message, "%s", said != NULL ? said : "");
    out->over = strcmp(out->state, "Stopped") == 0;
}

enum rc
vbr_backup_run(struct vbr *vbr, char session[UUID_TEXT + 1], struct err *err)
{
    struct vbr_ask q;
    struct json *doc = NULL;
    vbr_ask_init(&q, "POST", "starting the configuration backup", "/configBackup/backup");
    q.once = 1;
    enum rc rc = vbr_ask(vbr, &q, &doc, err);
    const char *id = json_gets(doc, "id");
    if (rc == RC_OK && (id == NULL || !uuid_is(id)))
        rc = vbr_odd(vbr, "it names no session", err);
    (void)snprintf(session, UUID_TEXT + 1, "%s", rc == RC_OK ? id : "");
    json_free(doc);
    vbr_ask_release(&q);
    return rc;
}

enum rc
vbr_session(struct vbr *vbr, const char *id, struct vbr_session *out, struct err *err)
{
    struct vbr_ask q;
    struct json *doc = NULL;
    vbr_ask_init(&q, "GET", "watching a session", "/sessions/%s", id);
    enum rc rc = vbr_ask(vbr, &q, &doc, err);
    read_session(doc, out);
    if (rc == RC_OK && out->state[0] == '\0')
        rc = vbr_odd(vbr, "it has no state", err);
    json_free(doc);
    vbr_ask_release(&q);
    return rc;
}
