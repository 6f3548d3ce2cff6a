/* Lists of encryption passwords: which shape a file has, and its rows one by one. */
#include <stdlib.h>
#include <string.h>

#include "sys/env.h"
#include "vbr/listing_in.h"

/* ---- characters ---- */

int
listing_getc(struct listing *l)
{
    int c = l->back;
    if (c >= 0)
        l->back = -1;
    else if (l->ahead_at < l->ahead.len)
        c = (unsigned char)l->ahead.data[l->ahead_at++];
    else
        c = decode_getc(&l->in);
    l->line += c == '\n';
    return c;
}

void
listing_back(struct listing *l, int c)
{
    l->back = c;
    l->line -= c == '\n';
}

/* ---- which shape ---- */

/* One more character of the beginning; EOF also when it is longer than anybody's. */
static int
peek(struct listing *l)
{
    int c = l->ahead.len < LISTING_PEEK ? decode_getc(&l->in) : EOF;
    if (c != EOF)
        buf_addc(&l->ahead, (char)c);
    return c;
}

static int
is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What stands behind the first brace: a member of a list of passwords, or a line break, which no
 * row of ours has. */
static enum listing_shape
shape_of_object(struct listing *l)
{
    int c = peek(l);
    while (c == ' ' || c == '\t')
        c = peek(l);
    if (c == '\r' || c == '\n')
        return LISTING_JSON;
    if (c != '"')
        return LISTING_LINES;
    size_t at = l->ahead.len;
    while ((c = peek(l)) != EOF && c != '"')
        ;
    if (c == EOF)
        return LISTING_LINES;
    const char *name = buf_str(&l->ahead) + at;
    size_t len = l->ahead.len - at - 1;
    static const char *const lists[] = {"data", "encryptionPasswords", "pagination", "value",
                                        "EncryptedPassword"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strlen(lists[i]) == len && memcmp(lists[i], name, len) == 0)
            return LISTING_JSON;
    }
    if (len == strlen("description") && memcmp(name, "description", len) == 0)
        return LISTING_LINES; /* ours, in small letters */
    return listing_member(name, len) < MEMBERS ? LISTING_JSON : LISTING_LINES;
}

static enum rc
find_shape(struct listing *l, struct err *err)
{
    int c = peek(l);
    while (is_blank(c))
        c = peek(l);
    enum rc rc = buf_check(&l->ahead, l->name, err);
    if (rc != RC_OK)
        return rc;
    if (c == EOF) {
        l->shape = LISTING_LINES;
    } else if (c == '[') {
        l->shape = LISTING_JSON;
    } else if (c == '{') {
        l->shape = shape_of_object(l);
    } else {
        l->shape = LISTING_TABLE;
        return listing_header(l, err);
    }
    return RC_OK;
}

static enum rc
stream_check(const struct listing *l, struct err *err)
{
    if (!ferror(l->in.file))
        return RC_OK;
    if (signals_pending())
        return err_set(err, RC_INTERRUPTED, "interrupted while reading %s", l->name);
    return err_errno(err, RC_BAD_VALUE, "reading %s", l->name);
}

enum rc
listing_open(struct listing **out, FILE *file, const char *name, struct err *err)
{
    struct listing *l = calloc(1, sizeof *l);
    *out = NULL;
    if (l == NULL)
        return err_nomem(err);
    buf_init(&l->ahead, LISTING_PEEK);
    buf_init(&l->text, LIMIT_ENTRY);
    l->name = name;
    l->line = 1;
    l->back = -1;
    l->total = -1;
    decode_init(&l->in, file);
    enum rc rc = find_shape(l, err);
    struct err failed = ERR_INIT;
    if (stream_check(l, &failed) != RC_OK) {
        *err = failed;
        rc = err->code;
    }
    if (rc != RC_OK) {
        listing_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void
listing_close(struct listing *l)
{
    if (l == NULL)
        return;
    buf_release(&l->ahead);
    buf_release(&l->text);
    free(l);
}

/* ---- rows ---- */

static int
all_blank(const struct buf *text)
{
    return !text->failed && strspn(buf_str(text), " \t\r") == text->len;
}

/* A line without its end; lines of blanks are skipped. */
static void
next_line(struct listing *l, struct listing_row *row, int *more)
{
    char chunk[4096];
    do {
        size_t n = 0;
        int c;
        row->line = l->line;
        buf_clear(&l->text);
        while ((c = listing_getc(l)) != EOF && c != '\n') {
            chunk[n++] = (char)c;
            if (n == sizeof chunk) {
                buf_add(&l->text, chunk, n);
                n = 0;
            }
        }
        buf_add(&l->text, chunk, n);
        *more = c != EOF || l->text.len > 0 || l->text.failed;
    } while (*more && all_blank(&l->text));
    if (l->text.len > 0 && l->text.data[l->text.len - 1] == '\r')
        l->text.data[--l->text.len] = '\0';
    row->kind = LISTING_OWN;
    row->text = &l->text;
}

void
listing_broken(struct listing_row *row, const char *why)
{
    row->kind = LISTING_BROKEN;
    (void)snprintf(row->why, sizeof row->why, "%s", why);
}

enum rc
listing_next(struct listing *l, struct listing_row *row, int *more, struct err *err)
{
    enum rc rc = RC_OK;
    row->p.id[0] = row->p.hint[0] = row->p.unique[0] = row->p.modified[0] = '\0';
    row->modified_raw[0] = row->why[0] = '\0';
    row->to_the_second = 0;
    row->verdict = LISTING_UNMANAGED;
    row->findings = 0;
    row->moniker = 0;
    row->wdek = "";
    row->text = NULL;
    *more = 0;
    switch (l->shape) {
    case LISTING_LINES:
        next_line(l, row, more);
        break;
    case LISTING_JSON:
        rc = listing_next_json(l, row, more, err);
        break;
    case LISTING_TABLE:
        rc = listing_next_record(l, row, more, err);
        break;
    }
    if (rc == RC_OK)
        rc = stream_check(l, err);
    if (*more)
        row->number = ++l->rows;
    return rc;
}

enum listing_shape
listing_shape(const struct listing *l)
{
    return l->shape;
}

const struct decode *
listing_encoding(const struct listing *l)
{
    return &l->in;
}

int
listing_incomplete(const struct listing *l)
{
    return l->incomplete;
}

int64_t
listing_total(const struct listing *l)
{
    return l->total;
}
