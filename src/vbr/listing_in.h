/* Inside the readers of lists: only for src/vbr/listing*.c. */
#ifndef VBR_LISTING_IN_H
#define VBR_LISTING_IN_H

#include "text/json.h"
#include "vbr/listing.h"

enum { LISTING_COLUMNS = 64, LISTING_PEEK = 4096 };

/* What is looked at of a row; members and columns have these names, in several spellings. */
enum listing_member {
    MEMBER_ID,
    MEMBER_HINT,
    MEMBER_UNIQUE,
    MEMBER_MODIFIED,
    MEMBERS,
    MEMBER_OTHER = MEMBERS, /* known, and not looked at: EncryptedPassword, password, isImported */
    MEMBER_NONE             /* not known */
};
/* len bytes of a name. */
enum listing_member listing_member(const char *name, size_t len);

struct listing {
    struct decode in;
    const char *name;
    enum listing_shape shape;
    struct buf ahead; /* looked at to find the shape, and still to be read */
    size_t ahead_at;
    int back;     /* one character read too far; -1: none */
    int64_t line; /* of the next character */
    int64_t rows;
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
    enum listing_member column[LISTING_COLUMNS];
    size_t field[LISTING_COLUMNS]; /* where each begins in text; each ends with a NUL */
    int quoted[LISTING_COLUMNS];
    size_t fields;
};

/* The next character (byte of UTF-8), or EOF. */
int listing_getc(struct listing *l);
void listing_back(struct listing *l, int c); /* c may be EOF */
void listing_broken(struct listing_row *row, const char *why);

/* The next row of each shape; more as in listing_next. A failed stream looks like its end. */
enum rc listing_next_json(struct listing *l, struct listing_row *row, int *more,
                          struct err *err) MUST_CHECK;
enum rc listing_next_record(struct listing *l, struct listing_row *row, int *more,
                            struct err *err) MUST_CHECK;
/* The line of names. RC_BAD_VALUE: there is none of a description in it. */
enum rc listing_header(struct listing *l, struct err *err) MUST_CHECK;

/* Fills the row from what it says of each member: NULL is null or absent. RC_NO_MEMORY. */
enum rc listing_fill(struct listing_row *row, const char *const member[MEMBERS],
                     struct err *err) MUST_CHECK;

#endif
