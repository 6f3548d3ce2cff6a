/*
 * The recovery card: text with lines `escrow ID`, `founder KEY`, `floor AUTHOR ENTRIES HASH [check
 * XXXX]`; other lines are for people. It may be typed from paper: UTF-8 or UTF-16, with or without
 * a byte order mark; LF or CR LF; blanks anywhere between groups of digits; capital digits and
 * words; a colon after the first word.
 */
#ifndef CLI_CARD_H
#define CLI_CARD_H

#include "escrow/store.h"

enum { CARD_FLOORS = 64, CARD_CHECK = 4 };
struct card_floor {
    char author[AUTHOR_TEXT + 1];
    int64_t entries;
    unsigned char hash[HASH_SIZE];
};
struct card {
    char escrow[AUTHOR_TEXT + 1];
    char made[TIME_TEXT + 1]; /* "" where it does not say */
    struct card_floor floors[CARD_FLOORS];
    size_t floor_count;
};
/* RC_BAD_VALUE naming the line; RC_NOT_ANCHORED when founder and escrow do not fit each other. */
enum rc card_read(struct card *out, const char *path, struct err *err) MUST_CHECK;
/* RC_CARD_FLOOR when the store knows less of an author, RC_COPY_FORKED when it knows another entry
 * there. */
enum rc card_check(const struct card *card, const struct store *store, struct err *err) MUST_CHECK;

/* A floor's check: finds a digit that was typed wrongly. */
void card_floor_check(char out[CARD_CHECK + 1], const char *author, int64_t entries,
                      const char *hash);

#endif
