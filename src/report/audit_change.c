/* What changed, since a report or a time: entries by kind, and some of them one by one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/entry.h"
#include "report/audit.h"
#include "report/drill_rows.h"

static void
number(char out[24], int64_t n)
{
    (void)snprintf(out, 24, "%" PRId64, n);
}

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
    struct {
        char kind[KIND_TEXT];
        int64_t entries;
    } kinds[KINDS_MOST];
    size_t count;
};

static int
by_kind(const void *a, const void *b)
{
    return strcmp(a, b); /* the name comes first */
}

static void
add_kind(struct kinds *k, const char *kind)
{
    size_t i = 0;
    while (i < k->count && strncmp(k->kinds[i].kind, kind, KIND_TEXT - 1) != 0)
        i++;
    if (i == KINDS_MOST)
        return;
    if (i == k->count)
        (void)snprintf(k->kinds[k->count++].kind, KIND_TEXT, "%s", kind);
    k->kinds[i].entries++;
}

static enum rc
count_kinds(struct audit *a, struct kinds *k, const struct chain_point *p, struct err *err)
{
    struct stmt *q = NULL;
    /* Not GROUP BY: SQLite would sort whole lines for it. */
    enum rc rc = db_query(a->store->db, &q, "SELECT json_extract(line, '$.kind')" SINCE, err);
    if (rc != RC_OK)
        return rc;
    bind_since(a, p, q);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q))
        add_kind(k, col_text(q, 0));
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

/* Those that an auditor reads one by one; the rest is counted. */
#define ONE_BY_ONE                                                                                 \
    " AND (json_extract(line, '$.kind') IN ('key.created', 'key.changed', 'wrap.retired',"         \
    " 'author.admitted', 'author.retired', 'author.joined', 'policy.changed', 'site.lost',"        \
    " 'site.restored', 'copy.rollback-accepted')"                                                  \
    " OR json_extract(line, '$.kind') LIKE '%.added'"                                              \
    " AND json_extract(line, '$.kind') <> 'wrap.added'"                                            \
    " OR json_extract(line, '$.kind') LIKE '%.changed')"

/* How many there are; the list has those that were added. */
static enum rc
count_changes(struct audit *a, const struct chain_point *p, int64_t *count, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(a->store->db, &q, "SELECT count(*)" SINCE ONE_BY_ONE, err);
    if (rc != RC_OK)
        return rc;
    bind_since(a, p, q);
    rc = stmt_row(q, err);
    *count = rc == RC_OK ? col_int(q, 0) : 0;
    stmt_done(q);
    return rc;
}

/* Newest first within an author; no more of them than a list takes. */
static enum rc
list_changes(struct audit *a, const struct chain_point *p, struct err *err)
{
    struct stmt *q = NULL;
    int64_t count = 0, before = a->changes.total;
    enum rc rc = count_changes(a, p, &count, err);
    if (rc == RC_OK)
        rc = db_query(a->store->db, &q,
                      "SELECT line" SINCE ONE_BY_ONE " ORDER BY seq DESC LIMIT ?5", err);
    if (rc != RC_OK)
        return rc;
    bind_since(a, p, q);
    stmt_int(q, 5, AUDIT_LIST);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = add_change(a, p, col_text(q, 0), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    a->changes.total = before + count;
    return rc;
}

enum rc
audit_gather_changes(struct audit *a, struct err *err)
{
    struct kinds k = {.count = 0};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < a->chain.count; i++) {
        rc = count_kinds(a, &k, &a->chain.points[i], err);
        if (rc == RC_OK)
            rc = list_changes(a, &a->chain.points[i], err);
    }
    qsort(k.kinds, k.count, sizeof k.kinds[0], by_kind);
    for (size_t i = 0; rc == RC_OK && i < k.count; i++) {
        char n[24];
        number(n, k.kinds[i].entries);
        const char *cells[] = {words_of(k.kinds[i].kind), n};
        rc = audit_list_add(&a->changed, cells, SHEET_PLAIN, k.kinds[i].entries, err);
    }
    return rc;
}
