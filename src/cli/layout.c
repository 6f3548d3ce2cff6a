#include "cli/layout.h"

#include <string.h>

#include "base/plant.h"
#include "cli/cmd.h"
#include "sys/term.h"
#include "text/uni.h"

enum {
    HANG_MOST = 14, /* columns: a name that is longer has its value below */
    HANG_SHARE = 2, /* of the width, at most one in so many is blank before the text */
    NEAR = 2,       /* where stands what does not fit below its first line */
    CHUNK = 1024,
};

/* A piece of a line that stays together: a word, or a command with its arguments. */
struct piece {
    const char *at;
    size_t len;
    size_t blanks; /* before it */
    int command;
};

/* The line that is being made. */
struct lay {
    struct buf *out;
    size_t width, indent;
    size_t at;   /* columns used; before the first piece: those left blank */
    int started; /* something stands on this line */
    int full;    /* nothing may follow on this line */
};

/* ---- measures ---- */

/* Bytes of an escape sequence for colours; 0: none is here. */
static size_t
colour_len(const char *text, size_t len)
{
    size_t n = 2;
    if (len < 3 || text[0] != '\033' || text[1] != '[')
        return 0;
    while (n < len && (text[n] == ';' || (text[n] >= '0' && text[n] <= '9')))
        n++;
    return n < len && text[n] == 'm' ? n + 1 : 0;
}

/* Terminal columns of the first len bytes. */
static size_t
columns(const char *text, size_t len)
{
    char bare[CHUNK];
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t skip = colour_len(text + i, len - i);
        if (skip == 0 && n + 1 == sizeof bare)
            return len; /* no line that long fits anywhere */
        if (skip == 0)
            bare[n++] = text[i];
        i += skip > 0 ? skip : 1;
    }
    bare[n] = '\0';
    int width = utf8_width(bare);
    return width > 0 ? (size_t)width : 0;
}

/* ---- what stays together ---- */

static size_t
word_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != ' ')
        n++;
    return n;
}

/* Of the words after "keymuster" the first that no command line has. */
static int
is_prose(const char *word, size_t len)
{
    static const char *const words[] = {"and",   "or",   "then", "shows", "lists", "says", "tells",
                                        "finds", "does", "is",   "has",   "to",    "in",   "which",
                                        "that",  "when", "for",  "gives", "also",  "again"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == len && strncmp(words[i], word, len) == 0)
            return 1;
    }
    return 0;
}

static int
begins_command(const char *text, size_t len)
{
    static const char program[] = "keymuster ";
    char word[CMD_NAME];
    size_t skip = sizeof program - 1;
    if (len <= skip || strncmp(text, program, skip) != 0)
        return 0;
    size_t n = word_len(text + skip, len - skip);
    if (text[skip] == '-')
        return 1;
    while (n > 0 && strchr(",;.:)", text[skip + n - 1]) != NULL)
        n--;
    if (n >= sizeof word)
        return 0;
    memcpy(word, text + skip, n);
    word[n] = '\0';
    return cmd_is_noun(word) || cmd_find(word, NULL) != NULL;
}

/* Bytes of the command at text: up to what ends a sentence or a column. */
static size_t
command_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len) {
        size_t word = word_len(text + n, len - n);
        if (n > 0 && is_prose(text + n, word))
            return n - 1;
        n += word;
        int dots = n > 2 && strncmp(text + n - 3, "...", 3) == 0;
        if (n >= len || (!dots && strchr(",;.:)", text[n - 1]) != NULL) || n + 1 >= len ||
            text[n + 1] == ' ')
            return n;
        n++;
    }
    return n;
}

/* The next piece of [*text, end); 0 when there is none. */
static int
next_piece(struct piece *p, const char **text, const char *end)
{
    const char *at = *text;
    while (at < end && *at == ' ')
        at++;
    *p = (struct piece){.at = at, .blanks = (size_t)(at - *text)};
    if (at >= end)
        return 0;
    p->command = begins_command(at, (size_t)(end - at));
    p->len = p->command ? command_len(at, (size_t)(end - at)) : word_len(at, (size_t)(end - at));
    *text = at + p->len;
    return 1;
}

/* ---- a line ---- */

/* Where further lines begin. */
static size_t
hang(const char *line, size_t len, size_t width)
{
    size_t blanks = 0;
    while (blanks < len && line[blanks] == ' ')
        blanks++;
    size_t indent = blanks > 0 ? blanks : 2;
    if (len - blanks > 2 && (line[blanks] == '-' || line[blanks] == '*') && line[blanks + 1] == ' ')
        return blanks + 2;
    /* "name       value": the first two blanks in a row are near its start. */
    for (size_t i = blanks; i + 2 < len && i < HANG_MOST; i++) {
        if (line[i] != ' ' || line[i + 1] != ' ')
            continue;
        while (i < len && line[i] == ' ')
            i++;
        size_t at = columns(line, i);
        indent = i < len && at <= HANG_MOST ? at : indent;
        break;
    }
    return indent <= width / HANG_SHARE ? indent : 2;
}

static void
break_line(struct lay *l, size_t indent)
{
    buf_addc(l->out, '\n');
    l->at = indent;
    l->started = l->full = 0;
}

static void
put_piece(struct lay *l, const char *text, size_t len, size_t blanks, size_t wide)
{
    buf_addf(l->out, "%*s", (int)(l->started ? blanks : l->at), "");
    buf_add(l->out, text, len);
    l->at += wide + (l->started ? blanks : 0);
    l->started = 1;
}

/* Of a command: the next word, with an option its value. */
static size_t
argument_len(const char *text, size_t len)
{
    size_t n = word_len(text, len);
    if (text[0] == '-' && memchr(text, '=', n) == NULL && n + 1 < len && text[n + 1] != '-')
        n += 1 + word_len(text + n + 1, len - n - 1);
    return n;
}

/* A command that no line holds. */
static void
put_command(struct lay *l, const struct piece *p)
{
    const char *text = p->at;
    const char *end = p->at + p->len;
    while (text < end) {
        size_t len = argument_len(text, (size_t)(end - text));
        if (columns(text, len) + NEAR > l->width)
            len = word_len(text, (size_t)(end - text));
        size_t wide = columns(text, len);
        int last = text + len >= end;
        if (l->started && l->at + 1 + wide + (last ? 0 : 2) > l->width) {
            buf_adds(l->out, " \\");
            break_line(l, NEAR + 4);
            if (l->at + wide + (last ? 0 : 2) > l->width)
                l->at = 0;
        }
        put_piece(l, text, len, 1, wide);
        text += len + (last ? 0 : 1);
    }
    l->full = 1;
}

static void
put_next(struct lay *l, const struct piece *p)
{
    size_t wide = columns(p->at, p->len);
    if (l->started && (l->full || l->at + p->blanks + wide > l->width))
        break_line(l, l->indent);
    int fits = l->started || l->at + wide <= l->width;
    if (!fits)
        l->at = wide + NEAR <= l->width || p->command ? NEAR : 0;
    if (!fits && p->command && NEAR + wide > l->width) {
        put_command(l, p);
        return;
    }
    put_piece(l, p->at, p->len, p->blanks, wide);
}

static void
put_line(struct buf *out, const char *line, size_t len, unsigned width)
{
    const char *text = line;
    struct piece p;
    struct lay l = {.out = out, .width = width, .indent = hang(line, len, width)};
    if (columns(line, len) <= width || PLANTED("no-width")) {
        buf_add(out, line, len);
        return;
    }
    for (int first = 1; next_piece(&p, &text, line + len); first = 0) {
        if (first)
            l.at = p.blanks;
        put_next(&l, &p);
    }
    if (len > 0 && line[len - 1] == ' ' && l.at < width)
        buf_addc(out, ' '); /* of a question: the answer follows */
}

void
layout(struct buf *out, const char *text, unsigned width)
{
    if (width == 0) {
        buf_adds(out, text);
        return;
    }
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        put_line(out, text, len, width);
        text += len;
        if (*text == '\n') {
            buf_addc(out, '\n');
            text++;
        }
    }
}

/* Words that lines begin with and that should be seen first. */
static const struct paint {
    const char *word, *color; /* of ECMA-48: 31 red, 33 yellow */
} paints[] = {
    {"ATTENTION ", "33"}, {"keymuster: warning:", "33"}, {"- high,", "31"}, {"- medium,", "33"},
    {"no      ", "33"}, /* of doctor */
};

static void
put_painted(struct buf *out, const char *line, size_t len, int error)
{
    static const char name[] = "keymuster:";
    const char *color = error && strncmp(line, name, sizeof name - 1) == 0 ? "31" : NULL;
    size_t word = color != NULL ? sizeof name - 1 : 0;
    for (size_t i = 0; color == NULL && i < sizeof paints / sizeof paints[0]; i++) {
        word = strlen(paints[i].word);
        if (strncmp(line, paints[i].word, word) == 0)
            color = paints[i].color;
    }
    if (color == NULL) {
        buf_add(out, line, len);
        return;
    }
    buf_addf(out, "\033[%sm%.*s\033[0m", color, (int)word, line);
    buf_add(out, line + word, len - word);
}

static void
paint(struct buf *out, const char *text, int error)
{
    for (; *text != '\0'; error = 0) {
        size_t len = strcspn(text, "\n");
        put_painted(out, text, len, error);
        text += len;
        if (*text == '\n') {
            buf_addc(out, '\n');
            text++;
        }
    }
}

void
layout_for(struct buf *out, const char *text, int fd, unsigned how)
{
    unsigned width = 0;
    unsigned rows = 0;
    struct buf safe, fitted;
    if (!(how & LAYOUT_AS_IS) && term_is_tty(fd))
        term_size(fd, &width, &rows);
    buf_init(&safe, out->max);
    buf_init(&fitted, out->max);
    escape_locale(&safe, text, strlen(text));
    layout(&fitted, buf_str(&safe), width);
    if (safe.failed || fitted.failed)
        out->failed = 1;
    if ((how & LAYOUT_COLOR) && !(how & LAYOUT_AS_IS))
        paint(out, buf_str(&fitted), (how & LAYOUT_ERROR) != 0);
    else
        buf_adds(out, buf_str(&fitted));
    buf_release(&safe);
    buf_release(&fitted);
}

enum rc
layout_ask(char *out, size_t size, const char *prompt, struct err *err)
{
    struct buf fitted;
    int fd;
    enum rc rc = term_open(&fd, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&fitted, LIMIT_ENTRY);
    layout_for(&fitted, prompt, fd, 0);
    rc = buf_check(&fitted, "a question", err);
    if (rc == RC_OK)
        rc = term_ask(out, size, buf_str(&fitted), err);
    buf_release(&fitted);
    return rc;
}
