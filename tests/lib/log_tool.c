/*
 * For tests: an author who does not keep to what keymuster records. log_tool append STORE KIND BODY
 * appends an entry with any kind and body to a store's own log; log_tool line STORE TEXT a line
 * that need not be an entry at all, which the next publication signs like any other; log_tool
 * note-at STORE TIME a note that says another time.
 */
#include <stdio.h>
#include <string.h>

#include "escrow/log.h"
#include "escrow/store.h"
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

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct store *store = NULL;
    struct buf body;
    int append = argc == 5 && strcmp(argv[1], "append") == 0;
    int note = argc == 4 && strcmp(argv[1], "note-at") == 0;
    if (!append && !note && (argc != 4 || strcmp(argv[1], "line") != 0)) {
        (void)fprintf(stderr, "usage: log_tool append STORE KIND BODY | line STORE TEXT | note-at "
                              "STORE TIME\n");
        return 2;
    }
    buf_init(&body, LIMIT_BODY);
    buf_adds(&body, append ? argv[4] : "");
    enum rc rc = store_open(&store, argv[2], DB_WRITE, &err);
    if (rc == RC_OK)
        rc = append ? log_append_one(store, argv[3], &body, NULL, &err)
             : note ? put_note(store, argv[3], &err)
                    : put_line(store, argv[3], &err);
    if (rc != RC_OK)
        (void)fprintf(stderr, "log_tool: %s\n", err.msg);
    store_close(store);
    buf_release(&body);
    return rc == RC_OK ? 0 : 1;
}
