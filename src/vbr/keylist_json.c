/* Rows out of JSON of any size: the list is taken apart as it streams by, each row is parsed alone.
 */
#include <string.h>

#include "text/json.h"
#include "text/uni.h"
#include "vbr/keylist_in.h"

static int
skip_blanks(struct keylist *l)
{
    int c = keylist_getc(l);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        c = keylist_getc(l);
    return c;
}

/* ---- one value, as it stands ---- */

enum taken { TAKEN, TAKEN_LIST, TAKEN_CUT };

struct walk {
    int depth;
    int string, escape; /* inside a string; behind a backslash in it */
    int name;           /* at depth 1 a name comes next */
    int colon;          /* at depth 1 nothing came since the colon */
};

static int
is_list_name(const struct keylist *l)
{
    static const char *const names[] = {"data", "encryptionPasswords", "value"};
    for (size_t i = 0; !l->text.failed && i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == l->name_len &&
            memcmp(buf_str(&l->text) + l->name_at, names[i], l->name_len) == 0)
            return 1;
    }
    return 0;
}

/* A character inside a string; 1 when it ends the value. */
static int
take_in_string(struct keylist *l, struct walk *w, int c)
{
    buf_addc(&l->text, (char)c);
    if (w->escape) {
        w->escape = 0;
    } else if (c == '\\') {
        w->escape = 1;
    } else if (c == '"') {
        w->string = 0;
        if (w->depth == 1 && w->name)
            l->name_len = l->text.len - 1 - l->name_at;
        w->name = 0;
    }
    return !w->string && w->depth == 0;
}

/* A character between strings; 1 when it ends the value. */
static int
take_between(struct keylist *l, struct walk *w, int c)
{
    int ends = c == ',' || c == ']' || c == '}';
    if (w->depth == 0 && ends) { /* a number or a word has no end of its own */
        keylist_back(l, c);
        return 1;
    }
    buf_addc(&l->text, (char)c);
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return 0;
    if (c == '"' && w->depth == 1 && w->name)
        l->name_at = l->text.len;
    w->string = c == '"';
    w->colon = c == ':' && w->depth == 1;
    if (c == '{' || c == '[')
        w->depth++;
    if (c == '{' || c == ',')
        w->name = w->depth == 1;
    return (c == '}' || c == ']') && --w->depth == 0;
}

/* Takes a value that begins with c, depth brackets deep, into l->text. seek: stops behind the
 * opening bracket of a member of the outermost object that is the list. */
static enum taken
take_value(struct keylist *l, int c, int depth, int seek)
{
    struct walk w = {.depth = depth, .name = depth == 1};
    for (; c != EOF; c = keylist_getc(l)) {
        if (seek && c == '[' && !w.string && w.colon && is_list_name(l))
            return TAKEN_LIST;
        if (w.string ? take_in_string(l, &w, c) : take_between(l, &w, c))
            return TAKEN;
    }
    return TAKEN_CUT;
}

/* ---- around the list ---- */

/* What is said beside the list. text is an object without it. */
static void
note_page(struct keylist *l)
{
    struct err scratch = ERR_INIT;
    struct json *doc = NULL;
    int64_t total = 0;
    if (json_parse(&doc, buf_str(&l->text), l->text.len, "it", &scratch) != RC_OK) {
        l->incomplete = 1;
        return;
    }
    if (json_geti(json_get(doc, "pagination"), "total", &total) == 0 && total >= 0)
        l->total = total;
    if (json_type(json_get(doc, "data")) == JSON_ARRAY ||
        json_type(json_get(doc, "encryptionPasswords")) == JSON_ARRAY)
        l->incomplete = 1; /* a second list, not read */
    json_free(doc);
}

static void
note_head(struct keylist *l)
{
    size_t len = l->name_at - 1;
    while (len > 1 && strchr(" \t\r\n,", l->text.data[len - 1]) != NULL)
        len--;
    l->text.data[len] = '\0';
    l->text.len = len;
    buf_addc(&l->text, '}');
    note_page(l);
}

/* Behind the list, to the end of the object around it. */
static void
take_tail(struct keylist *l)
{
    int c = skip_blanks(l);
    buf_clear(&l->text);
    buf_addc(&l->text, '{');
    if (c == ',')
        c = keylist_getc(l);
    if (take_value(l, c, 1, 0) == TAKEN)
        note_page(l);
    else
        l->incomplete = 1;
}

static void
stop(struct keylist *l, struct keylist_row *row, const char *why)
{
    l->place = PLACE_END;
    l->incomplete = 1;
    keylist_broken(row, why);
}

/* ---- a row ---- */

/* PowerShell writes some values as an object around the value. */
static const char *
text_of(const struct json *v)
{
    const char *text = json_type(v) == JSON_OBJECT ? json_gets(v, "value") : json_str(v);
    return text != NULL || json_type(v) != JSON_OBJECT ? text : json_gets(v, "Guid");
}

static enum rc
read_object(const struct json *doc, struct keylist_row *row, struct err *err)
{
    const char *text[MEMBERS] = {NULL};
    int has[MEMBERS] = {0};
    for (const struct json *v = json_first(doc); v != NULL; v = json_next(v)) {
        enum keylist_member m = keylist_member(json_name(v), strlen(json_name(v)));
        if (m >= MEMBERS)
            continue;
        if (has[m]) {
            keylist_broken(row, "one thing is said twice in it, under two names");
            return RC_OK;
        }
        has[m] = 1;
        text[m] = text_of(v);
        if (text[m] == NULL && json_type(v) != JSON_NULL) {
            keylist_broken(row, "its id, description or time is no text");
            return RC_OK;
        }
    }
    if (!has[MEMBER_HINT]) {
        keylist_broken(row, "there is no Description and no hint in it");
        return RC_OK;
    }
    return keylist_fill(row, text, err);
}

static int
is_of_list(const struct json *doc)
{
    for (const struct json *v = json_first(doc); v != NULL; v = json_next(v)) {
        if (keylist_member(json_name(v), strlen(json_name(v))) < MEMBERS)
            return json_get(doc, "name") == NULL;
    }
    return 0;
}

static enum rc
take_row(struct keylist *l, struct keylist_row *row, struct err *err)
{
    struct json *doc = NULL;
    struct err why = ERR_INIT;
    if (l->text.failed) {
        keylist_broken(row, "the row is longer than 128 KiB");
        return l->text.failed == RC_NO_MEMORY ? err_nomem(err) : RC_OK;
    }
    enum rc rc = json_parse(&doc, buf_str(&l->text), l->text.len, "the row", &why);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc != RC_OK) {
        keylist_broken(row, "");
        (void)snprintf(row->why, sizeof row->why, "%.90s%s%.60s", why.msg,
                       why.why[0] != '\0' ? ": " : "", why.why);
        if (!utf8_is(row->why, strlen(row->why))) /* cut in the middle of a character */
            keylist_broken(row, "it is no JSON");
        return RC_OK;
    }
    if (json_type(doc) != JSON_OBJECT) {
        keylist_broken(row, "it is no JSON object");
    } else if (json_first(doc) == NULL) {
        keylist_broken(row, "there is nothing in it");
    } else if (is_of_list(doc)) {
        rc = read_object(doc, row, err);
    } else {
        row->kind = KEYLIST_OWN;
        row->text = &l->text;
    }
    json_free(doc);
    return rc;
}

/* At an item of the list, or at its end (*more 0). c is what stands there. */
static enum rc
next_item(struct keylist *l, struct keylist_row *row, int c, int *more, struct err *err)
{
    *more = 1;
    if (c == ']') {
        if (l->place == PLACE_WRAPPED)
            take_tail(l);
        l->place = PLACE_TOP;
        *more = 0;
        return RC_OK;
    }
    if (!l->first && c == ',')
        c = skip_blanks(l);
    else if (!l->first && c != EOF)
        c = ','; /* none where one must be */
    l->first = 0;
    row->line = l->line;
    if (c == EOF || c == ',' || c == ']' || c == '}') {
        stop(l, row,
             c == EOF ? "the file ends here, in the middle of the list"
                      : "it is no JSON from here on; what stands behind it is not read");
        return RC_OK;
    }
    buf_clear(&l->text);
    if (take_value(l, c, 0, 0) == TAKEN_CUT) {
        stop(l, row, "the file ends in the middle of this row");
        return RC_OK;
    }
    return take_row(l, row, err);
}

/* Outside of any list: one begins, or an object that is a row or has the list in it. */
static enum rc
next_top(struct keylist *l, struct keylist_row *row, int c, int *more, struct err *err)
{
    *more = 1;
    row->line = l->line;
    if (c != '{') {
        stop(l, row, "it is no JSON from here on; what stands behind it is not read");
        return RC_OK;
    }
    buf_clear(&l->text);
    switch (take_value(l, c, 0, 1)) {
    case TAKEN:
        return take_row(l, row, err);
    case TAKEN_LIST:
        note_head(l);
        l->place = PLACE_WRAPPED;
        l->first = 1;
        *more = 0;
        break;
    case TAKEN_CUT:
        stop(l, row, "the file ends in the middle of this row");
        break;
    }
    return RC_OK;
}

enum rc
keylist_next_json(struct keylist *l, struct keylist_row *row, int *more, struct err *err)
{
    enum rc rc = RC_OK;
    *more = 0;
    while (rc == RC_OK && !*more && l->place != PLACE_END) {
        int c = skip_blanks(l);
        if (l->place != PLACE_TOP) {
            rc = next_item(l, row, c, more, err);
        } else if (c == '[') {
            l->place = PLACE_LIST;
            l->first = 1;
        } else if (c == EOF) {
            l->place = PLACE_END;
        } else {
            rc = next_top(l, row, c, more, err);
        }
    }
    return rc;
}
