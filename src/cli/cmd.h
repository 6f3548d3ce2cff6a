/*
 * Commands. A command is a row of a table: words, texts, options, what it needs, and the function.
 * cli/table.c lists the tables; help, completion, the manual and main walk over them.
 */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/opt.h"

struct store; /* escrow's */
struct pool;  /* session.c's: KMSs opened by this command */
struct cmd;

enum out_format { OUT_TEXT, OUT_JSON, OUT_NDJSON, OUT_CSV };

/* What a command runs with. Made and released by main. */
struct ctx {
    const struct cmd *cmd;
    struct opts opts;
    enum out_format format;
    int color;             /* 1 always, -1 never, 0 on a terminal; never the only sign of a state */
    int no_input;          /* ask nothing */
    int dry_run;           /* change nothing */
    int offline;           /* no network */
    int quiet;             /* only the answer and errors */
    int verbose;           /* 0, 1, 2 */
    int unsynced;          /* --allow-unsynced */
    int64_t timeout_ms;    /* 0: none was given */
    const char *store_dir; /* -C, else KEYMUSTER_STORE, else NULL: the default place */
    const char *progress;  /* "auto" "tty" "plain" "json" "none" */
    const char *reason;    /* --reason, or NULL */
    const char *ticket;    /* --ticket, or NULL */
    const char *accept_risk; /* --accept-risk, or NULL */

    struct buf out;     /* text of the answer; main writes it at the end (or out_flush before) */
    struct buf summary; /* ndjson: a JSON object for "result" of the last line, or empty */
    int out_fd;         /* 1; 2 once a secret has been given to standard output */
    size_t items;       /* ndjson: lines written */
    int out_failed;     /* standard output does not take any more */

    char entry[HASH_TEXT + 1]; /* newest entry stored by this command, for errors after it; or "" */
    int findings;              /* finished, but partly or with findings: exit 3 */
    int exit_status;           /* -1; exec: the child's status, which then is ours */

    struct store *store;   /* opened by cmd_open_store according to the flags, else NULL */
    struct store *records; /* where own entries go, when store is only a view (--from EXPORT) */
    char export[HASH_TEXT + 1];   /* its SHA-256; "" without one */
    char signer[AUTHOR_TEXT + 1]; /* who signed it */
    int view;                     /* store is a view of records (--until) */
    char until[256];              /* what is left out: AUTHOR:SEQ, by blanks; or "" */
    int64_t others;               /* entries of other authors when it began; for cli/notify.h */
    int64_t notified;             /* own entries that were told of (cli/notify.h); -1: none are */
    struct pool *pool;            /* see cli/session.h */
    int bare_taken;               /* what is given without NAME= was of one KMS, which has had it */
};

enum cmd_flags {
    CMD_READ = 1,        /* opens the store, to read */
    CMD_WRITE = 2,       /* opens the store, to write */
    CMD_NO_STORE = 4,    /* opens it itself, or needs none */
    CMD_DESTRUCTIVE = 8, /* for help and the manual */
    CMD_EXEC = 16,       /* runs a command; every failure before that ends 125 */
    CMD_CSV = 32,        /* can answer in CSV */
    CMD_HIDDEN = 64,     /* not in help */
    CMD_EMERGENCY = 128, /* part of a recovery; help marks it */
    CMD_OLD_OK = 256,    /* may write although the store is older than what it published (sync) */
    CMD_AS_IS = 512      /* its text is for a program: no line is broken for a terminal */
};

enum cmd_group { GROUP_EVERY_DAY, GROUP_WHEN_NEEDED, GROUP_PROOF, GROUP_SET_UP, GROUP_HELP };

struct cmd {
    const char *noun;     /* NULL: a bare verb */
    const char *verb;     /* NULL as the end of a table */
    const char *synopsis; /* what follows the words: "KEY --purpose P --root R [option]..." */
    const char *summary;  /* one sentence: upper case first, full stop */
    const struct opt_spec *options; /* ended by OPT_END; NULL: none but the global ones */
    int args_min, args_max;         /* args_max -1: any number */
    unsigned flags;                 /* enum cmd_flags */
    enum cmd_group group;
    enum rc (*run)(struct ctx *ctx, struct err *err);
    const char *examples; /* lines as typed, each ended by LF; may be NULL */
};

/* The tables, ended by NULL; each ends with a row without a verb. */
extern const struct cmd *const cmd_tables[];
/* The rows of help and version (cli/help.c). */
extern const struct cmd cmd_help_table[];

/* Opens ctx->store for a command with CMD_READ or CMD_WRITE; closes it (also when it is NULL). Both
 * may be NULL pointers as long as no such command exists. Set in table.c. */
extern enum rc (*const cmd_open_store)(struct ctx *ctx, struct err *err);
extern void (*const cmd_close_store)(struct ctx *ctx);

/* The i-th command over all tables, or NULL. */
const struct cmd *cmd_at(size_t i);
/* By its words; verb NULL: noun holds a bare verb. NULL if there is none. */
const struct cmd *cmd_find(const char *noun, const char *verb);
/* True when some command has this noun. */
int cmd_is_noun(const char *word);
/* "kms add" into out. */
enum { CMD_NAME = 64 };
void cmd_name(char out[CMD_NAME], const struct cmd *cmd);

/* The options of all commands, for finding the command before its own are known; ended by NULL. */
enum { CMD_MOST = 254 }; /* more commands than there will be; checked there */
enum rc cmd_all_options(const struct opt_spec *tables[CMD_MOST + 2], struct err *err) MUST_CHECK;

/*
 * Finds the command on a command line.
 * *words: how many of the arguments are its own. *help: -h or --help is there. *noun: a noun stands
 * alone (with help). *out NULL without any command (RC_OK); an unknown one is RC_USAGE with the
 * nearest name as a hint.
 */
struct cmd_line {
    const struct cmd *cmd;
    const char *noun;
    unsigned words;
    int help;
    int version;
};
enum rc cmd_look_up(struct cmd_line *out, int argc, char **argv, struct err *err) MUST_CHECK;

/* Fills ctx from opts and environment: format, colour, and so on. RC_USAGE, RC_CONFIG. */
/* What NO_COLOR, TERM and KEYMUSTER_ACCESSIBLE say of colours, until ctx_settle has the options. */
void ctx_color(struct ctx *ctx);
enum rc ctx_settle(struct ctx *ctx, struct err *err) MUST_CHECK;
void ctx_init(struct ctx *ctx);
void ctx_release(struct ctx *ctx);

/* ---- help.c ---- */
/* Columns for a page: 80, on a narrow terminal fewer. */
unsigned help_width(const struct ctx *ctx);
/* keymuster alone: one screen. here: the folder to look for a copy or a store in ("."). */
void help_short(struct buf *out, const char *here, unsigned width);
/* "Every day": the title above a group of commands. */
const char *help_group(enum cmd_group group);
/* One command's page. */
void help_cmd(struct buf *out, const struct cmd *cmd, unsigned width);
/* Answers, in the format asked for, with the page of a command (its words), a noun, a topic, or
 * (first NULL) of everything. RC_USAGE. */
enum rc help_answer(struct ctx *ctx, const char *first, const char *second,
                    struct err *err) MUST_CHECK;
/* Answers `version`; it may be extended by what the libraries say of theirs. */
enum rc version_answer(struct ctx *ctx, struct err *err) MUST_CHECK;

#endif
