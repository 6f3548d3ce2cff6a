#include "escrow/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "escrow/apply.h"
#include "escrow/settle.h"
#include "escrow/trust.h"
#include "sys/lock.h"
#include "text/enc.h"
#include "text/uni.h"

/* Another process may have given this store another author since it was opened (`author renew`). */
static enum rc
check_self(struct store *store, struct err *err)
{
    struct buf self;
    buf_init(&self, LIMIT_TEXT);
    enum rc rc = store_meta(store, "self", &self, err);
    if (rc == RC_OK && self.len > 0 && strcmp(buf_str(&self), store->self.text) != 0) {
        (void)err_set(err, RC_STORE_BUSY, "the store %s has got another author meanwhile",
                      store->dir);
        rc = err_hint(err, "run the command again; nothing was stored");
    }
    buf_release(&self);
    return rc;
}

/* A view in memory has no folder, and nobody else can write to it. */
static enum rc
take_lock(struct store *store, struct err *err)
{
    char path[PATH_SIZE];
    if (store->dir[0] == '\0') {
        store->lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return store->lock_fd >= 0 ? RC_OK : err_errno(err, RC_IO, "opening /dev/null");
    }
    enum rc rc = path_join(path, store->dir, "store.lock", err);
    return rc == RC_OK ? lock_take(&store->lock_fd, path, STORE_WAIT_MS, err) : rc;
}

enum rc
log_begin(struct store *store, struct err *err)
{
    enum rc rc = take_lock(store, err);
    if (rc != RC_OK)
        return rc;
    store->trust_dirty = 0;
    store->appended[0] = '\0';
    store->tail.known = 0;
    rc = db_begin(store->db, err);
    if (rc == RC_OK)
        rc = check_self(store, err);
    if (rc != RC_OK) {
        db_rollback(store->db);
        lock_release(store->lock_fd);
        store->lock_fd = -1;
    }
    return rc;
}

static void
end_transaction(struct store *store)
{
    lock_release(store->lock_fd);
    store->lock_fd = -1;
}

void
log_rollback(struct store *store)
{
    if (store->lock_fd < 0)
        return;
    db_rollback(store->db);
    end_transaction(store);
}

/* Is the entry of the commit in doubt there, seen through a fresh connection? Without an own entry
 * (heads, marks, lines of others) it is as if nothing were: what is there is found next time. */
static enum rc
look_again(struct store *store, int *stored, struct err *err)
{
    struct stmt *q = NULL;
    unsigned char hash[HASH_SIZE];
    enum rc rc = store_reopen(store, err);
    if (rc != RC_OK || hex_decode(hash, HASH_SIZE, store->appended) != 0)
        return rc;
    rc = db_query(store->db, &q, "SELECT 1 FROM entry WHERE hash = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, hash, HASH_SIZE);
    rc = stmt_row(q, err);
    *stored = stmt_more(q);
    stmt_done(q);
    return rc;
}

enum rc
log_say_in_doubt(const struct store *store, struct err *err)
{
    err->code = RC_UNKNOWN_OUTCOME;
    (void)snprintf(err->entry, sizeof err->entry, "%s", store->in_doubt);
    (void)err_hint(err, "find out: keymuster audit log --entry %s", store->in_doubt);
    return RC_UNKNOWN_OUTCOME;
}

/* A commit that failed may have been stored; only the file can tell. */
static enum rc
resolve(struct store *store, struct err *err)
{
    int stored = 0;
    struct err scratch = ERR_INIT;
    enum rc rc = look_again(store, &stored, &scratch);
    if (rc != RC_OK && store->appended[0] != '\0') {
        memcpy(store->in_doubt, store->appended, sizeof store->in_doubt);
        return log_say_in_doubt(store, err);
    }
    if (stored)
        return RC_OK;
    err->code = RC_IO;
    if (store->appended[0] != '\0')
        (void)err_wrap(err, "nothing was stored");
    return err->code;
}

enum rc
log_commit(struct store *store, struct err *err)
{
    enum rc rc = apply_settle(store, err);
    if (rc == RC_OK)
        rc = db_commit(store->db, err);
    if (rc == RC_UNKNOWN_OUTCOME)
        rc = resolve(store, err);
    if (rc != RC_OK)
        db_rollback(store->db);
    else if (store->appended[0] != '\0')
        memcpy(store->stored, store->appended, sizeof store->stored);
    end_transaction(store);
    return rc;
}

enum rc
log_finish(struct store *store, enum rc rc, struct err *err)
{
    if (rc == RC_OK)
        return log_commit(store, err);
    log_rollback(store);
    return rc;
}

enum rc
log_end(const struct store *store, const char *author, struct log_end *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT seq, hash FROM entry WHERE author = ?1 ORDER BY seq DESC LIMIT 1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const void *hash = col_blob(q, 1, &len);
        out->seq = col_int(q, 0);
        if (len == HASH_SIZE)
            memcpy(out->hash, hash, HASH_SIZE);
    }
    stmt_done(q);
    return rc;
}

static enum rc
insert_line(struct store *store, const struct entry *e, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q, "INSERT INTO entry (author, seq, hash, line) VALUES (?1, ?2, ?3, ?4)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, e->author);
    stmt_int(q, 2, e->seq);
    stmt_blob(q, 3, e->hash, HASH_SIZE);
    stmt_textn(q, 4, e->line, e->len);
    return stmt_run(q, err);
}

/* The first entry binds a log to its escrow and to its key. */
static enum rc
check_first(const struct store *store, const struct entry *e, struct sign_public *pub,
            struct err *err)
{
    int created = strcmp(e->kind, "escrow.created") == 0;
    if (!created && strcmp(e->kind, "author.joined") != 0)
        return err_set(err, RC_CHAIN, "the log of author %s begins with %s", e->author, e->kind);
    const char *escrow = json_gets(e->body, "escrow");
    if (escrow == NULL || strcmp(escrow, store->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "the log of author %s belongs to another escrow",
                      e->author);
        return err_why(err, "it names escrow %.40s; this is %s", escrow != NULL ? escrow : "none",
                       store->escrow);
    }
    const char *text = json_gets(e->body, "public_key");
    if (text == NULL || sign_public_parse(pub, text) != 0 || strcmp(pub->author, e->author) != 0)
        return err_set(err, RC_CHAIN, "the first entry of author %s does not carry its key",
                       e->author);
    if (created && strcmp(pub->author, store->founder.author) != 0)
        return err_set(err, RC_CHAIN, "author %s says that it founded this escrow; it did not",
                       e->author);
    return RC_OK;
}

static enum rc
note_first(struct store *store, const struct entry *e, struct err *err)
{
    struct sign_public pub;
    enum rc rc = check_first(store, e, &pub, err);
    if (rc != RC_OK)
        return rc;
    const char *name = json_gets(e->body, "name");
    const char *site = json_gets(e->body, "site");
    struct err scratch = ERR_INIT;
    if (strcmp(e->kind, "escrow.created") == 0 || name == NULL ||
        name_check(name, "author", &scratch) != RC_OK)
        name = json_gets(e->body, "author_name");
    if (name == NULL || name_check(name, "author", &scratch) != RC_OK)
        name = "";
    struct stmt *q = NULL;
    rc = db_query(store->db, &q,
                  "INSERT INTO author_key (author, public_key, name, site, founder) VALUES (?1, "
                  "?2, ?3, ?4, ?5)",
                  err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, e->author);
    stmt_text(q, 2, pub.text);
    stmt_text(q, 3, name);
    stmt_text(q, 4, site != NULL && uuid_is(site) ? site : "");
    stmt_int(q, 5, strcmp(e->author, store->founder.author) == 0);
    store->trust_dirty = 1;
    return stmt_run(q, err);
}

enum rc
log_index(struct store *store, const struct entry *e, struct err *err)
{
    enum rc rc = e->seq == 1 ? note_first(store, e, err) : RC_OK;
    return rc == RC_OK ? trust_note(store, e, err) : rc;
}

static enum rc
receive(struct store *store, const struct entry *e, struct log_end *end, struct err *err)
{
    if (e->seq != end->seq + 1)
        return err_set(err, RC_CHAIN, "entry %lld of author %s where %lld was expected",
                       (long long)e->seq, e->author, (long long)end->seq + 1);
    if (memcmp(e->prev, end->hash, HASH_SIZE) != 0)
        return err_set(err, RC_CHAIN, "entry %lld of author %s does not follow entry %lld",
                       (long long)e->seq, e->author, (long long)end->seq);
    int opens = strcmp(e->kind, "escrow.created") == 0 || strcmp(e->kind, "author.joined") == 0;
    if (opens && e->seq != 1)
        return err_set(err, RC_CHAIN, "entry %lld of author %s begins a log again",
                       (long long)e->seq, e->author);
    enum rc rc = log_index(store, e, err);
    if (rc == RC_OK)
        rc = insert_line(store, e, err);
    if (rc == RC_OK) {
        end->seq = e->seq;
        memcpy(end->hash, e->hash, HASH_SIZE);
    }
    return rc;
}

/* Asks where a log has got to, once for entries that come one after the other. */
static enum rc
know_tail(struct store *store, const char *author, struct err *err)
{
    struct trust t = {0};
    struct log_end end = {0};
    if (store->tail.known && strcmp(store->tail.author, author) == 0)
        return RC_OK;
    enum rc rc = apply_note_tail(store, err);
    if (rc == RC_OK)
        rc = log_end(store, author, &end, err);
    if (rc == RC_OK)
        rc = trust_of(store, author, &t, err);
    (void)snprintf(store->tail.author, sizeof store->tail.author, "%s", author);
    store->tail.seq = end.seq;
    memcpy(store->tail.hash, end.hash, HASH_SIZE);
    store->tail.applied = t.applied;
    store->tail.upto = t.upto;
    store->tail.known = rc == RC_OK;
    return rc;
}

/* An entry right behind those in the tables goes there at once; others wait for apply_settle. */
static enum rc
apply_tail(struct store *store, const struct entry *e, struct err *err)
{
    store->tail.seq = e->seq;
    memcpy(store->tail.hash, e->hash, HASH_SIZE);
    if (store->trust_dirty || e->seq != store->tail.applied + 1 || e->seq > store->tail.upto)
        return RC_OK;
    store->tail.applied = e->seq;
    return apply_entry(store->db, e, err);
}

/* A line that is in hand once, checked, stored and applied. */
static enum rc
grow(struct store *store, const struct entry *e, struct log_end *end, struct err *err)
{
    enum rc rc = receive(store, e, end, err);
    if (rc == RC_OK)
        rc = apply_tail(store, e, err);
    if (rc != RC_OK)
        store->tail.known = 0;
    return rc;
}

enum rc
log_receive(struct store *store, const struct entry *e, struct log_end *end, struct err *err)
{
    enum rc rc = know_tail(store, e->author, err);
    return rc == RC_OK ? grow(store, e, end, err) : rc;
}

enum rc
log_append(struct store *store, const char *kind, const struct buf *body, char *hash_out,
           struct err *err)
{
    return log_append_again(store, kind, body, NULL, hash_out, err);
}

enum rc
log_append_again(struct store *store, const char *kind, const struct buf *body,
                 const struct buf *restates, char *hash_out, struct err *err)
{
    struct entry e = {0};
    struct buf line;
    buf_init(&line, LIMIT_ENTRY);
    struct log_end end = {0};
    enum rc rc = know_tail(store, store->self.author, err);
    end.seq = store->tail.seq;
    memcpy(end.hash, store->tail.hash, HASH_SIZE);
    if (rc == RC_OK)
        rc = entry_build(&line, store->self.author, end.seq + 1, end.hash, clock_now_ms(), kind,
                         body, restates, err);
    if (rc == RC_OK)
        rc = entry_parse(&e, buf_str(&line), line.len, err);
    if (rc == RC_OK)
        rc = grow(store, &e, &end, err);
    if (rc == RC_OK) {
        hex_encode(store->appended, end.hash, HASH_SIZE);
        if (hash_out != NULL)
            memcpy(hash_out, store->appended, HASH_TEXT + 1);
    } else {
        store->tail.known = 0;
        (void)err_wrap(err, "recording %s", kind);
    }
    entry_release(&e);
    buf_release(&line);
    return rc;
}

enum rc
log_append_one(struct store *store, const char *kind, const struct buf *body, char *hash_out,
               struct err *err)
{
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = log_append(store, kind, body, hash_out, err);
    return log_finish(store, rc, err);
}

enum rc
log_cut(struct store *store, int64_t after, struct err *err)
{
    const char *self = store->self.author;
    store->tail.known = 0;
    store->trust_dirty = 1;
    enum rc rc =
        db_delete_after(store->db, "entry_stay", "DELETE FROM entry WHERE author = ?1 AND seq > ?2",
                        self, after, err);
    if (rc == RC_OK)
        rc = db_delete_after(store->db, NULL,
                             "DELETE FROM trust_fact WHERE author = ?1 AND seq > ?2", self, after,
                             err);
    return rc == RC_OK ? apply_rebuild(store, err) : rc;
}

/* ---- by the rules that a line was received by: is it all sound? ---- */

struct verify {
    const struct store *store;
    struct log_end end;
    int64_t count;
};

/* A line was parsed in full when it came in; what was altered since shows in its hash. */
static enum rc
verify_line(struct verify *v, const struct entry *e, int64_t seq, struct err *err)
{
    if (e->seq != seq || e->seq != v->end.seq + 1 || memcmp(e->prev, v->end.hash, HASH_SIZE) != 0)
        return err_set(err, RC_CHAIN, "entry %lld does not follow the one before it",
                       (long long)seq);
    v->end.seq = e->seq;
    memcpy(v->end.hash, e->hash, HASH_SIZE);
    v->count++;
    return RC_OK;
}

static enum rc
verify_row(struct verify *v, struct stmt *q, const char *author, struct err *err)
{
    struct entry e;
    struct sign_public pub;
    size_t len = 0;
    size_t hash_len = 0;
    enum rc rc = RC_OK;
    int64_t seq = col_int(q, 0);
    const char *line = col_blob(q, 1, &len);
    const void *hash = col_blob(q, 2, &hash_len);
    if (seq == 1 || !entry_skim(&e, line, len))
        rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK) {
        const struct err why = *err;
        return rc != RC_MALFORMED
                   ? rc
                   : err_set(err, RC_CHAIN, "entry %lld was altered: %s", (long long)seq, why.msg);
    }
    if (strcmp(e.author, author) != 0)
        rc = err_set(err, RC_CHAIN, "entry %lld is of author %s", (long long)seq, e.author);
    if (rc == RC_OK)
        rc = verify_line(v, &e, seq, err);
    if (rc == RC_OK && (hash_len != HASH_SIZE || memcmp(hash, e.hash, HASH_SIZE) != 0))
        rc = err_set(err, RC_CHAIN, "the hash on record of entry %lld is another", (long long)seq);
    if (rc == RC_OK && seq == 1)
        rc = check_first(v->store, &e, &pub, err);
    entry_release(&e);
    return rc;
}

static enum rc
verify_author(void *arg, const struct log_author *author, struct err *err)
{
    struct verify *v = arg;
    struct stmt *q = NULL;
    memset(&v->end, 0, sizeof v->end);
    enum rc rc = db_query(v->store->db, &q,
                          "SELECT seq, line, hash FROM entry WHERE author = ?1 ORDER BY seq", err);
    if (rc == RC_OK)
        stmt_text(q, 1, author->author);
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q))
        rc = verify_row(v, q, author->author, err);
    stmt_done(q);
    if (rc == RC_OK && (v->end.seq == 0 || v->end.seq != author->entries))
        rc = err_set(err, RC_CHAIN, "entries are missing");
    return rc == RC_OK ? rc : err_wrap(err, "log of author %s", author->author);
}

enum rc
log_verify(const struct store *store, int64_t *count, struct err *err)
{
    struct verify v = {.store = store};
    enum rc rc = log_authors(store, verify_author, &v, err);
    *count = v.count;
    return rc;
}
