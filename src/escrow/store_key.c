/* author.key, and author.key.new while the store gets another one. */
#include "escrow/store_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escrow/log.h"
#include "escrow/store.h"
#include "sys/dir.h"
#include "sys/file.h"

#define KEY_NAME "author.key"
#define KEY_NEW "author.key.new"

enum rc
key_file_write(const char *path, const struct secret *key, struct err *err)
{
    struct secret *file = NULL;
    enum rc rc = secret_new(&file, err);
    if (rc == RC_OK)
        rc = sign_key_write(file, key, err);
    if (rc == RC_OK)
        rc = file_replace(path, file->bytes, file->len, 0600, err);
    secret_free(file);
    return rc;
}

static enum rc
key_file_read(const char *path, struct secret **out, struct sign_public *pub, struct err *err)
{
    struct secret *file = NULL;
    *out = NULL;
    struct stat st;
    /* Without waiting: it may be a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno == ENOENT || errno == ELOOP ? RC_STORE_CORRUPT : RC_IO,
                         "opening %s", path);
    enum rc rc = RC_OK;
    if (fstat(fd, &st) != 0)
        rc = err_errno(err, RC_IO, "looking at %s", path);
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, RC_STORE_CORRUPT, "%s is not a regular file", path);
    if (rc == RC_OK)
        rc = file_check_private(fd, path, err);
    if (rc == RC_OK)
        rc = secret_new(&file, err);
    if (rc == RC_OK)
        rc = file_read_secret(file, fd, path, err);
    if (rc == RC_OK)
        rc = sign_key_read(out, pub, file, err);
    secret_free(file);
    (void)close(fd);
    return rc;
}

/* The key in one of the two files, if it is this author's. */
static enum rc
own_key(const struct store *store, const char *name, struct secret **out, struct err *err)
{
    char path[PATH_SIZE];
    struct sign_public pub;
    *out = NULL;
    enum rc rc = path_join(path, store->dir, name, err);
    if (rc == RC_OK)
        rc = key_file_read(path, out, &pub, err);
    if (rc == RC_OK && strcmp(pub.author, store->self.author) != 0) {
        secret_free(*out);
        *out = NULL;
        rc = err_set(err, RC_STORE_CORRUPT, "%s is the key of author %s; this store is author %s",
                     path, pub.author, store->self.author);
    }
    return rc;
}

/* The key in the first file, else in the second. That one could not be read comes before that the
 * other one is not this author's. */
static enum rc
either_key(const struct store *store, const char *first, const char *second, struct secret **out,
           int *in_first, struct err *err)
{
    struct err why = ERR_INIT;
    enum rc former = own_key(store, first, out, &why);
    *in_first = former == RC_OK;
    if (former == RC_OK)
        return RC_OK;
    enum rc rc = own_key(store, second, out, err);
    if (rc == RC_OK || (rc != RC_STORE_CORRUPT && former == RC_STORE_CORRUPT))
        return rc;
    *err = why;
    return former;
}

/* A reader may come between the two steps of another key for the store. */
enum rc
store_sign_key(const struct store *store, struct secret **out, struct err *err)
{
    int in_first = 0;
    return either_key(store, KEY_NAME, KEY_NEW, out, &in_first, err);
}

/* ---- another key ---- */

enum rc
store_become(struct store *store, const struct sign_public *pub, struct err *err)
{
    enum rc rc = store_meta_set(store, "self", pub->text, err);
    if (rc == RC_OK)
        store->self = *pub;
    store->trust_dirty = 1;
    return rc;
}

enum rc
store_take_key(struct store *store, const struct secret *key, const struct sign_public *pub,
               struct err *err)
{
    char path[PATH_SIZE];
    enum rc rc = path_join(path, store->dir, KEY_NAME, err);
    if (rc == RC_OK)
        rc = key_file_write(path, key, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = store_become(store, pub, err);
    return log_finish(store, rc, err);
}

enum rc
store_stage_key(struct store *store, const struct secret *key, struct err *err)
{
    char path[PATH_SIZE];
    enum rc rc = path_join(path, store->dir, KEY_NEW, err);
    return rc == RC_OK ? key_file_write(path, key, err) : rc;
}

/* Zeros over the bytes of a key that nobody needs any more. A file system that copies on writing,
 * or a disk that moves blocks about, may keep the old ones all the same. */
static enum rc
wipe(const char *path, struct err *err)
{
    static const char zeros[SECRET_SLOT];
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0)
        return err_errno(err, RC_IO, "opening %s", path);
    off_t size = lseek(fd, 0, SEEK_END);
    enum rc rc = RC_OK;
    if (size < 0 || size > SECRET_SLOT || lseek(fd, 0, SEEK_SET) != 0)
        rc = err_set(err, RC_IO, "%s is no key file", path);
    if (rc == RC_OK)
        rc = file_write_fd(fd, zeros, (size_t)size, path, err);
    if (rc == RC_OK && fsync(fd) != 0)
        rc = err_errno(err, RC_IO, "syncing %s", path);
    (void)close(fd); /* was synced, or failed before */
    return rc;
}

/* Which of the two is this author's key. Neither may go unless the other was read and is it. */
static enum rc
decide(const struct store *store, int *decided, struct err *err)
{
    struct secret *key = NULL;
    enum rc rc = either_key(store, KEY_NEW, KEY_NAME, &key, decided, err);
    secret_free(key);
    return rc;
}

/* The writer's lock is held, so nobody is between staging a key and deciding. */
static enum rc
settle(struct store *store, const char *path, const char *fresh, struct err *err)
{
    int decided = 0;
    if (file_exists(fresh) != 1)
        return RC_OK;
    enum rc rc = decide(store, &decided, err);
    if (rc == RC_OK)
        rc = wipe(decided ? path : fresh, err);
    if (rc == RC_OK && (decided ? rename(fresh, path) : unlink(fresh)) != 0)
        rc = err_errno(err, RC_IO, "putting %s in its place", fresh);
    return rc == RC_OK ? dir_sync(store->dir, err) : rc;
}

enum rc
store_settle_key(struct store *store, struct err *err)
{
    char path[PATH_SIZE];
    char fresh[PATH_SIZE];
    enum rc rc = path_join(path, store->dir, KEY_NAME, err);
    if (rc == RC_OK)
        rc = path_join(fresh, store->dir, KEY_NEW, err);
    if (rc != RC_OK || file_exists(fresh) != 1)
        return rc;
    rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = settle(store, path, fresh, err);
    log_rollback(store);
    return rc;
}

/* ---- a key that leaves ---- */

enum rc
key_file_make(const char *path, const struct secret *passphrase, struct sign_public *pub,
              struct err *err)
{
    struct secret *key = NULL;
    struct secret *file = NULL;
    enum rc rc = sign_generate(&key, pub, err);
    if (rc == RC_OK)
        rc = secret_new(&file, err);
    if (rc == RC_OK)
        rc = sign_key_seal(file, key, passphrase, err);
    secret_free(key);
    if (rc == RC_OK)
        rc = file_create_once(path, file->bytes, file->len, 0600, err);
    secret_free(file);
    return rc;
}
