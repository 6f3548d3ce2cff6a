#include "escrow/runs.h"

#include <stdio.h>
#include <string.h>

#include "text/enc.h"
#include "text/uni.h"

enum { ID_LEAST = 4 }; /* characters of an id that name a run */

static int
is_text(const char *text, size_t most)
{
    struct err scratch = ERR_INIT;
    return strlen(text) <= most && name_check(text, "runbook", &scratch) == RC_OK;
}

enum rc
run_each(const struct store *store, run_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT json_extract(s.body, '$.run'), json_extract(s.body, '$.runbook'),"
        " json_extract(s.body, '$.text'), s.at, json_extract(s.body, '$.mode') = 'drill',"
        " coalesce(f.finished, ''), coalesce(f.alone, 0), coalesce(f.judged, 0),"
        " json_extract(s.body, '$.blind') IS 1, coalesce(json_extract(s.body, '$.key'), '')"
        " FROM event s LEFT JOIN (SELECT json_extract(body, '$.run') AS run,"
        " min(CASE kind WHEN 'run.finished' THEN at END) AS finished,"
        " max(kind = 'run.ended' AND json_extract(body, '$.alone') IS NOT NULL) AS alone,"
        " max(kind NOT IN ('run.ended', 'run.finished') OR (kind = 'run.ended' AND"
        " json_extract(body, '$.result') = 'skipped')) AS judged FROM event WHERE kind IN"
        " ('run.finished', 'run.ended', 'run.approved', 'run.attested',"
        " 'run.countersigned') GROUP BY 1) f ON f.run = json_extract(s.body, '$.run')"
        " WHERE s.kind = 'run.started' ORDER BY s.at DESC, s.entry",
        err);
    if (rc != RC_OK)
        return rc;
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct run_record r = {.drill = col_int(q, 4) != 0, .alone = col_int(q, 6) != 0};
        r.judged = r.alone || col_int(q, 7) != 0;
        if (!uuid_is(col_text(q, 0)) || !is_text(col_text(q, 1), LIMIT_NAME) ||
            !hex_is(col_text(q, 2), HASH_TEXT))
            continue; /* of a later version, or nobody's */
        (void)snprintf(r.id, sizeof r.id, "%s", col_text(q, 0));
        (void)snprintf(r.runbook, sizeof r.runbook, "%s", col_text(q, 1));
        (void)snprintf(r.text, sizeof r.text, "%s", col_text(q, 2));
        (void)snprintf(r.at, sizeof r.at, "%s", col_text(q, 3));
        (void)snprintf(r.finished, sizeof r.finished, "%s", col_text(q, 5));
        if (col_int(q, 8) != 0 && uuid_is(col_text(q, 9))) {
            r.blind = 1;
            (void)snprintf(r.key, sizeof r.key, "%s", col_text(q, 9));
        }
        rc = fn(arg, &r, err);
    }
    stmt_done(q);
    return rc;
}

struct search {
    const char *ref;
    struct run_record *out;
    size_t found;
};

static enum rc
match(void *arg, const struct run_record *r, struct err *err)
{
    struct search *s = arg;
    (void)err;
    int fits = s->ref == NULL ? r->finished[0] == '\0' && s->found == 0
                              : strncmp(r->id, s->ref, strlen(s->ref)) == 0;
    if (fits && s->found++ == 0)
        *s->out = *r;
    return RC_OK;
}

enum rc
run_find(const struct store *store, const char *ref, struct run_record *out, struct err *err)
{
    struct search s = {.ref = ref, .out = out};
    if (ref != NULL && strlen(ref) < ID_LEAST)
        return err_set(err, RC_BAD_VALUE, "%s is too short for a run: %d characters of its id", ref,
                       ID_LEAST);
    enum rc rc = run_each(store, match, &s, err);
    if (rc != RC_OK || s.found == 1)
        return rc;
    if (s.found > 1) {
        (void)err_set(err, RC_AMBIGUOUS, "%s names %zu runs", ref, s.found);
        return err_hint(err, "say more of its id: keymuster recover list");
    }
    (void)err_set(err, RC_NOT_FOUND, ref != NULL ? "no run %s" : "no run goes on", ref);
    return err_hint(err, "keymuster recover list shows all; start one: keymuster recover start");
}

enum rc
run_events(const struct store *store, const char *run, run_event_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT v.kind, v.at, v.author, v.body, e.line FROM event v"
                          " JOIN entry e ON e.hash = v.entry WHERE v.kind LIKE 'run.%'"
                          " AND json_extract(v.body, '$.run') = ?1 ORDER BY v.at, v.author, v.seq",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, run);
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct run_event e = {
            col_text(q, 0), col_text(q, 1), col_text(q, 2), col_text(q, 3), "", 0};
        e.line = col_blob(q, 4, &e.len);
        rc = fn(arg, &e, err);
    }
    stmt_done(q);
    return rc;
}

enum rc
run_text(const struct store *store, const char *entry, struct buf *out, struct err *err)
{
    struct stmt *q = NULL;
    unsigned char hash[HASH_SIZE];
    if (hex_decode(hash, HASH_SIZE, entry) != 0)
        return err_set(err, RC_NOT_FOUND, "no entry %s", entry);
    enum rc rc = db_query(store->db, &q,
                          "SELECT json_extract(body, '$.text') FROM event WHERE entry = ?1"
                          " AND kind = 'runbook.added'",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, hash, HASH_SIZE);
    rc = stmt_row(q, err);
    if (rc == RC_OK && !stmt_more(q))
        rc = err_set(err, RC_NOT_FOUND, "the text of the runbook has not arrived here: entry %s",
                     entry);
    if (rc == RC_OK)
        buf_adds(out, col_text(q, 0));
    stmt_done(q);
    return rc == RC_OK ? buf_check(out, "the runbook", err) : rc;
}
