#define _GNU_SOURCE /* F_OFD_SETLK: belongs to the descriptor, and another host sees it over NFS   \
                     */
#include "sys/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plant.h"
#include "sys/process.h"

enum { HOLDER_TEXT = 96, PAUSE_MS = 50 };

/* For people only; so a failure (a full disk) does not matter, the lock is held all the same. */
static void
write_holder(int fd)
{
    char since[24] = "";
    time_t now = (time_t)(clock_now_ms() / 1000);
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL)
        (void)strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &tm);
    char text[HOLDER_TEXT];
    const struct actor *who = actor_get();
    int len = snprintf(text, sizeof text, "pid %ld since %s by %.32s\n", (long)getpid(), since,
                       who->login[0] != '\0' ? who->login : who->user);
    if (len > 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        (void)!ftruncate(fd, 0); /* rather nothing than a part */
}

static enum rc
busy(int fd, const char *path, struct err *err)
{
    char text[HOLDER_TEXT];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    for (char *c = text; *c != '\0'; c++) { /* it is a file: anybody may have written it */
        if (*c == '\n')
            *c = '\0';
        else if (*c < ' ' || *c > '~')
            *c = '?';
        if (*c == '\0')
            break;
    }
    enum rc rc = err_set(err, RC_STORE_BUSY, "%s is held by another process", path);
    if (text[0] != '\0')
        (void)err_why(err, "%s", text);
    (void)err_hint(err, "wait for it to end, then try again");
    return rc;
}

static enum rc
wait_for(int fd, const char *path, int64_t wait_ms, struct err *err)
{
    int64_t end = clock_mono_ms() + wait_ms;
    struct flock whole;
    memset(&whole, 0, sizeof whole);
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return err_errno(err, RC_IO, "locking %s", path);
        if (signals_pending())
            return err_set(err, RC_INTERRUPTED, "interrupted while waiting for %s", path);
        if (clock_mono_ms() >= end)
            return busy(fd, path, err);
        struct timespec pause = {0, PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL); /* a signal shortens it, which is right */
    }
    return RC_OK;
}

enum rc
lock_take(int *lock_fd, const char *path, int64_t wait_ms, struct err *err)
{
    *lock_fd = -1;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        int denied = errno == EROFS || errno == EACCES || errno == EPERM;
        return err_errno(err, denied ? RC_READ_ONLY : RC_IO, "opening %s", path);
    }
    enum rc rc = PLANTED("no-lock") ? RC_OK : wait_for(fd, path, wait_ms, err);
    if (rc != RC_OK) {
        (void)close(fd);
        return rc;
    }
    write_holder(fd);
    *lock_fd = fd;
    return RC_OK;
}

void
lock_release(int lock_fd)
{
    if (lock_fd < 0)
        return;
    (void)!ftruncate(lock_fd, 0); /* the file stays: removing it would let two hold "the" lock */
    (void)close(lock_fd);
}
