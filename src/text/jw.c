#include "text/jw.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "text/enc.h"
#include "text/uni.h"

void
jw_init(struct jw *w, struct buf *out)
{
    memset(w, 0, sizeof *w);
    w->out = out;
}

/* The short escape's letter, or 0. */
static char
short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void
put_char(struct buf *out, unsigned char c)
{
    char letter = short_escape(c);
    if (letter != 0) {
        buf_addc(out, '\\');
        buf_addc(out, letter);
    } else if (c < 0x20) {
        buf_addf(out, "\\u%04x", (unsigned)c);
    } else {
        buf_addc(out, (char)c);
    }
}

/* Length of the well-formed UTF-8 character at text, or 0. */
static size_t
char_len(const char *text, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++) {
        if (utf8_is(text, n))
            return n;
    }
    return 0;
}

static void
put_text(struct buf *out, const char *text, size_t len)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < len;) {
        size_t start = i;
        while (i < len && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x80 &&
               text[i] != '"' && text[i] != '\\')
            i++;
        buf_add(out, text + start, i - start); /* the plain run in one piece */
        if (i == len)
            break;
        size_t n = (unsigned char)text[i] < 0x80 ? 1 : char_len(text + i, len - i);
        if (n == 0)
            buf_adds(out, "\xef\xbf\xbd"); /* U+FFFD: the output is valid whatever came in */
        else if (n == 1)
            put_char(out, (unsigned char)text[i]);
        else
            buf_add(out, text + i, n);
        i += n > 0 ? n : 1;
    }
    buf_addc(out, '"');
}

/* Comma and name before a value. */
static void
lead(struct jw *w, const char *name)
{
    if (w->comma[w->depth])
        buf_addc(w->out, ',');
    w->comma[w->depth] = 1;
    if (name == NULL)
        return;
    put_text(w->out, name, strlen(name));
    buf_addc(w->out, ':');
}

static void
open_level(struct jw *w, const char *name, char bracket)
{
    assert(w->depth < LIMIT_JSON_DEPTH);
    lead(w, name);
    buf_addc(w->out, bracket);
    w->comma[++w->depth] = 0;
}

static void
close_level(struct jw *w, char bracket)
{
    assert(w->depth > 0);
    w->depth--;
    buf_addc(w->out, bracket);
}

void
jw_obj(struct jw *w, const char *name)
{
    open_level(w, name, '{');
}

void
jw_arr(struct jw *w, const char *name)
{
    open_level(w, name, '[');
}

void
jw_end_obj(struct jw *w)
{
    close_level(w, '}');
}

void
jw_end_arr(struct jw *w)
{
    close_level(w, ']');
}

void
jw_str(struct jw *w, const char *name, const char *text)
{
    if (text == NULL)
        jw_null(w, name);
    else
        jw_strn(w, name, text, strlen(text));
}

void
jw_strn(struct jw *w, const char *name, const char *text, size_t len)
{
    lead(w, name);
    put_text(w->out, text, len);
}

void
jw_base64(struct jw *w, const char *name, const void *bytes, size_t len)
{
    lead(w, name);
    buf_addc(w->out, '"');
    base64_encode(w->out, bytes, len);
    buf_addc(w->out, '"');
}

void
jw_opt(struct jw *w, const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        jw_str(w, name, text);
}

void
jw_int(struct jw *w, const char *name, int64_t n)
{
    lead(w, name);
    buf_addf(w->out, "%" PRId64, n);
}

void
jw_bool(struct jw *w, const char *name, int yes)
{
    lead(w, name);
    buf_adds(w->out, yes ? "true" : "false");
}

void
jw_null(struct jw *w, const char *name)
{
    lead(w, name);
    buf_adds(w->out, "null");
}

void
jw_raw(struct jw *w, const char *name, const char *json, size_t len)
{
    lead(w, name);
    buf_add(w->out, json, len);
}
