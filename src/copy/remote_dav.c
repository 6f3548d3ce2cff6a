#include "copy/remote_dav.h"

#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "net/url.h"

enum {
    ANSWER = 64 * 1024, /* room for an error's page, whatever was asked for */
    FOLDERS = 64,       /* that may have to be made for one object */
    OK = 200,
    CREATED = 201,
    NO_CONTENT = 204,
    PARTS = 207,
    NOT_THERE = 404,
    NOT_ALLOWED = 405,
    CONFLICT = 409,
    TAKEN = 412,
    TOO_LARGE = 413,
    LOCKED = 423,
    BROKEN = 500,
    UNKNOWN_METHOD = 501,
    NO_ROOM = 507
};

/* ---- the place ---- */

enum rc
remote_dav_open(struct remote *r, const struct remote_server *server,
                const struct remote_access *access, struct err *err)
{
    struct secret *credential = NULL;
    char whose[PATH_SIZE];
    if (server->user[0] != '\0') {
        (void)err_set(err, RC_BAD_VALUE, "%.300s names a user", remote_url(r));
        return err_hint(err, "leave it out: the credential has user and password, USER:PASSWORD");
    }
    enum rc rc = remote_secret(&credential, r, access, err);
    (void)snprintf(whose, sizeof whose, "the credential of %.300s", remote_url(r));
    if (rc == RC_OK)
        rc = remote_http_user_password(r->login, credential, whose, err);
    secret_free(credential);
    return rc == RC_OK ? remote_http_open(r, access, err) : rc;
}

/* ---- one request ---- */

/* The address with https, no slash at the end: as it is bound, it is escaped already. */
static void
add_address(struct buf *out, const struct remote *r, const char *name)
{
    const char *place = strchr(remote_url(r), ':');
    size_t len = strlen(place);
    while (place[len - 1] == '/')
        len--;
    buf_adds(out, "https");
    buf_add(out, place, len);
    if (name[0] != '\0')
        buf_addc(out, '/');
    url_add_path(out, name);
}

/* A write that failed at the server itself is not tried again at once: nginx says so, too, of a
 * folder that is not there. */
static int
is_final(const struct http_request *q)
{
    return q->status == BROKEN || q->status == NO_ROOM;
}

enum rc
dav_begin(struct dav_call *c, const struct remote *r, const char *method, const char *verb,
          const char *name, struct err *err)
{
    memset(c, 0, sizeof *c);
    buf_init(&c->url, DAV_ADDRESS);
    buf_init(&c->destination, DAV_ADDRESS);
    add_address(&c->url, r, name);
    remote_http_request(r, &c->q, method, buf_str(&c->url));
    c->verb = verb;
    c->name = name[0] != '\0' ? name : "the folder";
    c->q.most = ANSWER;
    c->q.http1 = 1; /* lighttpd's early no to a body gets lost in HTTP/2 */
    c->q.headers = c->headers;
    c->q.permanent = strcmp(method, "GET") == 0 ? NULL : is_final;
    return buf_check(&c->url, "an address", err);
}

void
dav_end(struct dav_call *c)
{
    http_request_release(&c->q);
    buf_release(&c->url);
    buf_release(&c->destination);
}

static int
reads(const struct dav_call *c)
{
    return strcmp(c->verb, "reading") == 0 || strcmp(c->verb, "listing") == 0;
}

static enum rc
elsewhere(const struct remote *r, const struct dav_call *c, const char *why, struct err *err)
{
    (void)err_set(err, RC_COPY_REPLY, "%s %.200s at %.250s: something else answers", c->verb,
                  c->name, remote_url(r));
    (void)err_why(err, "%s", why);
    return err_hint(err, "is the address right, and does no login page or proxy stand in between?");
}

static enum rc
over_limit(const struct remote *r, const struct dav_call *c, struct err *err)
{
    (void)err_set(err, RC_COPY_LIMIT, "%s %.200s at %.250s: %zu bytes are too many for the server",
                  c->verb, c->name, remote_url(r), c->q.body_len);
    (void)err_why(err, "the server answers 413; nginx: client_max_body_size");
    return err_hint(err, "raise its limit to 40 MiB: nginx client_max_body_size, lighttpd "
                         "server.max-request-size, Apache LimitRequestBody; then keymuster sync");
}

enum rc
dav_refused(const struct remote *r, const struct dav_call *c, struct err *err)
{
    const char *cause = "";
    enum rc rc = RC_COPY_READ_ONLY;
    switch (c->q.status) {
    case TOO_LARGE:
        return over_limit(r, c, err);
    case OK:
        return elsewhere(r, c,
                         remote_http_is_page(&c->q) ? "the answer is a web page"
                                                    : "the answer, 200, is none of WebDAV",
                         err);
    case NOT_ALLOWED:
    case UNKNOWN_METHOD:
        if (reads(c))
            return elsewhere(r, c, "it does not know PROPFIND or GET: is WebDAV switched on?", err);
        (void)err_set(err, rc, "the server does not allow %s there (%d)", c->q.method, c->q.status);
        (void)remote_closed(r, c->verb, c->name, rc, err);
        return err_hint(err, "a copy needs GET, PUT, MOVE, MKCOL, DELETE and PROPFIND: is WebDAV "
                             "switched on at that address?");
    case LOCKED:
        (void)err_set(err, rc, "somebody holds a WebDAV lock there (423)");
        (void)remote_closed(r, c->verb, c->name, rc, err);
        return err_hint(err, "a program that has the folder open may hold it; locks end by "
                             "themselves, too");
    case CONFLICT:
    case PARTS:
        (void)err_set(err, rc, "the server answers %d: a folder cannot be made, or not be changed",
                      c->q.status);
        return remote_closed(r, c->verb, c->name, rc, err);
    case NO_ROOM:
        cause = "insufficient storage";
        break;
    default:
        break;
    }
    return remote_http_refused(r, &c->q, c->verb, c->name, cause, err);
}

/* ---- reading ---- */

static enum rc
take(const struct remote *r, struct dav_call *c, struct buf *out, struct err *err)
{
    if (c->q.status != OK || remote_http_is_page(&c->q))
        return dav_refused(r, c, err);
    if (c->q.text.len > out->max - out->len)
        return err_set(err, RC_COPY_TAMPERED, "%.200s at %.250s was altered: it is too large",
                       c->name, remote_url(r));
    buf_add(out, buf_str(&c->q.text), c->q.text.len);
    return buf_check(out, c->name, err);
}

static enum rc
get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    struct dav_call c;
    enum rc rc = dav_begin(&c, r, "GET", "reading", name, err);
    if (out->max - out->len > ANSWER)
        c.q.most = out->max - out->len;
    if (rc == RC_OK)
        rc = remote_http_run(r, &c.q, err);
    if (rc == RC_OK)
        rc = take(r, &c, out, err);
    dav_end(&c);
    return rc;
}

/* ---- folders ---- */

/* One folder, by the first `len` bytes of an address, "/" at its end. *status: what came. */
static enum rc
make_folder(struct remote *r, const char *address, size_t len, int *status, struct err *err)
{
    struct dav_call c;
    char folder[DAV_ADDRESS];
    enum rc rc = dav_begin(&c, r, "MKCOL", "making a folder for", "", err);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)len, address);
    c.q.url = folder;
    if (rc == RC_OK)
        rc = remote_http_run(r, &c.q, err);
    *status = c.q.status;
    /* 405: it is there. */
    if (rc == RC_OK && *status != CREATED && *status != NOT_ALLOWED)
        rc = dav_refused(r, &c, err);
    dav_end(&c);
    return rc;
}

static int
lacks_folder(int status)
{
    return status == NOT_THERE || status == CONFLICT || status == BROKEN;
}

/* The folders on the way to an address: from the last one up until one can be made or is there,
 * then down again. */
static enum rc
make_folders(struct remote *r, const char *address, struct err *err)
{
    size_t ends[FOLDERS];
    size_t count = 0;
    int status = 0;
    const char *at = strchr(address + strlen("https://"), '/') + 1;
    for (const char *slash; count < FOLDERS && (slash = strchr(at, '/')) != NULL; at = slash + 1)
        ends[count++] = (size_t)(slash - address) + 1;
    size_t i = count;
    enum rc rc = RC_OK;
    for (int made = 0; i > 0 && !made; i -= !made) {
        rc = make_folder(r, address, ends[i - 1], &status, err);
        made = rc == RC_OK;
        if (!made && !lacks_folder(status))
            return rc;
    }
    for (; rc == RC_OK && i < count; i++)
        rc = make_folder(r, address, ends[i], &status, err);
    return rc;
}

/* ---- writing ---- */

static void
forget(struct remote *r, const char *name)
{
    struct dav_call c;
    struct err none = ERR_INIT;
    if (dav_begin(&c, r, "DELETE", "removing", name, &none) == RC_OK)
        err_ignore(remote_http_run(r, &c.q, &none)); /* a leftover harms nobody */
    dav_end(&c);
}

struct leftovers {
    struct remote *r;
    const char *path; /* they begin with it */
    size_t folder;    /* bytes of it that are the folder's */
};

static enum rc
forget_leftover(void *arg, const char *name, struct err *err)
{
    const struct leftovers *l = arg;
    const char *begin = l->path + l->folder;
    char path[PATH_SIZE];
    (void)err;
    int n = snprintf(path, sizeof path, "%.*s%s", (int)l->folder, l->path, name);
    if (n > 0 && n < PATH_SIZE && strncmp(name, begin, strlen(begin)) == 0)
        forget(l->r, path);
    return RC_OK;
}

/* nginx whose own temporary files lie on another disk leaves what it could not write under the
 * name with a number behind it; on a full disk, every try would make it fuller. */
static void
forget_torn(struct remote *r, const char *temporary)
{
    const char *slash = strrchr(temporary, '/');
    struct leftovers l = {r, temporary, slash != NULL ? (size_t)(slash - temporary) + 1 : 0};
    char folder[PATH_SIZE];
    struct err none = ERR_INIT;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(l.folder > 0 ? l.folder - 1 : 0),
                   temporary);
    err_ignore(dav_list(r, folder, forget_leftover, &l, &none)); /* leftovers harm nobody */
}

/* What will become `name`, under a temporary one. */
static enum rc
upload(struct remote *r, const char *temporary, const char *name, const void *bytes, size_t len,
       struct err *err)
{
    struct dav_call c;
    enum rc rc = dav_begin(&c, r, "PUT", "writing", temporary, err);
    c.name = name;
    c.headers[0] = "Content-Type: application/octet-stream";
    c.q.header_count = 1;
    c.q.body = bytes;
    c.q.body_len = len;
    if (rc == RC_OK)
        rc = remote_http_run(r, &c.q, err);
    if (rc == RC_OK && lacks_folder(c.q.status)) {
        rc = make_folders(r, buf_str(&c.url), err);
        if (rc == RC_OK)
            rc = remote_http_run(r, &c.q, err);
    }
    if (rc == RC_OK && c.q.status != CREATED && c.q.status != NO_CONTENT &&
        (c.q.status != OK || remote_http_is_page(&c.q)))
        rc = dav_refused(r, &c, err);
    if (c.q.status == BROKEN || c.q.status == NO_ROOM)
        forget_torn(r, temporary);
    dav_end(&c);
    return rc;
}

/* RC_EXISTS: to has its name, or from is gone: an answer got lost and the move was done. */
static enum rc
move(struct remote *r, const char *from, const char *to, int replace, struct err *err)
{
    struct dav_call c;
    enum rc rc = dav_begin(&c, r, "MOVE", "writing", from, err);
    buf_adds(&c.destination, "Destination: ");
    add_address(&c.destination, r, to);
    c.headers[0] = buf_str(&c.destination);
    c.headers[1] = replace || PLANTED("overwrite") ? "Overwrite: T" : "Overwrite: F";
    c.q.header_count = 2;
    c.name = to;
    if (rc == RC_OK)
        rc = buf_check(&c.destination, "an address", err);
    if (rc == RC_OK)
        rc = remote_http_run(r, &c.q, err);
    if (rc == RC_OK && (c.q.status == TAKEN || c.q.status == NOT_THERE))
        rc = err_set(err, RC_EXISTS, "the server does not move it there (%d)", c.q.status);
    else if (rc == RC_OK && c.q.status != CREATED && c.q.status != NO_CONTENT)
        rc = dav_refused(r, &c, err);
    dav_end(&c);
    return rc;
}

/* Without the dot: nginx lists no names that begin with one, and leftovers would never be seen. */
static void
temporary_name(char out[PATH_SIZE], const char *name)
{
    remote_temporary(out, name);
    char *slash = strrchr(out, '/');
    char *dot = slash != NULL ? slash + 1 : out;
    memmove(dot, dot + 1, strlen(dot));
}

static enum rc
put_by(struct remote *r, const char *name, const void *bytes, size_t len, int replace,
       struct err *err)
{
    char temporary[PATH_SIZE];
    temporary_name(temporary, name);
    enum rc rc = upload(r, temporary, name, bytes, len, err);
    if (rc != RC_OK)
        return rc;
    rc = move(r, temporary, name, replace, err);
    if (rc != RC_OK && rc != RC_COPY_UNREACHABLE && rc != RC_INTERRUPTED)
        forget(r, temporary);
    return rc;
}

static enum rc
create(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    return put_by(r, name, bytes, len, 0, err);
}

static enum rc
replace(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    struct err none = ERR_INIT;
    struct buf there;
    enum rc rc = put_by(r, name, bytes, len, 1, err);
    if (rc != RC_EXISTS)
        return rc;
    buf_init(&there, len);
    int mine = get(r, name, &there, &none) == RC_OK && there.len == len &&
               memcmp(buf_str(&there), bytes, len) == 0;
    buf_release(&there);
    return mine ? RC_OK : remote_closed(r, "writing", name, RC_COPY_READ_ONLY, err);
}

static enum rc
take_away(struct remote *r, const char *name, struct err *err)
{
    struct dav_call c;
    enum rc rc = dav_begin(&c, r, "DELETE", "withdrawing", name, err);
    if (rc == RC_OK)
        rc = remote_http_run(r, &c.q, err);
    if (rc == RC_OK && c.q.status != NO_CONTENT && c.q.status != OK && c.q.status != NOT_THERE)
        rc = dav_refused(r, &c, err);
    dav_end(&c);
    return rc;
}

static int
only_usual(const struct remote *r)
{
    (void)r;
    return 1;
}

const struct remote_kind remote_dav_kind = {.reach = dav_reach,
                                            .get = get,
                                            .create = create,
                                            .replace = replace,
                                            .remove = take_away,
                                            .list = dav_list,
                                            .only_usual = only_usual,
                                            .close = remote_http_close};
