/* What a store holds, read as if it lay on a copy: how evidence kept in a folder is merged. Nothing
 * is written to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/held.h"
#include "copy/newest.h"
#include "copy/remote_kind.h"
#include "copy/segment.h"
#include "escrow/log.h"
#include "text/enc.h"

static enum rc
store_reach(struct remote *r, struct err *err)
{
    (void)r;
    (void)err;
    return RC_OK;
}

static enum rc
missing(const struct remote *r, const char *name, struct err *err)
{
    return err_set(err, RC_NOT_FOUND, "%.200s is not in %.250s", name, r->folder);
}

/* The author in "<folder>/<author>[/...]"; rest is what follows, "" for nothing. 0 when malformed.
 */
static int
split(const char *name, char author[AUTHOR_TEXT + 1], const char **rest)
{
    const char *from = strchr(name, '/');
    if (from == NULL || strlen(++from) < AUTHOR_TEXT)
        return 0;
    memcpy(author, from, AUTHOR_TEXT);
    author[AUTHOR_TEXT] = '\0';
    *rest = from + AUTHOR_TEXT;
    return hex_is(author, AUTHOR_TEXT) && (**rest == '\0' || **rest == '/');
}

static enum rc
get_hint(const struct remote *r, const char *author, struct buf *out, struct err *err)
{
    struct mark m;
    enum rc rc = held_newest(r->store, author, LIMIT_NUMBER, &m, NULL, err);
    if (rc == RC_OK && m.number > 0)
        buf_addf(out, "%lld\n", (long long)m.number);
    return rc == RC_OK ? buf_check(out, "a hint", err) : rc;
}

static enum rc
get_head(const struct remote *r, const char *author, const char *name, struct buf *out,
         struct err *err)
{
    struct mark m = {.number = 0};
    int64_t number = newest_number(strrchr(name, '/') + 1);
    enum rc rc = number > 0 ? held_at(r->store, author, number, &m, out, err) : RC_OK;
    return rc == RC_OK && m.number == 0 ? missing(r, name, err) : rc;
}

/* "<first>-<last>-<hash>.ndjson": whether the lines still have that hash is for the reader. */
static enum rc
get_segment(const struct remote *r, const char *author, const char *name, struct buf *out,
            struct err *err)
{
    char *end = NULL;
    int64_t first = strtoll(strrchr(name, '/') + 1, &end, 10);
    int64_t last = *end == '-' ? strtoll(end + 1, &end, 10) : 0;
    if (first < 1 || last < first)
        return missing(r, name, err);
    return segment_build(r->store, author, first, last, out, err);
}

static enum rc
store_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    char author[AUTHOR_TEXT + 1];
    const char *rest = "";
    if (!split(name, author, &rest))
        return missing(r, name, err);
    if (strncmp(name, "newest/", 7) == 0)
        return get_hint(r, author, out, err);
    if (rest[0] != '\0' && strncmp(name, "head/", 5) == 0)
        return get_head(r, author, name, out, err);
    if (rest[0] != '\0' && strncmp(name, "log/", 4) == 0)
        return get_segment(r, author, name, out, err);
    return missing(r, name, err);
}

struct listing {
    const struct remote *r;
    remote_fn fn;
    void *arg;
};

static enum rc
list_author(void *arg, const struct log_author *a, struct err *err)
{
    struct listing *l = arg;
    struct mark m;
    enum rc rc = held_newest(l->r->store, a->author, LIMIT_NUMBER, &m, NULL, err);
    return rc == RC_OK && m.number > 0 ? l->fn(l->arg, a->author, err) : rc;
}

/* Authors alone: the hint says which head is an author's newest. */
static enum rc
store_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    struct listing l = {r, fn, arg};
    if (strcmp(folder, "newest") != 0 && strcmp(folder, "head") != 0)
        return RC_OK;
    return log_authors(r->store, list_author, &l, err);
}

static enum rc
refuse(const struct remote *r, struct err *err)
{
    return err_set(err, RC_COPY_READ_ONLY, "%.400s is only read", r->folder);
}

static enum rc
store_write(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    (void)name;
    (void)bytes;
    (void)len;
    return refuse(r, err);
}

static enum rc
store_withdraw(struct remote *r, const char *name, struct err *err)
{
    (void)name;
    return refuse(r, err);
}

static const struct remote_kind remote_store_kind = {.reach = store_reach,
                                                     .get = store_get,
                                                     .create = store_write,
                                                     .replace = store_write,
                                                     .remove = store_withdraw,
                                                     .list = store_list};

enum rc
remote_of_store(struct remote **out, const struct store *store, struct err *err)
{
    struct remote *r = calloc(1, sizeof *r);
    *out = r;
    if (r == NULL)
        return err_nomem(err);
    buf_init(&r->url, sizeof r->folder);
    r->kind = &remote_store_kind;
    r->store = store;
    (void)snprintf(r->folder, sizeof r->folder, "%s", store->dir);
    buf_adds(&r->url, store->dir);
    return RC_OK;
}
