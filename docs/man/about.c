#include "about.h"

#include <stdio.h>
#include <string.h>

#include "mdoc.h"

enum { LINE = 4096 };

static const char *
line_end(const char *at, const char *end)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    return feed != NULL ? feed : end;
}

int
about_find(struct about *out, const char *text, const char *command)
{
    char head[128];
    (void)snprintf(head, sizeof head, "\n== %s\n", command);
    const char *found = strstr(text, head);
    if (found == NULL)
        return 0;
    out->at = found + strlen(head);
    const char *next = strstr(out->at - 1, "\n== ");
    out->end = next != NULL ? next + 1 : out->at + strlen(out->at);
    return 1;
}

/* What stands behind the word in the line at, or NULL when it does not begin with it. */
static const char *
behind(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(end - at) > len && strncmp(at, word, len) == 0 && at[len] == ' '
               ? at + len + 1
               : NULL;
}

static int
is_paragraph(const char *at, const char *end)
{
    static const char *const words[] = {"exit", "env", "file", "eg", "run", "see", "doc"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (behind(at, end, words[i]) != NULL)
            return 0;
    }
    return 1;
}

const char *
about_next(struct buf *text, const struct about *a, const char *word, const char *after)
{
    const char *at = after == NULL ? a->at : line_end(after, a->end) + 1;
    buf_init(text, LINE);
    for (; at < a->end; at = line_end(at, a->end) + 1) {
        const char *end = line_end(at, a->end);
        const char *rest = behind(at, end, word);
        if (rest == NULL)
            continue;
        buf_add(text, rest, (size_t)(end - rest));
        return at;
    }
    return NULL;
}

int
about_has(const struct about *a, const char *word)
{
    struct buf text;
    int yes = about_next(&text, a, word, NULL) != NULL;
    buf_release(&text);
    return yes;
}

void
about_description(struct buf *page, const struct about *a)
{
    struct buf paragraph;
    int told = 0;
    buf_init(&paragraph, LINE);
    for (const char *at = a->at; at < a->end; at = line_end(at, a->end) + 1) {
        const char *end = line_end(at, a->end);
        int more = end > at && is_paragraph(at, end);
        if (more) {
            buf_add(&paragraph, at, (size_t)(end - at));
            buf_addc(&paragraph, ' ');
        }
        if (paragraph.len > 0 && (!more || end + 1 >= a->end)) {
            buf_adds(page, told++ ? ".Pp\n" : "");
            mdoc_text(page, buf_str(&paragraph));
            buf_release(&paragraph);
            buf_init(&paragraph, LINE);
        }
    }
    buf_release(&paragraph);
}

void
about_items(struct buf *page, const struct about *a, const char *word, const char *macro)
{
    struct buf text;
    for (const char *at = NULL; (at = about_next(&text, a, word, at)) != NULL;) {
        const char *name = buf_str(&text);
        size_t len = strcspn(name, " ");
        buf_addf(page, ".It%s%s %.*s\n", macro[0] != '\0' ? " " : "", macro, (int)len, name);
        mdoc_text(page, name + len);
        buf_release(&text);
    }
    buf_release(&text);
}
