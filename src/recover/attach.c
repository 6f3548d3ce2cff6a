#include "recover/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "copy/held.h"
#include "copy/publish.h"
#include "escrow/log.h"
#include "sys/dir.h"
#include "sys/file.h"

/* ---- which folder ---- */

static int
has_file(const char *dir, const char *name)
{
    char path[PATH_SIZE];
    struct err none = ERR_INIT;
    return path_join(path, dir, name, &none) == RC_OK && file_exists(path) == 1;
}

struct looking {
    const char *dir;
    char *found;
    size_t count;
};

static enum rc
look_into(void *arg, const char *name, struct err *err)
{
    struct looking *l = arg;
    char path[PATH_SIZE];
    enum rc rc = path_join(path, l->dir, name, err);
    if (rc == RC_OK && has_file(path, "escrow.db")) {
        memcpy(l->found, path, sizeof path);
        l->count++;
    }
    return rc;
}

static enum rc
nothing_there(const char *dir, size_t count, struct err *err)
{
    if (count > 1) {
        (void)err_set(err, RC_AMBIGUOUS, "there are %zu stores in %s", count, dir);
        return err_hint(err, "say which: name its folder, the one with escrow.db in it");
    }
    (void)err_set(err, RC_NO_STORE, "no store in %s", dir);
    if (has_file(dir, "escrow.json")) {
        (void)err_why(err, "it is a copy of an escrow: no store of evidence");
        return err_hint(err, "take in what it has: keymuster copy set NAME %s; keymuster sync NAME",
                        dir);
    }
    return err_hint(err, "name the folder that --evidence named, or that the command with --from "
                         "said its records are kept in: the one with escrow.db");
}

/* The folder itself, or the place below it where --from keeps this escrow's, or the only store
 * directly in it: a disk onto which it was copied. */
static enum rc
find_store(char out[PATH_SIZE], const char *dir, const char *escrow, struct err *err)
{
    static const char *const below[] = {"keymuster/recover/", "recover/", ""};
    char name[sizeof "keymuster/recover/" + AUTHOR_TEXT];
    struct looking l = {.dir = dir, .found = out};
    if (has_file(dir, "escrow.db")) {
        (void)snprintf(out, PATH_SIZE, "%s", dir);
        return RC_OK;
    }
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", below[i], escrow);
        enum rc rc = path_join(out, dir, name, err);
        if (rc != RC_OK || has_file(out, "escrow.db"))
            return rc;
    }
    enum rc rc = dir_exists(dir) ? dir_each(dir, look_into, &l, err) : RC_OK;
    return rc == RC_OK && l.count != 1 ? nothing_there(dir, l.count, err) : rc;
}

static int
same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* ---- what it is ---- */

/* A folder that was not meant to be worked in: on a disk of others, or closed. */
static enum rc
cannot_open(enum rc rc, const char *dir, struct err *err)
{
    if (rc == RC_STORE_OWNER || rc == RC_STORE_OPEN || rc == RC_STORE_NETFS || rc == RC_READ_ONLY ||
        rc == RC_IO)
        (void)err_hint(err,
                       "or make a copy of the folder that is yours, and attach that: cp -r %s "
                       "NEW; chmod -R go-rwx NEW",
                       dir);
    return rc;
}

static enum rc
check_escrow(const struct store *store, const struct store *evidence, struct err *err)
{
    if (strcmp(store->escrow, evidence->escrow) == 0)
        return RC_OK;
    (void)err_set(err, RC_COPY_FOREIGN, "%s holds the records of another escrow", evidence->dir);
    (void)err_why(err, "it is of escrow %s \"%.100s\"; this store's is %s", evidence->escrow,
                  evidence->name, store->escrow);
    return err_hint(err, "attach it to a store of that escrow: -C DIR");
}

/* How many of its own entries no head of its author covers. */
static enum rc
count_unsigned(const struct store *evidence, int64_t *count, struct err *err)
{
    struct log_end end;
    struct mark newest = {.number = 0};
    enum rc rc = log_end(evidence, evidence->self.author, &end, err);
    if (rc == RC_OK)
        rc = held_newest(evidence, evidence->self.author, LIMIT_NUMBER, &newest, NULL, err);
    *count = rc == RC_OK && end.seq > newest.entries ? end.seq - newest.entries : 0;
    return rc;
}

/* Its author's key lies there, and nobody else can sign for it. */
static enum rc
sign_rest(const char *dir, struct err *err)
{
    struct store *evidence = NULL;
    int made = 0;
    enum rc rc = store_open(&evidence, dir, DB_WRITE, err);
    if (rc == RC_OK)
        rc = publish_prepare(evidence, &made, err);
    store_close(evidence);
    if (rc != RC_OK)
        (void)err_wrap(err, "signing what is not signed yet in %s", dir);
    return rc == RC_OK ? rc : cannot_open(rc, dir, err);
}

/* Open for reading, signed as far as it goes; *evidence NULL on failure. */
static enum rc
open_signed(struct store **evidence, const struct store *store, int dry, struct attached *out,
            struct err *err)
{
    enum rc rc = store_open(evidence, out->dir, DB_READ, err);
    if (rc != RC_OK)
        return cannot_open(rc, out->dir, err);
    memcpy(out->author, (*evidence)->self.author, sizeof out->author);
    rc = check_escrow(store, *evidence, err);
    if (rc == RC_OK)
        rc = count_unsigned(*evidence, &out->signed_now, err);
    if (rc == RC_OK && (out->signed_now == 0 || dry))
        return RC_OK;
    store_close(*evidence);
    *evidence = NULL;
    if (rc == RC_OK)
        rc = sign_rest(out->dir, err);
    return rc == RC_OK ? store_open(evidence, out->dir, DB_READ, err) : rc;
}

/* ---- attach ---- */

enum rc
attach_evidence(struct store *store, const char *dir, int dry, struct attached *out,
                struct err *err)
{
    char base[PATH_SIZE];
    struct store *evidence = NULL;
    struct copy copy = {.name = "evidence"}; /* without an id: no memory of what it once showed */
    memset(out, 0, sizeof *out);
    enum rc rc = path_absolute(base, dir, err);
    if (rc == RC_OK)
        rc = find_store(out->dir, base, store->escrow, err);
    if (rc == RC_OK && same_folder(out->dir, store->dir))
        rc = err_set(err, RC_USAGE, "%s is this store itself", out->dir);
    if (rc == RC_OK)
        rc = open_signed(&evidence, store, dry, out, err);
    if (rc == RC_OK)
        rc = remote_of_store(&copy.remote, evidence, err);
    if (rc == RC_OK) {
        rc = pull_evidence(store, &copy, out->author, dry ? PULL_DRY : PULL_STORE, &out->report,
                           err);
        if (rc != RC_OK)
            (void)err_wrap(err, "%s", out->dir);
    }
    copy_close(&copy);
    store_close(evidence);
    return rc;
}
