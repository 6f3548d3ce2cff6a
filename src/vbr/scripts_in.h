/* Inside vbr/scripts: a file as parts, and the variables that are set in it. */
#ifndef VBR_SCRIPTS_IN_H
#define VBR_SCRIPTS_IN_H

#include "vbr/scripts.h"

enum part_kind {
    PART_TEXT, /* a literal, or a piece of one; as it stands, escapes too */
    PART_VAR,  /* a variable: its name, without $ and braces */
    PART_CODE, /* what must be run to be known; a name, or empty */
    PART_OP,   /* one character of punctuation */
    PART_END   /* of a statement */
};

struct part {
    unsigned char kind;
    unsigned char joined; /* nothing is between it and the part before, which it belongs to */
    unsigned char quoted;
    unsigned line;
    unsigned at, len; /* in the text */
};

/* A variable, a member of a table or an argument NAME=VALUE. */
struct set {
    unsigned name;  /* part */
    unsigned value; /* part; the first behind the = */
    int plain;      /* value is all of it */
    int variable;   /* not merely a member */
};

struct scripts_file {
    const char *name;
    struct buf text;
    int shell; /* else PowerShell */
    struct part *parts;
    size_t count, size;
    struct set *sets;
    size_t set_count, set_size;
};

/* Fills parts from text. RC_NO_MEMORY. */
enum rc scripts_lex(struct scripts_file *f, struct err *err) MUST_CHECK;
/* Fills sets from parts. RC_NO_MEMORY; RC_BAD_VALUE: more than SCRIPTS_SETS. */
enum rc scripts_find_sets(struct scripts_file *f, struct err *err) MUST_CHECK;

/* The part, or one that ends everything. */
const struct part *scripts_part(const struct scripts_file *f, size_t i);
int scripts_is_op(const struct scripts_file *f, size_t i, char c);

/* Where word (lower case) stands in t from here on, whatever the case of t's letters; len: nowhere.
 */
size_t scripts_find(const char *t, size_t len, size_t from, const char *word);
/* In lower case, without a scope, _ and -; cut at SCRIPTS_NAME. */
void scripts_plain_name(char out[SCRIPTS_NAME + 1], const char *t, size_t len);
/* Whether two parts of files name the same variable. */
int scripts_same_name(const struct scripts_file *f, const struct part *p,
                      const struct scripts_file *g, const struct part *q);
/* Finds secrets that are literals, keeps their lines and overwrites them. */
void scripts_find_secrets(struct scripts *s);

#endif
