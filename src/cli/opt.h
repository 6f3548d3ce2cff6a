/*
 * Options. One table a command, and one for all of them, drive parsing, help, the hint for an
 * unknown option, completion and the manual.
 *
 * Options may stand anywhere, before or after the command. Long options are exact; forms:
 * `--long VALUE`, `--long=VALUE`, `-x VALUE`, `-xVALUE`, flags joined as `-nq`; `--` ends options;
 * a lone `-` is an argument. A long name (and a letter) means the same in every table as far as
 * "takes a value" goes, so that the command can be found before its table is known; a test checks
 * this.
 *
 * No option takes a secret itself: see OPT_SECRET_REF.
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stddef.h>

#include "base/err.h"

enum opt_id {
    OPT_NONE = 0, /* ends a table */
    /* global */
    OPT_STORE,
    OPT_OUTPUT,
    OPT_JSON,
    OPT_FIELDS,
    OPT_DRY_RUN,
    OPT_REASON,
    OPT_TICKET,
    OPT_YES,
    OPT_CONFIRM,
    OPT_ACCEPT_RISK,
    OPT_ALLOW_UNSYNCED,
    OPT_NO_INPUT,
    OPT_OFFLINE,
    OPT_TIMEOUT,
    OPT_COLOR,
    OPT_PROGRESS,
    OPT_QUIET,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_VERSION,
    /* of commands */
    OPT_AAD,
    OPT_ACCOUNT,
    OPT_AGAIN,
    OPT_ALIAS,
    OPT_ALL,
    OPT_ALONE,
    OPT_ANSWERS,
    OPT_AS,
    OPT_AS_OF,
    OPT_AT,
    OPT_AUTHOR,
    OPT_BCO,
    OPT_BEHIND,
    OPT_BLIND,
    OPT_BY,
    OPT_CA,
    OPT_CARD,
    OPT_CONFIG_BACKUP,
    OPT_COPY,
    OPT_CONFLICT,
    OPT_CONSUMERS,
    OPT_CREDENTIAL,
    OPT_CRN,
    OPT_DEBT,
    OPT_DEEP,
    OPT_REPAIR,
    OPT_QUICK,
    OPT_DESCRIPTION,
    OPT_DRILL,
    OPT_DUE,
    OPT_ENDPOINT,
    OPT_ENTRY,
    OPT_ENV,
    OPT_EVERY,
    OPT_EVIDENCE,
    OPT_EXPECT,
    OPT_EXPLAIN,
    OPT_EXPIRES,
    OPT_EXPIRING,
    OPT_EXPOSED,
    OPT_FAIL_ON,
    OPT_FD,
    OPT_FILE,
    OPT_FORM,
    OPT_FORMAT,
    OPT_FROM,
    OPT_HANDOVER,
    OPT_HISTORY,
    OPT_HOST_KEY,
    OPT_HTML,
    OPT_IAM,
    OPT_IF_LOST,
    OPT_IF_MISSING,
    OPT_INSTANCE,
    OPT_KEPT_AT,
    OPT_KEY,
    OPT_KIND,
    OPT_KMS,
    OPT_KMS_FILE,
    OPT_KNOWN_HOSTS,
    OPT_KNOWN_TO,
    OPT_LABEL,
    OPT_LAST,
    OPT_LIFT,
    OPT_LOG,
    OPT_LOGIN,
    OPT_LOSE,
    OPT_LOST,
    OPT_MAP,
    OPT_NAME,
    OPT_NEEDED_UNTIL,
    OPT_NEW_GENERATION,
    OPT_NEW_KEY,
    OPT_NO_PER_KEY,
    OPT_NO_PROVE,
    OPT_ON,
    OPT_OWE,
    OPT_OWNER,
    OPT_PIN,
    OPT_PROTECTS,
    OPT_PROTECTS_SITE,
    OPT_PROVIDER,
    OPT_PROXY,
    OPT_PURPOSE,
    OPT_REGION,
    OPT_REMOVABLE,
    OPT_REQUEST,
    OPT_RETURNED,
    OPT_REVERSE,
    OPT_RING,
    OPT_ROLE,
    OPT_ROOT,
    OPT_ROOT_VERSION,
    OPT_SAMPLE,
    OPT_SCRIPTS,
    OPT_SECOND,
    OPT_SECRET,
    OPT_SHOW_REQUEST,
    OPT_SIGNATURE,
    OPT_SINCE,
    OPT_SITE,
    OPT_SORT,
    OPT_SPARE,
    OPT_STALE,
    OPT_STATE,
    OPT_STDIN,
    OPT_SYSTEM,
    OPT_TEMPLATE,
    OPT_TEXT,
    OPT_TMPFILE,
    OPT_TO,
    OPT_UNCONFIRMED,
    OPT_UNKNOWN,
    OPT_UNPROVEN,
    OPT_UNTIL,
    OPT_USER,
    OPT_VENDOR,
    OPT_WITH,
    OPT_WITH_PROGRAM,
    OPT_WORD,
    OPT_WRAPPED,
    OPT_WRAPS,
    OPT_COUNT_ /* one more than the largest id */
};

enum opt_flags {
    OPT_MANY = 1, /* may be given more than once */
    /* The value is a reference to a secret (see cli/ref.h). Anything else is taken for the secret
     * itself: RC_SECRET_LITERAL with a lesson, the value never being repeated. */
    OPT_SECRET_REF = 2,
    OPT_NAMED_REF = 4, /* with OPT_SECRET_REF: NAME=REF is allowed, too */
    OPT_HIDDEN = 8     /* not in help and completion */
};

struct opt_spec {
    enum opt_id id;
    const char *name; /* long name without the dashes */
    char letter;      /* 0: none */
    const char *arg;  /* NULL: a flag; else the placeholder in help, such as "REF" */
    unsigned flags;   /* enum opt_flags */
    const char *help; /* lower case, no full stop */
};

/* clang-format would spread the rows; tables end with this one. */
#define OPT_END                                                                                    \
    {                                                                                              \
        OPT_NONE, NULL, 0, NULL, 0, NULL                                                           \
    }

/* The options that every command takes. */
extern const struct opt_spec opt_global[];

struct opt_value {
    enum opt_id id;
    const char *text; /* NULL for a flag; borrowed from argv */
};

/*
 * A parsed command line. Everything points into argv, which must live as long.
 * 1. count values in the order given; an id occurs twice only if its spec has OPT_MANY.
 * 2. args does not contain the command's own words.
 * 3. child is NULL, or (only with OPT_PARSE_EXEC) a NULL-terminated argument vector.
 */
struct opts {
    struct opt_value *values;
    size_t count;
    const char **args;
    size_t arg_count;
    char **child;
};

enum opt_parse_flags {
    OPT_PARSE_PLAIN = 0,
    /* What follows `--`, or the second argument, belongs to a child's command line: options in it
     * are not ours. */
    OPT_PARSE_EXEC = 1
};

/*
 * Parses argv[1..argc). The first `words` arguments (0 to 2) are the command's and skipped.
 * RC_USAGE with a hint, RC_SECRET_LITERAL. On failure o holds nothing.
 * argv must be NULL-terminated, as main gets it.
 */
enum rc opt_parse(struct opts *o, int argc, char **argv, const struct opt_spec *command,
                  unsigned words, unsigned flags, struct err *err) MUST_CHECK;
void opt_release(struct opts *o); /* takes a zeroed struct, too */

int opt_has(const struct opts *o, enum opt_id id);
/* The last value, or NULL. */
const char *opt_get(const struct opts *o, enum opt_id id);
/* The i-th value, in the order given, or NULL. */
const char *opt_at(const struct opts *o, enum opt_id id, size_t i);
size_t opt_count(const struct opts *o, enum opt_id id);
/* The i-th argument, or NULL. */
const char *opt_arg(const struct opts *o, size_t i);

/* ---- for the look-up of the command and for help ---- */
/* A walk over a command line that never fails, with any number of tables; unknown options count
 * as flags. */
struct opt_walk {
    const struct opt_spec *const *tables; /* ended by NULL */
    char **argv;
    int argc;
    int at;              /* index of the next argument */
    const char *cluster; /* inside joined flags: what is left */
    int stopped;         /* "--" was seen: all the rest are arguments */
};
enum opt_kind {
    OPT_K_END,     /* no more */
    OPT_K_WORD,    /* an argument: text */
    OPT_K_OPTION,  /* spec and text (NULL for a flag) */
    OPT_K_STOP,    /* "--"; what follows, from walk.at on, comes as words */
    OPT_K_UNKNOWN, /* no such option; text is how it was written, without any value */
    OPT_K_LACKS,   /* spec wants a value and the command line is over */
    OPT_K_EMPTY,   /* spec wants a value and it is empty */
    OPT_K_SURPLUS, /* spec is a flag, and --flag=VALUE was given */
    OPT_K_GREEDY   /* the value of spec would be text, which is an option itself */
};
struct opt_item {
    enum opt_kind kind;
    const struct opt_spec *spec;
    const char *text;
    size_t text_len; /* of text */
};
void opt_walk_init(struct opt_walk *w, const struct opt_spec *const *tables, int argc, char **argv);
enum opt_kind opt_walk_next(struct opt_walk *w, struct opt_item *item);

const struct opt_spec *opt_find(const struct opt_spec *const *tables, const char *name, size_t len);
/* Sets the error for an item that is none of END, WORD, OPTION and STOP. */
enum rc opt_complain(const struct opt_walk *w, const struct opt_item *item, struct err *err);

#endif
