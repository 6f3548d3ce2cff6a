#include "escrow/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "escrow/log.h"
#include "text/enc.h"
#include "text/jw.h"

/* ---- whose it was ---- */

struct own_id {
    unsigned char id[16];
    char event[9]; /* of the event that it served for; "" none yet */
};

struct foreign_book {
    struct own_id *ids; /* by id, each once */
    size_t count, room;
};

static int
by_id(const void *a, const void *b)
{
    return memcmp(((const struct own_id *)a)->id, ((const struct own_id *)b)->id, 16);
}

static enum rc
add_id(struct foreign_book *b, const char *text, struct err *err)
{
    unsigned char raw[16];
    if (uuid_parse(raw, text) != 0)
        return RC_OK;
    if (b->count == b->room) {
        size_t room = b->room == 0 ? 256 : b->room * 2;
        struct own_id *more = realloc(b->ids, room * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        b->ids = more;
        b->room = room;
    }
    memcpy(b->ids[b->count].id, raw, sizeof raw);
    b->ids[b->count++].event[0] = '\0';
    return RC_OK;
}

/* A member "request" or "requests", wherever it stands. */
static enum rc
take_ids(struct foreign_book *b, const struct json *v, struct err *err)
{
    enum rc rc = RC_OK;
    for (const struct json *m = json_first(v); rc == RC_OK && m != NULL; m = json_next(m)) {
        int list = strcmp(json_name(m), "requests") == 0;
        if (strcmp(json_name(m), "request") == 0 && json_str(m) != NULL)
            rc = add_id(b, json_str(m), err);
        for (const struct json *i = json_first(list ? m : NULL); rc == RC_OK && i != NULL;
             i = json_next(i))
            rc = json_str(i) != NULL ? add_id(b, json_str(i), err) : RC_OK;
        if (rc == RC_OK && !list && (json_type(m) == JSON_OBJECT || json_type(m) == JSON_ARRAY))
            rc = take_ids(b, m, err);
    }
    return rc;
}

static void
settle(struct foreign_book *b)
{
    size_t kept = 0;
    if (b->count == 0)
        return;
    qsort(b->ids, b->count, sizeof *b->ids, by_id);
    for (size_t i = 0; i < b->count; i++) {
        if (kept == 0 || by_id(&b->ids[kept - 1], &b->ids[i]) != 0)
            b->ids[kept++] = b->ids[i];
    }
    b->count = kept;
}

enum rc
foreign_book_open(struct foreign_book **out, const struct store *store, struct err *err)
{
    struct stmt *q = NULL;
    struct foreign_book *b = calloc(1, sizeof *b);
    *out = NULL;
    if (b == NULL)
        return err_nomem(err);
    enum rc rc = db_query(store->db, &q,
                          "SELECT e.line FROM entry e JOIN accepted a ON a.author = e.author"
                          " WHERE e.seq <= a.upto AND instr(e.line, '\"request') > 0",
                          err);
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct json *doc = NULL;
        const char *line = col_text(q, 0);
        rc = json_parse(&doc, line, strlen(line), "an entry", err);
        if (rc == RC_OK)
            rc = take_ids(b, json_get(doc, "body"), err);
        json_free(doc);
    }
    stmt_done(q);
    if (rc != RC_OK) {
        foreign_book_close(b);
        return rc;
    }
    settle(b);
    *out = b;
    return RC_OK;
}

void
foreign_book_close(struct foreign_book *b)
{
    if (b != NULL)
        free(b->ids);
    free(b);
}

enum foreign_verdict
foreign_judge(struct foreign_book *b, const struct activity *a)
{
    struct own_id wanted = {.event = ""};
    if (b->count == 0 || uuid_parse(wanted.id, a->request) != 0)
        return FOREIGN_OTHER;
    struct own_id *own = bsearch(&wanted, b->ids, b->count, sizeof *b->ids, by_id);
    if (own == NULL)
        return FOREIGN_OTHER;
    if (!a->done)
        return FOREIGN_OURS;
    if (own->event[0] == '\0') {
        (void)snprintf(own->event, sizeof own->event, "%.8s", a->event);
        return FOREIGN_OURS;
    }
    return strncmp(own->event, a->event, 8) == 0 ? FOREIGN_AGAIN : FOREIGN_OTHER;
}

/* ---- duties ---- */

static void
read_row(struct stmt *q, struct foreign *f)
{
    (void)snprintf(f->event, sizeof f->event, "%s", col_text(q, 0));
    (void)snprintf(f->root, sizeof f->root, "%s", col_text(q, 1));
    (void)snprintf(f->kms_at, sizeof f->kms_at, "%s", col_text(q, 2));
    (void)snprintf(f->who, sizeof f->who, "%s", col_text(q, 3));
    (void)snprintf(f->address, sizeof f->address, "%s", col_text(q, 4));
    (void)snprintf(f->request, sizeof f->request, "%s", col_text(q, 5));
}

enum rc
foreign_each(const struct store *store, foreign_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "WITH told AS (SELECT json_extract(body, '$.foreign_unwrap') AS event, body FROM event"
        " WHERE object = '' AND kind = 'note'), settled AS (SELECT"
        " json_extract(body, '$.explains') AS event FROM event WHERE object = '' AND kind = 'note')"
        " SELECT event, coalesce(json_extract(body, '$.root'), ''),"
        " coalesce(json_extract(body, '$.kms_at'), ''), coalesce(json_extract(body, '$.who'), ''),"
        " coalesce(json_extract(body, '$.address'), ''),"
        " coalesce(json_extract(body, '$.correlation'), '') FROM told WHERE event IS NOT NULL"
        " AND event NOT IN (SELECT event FROM settled WHERE event IS NOT NULL)"
        " GROUP BY event ORDER BY 3, 1",
        err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct foreign f;
        read_row(q, &f);
        rc = fn(arg, &f, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
foreign_known(const struct store *store, const char *event, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    *yes = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT 1 FROM event WHERE object = '' AND kind = 'note'"
                          " AND json_extract(body, '$.foreign_unwrap') = ?1 LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, event);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

enum rc
foreign_append(struct store *store, const struct activity *a, const char *root, char *entry,
               struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "text", "a KMS tells of an unwrap that nobody recorded");
    jw_str(&w, "foreign_unwrap", a->event);
    jw_str(&w, "root", root);
    jw_opt(&w, "kms_at", a->at);
    jw_opt(&w, "who", a->who);
    jw_opt(&w, "address", a->address);
    jw_opt(&w, "correlation", a->request);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "note", &body, entry, err);
    buf_release(&body);
    return rc;
}

enum rc
foreign_explain(struct store *store, const char *event, const char *reason, const char *ticket,
                char *entry, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "text", "an unwrap that nobody recorded is explained");
    jw_str(&w, "explains", event);
    jw_str(&w, "reason", reason);
    jw_opt(&w, "ticket", ticket);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "note", &body, entry, err);
    buf_release(&body);
    return rc;
}
