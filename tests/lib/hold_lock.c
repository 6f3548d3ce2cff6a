/*
 * For tests: another writer. hold_lock PATH takes the lock as keymuster does, prints "held" and
 * keeps it until it is ended by a signal.
 */
#include <stdio.h>
#include <unistd.h>

#include "sys/lock.h"

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    int fd = -1;
    if (argc != 2 || lock_take(&fd, argv[1], 0, &err) != RC_OK) {
        (void)fprintf(stderr, "hold_lock: %s\n", err.msg);
        return 1;
    }
    if (puts("held") < 0 || fflush(stdout) != 0)
        return 1;
    for (;;)
        (void)pause();
}
