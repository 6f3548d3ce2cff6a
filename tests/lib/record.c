/*
 * Linked to the very objects of keymuster (tests/recorded/keymuster), with `--wrap=write`: keeps a
 * copy of every JSON message of its own that it writes, wherever to, in a file of the folder that
 * KM_RECORD names. cli/schemas.bats judges them.
 *
 * A message begins a write or a line with {"schema":"keymuster. and ends where its object does, so
 * nothing else is ever kept: a secret has no such beginning. One that was given up (its reader went
 * away) ends with CAN, or with nothing. A file for each process and descriptor, since a message may
 * come in pieces. Without KM_RECORD nothing happens; what cannot be kept is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char begins[] = "{\"schema\":\"keymuster.";
enum { FDS = 256 };

/* Where in a message this descriptor is: depth 0 outside. */
static struct {
    unsigned depth;
    int in_text, escaped;
} at[FDS];
static char folder[512];
static long long began; /* numbers of processes come again */

ssize_t __real_write(int fd, const void *bytes, size_t len); /* the linker's names */
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

/* Before main, which empties the environment. */
__attribute__((constructor)) static void
remember_folder(void)
{
    struct timespec now = {0, 0};
    const char *dir = getenv("KM_RECORD");
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    began = (long long)now.tv_sec * 1000000000 + now.tv_nsec;
    (void)snprintf(folder, sizeof folder, "%s", dir == NULL ? "" : dir);
}

/* How many of these bytes belong to the message. */
static size_t
message_length(int fd, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (at[fd].escaped)
            at[fd].escaped = 0;
        else if (at[fd].in_text)
            at[fd].escaped = c == '\\', at[fd].in_text = c != '"';
        else if (c == '"')
            at[fd].in_text = 1;
        else if (c == '{')
            at[fd].depth++;
        else if (c == '}' && --at[fd].depth == 0)
            return i + 1;
    }
    return len;
}

static int
begins_here(const char *bytes, size_t len)
{
    return len >= sizeof begins - 1 && memcmp(bytes, begins, sizeof begins - 1) == 0;
}

static int
record_open(int fd)
{
    char path[600];
    struct rlimit limit;
    /* A test that limits the size of files means those of keymuster. */
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY)
        return -1;
    (void)snprintf(path, sizeof path, "%s/%ld.%lld.%d", folder, (long)getpid(), began, fd);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void
record(int fd, const char *bytes, size_t len)
{
    int out = -1;
    if (begins_here(bytes, len) && at[fd].depth > 0) {
        memset(&at[fd], 0, sizeof at[fd]);
        out = record_open(fd);
        if (out >= 0 && __real_write(out, "\030\n", 2) != 2)
            len = 0;
    }
    while (len > 0) {
        if (at[fd].depth > 0 || begins_here(bytes, len)) {
            size_t n = message_length(fd, bytes, len);
            if (out < 0)
                out = record_open(fd);
            if (out < 0 || __real_write(out, bytes, n) != (ssize_t)n ||
                (at[fd].depth == 0 && __real_write(out, "\n", 1) != 1))
                break;
            bytes += n;
            len -= n;
        }
        const char *end = memchr(bytes, '\n', len);
        if (end == NULL)
            break;
        len -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    if (out >= 0)
        (void)close(out); /* what is missing there, the judge misses */
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t len)
{
    ssize_t n = __real_write(fd, bytes, len);
    int cause = errno;
    if (folder[0] != '\0' && fd >= 0 && fd < FDS && n > 0)
        record(fd, bytes, (size_t)n);
    errno = cause;
    return n;
}
