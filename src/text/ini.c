#include "text/ini.h"

#include <stdlib.h>
#include <string.h>

#include "text/uni.h"

enum { LINES_MAX = 10000 }; /* a key is compared with all others of its section */

struct ini_section {
    const char *word;
    const char *name; /* NULL without one */
    size_t line;      /* of its header, from 1 */
    size_t last;      /* line of its last key, or of the header */
};

struct ini_entry {
    size_t section; /* index */
    const char *key;
    const char *value;
    size_t line;
};

/* Texts of sections and entries point into `text`, where the parser put NULs at their ends. */
struct ini {
    char *text;
    char *file;
    struct ini_section *sections;
    size_t section_count;
    struct ini_entry *entries;
    size_t entry_count;
};

void
ini_free(struct ini *ini)
{
    if (ini == NULL)
        return;
    free(ini->text);
    free(ini->file);
    free(ini->sections);
    free(ini->entries);
    free(ini);
}

/* ---- pieces of a line ---- */

static int
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Length of the word at the front: section words and keys. */
static size_t
word_len(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
}

static int
word_is(const char *text)
{
    return *text != '\0' && text[word_len(text)] == '\0';
}

/* No control characters but tabs; valid UTF-8. The length of the good part. */
static size_t
clean_len(const char *text, size_t len)
{
    size_t good = 0;
    while (good < len) {
        size_t n = 1;
        while (n < 4 && n < len - good && !utf8_is(text + good, n))
            n++;
        unsigned char c = (unsigned char)text[good];
        if (!utf8_is(text + good, n) || (c < 0x20 && c != '\t') || c == 0x7f)
            break;
        good += n;
    }
    return good;
}

/* The column of a byte, counted in characters from 1. */
static size_t
column_of(const char *line, size_t at)
{
    size_t column = 1;
    for (size_t i = 0; i < at; i++)
        column += ((unsigned char)line[i] & 0xc0) != 0x80;
    return column;
}

/* ---- parsing ---- */

struct parse {
    struct ini *ini;
    size_t number; /* of the line, from 1 */
    char *line;    /* NUL-terminated, without its line feed */
    struct err *err;
};

static enum rc
refuse(const struct parse *p, const char *at, const char *why)
{
    err_set(p->err, RC_CONFIG, "%s, line %zu, column %zu", p->ini->file, p->number,
            column_of(p->line, (size_t)(at - p->line)));
    return err_why(p->err, "%s", why);
}

static int
same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct ini_section *
find_section(const struct ini *ini, const char *word, const char *name)
{
    for (size_t i = 0; i < ini->section_count; i++) {
        const struct ini_section *s = &ini->sections[i];
        if (strcmp(s->word, word) == 0 && same_name(s->name, name))
            return s;
    }
    return NULL;
}

static const struct ini_entry *
find_entry(const struct ini *ini, size_t section, const char *key)
{
    for (size_t i = 0; i < ini->entry_count; i++) {
        const struct ini_entry *e = &ini->entries[i];
        if (e->section == section && strcmp(e->key, key) == 0)
            return e;
    }
    return NULL;
}

/* Cuts the line after the text that ends at `end`, and returns what follows the cut. */
static char *
cut(char *end)
{
    *end = '\0';
    return end + 1;
}

/* at: after the opening bracket. */
static enum rc
parse_section(struct parse *p, char *at)
{
    struct ini_section s = {.word = at, .line = p->number, .last = p->number};
    char *end = at + word_len(at);
    if (end == at)
        return refuse(p, at, "a section's word was expected: a-z 0-9 _ -");
    int named = end[0] == ' ' && end[1] == '"';
    char *close = end;
    if (named) {
        s.name = end + 2;
        close = strchr(s.name, '"');
        if (close == NULL || close == s.name)
            return refuse(p, end + 2, "a name and a closing quotation mark were expected");
    }
    char *bracket = named ? close + 1 : close;
    if (*bracket != ']')
        return refuse(p, bracket, "a section is [word] or [word \"name\"]");
    if (bracket[1 + strspn(bracket + 1, " \t")] != '\0')
        return refuse(p, bracket + 1, "nothing may follow a section's closing bracket");
    cut(end);
    cut(close);
    if (find_section(p->ini, s.word, s.name) != NULL)
        return refuse(p, p->line, "the section is there twice");
    p->ini->sections[p->ini->section_count++] = s;
    return RC_OK;
}

/* at: the first character of the key. */
static enum rc
parse_entry(struct parse *p, char *at)
{
    struct ini *ini = p->ini;
    char *end = at + word_len(at);
    char *equals = end + strspn(end, " \t");
    if (end == at || *equals != '=')
        return refuse(p, equals, "a line is [section], key = value or a comment");
    if (ini->section_count == 0)
        return refuse(p, at, "the key is in no section");
    size_t section = ini->section_count - 1;
    char *value = equals + 1 + strspn(equals + 1, " \t");
    char *value_end = value + strlen(value);
    while (value_end > value && is_blank(value_end[-1]))
        value_end--;
    cut(end);
    cut(value_end);
    if (find_entry(ini, section, at) != NULL)
        return refuse(p, at, "the key is there twice in its section");
    ini->entries[ini->entry_count++] = (struct ini_entry){section, at, value, p->number};
    ini->sections[section].last = p->number;
    return RC_OK;
}

static enum rc
parse_line(struct parse *p, size_t len)
{
    size_t clean = clean_len(p->line, len);
    if (clean < len)
        return refuse(p, p->line + clean, "a control character or invalid UTF-8");
    if (p->number == 1 && strncmp(p->line, "\xef\xbb\xbf", 3) == 0)
        return refuse(p, p->line, "a byte-order mark");
    char *at = p->line + strspn(p->line, " \t");
    if (*at == '\0' || *p->line == '#' || *p->line == ';')
        return RC_OK;
    return *at == '[' ? parse_section(p, at + 1) : parse_entry(p, at);
}

static enum rc
parse_lines(struct parse *p, size_t len)
{
    char *end = p->ini->text + len;
    for (char *line = p->ini->text; line < end; p->number++) {
        char *feed = memchr(line, '\n', (size_t)(end - line));
        char *stop = feed != NULL ? feed : end;
        /* CR LF ends a line, too: editors on Windows write it */
        char *text_end = feed != NULL && stop > line && stop[-1] == '\r' ? stop - 1 : stop;
        char *next = feed != NULL ? feed + 1 : end;
        *text_end = '\0';
        p->line = line;
        enum rc rc = parse_line(p, (size_t)(text_end - line));
        if (rc != RC_OK)
            return rc;
        line = next;
    }
    return RC_OK;
}

static size_t
count_lines(const char *text, size_t len)
{
    size_t lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Room for as many sections and entries as there are lines. */
static struct ini *
allocate(const char *text, size_t len, size_t lines, const char *file)
{
    struct ini *ini = calloc(1, sizeof *ini);
    if (ini == NULL)
        return NULL;
    ini->text = malloc(len + 1);
    ini->file = strdup(file);
    ini->sections = calloc(lines, sizeof *ini->sections);
    ini->entries = calloc(lines, sizeof *ini->entries);
    if (ini->text == NULL || ini->file == NULL || ini->sections == NULL || ini->entries == NULL) {
        ini_free(ini);
        return NULL;
    }
    if (len > 0)
        memcpy(ini->text, text, len);
    ini->text[len] = '\0';
    return ini;
}

enum rc
ini_parse(struct ini **out, const char *text, size_t len, const char *file, struct err *err)
{
    *out = NULL;
    size_t lines = count_lines(text, len);
    if (lines > LINES_MAX)
        return err_set(err, RC_CONFIG, "%s has more than %d lines", file, LINES_MAX);
    struct ini *ini = allocate(text, len, lines, file);
    if (ini == NULL)
        return err_nomem(err);
    struct parse p = {.ini = ini, .number = 1, .err = err};
    enum rc rc = parse_lines(&p, len);
    if (rc != RC_OK) {
        ini_free(ini);
        return rc;
    }
    *out = ini; /* transferred */
    return RC_OK;
}

/* ---- access ---- */

const char *
ini_get(const struct ini *ini, const char *section, const char *name, const char *key)
{
    const struct ini_section *s = find_section(ini, section, name);
    if (s == NULL)
        return NULL;
    const struct ini_entry *e = find_entry(ini, (size_t)(s - ini->sections), key);
    return e != NULL ? e->value : NULL;
}

int
ini_has(const struct ini *ini, const char *section, const char *name)
{
    return find_section(ini, section, name) != NULL;
}

const char *
ini_name_at(const struct ini *ini, const char *section, size_t i)
{
    for (size_t k = 0; k < ini->section_count; k++) {
        const struct ini_section *s = &ini->sections[k];
        if (s->name != NULL && strcmp(s->word, section) == 0 && i-- == 0)
            return s->name;
    }
    return NULL;
}

/* ---- checking against what is known ---- */

struct nearest {
    const char *to;
    const char *word;
    unsigned distance;
};

static void
consider(struct nearest *n, const char *word)
{
    unsigned distance = edit_distance(n->to, word);
    if (n->word == NULL || distance < n->distance) {
        n->word = word;
        n->distance = distance;
    }
}

static enum rc
unknown(const struct ini *ini, size_t line, const char *kind, const struct nearest *n,
        struct err *err)
{
    err_set(err, RC_CONFIG, "%s, line %zu: unknown %s \"%s\"", ini->file, line, kind, n->to);
    return n->word != NULL ? err_hint(err, "the nearest known name is \"%s\"", n->word) : err->code;
}

static enum rc
check_section(const struct ini *ini, const struct ini_section *s, const struct ini_rule *rules,
              struct err *err)
{
    struct nearest n = {.to = s->word};
    int known = 0;
    for (const struct ini_rule *r = rules; r->section != NULL; r++) {
        int same = strcmp(r->section, s->word) == 0;
        if (same && r->has_name == (s->name != NULL))
            return RC_OK;
        known |= same;
        consider(&n, r->section);
    }
    if (!known)
        return unknown(ini, s->line, "section", &n, err);
    err_set(err, RC_CONFIG, "%s, line %zu: the section \"%s\" %s", ini->file, s->line, s->word,
            s->name != NULL ? "has no name" : "needs a name");
    return err_hint(err, s->name != NULL ? "write [%s]" : "write [%s \"NAME\"]", s->word);
}

static enum rc
check_entry(const struct ini *ini, const struct ini_entry *e, const struct ini_rule *rules,
            struct err *err)
{
    const struct ini_section *s = &ini->sections[e->section];
    struct nearest n = {.to = e->key};
    for (const struct ini_rule *r = rules; r->section != NULL; r++) {
        if (r->key == NULL || strcmp(r->section, s->word) != 0 || r->has_name != (s->name != NULL))
            continue;
        if (strcmp(r->key, e->key) == 0)
            return RC_OK;
        consider(&n, r->key);
    }
    return unknown(ini, e->line, "key", &n, err);
}

enum rc
ini_check(const struct ini *ini, const struct ini_rule *rules, struct err *err)
{
    for (size_t i = 0; i < ini->section_count; i++) {
        if (check_section(ini, &ini->sections[i], rules, err) != RC_OK)
            return err->code;
    }
    for (size_t i = 0; i < ini->entry_count; i++) {
        if (check_entry(ini, &ini->entries[i], rules, err) != RC_OK)
            return err->code;
    }
    return RC_OK;
}

/* ---- editing ---- */

/* A value must read back as it was given. */
static enum rc
check_value(const char *key, const char *value, struct err *err)
{
    size_t len = strlen(value);
    if (clean_len(value, len) == len &&
        (len == 0 || (!is_blank(value[0]) && !is_blank(value[len - 1]))))
        return RC_OK;
    err_set(err, RC_BAD_VALUE, "the value of \"%s\" cannot be written to a configuration file",
            key);
    return err_why(err, "it holds a control character, invalid UTF-8 or a blank at an end");
}

static enum rc
check_target(const char *section, const char *name, const char *key, struct err *err)
{
    int named = name == NULL || (*name != '\0' && strchr(name, '"') == NULL &&
                                 clean_len(name, strlen(name)) == strlen(name));
    if (word_is(section) && word_is(key) && named)
        return RC_OK;
    return err_set(err, RC_BAD_VALUE, "no such section or key can be in a configuration file");
}

static void
add_entry(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, *value != '\0' ? "%s = %s" : "%s =%s", key, value);
}

/* The beginning of the line after this one. */
static const char *
after_line(const char *line)
{
    const char *feed = strchr(line, '\n');
    return feed != NULL ? feed + 1 : line + strlen(line);
}

static const char *
line_start(const char *text, size_t number)
{
    for (; number > 1; number--)
        text = after_line(text);
    return text;
}

/* The line's end as it is in the text: CR LF, LF, or nothing. */
static const char *
line_end(const char *line)
{
    const char *next = after_line(line);
    if (next == line || next[-1] != '\n')
        return next;
    return next - line > 1 && next[-2] == '\r' ? next - 2 : next - 1;
}

/* Puts the key in place of an entry's line, or takes the line out. */
static void
replace_line(struct buf *out, const char *text, size_t number, const char *key, const char *value)
{
    const char *line = line_start(text, number);
    buf_add(out, text, (size_t)(line - text));
    if (value != NULL)
        add_entry(out, key, value);
    buf_adds(out, value != NULL ? line_end(line) : after_line(line));
}

static void
insert_after(struct buf *out, const char *text, size_t number, const char *key, const char *value)
{
    const char *end = line_end(line_start(text, number));
    const char *next = after_line(end);
    const char *feed = next == end ? "\n" : *end == '\r' ? "\r\n" : "\n";
    buf_add(out, text, (size_t)(end - text));
    buf_adds(out, feed);
    add_entry(out, key, value);
    buf_adds(out, feed);
    buf_adds(out, next);
}

static void
append_section(struct buf *out, const char *text, const char *section, const char *name)
{
    size_t len = strlen(text);
    buf_add(out, text, len);
    if (len > 0)
        buf_adds(out, text[len - 1] == '\n' ? "\n" : "\n\n");
    buf_addf(out, name != NULL ? "[%s \"%s\"]\n" : "[%s]\n", section, name);
}

enum rc
ini_edit(struct buf *out, const char *text, const char *section, const char *name, const char *key,
         const char *value, struct err *err)
{
    struct ini *ini = NULL;
    enum rc rc = check_target(section, name, key, err);
    if (rc == RC_OK && value != NULL)
        rc = check_value(key, value, err);
    if (rc == RC_OK)
        rc = ini_parse(&ini, text, strlen(text), "the configuration", err);
    if (ini == NULL)
        return rc;
    const struct ini_section *s = find_section(ini, section, name);
    const struct ini_entry *e =
        s != NULL ? find_entry(ini, (size_t)(s - ini->sections), key) : NULL;
    if (e != NULL) {
        replace_line(out, text, e->line, key, value);
    } else if (value == NULL) {
        buf_adds(out, text);
    } else if (s != NULL) {
        insert_after(out, text, s->last, key, value);
    } else {
        append_section(out, text, section, name);
        add_entry(out, key, value);
        buf_addc(out, '\n');
    }
    ini_free(ini);
    return buf_check(out, "the configuration", err);
}
