/*
 * The answers of a backup server: the input is a call, by its letter, and what is answered, each
 * answer three digits of status and a body, up to a byte 0x1e; T before the digits: it is for the
 * login, which else gets a token. What is given out holds; what cannot be used is told, and
 * nothing that was received is said beyond the server's own words, which are printable.
 *
 * net/http.h is played here: this target has no connection.
 */
#include "fuzz.h"

#include "net/http.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"
#include "vbr/rest.h"

static struct {
    const char *at, *end;
} script;

enum { SEPARATOR = 0x1e };

/* ---- net/http.h ---- */

struct http {
    int unused;
};

enum rc
http_new(struct http **out, const struct http_config *config, struct err *err)
{
    static struct http one;
    (void)config, (void)err;
    *out = &one;
    return RC_OK;
}

void
http_free(struct http *http)
{
    (void)http;
}

void
http_request_init(struct http_request *r, const char *method, const char *url)
{
    memset(r, 0, sizeof *r);
    r->method = method;
    r->url = url;
    buf_init(&r->text, (size_t)1 << 20);
}

void
http_request_release(struct http_request *r)
{
    buf_release(&r->text);
}

int
http_is_token(const char *text, size_t most)
{
    size_t len = text != NULL ? strlen(text) : 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return 0;
    return len > 0 && len <= most;
}

static void
answer(struct http_request *r, const char *bytes, size_t len)
{
    int status = 0;
    for (size_t i = 0; i < 3 && i < len; i++)
        status = status * 10 + (bytes[i] >= '0' && bytes[i] <= '9' ? bytes[i] - '0' : 0);
    if (status == 0) {
        r->lost = 1;
        r->rc = err_set(&r->err, r->codes.unreachable, "no answer");
        return;
    }
    r->status = status;
    buf_add(&r->text, bytes + 3, len - 3);
}

enum rc
http_run(struct http *http, struct http_request *const *requests, size_t count, struct err *err)
{
    static const char token[] = "200{\"access_token\":\"t\",\"expires_in\":900}";
    struct http_request *r = requests[0];
    int login = strstr(r->url, "/oauth2/token") != NULL;
    int scripted = script.at < script.end && *script.at == 'T';
    (void)http, (void)err;
    FUZZ_CHECK(count == 1);
    if (login && !scripted) {
        answer(r, token, sizeof token - 1);
        return RC_OK;
    }
    const char *from = script.at + scripted;
    size_t left = script.at < script.end ? (size_t)(script.end - from) : 0;
    const char *stop = left > 0 ? memchr(from, SEPARATOR, left) : NULL;
    size_t len = stop != NULL ? (size_t)(stop - from) : left;
    answer(r, len >= 3 ? from : "404", len >= 3 ? len : 3);
    script.at = stop != NULL ? stop + 1 : script.end;
    return RC_OK;
}

/* ---- what comes out ---- */

static void
check_password(const struct vbr_password *p)
{
    int64_t ms = 0;
    FUZZ_CHECK(uuid_is(p->id));
    FUZZ_CHECK(strlen(p->hint) <= VBR_HINT && utf8_is(p->hint, strlen(p->hint)));
    FUZZ_CHECK(utf8_is(p->unique, strlen(p->unique)));
    FUZZ_CHECK(p->modified[0] == '\0' || time_parse(&ms, p->modified) == 0);
    FUZZ_PLANT(strlen(p->hint) == 3);
}

static enum rc
each(void *arg, const struct vbr_password *p, struct err *err)
{
    (void)arg, (void)err;
    check_password(p);
    return RC_OK;
}

static enum rc
call(struct vbr *vbr, char which, const struct secret *password, struct err *err)
{
    static const char id[] = "c3b7af4a-4b21-4210-8bd0-87e1d1af6203";
    static struct vbr_password p;
    struct vbr_backup backup;
    struct vbr_session session;
    struct vbr_info info;
    enum vbr_verdict verdict = VBR_UNSURE;
    char started[UUID_TEXT + 1];
    int found = 0;
    enum rc rc = RC_OK;
    switch (which) {
    case 'e':
        return vbr_each(vbr, each, NULL, err);
    case 'f':
        rc = vbr_find(vbr, id, &p, &found, err);
        if (rc == RC_OK && found)
            check_password(&p);
        return rc;
    case 'c':
        rc = vbr_create(vbr, password, "hint", id, &p, &found, err);
        FUZZ_CHECK(rc != RC_OK || !found);
        if (rc == RC_OK)
            check_password(&p);
        return rc;
    case 'v':
        rc = vbr_verify(vbr, id, password, &verdict, err);
        FUZZ_CHECK(rc == RC_OK || verdict != VBR_EQUAL);
        return rc;
    case 'b':
        rc = vbr_backup_get(vbr, &backup, err);
        FUZZ_CHECK(rc != RC_OK || backup.password[0] == '\0' || uuid_is(backup.password));
        if (rc == RC_OK)
            rc = vbr_backup_set_key(vbr, &backup, id, err);
        vbr_backup_release(&backup);
        return rc;
    case 'r':
        rc = vbr_backup_run(vbr, started, err);
        FUZZ_CHECK(rc != RC_OK || uuid_is(started));
        return rc;
    case 's':
        rc = vbr_session(vbr, id, &session, err);
        FUZZ_CHECK(rc != RC_OK || session.state[0] != '\0');
        FUZZ_CHECK(utf8_is(session.message, strlen(session.message)));
        return rc;
    default:
        rc = vbr_info(vbr, &info, err);
        FUZZ_CHECK(utf8_is(info.name, strlen(info.name)) &&
                   utf8_is(info.build, strlen(info.build)));
        return rc;
    }
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct err err = ERR_INIT;
    struct secret *login = NULL;
    struct vbr *vbr = NULL;
    if (len == 0)
        return;
    FUZZ_CHECK(secret_new(&login, &err) == RC_OK);
    FUZZ_CHECK(secret_add(login, "u:canary-p", 10, &err) == RC_OK);
    struct vbr_config config = {.name = "it", .url = "https://127.0.0.1:9419", .login = login};
    FUZZ_CHECK(vbr_open(&vbr, &config, &err) == RC_OK);
    script.at = bytes + 1;
    script.end = bytes + len;
    enum rc rc = call(vbr, bytes[0], login, &err);
    if (rc != RC_OK) {
        FUZZ_CHECK(err.code == rc && err.msg[0] != '\0');
        FUZZ_CHECK(strstr(err.msg, "canary-p") == NULL);
        for (const char *c = err.why; *c != '\0'; c++)
            FUZZ_CHECK((unsigned char)*c >= ' ');
    }
    vbr_close(vbr);
    secret_free(login);
}
