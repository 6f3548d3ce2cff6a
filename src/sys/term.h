/*
 * The controlling terminal (/dev/tty), so that pipes stay usable. Echo and the alternate screen are
 * restored on every exit and signal (term_restore is async-signal-safe).
 */
#ifndef SYS_TERM_H
#define SYS_TERM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

/* Opens /dev/tty read-write once and keeps it; RC_NO_TERMINAL. *fd is borrowed. */
enum rc term_open(int *fd, struct err *err) MUST_CHECK;
/* Name of the terminal for records ("/dev/pts/3"), "" without one. */
const char *term_name(void);
/* Columns and rows of the terminal behind fd, else COLUMNS, else 80 x 24. */
void term_size(int fd, unsigned *columns, unsigned *rows);
int term_is_tty(int fd);
/* KEYMUSTER_ACCESSIBLE, neither empty nor 0: a person has the terminal read out. */
int term_accessible(void);
/* Nothing is to be written over or cleared: that, or a terminal that cannot (TERM unset, empty or
 * dumb). */
int term_is_plain(void);

/* Whether something that is known to record terminals, or can be told to (tmux, screen), is between
 * us and the person: the processes above this one and the environment are looked at. *name is its
 * name, "" for none. What is not known is not found: a hint, no promise. */
enum term_watch { TERM_UNWATCHED, TERM_MULTIPLEXED, TERM_RECORDED };
enum term_watch term_recorder(const char **name);

/* Prompts on the terminal without echo and reads one line, without its line feed, straight into a
 * slot. */
enum rc term_ask_secret(struct secret *out, const char *prompt, struct err *err) MUST_CHECK;
/* Prompts with echo; out of size bytes. RC_BAD_VALUE when longer. */
enum rc term_ask(char *out, size_t size, const char *prompt, struct err *err) MUST_CHECK;

/* Raw single-key input: begin, read with a timeout in ms (-1 none): the byte, 0 on timeout, -1 on
 * end or signal. */
enum rc term_raw_begin(struct err *err) MUST_CHECK;
int term_key(int64_t timeout_ms);
/* Alternate screen on and off (the latter wipes it first). */
enum rc term_alt_begin(struct err *err) MUST_CHECK;
/* Undoes raw mode, echo and alternate screen, whatever is on. Async-signal-safe. */
void term_restore(void);

#endif
