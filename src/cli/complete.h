/*
 * Completion: what may stand at the end of a command line, from the tables of commands and options
 * and from the store. The scripts of the shells ask for it at TAB (cmd_completion.c).
 *
 * Nothing here asks a person or a network, changes anything, or fails loudly: what cannot be read
 * offers nothing. Names come from logs, which an attacker may have written: only those that their
 * rules allow are offered, and for bash, which takes what it gets as typed, they are quoted here.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/cmd.h"

enum complete_shell { COMPLETE_BASH, COMPLETE_ZSH, COMPLETE_FISH };

/* Kinds of things that a placeholder stands for; several may hold. */
enum complete_want {
    WANT_FREE = 0, /* nothing that we know */
    WANT_KEY = 1,  /* names of keys */
    WANT_ROOT = 2, /* and of objects */
    WANT_SITE = 4,
    WANT_KMS = 8,
    WANT_COPY = 16,
    WANT_VBR = 32,
    WANT_PERSON = 64,
    WANT_RUNBOOK = 128,
    WANT_RUN = 256,
    WANT_AUTHOR = 512,
    WANT_FILES = 1024,
    WANT_DIRS = 2048,
    WANT_PURPOSE = 4096,
    WANT_STATE = 8192,
    WANT_REF = 16384,      /* file: prompt ... */
    WANT_KMS_IS = 32768,   /* names of KMSs with "=" behind */
    WANT_DEST = 65536,     /* - tty file: fd: vbr: */
    WANT_WORDS = 131072,   /* the placeholder is "one|of|these" */
    WANT_COMMAND = 262144, /* words of commands */
    WANT_CODE = 524288,    /* of errors */
    WANT_LOSS = 1048576,   /* KIND:NAME of simulate */
    WANT_RULE = 2097152,   /* of policies, with "=" behind */
    WANT_NAME = 4194304,   /* what the command's noun says */
    WANT_SHELL = 8388608,
    WANT_FIELDS = 16777216, /* columns of list and show, with commas between */
    WANT_FIELD = 33554432,  /* what list sorts by */
    WANT_KIND = 67108864    /* of entries */
};

struct complete {
    enum complete_shell shell;
    const struct cmd *cmd; /* NULL: not said yet */
    const char *store_dir; /* -C of the command line, or NULL */
    const char *head;      /* what the shell does not replace: as typed, unquoted */
    const char *typed;     /* all of the word so far, unquoted; begins with head */
    const char *fixed;     /* the part of it that stands before what is looked for: "--root=" */
    char quote;            /* open in what was typed: ' or " or 0 */
    struct buf *lines; /* candidates: one a line, with TAB and a help where the shell shows it */
    int files, dirs;   /* those may stand there, too */
};

/* ---- complete.c ---- */
/*
 * words: the arguments before the one that is asked for, as typed (quoted or not). head, tail: of
 * that one, what the shell keeps and what it will replace. Appends to lines.
 */
enum rc complete_words(struct complete *c, int count, const char *const *words, const char *head,
                       const char *tail, struct err *err) MUST_CHECK;
/* Offers one when it begins as typed. help may be NULL. */
void complete_offer(struct complete *c, const char *candidate, const char *help);

/* ---- complete_want.c ---- */
/* What a placeholder of a table stands for; -1: nobody said (a test looks for those). */
int complete_placeholder(const char *placeholder);
/* The same for an option, and for a command's argument number i (0: the first); words: those that
 * the argument is one of, for WANT_WORDS. */
unsigned complete_option_want(const struct opt_spec *spec);
enum { COMPLETE_WORD = 128 };
unsigned complete_argument_want(const struct cmd *cmd, unsigned i, char words[COMPLETE_WORD]);
/* Calls fn for each placeholder of the arguments of a synopsis, in order; many: "..." follows. */
typedef void (*complete_argument_fn)(void *arg, const char *placeholder, int many);
void complete_arguments(const struct cmd *cmd, complete_argument_fn fn, void *arg);
/* Offers all that is wanted. placeholder: for WANT_WORDS. */
void complete_want(struct complete *c, unsigned want, const char *placeholder);

/* ---- complete_names.c ---- */
/* Offers what the store has of these kinds; silent when there is none. */
void complete_names(struct complete *c, unsigned want);

/* ---- complete_quote.c ---- */
/* Takes the quotes off a word as it was typed so far; *open: a quote that is not closed, or 0. -1
 * when a quote opens in the middle: it cannot be replaced. */
int complete_unquote(struct buf *out, const char *typed, char *open) MUST_CHECK;
/* Appends text so that bash reads exactly it, behind an open quote or none. */
void complete_quote(struct buf *out, const char *text, char open);

#endif
