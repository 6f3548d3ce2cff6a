#include "text/uni.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/limits.h"
#include "base/plant.h"
#include "text/enc.h"

/* One code point at text: its length, or 0 when it is not valid (a NUL is not). */
static size_t
next(const char *text, size_t len, int32_t *cp)
{
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, cp);
    return n > 0 && *cp > 0 ? (size_t)n : 0;
}

int
utf8_is(const char *text, size_t len)
{
    int32_t cp = 0;
    for (size_t i = 0; i < len;) {
        /* most text is ASCII: not worth a call */
        unsigned char c = (unsigned char)text[i];
        size_t n = c > 0 && c < 0x80 ? 1 : next(text + i, len - i, &cp);
        if (n == 0)
            return 0;
        i += n;
    }
    return 1;
}

int
utf8_width(const char *text)
{
    size_t len = strlen(text);
    int width = 0;
    int32_t cp = 0;
    for (size_t i = 0, n; i < len && (n = next(text + i, len - i, &cp)) > 0; i += n)
        width += utf8proc_charwidth(cp);
    return width;
}

/* ---- what a code point may do ---- */

static int
is_control(int32_t cp)
{
    return utf8proc_category(cp) == UTF8PROC_CATEGORY_CC;
}

/* Format characters (all the bidirectional marks and overrides are among them) and the two
 * separators that some programs take for a line feed. */
static int
is_format(int32_t cp)
{
    utf8proc_category_t category = utf8proc_category(cp);
    return category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

static int
is_blank(int32_t cp)
{
    return utf8proc_category(cp) == UTF8PROC_CATEGORY_ZS;
}

static int
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- for a terminal ---- */

void
escape_terminal(struct buf *out, const char *text, size_t len, enum escape_flags flags)
{
    for (size_t i = 0; i < len;) {
        int32_t cp = 0;
        size_t n = next(text + i, len - i, &cp);
        int kept = flags == ESCAPE_KEEP_NEWLINES && (cp == '\n' || cp == '\t');
        if (n == 0) {
            buf_addf(out, "\\x%02x", (unsigned)(unsigned char)text[i]);
            n = 1;
        } else if (cp < 0x80 && is_control(cp) && !kept) {
            buf_addf(out, "\\x%02x", (unsigned)cp);
        } else if (cp >= 0x80 && (is_control(cp) || is_format(cp))) {
            buf_addf(out, "\\u{%04X}", (unsigned)cp);
        } else {
            buf_add(out, text + i, n);
        }
        i += n;
    }
}

int
locale_is_utf8(void)
{
    /* No thread sets a locale. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 || PLANTED("no-locale");
}

void
escape_locale(struct buf *out, const char *text, size_t len)
{
    size_t plain = 0;
    while (plain < len && (unsigned char)text[plain] < 0x80)
        plain++;
    if (plain == len || locale_is_utf8()) {
        buf_add(out, text, len);
        return;
    }
    buf_add(out, text, plain);
    for (size_t i = plain; i < len;) {
        int32_t cp = 0;
        size_t n = next(text + i, len - i, &cp);
        if (n == 1)
            buf_addc(out, text[i]);
        else if (n == 0)
            buf_addf(out, "\\x%02x", (unsigned)(unsigned char)text[i]);
        else
            buf_addf(out, "\\u{%04X}", (unsigned)cp);
        i += n > 0 ? n : 1;
    }
}

/* Longest escaped quotation in a message, so that the reason behind it still fits. */
enum { QUOTE_MAX = 200 };

/* Sets "<what> "<text>" is not allowed", the text escaped and cut. */
static enum rc
refuse(struct err *err, enum rc code, const char *what, const char *text)
{
    struct buf shown;
    buf_init(&shown, QUOTE_MAX);
    escape_terminal(&shown, text, strlen(text), ESCAPE_LINE);
    err_set(err, code, "%s \"%s%s\" is not allowed", what, buf_str(&shown),
            shown.failed ? "..." : "");
    buf_release(&shown);
    return code;
}

/* ---- names ---- */

enum rc
name_check(const char *name, const char *what, struct err *err)
{
    size_t len = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    if (len >= 1 && len <= LIMIT_NAME && good == len)
        return RC_OK;
    refuse(err, RC_BAD_NAME, what, name);
    if (len == 0)
        err_why(err, "it is empty");
    else if (good < len)
        err_why(err, "character %zu is not one of the allowed ones", good + 1);
    else
        err_why(err, "it is longer than %d characters", LIMIT_NAME);
    return err_hint(err, "use 1 to %d of: a-z 0-9 . _ -", LIMIT_NAME);
}

/* Like uuid_is, but capitals count, too: a person would take such a name for a UUID. */
static int
looks_like_uuid(const char *name)
{
    char lower[UUID_TEXT + 1];
    if (strnlen(name, UUID_TEXT + 1) != UUID_TEXT)
        return 0;
    for (size_t i = 0; i <= UUID_TEXT; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    return uuid_is(lower);
}

/* NAME@GEN means a generation, so a name itself must not end like that. */
static int
ends_like_generation(const char *name)
{
    size_t len = strlen(name);
    size_t i = len;
    while (i > 0 && is_digit(name[i - 1]))
        i--;
    return i > 0 && i < len && name[i - 1] == '@';
}

/* The first rule that the code points break, or NULL. */
static const char *
broken_by_character(const char *name, size_t len)
{
    size_t count = 0;
    int32_t cp = 0;
    int blank = 0;
    for (size_t i = 0, n; i < len; i += n, count++) {
        n = next(name + i, len - i, &cp);
        if (n == 0)
            return "it is not valid UTF-8";
        if (is_control(cp))
            return "it holds a control character";
        if (is_format(cp))
            return "it holds a format or bidirectional control character";
        if (utf8proc_get_property(cp)->ignorable)
            return "it holds an invisible character";
        blank = is_blank(cp);
        if (blank && i == 0)
            return "it begins with a blank";
    }
    if (count > LIMIT_KEY_NAME)
        return "it is longer than 128 characters";
    return blank ? "it ends with a blank" : NULL;
}

/* RC_OK with *same telling whether the (valid) text is in normal form C. */
static enum rc
nfc_is(int *same, const char *text, struct err *err)
{
    utf8proc_uint8_t *normal = utf8proc_NFC((const utf8proc_uint8_t *)text);
    if (normal == NULL)
        return err_nomem(err);
    *same = strcmp((const char *)normal, text) == 0;
    free(normal);
    return RC_OK;
}

enum rc
key_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);
    const char *broken = NULL;
    if (len == 0)
        broken = "it is empty";
    else if (len > (size_t)LIMIT_KEY_NAME * 4) /* no code point is longer than 4 bytes */
        broken = "it is longer than 128 characters";
    else
        broken = broken_by_character(name, len);
    int nfc = 1;
    if (broken == NULL && nfc_is(&nfc, name, err) != RC_OK)
        return err->code;
    if (!nfc)
        broken = "it is not in Unicode normal form C";
    if (broken == NULL && strstr(name, " | ") != NULL)
        broken = "it holds \" | \"";
    if (broken == NULL && ends_like_generation(name))
        broken = "it ends with @ and digits, which names a generation";
    if (broken == NULL && looks_like_uuid(name))
        broken = "it looks like a UUID";
    if (broken == NULL)
        return RC_OK;
    refuse(err, RC_BAD_NAME, "key name", name);
    err_why(err, "%s", broken);
    return err_hint(err,
                    "use 1 to %d visible characters, for example vbr/config; no blank at either "
                    "end, no \" | \", not ending with @ and digits",
                    LIMIT_KEY_NAME);
}

enum rc
text_check(const char *text, const char *what, struct err *err)
{
    size_t len = strlen(text);
    const char *broken = NULL;
    int32_t cp = 0;
    if (len == 0)
        broken = "it is empty";
    else if (len > LIMIT_TEXT)
        broken = "it is too long";
    for (size_t i = 0, n; broken == NULL && i < len; i += n) {
        n = next(text + i, len - i, &cp);
        if (n == 0)
            broken = "it is not valid UTF-8";
        else if (is_control(cp))
            broken = "it holds a control character";
    }
    if (broken == NULL)
        return RC_OK;
    refuse(err, RC_BAD_VALUE, what, text);
    err_why(err, "%s", broken);
    return err_hint(err, "use one line of 1 to %d bytes of UTF-8", LIMIT_TEXT);
}

/* ---- a command line ---- */

void
escape_shell(struct buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-@+:=,%";
    if (text[0] != '\0' && text[0] != '-' && strspn(text, plain) == strlen(text)) {
        buf_adds(out, text);
        return;
    }
    buf_adds(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_adds(out, "'\\''");
        else
            buf_add(out, text, 1);
    }
    buf_adds(out, "'");
}

/* ---- "did you mean" ---- */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned
edit_distance(const char *a, const char *b)
{
    enum { WORD = 64 };
    size_t alen = strnlen(a, WORD + 1);
    size_t blen = strnlen(b, WORD + 1);
    if (alen > WORD || blen > WORD)
        return WORD + 1;        /* no word that we know is that long */
    unsigned rows[3][WORD + 1]; /* of this letter of a, and of the two before it */
    unsigned *row = rows[0];
    unsigned *before = rows[1];
    unsigned *two_before = rows[2];
    for (unsigned j = 0; j <= blen; j++)
        row[j] = j;
    for (unsigned i = 1; i <= alen; i++) {
        unsigned *oldest = two_before;
        two_before = before;
        before = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            row[j] = least(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_before[j - 2] + 1 < row[j])
                row[j] = two_before[j - 2] + 1;
        }
    }
    return row[blen];
}
