/*
 * For tests: somebody who swaps a path for a symbolic link while a program uses it.
 *
 *   swapper PATH LINK SECONDS-AT-MOST     exchanges the two names (renameat2, so that neither is
 * ever missing) until it is ended by SIGTERM, then puts them back
 *
 * LINK is a symbolic link beside it. What is not there yet at PATH is made an exchange of nothing:
 * the link is put there and taken away. Prints how many times, at the end.
 */
#define _GNU_SOURCE /* renameat2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void
end(int number)
{
    ended = number;
}

/* Puts one name in place of the other. 0 when nothing was changed. */
static int
swap(const char *path, const char *link)
{
    if (renameat2(AT_FDCWD, path, AT_FDCWD, link, RENAME_EXCHANGE) == 0)
        return 1;
    return errno == ENOENT && (renameat2(AT_FDCWD, link, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ||
                               renameat2(AT_FDCWD, path, AT_FDCWD, link, RENAME_NOREPLACE) == 0);
}

static int
is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

int
main(int argc, char **argv)
{
    long flips = 0;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: swapper PATH LINK SECONDS\n");
        return 2;
    }
    time_t until = time(NULL) + strtol(argv[3], NULL, 10);
    (void)signal(SIGTERM, end);
    while (!ended && time(NULL) < until) {
        struct timespec pause = {0, 20000 + random() % 200000};
        flips += swap(argv[1], argv[2]);
        (void)nanosleep(&pause, NULL);
    }
    if (is_link(argv[1]))
        flips += swap(argv[1], argv[2]);
    (void)printf("%ld\n", flips);
    return 0;
}
