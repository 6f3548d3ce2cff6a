#include "copy/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/contradict.h"
#include "copy/held.h"
#include "copy/identity.h"
#include "copy/newest.h"
#include "copy/recovery_files.h"
#include "copy/segment.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/enc.h"

struct inspect {
    struct store *store;
    struct copy *copy;
    damaged_fn fn;
    void *arg;

    /* the author at hand */
    char author[AUTHOR_TEXT + 1];
    struct sign_public pub;
    struct mark seen;         /* what this copy showed last */
    struct head newest;       /* the head with that number, if it is held; else zero */
    char folder[OBJECT_NAME]; /* being listed */
    struct buf there;
    struct buf held;
};

/* ---- an object against its right bytes ---- */

/* *found 0: not there. An object that cannot be read whole is there, and empty. */
static enum rc
fetch(struct inspect *in, const char *name, size_t max, int *found, int *readable, struct err *err)
{
    enum rc rc = newest_go_on(err);
    buf_release(&in->there);
    buf_init(&in->there, max);
    *found = 1;
    *readable = 1;
    if (rc == RC_OK)
        rc = remote_get(in->copy->remote, name, &in->there, err);
    if (rc == RC_NOT_FOUND) {
        *found = 0;
        return RC_OK;
    }
    if (rc == RC_COPY_TAMPERED) {
        *readable = 0; /* no file, or larger than it can be: it cannot be kept aside either */
        return RC_OK;
    }
    return rc;
}

static int
same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(buf_str(a), buf_str(b), a->len) == 0);
}

static enum rc
check_fixed(struct inspect *in, enum object_kind kind, const char *name, struct err *err)
{
    struct damaged d = {.kind = kind, .can = 1};
    int found = 0, readable = 0;
    (void)snprintf(d.name, sizeof d.name, "%s", name);
    enum rc rc = kind == OBJECT_ESCROW ? copy_escrow_object(in->store, &in->held, err)
                                       : copy_copy_object(in->store, in->copy, &in->held, err);
    if (rc == RC_OK)
        rc = fetch(in, name, LIMIT_SMALL_FILE, &found, &readable, err);
    if (rc != RC_OK || (found && readable && same(&in->there, &in->held)))
        return rc;
    d.missing = !found;
    d.can = !found || readable;
    return in->fn(in->arg, &d, err);
}

/* ---- heads ---- */

static enum rc
forked(struct inspect *in, const struct damaged *d, struct err *err)
{
    (void)err_set(err, RC_COPY_FORKED, "%s at copy %s is not the head that is held here", d->name,
                  in->copy->name);
    (void)err_why(err, "both have a good signature of author %s", in->author);
    (void)err_hint(err, "both are kept as evidence, nothing was replaced; ask who runs that store, "
                        "or whether there is a clone of it");
    evidence_keep(in->store, in->copy, in->author, d->name, &in->there);
    return RC_COPY_FORKED;
}

/* Whether the bytes there are a sound head of this author with this number. */
static enum rc
is_sound(struct inspect *in, int64_t number, int *sound, struct err *err)
{
    struct head h = {0};
    struct err other = ERR_INIT;
    *sound = 0;
    if (in->pub.text[0] == '\0')
        return RC_OK;
    enum rc rc = head_parse(&h, buf_str(&in->there), in->there.len, &in->pub, "", &other);
    *sound = rc == RC_OK && h.number == number && strcmp(h.escrow, in->store->escrow) == 0;
    head_release(&h);
    return rc == RC_NO_MEMORY ? err_nomem(err) : RC_OK;
}

static enum rc
check_head(struct inspect *in, int64_t number, struct err *err)
{
    struct damaged d = {.kind = OBJECT_HEAD, .number = number};
    struct mark held;
    int found = 0, readable = 0, sound = 0;
    memcpy(d.author, in->author, sizeof d.author);
    head_name(d.name, in->author, number);
    enum rc rc = held_at(in->store, in->author, number, &held, &in->held, err);
    if (rc == RC_OK)
        rc = fetch(in, d.name, LIMIT_SMALL_FILE, &found, &readable, err);
    if (rc != RC_OK || !found || (readable && held.number > 0 && same(&in->there, &in->held)))
        return rc;
    if (readable)
        rc = is_sound(in, number, &sound, err);
    if (rc != RC_OK || sound)
        return rc == RC_OK && held.number > 0 ? forked(in, &d, err) : rc;
    d.can = readable && held.number > 0;
    return in->fn(in->arg, &d, err);
}

/* ---- segments ---- */

static enum rc
check_segment(struct inspect *in, const struct head_segment *s, int promised, struct err *err)
{
    struct damaged d = {.kind = OBJECT_SEGMENT, .segment = *s};
    char sha[HASH_TEXT + 1];
    int found = 0, readable = 0;
    memcpy(d.author, in->author, sizeof d.author);
    segment_name(d.name, in->author, s);
    enum rc rc = fetch(in, d.name, SEGMENT_MAX, &found, &readable, err);
    if (rc != RC_OK || (!found && !promised))
        return rc;
    sha256_hex(sha, buf_str(&in->there), in->there.len);
    if (found && readable && strcmp(sha, s->sha256) == 0)
        return RC_OK;
    rc = segment_build(in->store, in->author, s->first, s->last, &in->held, err);
    sha256_hex(sha, buf_str(&in->held), in->held.len);
    d.missing = !found;
    d.can = (!found || readable) && strcmp(sha, s->sha256) == 0;
    return rc == RC_OK ? in->fn(in->arg, &d, err) : rc;
}

/* "<first>-<last>-<sha256>.ndjson"; -1 for a name that is not ours. */
static int
parse_segment(struct head_segment *s, const char *name)
{
    enum { DIGITS = 10, FIXED = 2 * (DIGITS + 1) + HASH_TEXT };
    char first[DIGITS + 1] = "";
    char last[DIGITS + 1] = "";
    if (strlen(name) != FIXED + strlen(".ndjson") || strcmp(name + FIXED, ".ndjson") != 0)
        return -1;
    const char *second = name + DIGITS + 1;
    memcpy(first, name, DIGITS);
    memcpy(last, second, DIGITS);
    memcpy(s->sha256, second + DIGITS + 1, HASH_TEXT);
    s->sha256[HASH_TEXT] = '\0';
    s->first = newest_number(first);
    s->last = newest_number(last);
    s->bytes = 0;
    return s->first >= 1 && s->last >= s->first && hex_is(s->sha256, HASH_TEXT) ? 0 : -1;
}

/* ---- what is listed ---- */

static enum rc
listed_head(void *arg, const char *name, struct err *err)
{
    int64_t number = newest_number(name);
    return number >= 1 ? check_head(arg, number, err) : RC_OK;
}

/* A tail that no newest head promises any more: nobody needs it, but it is an object. */
static enum rc
listed_segment(void *arg, const char *name, struct err *err)
{
    struct inspect *in = arg;
    struct head_segment s;
    if (parse_segment(&s, name) != 0 || segment_find(&in->newest, &s) != NULL)
        return RC_OK;
    return check_segment(in, &s, 0, err);
}

static enum rc
listed_group(struct inspect *in, const char *kind, const char *group, remote_fn fn, struct err *err)
{
    if (newest_number(group) < 0)
        return RC_OK;
    (void)snprintf(in->folder, sizeof in->folder, "%s/%s/%s", kind, in->author, group);
    return remote_list(in->copy->remote, in->folder, fn, in, err);
}

static enum rc
head_group(void *arg, const char *group, struct err *err)
{
    return listed_group(arg, "head", group, listed_head, err);
}

static enum rc
log_group(void *arg, const char *group, struct err *err)
{
    return listed_group(arg, "log", group, listed_segment, err);
}

/* ---- one author ---- */

static enum rc
find_key(struct inspect *in, struct err *err)
{
    struct log_author a;
    memset(&in->pub, 0, sizeof in->pub);
    if (strcmp(in->author, in->store->self.author) == 0) {
        in->pub = in->store->self;
        return RC_OK;
    }
    enum rc rc = log_author_get(in->store, in->author, &a, err);
    if (rc == RC_OK && sign_public_parse(&in->pub, a.public_key) != 0)
        rc = err_set(err, RC_STORE_CORRUPT, "the public key of author %s is malformed", in->author);
    return rc;
}

/* Not damage: somebody put an older state there, or this store is the older one. */
static enum rc
check_ends(struct inspect *in, struct err *err)
{
    struct mark newest;
    int found = 0;
    int beyond = 0;
    enum rc rc = newest_get(in->copy->remote, in->author, in->seen.number, &in->there, &found, err);
    if (rc == RC_COPY_TAMPERED)
        return RC_OK; /* there, and named below */
    if (rc == RC_OK && !found) {
        (void)err_set(err, RC_COPY_ROLLED_BACK, "copy %s is rolled back: author %s", in->copy->name,
                      in->author);
        (void)err_why(err, "it once showed head %lld, which is gone", (long long)in->seen.number);
        return err_hint(err, "find out who put an older state there; nothing was replaced");
    }
    if (rc != RC_OK || strcmp(in->author, in->store->self.author) != 0)
        return rc;
    rc = newest_own(in->store, in->copy->remote, 0, &newest, NULL, &beyond, err);
    if (rc != RC_OK || !beyond)
        return rc;
    (void)err_set(err, RC_STORE_OLD, "copy %s shows more of this author than the store holds",
                  in->copy->name);
    return err_hint(err, "`keymuster sync` pulls back what this author published");
}

static enum rc
inspect_author(struct inspect *in, struct err *err)
{
    char folder[OBJECT_NAME];
    struct mark held;
    enum rc rc = seen_get(in->store, in->copy->id, in->author, &in->seen, err);
    if (rc != RC_OK || in->seen.number == 0)
        return rc;
    buf_release(&in->there);
    buf_init(&in->there, LIMIT_SMALL_FILE);
    rc = find_key(in, err);
    if (rc == RC_OK)
        rc = check_ends(in, err);
    if (rc == RC_OK)
        rc = held_at(in->store, in->author, in->seen.number, &held, &in->held, err);
    if (rc == RC_OK && held.number > 0)
        rc = head_peek(&in->newest, buf_str(&in->held), in->held.len, "a held head", err);
    (void)snprintf(folder, sizeof folder, "head/%s", in->author);
    if (rc == RC_OK)
        rc = remote_list(in->copy->remote, folder, head_group, in, err);
    for (size_t i = 0; rc == RC_OK && i < in->newest.segment_count; i++)
        rc = check_segment(in, &in->newest.segments[i], 1, err);
    (void)snprintf(folder, sizeof folder, "log/%s", in->author);
    if (rc == RC_OK)
        rc = remote_list(in->copy->remote, folder, log_group, in, err);
    head_release(&in->newest);
    buf_release(&in->there);
    return rc;
}

struct authors {
    const struct store *store;
    char (*list)[AUTHOR_TEXT + 1];
    size_t count;
};

static enum rc
add_author(void *arg, const struct log_author *author, struct err *err)
{
    struct authors *a = arg;
    struct trust trust;
    enum rc rc = trust_of(a->store, author->author, &trust, err);
    if (rc != RC_OK ||
        (!trust_accepted(&trust) && strcmp(author->author, a->store->self.author) != 0))
        return rc;
    char(*more)[AUTHOR_TEXT + 1] = realloc(a->list, (a->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    a->list = more;
    memcpy(more[a->count++], author->author, AUTHOR_TEXT + 1);
    return RC_OK;
}

/* ---- all of it ---- */

struct recovery_check {
    struct inspect *in;
    struct damaged d;
};

static enum rc
check_recovery_file(void *arg, const char *name, enum recovery_state state, struct err *err)
{
    struct recovery_check *c = arg;
    (void)snprintf(c->d.name, sizeof c->d.name, "recovery/%s", name);
    return state == RECOVERY_ALTERED ? c->in->fn(c->in->arg, &c->d, err) : RC_OK;
}

static enum rc
check_recovery(struct inspect *in, struct err *err)
{
    struct recovery_check c = {.in = in, .d = {.kind = OBJECT_RECOVERY}};
    struct trust trust;
    enum rc rc = trust_of(in->store, in->store->self.author, &trust, err);
    c.d.can = rc == RC_OK && trust_accepted(&trust); /* another's signature would say nothing */
    return rc == RC_OK ? recovery_files_each(in->store, in->copy, check_recovery_file, &c, err)
                       : rc;
}

enum rc
inspect_copy(struct store *store, struct copy *copy, damaged_fn fn, void *arg, struct err *err)
{
    struct inspect in = {.store = store, .copy = copy, .fn = fn, .arg = arg};
    struct authors authors = {.store = store};
    buf_init(&in.held, SEGMENT_MAX);
    enum rc rc = log_authors(store, add_author, &authors, err);
    if (rc == RC_OK)
        rc = check_fixed(&in, OBJECT_ESCROW, "escrow.json", err);
    if (rc == RC_OK && copy->id[0] != '\0')
        rc = check_fixed(&in, OBJECT_COPY, "copy.json", err);
    for (size_t i = 0; rc == RC_OK && i < authors.count; i++) {
        memcpy(in.author, authors.list[i], sizeof in.author);
        rc = inspect_author(&in, err);
    }
    if (rc == RC_OK)
        rc = check_recovery(&in, err);
    if (rc != RC_OK)
        contradict_keep(store, copy, err);
    free(authors.list);
    buf_release(&in.there);
    buf_release(&in.held);
    return rc;
}

/* ---- putting back ---- */

static enum rc
right_bytes(struct store *store, struct copy *copy, const struct damaged *d, struct buf *out,
            struct err *err)
{
    struct mark mark;
    if (d->kind == OBJECT_ESCROW)
        return copy_escrow_object(store, out, err);
    if (d->kind == OBJECT_COPY)
        return copy_copy_object(store, copy, out, err);
    if (d->kind == OBJECT_HEAD)
        return held_at(store, d->author, d->number, &mark, out, err);
    return segment_build(store, d->author, d->segment.first, d->segment.last, out, err);
}

enum rc
repair_keep(struct copy *copy, const struct damaged *d, const char *when, char kept[OBJECT_NAME],
            struct err *err)
{
    struct buf there;
    kept[0] = '\0';
    if (d->missing)
        return RC_OK;
    buf_init(&there, SEGMENT_MAX);
    enum rc rc = remote_get(copy->remote, d->name, &there, err);
    int n = snprintf(kept, OBJECT_NAME, "damaged/%s/%s", when, d->name);
    if (rc == RC_OK && n >= OBJECT_NAME)
        rc = err_set(err, RC_INTERNAL, "the name %s is too long", d->name);
    if (rc == RC_OK)
        rc = remote_create_once(copy->remote, kept, buf_str(&there), there.len, err);
    buf_release(&there);
    if (rc == RC_OK)
        return rc;
    kept[0] = '\0';
    return err_wrap(err, "keeping what lies there");
}

static enum rc
put_back(struct copy *copy, const struct damaged *d, const struct buf *right, struct err *err)
{
    struct buf there;
    if (d->missing)
        return remote_create_once(copy->remote, d->name, buf_str(right), right->len, err);
    enum rc rc = remote_put(copy->remote, d->name, buf_str(right), right->len, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&there, SEGMENT_MAX);
    rc = remote_get(copy->remote, d->name, &there, err);
    if (rc == RC_OK && !same(&there, right))
        rc = err_set(err, RC_COPY_TAMPERED, "%s at copy %s reads back with other bytes", d->name,
                     copy->name);
    buf_release(&there);
    return rc;
}

enum rc
repair_put(struct store *store, struct copy *copy, const struct damaged *d, struct err *err)
{
    struct buf right;
    if (d->kind == OBJECT_RECOVERY)
        return recovery_files_write(store, copy, RECOVERY_LOOK | RECOVERY_PAGES, err);
    buf_init(&right, SEGMENT_MAX);
    enum rc rc = right_bytes(store, copy, d, &right, err);
    if (rc == RC_OK)
        rc = put_back(copy, d, &right, err);
    buf_release(&right);
    return rc;
}
