/*
 * Delivery: the only code that shows or hands over a secret. Three steps, so that nothing is
 * unwrapped for a destination that will not take it: parse, check, (unwrap and record), give.
 *
 * Destinations: "-" exactly the bytes on standard output; "tty" the controlling terminal's
 * alternate screen; "file:PATH" a new file; "fd:N" an open descriptor.
 */
#ifndef RECOVER_DELIVER_H
#define RECOVER_DELIVER_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "sys/path.h"

enum deliver_kind { DELIVER_STDOUT, DELIVER_TTY, DELIVER_FILE, DELIVER_FD };

/* How a screen was closed. */
enum deliver_end { DELIVER_OPEN, DELIVER_KEY, DELIVER_TIME, DELIVER_SIGNAL };

enum { DELIVER_SHOW_MS = 180000, DELIVER_MORE_MS = 60000 };

/*
 * 1. folder_fd and name are set only between deliver_check and deliver_release, for DELIVER_FILE.
 * 2. asked is 0 when no destination was given and the terminal is the default.
 */
struct deliver {
    enum deliver_kind kind;
    int asked;
    int fd;               /* DELIVER_FD */
    char path[PATH_SIZE]; /* DELIVER_FILE, as given */
    int folder_fd;
    const char *name; /* inside path */

    /* set by the caller, for the screen */
    const char *title; /* the key's name; escaped here; may be NULL */
    int64_t show_ms;   /* DELIVER_SHOW_MS after deliver_parse */

    /* results of a screen */
    enum deliver_end end;
    int64_t shown_ms;
};

/* dest NULL: the terminal. RC_BAD_VALUE for another form. */
enum rc deliver_parse(struct deliver *d, const char *dest, struct err *err) MUST_CHECK;
/* "-", "tty", "file:PATH", "fd:N": for records. Borrowed from d or constant. */
const char *deliver_word(const struct deliver *d); /* "stdout" "tty" "file" "fd" */

/*
 * Whether it would work, before anything is unwrapped: RC_TO_TERMINAL (standard output or the
 * descriptor is a terminal), RC_FILE_EXISTS, RC_NOT_DELIVERED (folder missing or writable by
 * others, descriptor not open for writing), RC_NO_TERMINAL (naming the other ways).
 */
enum rc deliver_check(struct deliver *d, struct err *err) MUST_CHECK;

/*
 * Hands it over; call after deliver_check. A screen returns when it is closed, with d->end set; a
 * signal closes it, too, and is no failure here. RC_OUTPUT_FAILED when bytes could not be written
 * (a half-written file is removed), RC_FILE_EXISTS when one appeared meanwhile, RC_NOT_DELIVERED
 * when the terminal was too small for it all the time.
 */
enum rc deliver_give(struct deliver *d, const struct secret *s, struct err *err) MUST_CHECK;

/* Closes what deliver_check opened. Takes a zeroed struct only after deliver_parse. */
void deliver_release(struct deliver *d);

#endif
