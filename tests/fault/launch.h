/*
 * A program that is run thousands of times is loaded and linked once: a process of it stands right
 * before main (ready.c, preloaded into it) and makes another like itself for each run. Faults begin
 * at main, so none is missed; a run costs a half less.
 */
#ifndef FAULT_LAUNCH_H
#define FAULT_LAUNCH_H

#include <stddef.h>
#include <sys/types.h>

/* Descriptors of the process that stands ready; a run has none of them. */
enum { LAUNCH_SOCKET = 200, LAUNCH_OUT, LAUNCH_ERR };
enum { LAUNCH_TEXT = 16 * 1024 };
/* Set where the process has to stand ready. "cheap": deriving a key from a passphrase takes the
 * least work that libsodium knows, so no other process gets the same key. */
#define LAUNCH_READY "KM_READY"

struct launch {
    int traced;   /* by the harness, before which it stops once */
    int call;     /* it stops at umask and at this call only; -1: no such filter */
    int terminal; /* the number of its terminal; -1: input is empty, output goes to files */
    int words, variables;
    size_t len;
    char text[LAUNCH_TEXT]; /* the folder, the words, the environment; each ended by a zero byte */
};

/* Once, before the first; tools: where the libraries lie; cheap: see above; out, err: files for
 * output. */
void launch_begin(const char *tools, int cheap, int out, int err);
/* Appends a part of the text. */
void launch_add(struct launch *l, const char *text);
/* The new process, a child of the caller and the first of its group. The name of a program (its
 * first word) is the same each time. */
pid_t launch(const char *program, struct launch *l);

#endif
