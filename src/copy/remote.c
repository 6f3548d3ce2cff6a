#include "copy/remote.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/remote_kind.h"
#include "crypt/hash.h"
#include "text/enc.h"

enum { URL_MAX = 3 * PATH_SIZE + 16 };

static remote_secret_fn read_secret;
static int64_t wait_ms;
static remote_watch_fn watch;
static void *watch_arg;

void
remote_read_secrets_by(remote_secret_fn fn)
{
    read_secret = fn;
}

void
remote_wait(int64_t timeout_ms)
{
    wait_ms = timeout_ms;
}

int64_t
remote_timeout(int64_t otherwise)
{
    return wait_ms > 0 ? wait_ms : otherwise;
}

enum rc
remote_read_secret(struct secret **out, const char *ref, const char *whose, struct err *err)
{
    if (read_secret == NULL)
        return err_set(err, RC_COPY_NO_CREDENTIAL, "nothing reads %.300s here", whose);
    return read_secret(out, ref, whose, err);
}

enum rc
remote_secret(struct secret **out, const struct remote *r, const struct remote_access *access,
              struct err *err)
{
    char what[PATH_SIZE];
    if (access == NULL || access->credential == NULL || read_secret == NULL) {
        (void)err_set(err, RC_COPY_NO_CREDENTIAL, "no credential for %.300s", remote_url(r));
        return err_hint(err, "bind one: keymuster copy set NAME URL --credential REF; with --from: "
                             "--credential copy=REF");
    }
    (void)snprintf(what, sizeof what, "the credential of %.300s", remote_url(r));
    return read_secret(out, access->credential, what, err);
}

static const struct server_kind {
    const char *scheme;
    const struct remote_kind *kind;
    enum rc (*open)(struct remote *r, const struct remote_server *server,
                    const struct remote_access *access, struct err *err);
} servers[] = {{"sftp:", &remote_sftp_kind, remote_sftp_open},
               {"davs:", &remote_dav_kind, remote_dav_open},
               {"s3:", &remote_s3_kind, remote_s3_open}};

static const struct server_kind *
find_server(const char *url)
{
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (strncmp(url, servers[i].scheme, strlen(servers[i].scheme)) == 0)
            return &servers[i];
    }
    return NULL;
}

static enum rc
unknown_scheme(const char *url, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "\"%.200s\" is no place for a copy", url);
    (void)err_why(err,
                  "this keymuster knows folders, shares, disks, SFTP and WebDAV servers and S3");
    if (strncmp(url, "https:", 6) == 0)
        return err_hint(err, "WebDAV over HTTPS is davs://HOST/path; S3 is s3://BUCKET/PREFIX "
                             "--endpoint URL");
    return err_hint(err, "write file:///path/of/the/folder, /path/of/the/folder, "
                         "sftp://USER@HOST/path, davs://HOST/path or s3://BUCKET/PREFIX");
}

static enum rc
open_kind(struct remote *r, const char *url, const struct remote_access *access, struct err *err)
{
    struct remote_server server;
    if (!remote_has_scheme(url) || strncmp(url, "file:", 5) == 0) {
        r->kind = &remote_dir_kind;
        return remote_folder_url(r, url, err);
    }
    const struct server_kind *k = find_server(url);
    enum rc rc = remote_url_is_open(url, err);
    if (rc != RC_OK)
        return rc;
    if (k == NULL)
        return unknown_scheme(url, err);
    r->kind = k->kind;
    rc = remote_server_url(r, url, &server, err);
    return rc == RC_OK ? k->open(r, &server, access, err) : rc;
}

enum rc
remote_open(struct remote **out, const char *url, const struct remote_access *access,
            struct err *err)
{
    *out = NULL;
    struct remote *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    buf_init(&r->url, URL_MAX);
    enum rc rc = open_kind(r, url, access, err);
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
    if (r->kind != NULL && r->kind->close != NULL)
        r->kind->close(r);
    secret_free(r->proxy_login[0]);
    secret_free(r->proxy_login[1]);
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

int
remote_is_local(const struct remote *r)
{
    return remote_folder(r) != NULL && (r->kind->only_usual == NULL || !r->kind->only_usual(r));
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

/* ---- one request each ---- */

void
remote_watch(remote_watch_fn fn, void *arg)
{
    watch = fn;
    watch_arg = arg;
}

static void
tell(const struct remote *r, const char *verb, const char *name)
{
    if (watch != NULL)
        watch(watch_arg, verb, name, remote_url(r));
}

static enum rc
ask_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    r->asked.gets++;
    tell(r, "get", name);
    return r->kind->get(r, name, out, err);
}

static enum rc
ask_create(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    r->asked.puts++;
    tell(r, "put", name);
    r->asked.put_bytes += (int64_t)len;
    return r->kind->create(r, name, bytes, len, err);
}

static enum rc
ask_replace(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    r->asked.puts++;
    tell(r, "put", name);
    r->asked.put_bytes += (int64_t)len;
    return r->kind->replace(r, name, bytes, len, err);
}

static enum rc
ask_remove(struct remote *r, const char *name, struct err *err)
{
    r->asked.removes++;
    tell(r, "remove", name);
    return r->kind->remove(r, name, err);
}

void
remote_asked(const struct remote *r, struct remote_asked *out)
{
    *out = r->asked;
}

/* ---- what is promised of them ---- */

enum rc
remote_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    buf_clear(out);
    enum rc rc = check_name(name, err);
    if (rc == RC_OK)
        rc = ask_get(r, name, out, err);
    r->asked.get_bytes += rc == RC_OK ? (int64_t)out->len : 0;
    return rc;
}

/* A place that refused a name which nothing has refuses for another reason. */
static enum rc
closed_after(const struct remote *r, const char *name, const struct err *refused, struct err *err)
{
    (void)err_set(err, RC_COPY_READ_ONLY, "%.400s", refused->msg);
    return remote_closed(r, "writing", name, RC_COPY_READ_ONLY, err);
}

enum rc
remote_settle(struct remote *r, const char *name, const void *bytes, size_t len, int *torn,
              struct err *err)
{
    struct buf there;
    buf_init(&there, len);
    enum rc rc = ask_get(r, name, &there, err);
    int begins = rc == RC_OK && (there.len == 0 || memcmp(buf_str(&there), bytes, there.len) == 0);
    int mine = begins && there.len == len;
    buf_release(&there);
    *torn = begins && !mine;
    if (mine || (rc != RC_OK && rc != RC_COPY_TAMPERED))
        return rc;
    (void)err_set(err, RC_CREATE_ONCE, "%.200s at %.250s exists with other bytes", name,
                  remote_url(r));
    return err_hint(err, "objects of a copy are written once; what is there was left as it is");
}

/* My own beginning is there: it is made whole. */
static enum rc
complete(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    int torn = 0;
    enum rc rc = ask_replace(r, name, bytes, len, err);
    if (rc == RC_OK)
        rc = remote_settle(r, name, bytes, len, &torn, err);
    if (rc == RC_CREATE_ONCE || rc == RC_NOT_FOUND)
        rc = err_set(err, RC_COPY_UNREACHABLE, "%.200s at %.250s reads back with other bytes", name,
                     remote_url(r));
    return rc;
}

/* Two that create one name at the same time may both be told that they did: looked at before and
 * after. */
static int
is_usual(const struct remote *r)
{
    return r->look_twice || (r->kind->only_usual != NULL && r->kind->only_usual(r));
}

void
remote_look_twice(struct remote *r, int yes)
{
    r->look_twice = yes;
}

enum rc
remote_create_once(struct remote *r, const char *name, const void *bytes, size_t len,
                   struct err *err)
{
    int torn = 0;
    int look = is_usual(r);
    enum rc rc = check_name(name, err);
    if (rc == RC_OK && look)
        rc = remote_settle(r, name, bytes, len, &torn, err);
    if (rc == RC_CREATE_ONCE && torn)
        return complete(r, name, bytes, len, err);
    if ((look && rc != RC_NOT_FOUND) || (!look && rc != RC_OK))
        return rc;
    err_clear(err);
    rc = ask_create(r, name, bytes, len, err);
    if (rc != RC_EXISTS && (rc != RC_OK || !look))
        return rc;
    const struct err refused = *err;
    rc = remote_settle(r, name, bytes, len, &torn, err);
    if (rc == RC_CREATE_ONCE && torn)
        return complete(r, name, bytes, len, err);
    return rc == RC_NOT_FOUND ? closed_after(r, name, &refused, err) : rc;
}

enum rc
remote_put(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? ask_replace(r, name, bytes, len, err) : rc;
}

enum rc
remote_withdraw(struct remote *r, const char *name, struct err *err)
{
    enum rc rc = check_name(name, err);
    return rc == RC_OK ? ask_remove(r, name, err) : rc;
}

enum rc
remote_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    enum rc rc = check_name(folder, err);
    if (rc != RC_OK)
        return rc;
    r->asked.lists++;
    tell(r, "list", folder);
    return r->kind->list(r, folder, fn, arg, err);
}

/* ---- what the kinds share ---- */

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum rc
remote_each_line(char *text, remote_fn fn, void *arg, struct err *err)
{
    size_t count = 0;
    char *rest = NULL;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == '\n';
    char **names = calloc(count + 1, sizeof *names);
    if (names == NULL)
        return err_nomem(err);
    size_t n = 0;
    for (char *at = strtok_r(text, "\r\n", &rest); at != NULL && n <= count;
         at = strtok_r(NULL, "\r\n", &rest)) {
        if (strcmp(at, ".") != 0 && strcmp(at, "..") != 0)
            names[n++] = at;
    }
    qsort(names, n, sizeof *names, by_name);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < n; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            rc = fn(arg, names[i], err);
    }
    free(names);
    return rc;
}

void
remote_temporary(char out[PATH_SIZE], const char *name)
{
    unsigned char raw[8];
    char hex[2 * sizeof raw + 1];
    const char *slash = strrchr(name, '/');
    random_bytes(raw, sizeof raw);
    hex_encode(hex, raw, sizeof raw);
    (void)snprintf(out, PATH_SIZE, "%.*s.keymuster-%s.tmp",
                   (int)(slash != NULL ? slash - name + 1 : 0), name, hex);
}

enum rc
remote_closed(const struct remote *r, const char *verb, const char *name, enum rc rc,
              struct err *err)
{
    const struct err cause = *err;
    (void)err_set(err, rc, "%s %.200s at %.250s", verb, name, remote_url(r));
    err->os_errno = cause.os_errno;
    (void)err_why(err, "%.500s", cause.why[0] != '\0' ? cause.why : cause.msg);
    if (rc == RC_COPY_FULL)
        (void)err_hint(err, "free some space there, then run `keymuster sync`; nothing was left "
                            "half-written under a final name");
    if (rc == RC_COPY_READ_ONLY)
        (void)err_hint(err, "the place can be read; to publish there, make it writable for this "
                            "user and run `keymuster sync`");
    return rc;
}
