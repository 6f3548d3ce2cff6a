#include "copy/recovery_program.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/known.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { PROGRAM_MOST = 256 * 1024 * 1024, NAMES = 4 };

/* All that belongs there, sorted as a listing is. */
static const char *const names[NAMES] = {"keymuster", "keymuster.minisig", "keymuster.sha256",
                                         "keymuster.sha256.minisig"};

static int
is_wanted(const struct store *store, const struct copy *copy)
{
    const char *v = store_conf(store, "copy", copy->name, "program");
    return v != NULL && strcmp(v, "yes") == 0;
}

static enum rc
tick_off(void *arg, const char *name, struct err *err)
{
    unsigned *there = arg;
    (void)err;
    for (unsigned i = 0; i < NAMES; i++)
        *there |= strcmp(names[i], name) == 0 ? 1U << i : 0;
    return RC_OK;
}

/* A bit for each of names that lies there. */
static unsigned
look(struct copy *copy)
{
    unsigned there = 0;
    struct err scratch = ERR_INIT;
    return remote_list(copy->remote, "recovery/program", tick_off, &there, &scratch) == RC_OK
               ? there
               : 0;
}

static const char PROGRAM[] = "recovery/program";
static const char NO_PROGRAM[] = "none";

static enum rc
remember(struct store *store, struct copy *copy, const char *value, struct err *err)
{
    enum rc rc = log_begin(store, err);
    if (rc == RC_OK && value == NULL)
        rc = known_drop(store, copy->id, PROGRAM, err);
    else if (rc == RC_OK)
        rc = known_set(store, copy->id, PROGRAM, value, err);
    return log_finish(store, rc, err);
}

enum rc
recovery_program_there(struct store *store, struct copy *copy, enum recovery_flags flags,
                       int *there, struct err *err)
{
    struct known known;
    *there = 0;
    enum rc rc = known_get(store, copy->id, PROGRAM, &known, err);
    if (rc != RC_OK)
        return rc;
    *there = known.value[0] != '\0' && strcmp(known.value, NO_PROGRAM) != 0;
    if (known.value[0] != '\0' && (flags & RECOVERY_LOOK) == 0)
        return RC_OK;
    int seen = (look(copy) & 1U) != 0;
    int same = known.value[0] != '\0' && seen == *there;
    *there = seen;
    return same ? RC_OK : remember(store, copy, seen ? "another" : NO_PROGRAM, err);
}

/* All of it is there, and it was this program: told by its line, which is written last. */
static int
is_current(struct copy *copy, const struct buf *line)
{
    struct err scratch = ERR_INIT;
    struct buf there;
    if (look(copy) != (1U << NAMES) - 1)
        return 0;
    buf_init(&there, line->len);
    int same =
        remote_get(copy->remote, "recovery/program/keymuster.sha256", &there, &scratch) == RC_OK &&
        strcmp(buf_str(&there), buf_str(line)) == 0;
    buf_release(&there);
    return same;
}

/* Where a file system has modes. A place without them, such as a FAT disk, is as good. */
static void
make_executable(struct copy *copy)
{
    char path[PATH_SIZE];
    struct err scratch = ERR_INIT;
    int above = -1;
    const char *folder = remote_folder(copy->remote);
    if (folder == NULL ||
        dir_beneath(&above, path, folder, "recovery/program/keymuster", 0, &scratch) != RC_OK)
        return;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        (void)fchmod(fd, 0755);
        (void)close(fd); /* nothing was written through it */
    }
    (void)close(above);
}

/* What runs now, also when another file has been put in its place meanwhile. */
static enum rc
read_own(struct buf *out, struct err *err)
{
    static const char path[] = "/proc/self/exe";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, RC_IO, "opening %s", path);
    enum rc rc = file_read_fd(out, fd, "the program itself", err);
    (void)close(fd); /* only read from */
    return rc;
}

/* Stands for the program that runs: the file and when it was put there. */
static enum rc
own_print(char out[KNOWN_VALUE], struct err *err)
{
    static const char path[] = "/proc/self/exe";
    struct stat st;
    if (stat(path, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    (void)snprintf(out, KNOWN_VALUE, "%llx %llx %lld %lld.%ld", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino, (long long)st.st_size,
                   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return RC_OK;
}

static enum rc
send_program(struct store *store, struct copy *copy, const struct buf *program,
             const struct buf *line, struct err *err)
{
    struct secret *key = NULL;
    enum rc rc = remember(store, copy, NULL, err);
    if (rc == RC_OK)
        rc = store_sign_key(store, &key, err);
    if (rc == RC_OK)
        rc = recovery_send(copy, key, "program/keymuster", program, err);
    if (rc == RC_OK) {
        make_executable(copy);
        rc = recovery_send(copy, key, "program/keymuster.sha256", line, err);
    }
    secret_free(key);
    return rc;
}

enum rc
recovery_program_write(struct store *store, struct copy *copy, enum recovery_flags flags,
                       struct err *err)
{
    char own[KNOWN_VALUE];
    struct known known;
    struct buf program, line;
    if (!is_wanted(store, copy))
        return RC_OK;
    enum rc rc = own_print(own, err);
    if (rc == RC_OK)
        rc = known_get(store, copy->id, PROGRAM, &known, err);
    if (rc != RC_OK || ((flags & RECOVERY_LOOK) == 0 && strcmp(known.value, own) == 0))
        return rc;
    buf_init(&program, PROGRAM_MOST);
    buf_init(&line, 256);
    rc = read_own(&program, err);
    if (rc == RC_OK) {
        char hash[HASH_TEXT + 1];
        sha256_hex(hash, buf_str(&program), program.len);
        buf_addf(&line, "%s  keymuster\n", hash);
        if (!is_current(copy, &line))
            rc = send_program(store, copy, &program, &line, err);
    }
    if (rc == RC_OK && strcmp(known.value, own) != 0)
        rc = remember(store, copy, own, err);
    buf_release(&program);
    buf_release(&line);
    return rc;
}
