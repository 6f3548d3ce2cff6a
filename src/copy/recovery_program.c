#include "copy/recovery_program.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/recovery_files.h"
#include "crypt/hash.h"
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

int
recovery_program_there(struct copy *copy)
{
    return (look(copy) & 1U) != 0;
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

enum rc
recovery_program_write(struct store *store, struct copy *copy, int *written, struct err *err)
{
    char hash[HASH_TEXT + 1];
    struct buf program, line;
    struct secret *key = NULL;
    *written = 0;
    if (!is_wanted(store, copy))
        return RC_OK;
    buf_init(&program, PROGRAM_MOST);
    buf_init(&line, 256);
    enum rc rc = read_own(&program, err);
    if (rc != RC_OK)
        goto out;
    sha256_hex(hash, buf_str(&program), program.len);
    buf_addf(&line, "%s  keymuster\n", hash);
    if (is_current(copy, &line))
        goto out;
    rc = store_sign_key(store, &key, err);
    if (rc == RC_OK)
        rc = recovery_send(copy, key, "program/keymuster", &program, err);
    if (rc != RC_OK)
        goto out;
    make_executable(copy);
    rc = recovery_send(copy, key, "program/keymuster.sha256", &line, err);
    *written = rc == RC_OK;
out:
    secret_free(key);
    buf_release(&program);
    buf_release(&line);
    return rc;
}
