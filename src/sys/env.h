/*
 * The process itself: environment, signals, hardening. env_scrub must be the first call in main:
 * libraries loaded later (libcurl, OpenSSL) read variables that can weaken them.
 */
#ifndef SYS_ENV_H
#define SYS_ENV_H

#include "base/err.h"

/*
 * Keeps a copy of the original environment, then removes everything outside the allow-list of
 * design section 6 (KEYMUSTER_STORE/_OUTPUT/_COLOR/_PROGRESS/_TIMEOUT/_NO_INPUT, HOME, XDG_*, TERM,
 * LANG, LC_*, COLUMNS, NO_COLOR, SSH_CONNECTION, CREDENTIALS_DIRECTORY, SOURCE_DATE_EPOCH, PATH,
 * TZ, USER, LOGNAME, SUDO_USER). Originals of removed variables stay readable by env_original.
 */
enum rc env_scrub(char **environ_in, struct err *err) MUST_CHECK;
/* A variable of the scrubbed environment, or NULL. */
const char *env_get(const char *name);
/* A variable of the original environment (for env:NAME references and for exec), or NULL. */
const char *env_original(const char *name);
/* Marks a variable as used for a credential: exec's child does not get it. */
void env_used_as_credential(const char *name);
/* The environment for exec's child: the original, less the marked ones. Borrowed. NULL-terminated.
 */
char **env_for_child(void);

/* umask 077, core size 0, PR_SET_DUMPABLE 0, PR_SET_NO_NEW_PRIVS not set (exec needs sudo), SIGPIPE
 * ignored. */
void process_harden(void);

/*
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT set a flag, which long work asks for between steps; a second one
 * ends at once after restoring the terminal (see sys/term.h), but for a second SIGHUP after a
 * first.
 */
void signals_catch(void);
/* 0, or the number of the signal that arrived. */
int signals_pending(void);
/* Until it is taken off, signals_pending says 0: for what must still be done after one came. A
 * second signal ends even that. */
void signals_hold(int on);

/* Who acts, for an entry's "by". Texts are borrowed for the life of the process; login and from may
 * be "". */
struct actor {
    const char *user;  /* effective user's name, or its number */
    const char *login; /* the person behind sudo or the login, if known */
    const char *host;  /* host name */
    const char *from;  /* "ssh 192.0.2.7", or "" */
};
const struct actor *actor_get(void);

#endif
