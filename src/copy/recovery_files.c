#include "copy/recovery_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "copy/known.h"
#include "copy/recovery_pages.h"
#include "copy/recovery_program.h"
#include "copy/recovery_scripts.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/runbooks.h"
#include "escrow/trust.h"
#include "text/enc.h"
#include "text/time.h"

static const char TRUSTED[] = "keymuster recovery 1";
static const char SUMS[] = "SHA256SUMS";
static const char *const pages[] = {"START-HERE.md", "KEYS.txt"};

enum { FILE_MOST = 64 * 1024 * 1024, PAGES = sizeof pages / sizeof pages[0], NAME_MOST = 96 };

/* ---- what is laid there ---- */

/* A file that only another program or another entry changes. */
struct laid {
    char name[NAME_MOST]; /* below recovery/ */
    struct buf text;
    int due; /* to be written */
};

struct list {
    struct laid *files;
    size_t count;
    struct buf sums; /* SHA256SUMS of them all */
};

static void
list_release(struct list *l)
{
    for (size_t i = 0; i < l->count; i++)
        buf_release(&l->files[i].text);
    free(l->files);
    buf_release(&l->sums);
}

static struct laid *
find_laid(const struct list *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->files[i].name, name) == 0)
            return &l->files[i];
    }
    return NULL;
}

static enum rc
lay(struct list *l, const char *name, const char *text, size_t len, struct err *err)
{
    struct laid *f = find_laid(l, name);
    if (f == NULL) {
        struct laid *more = realloc(l->files, (l->count + 1) * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        l->files = more;
        f = &more[l->count++];
        f->due = 0;
        buf_init(&f->text, FILE_MOST);
        (void)snprintf(f->name, sizeof f->name, "%s", name);
    }
    buf_clear(&f->text);
    buf_add(&f->text, text, len);
    return buf_check(&f->text, name, err);
}

/* One of the log takes the place of the program's. */
static enum rc
lay_runbook(void *arg, const struct runbook_entry *r, struct err *err)
{
    char name[NAME_MOST];
    (void)snprintf(name, sizeof name, "runbooks/%s.md", r->name);
    return lay(arg, name, r->text, strlen(r->text), err);
}

static enum rc
list_make(struct list *l, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    *l = (struct list){NULL, 0, {0}};
    buf_init(&l->sums, FILE_MOST);
    for (size_t i = 0; rc == RC_OK && i < recovery_script_count; i++)
        rc = lay(l, recovery_scripts[i].name, recovery_scripts[i].text, recovery_scripts[i].len,
                 err);
    if (rc == RC_OK)
        rc = runbook_each(store, NULL, lay_runbook, l, err);
    for (size_t i = 0; rc == RC_OK && i < l->count; i++) {
        unsigned char hash[HASH_SIZE];
        char text[HASH_TEXT + 1];
        sha256(hash, buf_str(&l->files[i].text), l->files[i].text.len);
        hex_encode(text, hash, HASH_SIZE);
        buf_addf(&l->sums, "%s  %s\n", text, l->files[i].name);
    }
    return rc == RC_OK ? buf_check(&l->sums, SUMS, err) : rc;
}

/* ---- looking ---- */

/* A text and its signature, tried with every accepted author's key. */
struct judging {
    const struct store *store;
    struct buf text, sig;
    int good;
};

static enum rc
judge(void *arg, const struct log_author *author, struct err *err)
{
    struct judging *j = arg;
    struct sign_public pub;
    struct trust trust;
    struct err none = ERR_INIT;
    enum rc rc = trust_of(j->store, author->author, &trust, err);
    if (rc != RC_OK || !trust_accepted(&trust) || sign_public_parse(&pub, author->public_key) != 0)
        return rc;
    j->good |= sign_verify(&pub, TRUSTED, buf_str(&j->text), j->text.len, buf_str(&j->sig),
                           j->sig.len, "", &none) == RC_OK;
    return RC_OK;
}

static int
is_same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0;
}

/* wanted NULL: any text that is signed. */
static enum rc
look(const struct store *store, struct copy *copy, const char *name, const struct buf *wanted,
     enum recovery_state *state, struct err *err)
{
    struct judging j = {.store = store};
    char path[NAME_MOST + 32];
    *state = RECOVERY_GOOD;
    buf_init(&j.text, FILE_MOST);
    buf_init(&j.sig, FILE_MOST);
    (void)snprintf(path, sizeof path, "recovery/%s", name);
    enum rc rc = remote_get(copy->remote, path, &j.text, err);
    (void)snprintf(path, sizeof path, "recovery/%s.minisig", name);
    if (rc == RC_OK)
        rc = remote_get(copy->remote, path, &j.sig, err);
    int got = rc == RC_OK;
    if (got)
        rc = log_authors(store, judge, &j, err);
    if (rc == RC_NOT_FOUND)
        *state = RECOVERY_MISSING;
    else if (rc == RC_COPY_TAMPERED || (got && !j.good))
        *state = RECOVERY_ALTERED;
    else if (wanted != NULL && !is_same(wanted, &j.text))
        *state = RECOVERY_OTHER;
    buf_release(&j.text);
    buf_release(&j.sig);
    return rc == RC_NOT_FOUND || rc == RC_COPY_TAMPERED ? RC_OK : rc;
}

/* What cannot be looked at is left alone. */
static int
is_due(const struct store *store, struct copy *copy, const char *name, const struct buf *wanted)
{
    enum recovery_state state = RECOVERY_GOOD;
    struct err scratch = ERR_INIT;
    return look(store, copy, name, wanted, &state, &scratch) == RC_OK && state != RECOVERY_GOOD;
}

enum rc
recovery_files_each(const struct store *store, struct copy *copy, recovery_fn fn, void *arg,
                    struct err *err)
{
    struct list l;
    enum recovery_state state;
    enum rc rc = list_make(&l, store, err);
    for (size_t i = 0; rc == RC_OK && i < PAGES; i++) {
        rc = look(store, copy, pages[i], NULL, &state, err);
        if (rc == RC_OK)
            rc = fn(arg, pages[i], state, err);
    }
    for (size_t i = 0; rc == RC_OK && i < l.count; i++) {
        rc = look(store, copy, l.files[i].name, &l.files[i].text, &state, err);
        if (rc == RC_OK)
            rc = fn(arg, l.files[i].name, state, err);
    }
    if (rc == RC_OK)
        rc = look(store, copy, SUMS, &l.sums, &state, err);
    if (rc == RC_OK)
        rc = fn(arg, SUMS, state, err);
    list_release(&l);
    return rc;
}

/* ---- writing ---- */

enum rc
recovery_send(struct copy *copy, const struct secret *key, const char *name, const struct buf *text,
              struct err *err)
{
    char path[NAME_MOST + 32];
    struct buf sig;
    buf_init(&sig, 1024);
    (void)snprintf(path, sizeof path, "recovery/%s.minisig", name);
    enum rc rc = sign_detached(&sig, key, TRUSTED, buf_str(text), text->len, err);
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

/* What is to be written. */
struct writing {
    struct store *store;
    struct copy *copy;
    enum recovery_flags flags;
    struct page {
        struct buf text;
        char print[HASH_TEXT + 1]; /* of what it says, without when */
        int due;
    } pages[PAGES];
    struct list list;
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
    int program = 0;
    time_format(now, clock_now_ms());
    enum rc rc = recovery_program_there(w->store, w->copy, w->flags, &program, err);
    if (rc == RC_OK)
        rc = recovery_page_start(w->store, now, program, &w->pages[0].text, err);
    if (rc == RC_OK)
        rc = recovery_page_keys(w->store, now, &w->pages[1].text, err);
    for (size_t i = 0; rc == RC_OK && i < PAGES; i++)
        print_page(w->pages[i].print, &w->pages[i].text, now);
    return rc;
}

/* Another text than was last written from here, or one that is not as it should be. */
static enum rc
find_due(struct writing *w, const char *name, const char *print, const struct buf *wanted, int *due,
         struct err *err)
{
    char what[NAME_MOST + 32];
    struct known known;
    (void)snprintf(what, sizeof what, "recovery/%s", name);
    enum rc rc = known_get(w->store, w->copy->id, what, &known, err);
    *due = rc == RC_OK && (strcmp(known.value, print) != 0 ||
                           ((w->flags & RECOVERY_LOOK) != 0 &&
                            is_due(w->store, w->copy, name, wanted)));
    return rc;
}

static enum rc
find_all_due(struct writing *w, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < PAGES; i++) {
        rc = find_due(w, pages[i], w->pages[i].print, NULL, &w->pages[i].due, err);
        w->pages[i].due |= (w->flags & RECOVERY_PAGES) != 0;
    }
    sha256_hex(w->sums, buf_str(&w->list.sums), w->list.sums.len);
    if (rc == RC_OK)
        rc = find_due(w, SUMS, w->sums, &w->list.sums, &w->sums_due, err);
    w->any_due = w->sums_due;
    for (size_t i = 0; i < PAGES; i++)
        w->any_due |= w->pages[i].due;
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
    char what[NAME_MOST + 32];
    (void)snprintf(what, sizeof what, "recovery/%s", name);
    return done ? known_set(w->store, w->copy->id, what, print, err)
                : known_drop(w->store, w->copy->id, what, err);
}

static enum rc
note(struct writing *w, int done, struct err *err)
{
    enum rc rc = log_begin(w->store, err);
    for (size_t i = 0; rc == RC_OK && i < PAGES; i++) {
        if (w->pages[i].due)
            rc = note_one(w, pages[i], w->pages[i].print, done, err);
    }
    if (rc == RC_OK && w->sums_due)
        rc = note_one(w, SUMS, w->sums, done, err);
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
    return rc == RC_OK && w->sums_due ? recovery_send(w->copy, key, SUMS, &w->list.sums, err) : rc;
}

static enum rc
send_due(struct writing *w, const struct secret *key, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = PAGES; rc == RC_OK && i-- > 0;) { /* KEYS.txt first */
        if (w->pages[i].due)
            rc = recovery_send(w->copy, key, pages[i], &w->pages[i].text, err);
    }
    return rc == RC_OK ? send_laid(w, key, err) : rc;
}

static enum rc
write_due(struct writing *w, struct err *err)
{
    struct secret *key = NULL;
    if (!w->any_due)
        return RC_OK;
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
    for (size_t i = 0; i < PAGES; i++)
        buf_init(&w.pages[i].text, FILE_MOST);
    enum rc rc = list_make(&w.list, store, err);
    if (rc == RC_OK)
        rc = make_pages(&w, err);
    if (rc == RC_OK)
        rc = find_all_due(&w, err);
    if (rc == RC_OK)
        rc = write_due(&w, err);
    for (size_t i = 0; i < PAGES; i++)
        buf_release(&w.pages[i].text);
    list_release(&w.list);
    return rc;
}
