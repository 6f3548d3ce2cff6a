/*
 * vbr adopt, whole: what is chosen of a server's passwords, what became of each, and with --scripts
 * the KMS and root key that a site's scripts name. cmd_vbr_adopt.c leads; vbr_adopt.c does one.
 */
#ifndef CLI_ADOPT_H
#define CLI_ADOPT_H

#include "cli/keys/kms_ibm.h"
#include "cli/vbr/vbr_adopt.h"
#include "vbr/scripts.h"

/* What the scripts say, and what was made of it. */
struct adopt_scripts {
    struct ctx *ctx;
    struct scripts read;
    struct object kms, site; /* site: where a new KMS stands */
    struct ibm_words words;  /* of a KMS that is not bound here */
    char root_id[SCRIPTS_VALUE + 1];
    struct root root; /* uuid made up with --dry-run where it is new */
    int kms_new, root_new;
    int bound;     /* the KMS is, on this machine */
    int confirmed; /* its address stands on the command line, as in the log */
};

struct adopting {
    struct vbr_adopt a;
    struct vbr_adoption *list; /* all that is there */
    size_t count, size;
    struct vbr_adoption **chosen;
    size_t chosen_count;
    int unknown;                   /* --unknown */
    int listed;                    /* --file: the server is not asked */
    struct adopt_scripts *scripts; /* --scripts; else NULL */
    struct err stopped;            /* what ended it half way; else RC_OK */
};

/* Reads the files of --scripts and behind the server's name; secrets in them are warned of.
 * RC_BAD_VALUE: one is no script, or they do not say it as literals; RC_AMBIGUOUS: they disagree.
 */
enum rc adopt_scripts_read(struct adopt_scripts *s, struct err *err) MUST_CHECK;
/* Finds KMS and root key, opens the KMS, asks it after the root key, and records and binds what the
 * escrow does not know; s->root is then to unwrap with. Nothing is recorded with --dry-run. */
enum rc adopt_scripts_reach(struct adopt_scripts *s, struct err *err) MUST_CHECK;
void adopt_scripts_release(struct adopt_scripts *s);

/* The passwords of all --file into x->list. */
enum rc adopt_take(struct adopting *x, const struct vbr_password *p, struct err *err) MUST_CHECK;
enum rc adopt_files(struct adopting *x, struct err *err) MUST_CHECK;

/* --second: a wrap under it for every chosen key that has none; with --dry-run it is only tried. */
enum rc adopt_second(struct adopting *x, struct err *err) MUST_CHECK;

/* What became of each; findings are counted. */
enum rc adopt_answer(struct adopting *x, struct err *err) MUST_CHECK;

#endif
