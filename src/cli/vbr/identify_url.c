#include "cli/vbr/identify_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/places/place.h"
#include "copy/remote_http.h"
#include "net/http.h"
#include "net/sftp.h"
#include "net/url.h"

enum { UNAUTHORIZED = 401, FORBIDDEN = 403, MISSING = 404, GONE = 410, NO_RANGE = 416 };

struct asking {
    struct ctx *ctx;
    const char *url; /* as on the command line; for messages */
    struct remote_access access;
    struct secret *credential, *login[2], *proxy_login[2];
    struct buf head;
    int64_t size; /* of the file; -1: not said */
};

int
identify_is_url(const char *word)
{
    size_t scheme = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    return scheme > 0 && strncmp(word + scheme, "://", 3) == 0;
}

/* ---- what goes there ---- */

static const char *
said(const struct ctx *ctx, enum opt_id id)
{
    for (size_t i = 0; i < opt_count(&ctx->opts, id); i++)
        if (strncmp(opt_at(&ctx->opts, id, i), "url=", 4) == 0)
            return opt_at(&ctx->opts, id, i) + 4;
    return NULL;
}

static enum rc
user_and_password(struct secret *out[2], const char *ref, const char *what, struct err *err)
{
    struct secret *text = NULL;
    enum rc rc = ref != NULL ? place_secret(&text, ref, what, err) : RC_OK;
    if (rc == RC_OK && text != NULL)
        rc = remote_http_user_password(out, text, what, err);
    secret_free(text);
    return rc;
}

static enum rc
settle(struct asking *a, struct err *err)
{
    struct ctx *ctx = a->ctx;
    if (!opt_has(&ctx->opts, OPT_FROM))
        place_access(ctx, &a->access);
    if (said(ctx, OPT_CREDENTIAL) != NULL)
        a->access.credential = said(ctx, OPT_CREDENTIAL);
    if (said(ctx, OPT_CA) != NULL)
        a->access.ca = said(ctx, OPT_CA);
    return user_and_password(a->proxy_login, a->access.proxy_credential, "the login of the proxy",
                             err);
}

static void
release(struct asking *a)
{
    secret_free(a->credential);
    for (int i = 0; i < 2; i++) {
        secret_free(a->login[i]);
        secret_free(a->proxy_login[i]);
    }
    buf_release(&a->head);
}

static enum rc
no_credential(const struct asking *a, int given, struct err *err)
{
    (void)err_set(err, given ? RC_COPY_DENIED : RC_COPY_NO_CREDENTIAL, "%.300s: the server %s",
                  a->url, given ? "refuses this login" : "wants a login");
    return err_hint(err, "say where it is: --credential %sREF (with USER:PASSWORD in it)",
                    opt_has(&a->ctx->opts, OPT_FROM) ? "url=" : "");
}

/* ---- https ---- */

/* "bytes 0-1048575/14000000" */
static int
take_range(struct asking *a, const struct http_request *r)
{
    char text[96];
    static const char begin[] = "bytes 0-";
    if (!http_header(r, "Content-Range", text, sizeof text) ||
        strncmp(text, begin, sizeof begin - 1) != 0)
        return -1;
    const char *total = strchr(text, '/');
    char *end = NULL;
    if (total == NULL)
        return -1;
    long long n = strtoll(total + 1, &end, 10);
    if (end != total + 1 && *end == '\0' && n >= 0)
        a->size = n;
    return 0;
}

/* A server that does not know ranges sends all of it, and is left after the head. */
static void
take_length(struct asking *a, const struct http_request *r)
{
    char text[32], *end = NULL;
    long long n = -1;
    if (http_header(r, "Content-Length", text, sizeof text))
        n = strtoll(text, &end, 10);
    if (end != NULL && end != text && *end == '\0' && n >= (long long)r->text.len)
        a->size = n;
    else if (r->text.len < BCO_HEAD)
        a->size = (int64_t)r->text.len;
}

static enum rc
odd(const struct asking *a, const char *why, struct err *err)
{
    (void)err_set(err, RC_COPY_REPLY, "%.300s: the server's answer is none that is known here",
                  a->url);
    return err_why(err, "%s", why);
}

static enum rc
take_answer(struct asking *a, const struct http_request *r, struct err *err)
{
    char why[64];
    switch (r->status) {
    case 200:
        take_length(a, r);
        break;
    case 206:
        if (take_range(a, r) != 0)
            return odd(a, "it is another part of the file than was asked for", err);
        break;
    case UNAUTHORIZED:
    case FORBIDDEN:
        return no_credential(a, a->login[0] != NULL, err);
    case MISSING:
    case GONE:
        return err_set(err, RC_NOT_FOUND, "%.300s is not there", a->url);
    case NO_RANGE:
        return err_set(err, RC_BAD_VALUE, "%.300s is empty", a->url);
    default:
        (void)snprintf(why, sizeof why, "it answers %d", r->status);
        return odd(a, why, err);
    }
    buf_add(&a->head, buf_str(&r->text), r->text.len);
    return buf_check(&a->head, "the head of the file", err);
}

static enum rc
ask_https(struct asking *a, const char *url, struct err *err)
{
    static const char *const range[] = {"Range: bytes=0-1048575"};
    _Static_assert(BCO_HEAD == 1048576, "the range is the head");
    struct http_config config = {.ca = a->access.ca,
                                 .proxy = a->access.proxy,
                                 .proxy_login = {a->proxy_login[0], a->proxy_login[1]},
                                 .timeout_ms = a->ctx->timeout_ms};
    struct http_request r, *list[] = {&r};
    struct http *http = NULL;
    enum rc rc =
        user_and_password(a->login, a->access.credential, "the login of the file's server", err);
    if (rc == RC_OK)
        rc = http_new(&http, &config, err);
    if (rc != RC_OK)
        return rc;
    http_request_init(&r, "GET", url);
    r.what = "the file's server";
    r.accept = "*/*";
    r.headers = range;
    r.header_count = 1;
    r.login[0] = a->login[0];
    r.login[1] = a->login[1];
    r.most = BCO_HEAD;
    r.start = r.repeatable = 1;
    r.codes = (struct http_codes){.unreachable = RC_COPY_UNREACHABLE,
                                  .untrusted = RC_COPY_UNTRUSTED,
                                  .reply = RC_COPY_REPLY,
                                  .proxy = RC_COPY_PROXY};
    rc = http_run(http, list, 1, err);
    if (rc == RC_OK && r.rc != RC_OK) {
        *err = r.err;
        rc = r.rc;
    }
    if (rc == RC_COPY_UNTRUSTED)
        (void)err_hint(err, "name the certificate or its authority: --ca FILE");
    if (rc == RC_OK)
        rc = take_answer(a, &r, err);
    http_request_release(&r);
    http_free(http);
    return rc;
}

/* ---- sftp ---- */

struct sftp_place {
    char user[128], host[URL_HOST + 1];
    unsigned port;
    const char *path; /* inside the address */
};

/* sftp://USER@HOST[:PORT]/PATH, as copies have it; the path as it is there. */
static enum rc
split(struct sftp_place *p, const char *url, struct err *err)
{
    const char *rest = url + strlen("sftp://");
    size_t all = strcspn(rest, "/"), user = strcspn(rest, "@/");
    const char *host = rest + user + 1;
    memset(p, 0, sizeof *p);
    if (user == 0 || user >= all || user >= sizeof p->user || rest[all] == '\0' ||
        memchr(rest, ':', user) != NULL)
        goto bad;
    size_t left = all - user - 1, name = strcspn(host, ":/");
    if (name == 0 || name > left || name >= sizeof p->host)
        goto bad;
    if (name < left) {
        char *end = NULL;
        unsigned long port = strtoul(host + name + 1, &end, 10);
        if (port == 0 || port > 65535 || end != rest + all || host[name + 1] == '+' ||
            host[name + 1] == '-')
            goto bad;
        p->port = (unsigned)port;
    }
    memcpy(p->user, rest, user);
    memcpy(p->host, host, name);
    p->path = rest + all;
    return RC_OK;
bad:
    (void)err_set(err, RC_USAGE, "identify: %.300s is no address of a file", url);
    return err_hint(err, "write sftp://USER@HOST[:PORT]/path/FILE.bco");
}

static enum rc
ask_sftp(struct asking *a, const struct sftp_place *p, struct err *err)
{
    struct sftp *s = NULL;
    if (a->access.credential == NULL) {
        (void)err_set(err, RC_COPY_NO_CREDENTIAL, "no credential for %.300s", a->url);
        return err_hint(err, "say where the private key or password is: --credential %sREF",
                        opt_has(&a->ctx->opts, OPT_FROM) ? "url=" : "");
    }
    enum rc rc = place_secret(&a->credential, a->access.credential,
                              "the credential of the file's server", err);
    struct sftp_config config = {.host = p->host,
                                 .port = p->port,
                                 .user = p->user,
                                 .known_hosts = opt_get(&a->ctx->opts, OPT_KNOWN_HOSTS),
                                 .host_key = opt_get(&a->ctx->opts, OPT_HOST_KEY),
                                 .credential = a->credential,
                                 .timeout_ms = a->ctx->timeout_ms,
                                 .proxy = a->access.proxy,
                                 .proxy_login = {a->proxy_login[0], a->proxy_login[1]},
                                 .codes = {.unreachable = RC_COPY_UNREACHABLE,
                                           .untrusted = RC_COPY_UNTRUSTED,
                                           .changed = RC_COPY_HOST_KEY,
                                           .denied = RC_COPY_DENIED,
                                           .closed = RC_COPY_DENIED,
                                           .full = RC_COPY_FULL,
                                           .proxy = RC_COPY_PROXY}};
    if (rc == RC_OK)
        rc = sftp_new(&s, &config, err);
    if (rc == RC_OK)
        rc = sftp_get_start(s, p->path, &a->head, err);
    sftp_free(s);
    return rc;
}

/* ---- the command's ---- */

static enum rc
fetch(struct asking *a, const char *url, struct err *err)
{
    struct sftp_place place;
    struct url parsed;
    char https[URL_TEXT + 16];
    int sftp = strncmp(url, "sftp://", 7) == 0;
    if (sftp) {
        enum rc rc = split(&place, url, err);
        return rc == RC_OK ? ask_sftp(a, &place, err) : rc;
    }
    (void)snprintf(https, sizeof https, "https://%s", strstr(url, "://") + 3);
    enum rc rc = url_parse(&parsed, https, "the address of the file", err);
    return rc == RC_OK ? ask_https(a, parsed.base, err) : rc;
}

/* Whatever is wrong with the command line, nothing goes out. */
static enum rc
check(const struct ctx *ctx, const char *url, struct err *err)
{
    static const char *const schemes[] = {"https://", "davs://", "sftp://"};
    if (ctx->offline)
        return err_set(err, RC_USAGE, "identify: %.300s cannot be read with --offline", url);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return RC_OK;
    (void)err_set(err, RC_USAGE, "identify: addresses begin with https://, davs:// or sftp://");
    return err_hint(err, "fetch the first MiB in another way and identify that: head -c 1048576");
}

enum rc
identify_url(struct ctx *ctx, const char *url, struct bco *bco, struct identify *out,
             struct err *err)
{
    struct asking a = {.ctx = ctx, .url = url, .size = -1};
    memset(out, 0, sizeof *out);
    (void)snprintf(out->source, sizeof out->source, "%s", url);
    out->is_file = 1;
    enum rc rc = check(ctx, url, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&a.head, BCO_HEAD);
    rc = settle(&a, &out->failed);
    if (rc == RC_OK)
        rc = fetch(&a, url, &out->failed);
    if (rc == RC_OK)
        rc = bco_parse(bco, buf_str(&a.head), a.head.len, a.size, url, &out->failed);
    release(&a);
    return identify_head(ctx, bco, rc, out, err);
}
