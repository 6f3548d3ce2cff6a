/*
 * import: many keys that a KMS wrapped before, a verdict for each, stored in waves. Rows are
 * keymuster's own lines (import_row.h), judged as they are read, or those of a backup server's list
 * (vbr/keylist.h), judged when all files are read (import_list.h).
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "cli/keys/import_row.h"
#include "cli/keys/seen.h"
#include "text/table.h"
#include "vbr/keylist.h"

enum {
    IMPORT_REFUSED = RECORDING_OTHER, /* before it: enum recording_verdict */
    IMPORT_TWICE,
    IMPORT_SUCCESSOR,
    IMPORT_UNMANAGED, /* no wrap in it: nobody but the backup server has the key */
    IMPORT_DAMAGED,   /* there was a wrap in it, or nobody can read it */
    IMPORT_AMBIGUOUS, /* what it is cannot be told from it */
    IMPORT_VERDICTS
};
const char *import_word(unsigned verdict);

/* What is found in rows of a list: that of one row alone, then that of several. */
enum { IMPORT_SAME_MONIKER = KEYLIST_FINDINGS, IMPORT_FINDINGS };
const char *import_finding(unsigned f); /* "wdek-missing" */

/* Where a row comes from. */
struct import_from {
    const char *file; /* borrowed until the wave ends */
    int64_t line;
    int64_t row;       /* of a list; 0: a line of its own */
    unsigned findings; /* of a list's row: bits 1 << KEYLIST_..., IMPORT_SAME_MONIKER */
};

/* A row that is judged; its entry, if it has one, waits for the wave's transaction. */
struct import_item {
    struct import_from from;
    char name[KEY_NAME_BYTES + 1]; /* "" when it could not be read */
    int64_t generation;            /* 0: unknown */
    unsigned verdict;
    char why[1100];
    const char *kind; /* NULL: nothing to record */
    struct buf body;
};

enum { IMPORT_WAVE = 4096, IMPORT_WAVE_MS = 500 };

struct import {
    struct ctx *ctx;
    struct mint base; /* roots and protected site, as the command line says */
    const char *purpose;
    int prove;
    int succeed;                 /* another value under a known name is its next generation */
    int region_said[MINT_WRAPS]; /* the site rule has said what it has to say of this root */
    struct import_item items[IMPORT_WAVE];
    size_t count;
    struct seen waiting; /* names of this wave's new rows */
    int64_t began;       /* of this wave, clock_mono_ms */
    int64_t totals[IMPORT_VERDICTS];
    char newest[2][UUID_TEXT + 1]; /* newest key made: any, one that must outlive its site */
    struct seen seen;              /* names that a dry run would have recorded */
    struct table *table;
    struct buf doc;
    struct jw w;
};

/* What goes wrong with a row alone; anything else would go wrong with every row, and ends the
 * import. */
int import_is_of_row(enum rc rc);
/* Verdict, and the entry if there is one, into it. */
enum rc import_judge(struct import *im, struct import_row *row, struct import_item *it,
                     struct err *err) MUST_CHECK;
/*
 * Takes a row that was read with this result (err says why, when not RC_OK) and judges it; stores
 * the wave before it when that is full. *it (may be NULL) is its item until the next call. Releases
 * the row.
 */
enum rc import_take(struct import *im, const struct import_from *from, struct import_row *row,
                    enum rc read, struct import_item **it, struct err *err) MUST_CHECK;
/* An item with this verdict, of a row that is not recorded. name may be "". */
enum rc import_tell(struct import *im, const struct import_from *from, const char *name,
                    unsigned verdict, struct import_item **it, struct err *err) MUST_CHECK;
/* Stores the wave, and only then says what became of its rows. */
enum rc import_end_wave(struct import *im, struct err *err) MUST_CHECK;

#endif
