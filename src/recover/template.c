#include "recover/template.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "sys/file.h"
#include "text/uni.h"

enum escaping { ESCAPING_OWN, ESCAPING_XML, ESCAPING_JSON, ESCAPING_RAW };

/* A walk over a template. in: what XML has opened; there is nothing in other texts. */
struct walk {
    const char *at, *end;
    size_t line; /* from 1 */
    int xml;
    enum { IN_TEXT, IN_COMMENT, IN_CDATA } in;
};

struct place {
    const char *text; /* "{{secret}}" */
    size_t len;
    enum escaping escaping;
    int unknown; /* meant to be one, as it seems, but none */
};

static int
begins(const struct walk *w, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(w->end - w->at) >= n && memcmp(w->at, word, n) == 0;
}

/* "{{ Secret }}", "{{password}}": what people write when they mean a place. */
static int
seems_meant(const char *word, size_t len)
{
    static const char *const words[] = {"secret", "password", "passphrase"};
    for (; len > 0 && *word == ' '; len--)
        word++;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (len >= strlen(words[i]) && strncasecmp(word, words[i], strlen(words[i])) == 0)
            return 1;
    }
    return 0;
}

/* Whether a place, or what seems to be meant as one, begins at w->at. */
static int
look(const struct walk *w, struct place *p)
{
    static const char *const words[] = {[ESCAPING_OWN] = "secret",
                                        [ESCAPING_XML] = "secret:xml",
                                        [ESCAPING_JSON] = "secret:json",
                                        [ESCAPING_RAW] = "secret:raw"};
    enum { LONGEST = 40 };
    if (!begins(w, "{{"))
        return 0;
    const char *word = w->at + 2;
    size_t len = 0;
    while (word + len < w->end && len < LONGEST && word[len] != '}' && word[len] != '\n')
        len++;
    if (w->end - word < (ptrdiff_t)len + 2 || memcmp(word + len, "}}", 2) != 0)
        return 0;
    *p = (struct place){.text = w->at, .len = len + 4, .escaping = ESCAPING_OWN};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0) {
            p->escaping = (enum escaping)i;
            return 1;
        }
    }
    p->unknown = 1;
    return seems_meant(word, len);
}

static void
step(struct walk *w)
{
    if (w->xml && w->in == IN_TEXT && begins(w, "<!--"))
        w->in = IN_COMMENT;
    else if (w->xml && w->in == IN_TEXT && begins(w, "<![CDATA["))
        w->in = IN_CDATA;
    else if ((w->in == IN_COMMENT && begins(w, "-->")) || (w->in == IN_CDATA && begins(w, "]]>")))
        w->in = IN_TEXT;
    w->line += *w->at == '\n';
    w->at++;
}

/* Goes to the next place, which w->at then is behind; 0 at the end. *commented (may be NULL): line
 * of a place passed by because it stands in a comment. */
static int
next_place(struct walk *w, struct place *p, size_t *commented)
{
    while (w->at < w->end) {
        int found = look(w, p);
        if (found && w->in == IN_COMMENT && commented != NULL)
            *commented = w->line;
        if (found && w->in != IN_COMMENT) {
            w->at += p->len;
            return 1;
        }
        step(w);
    }
    return 0;
}

static struct walk
begin(const struct template *t)
{
    const char *text = buf_str(&t->text);
    return (struct walk){.at = text, .end = text + t->text.len, .line = 1, .xml = t->xml};
}

/* ---- reading ---- */

static enum rc
bad(const struct template *t, size_t line, const char *what, struct err *err)
{
    if (line > 0)
        return err_set(err, RC_TEMPLATE, "template %.300s, line %zu: %s", t->path, line, what);
    return err_set(err, RC_TEMPLATE, "template %.300s: %s", t->path, what);
}

static enum rc
check_encoding(const struct template *t, struct err *err)
{
    const char *text = buf_str(&t->text);
    if (utf8_is(text, t->text.len))
        return RC_OK;
    int wide = t->text.len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 ||
                                    memcmp(text, "\xfe\xff", 2) == 0 || memchr(text, '\0', 2));
    (void)bad(t, 0, wide ? "it is UTF-16, not UTF-8" : "it is not text in UTF-8", err);
    return err_hint(err, "save it as UTF-8; in PowerShell: Set-Content -Encoding utf8");
}

static int
is_xml(const char *text, size_t len)
{
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    while (len > 0 && strchr(" \t\r\n", *text) != NULL) {
        text++;
        len--;
    }
    return len > 0 && *text == '<';
}

static enum rc
check_places(const struct template *t, struct err *err)
{
    struct place p;
    struct walk w = begin(t);
    size_t places = 0;
    size_t commented = 0;
    for (; next_place(&w, &p, &commented); places++) {
        if (p.unknown) {
            char what[80];
            (void)snprintf(what, sizeof what, "%.*s is no place for the secret", (int)p.len,
                           p.text);
            (void)bad(t, w.line, what, err);
            return err_hint(err, "write {{secret}}; or {{secret:xml}}, {{secret:json}}, "
                                 "{{secret:raw}} to say how it is escaped");
        }
        if (w.in == IN_CDATA && p.escaping != ESCAPING_RAW) {
            (void)bad(t, w.line, "{{secret}} stands in CDATA, where nothing is unescaped", err);
            return err_hint(err, "put it into an element or attribute");
        }
    }
    if (places > 0)
        return RC_OK;
    (void)bad(t, commented,
              commented > 0 ? "{{secret}} stands only in a comment" : "it has no {{secret}}", err);
    return err_hint(err, "write {{secret}} where the password belongs");
}

enum rc
template_read(struct template *t, const char *path, struct err *err)
{
    *t = (struct template){.path = path};
    buf_init(&t->text, LIMIT_SMALL_FILE);
    enum rc rc = file_read(&t->text, path, err);
    if (rc != RC_OK && rc != RC_INTERRUPTED && rc != RC_NO_MEMORY) {
        (void)err_wrap(err, "template");
        rc = err->code = RC_TEMPLATE;
    }
    if (rc != RC_OK)
        return rc;
    t->xml = is_xml(buf_str(&t->text), t->text.len);
    rc = check_encoding(t, err);
    return rc == RC_OK ? check_places(t, err) : rc;
}

void
template_release(struct template *t)
{
    buf_release(&t->text);
}

/* ---- filling ---- */

/* The code point at text, of n bytes; 0 when it is not UTF-8. */
static unsigned
code_point(const unsigned char *text, size_t len, size_t *n)
{
    *n = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (*n > len || !utf8_is((const char *)text, *n))
        return 0;
    unsigned c = *n == 1 ? text[0] : text[0] & (0x7fU >> *n);
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | (text[i] & 0x3fU);
    return c;
}

/* What stands for a code point: "" for itself, NULL when nothing can. */
static const char *
xml_for(unsigned c, char out[16])
{
    static const char special[] = "&<>\"'\t\r\n";
    if ((c < 0x20 && (c == 0 || strchr("\t\r\n", (int)c) == NULL)) || c == 0xfffe || c == 0xffff)
        return NULL;
    out[0] = '\0';
    if (c > 0x7e || strchr(special, (int)c) != NULL)
        (void)snprintf(out, 16, "&#%u;", c);
    return out;
}

static const char *
json_for(unsigned c, char out[16])
{
    if (c == 0)
        return NULL;
    out[0] = '\0';
    if (c < 0x20 || c == '"' || c == '\\')
        (void)snprintf(out, 16, "\\u%04x", c);
    return out;
}

static enum rc
put_escaped(const struct secret *s, enum escaping how, int fd, const char *what, struct err *err)
{
    char out[16] = "";
    size_t from = 0; /* what stands for itself is written in one piece */
    size_t n = 1;
    enum rc rc = RC_OK;
    for (size_t at = 0; rc == RC_OK && at < s->len; at += n) {
        unsigned c = code_point(s->bytes + at, s->len - at, &n);
        const char *instead = how == ESCAPING_XML ? xml_for(c, out) : json_for(c, out);
        if (instead == NULL)
            rc = err_set(err, RC_TEMPLATE, "the secret has what %s cannot hold",
                         how == ESCAPING_XML ? "XML" : "JSON");
        else if (instead[0] != '\0') {
            rc = file_write_fd(fd, s->bytes + from, at - from, what, err);
            if (rc == RC_OK)
                rc = file_write_fd(fd, instead, strlen(instead), what, err);
            from = at + n;
        }
    }
    secret_wipe(out, sizeof out);
    return rc == RC_OK ? file_write_fd(fd, s->bytes + from, s->len - from, what, err) : rc;
}

enum rc
template_fill(const struct template *t, const struct secret *s, int fd, const char *what,
              struct err *err)
{
    struct place p;
    struct walk w = begin(t);
    const char *from = w.at;
    enum rc rc = RC_OK;
    while (rc == RC_OK && next_place(&w, &p, NULL)) {
        enum escaping how = p.escaping;
        if (how == ESCAPING_OWN)
            how = t->xml ? ESCAPING_XML : ESCAPING_RAW;
        rc = file_write_fd(fd, from, (size_t)(p.text - from), what, err);
        if (rc == RC_OK && how == ESCAPING_RAW)
            rc = file_write_fd(fd, s->bytes, s->len, what, err);
        else if (rc == RC_OK)
            rc = put_escaped(s, how, fd, what, err);
        from = w.at;
    }
    return rc == RC_OK ? file_write_fd(fd, from, (size_t)(w.end - from), what, err) : rc;
}
