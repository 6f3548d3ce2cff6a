/*
 * Preloaded into keymuster by the fault harness: the clock stands still, chance and the process
 * number are the same each time, so that two runs with the same fault leave the same bytes and
 * judge.c need not look twice (see there). KM_STILL=MILLISECONDS SEED. Each call still reaches the
 * kernel, so that every fault finds it. Programs that keymuster starts are left alone; so is
 * CLOCK_MONOTONIC, by which it waits.
 */
#define _GNU_SOURCE /* RTLD_NEXT, program_invocation_short_name */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

enum { PID = 4242, SECOND = 1000, MICRO = 1000, NANO = 1000000, BYTE = 8 };

void still_begin(void);

static long now_ms; /* 0: this program is left alone */
static uint64_t state;
static int chance_fd = -1; /* /dev/urandom, until it was read */

static ssize_t (*next_getrandom)(void *, size_t, unsigned);
static int (*next_getentropy)(void *, size_t);
static int (*next_clock)(clockid_t, struct timespec *);
static int (*next_open)(const char *, int, ...);
static ssize_t (*next_read)(int, void *, size_t);
static pid_t (*next_getpid)(void);

/* Other libraries may call before `still_begin`. */
#define NEXT(function, name) (function != NULL ? (void)0 : look_up(&function, RTLD_NEXT, name))

/* What forks would go on with its parent's chance. */
static void
forked(void)
{
    state ^= UINT64_C(0x5851f42d4c957f2d);
}

/* Once more where ready.c gives a process its environment. */
__attribute__((constructor)) void
still_begin(void)
{
    const char *said = getenv("KM_STILL");
    char *rest = NULL;
    if (said == NULL || strcmp(program_invocation_short_name, "keymuster") != 0)
        return;
    now_ms = strtol(said, &rest, 10);
    state = strtoull(rest, NULL, 10);
    (void)pthread_atfork(NULL, NULL, forked);
}

/* splitmix64 */
static void
fill(void *to, size_t len)
{
    unsigned char *bytes = to;
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++, word >>= BYTE) {
        if (i % sizeof word == 0) {
            word = state += UINT64_C(0x9e3779b97f4a7c15);
            word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
            word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
            word ^= word >> 31;
        }
        bytes[i] = (unsigned char)word;
    }
}

ssize_t
getrandom(void *to, size_t len, unsigned flags)
{
    NEXT(next_getrandom, "getrandom");
    ssize_t got = next_getrandom(to, len, flags);
    if (now_ms != 0 && got > 0)
        fill(to, (size_t)got);
    return got;
}

int
getentropy(void *to, size_t len)
{
    NEXT(next_getentropy, "getentropy");
    int result = next_getentropy(to, len);
    if (now_ms != 0 && result == 0)
        fill(to, len);
    return result;
}

/* SQLite takes its chance from this file. */
int
open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
    va_end(args);
    NEXT(next_open, "open64");
    int fd = next_open(path, flags, mode);
    if (now_ms != 0 && strcmp(path, "/dev/urandom") == 0)
        chance_fd = fd;
    return fd;
}

ssize_t
read(int fd, void *to, size_t len)
{
    NEXT(next_read, "read");
    ssize_t got = next_read(fd, to, len);
    if (chance_fd < 0 || fd != chance_fd)
        return got;
    chance_fd = -1; /* whatever came of it: the number will be another file's */
    if (got > 0)
        fill(to, (size_t)got);
    return got;
}

pid_t
getpid(void)
{
    NEXT(next_getpid, "getpid");
    return now_ms != 0 ? PID : next_getpid();
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
    NEXT(next_clock, "clock_gettime");
    if (now_ms == 0 || id != CLOCK_REALTIME)
        return next_clock(id, t);
    *t = (struct timespec){now_ms / SECOND, now_ms % SECOND * NANO};
    return 0;
}

int
gettimeofday(struct timeval *t, void *zone)
{
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / MICRO};
    return result;
}

time_t
time(time_t *to)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL)
        *to = now.tv_sec;
    return now.tv_sec;
}
