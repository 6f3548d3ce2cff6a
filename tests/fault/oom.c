/*
 * Preloaded into keymuster by the fault harness: makes the Nth allocation from main on fail, or all
 * from the Nth on, and counts them. What it does and what it saw is in a file that both map
 * (KM_OOM). Programs that keymuster starts inherit it and are left alone.
 *
 * keymuster's own realloc calls __libc_malloc, so that name is taken, too.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oom.h"
#include "preload.h"

enum { CALLERS = 128 };

static struct oom *shared;               /* NULL before main, and in other programs */
static int spared;                       /* glibc is at something that it does not survive */
static unsigned long code_from, code_to; /* keymuster's own */
static int (*real_main)(int, char **, char **);
static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);

void *__libc_malloc(size_t size);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* dl_iterate_phdr: the first is the program. */
static int
own_code(struct dl_phdr_info *about, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (int i = 0; i < about->dlpi_phnum; i++) {
        if (about->dlpi_phdr[i].p_type == PT_LOAD && (about->dlpi_phdr[i].p_flags & PF_X)) {
            code_from = about->dlpi_addr + about->dlpi_phdr[i].p_vaddr;
            code_to = code_from + about->dlpi_phdr[i].p_memsz;
        }
    }
    return 1;
}

static unsigned long
place(void)
{
    void *callers[CALLERS];
    unsigned long hash = OOM_PLACE ^ shared->epoch;
    spared = 1;
    int count = backtrace(callers, CALLERS);
    spared = 0;
    for (int i = 0; i < count; i++) {
        unsigned long at = (unsigned long)callers[i];
        if (at >= code_from && at < code_to)
            hash = (hash ^ at) * OOM_PLACE_STEP;
    }
    return hash;
}

static int
fails(void)
{
    if (shared == NULL || spared)
        return 0;
    long n = ++shared->count;
    if (shared->places && n <= OOM_PLACES)
        shared->place[n - 1] = place();
    if (shared->at == 0 || n < shared->at || (n > shared->at && !shared->sticky))
        return 0;
    shared->failed++;
    errno = ENOMEM;
    return 1;
}

void *
__libc_malloc(size_t size)
{
    if (next_malloc == NULL)
        look_up(&next_malloc, RTLD_NEXT, "__libc_malloc");
    return fails() ? NULL : next_malloc(size);
}

void *
malloc(size_t size)
{
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    if (next_calloc == NULL)
        look_up(&next_calloc, RTLD_NEXT, "__libc_calloc");
    return fails() ? NULL : next_calloc(count, size);
}

/* Without memory for nsswitch.conf, glibc 2.36 aborts in here, or uses a null pointer. */
int
getpwuid_r(uid_t uid, struct passwd *pw, char *text, size_t size, struct passwd **found)
{
    int (*next)(uid_t, struct passwd *, char *, size_t, struct passwd **) = NULL;
    look_up(&next, RTLD_NEXT, "getpwuid_r");
    spared = 1;
    int result = next(uid, pw, text, size, found);
    spared = 0;
    return result;
}

static int
counted_main(int argc, char **argv, char **envp)
{
    const char *path = getenv("KM_OOM");
    const char *slash = strrchr(argv[0], '/');
    int ours = strcmp(slash != NULL ? slash + 1 : argv[0], "keymuster") == 0;
    int fd = path != NULL && ours ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *mapped = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        (void)close(fd);
        void *first[1];
        (void)dl_iterate_phdr(own_code, NULL);
        (void)backtrace(first, 1); /* what it loads, it loads now */
        if (mapped != MAP_FAILED)
            shared = mapped;
    }
    return real_main(argc, argv, envp);
}

int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                  void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                void (*)(void), void *) = NULL;
    look_up(&next, RTLD_NEXT, "__libc_start_main");
    real_main = main;
    return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
