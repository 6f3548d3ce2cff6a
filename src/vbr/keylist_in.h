/* Inside the readers of lists: only for src/vbr/keylist*.c. */
#ifndef VBR_KEYLIST_IN_H
#define VBR_KEYLIST_IN_H

#include "vbr/keylist.h"

enum { KEYLIST_COLUMNS = 64, KEYLIST_PEEK = 4096 };

/* What is looked at of a row; members and columns have these names, in several spellings. */
enum keylist_member {
    MEMBER_ID,
    MEMBER_HINT,
    MEMBER_UNIQUE,
    MEMBER_MODIFIED,
    MEMBERS,
    MEMBER_OTHER = MEMBERS, /* known, and not looked at: EncryptedPassword, password, isImported */
    MEMBER_NONE             /* not known */
};
/* len bytes of a name. */
enum keylist_member keylist_member(const char *name, size_t len);

struct keylist {
    struct decode in;
    const char *name;
    enum keylist_shape shape;
    struct buf ahead; /* looked at to find the shape, and still to be read */
    size_t ahead_at;
    int back;     /* one character read too far; -1: none */
    int64_t line; /* of the next character */
    int64_t rows, broken;
    struct buf text; /* of the row */
    int incomplete;
    /* JSON: where it stands */
    enum { PLACE_TOP, PLACE_LIST, PLACE_WRAPPED, PLACE_END } place;
    int first;      /* nothing of the list was read yet */
    size_t name_at; /* of the member of the outermost object read last, in text */
    size_t name_len;
    int64_t total;
    /* table */
    char delimiter;
    int typed; /* it began with #TYPE */
    size_t columns;
    enum keylist_member column[KEYLIST_COLUMNS];
    size_t field[KEYLIST_COLUMNS]; /* where each begins in text; each ends with a NUL */
    int quoted[KEYLIST_COLUMNS];
    size_t fields;
};

/* The next character (byte of UTF-8), or EOF. */
int keylist_getc(struct keylist *l);
void keylist_back(struct keylist *l, int c); /* c may be EOF */
void keylist_broken(struct keylist_row *row, const char *why);

/* The next row of each shape; more as in keylist_next. A failed stream looks like its end. */
enum rc keylist_next_json(struct keylist *l, struct keylist_row *row, int *more,
                          struct err *err) MUST_CHECK;
enum rc keylist_next_record(struct keylist *l, struct keylist_row *row, int *more,
                            struct err *err) MUST_CHECK;
/* The line of names. RC_BAD_VALUE: there is none of a description in it. */
enum rc keylist_header(struct keylist *l, struct err *err) MUST_CHECK;

/* Fills the row from what it says of each member: NULL is null or absent. RC_NO_MEMORY. */
enum rc keylist_fill(struct keylist_row *row, const char *const member[MEMBERS],
                     struct err *err) MUST_CHECK;

#endif
