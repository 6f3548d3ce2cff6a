/* Login, version, token, one request. */
#include "vbr/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "text/enc.h"
#include "text/uni.h"
#include "vbr/rest_ask.h"

enum { REPLY_MOST = 8 * 1024 * 1024, TOKEN_MOST = 7 * 1024, BODY_MOST = 128 * 1024 };

/* Newest first. The two newest spell what is granted with a capital letter. */
static const struct {
    const char *name;
    int capital, verify;
} versions[] = {{"1.3-rev2", 1, 1}, {"1.3-rev1", 1, 1}, {"1.3-rev0", 0, 1}, {"1.2-rev1", 0, 0}};
enum { VERSIONS = sizeof versions / sizeof versions[0] };

const char *
vbr_version(const struct vbr *vbr)
{
    return versions[vbr->version].name;
}

int
vbr_can_verify(const struct vbr *vbr)
{
    return versions[vbr->version].verify;
}

enum rc
vbr_pin_check(const char *pin, struct err *err)
{
    unsigned char raw[32];
    if (strncmp(pin, "sha256//", 8) == 0 && strlen(pin) == VBR_PIN &&
        base64_decode_fixed(raw, sizeof raw, pin + 8, 44) == 0)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "--pin is not sha256//BASE64");
    return err_hint(err, "the SHA-256 of the server's public key, as curl --pinnedpubkey wants it");
}

/* ---- opening ---- */

enum rc
vbr_open(struct vbr **out, const struct vbr_config *config, struct err *err)
{
    const struct secret *login = config->login;
    struct http_config http = {.ca = config->ca,
                               .pin = config->pin,
                               .proxy = config->proxy,
                               .timeout_ms = config->timeout_ms};
    *out = NULL;
    const unsigned char *colon = memchr(login->bytes, ':', login->len);
    if (colon == NULL || colon == login->bytes || colon + 1 == login->bytes + login->len) {
        (void)err_set(err, RC_BAD_VALUE, "the credential of backup server %s is not USER:PASSWORD",
                      config->name);
        return err_hint(err, "a domain's user is DOMAIN\\USER:PASSWORD");
    }
    struct vbr *vbr = calloc(1, sizeof *vbr);
    if (vbr == NULL)
        return err_nomem(err);
    (void)snprintf(vbr->name, sizeof vbr->name, "%s", config->name);
    enum rc rc = url_parse(&vbr->url, config->url, "the address of the backup server", err);
    if (rc == RC_OK)
        rc = secret_new(&vbr->login, err);
    if (rc == RC_OK)
        rc = secret_add(vbr->login, login->bytes, login->len, err);
    if (rc == RC_OK)
        rc = http_new(&vbr->http, &http, err);
    if (rc == RC_OK)
        *out = vbr; /* transferred */
    else
        vbr_close(vbr);
    return rc;
}

static void
drop_token(struct vbr *vbr)
{
    for (size_t i = 0; i < 2; i++) {
        secret_free(vbr->token[i]);
        vbr->token[i] = NULL;
    }
}

void
vbr_close(struct vbr *vbr)
{
    if (vbr == NULL)
        return;
    drop_token(vbr);
    secret_free(vbr->refresh);
    secret_free(vbr->login);
    http_free(vbr->http);
    free(vbr);
}

/* ---- what the server says ---- */

/* Its words, printable and short; without words that are longer than any id, for it may repeat what
 * it was sent. */
static void
add_words(struct err *err, int status, const struct json *doc)
{
    struct buf safe;
    const char *code = json_gets(doc, "errorCode");
    const char *said = json_gets(doc, "message");
    char words[160] = "";
    size_t used = 0, run = 0;
    for (const char *c = said != NULL ? said : ""; *c != '\0' && used + 1 < sizeof words; c++) {
        run = *c == ' ' ? 0 : run + 1;
        if (run > 40) {
            words[0] = '\0';
            used = 0;
            break;
        }
        words[used++] = *c;
    }
    words[used] = '\0';
    while (used > 0 && !utf8_is(words, used)) /* cut inside a character */
        words[--used] = '\0';
    buf_init(&safe, 1024);
    if (code != NULL && strlen(code) <= 40) {
        buf_adds(&safe, ", ");
        escape_terminal(&safe, code, strlen(code), ESCAPE_LINE);
    }
    buf_adds(&safe, used > 0 ? ": " : "");
    escape_terminal(&safe, words, used, ESCAPE_LINE);
    (void)err_why(err, "status %d%s", status, buf_str(&safe));
    buf_release(&safe);
}

enum rc
vbr_odd(const struct vbr *vbr, const char *why, struct err *err)
{
    (void)err_set(err, RC_VBR_REPLY, "the answer of backup server %s cannot be used", vbr->name);
    return err_why(err, "%s", why);
}

static enum rc
refused(const struct vbr *vbr, const struct vbr_ask *q, const struct json *doc, struct err *err)
{
    int status = q->status;
    enum rc rc = status == 403                    ? RC_VBR_FORBIDDEN
                 : status == 401                  ? RC_VBR_REFUSED
                 : status == 404                  ? RC_VBR_GONE
                 : status >= 500 || status == 429 ? RC_VBR_UNREACHABLE
                                                  : RC_VBR_REJECTED;
    (void)err_set(err, rc, "%s: backup server %s says no", q->doing, vbr->name);
    add_words(err, status, doc);
    return rc;
}

/* ---- login ---- */

static enum rc
add_form(struct secret *form, const struct vbr *vbr, int refresh, struct err *err)
{
    int capital = versions[vbr->version].capital;
    const char *grant =
        refresh ? (capital ? "grant_type=Refresh_token&refresh_token="
                           : "grant_type=refresh_token&refresh_token=")
                : (capital ? "grant_type=Password&username=" : "grant_type=password&username=");
    secret_cut(form, 0);
    enum rc rc = secret_add(form, grant, strlen(grant), err);
    if (rc != RC_OK || refresh)
        return rc == RC_OK ? form_encode_secret(form, vbr->refresh->bytes, vbr->refresh->len, err)
                           : rc;
    const struct secret *login = vbr->login;
    const unsigned char *colon = memchr(login->bytes, ':', login->len); /* vbr_open saw it */
    size_t user = (size_t)(colon - login->bytes);
    rc = form_encode_secret(form, login->bytes, user, err);
    if (rc == RC_OK)
        rc = secret_add(form, "&password=", 10, err);
    return rc == RC_OK ? form_encode_secret(form, colon + 1, login->len - user - 1, err) : rc;
}

static enum rc
keep_tokens(struct vbr *vbr, const struct json *doc, struct err *err)
{
    const char *token = json_gets(doc, "access_token");
    const char *refresh = json_gets(doc, "refresh_token");
    int64_t seconds = 0;
    if (!http_is_token(token, TOKEN_MOST) || json_geti(doc, "expires_in", &seconds) != 0 ||
        seconds < 1)
        return vbr_odd(vbr, "it has no access token, or does not say how long it holds", err);
    drop_token(vbr);
    secret_free(vbr->refresh);
    vbr->refresh = NULL;
    size_t len = strlen(token);
    enum rc rc = RC_OK;
    for (size_t i = 0, at = 0; rc == RC_OK && at < len; i++) {
        size_t part = len - at < SECRET_SLOT ? len - at : SECRET_SLOT;
        rc = secret_new(&vbr->token[i], err);
        if (rc == RC_OK)
            rc = secret_add(vbr->token[i], token + at, part, err);
        at += part;
    }
    if (rc == RC_OK && refresh != NULL && refresh[0] != '\0' && strlen(refresh) < SECRET_SLOT / 3) {
        rc = secret_new(&vbr->refresh, err);
        if (rc == RC_OK)
            rc = secret_add(vbr->refresh, refresh, strlen(refresh), err);
    }
    if (rc != RC_OK)
        drop_token(vbr);
    seconds = seconds > 86400 ? 86400 : seconds;
    vbr->renew_ms = clock_mono_ms() + seconds * 800; /* a fifth before its end */
    return rc;
}

static void
prepare(struct http_request *r, const char *method, const char *url)
{
    http_request_init(r, method, url);
    r->what = "backup server";
    r->most = REPLY_MOST;
    r->codes = (struct http_codes){
        .unreachable = RC_VBR_UNREACHABLE, .untrusted = RC_VBR_CERTIFICATE, .reply = RC_VBR_REPLY};
    r->other_key = RC_VBR_PIN;
}

static enum rc
parse(const struct vbr *vbr, const struct http_request *r, struct json **doc, struct err *err)
{
    struct err inner = ERR_INIT;
    *doc = NULL;
    if (r->text.len == 0)
        return RC_OK;
    enum rc rc = json_parse(doc, buf_str(&r->text), r->text.len, "the answer", &inner);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    return rc != RC_OK && r->status < 300 ? vbr_odd(vbr, "it is not JSON", err) : RC_OK;
}

/* One try with one version. *again: the server does not speak that version. */
static enum rc
fetch(struct vbr *vbr, int refresh, int *again, struct err *err)
{
    static const char type[] = "Content-Type: application/x-www-form-urlencoded";
    char url[URL_TEXT + 32], version[64];
    const char *const headers[] = {type, version};
    struct vbr_ask q = {.doing = "logging in"};
    struct http_request r;
    struct secret *form = NULL;
    struct json *doc = NULL;
    *again = 0;
    (void)snprintf(url, sizeof url, "%s/api/oauth2/token", vbr->url.base);
    (void)snprintf(version, sizeof version, "x-api-version: %s", vbr_version(vbr));
    prepare(&r, "POST", url);
    r.headers = headers;
    r.header_count = 2;
    r.repeatable = !refresh; /* a refresh token is good for one use */
    enum rc rc = secret_new(&form, err);
    if (rc == RC_OK)
        rc = add_form(form, vbr, refresh, err);
    if (rc == RC_OK) {
        struct http_request *list[] = {&r};
        r.body = form->bytes;
        r.body_len = form->len;
        rc = http_run(vbr->http, list, 1, err);
    }
    if (rc == RC_OK && r.rc != RC_OK) {
        *err = r.err;
        rc = r.rc;
    }
    if (rc == RC_OK)
        rc = parse(vbr, &r, &doc, err);
    if (rc == RC_OK && r.status == 200) {
        rc = keep_tokens(vbr, doc, err);
    } else if (rc == RC_OK) {
        const char *code = json_gets(doc, "errorCode");
        *again = r.status == 400 && code != NULL && strcmp(code, "NotImplemented") == 0;
        q.status = r.status;
        rc = refused(vbr, &q, doc, err);
    }
    json_free(doc);
    secret_free(form);
    http_request_release(&r);
    return rc;
}

static enum rc
with_password(struct vbr *vbr, struct err *err)
{
    int again = 0;
    enum rc rc = fetch(vbr, 0, &again, err);
    while (rc != RC_OK && again && !vbr->logged_in && vbr->version + 1 < VERSIONS) {
        vbr->version++;
        err_clear(err);
        rc = fetch(vbr, 0, &again, err);
    }
    if (rc != RC_OK && again) {
        err->code = rc = RC_VBR_OLD;
        (void)err_hint(err, "12.3 and later are known here; for older ones: vbr delivered, import");
    } else if (rc == RC_VBR_REFUSED || rc == RC_VBR_FORBIDDEN || rc == RC_VBR_REJECTED) {
        err->code = rc = RC_VBR_REFUSED;
        (void)err_hint(err,
                       "is the password right, and the account one without multi-factor "
                       "authentication? (keymuster vbr set %s --credential REF)",
                       vbr->name);
    }
    return rc;
}

enum rc
vbr_login(struct vbr *vbr, struct err *err)
{
    struct err scratch = ERR_INIT;
    int again = 0;
    if (vbr->token[0] != NULL && clock_mono_ms() < vbr->renew_ms)
        return RC_OK;
    if (vbr->token[0] != NULL && vbr->refresh != NULL) {
        enum rc renewed = fetch(vbr, 1, &again, &scratch);
        if (renewed == RC_OK || renewed == RC_INTERRUPTED) {
            *err = scratch;
            return renewed;
        }
    }
    drop_token(vbr);
    enum rc rc = with_password(vbr, err);
    if (rc == RC_OK)
        vbr->logged_in = 1;
    return rc;
}

/* ---- one request ---- */

void
vbr_ask_init(struct vbr_ask *q, const char *method, const char *doing, const char *fmt, ...)
{
    va_list args;
    memset(q, 0, sizeof *q);
    q->method = method;
    q->doing = doing;
    buf_init(&q->body, BODY_MOST);
    va_start(args, fmt);
    (void)vsnprintf(q->path, sizeof q->path, fmt, args);
    va_end(args);
}

void
vbr_ask_release(struct vbr_ask *q)
{
    if (q->body.data != NULL)
        secret_wipe(q->body.data, q->body.cap);
    buf_release(&q->body);
}

static enum rc
send(struct vbr *vbr, struct vbr_ask *q, struct json **doc, struct err *err)
{
    char url[URL_TEXT + VBR_PATH + 16], version[64];
    const char *headers[2] = {version, "Content-Type: application/json"};
    struct http_request r, *list[] = {&r};
    enum rc rc = vbr_login(vbr, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(url, sizeof url, "%s/api/v1%s", vbr->url.base, q->path);
    (void)snprintf(version, sizeof version, "x-api-version: %s", vbr_version(vbr));
    prepare(&r, q->method, url);
    r.headers = headers;
    if (q->body.len == 0) /* libcurl would call the empty body of a POST a form */
        headers[1] = "Content-Type:";
    r.header_count = 2;
    r.repeatable = !q->once;
    r.most = q->most > 0 ? q->most : r.most;
    r.bearer[0] = vbr->token[0];
    r.bearer[1] = vbr->token[1];
    if (q->body.len > 0) {
        r.body = q->body.data;
        r.body_len = q->body.len;
    }
    rc = http_run(vbr->http, list, 1, err);
    q->lost = rc == RC_OK ? r.lost : 1;
    if (rc == RC_OK && r.rc != RC_OK) {
        *err = r.err;
        rc = r.rc;
    }
    q->status = rc == RC_OK ? r.status : 0;
    if (rc == RC_OK)
        rc = parse(vbr, &r, doc, err);
    http_request_release(&r);
    return rc;
}

enum rc
vbr_ask(struct vbr *vbr, struct vbr_ask *q, struct json **doc, struct err *err)
{
    *doc = NULL;
    enum rc rc = buf_check(&q->body, "a request", err);
    if (rc == RC_OK)
        rc = send(vbr, q, doc, err);
    if (rc == RC_OK && q->status == 401) { /* forgotten: nothing was done; once more */
        json_free(*doc);
        *doc = NULL;
        drop_token(vbr);
        rc = send(vbr, q, doc, err);
    }
    if (rc == RC_OK && (q->status < 200 || q->status > 299))
        rc = refused(vbr, q, *doc, err);
    if (rc == RC_VBR_FORBIDDEN)
        (void)err_hint(err, "the account's role is too small: Security Administrator for "
                            "passwords, Backup Administrator for the configuration backup");
    if (q->status >= 500)
        q->lost = 1;
    if (rc != RC_OK) {
        json_free(*doc);
        *doc = NULL;
    }
    return rc;
}

/* One page; *count how many it has. */
static enum rc
page(struct vbr *vbr, const struct vbr_list *list, int64_t skip, vbr_item_fn fn, void *arg,
     int *count, struct err *err)
{
    struct vbr_ask q;
    struct json *doc = NULL;
    *count = 0;
    vbr_ask_init(&q, "GET", list->doing, "%s?skip=%lld&limit=%d&orderColumn=%s&orderAsc=true",
                 list->path, (long long)skip, list->page, list->order);
    q.most = list->most;
    enum rc rc = vbr_ask(vbr, &q, &doc, err);
    const struct json *data = json_get(doc, "data");
    if (rc == RC_OK && json_type(data) != JSON_ARRAY)
        rc = vbr_odd(vbr, "it has no list", err);
    for (const struct json *v = rc == RC_OK ? json_first(data) : NULL; rc == RC_OK && v != NULL;
         v = json_next(v)) {
        rc = fn(arg, v, err);
        ++*count;
    }
    json_free(doc);
    vbr_ask_release(&q);
    return rc;
}

enum rc
vbr_each_item(struct vbr *vbr, const struct vbr_list *list, vbr_item_fn fn, void *arg,
              struct err *err)
{
    int count = list->page;
    int64_t skip = 0;
    enum rc rc = RC_OK;
    for (int n = 0; rc == RC_OK && count >= list->page; n++) {
        rc = n < list->pages ? page(vbr, list, skip, fn, arg, &count, err)
                             : vbr_odd(vbr, "its list does not end", err);
        skip += count;
    }
    return rc;
}
