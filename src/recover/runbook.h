/*
 * Runbooks: CommonMark that a person can follow on paper, with a little INI for the tool.
 *
 * `# ` is the title; the text below it the introduction. Each `## ` is a step: what it is. Below it
 * paragraphs say why; lists and code what to do; a paragraph that begins with "Expect:" what then
 * is so; and what stands below `### If it fails` what to do otherwise. One fenced block with the
 * info string `keymuster` in the introduction describes the runbook, one in each step the step
 * (docs/reference/runbooks.md).
 *
 * The words of another person: nothing in here is run but keymuster's own commands, which cli/
 * checks; everything is escaped before a terminal gets it.
 */
#ifndef RECOVER_RUNBOOK_H
#define RECOVER_RUNBOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

enum {
    RUNBOOK_TEXT = 96 * 1024, /* most bytes: an entry has to hold it, with the JSON's own */
    RUNBOOK_STEPS = 200,
    RUNBOOK_FIELDS = 12,
    RUNBOOK_ROWS = 24,
    RUNBOOK_COLUMNS = 80 /* the screen that a step has to fit */
};

enum step_kind {
    STEP_NONE, /* its block is missing or wrong: a finding says so */
    STEP_CHECK,
    STEP_ACTION,
    STEP_REVEAL,
    STEP_MANUAL,
    STEP_WAIT,
    STEP_APPROVE,
    STEP_LOOP,
    STEP_NOTE
};
const char *step_kind_name(enum step_kind kind);

enum step_mode { STEP_REAL = 1, STEP_DRILL = 2 };

enum field_type {
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_TIME,
    FIELD_CHOICE,
    FIELD_SHA256,
    FIELD_CHECK /* what was typed is compared with a key's value, and never kept */
};

struct step_field {
    char name[LIMIT_NAME + 1];
    enum field_type type;
    int optional;
    const char *of; /* choice: the words, "a|b"; check: the KEY; else NULL */
};

/* Texts are plain: paragraphs with a blank line between, "* " and "1. " before items, four blanks
 * before lines of code. Never NULL, but where said so. Owned by the runbook. */
struct step {
    char id[LIMIT_NAME + 1];
    enum step_kind kind;
    unsigned modes; /* enum step_mode */
    const char *title, *why, *todo, *expect, *fails;
    const char *run;   /* check, action: keymuster's words, without "keymuster"; else NULL */
    const char *key;   /* reveal: the KEY; else NULL */
    const char *each;  /* loop: what one of the things is called; else NULL */
    int64_t budget_ms; /* 0: none given */
    int repeat_safe;   /* doing it twice does no harm */
    int findings_fail; /* check: exit status 3 is a failure, too: go, or no-go */
    int approvers;     /* approve: how many; else 0 */
    struct step_field fields[RUNBOOK_FIELDS];
    size_t field_count;
    int line; /* of its heading, from 1 */
};

/* Something wrong with it. With a severe one nobody can follow it. */
struct runbook_finding {
    int line; /* 0: the whole */
    int severe;
    const char *text;
};

struct runbook {
    char id[LIMIT_NAME + 1];
    const char *title, *intro;
    int64_t rto_ms;             /* 0: none given */
    char review[TIME_TEXT + 1]; /* to be looked at again by then, as given; "" */
    char sha256[HASH_TEXT + 1];
    const char *text; /* as it was read */
    size_t len;
    struct step *steps;
    size_t count;
    struct runbook_finding *findings; /* by line */
    size_t finding_count;
    size_t severe;  /* of them */
    char **strings; /* what the texts point to */
    size_t string_count;
};

/*
 * Reads one; file is for messages. Whatever is wrong with it is a finding; RC_OK also then.
 * RC_CONFIG: no text that could be one (not UTF-8, control characters, over RUNBOOK_TEXT, more than
 * RUNBOOK_STEPS steps). RC_NO_MEMORY.
 */
enum rc runbook_read(struct runbook **out, const char *text, size_t len, const char *file,
                     struct err *err) MUST_CHECK;
void runbook_free(struct runbook *r);

/* Adds a finding, for what only cli/ can know. */
enum rc runbook_find(struct runbook *r, int line, int severe, const char *text,
                     struct err *err) MUST_CHECK;

/* The words in braces that a text may hold ("key", "lost"...), by number; NULL after the last. */
const char *runbook_word(size_t i);
/* What it stands for, for people. */
const char *runbook_word_means(size_t i);

#endif
