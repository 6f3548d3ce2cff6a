#include "cli/reveal/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/log.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

enum { WORD = 16, DIGITS = 15 };

/* One line being read, and where it stands. */
struct line {
    const char *path;
    int number;
    const char *rest;
};

/* ---- words ---- */

static char
letter(char c, int lower)
{
    if (lower && c >= 'A' && c <= 'Z')
        c = "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
    return c;
}

static int
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next blank-separated word into out, small letters with lower; "" at the end of the line. */
static void
next_word(struct line *l, char *out, size_t size, int lower)
{
    size_t kept = 0;
    while (is_blank(*l->rest) || *l->rest == ':')
        l->rest++;
    for (; *l->rest != '\0' && !is_blank(*l->rest) && !(lower && *l->rest == ':'); l->rest++) {
        char c = *l->rest;
        if (kept + 1 < size)
            out[kept++] = letter(c, lower);
    }
    out[kept] = '\0';
}

/* So many characters, whatever blanks stand between them. Fewer at the end of the line. */
static void
next_groups(struct line *l, char *out, size_t count, int lower)
{
    size_t kept = 0;
    while (kept < count && *l->rest != '\0') {
        char c = *l->rest++;
        if (is_blank(c) || (kept == 0 && c == ':'))
            continue;
        out[kept++] = letter(c, lower);
    }
    out[kept] = '\0';
}

/* Whether a word ends here: no group may be longer than it should. */
static int
at_end_of_word(const struct line *l)
{
    return *l->rest == '\0' || is_blank(*l->rest);
}

static enum rc
bad_line(const struct line *l, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%s, line %d is malformed", l->path, l->number);
    (void)err_why(err, "%s", why);
    return err_hint(err, "a card has lines: escrow ID, founder KEY, floor AUTHOR ENTRIES HASH");
}

/* ---- lines ---- */

void
card_floor_check(char out[CARD_CHECK + 1], const char *author, int64_t entries, const char *hash)
{
    char text[AUTHOR_TEXT + HASH_TEXT + 40];
    char hex[HASH_TEXT + 1];
    int n = snprintf(text, sizeof text, "floor %s %lld %s", author, (long long)entries, hash);
    sha256_hex(hex, text, (size_t)n);
    memcpy(out, hex, CARD_CHECK);
    out[CARD_CHECK] = '\0';
}

static enum rc
take_floor(struct card *card, struct line *l, struct err *err)
{
    char entries[DIGITS + 6];
    char hash[HASH_TEXT + 1];
    char word[WORD];
    if (card->floor_count == CARD_FLOORS)
        return err_set(err, RC_BAD_VALUE, "%s: more than %d floors", l->path, CARD_FLOORS);
    struct card_floor *f = &card->floors[card->floor_count];
    next_groups(l, f->author, AUTHOR_TEXT, 1);
    if (!hex_is(f->author, AUTHOR_TEXT) || !at_end_of_word(l))
        return bad_line(l, "the author's id is 32 hex digits", err);
    next_word(l, entries, sizeof entries, 0);
    size_t digits = strlen(entries);
    if (digits == 0 || digits > DIGITS || strspn(entries, "0123456789") != digits)
        return bad_line(l, "after the author comes the number of its entries", err);
    f->entries = strtoll(entries, NULL, 10);
    next_groups(l, hash, HASH_TEXT, 1);
    if (f->entries < 1 || hex_decode(f->hash, HASH_SIZE, hash) != 0 || !at_end_of_word(l))
        return bad_line(l, "the hash of the last entry is 64 hex digits", err);
    next_word(l, word, sizeof word, 1);
    if (strcmp(word, "check") == 0) {
        char given[WORD], check[CARD_CHECK + 1];
        next_word(l, given, sizeof given, 1);
        card_floor_check(check, f->author, f->entries, hash);
        if (strcmp(given, check) != 0)
            return bad_line(l, "a digit is wrong: it does not fit its check", err);
    }
    card->floor_count++;
    return RC_OK;
}

static enum rc
take_escrow(struct card *card, struct line *l, struct err *err)
{
    char text[AUTHOR_TEXT + 1];
    next_groups(l, text, AUTHOR_TEXT, 1);
    if (!hex_is(text, AUTHOR_TEXT) || !at_end_of_word(l))
        return bad_line(l, "the escrow's id is 32 hex digits", err);
    if (card->escrow[0] != '\0' && strcmp(card->escrow, text) != 0)
        return bad_line(l, "a line before names another escrow", err);
    memcpy(card->escrow, text, sizeof card->escrow);
    return RC_OK;
}

static enum rc
take_founder(struct sign_public *founder, struct line *l, struct err *err)
{
    char text[SIGN_PUBLIC_TEXT + 1];
    next_groups(l, text, SIGN_PUBLIC_TEXT, 0);
    if (sign_public_parse(founder, text) != 0 || !at_end_of_word(l))
        return bad_line(l, "the founder's key is 56 characters that begin RW", err);
    return RC_OK;
}

/* "made TIME; ...": for people, and to tell how old it is. */
static void
take_made(struct card *card, struct line *l)
{
    char text[TIME_TEXT + 2];
    int64_t ms = 0;
    while (is_blank(*l->rest))
        l->rest++;
    (void)snprintf(text, sizeof text, "%.*s", TIME_TEXT, l->rest);
    if (time_parse(&ms, text) == 0)
        time_format(card->made, ms);
}

/* A word that was meant to be one of ours must not be taken for a person's: a floor would be lost.
 */
static enum rc
refuse_misspelt(const struct line *l, const char *word, struct err *err)
{
    static const char *const words[] = {"escrow", "founder", "floor"};
    char why[80];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (edit_distance(word, words[i]) != 1)
            continue;
        (void)snprintf(why, sizeof why, "it begins with \"%s\"; \"%s\" is meant", word, words[i]);
        return bad_line(l, why, err);
    }
    return RC_OK;
}

static enum rc
take_line(struct card *card, struct sign_public *founder, struct line *l, struct err *err)
{
    char word[WORD];
    next_word(l, word, sizeof word, 1);
    if (strcmp(word, "escrow") == 0)
        return take_escrow(card, l, err);
    if (strcmp(word, "founder") == 0)
        return take_founder(founder, l, err);
    if (strcmp(word, "floor") == 0)
        return take_floor(card, l, err);
    if (strcmp(word, "made") == 0)
        take_made(card, l);
    return refuse_misspelt(l, word, err);
}

static enum rc
settle_escrow(struct card *card, const struct sign_public *founder, const char *path,
              struct err *err)
{
    char founded[AUTHOR_TEXT + 1] = "";
    if (founder->text[0] != '\0')
        escrow_id(founded, founder);
    if (card->escrow[0] == '\0')
        memcpy(card->escrow, founded, sizeof founded);
    if (card->escrow[0] == '\0') {
        (void)err_set(err, RC_BAD_VALUE, "%s is no recovery card", path);
        return err_why(err, "it has neither a line \"escrow ID\" nor a line \"founder KEY\"");
    }
    if (founded[0] != '\0' && strcmp(founded, card->escrow) != 0) {
        (void)err_set(err, RC_NOT_ANCHORED, "%s: its founder's key did not found its escrow", path);
        return err_hint(err, "one of the two lines is mistyped, or the card was altered");
    }
    return RC_OK;
}

/* ---- the file ---- */

/* UTF-16 as some editors save it; what is not ASCII is for people only. */
static void
narrow(struct buf *text)
{
    unsigned char *bytes = (unsigned char *)text->data;
    if (text->len < 2 ||
        !((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff)))
        return;
    size_t low = bytes[0] == 0xff ? 0 : 1;
    size_t count = 0;
    for (size_t i = 2; i + 1 < text->len; i += 2) {
        unsigned char c = bytes[i + low];
        bytes[count++] = bytes[i + 1 - low] == 0 && c > 0 && c < 0x80 ? c : '?';
    }
    text->len = count;
    bytes[count] = '\0';
}

static enum rc
read_text(struct buf *text, const char *path, struct err *err)
{
    enum rc rc = file_read(text, path, err);
    if (rc != RC_OK || text->len == 0)
        return rc;
    narrow(text);
    if (strlen(text->data) == text->len)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "%s is no recovery card", path);
    return err_why(err, "it is not text: it has zero bytes");
}

enum rc
card_read(struct card *out, const char *path, struct err *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct buf text;
    struct sign_public founder;
    struct line l = {.path = path};
    memset(out, 0, sizeof *out);
    memset(&founder, 0, sizeof founder);
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = read_text(&text, path, err);
    char *at = text.data;
    if (rc == RC_OK && at != NULL && strncmp(at, mark, sizeof mark - 1) == 0)
        at += sizeof mark - 1;
    while (rc == RC_OK && at != NULL) {
        char *end = strchr(at, '\n');
        if (end != NULL)
            *end = '\0';
        l.number++;
        l.rest = at;
        rc = take_line(out, &founder, &l, err);
        at = end != NULL ? end + 1 : NULL;
    }
    buf_release(&text);
    return rc == RC_OK ? settle_escrow(out, &founder, path, err) : rc;
}

/* ---- against a store ---- */

/* Compares one line of the store with the card's hash of it. */
static enum rc
same_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    const struct card_floor *f = arg;
    unsigned char hash[HASH_SIZE];
    sha256(hash, line, len);
    if (memcmp(hash, f->hash, HASH_SIZE) == 0)
        return RC_OK;
    return err_set(err, RC_COPY_FORKED, "entry %lld of author %s is not the one of the card",
                   (long long)seq, f->author);
}

enum rc
card_check(const struct card *card, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < card->floor_count; i++) {
        struct card_floor f = card->floors[i];
        struct log_end end;
        rc = log_end(store, f.author, &end, err);
        if (rc == RC_OK && end.seq < f.entries) {
            (void)err_set(err, RC_CARD_FLOOR, "the copy is older than the card");
            (void)err_why(err,
                          "author %s: %lld entries in the copy, %lld when the card was printed",
                          f.author, (long long)end.seq, (long long)f.entries);
            return err_hint(err, "look for a newer copy; without the card: --expect %s",
                            card->escrow);
        }
        if (rc == RC_OK)
            rc = log_each(store, f.author, f.entries, f.entries, same_line, &f, err);
    }
    return rc;
}
