#include "copy/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "copy/held.h"
#include "escrow/log.h"
#include "sys/dir.h"
#include "sys/env.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/jw.h"

enum { WARNING = 256 };

/* What the file outside the store says. doc NULL: nothing that can be used. */
struct memory {
    struct json *doc; /* owned */
    int64_t entries;
    unsigned char last[HASH_SIZE];
    int64_t head; /* number of the newest own head; 0 none */
    unsigned char hash[HASH_SIZE];
};

static enum rc
memory_path(const struct store *store, char folder[PATH_SIZE], char path[PATH_SIZE],
            struct err *err)
{
    char name[2 * AUTHOR_TEXT + 8];
    const char *state = env_get("XDG_STATE_HOME");
    const char *home = env_get("HOME");
    enum rc rc = RC_OK;
    if (state != NULL && state[0] == '/')
        rc = path_join(folder, state, "keymuster", err);
    else if (home != NULL && home[0] == '/')
        rc = path_join(folder, home, ".local/state/keymuster", err);
    else
        rc = err_set(err, RC_NOT_FOUND, "neither XDG_STATE_HOME nor HOME says where to keep it");
    (void)snprintf(name, sizeof name, "%s-%s.json", store->escrow, store->self.author);
    return rc == RC_OK ? path_join(path, folder, name, err) : rc;
}

static int
same_text(const struct json *doc, const char *member, const char *want)
{
    const char *text = json_gets(doc, member);
    return text != NULL && strcmp(text, want) == 0;
}

static int
hash_member(unsigned char out[HASH_SIZE], const struct json *v)
{
    const char *text = json_str(v);
    return text != NULL ? hex_decode(out, HASH_SIZE, text) : -1;
}

/*
 * A file that is missing, unreadable or malformed is no memory: it is written again by the next
 * save, the copies themselves still show a rollback, and a recovery must not stop at it.
 */
static enum rc
memory_load(const struct store *store, struct memory *m, struct err *err)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
    struct buf text;
    int64_t version = 0;
    struct err scratch = ERR_INIT;
    memset(m, 0, sizeof *m);
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = memory_path(store, folder, path, &scratch);
    if (rc == RC_OK)
        rc = file_read(&text, path, &scratch);
    if (rc == RC_OK)
        rc = json_parse(&m->doc, buf_str(&text), text.len, path, &scratch);
    buf_release(&text);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc == RC_OK && same_text(m->doc, "type", "memory") &&
        json_geti(m->doc, "keymuster", &version) == 0 && version == 1 &&
        same_text(m->doc, "escrow", store->escrow) &&
        same_text(m->doc, "author", store->self.author) &&
        json_geti(m->doc, "entries", &m->entries) == 0 &&
        json_geti(m->doc, "head", &m->head) == 0 &&
        hash_member(m->last, json_get(m->doc, "last")) == 0 &&
        hash_member(m->hash, json_get(m->doc, "hash")) == 0)
        return RC_OK;
    json_free(m->doc);
    m->doc = NULL;
    return RC_OK;
}

/* ---- comparing ---- */

enum verdict { MEMORY_FITS, MEMORY_AHEAD, MEMORY_OTHER };

static enum rc
memory_judge(const struct store *store, const struct memory *m, enum verdict *out, struct err *err)
{
    struct mark newest;
    struct mark same;
    struct log_end end;
    unsigned char hash[HASH_SIZE];
    int found = 0;
    *out = MEMORY_FITS;
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK)
        rc = held_newest(store, store->self.author, LIMIT_NUMBER, &newest, NULL, err);
    if (rc == RC_OK)
        rc = held_at(store, store->self.author, m->head, &same, NULL, err);
    if (rc == RC_OK)
        rc = held_line(store, store->self.author, m->entries, hash, &found, err);
    if (rc != RC_OK)
        return rc;
    if ((found && memcmp(hash, m->last, HASH_SIZE) != 0) ||
        (same.number > 0 && memcmp(same.hash, m->hash, HASH_SIZE) != 0))
        *out = MEMORY_OTHER;
    else if (m->entries > end.seq || m->head > newest.number)
        *out = MEMORY_AHEAD;
    return RC_OK;
}

static enum rc
store_old(const struct memory *m, enum verdict verdict, struct err *err)
{
    (void)err_set(err, RC_STORE_OLD, "this store is older than what it has published");
    if (verdict == MEMORY_AHEAD)
        (void)err_why(err,
                      "this machine remembers %lld entries and head %lld of this author, and the "
                      "store does not hold them: was it restored from a backup?",
                      (long long)m->entries, (long long)m->head);
    else
        (void)err_why(err,
                      "this machine remembers another entry %lld or head %lld of this author than "
                      "the store holds: was it restored from a backup, or is it a clone?",
                      (long long)m->entries, (long long)m->head);
    return err_hint(err, "`keymuster sync` pulls back what this author published");
}

enum rc
memory_check(const struct store *store, struct err *err)
{
    struct memory m;
    enum verdict verdict = MEMORY_FITS;
    enum rc rc = memory_load(store, &m, err);
    if (rc != RC_OK || m.doc == NULL)
        return rc;
    rc = memory_judge(store, &m, &verdict, err);
    if (rc == RC_OK && verdict != MEMORY_FITS)
        rc = store_old(&m, verdict, err);
    json_free(m.doc);
    return rc;
}

enum rc
memory_fits(const struct store *store, int *yes, struct err *err)
{
    struct memory m;
    enum verdict verdict = MEMORY_FITS;
    enum rc rc = memory_load(store, &m, err);
    *yes = 0;
    if (rc != RC_OK || m.doc == NULL)
        return rc;
    rc = memory_judge(store, &m, &verdict, err);
    *yes = rc == RC_OK && verdict == MEMORY_FITS;
    json_free(m.doc);
    return rc;
}

/* One row of "copies"; a malformed one is passed over. */
static enum rc
merge_row(struct store *store, const struct json *row, struct err *err)
{
    const struct json *copy = json_first(row);
    const struct json *author = json_next(copy);
    const struct json *number = json_next(author);
    const struct json *entries = json_next(number);
    const struct json *last = json_next(entries);
    struct mark m;
    if (json_count(row) != 6 || json_str(copy) == NULL || !hex_is(json_str(copy), AUTHOR_TEXT) ||
        json_str(author) == NULL || !hex_is(json_str(author), AUTHOR_TEXT) ||
        json_int(number, &m.number) != 0 || json_int(entries, &m.entries) != 0 ||
        hash_member(m.last, last) != 0 || hash_member(m.hash, json_next(last)) != 0)
        return RC_OK;
    return seen_raise(store, json_str(copy), json_str(author), &m, err);
}

enum rc
memory_merge(struct store *store, struct err *err)
{
    struct memory m;
    enum rc rc = memory_load(store, &m, err);
    const struct json *copies = json_get(m.doc, "copies");
    for (const struct json *row = json_first(copies); rc == RC_OK && row != NULL;
         row = json_next(row))
        rc = merge_row(store, row, err);
    json_free(m.doc);
    return rc;
}

/* ---- saving ---- */

static void
write_hash(struct jw *w, const char *name, const unsigned char hash[HASH_SIZE])
{
    char hex[HASH_TEXT + 1];
    hex_encode(hex, hash, HASH_SIZE);
    jw_str(w, name, hex);
}

static void
write_blob(struct jw *w, struct stmt *q, int column)
{
    size_t len = 0;
    const unsigned char *bytes = col_blob(q, column, &len);
    if (len == HASH_SIZE)
        write_hash(w, NULL, bytes);
}

static enum rc
write_copies(const struct store *store, struct jw *w, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT copy, author, number, entries, last, head FROM copy_seen"
                          " ORDER BY copy, author",
                          err);
    if (rc != RC_OK)
        return rc;
    jw_arr(w, "copies");
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        jw_arr(w, NULL);
        jw_str(w, NULL, col_text(q, 0));
        jw_str(w, NULL, col_text(q, 1));
        jw_int(w, NULL, col_int(q, 2));
        jw_int(w, NULL, col_int(q, 3));
        write_blob(w, q, 4);
        write_blob(w, q, 5);
        jw_end_arr(w);
    }
    jw_end_arr(w);
    stmt_done(q);
    return rc;
}

static enum rc
memory_text(const struct store *store, struct buf *out, struct err *err)
{
    struct log_end end;
    struct mark newest;
    struct jw w;
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK)
        rc = held_newest(store, store->self.author, LIMIT_NUMBER, &newest, NULL, err);
    if (rc != RC_OK)
        return rc;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "type", "memory");
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "escrow", store->escrow);
    jw_str(&w, "author", store->self.author);
    jw_int(&w, "entries", end.seq);
    write_hash(&w, "last", end.hash);
    jw_int(&w, "head", newest.number);
    write_hash(&w, "hash", newest.hash);
    rc = write_copies(store, &w, err);
    jw_end_obj(&w);
    buf_addc(out, '\n');
    return rc == RC_OK ? buf_check(out, "the memory of copies", err) : rc;
}

/* A store that is behind its memory must not make the memory forget. */
static enum rc
may_save(const struct store *store, struct err *err)
{
    struct memory m;
    enum verdict verdict = MEMORY_FITS;
    enum rc rc = memory_load(store, &m, err);
    if (rc == RC_OK && m.doc != NULL)
        rc = memory_judge(store, &m, &verdict, err);
    if (rc == RC_OK && verdict != MEMORY_FITS)
        rc = store_old(&m, verdict, err);
    json_free(m.doc);
    return rc;
}

void
memory_save(const struct store *store, char warning[WARNING])
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
    struct buf text;
    struct err err = ERR_INIT;
    warning[0] = '\0';
    if (store->dir[0] == '\0')
        return; /* a view in memory is gone with its command */
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = may_save(store, &err);
    if (rc == RC_OK)
        rc = memory_path(store, folder, path, &err);
    if (rc == RC_OK)
        rc = memory_text(store, &text, &err);
    if (rc == RC_OK)
        rc = dir_make(folder, 0700, &err);
    if (rc == RC_OK)
        rc = file_replace(path, buf_str(&text), text.len, 0600, &err);
    if (rc != RC_OK)
        (void)snprintf(warning, WARNING,
                       "the memory outside the store was not written: %.100s (%.80s)", err.msg,
                       err.why);
    buf_release(&text);
}

void
memory_forget(const struct store *store)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
    struct err scratch = ERR_INIT;
    if (memory_path(store, folder, path, &scratch) == RC_OK)
        (void)unlink(path); /* mostly it is not there; a leftover is never read again */
}
