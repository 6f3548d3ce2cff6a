/* Writing recovery/: what says something new, or is not as it should be. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "copy/known.h"
#include "copy/recovery_laid.h"
#include "copy/recovery_pages.h"
#include "copy/recovery_program.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "text/enc.h"
#include "text/time.h"

enum rc
recovery_send(struct copy *copy, const struct secret *key, const char *name, const struct buf *text,
              struct err *err)
{
    char path[RECOVERY_NAME + 32];
    struct buf sig;
    buf_init(&sig, 1024);
    (void)snprintf(path, sizeof path, "recovery/%s.minisig", name);
    enum rc rc = sign_detached(&sig, key, RECOVERY_TRUSTED, buf_str(text), text->len, err);
    if (rc == RC_OK)
        rc = remote_withdraw(copy->remote, path, err);
    (void)snprintf(path, sizeof path, "recovery/%s", name);
    if (rc == RC_OK)
        rc = remote_put(copy->remote, path, buf_str(text), text->len, err);
    (void)snprintf(path, sizeof path, "recovery/%s.minisig", name);
    if (rc == RC_OK)
        rc = remote_put(copy->remote, path, buf_str(&sig), sig.len, err);
    buf_release(&sig);
    return rc;
}

/* What cannot be looked at is left alone. */
static int
is_due(const struct store *store, struct copy *copy, const char *name, const struct buf *wanted)
{
    enum recovery_state state = RECOVERY_GOOD;
    struct err scratch = ERR_INIT;
    return recovery_look(store, copy, name, wanted, &state, &scratch) == RC_OK &&
           state != RECOVERY_GOOD;
}

/* Known of the pages together: what their text was made of. */
static const char TABLES[] = "recovery/";

/* What is to be written. */
struct writing {
    struct store *store;
    struct copy *copy;
    enum recovery_flags flags;
    struct page {
        struct buf text;
        char print[HASH_TEXT + 1]; /* of what it says, without when */
        int due;
    } pages[RECOVERY_PAGES_COUNT];
    int program;                /* lies there */
    char tables[HASH_TEXT + 1]; /* stands for what the pages are made of */
    int pages_new;              /* the tables are not those of the last time */
    struct laid_list list;
    char sums[HASH_TEXT + 1];
    int sums_due;
    int any_due;
};

/* Of a text in which the time stands once, before all else that could read the same. */
static void
print_page(char out[HASH_TEXT + 1], const struct buf *text, const char *now)
{
    static const char no_time[] = "";
    struct sha256_state s;
    unsigned char hash[HASH_SIZE];
    const char *all = buf_str(text);
    const char *at = strstr(all, now);
    size_t before = at != NULL ? (size_t)(at - all) : text->len;
    const char *rest = at != NULL ? at + strlen(now) : no_time;
    sha256_begin(&s);
    sha256_more(&s, all, before);
    sha256_more(&s, rest, text->len - before - (at != NULL ? strlen(now) : 0));
    sha256_end(&s, hash);
    hex_encode(out, hash, HASH_SIZE);
}

static enum rc
make_pages(struct writing *w, struct err *err)
{
    char now[TIME_TEXT + 1];
    time_format(now, clock_now_ms());
    enum rc rc = recovery_page_start(w->store, now, w->program, &w->pages[0].text, err);
    if (rc == RC_OK)
        rc = recovery_page_keys(w->store, now, &w->pages[1].text, err);
    for (size_t i = 0; rc == RC_OK && i < RECOVERY_PAGES_COUNT; i++)
        print_page(w->pages[i].print, &w->pages[i].text, now);
    return rc;
}

/*
 * Stands for all that the pages are made of: whose entries count, and the newest row of each table
 * read. Rows are only added, and all of them anew when others count: so the same means the same
 * pages, and they need not be made.
 */
static enum rc
print_tables(struct writing *w, char out[HASH_TEXT + 1], struct err *err)
{
    static const char *const queries[] = {
        "SELECT author, rank, standing, upto FROM accepted ORDER BY author",
        "SELECT rowid, hex(entry), '', '' FROM key ORDER BY rowid DESC LIMIT 1",
        "SELECT rowid, hex(entry), '', '' FROM wrap ORDER BY rowid DESC LIMIT 1",
        "SELECT rowid, hex(entry), '', '' FROM wrap_retired ORDER BY rowid DESC LIMIT 1",
        "SELECT rowid, hex(entry), '', '' FROM object ORDER BY rowid DESC LIMIT 1",
        "SELECT rowid, hex(entry), '', '' FROM field ORDER BY rowid DESC LIMIT 1",
        "SELECT rowid, hex(superseded_by), '', '' FROM superseded ORDER BY rowid DESC LIMIT 1",
        "SELECT value, '', '', '' FROM meta WHERE name IN ('self', 'apply_version') ORDER BY name",
    };
    struct buf text;
    enum rc rc = RC_OK;
    buf_init(&text, RECOVERY_FILE_MOST);
    buf_addf(&text, "%s %d\n", KM_VERSION, w->program);
    for (size_t i = 0; rc == RC_OK && i < sizeof queries / sizeof queries[0]; i++) {
        struct stmt *q = NULL;
        rc = db_query(w->store->db, &q, queries[i], err);
        if (rc != RC_OK)
            break;
        while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q))
            buf_addf(&text, "%s %s %s %s\n", col_text(q, 0), col_text(q, 1), col_text(q, 2),
                     col_text(q, 3));
        stmt_done(q);
    }
    if (rc == RC_OK)
        rc = buf_check(&text, "what the pages are made of", err);
    if (rc == RC_OK)
        sha256_hex(out, buf_str(&text), text.len);
    buf_release(&text);
    return rc;
}

/* Another text than was last written from here, or one that is not as it should be. */
static enum rc
find_due(struct writing *w, const char *name, const char *print, const struct buf *wanted, int *due,
         struct err *err)
{
    char what[RECOVERY_NAME + 32];
    struct known known;
    (void)snprintf(what, sizeof what, "recovery/%s", name);
    enum rc rc = known_get(w->store, w->copy->id, what, &known, err);
    *due = rc == RC_OK &&
           (strcmp(known.value, print) != 0 ||
            ((w->flags & RECOVERY_LOOK) != 0 && is_due(w->store, w->copy, name, wanted)));
    return rc;
}

/* KEYS.txt of a large escrow takes its time: pages are made when something new may be in them, or
 * lies there that is not theirs. */
static enum rc
find_pages(struct writing *w, struct err *err)
{
    struct known known;
    enum rc rc = recovery_program_there(w->store, w->copy, w->flags, &w->program, err);
    if (rc == RC_OK)
        rc = print_tables(w, w->tables, err);
    if (rc == RC_OK)
        rc = known_get(w->store, w->copy->id, TABLES, &known, err);
    if (rc != RC_OK)
        return rc;
    w->pages_new = strcmp(known.value, w->tables) != 0;
    if (!w->pages_new && w->flags == RECOVERY_NEW)
        return RC_OK;
    rc = make_pages(w, err);
    for (size_t i = 0; rc == RC_OK && i < RECOVERY_PAGES_COUNT; i++) {
        struct page *page = &w->pages[i];
        rc = find_due(w, recovery_pages[i], page->print, NULL, &page->due, err);
        page->due |= (w->flags & RECOVERY_PAGES) != 0;
        w->any_due |= page->due;
    }
    return rc;
}

static enum rc
find_laid(struct writing *w, struct err *err)
{
    enum rc rc = laid_make(&w->list, w->store, err);
    if (rc != RC_OK)
        return rc;
    sha256_hex(w->sums, buf_str(&w->list.sums), w->list.sums.len);
    rc = find_due(w, RECOVERY_SUMS, w->sums, &w->list.sums, &w->sums_due, err);
    w->any_due |= w->sums_due;
    if (rc != RC_OK || (!w->sums_due && (w->flags & RECOVERY_LOOK) == 0))
        return rc;
    for (size_t i = 0; i < w->list.count; i++) {
        struct laid *f = &w->list.files[i];
        f->due = is_due(w->store, w->copy, f->name, &f->text);
        w->any_due |= f->due;
    }
    return RC_OK;
}

/* Forgotten before it is written and noted after: what is torn meanwhile is written again. */
static enum rc
note_one(struct writing *w, const char *name, const char *print, int done, struct err *err)
{
    char what[RECOVERY_NAME + 32];
    (void)snprintf(what, sizeof what, "recovery/%s", name);
    return done ? known_set(w->store, w->copy->id, what, print, err)
                : known_drop(w->store, w->copy->id, what, err);
}

static enum rc
note(struct writing *w, int done, struct err *err)
{
    enum rc rc = log_begin(w->store, err);
    for (size_t i = 0; rc == RC_OK && i < RECOVERY_PAGES_COUNT; i++) {
        if (w->pages[i].due)
            rc = note_one(w, recovery_pages[i], w->pages[i].print, done, err);
    }
    if (rc == RC_OK && w->sums_due)
        rc = note_one(w, RECOVERY_SUMS, w->sums, done, err);
    int pages = w->pages_new || w->pages[0].due || w->pages[1].due;
    if (rc == RC_OK && pages && done)
        rc = known_set(w->store, w->copy->id, TABLES, w->tables, err);
    else if (rc == RC_OK && pages)
        rc = known_drop(w->store, w->copy->id, TABLES, err);
    return log_finish(w->store, rc, err);
}

/* The sums last: they say that the files are there. */
static enum rc
send_laid(struct writing *w, const struct secret *key, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < w->list.count; i++) {
        const struct laid *f = &w->list.files[i];
        if (f->due)
            rc = recovery_send(w->copy, key, f->name, &f->text, err);
    }
    return rc == RC_OK && w->sums_due
               ? recovery_send(w->copy, key, RECOVERY_SUMS, &w->list.sums, err)
               : rc;
}

static enum rc
send_due(struct writing *w, const struct secret *key, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = RECOVERY_PAGES_COUNT; rc == RC_OK && i-- > 0;) { /* KEYS.txt first */
        if (w->pages[i].due)
            rc = recovery_send(w->copy, key, recovery_pages[i], &w->pages[i].text, err);
    }
    return rc == RC_OK ? send_laid(w, key, err) : rc;
}

static enum rc
write_due(struct writing *w, struct err *err)
{
    struct secret *key = NULL;
    if (!w->any_due)
        return w->pages_new ? note(w, 1, err) : RC_OK;
    enum rc rc = store_sign_key(w->store, &key, err);
    if (rc == RC_OK)
        rc = note(w, 0, err);
    if (rc == RC_OK)
        rc = send_due(w, key, err);
    if (rc == RC_OK)
        rc = note(w, 1, err);
    secret_free(key);
    return rc;
}

enum rc
recovery_files_write(struct store *store, struct copy *copy, enum recovery_flags flags,
                     struct err *err)
{
    struct writing w = {.store = store, .copy = copy, .flags = flags};
    for (size_t i = 0; i < RECOVERY_PAGES_COUNT; i++)
        buf_init(&w.pages[i].text, RECOVERY_FILE_MOST);
    enum rc rc = find_pages(&w, err);
    if (rc == RC_OK)
        rc = find_laid(&w, err);
    if (rc == RC_OK)
        rc = write_due(&w, err);
    for (size_t i = 0; i < RECOVERY_PAGES_COUNT; i++)
        buf_release(&w.pages[i].text);
    laid_release(&w.list);
    return rc;
}
