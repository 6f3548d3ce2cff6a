/* Lists of encryption passwords: which shape a file has, and its rows one by one. */
#include <stdlib.h>
#include <string.h>

#include "sys/process.h"
#include "vbr/keylist_in.h"

enum { BROKEN_MOST = 100000 };

/* ---- characters ---- */

int
keylist_getc(struct keylist *l)
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
keylist_back(struct keylist *l, int c)
{
    l->back = c;
    l->line -= c == '\n';
}

/* ---- which shape ---- */

/* One more character of the beginning; EOF also when it is longer than anybody's. */
static int
peek(struct keylist *l)
{
    int c = l->ahead.len < KEYLIST_PEEK ? decode_getc(&l->in) : EOF;
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
static enum keylist_shape
shape_of_object(struct keylist *l)
{
    int c = peek(l);
    while (c == ' ' || c == '\t')
        c = peek(l);
    if (c == '\r' || c == '\n')
        return KEYLIST_JSON;
    if (c != '"')
        return KEYLIST_LINES;
    size_t at = l->ahead.len;
    while ((c = peek(l)) != EOF && c != '"')
        ;
    if (c == EOF)
        return KEYLIST_LINES;
    const char *name = buf_str(&l->ahead) + at;
    size_t len = l->ahead.len - at - 1;
    static const char *const lists[] = {"data", "encryptionPasswords", "pagination", "value",
                                        "EncryptedPassword"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strlen(lists[i]) == len && memcmp(lists[i], name, len) == 0)
            return KEYLIST_JSON;
    }
    if (len == strlen("description") && memcmp(name, "description", len) == 0)
        return KEYLIST_LINES; /* ours, in small letters */
    return keylist_member(name, len) < MEMBERS ? KEYLIST_JSON : KEYLIST_LINES;
}

static enum rc
find_shape(struct keylist *l, struct err *err)
{
    int c = peek(l);
    while (is_blank(c))
        c = peek(l);
    enum rc rc = buf_check(&l->ahead, l->name, err);
    if (rc != RC_OK)
        return rc;
    if (c == EOF) {
        l->shape = KEYLIST_LINES;
    } else if (c == '[') {
        l->shape = KEYLIST_JSON;
    } else if (c == '{') {
        l->shape = shape_of_object(l);
    } else {
        l->shape = KEYLIST_TABLE;
        return keylist_header(l, err);
    }
    return RC_OK;
}

static enum rc
stream_check(const struct keylist *l, struct err *err)
{
    if (!ferror(l->in.file))
        return RC_OK;
    if (signals_pending())
        return err_set(err, RC_INTERRUPTED, "interrupted while reading %s", l->name);
    return err_errno(err, RC_BAD_VALUE, "reading %s", l->name);
}

enum rc
keylist_open(struct keylist **out, FILE *file, const char *name, struct err *err)
{
    struct keylist *l = calloc(1, sizeof *l);
    *out = NULL;
    if (l == NULL)
        return err_nomem(err);
    buf_init(&l->ahead, KEYLIST_PEEK);
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
        keylist_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void
keylist_close(struct keylist *l)
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
static enum rc
next_line(struct keylist *l, struct keylist_row *row, int *more, struct err *err)
{
    char chunk[4096];
    do {
        size_t n = 0;
        int c;
        row->line = l->line;
        buf_clear(&l->text);
        while ((c = keylist_getc(l)) != EOF && c != '\n') {
            chunk[n++] = (char)c;
            if (n == sizeof chunk) {
                buf_add(&l->text, chunk, n);
                n = 0;
            }
        }
        buf_add(&l->text, chunk, n);
        if (l->text.failed == RC_NO_MEMORY)
            return err_nomem(err);
        *more = c != EOF || l->text.len > 0 || l->text.failed;
    } while (*more && all_blank(&l->text));
    if (l->text.len > 0 && l->text.data[l->text.len - 1] == '\r')
        l->text.data[--l->text.len] = '\0';
    row->kind = KEYLIST_OWN;
    row->text = &l->text;
    return RC_OK;
}

void
keylist_broken(struct keylist_row *row, const char *why)
{
    row->kind = KEYLIST_BROKEN;
    (void)snprintf(row->why, sizeof row->why, "%s", why);
}

enum rc
keylist_next(struct keylist *l, struct keylist_row *row, int *more, struct err *err)
{
    enum rc rc = RC_OK;
    row->p.id[0] = row->p.hint[0] = row->p.unique[0] = row->p.modified[0] = '\0';
    row->modified_raw[0] = row->why[0] = '\0';
    row->to_the_second = 0;
    row->verdict = KEYLIST_UNMANAGED;
    row->findings = 0;
    row->moniker = 0;
    row->wdek = "";
    row->text = NULL;
    *more = 0;
    switch (l->shape) {
    case KEYLIST_LINES:
        rc = next_line(l, row, more, err);
        break;
    case KEYLIST_JSON:
        rc = keylist_next_json(l, row, more, err);
        break;
    case KEYLIST_TABLE:
        rc = keylist_next_record(l, row, more, err);
        break;
    }
    if (rc == RC_OK)
        rc = stream_check(l, err);
    if (*more)
        row->number = ++l->rows;
    l->broken += *more && row->kind == KEYLIST_BROKEN;
    if (rc == RC_OK && l->broken > BROKEN_MOST) {
        rc = err_set(err, RC_BAD_VALUE, "%s: more than %d rows cannot be read", l->name,
                     BROKEN_MOST);
        (void)err_hint(err, "it is no list of passwords; export them again");
    }
    return rc;
}

enum keylist_shape
keylist_shape(const struct keylist *l)
{
    return l->shape;
}

const struct decode *
keylist_encoding(const struct keylist *l)
{
    return &l->in;
}

int
keylist_incomplete(const struct keylist *l)
{
    return l->incomplete;
}

int64_t
keylist_total(const struct keylist *l)
{
    return l->total;
}
