#include "escrow/person.h"

#include <stdio.h>
#include <string.h>

#include "escrow/log.h"
#include "sys/process.h"
#include "text/enc.h"

enum { KEY_RAW = 42 }; /* "Ed", key id, key */

/* ---- what is recorded of them ---- */

static enum rc
load_logins(const struct store *store, struct person *p, struct buf *v, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = field_get(store, p->object.uuid, "logins", v, NULL, err);
    if (rc != RC_OK || v->len == 0)
        return rc;
    rc = json_parse(&doc, buf_str(v), v->len, "the logins of a person", err);
    if (rc == RC_OK && json_type(doc) == JSON_ARRAY)
        p->logins = doc;
    else
        json_free(doc); /* another shape is another program's; the name counts then */
    return rc;
}

enum rc
person_load(const struct store *store, const struct object *object, struct person *out,
            struct err *err)
{
    struct buf v;
    *out = (struct person){.object = *object};
    buf_init(&v, LIMIT_ENTRY);
    enum rc rc = field_get(store, object->uuid, "role", &v, NULL, err);
    (void)snprintf(out->role, sizeof out->role, "%s", buf_str(&v));
    if (rc == RC_OK)
        rc = field_get(store, object->uuid, "public_key", &v, NULL, err);
    (void)snprintf(out->public_key, sizeof out->public_key, "%s", buf_str(&v));
    if (rc == RC_OK)
        rc = field_latest(store, object->uuid, "left", out->left, err);
    if (rc == RC_OK)
        rc = load_logins(store, out, &v, err);
    buf_release(&v);
    return rc;
}

void
person_release(struct person *p)
{
    json_free(p->logins);
    p->logins = NULL;
}

struct walk {
    const struct store *store;
    person_fn fn;
    void *arg;
};

static enum rc
load_one(void *arg, const struct object *o, struct err *err)
{
    const struct walk *w = arg;
    struct person p;
    enum rc rc = person_load(w->store, o, &p, err);
    if (rc == RC_OK)
        rc = w->fn(w->arg, &p, err);
    person_release(&p);
    return rc;
}

enum rc
person_each(const struct store *store, person_fn fn, void *arg, struct err *err)
{
    struct walk w = {store, fn, arg};
    return object_each(store, "person", load_one, &w, err);
}

/* ---- whose it is ---- */

int
person_has_login(const struct person *p, const char *login)
{
    if (login == NULL || login[0] == '\0')
        return 0;
    if (json_count(p->logins) == 0)
        return strcmp(p->object.name, login) == 0;
    for (const struct json *i = json_first(p->logins); i != NULL; i = json_next(i)) {
        if (json_str(i) != NULL && strcmp(json_str(i), login) == 0)
            return 1;
    }
    return 0;
}

int
person_did(const struct person *p, const struct entry *e)
{
    const char *named = json_gets(e->body, "person");
    /* What another author said again was done by whom the first one says. */
    const struct json *by = e->restates != NULL ? json_get(e->restates, "by") : e->by;
    const char *login = json_gets(by, "login");
    if (named != NULL)
        return strcmp(named, p->object.name) == 0 || strcmp(named, p->object.uuid) == 0;
    /* Somebody who was only ever named by a word has no account. */
    return p->object.uuid[0] != '\0' &&
           person_has_login(p, login != NULL ? login : json_gets(by, "user"));
}

struct acting {
    const char *login;
    struct object *out;
    int hits;
};

static enum rc
look_acting(void *arg, const struct person *p, struct err *err)
{
    struct acting *a = arg;
    (void)err;
    if (p->left[0] == '\0' && person_has_login(p, a->login)) {
        *a->out = p->object;
        a->hits++;
    }
    return RC_OK;
}

enum rc
person_acting(const struct store *store, struct object *out, int *found, struct err *err)
{
    const struct actor *actor = actor_get();
    struct acting a = {actor->login[0] != '\0' ? actor->login : actor->user, out, 0};
    enum rc rc = person_each(store, look_acting, &a, err);
    *found = rc == RC_OK && a.hits == 1;
    return rc;
}

/* ---- keys ---- */

static size_t
line_length(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    size_t n = end != NULL ? (size_t)(end - text) : len;
    return n > 0 && text[n - 1] == '\r' ? n - 1 : n;
}

int
person_key_parse(char out[SIGN_PUBLIC_TEXT + 1], const char *text, size_t len)
{
    static const char comment[] = "untrusted comment:";
    enum { SECRET_TEXT = 212 }; /* base64 of minisign's 158 bytes */
    unsigned char raw[KEY_RAW];
    size_t n = line_length(text, len);
    if (len >= sizeof comment - 1 && memcmp(text, comment, sizeof comment - 1) == 0) {
        const char *next = memchr(text, '\n', len);
        if (next == NULL)
            return -1;
        len -= (size_t)(next + 1 - text);
        text = next + 1;
        n = line_length(text, len);
    }
    if (n == SECRET_TEXT)
        return -2;
    for (size_t i = n; i < len; i++) {
        if (strchr("\r\n", text[i]) == NULL || text[i] == '\0')
            return -1;
    }
    if (n != SIGN_PUBLIC_TEXT || base64_decode_fixed(raw, sizeof raw, text, n) != 0 ||
        memcmp(raw, "Ed", 2) != 0)
        return -1;
    (void)snprintf(out, SIGN_PUBLIC_TEXT + 1, "%.*s", (int)n, text);
    return 0;
}

/* ---- what they did ---- */

struct acts {
    const struct store *store;
    const struct person *p;
    act_fn fn;
    void *arg;
};

const char *
act_word(enum act_what what)
{
    static const char *const words[] = {
        [ACT_SAW] = "saw",           [ACT_USED] = "used",
        [ACT_KNEW] = "knew",         [ACT_ADOPTED] = "adopted",
        [ACT_TYPED] = "typed",       [ACT_APPROVED] = "approved",
        [ACT_ATTESTED] = "attested", [ACT_COUNTERSIGNED] = "countersigned",
        [ACT_PLAYED] = "played"};
    return words[what];
}

static int
is_kind(const struct entry *e, const char *kind)
{
    return strcmp(e->kind, kind) == 0;
}

static enum rc
was_shown(const struct store *store, const struct entry *e, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    char hash[HASH_TEXT + 1];
    const char *key = json_gets(e->body, "key");
    hex_encode(hash, e->hash, HASH_SIZE);
    *yes = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT 1 FROM event WHERE object = ?1 AND kind = 'reveal.shown'"
                          " AND json_extract(body, '$.intended') = ?2 LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key != NULL ? key : "");
    stmt_text(q, 2, hash);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

static enum rc
tell(const struct acts *a, const struct entry *e, enum act_what what, const char *key,
     struct err *err)
{
    struct act act = {.what = what, .entry = e};
    (void)snprintf(act.key, sizeof act.key, "%s", key != NULL ? key : "");
    return a->fn(a->arg, &act, err);
}

static int
is_known_to(const struct person *p, const struct json *list)
{
    for (const struct json *i = json_first(list); i != NULL; i = json_next(i)) {
        const char *name = json_str(i);
        if (name != NULL &&
            (strcmp(name, p->object.name) == 0 || strcmp(name, p->object.uuid) == 0))
            return 1;
    }
    return 0;
}

static enum rc
look_created(const struct acts *a, const struct entry *e, struct err *err)
{
    const char *key = json_gets(e->body, "uuid");
    const struct json *known = json_get(e->body, "known_to");
    const char *origin = json_gets(e->body, "origin");
    enum rc rc = RC_OK;
    /* Wraps of a value that nobody typed are adopted, too, but then nobody is said to know it. */
    if (known != NULL && origin != NULL && strcmp(origin, "adopted") == 0 && person_did(a->p, e))
        rc = tell(a, e, ACT_ADOPTED, key, err);
    if (rc == RC_OK && is_known_to(a->p, known))
        rc = tell(a, e, ACT_KNEW, key, err);
    return rc;
}

/* The others are programs: "exec", "vbr:NAME", "handover:NAME". */
static int
to_a_person(const char *to)
{
    static const char *const words[] = {"tty", "stdout", "file", "fd"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (to == NULL || strcmp(to, words[i]) == 0)
            return 1;
    }
    return 0;
}

static enum rc
look_showing(const struct acts *a, const struct entry *e, struct err *err)
{
    int shown = 0;
    const char *to = json_gets(e->body, "to");
    enum rc rc = person_did(a->p, e) ? was_shown(a->store, e, &shown, err) : RC_OK;
    if (rc != RC_OK || !shown)
        return rc;
    return tell(a, e, to_a_person(to) ? ACT_SAW : ACT_USED, json_gets(e->body, "key"), err);
}

/* Of an approval, only what names them: the account says who held the keyboard. */
static enum rc
look_run(const struct acts *a, const struct entry *e, struct err *err)
{
    enum act_what what = is_kind(e, "run.approved")        ? ACT_APPROVED
                         : is_kind(e, "run.attested")      ? ACT_ATTESTED
                         : is_kind(e, "run.countersigned") ? ACT_COUNTERSIGNED
                                                           : ACT_PLAYED;
    if (what != ACT_PLAYED && json_gets(e->body, "person") == NULL)
        return RC_OK;
    return tell(a, e, what, NULL, err);
}

static enum rc
look(void *arg, const struct entry *e, struct err *err)
{
    const struct acts *a = arg;
    if (is_kind(e, "key.created"))
        return look_created(a, e, err);
    if (is_kind(e, "reveal.intended"))
        return look_showing(a, e, err);
    if (!person_did(a->p, e))
        return RC_OK;
    const char *key = json_gets(e->body, "key");
    const char *result = json_gets(e->body, "result");
    if (is_kind(e, "run.ended") && json_bool(json_get(e->body, "blind")) == 1)
        return result != NULL && strcmp(result, "done") == 0 ? tell(a, e, ACT_TYPED, key, err)
                                                             : RC_OK;
    if (is_kind(e, "key.changed"))
        return json_get(json_get(e->body, "set"), "confirmed") != NULL
                   ? tell(a, e, ACT_TYPED, key, err)
                   : RC_OK;
    if (is_kind(e, "key.delivered"))
        return json_bool(json_get(e->body, "seen")) == 1 ? tell(a, e, ACT_SAW, key, err) : RC_OK;
    if (is_kind(e, "author.admitted"))
        return tell(a, e, ACT_APPROVED, NULL, err);
    return look_run(a, e, err);
}

enum rc
act_each(const struct store *store, const struct person *p, act_fn fn, void *arg, struct err *err)
{
    struct acts a = {store, p, fn, arg};
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT line FROM entry WHERE hash IN ("
                          "SELECT entry FROM event WHERE kind IN ('reveal.intended',"
                          " 'key.delivered', 'author.admitted', 'run.approved', 'run.attested',"
                          " 'run.countersigned', 'run.started', 'run.resumed', 'run.ended')"
                          " UNION SELECT entry FROM field WHERE name IN ('known_to', 'confirmed'))"
                          " ORDER BY json_extract(line, '$.at'), author, seq",
                          err);
    if (rc != RC_OK)
        return rc;
    return log_rows(q, look, &a, err);
}
