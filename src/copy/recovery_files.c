#include "copy/recovery_laid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/recovery_scripts.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/runbooks.h"
#include "escrow/trust.h"
#include "text/enc.h"

const char *const recovery_pages[RECOVERY_PAGES_COUNT] = {"START-HERE.md", "KEYS.txt"};

/* ---- what is laid there ---- */

void
laid_release(struct laid_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        buf_release(&l->files[i].text);
    free(l->files);
    buf_release(&l->sums);
}

static struct laid *
find_laid(const struct laid_list *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->files[i].name, name) == 0)
            return &l->files[i];
    }
    return NULL;
}

static enum rc
lay(struct laid_list *l, const char *name, const char *text, size_t len, struct err *err)
{
    struct laid *f = find_laid(l, name);
    if (f == NULL) {
        struct laid *more = realloc(l->files, (l->count + 1) * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        l->files = more;
        f = &more[l->count++];
        f->due = 0;
        buf_init(&f->text, RECOVERY_FILE_MOST);
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
    char name[RECOVERY_NAME];
    (void)snprintf(name, sizeof name, "runbooks/%s.md", r->name);
    return lay(arg, name, r->text, strlen(r->text), err);
}

enum rc
laid_make(struct laid_list *l, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    *l = (struct laid_list){NULL, 0, {0}};
    buf_init(&l->sums, RECOVERY_FILE_MOST);
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
    return rc == RC_OK ? buf_check(&l->sums, RECOVERY_SUMS, err) : rc;
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
    struct err other = ERR_INIT;
    enum rc rc = trust_of(j->store, author->author, &trust, err);
    if (rc != RC_OK || !trust_accepted(&trust) || sign_public_parse(&pub, author->public_key) != 0)
        return rc;
    rc = sign_verify(&pub, RECOVERY_TRUSTED, buf_str(&j->text), j->text.len, buf_str(&j->sig),
                     j->sig.len, "", &other);
    j->good |= rc == RC_OK;
    return rc == RC_NO_MEMORY ? err_nomem(err) : RC_OK;
}

static int
is_same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0;
}

enum rc
recovery_look(const struct store *store, struct copy *copy, const char *name,
              const struct buf *wanted, enum recovery_state *state, struct err *err)
{
    struct judging j = {.store = store};
    char path[RECOVERY_NAME + 32];
    *state = RECOVERY_GOOD;
    buf_init(&j.text, RECOVERY_FILE_MOST);
    buf_init(&j.sig, RECOVERY_FILE_MOST);
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

enum rc
recovery_files_each(const struct store *store, struct copy *copy, recovery_fn fn, void *arg,
                    struct err *err)
{
    struct laid_list l;
    enum recovery_state state;
    enum rc rc = laid_make(&l, store, err);
    for (size_t i = 0; rc == RC_OK && i < RECOVERY_PAGES_COUNT; i++) {
        rc = recovery_look(store, copy, recovery_pages[i], NULL, &state, err);
        if (rc == RC_OK)
            rc = fn(arg, recovery_pages[i], state, err);
    }
    for (size_t i = 0; rc == RC_OK && i < l.count; i++) {
        rc = recovery_look(store, copy, l.files[i].name, &l.files[i].text, &state, err);
        if (rc == RC_OK)
            rc = fn(arg, l.files[i].name, state, err);
    }
    if (rc == RC_OK)
        rc = recovery_look(store, copy, RECOVERY_SUMS, &l.sums, &state, err);
    if (rc == RC_OK)
        rc = fn(arg, RECOVERY_SUMS, state, err);
    laid_release(&l);
    return rc;
}
