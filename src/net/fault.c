#include <stdio.h>
#include <string.h>

#include "net/transfer.h"

/* OpenSSL's X509_V_ERR_* numbers that people meet. */
static const char *
verify_text(long result)
{
    switch (result) {
    case 9:
        return "its certificate is not yet valid (is the clock here right?)";
    case 10:
        return "its certificate has expired (is the clock here right?)";
    case 18:
        return "its certificate is self-signed";
    case 19:
    case 20:
    case 21:
        return "its certificate comes from an authority that is not trusted here";
    case 23:
        return "its certificate was revoked";
    case 26:
        return "its certificate is not made for servers";
    case 66:
    case 67:
    case 68:
        return "its certificate is too weak";
    default:
        return "its certificate does not verify";
    }
}

static enum fault
untrusted(struct transfer *t, const char *why)
{
    struct err *err = &t->r->err;
    (void)err_set(err, t->r->codes.untrusted, "%s at %s: the connection is not safe, nothing sent",
                  t->r->what, t->host);
    (void)err_why(err, "%s%s%.300s", why, t->detail[0] != '\0' ? ": " : "", t->detail);
    return FAULT_UNTRUSTED;
}

static enum fault
unreachable(struct transfer *t, enum fault fault, const char *why)
{
    (void)err_set(&t->r->err, t->r->codes.unreachable, "%s at %s does not answer", t->r->what,
                  t->host);
    (void)err_why(&t->r->err, "%s", why);
    return fault;
}

/* "http://host:port" to "host:port". */
static const char *
proxy_of(const struct transfer *t)
{
    const char *host = strstr(t->proxy, "://");
    return host != NULL ? host + 3 : t->proxy;
}

/* The way to the service; the service itself was not asked. */
static enum fault
no_proxy(struct transfer *t, const char *why)
{
    (void)err_set(&t->r->err, t->r->codes.unreachable, "%s at %s: its proxy %.200s does not answer",
                  t->r->what, t->host, proxy_of(t));
    (void)err_why(&t->r->err, "%s", why);
    return FAULT_UNCONNECTED;
}

static enum fault
proxy_refuses(struct transfer *t, long status)
{
    const struct http_codes *codes = &t->r->codes;
    struct err *err = &t->r->err;
    int login = status == 401 || status == 407;
    if (status >= 500) {
        (void)err_set(err, codes->unreachable, "%s at %s: the proxy %.200s does not reach it",
                      t->r->what, t->host, proxy_of(t));
        (void)err_why(err, "the proxy answers %ld", status);
        return FAULT_UNCONNECTED;
    }
    (void)err_set(err, codes->proxy != RC_OK ? codes->proxy : codes->unreachable,
                  "%s at %s: the proxy %.200s refuses", t->r->what, t->host, proxy_of(t));
    (void)err_why(err, "it answers %ld: %s", status,
                  !login           ? "it does not let this connection through"
                  : t->proxy_login ? "it does not know this user or password"
                                   : "it wants a login, and none is bound here");
    if (!login)
        (void)err_hint(err, "ask whoever runs the proxy to allow CONNECT to %s", t->host);
    else if (codes->proxy != RC_OK) /* elsewhere there is no way to give it one */
        (void)err_hint(err, "say where its login is: --credential proxy=REF");
    return FAULT_REPLY;
}

static enum fault
unfit(struct transfer *t, enum rc code, const char *why)
{
    (void)err_set(&t->r->err, code, "%s at %s: its answer cannot be used", t->r->what, t->host);
    (void)err_why(&t->r->err, "%s", why);
    return FAULT_REPLY;
}

/* A handshake that failed: by an alert or our own refusal, or because the line broke. */
static enum fault
handshake_fault(struct transfer *t)
{
    long os = 0;
    (void)curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
    if (os != 0 || strstr(t->detail, "SSL_ERROR_SYSCALL") != NULL ||
        strstr(t->detail, "eof") != NULL)
        return unreachable(t, FAULT_UNCONNECTED,
                           "it broke off the handshake; does it speak TLS 1.2 or later?");
    return untrusted(t, "no agreement on TLS 1.2 or later with forward secrecy");
}

static enum fault
connect_fault(struct transfer *t)
{
    long os = 0;
    char why[160];
    char text[128];
    (void)curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
    int known = os != 0 && strerror_r((int)os, text, sizeof text) == 0;
    (void)snprintf(why, sizeof why, "no connection: %.120s", known ? text : t->detail);
    if (t->proxy[0] != '\0')
        return no_proxy(t, why);
    return unreachable(t, FAULT_UNCONNECTED, why);
}

static enum fault
timeout_fault(struct transfer *t)
{
    curl_off_t connected = 0;
    (void)curl.easy_getinfo(t->easy, CURLINFO_APPCONNECT_TIME_T, &connected);
    if (connected == 0 && t->proxy[0] != '\0')
        return no_proxy(t, "no connection in time");
    return connected == 0 ? unreachable(t, FAULT_UNCONNECTED, "no connection in time")
                          : unreachable(t, FAULT_BROKEN, "connected, but no answer in time");
}

static enum fault
verify_fault(struct transfer *t)
{
    long result = 0;
    (void)curl.easy_getinfo(t->easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &result);
    if (result != 0)
        return untrusted(t, "the certificate of the proxy does not verify");
    (void)curl.easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    /* The name is judged first, by libcurl itself, which then leaves "unspecified". */
    if (result <= 1 && strstr(t->detail, "host name") != NULL)
        return untrusted(t, "its certificate is for another host name");
    return untrusted(t, verify_text(result));
}

static enum fault
pin_fault(struct transfer *t)
{
    enum fault fault = untrusted(t, "its public key is not the pinned one");
    if (t->r->other_key != RC_OK)
        t->r->err.code = t->r->other_key;
    return fault;
}

static enum fault
own_fault(struct transfer *t, CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY)
        (void)err_nomem(&t->r->err);
    else if (code == CURLE_SSL_CACERT_BADFILE)
        (void)err_set(&t->r->err, RC_CONFIG, "the file of --ca has no certificates in PEM form");
    else
        (void)err_set(&t->r->err, RC_INTERNAL, "%s at %s: %s", t->r->what, t->host,
                      curl.easy_strerror(code));
    return FAULT_OWN;
}

enum fault
fault_of(struct transfer *t, CURLcode code)
{
    /* By ranges of meaning; what is not listed is a mistake of ours. */
    long connect = 0;
    if (code == CURLE_OK || (t->enough && code == CURLE_WRITE_ERROR))
        return FAULT_NONE;
    if (t->proxy[0] != '\0')
        (void)curl.easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    if (connect >= 300 && (code == CURLE_RECV_ERROR || code == CURLE_PROXY))
        return proxy_refuses(t, connect);
    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        char why[80];
        enum rc large = t->r->codes.large != RC_OK ? t->r->codes.large : t->r->codes.reply;
        (void)snprintf(why, sizeof why, "it is larger than %zu bytes", t->r->text.max);
        return unfit(t, large, why);
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return unreachable(t, FAULT_UNCONNECTED, "its name cannot be resolved");
    if (code == CURLE_COULDNT_RESOLVE_PROXY)
        return no_proxy(t, "its name cannot be resolved");
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_PROXY)
        return connect_fault(t);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return timeout_fault(t);
    if (code == CURLE_SSL_CONNECT_ERROR)
        return handshake_fault(t);
    if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        return pin_fault(t);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
        return verify_fault(t);
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL)
        return unfit(t, t->r->codes.reply, "it is not HTTP");
    if (code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR ||
        code == CURLE_RECV_ERROR || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM)
        return unreachable(t, FAULT_BROKEN, "it broke off before its answer was complete");
    return own_fault(t, code);
}

/* A redirect is refused by name of its host only: a location may carry anything. */
enum fault
fault_redirected(struct transfer *t)
{
    char to[URL_TEXT + 1], why[URL_HOST + 80];
    struct url url;
    struct err scratch = ERR_INIT;
    int told = http_header(t->r, "Location", to, sizeof to);
    if (told)
        to[strcspn(to, "?#")] = '\0';
    if (told && url_parse(&url, to, "", &scratch) == RC_OK)
        (void)snprintf(why, sizeof why, "it sends elsewhere (to %s), which is not followed",
                       url.host);
    else
        (void)snprintf(why, sizeof why, "it sends elsewhere, which is not followed");
    return unfit(t, t->r->codes.reply, why);
}
