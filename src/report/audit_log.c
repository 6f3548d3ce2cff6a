/* What the log and the tables say beside the keys: root keys, copies, drills, showings, changes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "escrow/depend.h"
#include "escrow/entry.h"
#include "report/audit.h"
#include "report/drill_rows.h"
#include "report/origin.h"
#include "text/time.h"

enum { WHO = 1024, WEEK_MS = 7 * 24 * 3600 * 1000 };

static void
number(char out[24], int64_t n)
{
    (void)snprintf(out, 24, "%" PRId64, n);
}

/* ---- sites and root keys ---- */

static enum rc
take_site(void *arg, const struct object *o, struct err *err)
{
    struct audit *a = arg;
    static const char *const fields[] = {"region", "vendor", "lost"};
    struct buf v[3];
    enum rc rc = RC_OK;
    for (size_t i = 0; i < 3; i++) {
        buf_init(&v[i], LIMIT_ENTRY);
        if (rc == RC_OK)
            rc = field_get(a->store, o->uuid, fields[i], &v[i], NULL, err);
    }
    int lost = strcmp(buf_str(&v[2]), "true") == 0;
    const char *cells[] = {o->name, buf_str(&v[0]), buf_str(&v[1]), lost ? "lost" : ""};
    if (rc == RC_OK)
        rc = audit_list_add(&a->sites, cells, lost ? SHEET_BAD : SHEET_PLAIN, -1, err);
    for (size_t i = 0; i < 3; i++)
        buf_release(&v[i]);
    return rc;
}

static enum rc
take_root(void *arg, const struct object *o, struct err *err)
{
    struct audit *a = arg;
    struct root r;
    struct depend_on on = {.root = ""};
    struct depend_count under = {0};
    int64_t behind = 0;
    char site[LIMIT_NAME + 1] = "", versions[24], keys[24], late[24];
    enum rc rc = root_load(a->store, o, &r, err);
    if (rc == RC_OK && r.site[0] != '\0')
        rc = object_name(a->store, r.site, site, err);
    memcpy(on.root, o->uuid, sizeof on.root);
    if (rc == RC_OK)
        rc = depend_count(a->store, &on, &under, err);
    if (rc == RC_OK && r.version[0] != '\0')
        rc = depend_behind(a->store, o->uuid, r.version, &behind, err);
    if (rc != RC_OK)
        return rc;
    number(versions, r.versions);
    number(keys, under.keys);
    number(late, behind);
    const char *cells[] = {o->name,
                           r.kms.name,
                           site,
                           r.state == ROOT_UNKNOWN ? "not known" : root_state_name(r.state),
                           r.versions > 0 ? versions : "",
                           r.observed_at,
                           keys,
                           late};
    int bad = r.state == ROOT_DESTROYED || r.state == ROOT_SUSPENDED;
    return audit_list_add(&a->roots, cells, bad ? SHEET_BAD : SHEET_PLAIN, behind, err);
}

/* ---- copies ---- */

struct reached {
    char at[TIME_TEXT + 1];
    int64_t entries; /* own ones that it has */
};

static enum rc
reached_of(const struct store *store, const char *uuid, struct reached *out, struct err *err)
{
    struct stmt *q = NULL;
    memset(out, 0, sizeof *out);
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT coalesce((SELECT reached_at FROM copy_state WHERE copy = c.id), ''),"
                 " coalesce((SELECT entries FROM copy_seen WHERE copy = c.id AND author = ?2), 0)"
                 " FROM (SELECT replace(?1, '-', '') AS id) c",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    stmt_text(q, 2, store->self.author);
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        (void)snprintf(out->at, sizeof out->at, "%s", col_text(q, 0));
        out->entries = col_int(q, 1);
    }
    stmt_done(q);
    return rc;
}

/* Known of a copy that is bound here; of another one only that it exists. */
static enum rc
add_copy(struct audit *a, const struct object *o, const char *site, const char *url,
         const char *kept_at, struct err *err)
{
    struct reached r;
    struct err scratch = ERR_INIT;
    char missing[24], age_text[24];
    int64_t every_ms = 0, then = 0, age = -1;
    const char *bound = store_conf(a->store, "copy", o->name, "url");
    const char *every = store_conf(a->store, "copy", o->name, "every");
    enum rc rc = reached_of(a->store, o->uuid, &r, err);
    if (rc != RC_OK)
        return rc;
    if (time_parse(&then, r.at) == 0)
        age = a->now_ms > then ? a->now_ms - then : 0;
    if (then > a->now_ms) /* a look back: only the last time is remembered, and it changes */
        memcpy(r.at, a->as_of, sizeof r.at);
    if (every != NULL && duration_parse(&every_ms, every, "every", &scratch) != RC_OK)
        every_ms = 0;
    int64_t lacks = chain_entries(&a->chain, a->store->self.author) - r.entries;
    int late = bound != NULL && every_ms > 0 && (age < 0 || age > every_ms);
    number(missing, lacks > 0 ? lacks : 0);
    number(age_text, age);
    a->copies_late += late;
    const char *cells[] = {
        o->name, site, bound != NULL ? bound : url, bound != NULL ? "yes" : "no",  kept_at,
        every,   r.at, age >= 0 ? age_text : NULL,  bound != NULL ? missing : NULL};
    return audit_list_add(&a->copies, cells, late ? SHEET_BAD : SHEET_PLAIN,
                          bound != NULL ? age : -1, err);
}

static enum rc
take_copy(void *arg, const struct object *o, struct err *err)
{
    struct audit *a = arg;
    struct buf site, url, kept;
    char name[LIMIT_NAME + 1] = "";
    buf_init(&site, LIMIT_ENTRY);
    buf_init(&url, LIMIT_ENTRY);
    buf_init(&kept, LIMIT_ENTRY);
    enum rc rc = field_get(a->store, o->uuid, "site", &site, NULL, err);
    if (rc == RC_OK)
        rc = object_name(a->store, buf_str(&site), name, err);
    if (rc == RC_OK)
        rc = field_get(a->store, o->uuid, "url", &url, NULL, err);
    if (rc == RC_OK)
        rc = field_get(a->store, o->uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK)
        rc = add_copy(a, o, name, buf_str(&url), buf_str(&kept), err);
    buf_release(&site);
    buf_release(&url);
    buf_release(&kept);
    return rc;
}

/* ---- drills ---- */

static enum rc
add_drill(struct audit *a, struct stmt *q, struct err *err)
{
    char site[LIMIT_NAME + 1] = "", keys[24], proven[24], other[24], rto[24], rpo[24];
    enum rc rc = RC_OK;
    if (col_text(q, 2)[0] != '\0')
        rc = object_name(a->store, col_text(q, 2), site, err);
    int64_t good = col_int(q, 4), all = col_int(q, 5);
    number(keys, col_int(q, 3));
    number(proven, good);
    number(other, all - good);
    number(rto, col_int(q, 6));
    number(rpo, col_int(q, 7));
    a->drills++;
    a->drills_good += good == all;
    const char *cells[] = {col_text(q, 0),
                           col_text(q, 1),
                           site,
                           keys,
                           proven,
                           other,
                           col_null(q, 6) ? NULL : rto,
                           col_null(q, 7) ? NULL : rpo};
    return rc == RC_OK
               ? audit_list_add(&a->drilled, cells, good == all ? SHEET_PLAIN : SHEET_BAD, -1, err)
               : rc;
}

static enum rc
gather_drills(struct audit *a, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        a->store->db, &q,
        "SELECT json_extract(e.line, '$.body.drill') AS id, min(d.at) AS at, max(d.site),"
        " count(DISTINCT d.key), sum(d.outcome = 'proven'), count(*),"
        " max(CASE d.outcome WHEN 'proven' THEN json_extract(e.line, '$.body.after_ms') END),"
        " max(json_extract(e.line, '$.body.rpo_ms'))"
        " FROM drill d JOIN entry e ON e.hash = d.entry GROUP BY id ORDER BY at DESC, id",
        err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = add_drill(a, q, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

static enum rc
gather_weeks(struct audit *a, struct err *err)
{
    static const char *const lanes[AUDIT_OUTCOMES] = {"proven", "inconclusive", "failed"};
    struct stmt *q = NULL;
    enum rc rc = db_query(a->store->db, &q, "SELECT at, outcome FROM drill", err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        int64_t at = 0;
        if (time_parse(&at, col_text(q, 0)) != 0 || at > a->now_ms)
            continue;
        int64_t week = (a->now_ms - at) / WEEK_MS;
        for (size_t l = 0; week < AUDIT_WEEKS && l < AUDIT_OUTCOMES; l++)
            a->weeks[l][AUDIT_WEEKS - 1 - week] += strcmp(col_text(q, 1), lanes[l]) == 0;
    }
    stmt_done(q);
    return rc;
}

/* ---- showings ---- */

static enum rc
add_reveal(struct audit *a, const struct entry *e, const char *key, int shown, struct err *err)
{
    char name[KEY_NAME_BYTES + 32] = "a wrap by itself";
    struct buf who;
    buf_init(&who, WHO * 16);
    enum rc rc = key[0] != '\0' ? report_key_name(a->store, key, name, err) : RC_OK;
    if (rc == RC_OK)
        rc = origin_who(&who, a->store, e, err);
    const char *cells[] = {e->at,
                           name,
                           buf_str(&who),
                           json_gets(e->body, "reason"),
                           json_gets(e->body, "ticket"),
                           json_gets(e->body, "to"),
                           shown ? "yes" : "no"};
    if (rc == RC_OK)
        rc = audit_list_add(&a->revealed, cells, SHEET_PLAIN, -1, err);
    buf_release(&who);
    return rc;
}

static enum rc
gather_reveals(struct audit *a, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(a->store->db, &q,
                 "SELECT e.line, i.object, EXISTS (SELECT 1 FROM event s WHERE s.object = i.object"
                 " AND s.kind = 'reveal.shown'"
                 " AND json_extract(s.body, '$.intended') = lower(hex(i.entry)))"
                 " FROM event i JOIN entry e ON e.hash = i.entry"
                 " WHERE i.kind = 'reveal.intended' ORDER BY i.at DESC, i.author, i.seq DESC",
                 err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct entry e = {0};
        const char *line = col_text(q, 0);
        int shown = (int)col_int(q, 2);
        a->reveals += shown;
        rc = entry_parse(&e, line, strlen(line), err);
        if (rc == RC_OK)
            rc = add_reveal(a, &e, col_text(q, 1), shown, err);
        entry_release(&e);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- changes ---- */

/* What counts, from where: an author's entries after those that an earlier report had, or all from
 * a time on. Entries that are not accepted are in no report. */
#define SINCE                                                                                      \
    " FROM entry WHERE author = ?1 AND seq <= ?2 AND seq > ?3"                                     \
    " AND (?4 IS NULL OR json_extract(line, '$.at') >= ?4)"

static void
bind_since(const struct audit *a, const struct chain_point *p, struct stmt *q)
{
    stmt_text(q, 1, p->author);
    stmt_int(q, 2, p->entries);
    stmt_int(q, 3, a->since_chain != NULL ? chain_entries(a->since_chain, p->author) : 0);
    stmt_text(q, 4, a->since_chain != NULL ? NULL : a->since);
}

static const char *
words_of(const char *kind)
{
    static const char *const words[][2] = {
        {"key.created", "keys recorded"},
        {"key.changed", "changes of a key's fields or state"},
        {"key.delivered", "deliveries of a key"},
        {"key.check", "check values found later"},
        {"wrap.added", "wraps added"},
        {"wrap.retired", "wraps retired"},
        {"root.observed", "observations of a root key"},
        {"reveal.intended", "showings begun"},
        {"reveal.shown", "values shown"},
        {"reveal.closed", "showings ended"},
        {"drill.result", "results of drills"},
        {"policy.changed", "changes of the policy"},
        {"author.joined", "authors joined"},
        {"author.admitted", "authors admitted"},
        {"author.retired", "authors retired"},
        {"export.made", "exports"},
        {"escrow.created", "the escrow was founded"},
        {"site.added", "sites added"},
        {"site.changed", "changes of a site"},
        {"site.lost", "sites marked lost"},
        {"site.restored", "sites marked as back"},
        {"kms.added", "KMSs added"},
        {"kms.changed", "changes of a KMS"},
        {"root.added", "root keys added"},
        {"copy.added", "copies added"},
        {"copy.changed", "changes of a copy"},
        {"copy.repaired", "repairs of a copy"},
        {"copy.rollback-accepted", "rollbacks of a copy accepted"},
        {"vbr.added", "backup servers added"},
        {"vbr.observed", "observations of a backup server"},
        {"person.added", "persons added"},
        {"person.changed", "changes of a person"},
        {"runbook.added", "runbooks"},
        {"run.started", "runs begun"},
        {"note", "notes"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i][0], kind) == 0)
            return words[i][1];
    }
    return kind;
}

enum { KINDS_MOST = 100, KIND_TEXT = 64 };
struct kinds {
    char kind[KINDS_MOST][KIND_TEXT];
    int64_t entries[KINDS_MOST];
    size_t count;
};

static void
add_kind(struct kinds *k, const char *kind, int64_t entries)
{
    size_t i = 0;
    while (i < k->count && strncmp(k->kind[i], kind, KIND_TEXT - 1) != 0)
        i++;
    if (i == KINDS_MOST)
        return;
    if (i == k->count)
        (void)snprintf(k->kind[k->count++], KIND_TEXT, "%s", kind);
    k->entries[i] += entries;
}

static enum rc
count_kinds(struct audit *a, struct kinds *k, const struct chain_point *p, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(a->store->db, &q,
                          "SELECT json_extract(line, '$.kind') AS kind, count(*)" SINCE
                          " GROUP BY kind ORDER BY kind",
                          err);
    if (rc != RC_OK)
        return rc;
    bind_since(a, p, q);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q))
        add_kind(k, col_text(q, 0), col_int(q, 1));
    stmt_done(q);
    return rc;
}

/* Name of what an entry is about. */
static enum rc
about(const struct audit *a, const struct entry *e, char out[KEY_NAME_BYTES + 32], struct err *err)
{
    static const char *const members[] = {"key", "root", "object", "uuid", "site", "author", NULL};
    const char *name = json_gets(e->body, "name"), *id = NULL;
    for (size_t i = 0; id == NULL && members[i] != NULL; i++)
        id = json_gets(e->body, members[i]);
    if (strncmp(e->kind, "key.", 4) == 0 && json_gets(e->body, "key") == NULL)
        id = json_gets(e->body, "uuid") != NULL ? json_gets(e->body, "uuid") : id;
    out[0] = '\0';
    if (id != NULL && json_gets(e->body, "key") != NULL)
        return report_key_name(a->store, id, out, err);
    if (name == NULL && id != NULL && strlen(id) == UUID_TEXT) {
        char object[LIMIT_NAME + 1];
        enum rc rc = object_name(a->store, id, object, err);
        (void)snprintf(out, KEY_NAME_BYTES + 32, "%s", object);
        return rc;
    }
    (void)snprintf(out, KEY_NAME_BYTES + 32, "%s", name != NULL ? name : id != NULL ? id : "");
    return RC_OK;
}

/* The fields that an entry sets, each with its value; or its reason. */
static void
detail(const struct entry *e, struct buf *out)
{
    const struct json *set = json_get(e->body, "set");
    const char *reason = json_gets(e->body, "reason");
    for (const struct json *f = json_first(set); f != NULL; f = json_next(f)) {
        const struct json *value = json_get(f, "value");
        buf_addf(out, "%s%s ", out->len > 0 ? ", " : "", json_name(f));
        if (json_str(value) != NULL)
            buf_adds(out, json_str(value));
        else if (value != NULL)
            json_print(out, value);
        if (json_gets(f, "reason") != NULL)
            buf_addf(out, " (%s)", json_gets(f, "reason"));
    }
    if (reason != NULL)
        buf_addf(out, "%s%s", out->len > 0 ? ": " : "", reason);
}

static enum rc
add_change(struct audit *a, const struct chain_point *p, const char *line, struct err *err)
{
    struct entry e = {0};
    struct buf text, by;
    char name[KEY_NAME_BYTES + 32];
    buf_init(&text, LIMIT_ENTRY);
    buf_init(&by, 256);
    enum rc rc = entry_parse(&e, line, strlen(line), err);
    if (rc == RC_OK)
        rc = about(a, &e, name, err);
    if (rc == RC_OK) {
        detail(&e, &text);
        buf_addf(&by, "%.8s%s%s%s", p->author, p->site[0] != '\0' ? " (" : "", p->site,
                 p->site[0] != '\0' ? ")" : "");
        const char *cells[] = {e.at, e.kind, name, buf_str(&text), buf_str(&by)};
        rc = audit_list_add(&a->changes, cells, SHEET_PLAIN, -1, err);
    }
    buf_release(&text);
    buf_release(&by);
    entry_release(&e);
    return rc;
}

/* Those that an auditor reads one by one; the rest is counted. Newest first within an author. */
static enum rc
list_changes(struct audit *a, const struct chain_point *p, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        a->store->db, &q,
        "SELECT line" SINCE " AND (json_extract(line, '$.kind') IN ('key.created', 'key.changed',"
        " 'wrap.retired', 'author.admitted', 'author.retired', 'author.joined',"
        " 'policy.changed', 'site.lost', 'site.restored', 'copy.rollback-accepted')"
        " OR json_extract(line, '$.kind') LIKE '%.added'"
        " AND json_extract(line, '$.kind') <> 'wrap.added'"
        " OR json_extract(line, '$.kind') LIKE '%.changed') ORDER BY seq DESC",
        err);
    if (rc != RC_OK)
        return rc;
    bind_since(a, p, q);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = add_change(a, p, col_text(q, 0), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

static enum rc
gather_changes(struct audit *a, struct err *err)
{
    struct kinds k = {.count = 0};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < a->chain.count; i++) {
        rc = count_kinds(a, &k, &a->chain.points[i], err);
        if (rc == RC_OK)
            rc = list_changes(a, &a->chain.points[i], err);
    }
    for (size_t i = 0; rc == RC_OK && i < k.count; i++) {
        char n[24];
        number(n, k.entries[i]);
        const char *cells[] = {words_of(k.kind[i]), n};
        rc = audit_list_add(&a->changed, cells, SHEET_PLAIN, k.entries[i], err);
    }
    return rc;
}

enum rc
audit_gather_log(struct audit *a, struct err *err)
{
    enum rc rc = object_each(a->store, "site", take_site, a, err);
    if (rc == RC_OK)
        rc = object_each(a->store, "root", take_root, a, err);
    if (rc == RC_OK)
        rc = object_each(a->store, "copy", take_copy, a, err);
    if (rc == RC_OK)
        rc = gather_drills(a, err);
    if (rc == RC_OK)
        rc = gather_weeks(a, err);
    if (rc == RC_OK)
        rc = gather_reveals(a, err);
    return rc == RC_OK ? gather_changes(a, err) : rc;
}
