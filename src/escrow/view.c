#include "escrow/view.h"

#include <stdio.h>
#include <string.h>

#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

/* ---- objects ---- */

enum rc
col_hash(struct stmt *q, int i, char out[HASH_TEXT + 1], struct err *err)
{
    size_t len = 0;
    const void *bytes = col_blob(q, i, &len);
    out[0] = '\0';
    if (len != HASH_SIZE) {
        (void)err_set(err, RC_STORE_CORRUPT, "a hash in the store is malformed");
        return err_hint(err, "keymuster verify");
    }
    hex_encode(out, bytes, HASH_SIZE);
    return RC_OK;
}

static enum rc
read_object(struct stmt *q, struct object *o, struct err *err)
{
    memset(o, 0, sizeof *o);
    (void)snprintf(o->uuid, sizeof o->uuid, "%s", col_text(q, 0));
    (void)snprintf(o->kind, sizeof o->kind, "%s", col_text(q, 1));
    (void)snprintf(o->name, sizeof o->name, "%s", col_text(q, 2));
    (void)snprintf(o->author, sizeof o->author, "%s", col_text(q, 3));
    return col_hash(q, 4, o->entry, err);
}

enum rc
object_each(const struct store *store, const char *kind, object_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    /* min(entry) picks one row, always the same, where two entries claim one UUID. */
    enum rc rc = db_query(store->db, &q,
                          "SELECT uuid, kind, name, author, min(entry) FROM object WHERE kind = ?1"
                          " GROUP BY uuid ORDER BY name, uuid",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, kind);
    struct object o;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = read_object(q, &o, err);
        if (rc == RC_OK)
            rc = fn(arg, &o, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

struct finding {
    const char *ref;
    struct object *out;
    unsigned hits;
    unsigned best; /* edits to the nearest name */
    char nearest[LIMIT_NAME + 1];
    char uuids[256];
};

static enum rc
find_one(void *arg, const struct object *o, struct err *err)
{
    (void)err;
    struct finding *f = arg;
    if (strcmp(o->uuid, f->ref) == 0 || strcmp(o->name, f->ref) == 0) {
        *f->out = *o;
        f->hits++;
        size_t used = strlen(f->uuids);
        (void)snprintf(f->uuids + used, sizeof f->uuids - used, "%s%s", used > 0 ? ", " : "",
                       o->uuid);
        return RC_OK;
    }
    unsigned d = edit_distance(o->name, f->ref);
    if (d < f->best) {
        f->best = d;
        (void)snprintf(f->nearest, sizeof f->nearest, "%s", o->name);
    }
    return RC_OK;
}

static enum rc
object_by_uuid(const struct store *store, const char *kind, struct finding *f, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT uuid, kind, name, author, entry FROM object WHERE uuid = ?1"
                          " AND kind = ?2 ORDER BY entry LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, f->ref);
    stmt_text(q, 2, kind);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        f->hits = 1;
        rc = read_object(q, f->out, err);
    }
    stmt_done(q);
    return rc;
}

/* What a person reads for a kind. */
static const char *
kind_title(const char *kind)
{
    if (strcmp(kind, "kms") == 0)
        return "KMS";
    if (strcmp(kind, "root") == 0)
        return "root key";
    return strcmp(kind, "vbr") == 0 ? "backup server" : kind;
}

enum rc
object_find(const struct store *store, const char *kind, const char *ref, struct object *out,
            struct err *err)
{
    struct finding f = {.ref = ref, .out = out, .best = 3};
    enum rc rc = uuid_is(ref) ? object_by_uuid(store, kind, &f, err) : RC_OK;
    if (rc == RC_OK && f.hits == 0)
        rc = object_each(store, kind, find_one, &f, err);
    if (rc != RC_OK || f.hits == 1)
        return rc;
    if (f.hits > 1) {
        (void)err_set(err, RC_AMBIGUOUS, "the %s %s is there more than once", kind_title(kind),
                      ref);
        (void)err_why(err, "two sites made one of that name: %s", f.uuids);
        return err_hint(err, "name it by its UUID");
    }
    struct buf shown;
    buf_init(&shown, 1024);
    escape_terminal(&shown, ref, strnlen(ref, 128), ESCAPE_LINE);
    (void)err_set(err, RC_NOT_FOUND, "no %s %s", kind_title(kind), buf_str(&shown));
    buf_release(&shown);
    if (f.nearest[0] != '\0')
        (void)err_hint(err, "did you mean %s?", f.nearest);
    return err_hint(err, "see them all: keymuster %s list", kind);
}

enum rc
object_name(const struct store *store, const char *uuid, char out[LIMIT_NAME + 1], struct err *err)
{
    (void)snprintf(out, LIMIT_NAME + 1, "%s", uuid);
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT name FROM object WHERE uuid = ?1 ORDER BY entry LIMIT 1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(out, LIMIT_NAME + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

/* ---- fields ---- */

enum rc
field_each(const struct store *store, const char *object, const char *name, field_fn fn, void *arg,
           struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT value, entry FROM field f WHERE object = ?1 AND name = ?2 AND NOT EXISTS"
                 " (SELECT 1 FROM superseded s WHERE s.object = f.object AND s.name = f.name"
                 " AND s.entry = f.entry) ORDER BY entry",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, object);
    stmt_text(q, 2, name);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        char hash[HASH_TEXT + 1];
        rc = col_hash(q, 1, hash, err);
        if (rc == RC_OK)
            rc = fn(arg, col_text(q, 0), hash, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

struct current {
    struct buf *out;
    struct buf first; /* the value as JSON */
    int have;
    int conflict;
};

/* A JSON string without its quotes; other JSON as it is. */
enum rc
field_text(struct buf *out, const char *value, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = json_parse(&doc, value, strlen(value), "a field", err);
    if (rc != RC_OK)
        return rc;
    if (json_str(doc) != NULL)
        buf_adds(out, json_str(doc));
    else if (json_type(doc) != JSON_NULL)
        buf_adds(out, value);
    json_free(doc);
    return buf_check(out, "a field", err);
}

static enum rc
take_current(void *arg, const char *value, const char *entry, struct err *err)
{
    (void)entry;
    struct current *c = arg;
    if (c->have) {
        if (strcmp(buf_str(&c->first), value) != 0)
            c->conflict = 1;
        return RC_OK;
    }
    c->have = 1;
    buf_adds(&c->first, value);
    return field_text(c->out, value, err);
}

enum rc
field_get(const struct store *store, const char *object, const char *name, struct buf *out,
          int *conflict, struct err *err)
{
    struct current c = {.out = out};
    buf_init(&c.first, LIMIT_ENTRY);
    buf_clear(out);
    enum rc rc = field_each(store, object, name, take_current, &c, err);
    if (conflict != NULL)
        *conflict = c.conflict;
    buf_release(&c.first);
    return rc;
}

static enum rc
write_hash(void *arg, const char *value, const char *entry, struct err *err)
{
    (void)value;
    (void)err;
    jw_str(arg, NULL, entry);
    return RC_OK;
}

enum rc
field_supersedes(const struct store *store, const char *object, const char *name, struct jw *w,
                 struct err *err)
{
    jw_arr(w, "supersedes");
    enum rc rc = field_each(store, object, name, write_hash, w, err);
    jw_end_arr(w);
    return rc;
}

static enum rc
later_time(void *arg, const char *value, const char *entry, struct err *err)
{
    char *latest = arg;
    int64_t a = 0, b = 0;
    struct buf text;
    (void)entry;
    buf_init(&text, LIMIT_ENTRY);
    enum rc rc = field_text(&text, value, err);
    if (rc == RC_OK && time_parse(&a, buf_str(&text)) == 0 &&
        (time_parse(&b, latest) != 0 || a > b))
        time_format(latest, a);
    buf_release(&text);
    return rc;
}

enum rc
field_latest(const struct store *store, const char *object, const char *name,
             char out[TIME_TEXT + 1], struct err *err)
{
    out[0] = '\0';
    return field_each(store, object, name, later_time, out, err);
}

enum rc
object_site(const struct store *store, const char *uuid, char site[UUID_TEXT + 1], struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(store, uuid, "site", &v, NULL, err);
    (void)snprintf(site, UUID_TEXT + 1, "%s", rc == RC_OK ? buf_str(&v) : "");
    buf_release(&v);
    return rc;
}

enum rc
object_site_name(const struct store *store, const char *uuid, char name[LIMIT_NAME + 1],
                 struct err *err)
{
    char site[UUID_TEXT + 1];
    name[0] = '\0';
    enum rc rc = object_site(store, uuid, site, err);
    return rc == RC_OK ? object_name(store, site, name, err) : rc;
}

enum rc
site_is_lost(const struct store *store, const char *site, int *lost, struct err *err)
{
    struct buf v;
    *lost = 0;
    if (site[0] == '\0')
        return RC_OK;
    buf_init(&v, 16);
    enum rc rc = field_get(store, site, "lost", &v, NULL, err);
    *lost = rc == RC_OK && strcmp(buf_str(&v), "true") == 0;
    buf_release(&v);
    return rc;
}

/* ---- roots ---- */

static enum rc
root_kms(const struct store *store, struct root *out, struct err *err)
{
    struct buf v;
    struct err scratch = ERR_INIT;
    int known = 0;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(store, out->object.uuid, "kms", &v, NULL, err);
    if (rc == RC_OK && v.len > 0)
        rc = err_unless_found(object_find(store, "kms", buf_str(&v), &out->kms, &scratch), &scratch,
                              &known, err);
    if (!known)
        memset(&out->kms, 0, sizeof out->kms); /* the fact waits for its object */
    if (rc == RC_OK)
        rc = field_get(store, out->object.uuid, "id", &v, NULL, err);
    if (rc == RC_OK)
        (void)snprintf(out->id, sizeof out->id, "%s", buf_str(&v));
    if (rc == RC_OK && out->kms.uuid[0] != '\0')
        rc = object_site(store, out->kms.uuid, out->site, err);
    buf_release(&v);
    return rc;
}

enum rc
root_load(const struct store *store, const struct object *object, struct root *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    out->object = *object;
    out->state = ROOT_UNKNOWN;
    enum rc rc = root_kms(store, out, err);
    struct stmt *q = NULL;
    /* By the KMS's own clock; ties go to the worse state, then to one fixed choice. */
    if (rc == RC_OK)
        rc = db_query(
            store->db, &q,
            "SELECT o.state, o.version, o.versions, o.at, o.restore_until,"
            " json_extract(e.line, '$.body.rotated'), json_extract(e.line, '$.body.expires'),"
            " json_extract(e.line, '$.body.deleted'), json_extract(e.line, '$.body.deleted_by')"
            " FROM root_observed o LEFT JOIN entry e ON e.hash = o.entry WHERE o.root = ?1"
            " ORDER BY o.updated DESC, o.state DESC, o.versions DESC, o.at DESC, o.entry LIMIT 1",
            err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, object->uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        out->state = (enum root_state)col_int(q, 0);
        (void)snprintf(out->version, sizeof out->version, "%s", col_text(q, 1));
        out->versions = col_int(q, 2);
        (void)snprintf(out->observed_at, sizeof out->observed_at, "%s", col_text(q, 3));
        (void)snprintf(out->restore_until, sizeof out->restore_until, "%s", col_text(q, 4));
        (void)snprintf(out->rotated_at, sizeof out->rotated_at, "%s", col_text(q, 5));
        (void)snprintf(out->expires, sizeof out->expires, "%s", col_text(q, 6));
        (void)snprintf(out->deleted_at, sizeof out->deleted_at, "%s", col_text(q, 7));
        (void)snprintf(out->deleted_by, sizeof out->deleted_by, "%s", col_text(q, 8));
    }
    stmt_done(q);
    return rc;
}

enum rc
root_find(const struct store *store, const char *ref, struct root *out, struct err *err)
{
    struct object object;
    enum rc rc = object_find(store, "root", ref, &object, err);
    return rc == RC_OK ? root_load(store, &object, out, err) : rc;
}

/* ---- publication ---- */

enum rc
entries_unpublished(const struct store *store, int64_t *count, struct err *err)
{
    struct stmt *q = NULL;
    *count = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT coalesce((SELECT max(seq) FROM entry WHERE author = ?1), 0)"
                          " - coalesce((SELECT max(entries) FROM copy_seen WHERE author = ?1), 0)",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && col_int(q, 0) > 0)
        *count = col_int(q, 0);
    stmt_done(q);
    return rc;
}

enum rc
entries_acknowledged(const struct store *store, const char *author, const char *not_site,
                     int64_t *upto, struct err *err)
{
    struct stmt *q = NULL;
    *upto = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT copy, entries FROM copy_seen WHERE author = ?1"
                          " ORDER BY entries DESC, copy",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    while (*upto == 0 && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        /* copy_seen holds the id of copy.json; the object's UUID has the same sixteen bytes. */
        unsigned char raw[16];
        char uuid[UUID_TEXT + 1], site[UUID_TEXT + 1];
        if (not_site == NULL || not_site[0] == '\0') {
            *upto = col_int(q, 1);
            break;
        }
        if (hex_decode(raw, sizeof raw, col_text(q, 0)) != 0)
            continue;
        uuid_format(uuid, raw);
        rc = object_site(store, uuid, site, err);
        if (rc != RC_OK)
            break;
        if (site[0] != '\0' && strcmp(site, not_site) != 0)
            *upto = col_int(q, 1);
    }
    stmt_done(q);
    return rc;
}

enum rc
entry_acknowledged(const struct store *store, const char *author, int64_t seq, const char *not_site,
                   int *yes, struct err *err)
{
    int64_t upto = 0;
    enum rc rc = entries_acknowledged(store, author, not_site, &upto, err);
    *yes = rc == RC_OK && upto >= seq;
    return rc;
}
