/*
 * Taking over a password that is at a backup server already: from the WDEK in its hint, as somebody
 * types it, or as a hole where nobody knows it.
 *
 * The escrow first: the key is proven, recorded and published. Then the server is asked whether its
 * password is that one; only then the hint is put right and key.delivered recorded. After a crash
 * the same command goes on, for a value that is there already is no news.
 */
#ifndef CLI_VBR_ADOPT_H
#define CLI_VBR_ADOPT_H

#include "cli/keys/recording.h"
#include "cli/vbr/vbr_push.h"

enum vbr_adopted {
    ADOPT_OPEN,     /* not yet settled */
    ADOPT_THERE,    /* on record under this id */
    ADOPT_PLANNED,  /* --dry-run */
    ADOPT_DONE,     /* and verified there */
    ADOPT_UNSURE,   /* recorded; the server cannot verify */
    ADOPT_DIFFERS,  /* recorded; but the password in use is another one */
    ADOPT_LATER,    /* recorded; too many wrong tries at the server */
    ADOPT_PASSWORD, /* no WDEK in its hint */
    ADOPT_HOLE,     /* recorded as one that nobody knows */
    ADOPT_REFUSED   /* why says it */
};

/* What --second came to for a key that is known. */
enum adopt_second {
    ADOPT_SECOND_NONE, /* not asked for, or with the key at once */
    ADOPT_SECOND_ADDED,
    ADOPT_SECOND_THERE,
    ADOPT_SECOND_PLANNED,
    ADOPT_SECOND_FAILED
};

/* One password there, and what became of it. */
struct vbr_adoption {
    char id[UUID_TEXT + 1], unique[UUID_TEXT + 1], modified[TIME_TEXT + 1];
    char *hint;
    enum vbr_adopted outcome;
    enum adopt_second second;
    struct key key; /* uuid "": none yet */
    int typed;      /* a person knows it */
    struct err why; /* ADOPT_REFUSED */
};

struct vbr_adopt {
    struct ctx *ctx;
    struct vbr_server *s; /* vbr NULL: a list in files; nothing is asked of a server */
    const char *name, *purpose, *secret; /* --key, --purpose, --secret; NULL */
    char since[TIME_TEXT + 1];           /* "": as the server says */
    char config[UUID_TEXT + 1];          /* id of the configuration backup's password; "" */
    struct object site;                  /* that is protected */
    int every;                           /* --all: what no person has named */
    const struct root *first;            /* tried before all others; NULL */
    struct vbr_known *known;             /* on record of this server */
    size_t known_count;
    struct who who;
};

/* Proves and records; nothing with --dry-run. RC_OK also for a password that is refused. */
enum rc vbr_adopt_hint(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err) MUST_CHECK;
/* As it is typed: the server is asked first. Done with it. */
enum rc vbr_adopt_typed(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err) MUST_CHECK;
enum rc vbr_adopt_hole(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err) MUST_CHECK;
/* After vbr_adopt_hint: unwraps, with the records of a showing, and has it verified there. */
enum rc vbr_adopt_verify(struct vbr_adopt *a, struct vbr_adoption *p, struct err *err) MUST_CHECK;

#endif
