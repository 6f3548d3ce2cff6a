#include "escrow/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/settle.h"
#include "escrow/store_key.h"
#include "sys/dir.h"
#include "sys/env.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"

static const char conf_template[] = "# keymuster.conf: this machine's own bindings. Policy is not "
                                    "here but in the log, so that all sites judge alike.\n"
                                    "# A credential is never written here, only where it is: "
                                    "file:PATH, command:ARGV, credential:NAME, env:NAME, prompt.\n";

/* Sections and keys that may stand in keymuster.conf. */
static const struct ini_rule conf_rules[] = {
    {"store", 0, "export"}, /* what it was told, and nothing else, before its first copy */
    {"notify", 0, "command"},
    {"network", 0, "proxy"},
    {"network", 0, "connections"},
    {"kms", 1, "credential"},
    {"kms", 1, "file"},
    {"kms", 1, "uuid"},
    {"kms", 1, "endpoint"},
    {"kms", 1, "iam"},
    {"kms", 1, "ca"},
    {"copy", 1, "url"},
    {"copy", 1, "id"},
    {"copy", 1, "credential"},
    {"copy", 1, "every"},
    {"copy", 1, "removable"},
    {"copy", 1, "program"},
    {"copy", 1, "known-hosts"},
    {"copy", 1, "host-key"},
    {"copy", 1, "endpoint"},
    {"copy", 1, "region"},
    {"copy", 1, "ca"},
    {"copy", 1, "proxy"},
    {"copy", 1, "iam"},
    {"copy", 1, "proxy-credential"},
    {"vbr", 1, "endpoint"},
    {"vbr", 1, "credential"},
    {"vbr", 1, "ca"},
    {"vbr", 1, "pin"},
    {"vbr", 1, "uuid"},
    {NULL, 0, NULL},
};

enum rc
store_default_dir(char out[PATH_SIZE], struct err *err)
{
    const char *data = env_get("XDG_DATA_HOME");
    const char *home = env_get("HOME");
    if (data != NULL && data[0] == '/')
        return path_join(out, data, "keymuster", err);
    if (geteuid() == 0)
        return path_join(out, "/var/lib", "keymuster", err);
    if (home == NULL || home[0] != '/')
        return err_set(
            err, RC_NO_STORE,
            "no store named, and neither HOME nor XDG_DATA_HOME says where one would be");
    return path_join(out, home, ".local/share/keymuster", err);
}

void
escrow_id(char out[AUTHOR_TEXT + 1], const struct sign_public *founder)
{
    static const char label[] = "keymuster escrow 1"; /* hashed with its zero byte */
    struct sha256_state s;
    unsigned char hash[HASH_SIZE];
    sha256_begin(&s);
    sha256_more(&s, label, sizeof label);
    sha256_more(&s, founder->key, SIGN_PUBLIC_SIZE);
    sha256_end(&s, hash);
    hex_encode(out, hash, 16);
}

/* What would count for nothing if it were misspelt: a copy that never becomes due. */
static enum rc
check_values(const struct ini *conf, struct err *err)
{
    static const char *const switches[] = {"removable", "program"};
    const char *name;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && (name = ini_name_at(conf, "copy", i)) != NULL; i++) {
        int64_t ms;
        const char *every = ini_get(conf, "copy", name, "every");
        if (every != NULL && duration_parse(&ms, every, "every", err) != RC_OK)
            rc = err->code = RC_CONFIG;
        for (size_t n = 0; rc == RC_OK && n < sizeof switches / sizeof switches[0]; n++) {
            const char *value = ini_get(conf, "copy", name, switches[n]);
            if (value == NULL || strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
                continue;
            (void)err_set(err, RC_CONFIG, "%s: %.40s is neither yes nor no", switches[n], value);
            rc = err_hint(err, "write yes, or no, or leave it out");
        }
        if (rc != RC_OK)
            rc = err_wrap(err, "keymuster.conf, [copy \"%.64s\"]", name);
    }
    return rc;
}

/* ---- configuration ---- */

static enum rc
conf_load(struct store *store, struct err *err)
{
    char path[PATH_SIZE];
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = path_join(path, store->dir, "keymuster.conf", err);
    if (rc == RC_OK)
        rc = file_read(&text, path, err);
    if (rc == RC_NOT_FOUND)
        rc = RC_OK; /* an empty configuration is a configuration */
    struct ini *conf = NULL;
    if (rc == RC_OK)
        rc = ini_parse(&conf, buf_str(&text), text.len, path, err);
    if (rc == RC_OK && ini_get(conf, "store", NULL, "site") != NULL) {
        (void)err_set(err, RC_CONFIG, "%s: unknown key \"site\" in [store]", path);
        rc = err_hint(err, "take the line out; at which site this store stands is in the log, which "
                           "init and join wrote: keymuster site list");
    }
    if (rc == RC_OK)
        rc = ini_check(conf, conf_rules, err);
    if (rc == RC_OK)
        rc = check_values(conf, err);
    if (rc == RC_OK) {
        ini_free(store->conf);
        store->conf = conf;
    } else {
        ini_free(conf);
    }
    buf_release(&text);
    return rc;
}

const char *
store_conf(const struct store *store, const char *section, const char *name, const char *key)
{
    return ini_get(store->conf, section, name, key);
}

enum rc
store_conf_set(struct store *store, const char *section, const char *name, const char *key,
               const char *value, struct err *err)
{
    char path[PATH_SIZE];
    struct buf old;
    struct buf new;
    buf_init(&old, LIMIT_SMALL_FILE);
    buf_init(&new, LIMIT_SMALL_FILE);
    enum rc rc = path_join(path, store->dir, "keymuster.conf", err);
    if (rc == RC_OK)
        rc = file_read(&old, path, err);
    if (rc == RC_NOT_FOUND) {
        buf_adds(&old, conf_template);
        rc = RC_OK;
    }
    if (rc == RC_OK)
        rc = ini_edit(&new, buf_str(&old), section, name, key, value, err);
    if (rc == RC_OK)
        rc = buf_check(&new, path, err);
    if (rc == RC_OK)
        rc = file_replace(path, buf_str(&new), new.len, 0600, err);
    if (rc == RC_OK)
        rc = conf_load(store, err);
    buf_release(&old);
    buf_release(&new);
    return rc;
}

/* ---- local values ---- */

enum rc
store_meta(const struct store *store, const char *name, struct buf *out, struct err *err)
{
    buf_clear(out);
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, "SELECT value FROM meta WHERE name = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, name);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        buf_adds(out, col_text(q, 0));
    stmt_done(q);
    return rc == RC_OK ? buf_check(out, name, err) : rc;
}

enum rc
store_meta_set(struct store *store, const char *name, const char *value, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO "
                          "UPDATE SET value = ?2",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, name);
    stmt_text(q, 2, value);
    return stmt_run(q, err);
}

static enum rc
load_meta(struct store *store, int *current, struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = store_meta(store, "founder", &v, err);
    if (rc == RC_OK && sign_public_parse(&store->founder, buf_str(&v)) != 0)
        rc = err_set(err, RC_STORE_CORRUPT, "the founder's key in %s is malformed", store->dir);
    if (rc == RC_OK)
        rc = store_meta(store, "self", &v, err);
    if (rc == RC_OK && sign_public_parse(&store->self, buf_str(&v)) != 0)
        rc = err_set(err, RC_STORE_CORRUPT, "the author's key in %s is malformed", store->dir);
    if (rc == RC_OK)
        rc = store_meta(store, "name", &v, err);
    if (rc == RC_OK) {
        (void)snprintf(store->name, sizeof store->name, "%s", buf_str(&v));
        rc = store_meta(store, "site", &v, err);
    }
    if (rc == RC_OK) {
        (void)snprintf(store->site, sizeof store->site, "%s", buf_str(&v));
        rc = store_meta(store, "apply_version", &v, err);
    }
    *current = strcmp(buf_str(&v), APPLY_VERSION) == 0;
    escrow_id(store->escrow, &store->founder);
    buf_release(&v);
    return rc;
}

/* ---- opening ---- */

static enum rc
others_write(const char *path, struct err *err)
{
    (void)err_set(err, RC_STORE_OPEN, "other users can write to %s", path);
    return err_hint(err, "close it: chmod go-w %s\nthen look at what it says: keymuster verify",
                    path);
}

/* keymuster.conf says where credentials go. */
static enum rc
check_conf(const char *dir, struct err *err)
{
    struct stat st;
    char path[PATH_SIZE];
    enum rc rc = path_join(path, dir, "keymuster.conf", err);
    if (rc != RC_OK)
        return rc;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return RC_OK; /* reading it says so */
    if (st.st_uid != geteuid())
        return err_set(err, RC_STORE_OWNER, "%s belongs to another user (number %u)", path,
                       (unsigned)st.st_uid);
    return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? RC_OK : others_write(path, err);
}

static enum rc
check_place(const char *dir, struct err *err)
{
    const char *type = NULL;
    if (fs_is_network(dir, &type)) {
        (void)err_set(err, RC_STORE_NETFS, "the store %s lies on a network file system (%s)", dir,
                      type);
        (void)err_why(err, "locks and syncs are not reliable there, and a database can be lost");
        return err_hint(
            err, "keep the store on a local disk and make the share a copy: keymuster copy add");
    }
    struct stat st;
    if (stat(dir, &st) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return err_errno(err, RC_IO, "looking at %s", dir);
        (void)err_set(err, RC_NO_STORE, "no store at %s", dir);
        return err_hint(
            err, "make one: keymuster init --site NAME\nor name another: -C DIR, KEYMUSTER_STORE");
    }
    if (st.st_uid != geteuid()) {
        (void)err_set(err, RC_STORE_OWNER, "the store %s belongs to another user (number %u)", dir,
                      (unsigned)st.st_uid);
        return err_hint(err, "run it as that user: sudo -u '#%u' keymuster ...",
                        (unsigned)st.st_uid);
    }
    return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? check_conf(dir, err) : others_write(dir, err);
}

static enum rc
rebuild(struct store *store, struct err *err)
{
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = apply_rebuild(store, err);
    if (rc == RC_OK)
        rc = store_meta_set(store, "apply_version", APPLY_VERSION, err);
    return log_finish(store, rc, err);
}

/* For a reader, too: what it reads has to fit this program. Where nothing can be written, it reads
 * what is there. */
static enum rc
rebuild_if_older(struct store *store, int current, struct err *err)
{
    struct err scratch = ERR_INIT;
    if (current)
        return RC_OK;
    if (store->flags == DB_WRITE)
        return rebuild(store, err);
    err_ignore(rebuild(store, &scratch));
    return RC_OK;
}

static enum rc
open_in(struct store **out, const char *dir, enum db_flags flags, struct err *err)
{
    *out = NULL;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return err_nomem(err);
    store->lock_fd = -1;
    store->flags = flags;
    char path[PATH_SIZE];
    int current = 0;
    enum rc rc = path_absolute(store->dir, dir, err);
    if (rc == RC_OK)
        rc = path_join(path, store->dir, "escrow.db", err);
    if (rc == RC_OK)
        rc = db_open(&store->db, path, flags, STORE_WAIT_MS, err);
    if (rc == RC_OK)
        rc = load_meta(store, &current, err);
    if (rc == RC_OK)
        rc = conf_load(store, err);
    if (rc == RC_OK)
        rc = rebuild_if_older(store, current, err);
    if (rc == RC_OK && flags == DB_WRITE)
        rc = store_settle_key(store, err);
    if (rc != RC_OK) {
        store_close(store);
        return rc;
    }
    *out = store;
    return RC_OK;
}

enum rc
store_open(struct store **out, const char *dir, enum db_flags flags, struct err *err)
{
    *out = NULL;
    enum rc rc = check_place(dir, err);
    if (rc == RC_OK)
        rc = open_in(out, dir, flags, err);
    if (rc == RC_NO_STORE && err->hint[0] == '\0')
        (void)err_hint(
            err, "make one: keymuster init --site NAME\nor name another: -C DIR, KEYMUSTER_STORE");
    return rc;
}

void
store_let_go(struct store *store)
{
    db_let_go(store->db);
}

enum rc
store_reopen(struct store *store, struct err *err)
{
    return db_reopen(store->db, STORE_WAIT_MS, err);
}

void
store_close(struct store *store)
{
    if (store == NULL)
        return;
    log_rollback(store);
    db_close(store->db);
    ini_free(store->conf);
    free(store);
}

/* ---- making ---- */

static enum rc
write_key(const char *dir, struct sign_public *pub, struct err *err)
{
    struct secret *key = NULL;
    char path[PATH_SIZE];
    enum rc rc = sign_generate(&key, pub, err);
    if (rc == RC_OK)
        rc = path_join(path, dir, "author.key", err);
    if (rc == RC_OK)
        rc = key_file_write(path, key, err);
    secret_free(key);
    return rc;
}

static enum rc
fill_new(const char *dir, const struct sign_public *founder, const char *name, struct err *err)
{
    struct sign_public self;
    char path[PATH_SIZE];
    struct store bare = {.lock_fd = -1};
    enum rc rc = write_key(dir, &self, err);
    if (rc == RC_OK)
        rc = path_join(path, dir, "keymuster.conf", err);
    if (rc == RC_OK)
        rc = file_create_once(path, conf_template, sizeof conf_template - 1, 0600, err);
    if (rc == RC_OK)
        rc = path_join(path, dir, "escrow.db", err);
    if (rc == RC_OK)
        rc = db_create(&bare.db, path, err);
    if (rc == RC_OK)
        rc = db_begin(bare.db, err);
    if (rc == RC_OK)
        rc = store_meta_set(&bare, "self", self.text, err);
    if (rc == RC_OK)
        rc = store_meta_set(&bare, "founder", founder != NULL ? founder->text : self.text, err);
    if (rc == RC_OK)
        rc = store_meta_set(&bare, "name", name, err);
    if (rc == RC_OK)
        rc = store_meta_set(&bare, "site", "", err);
    if (rc == RC_OK)
        rc = store_meta_set(&bare, "apply_version", APPLY_VERSION, err);
    if (rc == RC_OK)
        rc = db_commit(bare.db, err);
    db_close(bare.db);
    return rc;
}

/* A folder that is there already may only be an empty one. */
static enum rc
check_free(const char *dir, struct err *err)
{
    int there = file_exists(dir);
    if (there == 0)
        return RC_OK;
    if (there < 0)
        return err_errno(err, RC_IO, "looking at %s", dir);
    char path[PATH_SIZE];
    enum rc rc = path_join(path, dir, "escrow.db", err);
    if (rc != RC_OK)
        return rc;
    if (file_exists(path) == 1) {
        (void)err_set(err, RC_STORE_EXISTS, "a store is there already: %s", dir);
        return err_hint(err, "look at it: keymuster -C %s status\nor choose another folder: -C DIR",
                        dir);
    }
    if (rmdir(dir) == 0)
        return RC_OK; /* it was empty */
    if (errno == ENOTDIR || errno == ENOTEMPTY || errno == EEXIST)
        return err_set(err, RC_STORE_EXISTS, "%s is there already and is not empty", dir);
    return err_errno(err, RC_IO, "using the folder %s", dir);
}

static enum rc
parent_of(char out[PATH_SIZE], const char *dir, struct err *err)
{
    enum rc rc = path_absolute(out, dir, err);
    if (rc != RC_OK)
        return rc;
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return err_set(err, RC_BAD_VALUE, "%s is no folder name", dir);
    slash[slash == out] = '\0';
    return RC_OK;
}

static enum rc
remove_one(void *arg, const char *name, struct err *err)
{
    char path[PATH_SIZE];
    enum rc rc = path_join(path, arg, name, err);
    if (rc == RC_OK && unlink(path) != 0)
        rc = err_errno(err, RC_IO, "removing %s", path);
    return rc;
}

/* Removes a half-made store: flat, only our own files in it. */
static void
remove_dir(char *dir)
{
    struct err scratch = ERR_INIT;
    err_ignore(dir_each(dir, remove_one, dir, &scratch)); /* a leftover folder does no harm */
    (void)rmdir(dir);
}

enum rc
store_create(struct store **out, const char *dir, const struct sign_public *founder,
             const char *name, struct err *err)
{
    *out = NULL;
    char parent[PATH_SIZE];
    char temp[PATH_SIZE + 32];
    const char *type = NULL;
    enum rc rc = check_free(dir, err);
    if (rc == RC_OK)
        rc = parent_of(parent, dir, err);
    if (rc == RC_OK)
        rc = dir_make(parent, 0700, err);
    if (rc == RC_OK && fs_is_network(parent, &type))
        rc = check_place(parent, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(temp, sizeof temp, "%s/.keymuster-new-XXXXXX", parent);
    if (strlen(temp) >= PATH_SIZE)
        return err_set(err, RC_BAD_VALUE, "the path %s is too long", dir);
    if (mkdtemp(temp) == NULL)
        return err_errno(err, RC_IO, "making a folder in %s", parent);
    rc = fill_new(temp, founder, name, err);
    if (rc == RC_OK)
        rc = open_in(out, temp, DB_WRITE, err);
    if (rc != RC_OK)
        remove_dir(temp);
    return rc;
}

enum rc
store_place(struct store **store, const char *dir, struct err *err)
{
    char temp[PATH_SIZE];
    char parent[PATH_SIZE];
    (void)snprintf(temp, sizeof temp, "%s", (*store)->dir);
    store_close(*store);
    *store = NULL;
    enum rc rc = dir_sync(temp, err);
    if (rc == RC_OK)
        rc = check_free(dir, err);
    if (rc == RC_OK && rename(temp, dir) != 0)
        rc = err_errno(err, RC_IO, "moving the new store to %s", dir);
    if (rc != RC_OK) {
        remove_dir(temp);
        return rc;
    }
    rc = parent_of(parent, dir, err);
    if (rc == RC_OK)
        rc = dir_sync(parent, err);
    return rc == RC_OK ? store_open(store, dir, DB_WRITE, err) : rc;
}

void
store_discard(struct store *store)
{
    if (store == NULL)
        return;
    char dir[PATH_SIZE];
    (void)snprintf(dir, sizeof dir, "%s", store->dir);
    store_close(store);
    remove_dir(dir);
}
