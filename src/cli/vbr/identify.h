/*
 * Which key opens a configuration backup, or what a description (hint) of a password stands for;
 * and whether this machine could get that key back.
 */
#ifndef CLI_IDENTIFY_H
#define CLI_IDENTIFY_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "vbr/bco.h"
#include "vbr/description.h"

enum here {
    HERE_NO,     /* no root key of a wrap of it is bound on this machine */
    HERE_FAILED, /* the newest drills at this site failed */
    HERE_UNSURE, /* a root key is bound, but no drill was made at this site */
    HERE_DRILLED
};

/* One file or description, and what was found. Without its bco, which is large, it is a row. */
struct identify {
    char source[PATH_SIZE]; /* the path; "description" */
    int is_file;
    struct err failed; /* code RC_OK: it was read */
    char made[TIME_TEXT + 1], version[48];
    int64_t size;
    int encrypted, officer, guessed;
    enum description_how how;
    struct key key; /* unless how is DESCRIPTION_NONE */
    int ambiguous;  /* the moniker names several keys */
    int other;      /* there is a WDEK, and the escrow has it nowhere */
    enum here here;
    char drilled[TIME_TEXT + 1]; /* HERE_DRILLED, HERE_FAILED: when */
    char code[8];                /* HERE_FAILED */
};

/* A file's head into bco, and what it stands for. What a file is at fault for goes to out->failed;
 * the rest is an error. */
enum rc identify_file(const struct ctx *ctx, const char *path, struct bco *bco,
                      struct identify *out, struct err *err) MUST_CHECK;
/* The same of a head that was read otherwise; rc: how that ended, its cause in out->failed. */
enum rc identify_head(const struct ctx *ctx, const struct bco *bco, enum rc rc,
                      struct identify *out, struct err *err) MUST_CHECK;
/* A description, as somebody copied it; blanks around it do not count. Its text goes to bco->hint.
 * RC_BAD_VALUE. */
enum rc identify_text(const struct ctx *ctx, const char *text, struct bco *bco,
                      struct identify *out, struct err *err) MUST_CHECK;

/* "wrap", "name", "name and time" */
const char *identify_how(const struct identify *found);
/* "yes, drilled 2026-03-15" */
void identify_here(char out[96], const struct identify *found);
/* The command that gets this key from where the command of ctx looked. */
void identify_command(struct buf *out, const struct ctx *ctx, const struct key *key);
/* The WDEK of a description, or NULL. Inside hint; *len its bytes. */
const char *identify_wdek(const char *hint, size_t *len);
/* The root key's id that a WDEK of IBM's layout names, or "". Told by the wrap, proven by nothing.
 */
void identify_handle(char out[UUID_TEXT + 1], const char *wdek, size_t len);

#endif
