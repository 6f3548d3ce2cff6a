#include "kms/iam.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kms/ibm.h"
#include "text/enc.h"
#include "text/json.h"

enum {
    TRY_MS = 60000,   /* IBM's own client gives IAM that long */
    LEAST_MS = 60000, /* what a token must still be good for */
    TOKEN_MOST = 7 * 1024,
    REPLY_MOST = 64 * 1024,
    KEY_PLACES = 4
};

/* ---- errors ---- */

/* What is known of IAM's codes; their texts are only shown. Status and code decide. */
static const struct iam_error {
    const char *code;
    const char *why;
} iam_errors[] = {
    {"BXNIM0415E", "IAM does not know this API key: deleted, expired, cut short, or of another "
                   "account"},
    {"BXNIM0410E", "the user this API key belongs to is gone or inactive"},
    {"BXNIM0436E", "the user this API key belongs to is suspended in that account"},
    {"BXNIM0462E", "the API key exists, but is disabled"},
    {"BXNIM0430E", "the account allows logins from certain addresses only, and not from here"},
    {"BXNIM0398E", "the identity may not take on that trusted profile"},
    {"BXNIM0106E", "IAM finds a part of the request invalid (a fault of this program)"},
    {"BXNIM0400E", "the account wants a further authentication, which an API key cannot give"},
    {"BXNIM0407E", "IAM finds the token invalid"},
    {"BXNIM0408E", "the refresh token has expired"},
    {"BXNIM0439E", "the session was ended for inactivity"},
    {"BXNIM0308E", "IAM misses an Authorization header (a fault of this program)"},
    {"BXNIM0602E", "user name or password is wrong"},
};

static const char *
known_why(const char *code)
{
    for (size_t i = 0; i < sizeof iam_errors / sizeof iam_errors[0]; i++) {
        if (strcmp(iam_errors[i].code, code) == 0)
            return iam_errors[i].why;
    }
    return NULL;
}

/* said: IAM's own words, to be shown where the code says nothing to us. */
static enum rc
refused(struct err *err, int status, const char *code, const char *said)
{
    char words[168] = "IAM gives no reason that is known here";
    const char *why = known_why(code);
    if (why == NULL && said != NULL) {
        words[0] = '"';
        ibm_error_words(words + 1, sizeof words - 2, said);
        memcpy(words + strlen(words), "\"", 2);
    }
    (void)err_set(err, RC_IAM_REFUSED, "IAM gives no token for this API key");
    (void)err_why(err, "%s (status %d%s%.40s)", why != NULL ? why : words, status,
                  code[0] != '\0' ? ", " : "", code);
    (void)err_hint(err, "this says nothing about root keys");
    if (strcmp(code, "BXNIM0430E") == 0)
        return err_hint(err, "have this machine's address allowed in the account's IAM settings");
    return err_hint(err, "a working API key: ibmcloud iam api-key-create NAME, then keymuster kms "
                         "set NAME --credential REF");
}

/* A text of the answer that may be shown: not one that repeats the API key which was sent. */
static const char *
unless_key(const struct iam *iam, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    for (size_t i = 0; iam->key.len > 0 && i + iam->key.len <= len; i++) {
        if (memcmp(text + i, iam->key.bytes, iam->key.len) == 0)
            return NULL;
    }
    return text;
}

static enum rc
answer_error(const struct iam *iam, int status, const struct json *doc, struct err *err)
{
    const char *code = unless_key(iam, json_gets(doc, "errorCode"));
    const char *request = unless_key(iam, json_gets(json_get(doc, "context"), "requestId"));
    enum rc rc;
    if (status == 429 || status >= 500) {
        rc = err_set(err, RC_IAM_UNREACHABLE,
                     status == 429 ? "IAM is busy" : "IAM cannot answer at the moment");
        (void)err_why(err, "status %d, also when asked again", status);
    } else {
        rc = refused(err, status, code != NULL ? code : "",
                     unless_key(iam, json_gets(doc, "errorMessage")));
    }
    if (request != NULL)
        (void)snprintf(err->request, sizeof err->request, "%.63s", request);
    return rc;
}

/* ---- tokens ---- */

/* Those with a token, the one used last first. */
static struct iam *holders[IAM_TOKENS];

static void
drop_token(struct iam *iam)
{
    for (size_t i = 0; i < 2; i++) {
        secret_free(iam->held[i]);
        iam->held[i] = NULL;
    }
    memset(iam->token, 0, sizeof iam->token);
    for (size_t i = 0; i < IAM_TOKENS; i++) {
        if (holders[i] == iam)
            holders[i] = NULL;
    }
}

/* To the front; one that is pushed out fetches anew when it is used again. */
static void
use_token(struct iam *iam)
{
    struct iam *next = iam;
    for (size_t i = 0; i < IAM_TOKENS && next != NULL; i++) {
        struct iam *here = holders[i] == iam ? NULL : holders[i];
        int was_it = holders[i] == iam;
        holders[i] = next;
        next = was_it ? NULL : here;
    }
    if (next != NULL)
        drop_token(next);
}

static int
has_token(const struct iam *iam)
{
    return iam->token[0].len > 0;
}

static enum rc
keep_token(struct iam *iam, const char *text, struct err *err)
{
    size_t len = strlen(text);
    enum rc rc = RC_OK;
    drop_token(iam);
    use_token(iam);
    for (size_t i = 0, at = 0; rc == RC_OK && at < len; i++) {
        size_t part = len - at < SECRET_SLOT ? len - at : SECRET_SLOT;
        rc = secret_new(&iam->held[i], err);
        if (rc == RC_OK)
            rc = secret_add(iam->held[i], text + at, part, err);
        if (rc == RC_OK)
            iam->token[i] = *iam->held[i];
        at += part;
    }
    if (rc != RC_OK)
        drop_token(iam);
    return rc;
}

enum rc
iam_answer(struct iam *iam, int status, const char *text, size_t len, int64_t now_ms,
           struct err *err)
{
    struct json *doc = NULL;
    struct err scratch = ERR_INIT;
    int64_t seconds = 0;
    enum rc parsed = len > 0 ? json_parse(&doc, text, len, "IAM's answer", &scratch) : RC_MALFORMED;
    if (parsed == RC_NO_MEMORY)
        return err_nomem(err);
    enum rc rc;
    const char *token = json_gets(doc, "access_token");
    if (status != 200) {
        rc = answer_error(iam, status, doc, err);
    } else if (!http_is_token(token, TOKEN_MOST) || json_geti(doc, "expires_in", &seconds) != 0 ||
               seconds < 1) {
        (void)err_set(err, RC_KMS_REPLY, "IAM's answer cannot be used");
        rc = err_why(err, "%s",
                     parsed != RC_OK ? "it is not JSON"
                                     : "it has no access token, or does not say how "
                                       "long it holds");
        (void)err_hint(err, "is the address right? (keymuster kms show NAME)");
    } else {
        rc = keep_token(iam, token, err);
        int64_t life = (seconds > 86400 ? 86400 : seconds) * 1000;
        int64_t margin = life / 5 > LEAST_MS ? life / 5 : LEAST_MS;
        iam->ends_ms = now_ms + life;
        iam->refresh_ms = iam->ends_ms - margin;
    }
    json_free(doc);
    return rc;
}

/* ---- asking ---- */

enum rc
iam_form(struct secret *out, const unsigned char *key, size_t len, struct err *err)
{
    static const char head[] =
        "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=";
    static const char tail[] = "&response_type=cloud_iam";
    secret_cut(out, 0);
    enum rc rc = secret_add(out, head, strlen(head), err);
    if (rc == RC_OK)
        rc = form_encode_secret(out, key, len, err);
    return rc == RC_OK ? secret_add(out, tail, strlen(tail), err) : rc;
}

/* Nothing but the server's root, without any credential: so that the connection is there when the
 * token is. Two round trips fewer, once. */
static int
prepare_ahead(struct iam *iam, struct http_request *r, char door[URL_TEXT + 2])
{
    int wanted = iam->ahead != NULL;
    (void)snprintf(door, URL_TEXT + 2, "%s/", wanted ? iam->ahead : "");
    http_request_init(r, "HEAD", door);
    r->what = "KMS";
    r->aside = 1;
    r->repeatable = 1; /* a connection that others may use */
    iam->ahead = NULL;
    return wanted;
}

static enum rc
fetch(struct iam *iam, struct err *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded"};
    char url[URL_TEXT + 32];
    struct http_request r, ahead;
    struct secret *form = NULL;
    (void)snprintf(url, sizeof url, "%s/identity/token", iam->url.base);
    http_request_init(&r, "POST", url);
    r.what = "IAM";
    r.headers = headers;
    r.header_count = 1;
    r.most = REPLY_MOST;
    r.repeatable = 1;
    r.try_ms = TRY_MS;
    r.codes = (struct http_codes){
        .unreachable = RC_IAM_UNREACHABLE, .untrusted = RC_KMS_CERTIFICATE, .reply = RC_KMS_REPLY};
    memset(&ahead, 0, sizeof ahead);
    enum rc rc = secret_new(&form, err);
    if (rc == RC_OK)
        rc = iam_form(form, iam->key.bytes, iam->key.len, err);
    if (rc == RC_OK) {
        char door[URL_TEXT + 2];
        struct http_request *both[] = {&r, &ahead};
        r.body = form->bytes;
        r.body_len = form->len;
        rc = http_run(iam->http, both, prepare_ahead(iam, &ahead, door) ? 2 : 1, err);
    }
    if (rc == RC_OK && r.rc != RC_OK) {
        *err = r.err;
        rc = r.rc;
    }
    if (rc == RC_OK)
        rc = iam_answer(iam, r.status, buf_str(&r.text), r.text.len, clock_mono_ms(), err);
    secret_free(form);
    http_request_release(&r);
    http_request_release(&ahead);
    return rc;
}

enum rc
iam_token(struct iam *iam, struct err *err)
{
    int64_t now = clock_mono_ms();
    if (has_token(iam) && now < iam->refresh_ms) {
        use_token(iam);
        return RC_OK;
    }
    struct err failed = ERR_INIT;
    enum rc rc = fetch(iam, &failed);
    if (rc == RC_OK ||
        (rc != RC_INTERRUPTED && has_token(iam) && clock_mono_ms() < iam->ends_ms - 10000))
        return RC_OK;
    *err = failed;
    return rc;
}

void
iam_forget(struct iam *iam)
{
    drop_token(iam);
}

enum rc
iam_url(struct url *out, const char *text, const char *what, struct err *err)
{
    enum rc rc = url_parse(out, text, what, err);
    if (rc == RC_OK) {
        url_cut(out, "/identity/token");
        url_cut(out, "/oidc/token");
    }
    return rc;
}

/* ---- API keys ---- */

/* All in one place, or a few. */
static struct {
    struct secret *place[KEY_PLACES];
    unsigned users;
} keys;

static enum rc
keep_key(struct iam *iam, const struct secret *key, struct err *err)
{
    size_t i = 0;
    enum rc rc = RC_OK;
    while (i < KEY_PLACES && keys.place[i] != NULL && SECRET_SLOT - keys.place[i]->len < key->len)
        i++;
    if (i == KEY_PLACES)
        return err_set(err, RC_NO_MEMORY, "too many long API keys in one command");
    if (keys.place[i] == NULL)
        rc = secret_new(&keys.place[i], err);
    if (rc != RC_OK)
        return rc;
    struct secret *place = keys.place[i];
    iam->key = (struct secret){.bytes = place->bytes + place->len, .len = key->len};
    keys.users++;
    return secret_add(place, key->bytes, key->len, err);
}

static void
drop_key(struct iam *iam)
{
    if (iam->key.bytes == NULL)
        return;
    secret_wipe(iam->key.bytes, iam->key.len);
    iam->key = (struct secret){.bytes = NULL, .len = 0};
    if (--keys.users > 0)
        return;
    for (size_t i = 0; i < KEY_PLACES; i++) {
        secret_free(keys.place[i]);
        keys.place[i] = NULL;
    }
}

enum rc
iam_init(struct iam *iam, struct http *http, const struct secret *key, struct err *err)
{
    iam->http = http;
    for (size_t i = 0; i < key->len; i++) {
        if (key->bytes[i] <= ' ' || key->bytes[i] >= 127)
            return err_set(err, RC_BAD_VALUE,
                           "the credential is no API key: it has blanks or odd characters");
    }
    if (key->len == 0 || key->len > LIMIT_PASSPHRASE)
        return err_set(err, RC_BAD_VALUE, "the credential is no API key: %s",
                       key->len == 0 ? "it is empty" : "it is too long");
    return keep_key(iam, key, err);
}

void
iam_release(struct iam *iam)
{
    drop_token(iam);
    drop_key(iam);
}
