#include "report/drill_rows.h"

#include <stdio.h>
#include <string.h>

#include "escrow/view.h"
#include "text/enc.h"

void
report_hash(char out[HASH_TEXT + 1], const struct entry *e)
{
    hex_encode(out, e->hash, HASH_SIZE);
}

enum rc
report_key_name(const struct store *store, const char *uuid, char out[KEY_NAME_BYTES + 32],
                struct err *err)
{
    struct key key;
    (void)snprintf(out, KEY_NAME_BYTES + 32, "%s", uuid);
    if (!uuid_is(uuid))
        return RC_OK;
    enum rc rc = key_find(store, uuid, &key, err);
    if (rc == RC_OK)
        (void)snprintf(out, KEY_NAME_BYTES + 32, "%s@%lld", key.name, (long long)key.generation);
    if (rc != RC_NOT_FOUND)
        return rc;
    err_clear(err);
    return RC_OK;
}

static const char *
word(const struct json *body, const char *name)
{
    const char *text = json_gets(body, name);
    return text != NULL ? text : "";
}

static enum rc
name_of(const struct store *store, const struct json *body, const char *member,
        char out[LIMIT_NAME + 1], struct err *err)
{
    const char *uuid = word(body, member);
    out[0] = '\0';
    return uuid_is(uuid) ? object_name(store, uuid, out, err) : RC_OK;
}

static enum rc
count_it(struct drill_row *out, const struct store *store, const struct json *body, struct err *err)
{
    struct drilled d = {.outcome = out->outcome};
    struct key key;
    const char *uuid = word(body, "key");
    enum rc rc = uuid_is(uuid) ? key_find(store, uuid, &key, err) : RC_NOT_FOUND;
    (void)snprintf(d.root, sizeof d.root, "%s", word(body, "root"));
    (void)snprintf(d.site, sizeof d.site, "%s", word(body, "site"));
    (void)snprintf(d.copy, sizeof d.copy, "%s", word(body, "copy"));
    if (rc == RC_OK)
        return drilled_counts(store, &key, &d, &out->counts, err);
    if (rc != RC_NOT_FOUND)
        return rc;
    err_clear(err); /* a key that is not known here: it counts for nothing yet */
    return RC_OK;
}

enum rc
drill_row_read(struct drill_row *out, const struct store *store, const struct entry *e,
               struct err *err)
{
    const struct json *body = e->body;
    memset(out, 0, sizeof *out);
    out->e = e;
    out->host = word(body, "host");
    out->code = word(body, "code");
    out->request = word(body, "request");
    out->reason = word(body, "reason");
    if (json_geti(body, "ms", &out->ms) != 0)
        out->ms = 0;
    out->outcome = DRILL_INCONCLUSIVE;
    for (int i = DRILL_PROVEN; i <= DRILL_INCONCLUSIVE; i++) {
        if (strcmp(word(body, "outcome"), drill_outcome_name((enum drill_outcome)i)) == 0)
            out->outcome = (enum drill_outcome)i;
    }
    enum rc rc = report_key_name(store, word(body, "key"), out->key, err);
    if (rc == RC_OK)
        rc = name_of(store, body, "root", out->root, err);
    if (rc == RC_OK)
        rc = name_of(store, body, "site", out->site, err);
    if (rc == RC_OK)
        rc = name_of(store, body, "copy", out->copy, err);
    return rc == RC_OK && out->outcome == DRILL_PROVEN ? count_it(out, store, body, err) : rc;
}

/* What is the same in all rows is said once, above them. */
static int
same_in_all(const struct drill_row *rows, size_t count, size_t at)
{
    const char *const first[] = {rows[0].site, rows[0].host, rows[0].copy};
    for (size_t i = 1; i < count; i++) {
        const char *const own[] = {rows[i].site, rows[i].host, rows[i].copy};
        if (strcmp(first[at], own[at]) != 0)
            return 0;
    }
    return 1;
}

static void
put_row(struct sheet *s, const struct drill_row *r, const int same[3])
{
    char outcome[64], took[SPAN_TEXT];
    const char *cells[SHEET_COLUMNS] = {r->key, r->root, outcome, took, r->request};
    const char *const rest[] = {r->site[0] != '\0' ? r->site : "none", r->host, r->copy};
    size_t n = 5;
    (void)snprintf(outcome, sizeof outcome, "%s%s%.16s%s", drill_outcome_name(r->outcome),
                   r->code[0] != '\0' ? " " : "", r->code,
                   r->outcome == DRILL_PROVEN && !r->counts ? ", does not count" : "");
    sheet_span(took, r->ms);
    for (size_t i = 0; i < 3; i++) {
        if (!same[i])
            cells[n++] = rest[i];
    }
    sheet_row(s, cells, r->outcome != DRILL_PROVEN ? SHEET_BAD : SHEET_PLAIN);
}

void
drill_rows_table(struct sheet *s, const struct drill_row *rows, size_t count)
{
    static const char *const labels[] = {"SITE", "HOST", "COPY"};
    static const char *const above[] = {"at site", "on host", "from copy"};
    const char *titles[SHEET_COLUMNS + 1] = {"KEY", "ROOT KEY", "OUTCOME", "TOOK", "REQUEST"};
    const char *const first[] = {rows[0].site, rows[0].host, rows[0].copy};
    size_t n = 5;
    int same[3];
    for (size_t i = 0; i < 3; i++) {
        same[i] = same_in_all(rows, count, i);
        if (!same[i])
            titles[n++] = labels[i];
        else
            sheet_fact(s, above[i],
                       first[i][0] != '\0' || i > 0 ? first[i] : "none: it counts for none",
                       i == 0 && first[i][0] == '\0' ? SHEET_BAD : SHEET_PLAIN);
    }
    sheet_table(s, NULL, titles);
    for (size_t i = 0; i < count; i++)
        put_row(s, &rows[i], same);
    sheet_table_end(s);
}

void
drill_rows_json(struct jw *w, const char *name, const struct drill_row *rows, size_t count)
{
    jw_arr(w, name);
    for (size_t i = 0; i < count; i++) {
        const struct drill_row *r = &rows[i];
        char hash[HASH_TEXT + 1];
        report_hash(hash, r->e);
        jw_obj(w, NULL);
        jw_str(w, "at", r->e->at);
        jw_str(w, "key", r->key);
        jw_str(w, "key_uuid", word(r->e->body, "key"));
        jw_opt(w, "root", r->root);
        jw_opt(w, "root_uuid", word(r->e->body, "root"));
        jw_str(w, "outcome", drill_outcome_name(r->outcome));
        jw_opt(w, "code", r->code);
        if (r->outcome == DRILL_PROVEN)
            jw_bool(w, "counts", r->counts);
        jw_int(w, "ms", r->ms);
        jw_opt(w, "request", r->request);
        jw_opt(w, "site", r->site);
        jw_str(w, "host", r->host);
        jw_opt(w, "copy", r->copy);
        jw_opt(w, "copy_uuid", word(r->e->body, "copy"));
        jw_opt(w, "export", word(r->e->body, "export"));
        jw_opt(w, "reason", r->reason);
        jw_opt(w, "ticket", word(r->e->body, "ticket"));
        jw_str(w, "author", r->e->author);
        jw_int(w, "seq", r->e->seq);
        jw_str(w, "entry", hash);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}
