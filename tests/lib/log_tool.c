/*
 * For tests: an author who does not keep to what keymuster records, and a log that has grown for
 * years. log_tool append STORE KIND BODY appends an entry with any kind and body to a store's own
 * log; log_tool line STORE TEXT a line that need not be an entry at all, which the next publication
 * signs like any other; log_tool note-at STORE TIME a note that says another time; log_tool fill
 * STORE COUNT appends COUNT entries made after the newest key.created, wrap.added and drill.result
 * there: other keys, other ciphertexts, one transaction, nothing is published. None of those wraps
 * opens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/store.h"
#include "text/enc.h"
#include "text/time.h"

/* As log.c's insert_line, without asking what the line says. */
static enum rc
put_line(struct store *store, const char *text, struct err *err)
{
    struct stmt *q = NULL;
    struct log_end end;
    unsigned char hash[HASH_SIZE];
    sha256(hash, text, strlen(text));
    enum rc rc = log_begin(store, err);
    if (rc == RC_OK)
        rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK)
        rc = db_query(store->db, &q,
                      "INSERT INTO entry (author, seq, hash, line) VALUES (?1, ?2, ?3, ?4)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    stmt_int(q, 2, end.seq + 1);
    stmt_blob(q, 3, hash, HASH_SIZE);
    stmt_text(q, 4, text);
    rc = stmt_run(q, err);
    /* Nor does this store look at it: it is said to be in the tables already. */
    if (rc == RC_OK)
        rc = db_query(store->db, &q, "UPDATE accepted SET applied = ?2 WHERE author = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    stmt_int(q, 2, end.seq + 1);
    rc = stmt_run(q, err);
    return log_finish(store, rc, err);
}

static enum rc
put_note(struct store *store, const char *at, struct err *err)
{
    static const char text[] = "{\"text\":\"x\"}";
    struct buf body, line;
    struct log_end end;
    int64_t ms = 0;
    buf_init(&body, LIMIT_BODY);
    buf_init(&line, LIMIT_ENTRY);
    buf_adds(&body, text);
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK && time_parse(&ms, at) != 0)
        rc = err_set(err, RC_BAD_VALUE, "the time %s", at);
    if (rc == RC_OK)
        rc = entry_build(&line, store->self.author, end.seq + 1, end.hash, ms, "note", &body, NULL,
                         err);
    if (rc == RC_OK)
        rc = put_line(store, buf_str(&line), err);
    buf_release(&body);
    buf_release(&line);
    return rc;
}

enum { KEY_EVERY = 500, WRAP_EVERY = 50 };

static enum rc
append(struct store *store, const char *kind, const char *text, struct err *err)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    buf_adds(&body, text);
    enum rc rc = log_append_one(store, kind, &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* ---- a long log ---- */

struct fill {
    struct store *store;
    struct buf created, wrapped, drilled; /* bodies to copy */
    char key[UUID_TEXT + 1];              /* the last one made */
    int64_t names;
};

static enum rc
newest_body(const struct store *store, const char *kind, struct buf *out, struct err *err)
{
    struct stmt *q = NULL;
    buf_init(out, LIMIT_BODY);
    enum rc rc = db_query(store->db, &q,
                          "SELECT json_extract(line, '$.body') FROM entry WHERE author = ?1"
                          " AND json_extract(line, '$.kind') = ?2 ORDER BY seq DESC LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    stmt_text(q, 2, kind);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        buf_adds(out, col_text(q, 0));
    stmt_done(q);
    if (rc == RC_OK && out->len == 0)
        rc = err_set(err, RC_NOT_FOUND, "no %s to make others after", kind);
    return rc == RC_OK ? buf_check(out, kind, err) : rc;
}

/* The text of the first member of this name becomes another. */
static void
set_member(struct buf *body, const char *name, const char *text)
{
    struct buf out;
    char start[64];
    (void)snprintf(start, sizeof start, "\"%s\":\"", name);
    const char *at = strstr(buf_str(body), start);
    if (at == NULL)
        return;
    at += strlen(start);
    buf_init(&out, LIMIT_BODY);
    buf_add(&out, buf_str(body), (size_t)(at - buf_str(body)));
    buf_adds(&out, text);
    buf_adds(&out, strchr(at, '"'));
    buf_release(body);
    *body = out;
}

static void
other_ciphertext(struct buf *body)
{
    unsigned char raw[180];
    struct buf text;
    buf_init(&text, LIMIT_BODY);
    random_bytes(raw, sizeof raw);
    base64_encode(&text, raw, sizeof raw);
    set_member(body, "ciphertext", buf_str(&text));
    buf_release(&text);
}

static enum rc
fill_one(struct fill *f, int64_t i, struct err *err)
{
    struct buf body;
    char text[UUID_TEXT + 24];
    const char *kind = "drill.result";
    buf_init(&body, LIMIT_BODY);
    if (i % KEY_EVERY == 0) {
        kind = "key.created";
        random_uuid_in_order(f->key);
        buf_adds(&body, buf_str(&f->created));
        set_member(&body, "uuid", f->key);
        (void)snprintf(text, sizeof text, "bulk/%lld", (long long)++f->names);
        set_member(&body, "name", text);
        other_ciphertext(&body);
    } else {
        kind = i % WRAP_EVERY == 0 ? "wrap.added" : "drill.result";
        buf_adds(&body, buf_str(i % WRAP_EVERY == 0 ? &f->wrapped : &f->drilled));
        set_member(&body, "key", f->key);
        random_uuid(text);
        set_member(&body, "request", text);
        if (i % WRAP_EVERY == 0)
            other_ciphertext(&body);
    }
    enum rc rc = log_append(f->store, kind, &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
fill(struct store *store, int64_t count, struct err *err)
{
    struct fill f = {.store = store};
    enum rc rc = newest_body(store, "key.created", &f.created, err);
    if (rc == RC_OK)
        rc = newest_body(store, "wrap.added", &f.wrapped, err);
    if (rc == RC_OK)
        rc = newest_body(store, "drill.result", &f.drilled, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    for (int64_t i = 0; rc == RC_OK && i < count; i++)
        rc = fill_one(&f, i, err);
    rc = log_finish(store, rc, err);
    buf_release(&f.created);
    buf_release(&f.wrapped);
    buf_release(&f.drilled);
    return rc;
}

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct store *store = NULL;
    int appends = argc == 5 && strcmp(argv[1], "append") == 0;
    int fills = argc == 4 && strcmp(argv[1], "fill") == 0;
    int notes = argc == 4 && strcmp(argv[1], "note-at") == 0;
    if (!appends && !fills && !notes && (argc != 4 || strcmp(argv[1], "line") != 0)) {
        (void)fprintf(stderr, "usage: log_tool append STORE KIND BODY | line STORE TEXT | note-at "
                              "STORE TIME | fill STORE COUNT\n");
        return 2;
    }
    enum rc rc = store_open(&store, argv[2], DB_WRITE, &err);
    if (rc == RC_OK)
        rc = appends ? append(store, argv[3], argv[4], &err)
             : fills ? fill(store, strtoll(argv[3], NULL, 10), &err)
             : notes ? put_note(store, argv[3], &err)
                     : put_line(store, argv[3], &err);
    if (rc != RC_OK)
        (void)fprintf(stderr, "log_tool: %s\n", err.msg);
    store_close(store);
    return rc == RC_OK ? 0 : 1;
}
