#include "net/url.h"

#include <stdio.h>
#include <string.h>

static const char host_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
static const char path_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~/-";

static enum rc
bad(struct err *err, const char *what, const char *why)
{
    (void)err_set(err, RC_BAD_VALUE, "%s is no address of a service", what);
    (void)err_why(err, "%s", why);
    return err_hint(err, "want https://HOST, or https://HOST:PORT");
}

static char
lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    return c;
}

/* The scheme; text behind it, or NULL. */
static const char *
after_scheme(const char *text)
{
    static const char scheme[] = "https://";
    for (size_t i = 0; scheme[i] != '\0'; i++) {
        if (lower(text[i]) != scheme[i])
            return NULL;
    }
    return text + strlen(scheme);
}

/* Names, IPv4, and [IPv6]. */
static int
take_host(struct url *out, const char *text, size_t len)
{
    if (len == 0 || len > URL_HOST)
        return -1;
    for (size_t i = 0; i < len; i++)
        out->host[i] = lower(text[i]);
    out->host[len] = '\0';
    if (out->host[0] == '[')
        return len > 3 && strspn(out->host + 1, "0123456789abcdef:.") == len - 2 &&
                       out->host[len - 1] == ']'
                   ? 0
                   : -1;
    return strspn(out->host, host_chars) == len && out->host[0] != '.' && out->host[0] != '-' &&
                   strstr(out->host, "..") == NULL
               ? 0
               : -1;
}

static int
take_port(unsigned *out, const char *text, size_t len)
{
    unsigned n = 0;
    if (len == 0 || len > 5)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    *out = n;
    return n >= 1 && n <= 65535 ? 0 : -1;
}

enum rc
url_parse(struct url *out, const char *text, const char *what, struct err *err)
{
    memset(out, 0, sizeof *out);
    out->path = out->base;
    out->port = 443;
    if (strlen(text) > URL_TEXT - 16)
        return bad(err, what, "it is too long");
    const char *rest = after_scheme(text);
    if (rest == NULL)
        return bad(
            err, what,
            "it does not begin with https://; nothing else is spoken, for a credential goes there");
    size_t authority = strcspn(rest, "/?#\\");
    const char *path = rest + authority;
    if (memchr(rest, '@', authority) != NULL)
        return bad(err, what, "a user or password does not belong there");
    size_t host = rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/?#\\");
    if (host > authority || take_host(out, rest, host) != 0)
        return bad(err, what, "its host name is malformed");
    if (host < authority &&
        (rest[host] != ':' || take_port(&out->port, rest + host + 1, authority - host - 1) != 0))
        return bad(err, what, "its port is malformed");
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    if (strspn(path, path_chars) < len || strstr(path, "..") != NULL)
        return bad(err, what, "a query, a fragment or an odd character does not belong there");
    int at = out->port == 443
                 ? snprintf(out->base, sizeof out->base, "https://%s", out->host)
                 : snprintf(out->base, sizeof out->base, "https://%s:%u", out->host, out->port);
    out->path = out->base + at;
    (void)snprintf(out->base + at, sizeof out->base - (size_t)at, "%.*s", (int)len, path);
    return RC_OK;
}

void
url_cut(struct url *url, const char *tail)
{
    size_t len = strlen(url->path);
    size_t cut = strlen(tail);
    if (cut <= len && strcmp(url->path + len - cut, tail) == 0)
        url->base[(size_t)(url->path - url->base) + len - cut] = '\0';
}

/* Characters that stand for themselves in the path of our URLs. Others, multi-byte ones included,
 * are written as %XX, so that a path with any byte survives the configuration file. */
static int
url_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

void
url_add_path(struct buf *out, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (url_plain(c)) {
            buf_addc(out, *path);
        } else {
            buf_addc(out, '%');
            buf_addc(out, digits[c >> 4]);
            buf_addc(out, digits[c & 15]);
        }
    }
}
