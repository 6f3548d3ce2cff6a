#include "copy/remote.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "copy/remote_kind.h"
#include "text/enc.h"

enum { URL_MAX = 3 * PATH_SIZE + 16 };

static const char FILE_SCHEME[] = "file://";

/* Characters that stand for themselves in the path of our URLs. Others, multi-byte ones included,
 * are written as %XX, so that a path with any byte survives the configuration file. */
static int
url_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes %XX. -1 when malformed, too long or with a NUL. */
static int
url_decode(char out[PATH_SIZE], const char *text)
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
    return err_hint(err, "write file:///path/of/the/folder or /path/of/the/folder");
}

/* Whether the word begins with a scheme, as in "sftp://". */
static int
has_scheme(const char *url)
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
        return url_decode(out, path) == 0 ? RC_OK : bad_url(url, "its path is malformed", err);
    }
    if (has_scheme(url))
        return bad_url(url, "this keymuster knows folders, shares and disks only", err);
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

static void
url_encode(struct buf *out, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    buf_adds(out, FILE_SCHEME);
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

enum rc
remote_open(struct remote **out, const char *url, struct err *err)
{
    *out = NULL;
    struct remote *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    buf_init(&r->url, URL_MAX);
    r->kind = &remote_dir_kind;
    enum rc rc = folder_of(r->folder, url, err);
    if (rc == RC_OK) {
        tidy(r->folder);
        url_encode(&r->url, r->folder);
        rc = buf_check(&r->url, "the address of a copy", err);
    }
    if (rc != RC_OK) {
        remote_close(r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

void
remote_close(struct remote *r)
{
    if (r == NULL)
        return;
    buf_release(&r->url);
    free(r);
}

const char *
remote_url(const struct remote *r)
{
    return buf_str(&r->url);
}

const char *
remote_folder(const struct remote *r)
{
    return r->folder[0] != '\0' ? r->folder : NULL;
}

/* Names are made by us; one that could leave the place is a mistake of ours. */
static enum rc
check_name(const char *name, struct err *err)
{
    if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL ||
        strstr(name, "//") != NULL)
        return err_set(err, RC_INTERNAL, "\"%.100s\" is no name of an object", name);
    return RC_OK;
}

enum rc
remote_reach(struct remote *r, struct err *err)
{
    return r->kind->reach(r, err);
}

enum rc
remote_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    buf_clear(out);
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? r->kind->get(r, name, out, err) : rc;
}

enum rc
remote_create_once(struct remote *r, const char *name, const void *bytes, size_t len,
                   struct err *err)
{
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? r->kind->create_once(r, name, bytes, len, err) : rc;
}

enum rc
remote_put(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? r->kind->put(r, name, bytes, len, err) : rc;
}

enum rc
remote_withdraw(struct remote *r, const char *name, struct err *err)
{
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? r->kind->withdraw(r, name, err) : rc;
}

enum rc
remote_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    enum rc rc = check_name(folder, err);
    return rc == RC_OK ? r->kind->list(r, folder, fn, arg, err) : rc;
}

enum rc
remote_probe(struct remote *r, const char **verdict, struct err *err)
{
    *verdict = "";
    return r->kind->probe(r, verdict, err);
}
