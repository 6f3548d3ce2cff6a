#include "text/xml.h"

#include <string.h>

#include "base/buf.h"
#include "text/uni.h"

struct scan {
    const char *at, *end;
    const char *what;
    xml_fn fn;
    void *arg;
    struct buf text; /* since the innermost element began */
    char names[XML_DEPTH][XML_NAME];
    int depth;
    int leaf;  /* the innermost element has had no element in it */
    int begun; /* the outermost one has been there */
};

static enum rc
bad(const struct scan *s, const char *why, struct err *err)
{
    (void)err_set(err, RC_MALFORMED, "%s is no XML that keymuster reads", s->what);
    return err_why(err, "%s", why);
}

static int
begins(const struct scan *s, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(s->end - s->at) >= len && memcmp(s->at, text, len) == 0;
}

static int
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the next `text`, or NULL. */
static const char *
behind(const struct scan *s, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = s->at; (size_t)(s->end - at) >= len; at++) {
        if (memcmp(at, text, len) == 0)
            return at + len;
    }
    return NULL;
}

/* ---- text ---- */

static void
add_code_point(struct buf *out, unsigned long c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xe0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_addc(out, (char)(0xf0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

static int
digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* What stands between "&#" and ";", or 0 when that is no character of XML. */
static unsigned long
code_point(const char *text, size_t len)
{
    unsigned long c = 0;
    unsigned base = len > 0 && text[0] == 'x' ? 16 : 10;
    size_t i = base == 16;
    if (i == len || len > 8)
        return 0;
    for (; i < len; i++) {
        int d = digit(text[i]);
        if (d >= (int)base)
            return 0;
        c = c * base + (unsigned)d;
    }
    int control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
    return control || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : c;
}

static enum rc
take_reference(struct scan *s, struct err *err)
{
    static const struct {
        const char *text;
        char c;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (begins(s, known[i].text)) {
            buf_addc(&s->text, known[i].c);
            s->at += strlen(known[i].text);
            return RC_OK;
        }
    }
    const char *stop = memchr(s->at, ';', (size_t)(s->end - s->at));
    unsigned long c =
        begins(s, "&#") && stop != NULL ? code_point(s->at + 2, (size_t)(stop - s->at) - 2) : 0;
    if (c == 0)
        return bad(s, "a reference that is not known", err);
    add_code_point(&s->text, c);
    s->at = stop + 1;
    return RC_OK;
}

static enum rc
take_text(struct scan *s, struct err *err)
{
    size_t len = 0;
    if (*s->at == '&')
        return s->depth > 0 ? take_reference(s, err) : bad(s, "text outside of elements", err);
    for (; s->at + len < s->end && s->at[len] != '<' && s->at[len] != '&'; len++) {
        if (s->depth == 0 && !is_blank(s->at[len]))
            return bad(s, "text outside of elements", err);
    }
    buf_add(&s->text, s->at, len);
    s->at += len;
    return RC_OK;
}

/* ---- tags ---- */

static enum rc
take_name(struct scan *s, char out[XML_NAME], struct err *err)
{
    size_t len = 0;
    while (s->at + len < s->end && !is_blank(s->at[len]) &&
           strchr("/><=&\"'!?", s->at[len]) == NULL)
        len++;
    if (len == 0 || len >= XML_NAME)
        return bad(s, "an element's name is malformed", err);
    memcpy(out, s->at, len);
    out[len] = '\0';
    s->at += len;
    return RC_OK;
}

static const char *
local(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

static enum rc
close_element(struct scan *s, struct err *err)
{
    const char *parent = s->depth > 1 ? local(s->names[s->depth - 2]) : "";
    enum rc rc = buf_check(&s->text, s->what, err);
    if (rc == RC_OK && s->leaf)
        rc = s->fn(s->arg, parent, local(s->names[s->depth - 1]), buf_str(&s->text), err);
    s->depth--;
    s->leaf = 0;
    return rc;
}

/* Behind the ">" of an opening tag; attributes are passed over. */
static enum rc
end_tag(struct scan *s, int *empty, struct err *err)
{
    char quote = 0;
    for (; s->at < s->end; s->at++) {
        char c = *s->at;
        if (quote == 0 && c == '>') {
            s->at++;
            return RC_OK;
        }
        if (c == '<')
            break;
        *empty = quote == 0 && c == '/';
        if (quote == 0 && (c == '"' || c == '\''))
            quote = c;
        else if (c == quote)
            quote = 0;
    }
    return bad(s, "a tag has no end", err);
}

static enum rc
open_element(struct scan *s, struct err *err)
{
    int empty = 0;
    s->at++;
    if (s->depth == XML_DEPTH || (s->depth == 0 && s->begun))
        return bad(s, s->depth == 0 ? "it has two beginnings" : "it is nested too deeply", err);
    enum rc rc = take_name(s, s->names[s->depth], err);
    if (rc == RC_OK)
        rc = end_tag(s, &empty, err);
    if (rc != RC_OK)
        return rc;
    s->depth++;
    s->begun = s->leaf = 1;
    buf_clear(&s->text);
    return empty ? close_element(s, err) : RC_OK;
}

static enum rc
end_element(struct scan *s, struct err *err)
{
    char name[XML_NAME];
    s->at += 2;
    enum rc rc = take_name(s, name, err);
    if (rc != RC_OK)
        return rc;
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
    if (s->at == s->end || *s->at != '>' || s->depth == 0 ||
        strcmp(name, s->names[s->depth - 1]) != 0)
        return bad(s, "its tags do not match", err);
    s->at++;
    return close_element(s, err);
}

/* "<" and what it begins. */
static enum rc
take_markup(struct scan *s, struct err *err)
{
    static const char data[] = "<![CDATA[";
    if (begins(s, "</"))
        return end_element(s, err);
    int is_data = begins(s, data) && s->depth > 0;
    const char *stop = NULL;
    if (is_data)
        stop = behind(s, "]]>");
    else if (begins(s, "<!--"))
        stop = behind(s, "-->");
    else if (begins(s, "<?"))
        stop = behind(s, "?>");
    else if (!begins(s, "<!"))
        return open_element(s, err);
    if (stop == NULL)
        return bad(s, "a declaration that is not read, or that has no end", err);
    if (is_data)
        buf_add(&s->text, s->at + sizeof data - 1, (size_t)(stop - 3 - s->at) - (sizeof data - 1));
    s->at = stop;
    return RC_OK;
}

enum rc
xml_leaves(const char *bytes, size_t len, const char *what, xml_fn fn, void *arg, struct err *err)
{
    struct scan s = {.at = bytes, .end = bytes + len, .what = what, .fn = fn, .arg = arg};
    enum rc rc = RC_OK;
    if (!utf8_is(bytes, len))
        return bad(&s, "it is not UTF-8", err);
    if (len > 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        s.at += 3;
    buf_init(&s.text, len);
    while (rc == RC_OK && s.at < s.end)
        rc = *s.at == '<' ? take_markup(&s, err) : take_text(&s, err);
    if (rc == RC_OK && (!s.begun || s.depth > 0))
        rc = bad(&s, "it ends too early", err);
    buf_release(&s.text);
    return rc;
}
