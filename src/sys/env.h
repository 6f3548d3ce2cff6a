/*
 * The environment. env_scrub must be the first call in main: libraries loaded later (libcurl,
 * OpenSSL) read variables that can weaken them.
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

#endif
