/* What a WebDAV server says lies in a folder. A hint, so a name that cannot be one of ours is left
 * out; an answer that is none at all is an error, for it would look like an empty folder. */
#include <stdio.h>
#include <string.h>

#include "copy/remote_dav.h"
#include "text/uni.h"
#include "text/xml.h"

enum { LISTING = 8 * 1024 * 1024, NAME_MOST = 255, PARTS = 207, NOT_THERE = 404, CONFLICT = 409 };

static const char question[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                               "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";

static enum rc
ask(struct remote *r, struct dav_call *c, const char *depth, struct err *err)
{
    c->headers[0] = depth;
    c->headers[1] = "Content-Type: application/xml";
    c->q.header_count = 2;
    c->q.body = question;
    c->q.body_len = sizeof question - 1;
    c->q.most = LISTING;
    buf_addc(&c->url, '/'); /* of a folder; may move the text */
    c->q.url = buf_str(&c->url);
    enum rc rc = buf_check(&c->url, "an address", err);
    return rc == RC_OK ? remote_http_run(r, &c->q, err) : rc;
}

/* A server that answers, whether the folder is there or not: a copy may be about to be made. */
enum rc
dav_reach(struct remote *r, struct err *err)
{
    struct dav_call c;
    enum rc rc = dav_begin(&c, r, "PROPFIND", "listing", "", err);
    if (rc == RC_OK)
        rc = ask(r, &c, "Depth: 0", err);
    if (rc == RC_OK && c.q.status != PARTS && c.q.status != NOT_THERE && c.q.status != CONFLICT)
        rc = dav_refused(r, &c, err);
    dav_end(&c);
    return rc;
}

/* ---- the names ---- */

struct listing {
    char folder[2 * PATH_SIZE]; /* its path at the server, "/" at its end */
    struct buf names;           /* one a line */
    int known;                  /* the folder, or something in it, was there */
};

/* The path of an address, or of what is a path already; NULL for anything else. */
static const char *
path_of(const char *href)
{
    const char *authority = strstr(href, "://");
    if (href[0] == '/' && href[1] != '/')
        return href;
    return authority != NULL ? strchr(authority + 3, '/') : NULL;
}

static int
is_name(const char *text, size_t len)
{
    if (len == 0 || len > NAME_MOST || !utf8_is(text, len) || (len == 1 && text[0] == '.') ||
        (len == 2 && memcmp(text, "..", 2) == 0))
        return 0;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || text[i] == '/' || text[i] == '\\')
            return 0;
    }
    return 1;
}

static enum rc
on_leaf(void *arg, const char *parent, const char *name, const char *text, struct err *err)
{
    struct listing *l = arg;
    char path[PATH_SIZE];
    size_t base = strlen(l->folder);
    (void)err;
    if (strcmp(parent, "response") != 0 || strcmp(name, "href") != 0)
        return RC_OK;
    text += strspn(text, " \t\r\n");
    const char *encoded = path_of(text);
    if (encoded == NULL || remote_url_decode(path, encoded) != 0)
        return RC_OK;
    size_t len = strlen(path);
    while (len > 0 && strchr(" \t\r\n", path[len - 1]) != NULL)
        len--;
    if (len > 1 && path[len - 1] == '/')
        len--;
    l->known |= len + 1 == base && memcmp(path, l->folder, len) == 0;
    if (len <= base || memcmp(path, l->folder, base) != 0 || !is_name(path + base, len - base))
        return RC_OK;
    l->known = 1;
    buf_add(&l->names, path + base, len - base);
    buf_addc(&l->names, '\n');
    return RC_OK;
}

static enum rc
read_names(const struct remote *r, const struct dav_call *c, struct listing *l, struct err *err)
{
    enum rc rc = xml_leaves(buf_str(&c->q.text), c->q.text.len, "the listing", on_leaf, l, err);
    if (rc == RC_OK)
        rc = buf_check(&l->names, "a listing", err);
    if (rc == RC_OK && l->known)
        return RC_OK;
    if (rc != RC_OK && rc != RC_MALFORMED)
        return rc;
    const struct err cause = *err;
    (void)err_set(err, RC_COPY_REPLY, "listing %.200s at %.250s: no listing came", c->name,
                  remote_url(r));
    return err_why(err, "%.400s", rc == RC_OK ? "it is of another folder" : cause.why);
}

enum rc
dav_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    struct dav_call c;
    struct listing l = {.folder = ""};
    const char *home = r->path[0] == '~' ? "/" : "";
    size_t len = strlen(r->path);
    (void)snprintf(l.folder, sizeof l.folder, "%s%s%s%s%s", home, r->path,
                   len > 0 && r->path[len - 1] == '/' ? "" : "/", folder,
                   folder[0] != '\0' ? "/" : "");
    buf_init(&l.names, LISTING);
    enum rc rc = dav_begin(&c, r, "PROPFIND", "listing", folder, err);
    if (rc == RC_OK)
        rc = ask(r, &c, "Depth: 1", err);
    if (rc == RC_OK && c.q.status == PARTS)
        rc = read_names(r, &c, &l, err);
    else if (rc == RC_OK && c.q.status != NOT_THERE && c.q.status != CONFLICT)
        rc = dav_refused(r, &c, err);
    if (rc == RC_OK && l.names.len > 0)
        rc = remote_each_line(l.names.data, fn, arg, err);
    buf_release(&l.names);
    dav_end(&c);
    return rc;
}
