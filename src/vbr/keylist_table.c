/* Rows out of a table of values with commas, semicolons or tabs between them (Export-Csv). */
#include <string.h>

#include "text/uni.h"
#include "vbr/keylist_in.h"

/* A record ends with its line, whatever is open: so one quotation mark too few damages one row, and
 * not all that follow. A description has no line break. */

static void
end_field(struct keylist *l, int quoted)
{
    buf_add(&l->text, "", 1);
    l->quoted[l->fields] = quoted;
    l->fields++;
}

/* Whether the quotation mark just read is the first of two, which stand for one; takes the second.
 */
static int
is_doubled(struct keylist *l)
{
    int next = keylist_getc(l);
    if (next != '"')
        keylist_back(l, next);
    return next == '"';
}

/* Whether the CR just read belongs to the end of the line. */
static int
ends_line(struct keylist *l)
{
    int next = keylist_getc(l);
    keylist_back(l, next);
    return next == '\n' || next == EOF;
}

/* NULL: nothing. closed: behind a closing quotation mark. */
static const char *
wrong_here(int c, int closed)
{
    return c == '"'    ? "a quotation mark stands in the middle of a field"
           : closed    ? "something stands behind a closing quotation mark"
           : c == '\0' ? "there is a NUL in it"
                       : NULL;
}

/* One field from c on. *c: what ended it. Returns NULL, or what is wrong with it. */
static const char *
take_field(struct keylist *l, int *c)
{
    const char *wrong = NULL, *now;
    int quoted = *c == '"', open = quoted;
    if (quoted)
        *c = keylist_getc(l);
    for (; *c != EOF && *c != '\n'; *c = keylist_getc(l)) {
        if (open && *c == '"') {
            open = is_doubled(l);
            if (open)
                buf_addc(&l->text, '"');
            continue;
        }
        if (!open && *c == l->delimiter)
            break;
        if (!open && *c == '\r' && ends_line(l))
            continue;
        now = open && *c != '\0' ? NULL : wrong_here(*c, quoted && !open);
        wrong = now != NULL ? now : wrong;
        buf_addc(&l->text, (char)*c);
    }
    if (open)
        wrong = "a quotation mark is missing, or there is a line break between two";
    end_field(l, quoted);
    return wrong;
}

/* A line that is not empty; *more 0: there is none. why: NULL, or what is wrong with it. */
static void
take_record(struct keylist *l, int64_t *line, const char **why, int *more)
{
    int c = keylist_getc(l);
    while (c == '\n' || c == '\r')
        c = keylist_getc(l);
    *more = c != EOF;
    *line = l->line;
    *why = NULL;
    buf_clear(&l->text);
    l->fields = 0;
    while (c != EOF) {
        l->field[l->fields] = l->text.len;
        const char *wrong = take_field(l, &c);
        if (*why == NULL)
            *why = wrong;
        if (c == '\n' || c == EOF)
            break;
        c = keylist_getc(l);
        if (l->fields == KEYLIST_COLUMNS) { /* the rest of it is passed over */
            *why = "there are more fields in it than in any list";
            while (c != '\n' && c != EOF)
                c = keylist_getc(l);
            break;
        }
        if (c == EOF || c == '\n') { /* a delimiter at the end: one more, empty */
            l->field[l->fields] = l->text.len;
            end_field(l, 0);
            break;
        }
    }
    if (l->text.failed)
        *why = "the row is longer than 128 KiB";
}

/* ---- the line of names ---- */

/* The first of them outside quotation marks. */
static char
find_delimiter(const char *text, size_t len)
{
    int open = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            open = !open;
        if (!open && (text[i] == ',' || text[i] == ';' || text[i] == '\t'))
            return text[i];
    }
    return ',';
}

static enum rc
no_list(const struct keylist *l, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%s is no list of keys that is known", l->name);
    (void)err_why(err, "it is no JSON, and no table with a column Description or hint");
    return err_hint(err, "on the backup server: Get-VBREncryptionKey | Select-Object Id,"
                         "Description,ModificationDateUtc | ConvertTo-Json");
}

/* The first lines in whole, so that they can be looked at: those of #TYPE, and the names. */
static enum rc
take_names(struct keylist *l, struct buf *line, struct err *err)
{
    do {
        int c;
        buf_clear(line);
        while ((c = keylist_getc(l)) != EOF && c != '\n')
            buf_addc(line, (char)c);
        l->typed = l->typed || strncmp(buf_str(line), "#TYPE", 5) == 0;
        if (c == EOF && strspn(buf_str(line), "\r ") == line->len)
            return no_list(l, err);
    } while (buf_str(line)[0] == '#' || strspn(buf_str(line), "\r ") == line->len);
    return line->failed ? no_list(l, err) : RC_OK;
}

enum rc
keylist_header(struct keylist *l, struct err *err)
{
    struct buf line;
    int64_t at = 0;
    const char *why = NULL;
    int more = 0, seen[MEMBERS] = {0};
    buf_init(&line, KEYLIST_PEEK);
    enum rc rc = take_names(l, &line, err);
    if (rc == RC_OK) {
        l->delimiter = find_delimiter(buf_str(&line), line.len);
        /* read once more as a record: what was looked at beyond it comes behind */
        buf_addc(&line, '\n');
        buf_add(&line, buf_str(&l->ahead) + l->ahead_at, l->ahead.len - l->ahead_at);
        buf_release(&l->ahead);
        l->ahead = line; /* transferred */
        l->ahead_at = 0;
        buf_init(&line, 0);
        l->line--;
        rc = l->ahead.failed ? no_list(l, err) : RC_OK;
    }
    buf_release(&line);
    if (rc != RC_OK)
        return rc;
    take_record(l, &at, &why, &more);
    l->columns = l->fields;
    for (size_t i = 0; i < l->columns && why == NULL; i++) {
        const char *name = buf_str(&l->text) + l->field[i];
        if (strncmp(name, "\xe2\x80\x9c", 3) == 0 || strncmp(name, "\xe2\x80\x9e", 3) == 0) {
            (void)err_set(err, RC_BAD_VALUE, "%s has typographic quotation marks", l->name);
            return err_hint(err, "a word processor or a chat has changed it; export it anew");
        }
        l->column[i] = keylist_member(name, strlen(name));
        if (l->column[i] < MEMBERS && seen[l->column[i]]++)
            why = "two columns are the same";
    }
    return why == NULL && seen[MEMBER_HINT] ? RC_OK : no_list(l, err);
}

/* ---- rows ---- */

enum rc
keylist_next_record(struct keylist *l, struct keylist_row *row, int *more, struct err *err)
{
    const char *text[MEMBERS] = {NULL};
    const char *why = NULL;
    take_record(l, &row->line, &why, more);
    if (!*more)
        return RC_OK;
    if (l->text.failed == RC_NO_MEMORY)
        return err_nomem(err);
    if (why == NULL && l->fields != l->columns)
        why = "it has another number of fields than the line of names";
    if (why != NULL) {
        keylist_broken(row, why);
        return RC_OK;
    }
    for (size_t i = 0; i < l->columns; i++) {
        const char *field = buf_str(&l->text) + l->field[i];
        if (l->column[i] < MEMBERS && (l->quoted[i] || *field != '\0'))
            text[l->column[i]] = field; /* nothing at all is null */
    }
    enum rc rc = keylist_fill(row, text, err);
    /* Export-Csv 5.1 writes ASCII, and a question mark for every other letter. */
    if (rc == RC_OK && l->typed && memchr(row->p.hint, '?', row->moniker) != NULL)
        row->findings |= 1U << KEYLIST_LOST;
    return rc;
}
