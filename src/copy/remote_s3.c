/*
 * S3 as a place for copies. What is written once goes out with the condition that nothing has the
 * name: one request, and of two that race the server takes one. A server that refuses conditions is
 * looked at before and after; one that ignores them is found out by remote_probe.
 *
 * Signed by libcurl. What it does not do itself is done here: the hash of the body on every
 * request, queries in the order of their names, bytes of path and query written as %XX.
 */
#include "copy/remote_s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "crypt/hash.h"
#include "text/xml.h"

enum {
    ADDRESS = 3 * PATH_SIZE + URL_TEXT,
    LISTING = 4 * 1024 * 1024, /* one page of 1000 */
    ANSWER = 64 * 1024,
    PAGES = 100000,
    HEADERS = 4,
    FOUND = 200,
    NO_CONTENT = 204,
    MISSING = 404,
    CONFLICT = 409,
    PRECONDITION = 412,
    NOT_IMPLEMENTED = 501,
    SERVICE_BUSY = 503
};

/* ---- one request ---- */

/* One of these at a time; http borrows from it. */
struct call {
    struct http_request q;
    struct buf url;
    char hash[sizeof "x-amz-content-sha256: " + HASH_TEXT];
    const char *headers[HEADERS];
};

/* As a signature wants it: all but the unreserved written as %XX; in a path '/' stays. */
static void
add_encoded(struct buf *out, const char *text, const char *stay)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || strchr(stay, *text) != NULL)
            buf_addc(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* The place's prefix with its slash, "" at the top of the bucket; without the one before it. */
static void
add_prefix(struct buf *out, const struct remote *r, const char *stay)
{
    const char *prefix = r->path + 1;
    add_encoded(out, prefix, stay);
    if (prefix[0] != '\0')
        add_encoded(out, "/", stay);
}

static void
add_bucket(struct buf *out, const struct remote *r)
{
    buf_addf(out, "%s/", r->s3->endpoint.base);
    if (!r->s3->hosted)
        buf_addf(out, "%s", r->s3->bucket);
}

static enum rc
begin(struct call *c, const struct remote *r, const char *name, struct err *err)
{
    memset(c, 0, sizeof *c);
    buf_init(&c->url, ADDRESS);
    add_bucket(&c->url, r);
    if (name != NULL) {
        if (!r->s3->hosted)
            buf_addc(&c->url, '/');
        add_prefix(&c->url, r, "/");
        add_encoded(&c->url, name, "/");
    }
    return buf_check(&c->url, "an address", err);
}

static enum rc
no_token(const struct remote *r, struct err *err)
{
    (void)err_wrap(err, "bucket %s", r->s3->bucket);
    return err_hint(err, "for a copy: keymuster copy set NAME URL --credential REF");
}

/* Sends it. RC_OK: an answer came; a redirect is one, too. */
static enum rc
run(struct call *c, struct remote *r, const char *method, const void *bytes, size_t len, int once,
    struct err *err)
{
    struct s3 *s3 = r->s3;
    char hex[HASH_TEXT + 1];
    size_t most = c->q.most;
    size_t n = 0;
    sha256_hex(hex, bytes != NULL ? bytes : "", PLANTED("empty-hash") ? 0 : len);
    (void)snprintf(c->hash, sizeof c->hash, "x-amz-content-sha256: %s", hex);
    remote_http_request(r, &c->q, method, buf_str(&c->url));
    c->headers[n++] = c->hash;
    if (bytes != NULL)
        c->headers[n++] = "Content-Type: application/octet-stream";
    if (once && !PLANTED("no-condition"))
        c->headers[n++] = "If-None-Match: *";
    c->q.headers = c->headers;
    c->q.header_count = n;
    c->q.body = bytes;
    c->q.body_len = len;
    c->q.most = most > 0 ? most : ANSWER;
    c->q.token = s3->token;
    c->q.sigv4 = s3->by_iam ? NULL : s3->sigv4;
    if (s3->by_iam) {
        enum rc rc = iam_token(&s3->iam, err);
        if (rc != RC_OK)
            return no_token(r, err);
        c->q.bearer[0] = &s3->iam.token[0];
        c->q.bearer[1] = s3->iam.token[1].len > 0 ? &s3->iam.token[1] : NULL;
    }
    enum rc rc = remote_http_run(r, &c->q, err);
    if (rc != RC_OK && c->q.status >= 300 && c->q.status < 400) { /* not followed, but read */
        err_clear(err);
        rc = RC_OK;
    }
    return rc;
}

static void
end(struct call *c)
{
    http_request_release(&c->q);
    buf_release(&c->url);
}

/* ---- reading ---- */

static enum rc
s3_reach(struct remote *r, struct err *err)
{
    (void)r;
    (void)err;
    return RC_OK; /* the first object that is read shows it, and one request is saved */
}

/* The same bytes, without holding them twice where the buffer has none yet. */
static enum rc
hand_over(struct buf *out, struct buf *text, struct err *err)
{
    if (out->len == 0 && text->len <= out->max) {
        struct buf mine = *out;
        size_t max = text->max;
        *out = *text;
        out->max = mine.max;
        *text = mine; /* to be wiped and freed */
        text->max = max;
        return RC_OK;
    }
    buf_add(out, buf_str(text), text->len);
    return buf_check(out, "an object", err);
}

static enum rc
s3_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    struct call c;
    enum rc rc = begin(&c, r, name, err);
    c.q.most = out->max > 0 && out->max < ANSWER ? ANSWER : out->max; /* an error's text, too */
    if (rc == RC_OK)
        rc = run(&c, r, "GET", NULL, 0, 0, err);
    if (rc == RC_OK && c.q.status != FOUND)
        rc = s3_refused(r, &c.q, "reading", name, err);
    else if (rc == RC_OK)
        rc = s3_check_object(r, &c.q, name, err);
    if (rc == RC_OK && c.q.text.len > out->max)
        rc = err_set(err, RC_COPY_TAMPERED, "%.200s at %.250s was altered: it is too large", name,
                     remote_url(r));
    if (rc == RC_OK)
        rc = hand_over(out, &c.q.text, err);
    end(&c);
    return rc;
}

/* Whether these bytes have the name: RC_OK; RC_EXISTS: others do; RC_NOT_FOUND: nothing does. */
static enum rc
look(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    struct buf there;
    buf_init(&there, len);
    enum rc rc = s3_get(r, name, &there, err);
    if (rc == RC_COPY_TAMPERED ||
        (rc == RC_OK && (there.len != len || memcmp(buf_str(&there), bytes, len) != 0)))
        rc = err_set(err, RC_EXISTS, "%.200s at %.250s exists with other bytes", name,
                     remote_url(r));
    buf_release(&there);
    return rc;
}

/* ---- writing ---- */

static int
is_error(const struct call *c)
{
    char code[S3_CODE + 1];
    s3_code(code, buf_str(&c->q.text), c->q.text.len);
    return code[0] != '\0'; /* some answer 200 first and say so afterwards */
}

/* The answer leaves open whether it was stored. */
static int
is_open(const struct call *c, enum rc rc)
{
    return (rc != RC_OK && c->q.lost) || c->q.status == CONFLICT ||
           (c->q.status >= 500 && c->q.status != NOT_IMPLEMENTED && c->q.status != SERVICE_BUSY);
}

/* How a write ended. */
struct wrote {
    int taken;      /* the condition did not hold */
    int conditions; /* 0: the server knows none */
    int uncertain;
};

static enum rc
put(struct remote *r, const char *name, const void *bytes, size_t len, int once, struct wrote *how,
    struct err *err)
{
    struct call c;
    memset(how, 0, sizeof *how);
    how->conditions = 1;
    enum rc rc = begin(&c, r, name, err);
    if (rc == RC_OK)
        rc = run(&c, r, "PUT", bytes, len, once, err);
    how->uncertain = is_open(&c, rc);
    if (rc == RC_OK && (c.q.status < 200 || c.q.status >= 300 || is_error(&c))) {
        char code[S3_CODE + 1];
        s3_code(code, buf_str(&c.q.text), c.q.text.len);
        how->taken = c.q.status == PRECONDITION;
        how->conditions =
            !once || (c.q.status != NOT_IMPLEMENTED && strcmp(code, "NotImplemented") != 0);
        rc = how->taken ? err_set(err, RC_EXISTS, "%.200s at %.250s exists", name, remote_url(r))
                        : s3_refused(r, &c.q, "writing", name, err);
        if (rc == RC_NOT_FOUND)
            rc = err_set(err, RC_COPY_UNREACHABLE, "writing %.200s at %.250s: it answers %d", name,
                         remote_url(r), c.q.status);
    }
    end(&c);
    return rc;
}

/* Without a condition: nothing has the name before, mine are there afterwards. */
static enum rc
create_by_looking(struct remote *r, const char *name, const void *bytes, size_t len,
                  struct err *err)
{
    struct wrote how;
    enum rc rc = look(r, name, bytes, len, err);
    if (rc == RC_NOT_FOUND) {
        err_clear(err);
        rc = put(r, name, bytes, len, 0, &how, err);
        if (rc == RC_OK || how.uncertain)
            rc = look(r, name, bytes, len, err);
    }
    if (rc != RC_EXISTS)
        return rc;
    err->code = RC_CREATE_ONCE; /* it was looked at: there is nothing more to find out */
    return RC_CREATE_ONCE;
}

static enum rc
s3_create(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    struct wrote how = {.conditions = 0};
    enum rc rc = RC_OK;
    if (!r->s3->no_conditions) {
        rc = put(r, name, bytes, len, 1, &how, err);
        r->s3->no_conditions = !how.conditions;
    }
    if (!how.conditions)
        return create_by_looking(r, name, bytes, len, err);
    if (rc == RC_OK || !how.uncertain)
        return rc;
    struct err seen = ERR_INIT;
    enum rc found = look(r, name, bytes, len, &seen);
    if (found != RC_OK && found != RC_EXISTS)
        return rc;
    *err = seen;
    return found;
}

static enum rc
s3_replace(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    struct wrote how;
    return put(r, name, bytes, len, 0, &how, err);
}

static enum rc
s3_remove(struct remote *r, const char *name, struct err *err)
{
    struct call c;
    enum rc rc = begin(&c, r, name, err);
    if (rc == RC_OK)
        rc = run(&c, r, "DELETE", NULL, 0, 0, err);
    if (rc == RC_OK && c.q.status != FOUND && c.q.status != NO_CONTENT)
        rc = s3_refused(r, &c.q, "removing", name, err);
    end(&c);
    if (rc == RC_NOT_FOUND) {
        err_clear(err);
        rc = RC_OK;
    }
    return rc;
}

/* ---- listing ---- */

struct names {
    char **list;
    size_t count;
    const char *before; /* what every name of the page begins with */
    char last[PATH_SIZE];
    int more;
    int listing; /* that is what the answer was */
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name right under the folder; what cannot be one is passed over. */
static enum rc
add_name(struct names *n, const char *key, struct err *err)
{
    size_t skip = strlen(n->before);
    if (strncmp(key, n->before, skip) != 0)
        return RC_OK;
    if (strlen(key) < sizeof n->last && strcmp(key, n->last) > 0)
        (void)snprintf(n->last, sizeof n->last, "%s", key);
    key += skip;
    size_t len = strcspn(key, "/");
    if (len == 0 || strcmp(key, ".") == 0 || strcmp(key, "..") == 0)
        return RC_OK;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)key[i] < ' ')
            return RC_OK;
    }
    char *name = strndup(key, len);
    char **more = name != NULL ? realloc(n->list, (n->count + 1) * sizeof *more) : NULL;
    if (more == NULL) {
        free(name);
        return err_nomem(err);
    }
    n->list = more;
    more[n->count++] = name;
    return RC_OK;
}

static enum rc
take_listed(void *arg, const char *parent, const char *name, const char *text, struct err *err)
{
    struct names *n = arg;
    if (strcmp(parent, "ListBucketResult") == 0) {
        n->listing = 1;
        if (strcmp(name, "IsTruncated") == 0)
            n->more = strcmp(text, "true") == 0;
    }
    if ((strcmp(parent, "Contents") == 0 && strcmp(name, "Key") == 0) ||
        (strcmp(parent, "CommonPrefixes") == 0 && strcmp(name, "Prefix") == 0))
        return add_name(n, text, err);
    return RC_OK;
}

/* Sorted by name, as the signature wants it. */
static void
add_query(struct call *c, const struct names *n)
{
    buf_adds(&c->url, "?delimiter=%2F&list-type=2&max-keys=1000&prefix=");
    add_encoded(&c->url, n->before, "");
    if (n->last[0] == '\0')
        return;
    buf_adds(&c->url, "&start-after=");
    add_encoded(&c->url, n->last, "");
    if (n->last[strlen(n->last) - 1] == '/') /* behind all that is in that folder, too */
        buf_adds(&c->url, "~");
}

static enum rc
one_page(struct remote *r, const char *folder, struct names *n, struct err *err)
{
    struct call c;
    char former[PATH_SIZE];
    (void)snprintf(former, sizeof former, "%s", n->last);
    n->more = n->listing = 0;
    enum rc rc = begin(&c, r, NULL, err);
    add_query(&c, n);
    c.q.most = LISTING;
    if (rc == RC_OK)
        rc = buf_check(&c.url, "an address", err);
    if (rc == RC_OK)
        rc = run(&c, r, "GET", NULL, 0, 0, err);
    if (rc == RC_OK && c.q.status != FOUND)
        rc = s3_refused(r, &c.q, "listing", folder, err);
    else if (rc == RC_OK)
        rc = xml_leaves(buf_str(&c.q.text), c.q.text.len, "the listing", take_listed, n, err);
    if (rc == RC_MALFORMED || (rc == RC_OK && !n->listing))
        rc = err_set(err, RC_COPY_REPLY, "listing %.150s at %.250s: the answer is no listing",
                     folder, remote_url(r));
    end(&c);
    if (rc == RC_OK && n->more && strcmp(former, n->last) == 0)
        n->more = 0; /* it goes round in circles: a listing is a hint only */
    return rc;
}

static enum rc
tell_names(struct names *n, remote_fn fn, void *arg, struct err *err)
{
    enum rc rc = RC_OK;
    if (n->count > 0)
        qsort(n->list, n->count, sizeof *n->list, by_name);
    for (size_t i = 0; rc == RC_OK && i < n->count; i++) {
        if (i == 0 || strcmp(n->list[i - 1], n->list[i]) != 0)
            rc = fn(arg, n->list[i], err);
    }
    return rc;
}

static enum rc
s3_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    struct names n = {.list = NULL};
    struct buf before;
    buf_init(&before, (size_t)2 * PATH_SIZE);
    if (r->path[1] != '\0')
        buf_addf(&before, "%s/", r->path + 1);
    buf_addf(&before, "%s/", folder);
    enum rc rc = buf_check(&before, "a folder's name", err);
    n.before = buf_str(&before);
    n.more = 1;
    for (int page = 0; rc == RC_OK && n.more && page < PAGES; page++)
        rc = one_page(r, folder, &n, err);
    if (rc == RC_OK)
        rc = tell_names(&n, fn, arg, err);
    for (size_t i = 0; i < n.count; i++)
        free(n.list[i]);
    free(n.list);
    buf_release(&before);
    return rc;
}

/* ---- the end ---- */

static void
s3_close(struct remote *r)
{
    if (r->s3 != NULL) {
        if (r->s3->by_iam)
            iam_release(&r->s3->iam);
        secret_free(r->s3->token);
        free(r->s3);
    }
    remote_http_close(r);
}

const struct remote_kind remote_s3_kind = {.reach = s3_reach,
                                           .get = s3_get,
                                           .create = s3_create,
                                           .replace = s3_replace,
                                           .remove = s3_remove,
                                           .list = s3_list,
                                           .close = s3_close};
