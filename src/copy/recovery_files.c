#include "copy/recovery_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/recovery_pages.h"
#include "copy/recovery_program.h"
#include "copy/recovery_scripts.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/runbooks.h"
#include "escrow/trust.h"
#include "text/enc.h"

static const char TRUSTED[] = "keymuster recovery 1";
static const char SUMS[] = "SHA256SUMS";
static const char *const pages[] = {"START-HERE.md", "KEYS.txt"};

enum { FILE_MOST = 64 * 1024 * 1024, PAGES = sizeof pages / sizeof pages[0], NAME_MOST = 96 };

/* ---- what is laid there ---- */

/* A file that only another program or another entry changes. */
struct laid {
    char name[NAME_MOST]; /* below recovery/ */
    struct buf text;
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

int
recovery_files_due(const struct store *store, struct copy *copy, int every)
{
    struct list l;
    struct err scratch = ERR_INIT;
    int due = 0;
    for (size_t i = 0; !due && i < PAGES; i++)
        due = is_due(store, copy, pages[i], NULL);
    if (list_make(&l, store, &scratch) == RC_OK) {
        due = due || is_due(store, copy, SUMS, &l.sums);
        for (size_t i = 0; every && !due && i < l.count; i++)
            due = is_due(store, copy, l.files[i].name, &l.files[i].text);
    }
    list_release(&l);
    return due;
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

static enum rc
send_pages(struct store *store, struct copy *copy, const struct secret *key, struct err *err)
{
    struct buf text;
    buf_init(&text, FILE_MOST);
    enum rc rc = recovery_page_keys(store, &text, err);
    if (rc == RC_OK)
        rc = recovery_send(copy, key, "KEYS.txt", &text, err);
    buf_clear(&text);
    if (rc == RC_OK)
        rc = recovery_page_start(store, recovery_program_there(copy), &text, err);
    if (rc == RC_OK)
        rc = recovery_send(copy, key, "START-HERE.md", &text, err);
    buf_release(&text);
    return rc;
}

/* The sums last: they say that the files are there. */
static enum rc
send_laid(struct store *store, struct copy *copy, const struct secret *key, int every,
          struct err *err)
{
    struct list l;
    enum rc rc = list_make(&l, store, err);
    int due = rc == RC_OK && is_due(store, copy, SUMS, &l.sums);
    for (size_t i = 0; rc == RC_OK && (due || every) && i < l.count; i++) {
        if (is_due(store, copy, l.files[i].name, &l.files[i].text))
            rc = recovery_send(copy, key, l.files[i].name, &l.files[i].text, err);
    }
    if (rc == RC_OK && due)
        rc = recovery_send(copy, key, SUMS, &l.sums, err);
    list_release(&l);
    return rc;
}

enum rc
recovery_files_write(struct store *store, struct copy *copy, int every, struct err *err)
{
    struct secret *key = NULL;
    enum rc rc = store_sign_key(store, &key, err);
    if (rc == RC_OK)
        rc = send_pages(store, copy, key, err);
    if (rc == RC_OK)
        rc = send_laid(store, copy, key, every, err);
    secret_free(key);
    return rc;
}
