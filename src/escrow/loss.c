#include "escrow/loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/author.h"
#include "text/enc.h"

static const char *const kinds[] = {
    [LOSS_SITE] = "site",       [LOSS_KMS] = "kms",       [LOSS_ROOT] = "root",
    [LOSS_VERSION] = "version", [LOSS_REGION] = "region", [LOSS_VENDOR] = "vendor",
    [LOSS_ACCOUNT] = "account", [LOSS_COPY] = "copy",     [LOSS_CREDENTIAL] = "credential",
    [LOSS_PERSON] = "person"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *
loss_kind_name(enum loss_kind kind)
{
    return kinds[kind];
}

/* ---- the world ---- */

static enum rc
text_of(char **out, const struct store *store, const char *object, const char *name,
        struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_ENTRY);
    enum rc rc = field_get(store, object, name, &v, NULL, err);
    *out = rc == RC_OK ? strdup(buf_str(&v)) : NULL;
    buf_release(&v);
    return rc == RC_OK && *out == NULL ? err_nomem(err) : rc;
}

struct loading {
    const struct store *store;
    struct loss_thing **things;
    size_t *count;
};

static enum rc
load_thing(void *arg, const struct object *o, struct err *err)
{
    struct loading *l = arg;
    struct loss_thing *more = realloc(*l->things, (*l->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    *l->things = more;
    struct loss_thing *t = &more[(*l->count)++];
    memset(t, 0, sizeof *t);
    t->object = *o;
    enum rc rc = object_site(l->store, o->uuid, t->site, err);
    if (strcmp(o->kind, "site") == 0)
        memcpy(t->site, o->uuid, sizeof t->site);
    if (rc == RC_OK)
        rc = text_of(&t->region, l->store, o->uuid, "region", err);
    if (rc == RC_OK)
        rc = text_of(&t->vendor, l->store, o->uuid,
                     strcmp(o->kind, "kms") == 0 ? "provider" : "vendor", err);
    if (rc == RC_OK)
        rc = text_of(&t->account, l->store, o->uuid, "account", err);
    if (rc == RC_OK)
        rc = text_of(&t->kept_at, l->store, o->uuid, "kept_at", err);
    return rc;
}

/* copy_seen has the id of copy.json; the object's UUID has the same sixteen bytes. */
static enum rc
load_acks(struct loss_world *w, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(w->store->db, &q,
                          "SELECT copy, author, entries FROM copy_seen ORDER BY 1, 2", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        unsigned char raw[16];
        struct loss_ack *more = realloc(w->acks, (w->ack_count + 1) * sizeof *more);
        if (more == NULL) {
            rc = err_nomem(err);
            break;
        }
        w->acks = more;
        if (hex_decode(raw, sizeof raw, col_text(q, 0)) != 0)
            continue;
        struct loss_ack *a = &more[w->ack_count++];
        uuid_format(a->copy, raw);
        (void)snprintf(a->author, sizeof a->author, "%s", col_text(q, 1));
        a->entries = col_int(q, 2);
    }
    stmt_done(q);
    return rc;
}

static enum rc
load_author(void *arg, const struct log_author *a, struct err *err)
{
    struct loss_world *w = arg;
    struct trust t;
    enum rc rc = trust_of(w->store, a->author, &t, err);
    if (rc != RC_OK || !trust_accepted(&t) || t.upto != LIMIT_NUMBER)
        return rc;
    struct loss_author *more = realloc(w->authors, (w->author_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    w->authors = more;
    memcpy(more[w->author_count].author, a->author, sizeof a->author);
    memcpy(more[w->author_count++].site, a->site, sizeof a->site);
    return RC_OK;
}

enum rc
loss_world_load(struct loss_world *w, const struct store *store, struct err *err)
{
    memset(w, 0, sizeof *w);
    w->store = store;
    struct {
        const char *kind;
        struct loading l;
    } all[] = {{"site", {store, &w->sites, &w->site_count}},
               {"kms", {store, &w->kmss, &w->kms_count}},
               {"copy", {store, &w->copies, &w->copy_count}},
               {"person", {store, &w->persons, &w->person_count}}};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof all / sizeof all[0]; i++)
        rc = object_each(store, all[i].kind, load_thing, &all[i].l, err);
    if (rc == RC_OK)
        rc = load_acks(w, err);
    if (rc == RC_OK)
        rc = policy_load(&w->policy, store, err);
    w->strict =
        rc == RC_OK && (policy_most(&w->policy, POLICY_WRAPS) > policy_default(POLICY_WRAPS) ||
                        policy_most(&w->policy, POLICY_COPIES) > policy_default(POLICY_COPIES));
    return rc == RC_OK ? author_each(store, load_author, w, err) : rc;
}

static void
release_things(struct loss_thing *things, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(things[i].region);
        free(things[i].vendor);
        free(things[i].account);
        free(things[i].kept_at);
    }
    free(things);
}

void
loss_world_release(struct loss_world *w)
{
    release_things(w->sites, w->site_count);
    release_things(w->kmss, w->kms_count);
    release_things(w->copies, w->copy_count);
    release_things(w->persons, w->person_count);
    free(w->acks);
    free(w->authors);
    memset(w, 0, sizeof *w);
}

/* ---- a loss ---- */

int
loss_mentions(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(text, word); len > 0 && at != NULL; at = strstr(at + 1, word)) {
        int begins = at == text || strchr(" ,;:/()", at[-1]) != NULL;
        int ends = at[len] == '\0' || strchr(" ,;:/()", at[len]) != NULL;
        if (begins && ends)
            return 1;
    }
    return 0;
}

/* By what the thing says of itself; its site is looked at by the caller. */
static int
takes_itself(const struct loss *l, const struct loss_thing *t)
{
    switch (l->kind) {
    case LOSS_SITE:
    case LOSS_KMS:
    case LOSS_COPY:
        return strcmp(t->object.uuid, l->uuid) == 0;
    case LOSS_REGION:
        return strcmp(t->region, l->name) == 0;
    case LOSS_VENDOR:
        return strcmp(t->vendor, l->name) == 0;
    case LOSS_ACCOUNT:
        return strcmp(t->account, l->name) == 0;
    case LOSS_CREDENTIAL:
        return (strcmp(t->object.kind, "kms") == 0 && strcmp(t->object.name, l->name) == 0) ||
               strcmp(t->kept_at, l->name) == 0;
    case LOSS_PERSON:
        return loss_mentions(t->kept_at, l->name);
    case LOSS_ROOT:
    case LOSS_VERSION:
        break;
    }
    return 0;
}

int
loss_takes_site(const struct loss *l, const struct loss_world *w, const char *site)
{
    for (size_t i = 0; i < w->site_count; i++) {
        if (strcmp(w->sites[i].object.uuid, site) == 0)
            return l->sites[i];
    }
    return 0;
}

static unsigned char *
mark(const struct loss *l, const struct loss_world *w, const struct loss_thing *things,
     size_t count, int with_sites)
{
    unsigned char *gone = calloc(count + 1, 1);
    for (size_t i = 0; gone != NULL && i < count; i++)
        gone[i] =
            takes_itself(l, &things[i]) || (with_sites && loss_takes_site(l, w, things[i].site));
    return gone;
}

enum rc
loss_make(struct loss *l, const struct loss_world *w, enum loss_kind kind, const char *name,
          const char *uuid, struct err *err)
{
    memset(l, 0, sizeof *l);
    l->kind = kind;
    (void)snprintf(l->name, sizeof l->name, "%s", name);
    (void)snprintf(l->uuid, sizeof l->uuid, "%s", uuid);
    l->sites = mark(l, w, w->sites, w->site_count, 0);
    if (l->sites != NULL)
        l->kmss = mark(l, w, w->kmss, w->kms_count, 1);
    if (l->kmss != NULL)
        l->copies = mark(l, w, w->copies, w->copy_count, 1);
    if (l->copies == NULL) {
        loss_release(l);
        return err_nomem(err);
    }
    l->own_store = loss_takes_site(l, w, w->store->site);
    return RC_OK;
}

void
loss_release(struct loss *l)
{
    free(l->sites);
    free(l->kmss);
    free(l->copies);
    memset(l, 0, sizeof *l);
}

static enum rc
no_such(const struct loss *l, struct err *err)
{
    (void)err_set(err, RC_NOT_FOUND, "nothing here has the %s %s", kinds[l->kind], l->name);
    return err_hint(err, "all that can be lost: keymuster simulate");
}

static int
takes_any(const unsigned char *gone, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gone[i])
            return 1;
    }
    return 0;
}

static enum rc
find_kind(const char *text, enum loss_kind *kind, const char **name, struct err *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(text, kinds[i], n) == 0 && text[n] == ':' && text[n + 1] != '\0') {
            *kind = (enum loss_kind)i;
            *name = text + n + 1;
            return RC_OK;
        }
    }
    (void)err_set(err, RC_USAGE, "--lose wants KIND:NAME, such as site:fra");
    return err_hint(err, "kinds: site, kms, root, version, region, vendor, account, copy, "
                         "credential, person");
}

/* A version that some wrap lies under. */
static enum rc
check_version(const struct loss *l, const struct loss_world *w, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(w->store->db, &q,
                 "SELECT 1 FROM wrap WHERE substr(version, 1, length(?1)) = ?1 LIMIT 1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, l->name);
    rc = stmt_row(q, err);
    int found = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc == RC_OK && !found ? no_such(l, err) : rc;
}

enum rc
loss_parse(struct loss *l, const struct loss_world *w, const char *text, struct err *err)
{
    enum loss_kind kind = LOSS_SITE;
    const char *name = NULL;
    struct object o = {.uuid = ""};
    memset(l, 0, sizeof *l);
    enum rc rc = find_kind(text, &kind, &name, err);
    if (rc == RC_OK && strlen(name) > LIMIT_TEXT)
        rc = err_set(err, RC_NOT_FOUND, "nothing here has such a long name");
    if (rc == RC_OK && (kind == LOSS_SITE || kind == LOSS_KMS || kind == LOSS_ROOT ||
                        kind == LOSS_COPY || kind == LOSS_PERSON))
        rc = object_find(w->store, kinds[kind], name, &o, err);
    if (rc == RC_OK)
        rc = loss_make(l, w, kind, o.uuid[0] != '\0' ? o.name : name, o.uuid, err);
    if (rc != RC_OK || o.uuid[0] != '\0')
        return rc;
    if (kind == LOSS_VERSION)
        return check_version(l, w, err);
    int any = takes_any(l->sites, w->site_count) || takes_any(l->kmss, w->kms_count) ||
              takes_any(l->copies, w->copy_count);
    return any ? RC_OK : no_such(l, err);
}

/* ---- what is left ---- */

int
loss_takes_root(const struct loss *l, const struct loss_world *w, const struct root *r)
{
    if (l->kind == LOSS_ROOT)
        return strcmp(r->object.uuid, l->uuid) == 0;
    for (size_t i = 0; i < w->kms_count; i++) {
        if (strcmp(w->kmss[i].object.uuid, r->kms.uuid) == 0)
            return l->kmss[i];
    }
    return 0;
}

static int
copy_is_gone(const struct loss *l, const struct loss_world *w, const char *copy)
{
    for (size_t i = 0; i < w->copy_count; i++) {
        if (strcmp(w->copies[i].object.uuid, copy) == 0)
            return l->copies[i];
    }
    return 0; /* a copy that the log does not know may be anywhere; it is not counted on below */
}

static int
copy_is_known(const struct loss_world *w, const char *copy)
{
    for (size_t i = 0; i < w->copy_count; i++) {
        if (strcmp(w->copies[i].object.uuid, copy) == 0)
            return 1;
    }
    return 0;
}

static int
takes_wrap(const struct loss *l, const struct loss_world *w, const struct inventory_wrap *v)
{
    return loss_takes_root(l, w, v->root) ||
           (l->kind == LOSS_VERSION && strncmp(v->version, l->name, strlen(l->name)) == 0);
}

/* Whether no wrap before the i-th one is under the same root key and fares alike. */
static int
is_first(const struct loss *l, const struct loss_world *w, const struct inventory_item *item,
         size_t i, int gone)
{
    for (size_t k = 0; k < i; k++) {
        if (item->live[k].root == item->live[i].root && takes_wrap(l, w, &item->live[k]) == gone)
            return 0;
    }
    return 1;
}

void
loss_left(const struct loss *l, const struct loss_world *w, const struct inventory_item *item,
          struct loss_left *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < item->live_count; i++) {
        const struct inventory_wrap *v = &item->live[i];
        int gone = takes_wrap(l, w, v);
        out->touched |= gone;
        if (v->root->state == ROOT_DESTROYED)
            continue;
        int first = is_first(l, w, item, i, gone);
        out->roots += first && !gone;
        out->roots_gone += first && gone;
        if (gone)
            continue;
        out->wrap = 1;
        if (out->root == NULL)
            out->root = v->root;
    }
    out->record = !l->own_store;
    out->touched |= l->own_store;
    for (size_t i = 0; i < w->ack_count; i++) {
        const struct loss_ack *a = &w->acks[i];
        if (strcmp(a->author, item->key.author) != 0 || a->entries < item->key.seq)
            continue;
        int gone = copy_is_gone(l, w, a->copy);
        out->touched |= gone;
        if (!copy_is_known(w, a->copy))
            continue;
        out->record |= !gone;
        out->copies += !gone;
        out->copies_gone += gone;
    }
}
