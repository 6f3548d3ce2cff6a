/* What the log and the tables say beside the keys: root keys, copies, drills, showings, changes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "copy/contradict.h"
#include "escrow/depend.h"
#include "escrow/entry.h"
#include "report/audit.h"
#include "report/drill_rows.h"
#include "report/origin.h"
#include "text/time.h"

enum { WHO = 16 * 1024, WEEK_MS = 7 * 24 * 3600 * 1000 };

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
    if (rc == RC_OK) {
        const char *cells[] = {o->name, buf_str(&v[0]), buf_str(&v[1]), lost ? "lost" : ""};
        rc = audit_list_add(&a->sites, cells, lost ? SHEET_BAD : SHEET_PLAIN, -1, err);
    }
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
                           late,
                           r.restore_until,
                           o->uuid};
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
    const char *cells[] = {o->name,
                           site,
                           bound != NULL ? bound : url,
                           bound != NULL ? "yes" : "no",
                           kept_at,
                           every,
                           r.at,
                           age >= 0 ? age_text : NULL,
                           bound != NULL ? missing : NULL,
                           late ? "yes" : "no",
                           o->uuid};
    return audit_list_add(&a->copies, cells, late ? SHEET_BAD : SHEET_PLAIN,
                          bound != NULL ? age : -1, err);
}

static enum rc
take_copy(void *arg, const struct object *o, struct err *err)
{
    struct audit *a = arg;
    struct buf url, kept;
    char site[LIMIT_NAME + 1] = "";
    buf_init(&url, LIMIT_ENTRY);
    buf_init(&kept, LIMIT_ENTRY);
    enum rc rc = object_site_name(a->store, o->uuid, site, err);
    if (rc == RC_OK)
        rc = field_get(a->store, o->uuid, "url", &url, NULL, err);
    if (rc == RC_OK)
        rc = field_get(a->store, o->uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK)
        rc = add_copy(a, o, site, buf_str(&url), buf_str(&kept), err);
    buf_release(&url);
    buf_release(&kept);
    return rc;
}

/* ---- drills ---- */

/* They come newest first. */
static void
note_drill(struct audit *a, struct stmt *q, int good)
{
    int64_t at = 0;
    a->drills++;
    a->drills_good += good;
    if (time_parse(&at, col_text(q, 1)) != 0)
        return;
    if (a->drilled_at == 0)
        a->drilled_at = at;
    if (a->proven_at == 0 && good)
        a->proven_at = at;
    if (a->rto_ms < 0 && !col_null(q, 6))
        a->rto_ms = col_int(q, 6);
    if (a->rpo_ms < 0 && !col_null(q, 7))
        a->rpo_ms = col_int(q, 7);
}

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
    note_drill(a, q, good == all);
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
    buf_init(&who, WHO);
    enum rc rc = key[0] != '\0' ? report_key_name(a->store, key, name, err) : RC_OK;
    if (rc == RC_OK)
        rc = origin_who(&who, a->store, e, err);
    if (rc == RC_OK) {
        const char *cells[] = {e->at,
                               name,
                               buf_str(&who),
                               json_gets(e->body, "reason"),
                               json_gets(e->body, "ticket"),
                               json_gets(e->body, "to"),
                               shown ? "yes" : "no"};
        rc = audit_list_add(&a->revealed, cells, SHEET_PLAIN, -1, err);
    }
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

/* A copy counts once, however it contradicts. */
static enum rc
take_contradiction(void *arg, const struct contradiction *c, struct err *err)
{
    struct audit *a = arg;
    const struct audit_list *l = &a->contradictions;
    int same = l->count > 0 && strcmp(l->lines[l->count - 1].cells[0], c->copy) == 0 &&
               l->lines[l->count - 1].mark == SHEET_BAD;
    a->copies_contradicting += c->open && !same;
    const char *cells[] = {c->copy,
                           c->rolled_back ? "rolled back" : "another history",
                           c->detail,
                           c->author,
                           c->first_at,
                           c->at,
                           c->open ? "no" : "yes",
                           c->reached_at,
                           c->uuid};
    return audit_list_add(&a->contradictions, cells, c->open ? SHEET_BAD : SHEET_PLAIN, -1, err);
}

enum rc
audit_gather_log(struct audit *a, struct err *err)
{
    a->rto_ms = a->rpo_ms = -1;
    enum rc rc = object_each(a->store, "site", take_site, a, err);
    if (rc == RC_OK)
        rc = object_each(a->store, "root", take_root, a, err);
    if (rc == RC_OK)
        rc = object_each(a->store, "copy", take_copy, a, err);
    if (rc == RC_OK)
        rc = contradiction_each(a->store, a->now_ms, take_contradiction, a, err);
    if (rc == RC_OK)
        rc = gather_drills(a, err);
    if (rc == RC_OK)
        rc = gather_weeks(a, err);
    if (rc == RC_OK)
        rc = gather_reveals(a, err);
    return rc == RC_OK ? audit_gather_changes(a, err) : rc;
}
