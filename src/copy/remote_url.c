/* Addresses of places: read strictly, written in one spelling. */
#define _GNU_SOURCE /* memrchr */
#include <string.h>

#include "copy/remote_kind.h"
#include "net/url.h"

enum { PORT_MAX = 65535 };

static const char FILE_SCHEME[] = "file://";

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
remote_url_decode(char out[PATH_SIZE], const char *text)
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        char c = *text;
        if (c == '%') {
            int high = hex_digit(text[1]);
            int low = high < 0 ? -1 : hex_digit(text[2]);
            if (low < 0 || (high == 0 && low == 0))
                return -1;
            c = (char)(unsigned char)(high * 16 + low);
            text += 2;
        }
        if (len + 1 >= PATH_SIZE)
            return -1;
        out[len++] = c;
    }
    out[len] = '\0';
    return 0;
}

static enum rc
bad_url(const char *url, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "\"%.200s\" is no place for a copy", url);
    (void)err_why(err, "%s", why);
    return err_hint(err, "write file:///path/of/the/folder or /path/of/the/folder, "
                         "sftp://USER@HOST/path, or davs://HOST/path");
}

int
remote_has_scheme(const char *url)
{
    size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    return n > 0 && strncmp(url + n, "://", 3) == 0;
}

static enum rc
folder_of(char out[PATH_SIZE], const char *url, struct err *err)
{
    size_t scheme = sizeof FILE_SCHEME - 1;
    if (strncmp(url, FILE_SCHEME, scheme) == 0) {
        const char *path = url + scheme;
        if (strncmp(path, "localhost/", 10) == 0)
            path += 9;
        if (path[0] != '/')
            return bad_url(url, "a file: URL has three slashes, then an absolute path", err);
        return remote_url_decode(out, path) == 0 ? RC_OK
                                                 : bad_url(url, "its path is malformed", err);
    }
    if (strchr(url, '/') == NULL)
        return bad_url(url, "a folder is written with a slash", err);
    return path_absolute(out, url, err);
}

/* Drops doubled and trailing slashes and "." parts, so that one place has one spelling. ".." stays:
 * what it means depends on links. */
static void
tidy(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0';) {
        size_t slashes = strspn(from, "/");
        const char *part = from + slashes;
        size_t len = strcspn(part, "/");
        from = part + len;
        if (len == 0 || (len == 1 && part[0] == '.'))
            continue;
        *to++ = '/';
        memmove(to, part, len);
        to += len;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

enum rc
remote_folder_url(struct remote *r, const char *url, struct err *err)
{
    enum rc rc = folder_of(r->folder, url, err);
    if (rc != RC_OK)
        return rc;
    tidy(r->folder);
    buf_adds(&r->url, FILE_SCHEME);
    url_add_path(&r->url, r->folder);
    return buf_check(&r->url, "the address of a copy", err);
}

/* ---- servers ---- */

enum rc
remote_url_is_open(const char *url, struct err *err)
{
    const char *at = strstr(url, "://");
    at = at != NULL ? at + 3 : url;
    const char *sign = memrchr(at, '@', strcspn(at, "/?#"));
    if (sign == NULL || memchr(at, ':', (size_t)(sign - at)) == NULL)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "an address must not have a password in it");
    return err_hint(err, "leave it out, and say where it is: --credential REF");
}

/* "USER@" at the beginning. */
static enum rc
take_user(struct remote_server *out, const char **at, const char *end, const char *url,
          struct err *err)
{
    const char *sign = memchr(*at, '@', (size_t)(end - *at));
    if (sign == NULL)
        return RC_OK;
    size_t len = (size_t)(sign - *at);
    if (len == 0 || len >= sizeof out->user)
        return bad_url(url, "its user's name is malformed", err);
    memcpy(out->user, *at, len);
    out->user[len] = '\0';
    *at = sign + 1;
    return RC_OK;
}

static enum rc
take_port(struct remote_server *out, const char *digits, const char *end, const char *url,
          struct err *err)
{
    unsigned port = 0;
    for (; digits < end; digits++) {
        if (*digits < '0' || *digits > '9' || port > PORT_MAX)
            return bad_url(url, "its port is malformed", err);
        port = port * 10 + (unsigned)(*digits - '0');
    }
    if (port == 0 || port > PORT_MAX)
        return bad_url(url, "its port is malformed", err);
    out->port = port;
    return RC_OK;
}

/* "HOST" or "[IPv6]", then ":PORT". */
static enum rc
take_host(struct remote_server *out, const char *at, const char *end, const char *url,
          struct err *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *stop = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
    size_t len = stop != NULL ? (size_t)(stop - at) + 1 : strspn(at, plain);
    if (len == 0 || at + len > end || len >= sizeof out->host || (at + len < end && at[len] != ':'))
        return bad_url(url, "its host is malformed", err);
    for (size_t i = 0; i < len; i++)
        out->host[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
    out->host[len] = '\0';
    return at + len < end ? take_port(out, at + len + 1, end, url, err) : RC_OK;
}

enum rc
remote_server_url(struct remote *r, const char *url, struct remote_server *out, struct err *err)
{
    const char *at = strstr(url, "://") + 3;
    size_t scheme = (size_t)(at - url);
    const char *end = at + strcspn(at, "/");
    memset(out, 0, sizeof *out);
    if (strpbrk(at, "?#") != NULL)
        return bad_url(url, "there is more than a host and a path in it", err);
    enum rc rc = take_user(out, &at, end, url, err);
    if (rc == RC_OK)
        rc = take_host(out, at, end, url, err);
    if (rc != RC_OK)
        return rc;
    int home = strncmp(end, "/~/", 3) == 0 || strcmp(end, "/~") == 0;
    if (remote_url_decode(r->path, *end != '\0' ? end : "/") != 0)
        return bad_url(url, "its path is malformed", err);
    if (strstr(r->path, "/../") != NULL || strchr(r->path, '\n') != NULL)
        return bad_url(url, "its path is not plain", err);
    tidy(r->path);
    buf_add(&r->url, url, scheme);
    if (out->user[0] != '\0')
        buf_addf(&r->url, "%s@", out->user);
    buf_adds(&r->url, out->host);
    if (out->port > 0)
        buf_addf(&r->url, ":%u", out->port);
    url_add_path(&r->url, r->path);
    if (home) /* "/~/x" is x in the user's home */
        memmove(r->path, r->path + 1, strlen(r->path));
    return buf_check(&r->url, "the address of a copy", err);
}
