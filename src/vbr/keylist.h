/*
 * Lists of a backup server's encryption passwords, as people have them in files. What a file is, is
 * found by looking, never by its name:
 *
 *   encoding  UTF-8 or UTF-16, with a byte-order mark or without (vbr/decode.h); LF or CR LF
 *   JSON      ConvertTo-Json of Get-VBREncryptionKey (PowerShell 5.1 and 7: an array, a bare
 * object, several one after another), a page of the REST list, the REST automation export table
 * Export-Csv of the same: comma, semicolon or tab, with or without a #TYPE line lines keymuster's
 * own rows, a JSON object a line (docs/reference/import.md)
 *
 * Memory is bounded by one row (LIMIT_ENTRY), whatever the file. A row that cannot be read is given
 * out as such and does not stop the others; nothing is repaired. A member or column that is named
 * like a password is never looked at.
 *
 * Order of use: keylist_open, keylist_next until *more is 0, keylist_close.
 */
#ifndef VBR_KEYLIST_H
#define VBR_KEYLIST_H

#include <stdint.h>
#include <stdio.h>

#include "vbr/decode.h"
#include "vbr/rest.h"

struct keylist;

enum keylist_shape { KEYLIST_LINES, KEYLIST_JSON, KEYLIST_TABLE };

enum keylist_kind {
    KEYLIST_PASSWORD, /* p, verdict and findings say what it is */
    KEYLIST_OWN,      /* an object of another kind, as it stands, in text: keymuster's own row, or
                         nothing */
    KEYLIST_BROKEN    /* cannot be read; why says the reason */
};

enum keylist_verdict {
    KEYLIST_MANAGED,  /* the hint is "moniker | WDEK", and the WDEK is whole */
    KEYLIST_SUSPECT,  /* it was that, but the WDEK cannot be whole: never counted as recoverable */
    KEYLIST_UNMANAGED /* no WDEK: visible, not recoverable */
};

enum keylist_finding {
    KEYLIST_HINT_NULL,
    KEYLIST_HINT_EMPTY,
    KEYLIST_WDEK_MISSING,
    KEYLIST_WDEK_BASE64,     /* something in it is no base64, or its end is missing */
    KEYLIST_WDEK_INCOMPLETE, /* base64, but what it says ends early: the hint was cut */
    KEYLIST_SEPARATOR,       /* the moniker itself has a " | " in it; cut at the last */
    KEYLIST_LOST,            /* the moniker has a "?" or U+FFFD where letters were, perhaps */
    KEYLIST_QUOTES,          /* typographic quotation marks around it or in the WDEK */
    KEYLIST_NUMBER,          /* a spreadsheet has made a number of it (2.9E+11) */
    KEYLIST_ID,              /* the id is none: zeros lost, or a number made of it */
    KEYLIST_ID_MISSING,
    KEYLIST_TIME, /* the time is in the manner of some country; modified is empty then */
    KEYLIST_FINDINGS
};

struct keylist_row {
    enum keylist_kind kind;
    int64_t line;   /* where it begins, from 1 */
    int64_t number; /* of the row in this file, from 1 */
    /* KEYLIST_PASSWORD. id "" is none, or one that was damaged; modified "" is not known. */
    struct vbr_password p;
    char modified_raw[64]; /* as it stands there, when modified could not be made of it; else "" */
    int to_the_second;     /* modified has lost its fraction */
    enum keylist_verdict verdict;
    unsigned findings; /* bits: 1 << KEYLIST_... */
    size_t moniker;    /* bytes of p.hint; 0 without a WDEK */
    const char *wdek;  /* inside p.hint; "" without one */
    /* KEYLIST_OWN: until the next call; failed when the row is longer than LIMIT_ENTRY. */
    const struct buf *text;
    /* KEYLIST_BROKEN: no full stop */
    char why[160];
};

/* Looks at the beginning. file is borrowed and must outlive it; name is for messages. RC_BAD_VALUE:
 * it is none of these; RC_INTERRUPTED. */
enum rc keylist_open(struct keylist **out, FILE *file, const char *name,
                     struct err *err) MUST_CHECK;
void keylist_close(struct keylist *l); /* takes NULL */
/* The next row; *more 0 when there is none. After a failure (RC_BAD_VALUE: reading failed, or more
 * than 100,000 rows cannot be read; RC_INTERRUPTED) nothing more can be read. */
enum rc keylist_next(struct keylist *l, struct keylist_row *row, int *more,
                     struct err *err) MUST_CHECK;

enum keylist_shape keylist_shape(const struct keylist *l);
const struct decode *keylist_encoding(const struct keylist *l);
/* After the last row. The file ended in the middle, or there was more in it than is known here: a
 * password that was not seen may still be there. */
int keylist_incomplete(const struct keylist *l);
/* How many passwords the server says that there are, when this is a page of its list; else -1. */
int64_t keylist_total(const struct keylist *l);

/* "wdek-missing": for a program. A sentence without a full stop, for people. */
const char *keylist_finding_word(enum keylist_finding f);
const char *keylist_finding_text(enum keylist_finding f);

/* Fills verdict, moniker, wdek and its part of the findings from p.hint; what keylist_next does for
 * each row, and for a hint from elsewhere. has_hint 0: it is null. */
enum rc keylist_judge(struct keylist_row *row, int has_hint, struct err *err) MUST_CHECK;

#endif
