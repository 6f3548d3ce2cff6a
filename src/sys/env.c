#include "sys/env.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plant.h"

static const char *const allowed[] = {
    "KEYMUSTER_STORE",
    "KEYMUSTER_OUTPUT",
    "KEYMUSTER_COLOR",
    "KEYMUSTER_PROGRESS",
    "KEYMUSTER_TIMEOUT",
    "KEYMUSTER_NO_INPUT",
    "KEYMUSTER_ACCESSIBLE",
    "HOME",
    "TERM",
    "LANG",
    "COLUMNS",
    "NO_COLOR",
    "SSH_CONNECTION",
    "PATH",
    "CREDENTIALS_DIRECTORY",
    "TZ",
    "SOURCE_DATE_EPOCH",
    "USER",
    "LOGNAME",
    "SUDO_USER",
};

static const char *const allowed_prefixes[] = {"XDG_", "LC_"};

/*
 * Pointers only: the strings stay where the kernel put them, so that a credential among them is not
 * copied. All NULL until env_scrub; then original and child have room for count + 1 pointers, and
 * nothing is allocated later.
 */
static struct env {
    char **scrubbed; /* the array given to env_scrub, shortened in place */
    char **original;
    char **child; /* built by env_for_child */
    unsigned char *marked;
    size_t count; /* of original */
} env;

/* The value if text is "name=value", else NULL. */
static const char *
value_of(const char *text, const char *name)
{
    size_t len = strlen(name);
    return strncmp(text, name, len) == 0 && text[len] == '=' ? text + len + 1 : NULL;
}

static int
is_allowed(const char *text)
{
    if (strchr(text, '=') == NULL)
        return 0;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (value_of(text, allowed[i]) != NULL)
            return 1;
    }
    for (size_t i = 0; i < sizeof allowed_prefixes / sizeof allowed_prefixes[0]; i++) {
        if (strncmp(text, allowed_prefixes[i], strlen(allowed_prefixes[i])) == 0)
            return 1;
    }
    return 0;
}

static void
forget(void)
{
    free(env.original);
    free(env.child);
    free(env.marked);
    memset(&env, 0, sizeof env);
}

enum rc
env_scrub(char **environ_in, struct err *err)
{
    forget();
    size_t count = 0;
    while (environ_in[count] != NULL)
        count++;
    env.original = calloc(count + 1, sizeof *env.original);
    env.child = calloc(count + 1, sizeof *env.child);
    env.marked = calloc(count + 1, sizeof *env.marked);
    if (env.original == NULL || env.child == NULL || env.marked == NULL) {
        forget();
        return err_nomem(err);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        env.original[i] = environ_in[i];
        if (is_allowed(environ_in[i]) || PLANTED("no-scrub"))
            environ_in[kept++] = environ_in[i];
    }
    environ_in[kept] = NULL;
    env.count = count;
    env.scrubbed = environ_in;
    return RC_OK;
}

static const char *
lookup(char **list, const char *name)
{
    for (; list != NULL && *list != NULL; list++) {
        const char *value = value_of(*list, name);
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* Before env_scrub (in unit tests) both look at the process's own. */
extern char **environ;

const char *
env_get(const char *name)
{
    return lookup(env.scrubbed != NULL ? env.scrubbed : environ, name);
}

const char *
env_original(const char *name)
{
    return lookup(env.original != NULL ? env.original : environ, name);
}

void
env_used_as_credential(const char *name)
{
    for (size_t i = 0; i < env.count; i++) {
        if (value_of(env.original[i], name) != NULL)
            env.marked[i] = 1;
    }
}

char **
env_for_child(void)
{
    if (env.child == NULL) {
        static char *none[] = {NULL};
        return none; /* not scrubbed: what is a credential was not noted, so give nothing */
    }
    size_t kept = 0;
    for (size_t i = 0; i < env.count; i++) {
        if (!env.marked[i])
            env.child[kept++] = env.original[i];
    }
    env.child[kept] = NULL;
    return env.child;
}
