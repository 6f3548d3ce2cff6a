/*
 * The scripts by which a site has created, rewrapped and unwrapped its passwords until now:
 * PowerShell, or a shell with curl. What they say of the KMS as a literal is read: its instance,
 * the root key, the endpoint, where tokens come from. Nothing is run, nothing is put together and
 * nothing guessed: a value that is computed, or given from outside, is only named.
 *
 * What is what is told by its use (the header bluemix-instance, .../keys/ROOT/actions/wrap,
 * /api/v2, /identity/token), through variables that are set to one literal; where a script does not
 * use it, by a variable's name ($kms, INSTANCE_ID, $crk, ROOT_KEY). Of a secret that stands there
 * as a literal only the line is kept; its bytes are overwritten as soon as they are found.
 *
 * Any encoding that Windows writes (vbr/decode.h), LF, CR LF or CR. Bounded by SCRIPTS_BYTES a file
 * and SCRIPTS_FILES; the work by a budget, after which the rest counts as computed.
 *
 * Order of use: scripts_init, scripts_add for each file, scripts_settle, the facts,
 * scripts_release.
 */
#ifndef VBR_SCRIPTS_H
#define VBR_SCRIPTS_H

#include <stdio.h>

#include "base/buf.h"
#include "net/url.h"

enum {
    SCRIPTS_FILES = 16,
    SCRIPTS_BYTES = 256 * 1024,
    SCRIPTS_SETS = 4096, /* variables set, in a file */
    SCRIPTS_SECRETS = 64,
    SCRIPTS_NAME = 64,
    SCRIPTS_VALUE = 255
};

enum scripts_role {
    SCRIPTS_INSTANCE, /* a UUID in lower case, or a CRN */
    SCRIPTS_ROOT,     /* a UUID in lower case, a CRN or an alias */
    SCRIPTS_ENDPOINT, /* https://HOST[:PORT][/PATH] */
    SCRIPTS_IAM,      /* likewise; where tokens come from */
    SCRIPTS_ROLES
};

struct scripts_place {
    const char *file; /* as given to scripts_add; NULL: nowhere */
    unsigned line;    /* from 1 */
};

struct scripts_fact {
    char value[SCRIPTS_VALUE + 1]; /* "": no script says it as a literal */
    struct scripts_place at;
    struct scripts_place other; /* where another value stands */
    /* Where it is not a literal: the variable ("$env:KMS"), or "" where it has no name. */
    char computed[SCRIPTS_NAME + 1];
    struct scripts_place computed_at;
    struct scripts_place odd; /* where a literal stands that is none of this kind */
};

struct scripts_file; /* inside */
struct scripts {
    struct scripts_fact facts[SCRIPTS_ROLES];
    struct scripts_place secrets[SCRIPTS_SECRETS];
    size_t secret_count; /* of those; more are not counted */
    /* inside */
    struct scripts_file *files[SCRIPTS_FILES];
    size_t file_count;
    long budget;
};

void scripts_init(struct scripts *s);
void scripts_release(struct scripts *s);
/* Reads it to the end. name is borrowed until scripts_release, and is what the places have.
 * RC_BAD_VALUE: it is no script (too large, encrypted, no text), or one too many; RC_IO. */
enum rc scripts_add(struct scripts *s, FILE *file, const char *name, struct err *err) MUST_CHECK;
/* Once, after all files: a variable that one of them sets counts in those that do not set it. */
void scripts_settle(struct scripts *s);

/* "the instance", for messages. */
const char *scripts_role_text(enum scripts_role role);

#endif
