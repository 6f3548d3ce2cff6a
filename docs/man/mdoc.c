#include "mdoc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { FILL = 70, WORD = 256 };

/* ---- text ---- */

/* One character that roff would take for its own. */
static void
add_char(struct buf *out, char c, int literal)
{
    if (c == '\\')
        buf_adds(out, "\\e");
    else if (c == '-' && literal)
        buf_adds(out, "\\-");
    else
        buf_addc(out, c);
}

/* What stands first in a line: no control character. */
static void
guard(struct buf *out, char first)
{
    if (first == '.' || first == '\'')
        buf_adds(out, "\\&");
}

void
mdoc_literal(struct buf *out, const char *line, size_t len)
{
    guard(out, len > 0 ? line[0] : '\0');
    for (size_t i = 0; i < len; i++)
        add_char(out, line[i], 1);
    buf_addc(out, '\n');
}

static int
ends_sentence(const char *word, size_t len)
{
    return len > 1 && strchr(".!?", word[len - 1]) != NULL;
}

/* One word of running text. An option and what stands between ` are typed: bold, and their dashes
 * are no hyphens. *typed: between them. */
static void
add_text(struct buf *out, const char *word, size_t len, int *typed)
{
    size_t option = word[0] == '-' ? 1 + strspn(word + 1, "-abcdefghijklmnopqrstuvwxyz") : 0;
    int bold = option > 1 && option <= len && !*typed;
    for (size_t i = 0; i < len; i++) {
        if (bold && i == 0)
            buf_adds(out, "\\fB");
        if (bold && i == option)
            buf_adds(out, "\\fR");
        if (word[i] == '`') {
            buf_adds(out, *typed ? "\\fR" : "\\fB");
            *typed = !*typed;
        } else {
            add_char(out, word[i], *typed || i < option);
        }
    }
    if (bold && option == len)
        buf_adds(out, "\\fR");
}

void
mdoc_text(struct buf *out, const char *text)
{
    size_t column = 0;
    int typed = 0;
    text += strspn(text, " ");
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > FILL) {
            buf_addc(out, '\n');
            column = 0;
        }
        if (column > 0)
            buf_addc(out, ' ');
        else
            guard(out, text[0]);
        size_t before = out->len;
        add_text(out, text, len, &typed);
        column += out->len - before + (column > 0);
        if (ends_sentence(text, len)) {
            buf_addc(out, '\n');
            column = 0;
        }
        text += len;
        text += strspn(text, " ");
    }
    if (column > 0)
        buf_addc(out, '\n');
}

/* ---- synopsis ---- */

/* A line of macros that is being made. */
struct line {
    struct buf *out;
    int depth; /* of brackets */
    int begun;
};

static void
add_macro(struct line *l, const char *text)
{
    buf_addf(l->out, "%s%s", l->begun ? " " : ".", text);
    l->begun = 1;
}

static void
end_line(struct line *l)
{
    if (l->begun)
        buf_addc(l->out, '\n');
    l->begun = 0;
}

/* One word without brackets around it: an option, a word to be typed, or a placeholder. */
static void
add_word(struct line *l, const char *word)
{
    char text[WORD + 8];
    const char *kind = strcmp(word, "option") == 0 ? "Ar" : "Cm";
    if (word[0] == '-' && word[1] != '\0') {
        kind = "Fl";
        word++;
    } else {
        for (const char *p = word; *p != '\0'; p++) {
            if (isupper((unsigned char)*p))
                kind = "Ar";
        }
    }
    (void)snprintf(text, sizeof text, "%s %s", kind, word);
    add_macro(l, text);
}

/* The same with alternatives: "F|--to". */
static void
add_words(struct line *l, char *word)
{
    for (;;) {
        char *bar = strchr(word, '|');
        if (bar != NULL)
            *bar = '\0';
        if (word[0] != '\0')
            add_word(l, word);
        if (bar == NULL)
            return;
        add_macro(l, "|");
        word = bar + 1;
    }
}

/* Takes the brackets and dots off the end of word; *dots, and how many of each kind were there. */
static void
strip(char *word, int *dots, int *square, int *round)
{
    size_t len = strlen(word);
    *dots = len > 3 && strcmp(word + len - 3, "...") == 0;
    if (*dots)
        word[len -= 3] = '\0';
    for (*square = *round = 0; len > 0 && strchr("])", word[len - 1]) != NULL; len--) {
        *square += word[len - 1] == ']';
        *round += word[len - 1] == ')';
        word[len - 1] = '\0';
    }
}

/* "[PURPOSE.]RULE=VALUE": brackets that belong to the word itself. */
static int
is_whole(const char *word)
{
    const char *close = strchr(word, ']');
    return word[0] == '[' && close != NULL && isalpha((unsigned char)close[1]);
}

static void
add_token(struct line *l, char *word)
{
    int dots = 0, square = 0, round = 0;
    if (l->depth == 0)
        end_line(l);
    if (strcmp(word, "|") == 0) {
        if (l->begun)
            add_macro(l, word);
        else
            buf_adds(l->out, "|\n");
        return;
    }
    if (is_whole(word)) {
        add_macro(l, "Ar");
        add_macro(l, word);
        return;
    }
    for (; word[0] == '[' || word[0] == '('; word++, l->depth++)
        add_macro(l, word[0] == '[' ? "Oo" : "Po");
    strip(word, &dots, &square, &round);
    add_words(l, word);
    if (dots && square == 0) /* KEY... */
        add_macro(l, "...");
    for (int i = 0; i < square + round; i++, l->depth--)
        add_macro(l, i < square ? "Oc" : "Pc");
    if (dots && square > 0)
        add_macro(l, "...");
}

void
mdoc_synopsis(struct buf *out, const char *text)
{
    struct line l = {.out = out};
    while (*(text += strspn(text, " ")) != '\0') {
        char word[WORD];
        size_t len = strcspn(text, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, text);
        add_token(&l, word);
        text += len;
    }
    end_line(&l);
}
