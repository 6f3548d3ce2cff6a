#include "text/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 4000, AROUND = 3 };

struct lines {
    const char *at[LINES];
    size_t len[LINES];
    size_t count;
    int more;
};

static void
split(struct lines *l, const char *text)
{
    l->count = 0;
    while (*text != '\0' && l->count < LINES) {
        size_t len = strcspn(text, "\n");
        l->at[l->count] = text;
        l->len[l->count++] = len;
        text += len + (text[len] == '\n');
    }
    l->more = *text != '\0';
}

static int
same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
    return a->len[i] == b->len[j] && memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

struct diff {
    struct lines a, b;
    uint16_t *longest; /* of the common lines from a's i-th and b's j-th on; (a + 1) * (b + 1) */
    unsigned char near_a[LINES]; /* lines of a that stand beside a change */
};

static uint16_t *
cell(const struct diff *d, size_t i, size_t j)
{
    return &d->longest[i * (d->b.count + 1) + j];
}

static void
measure(const struct diff *d)
{
    for (size_t i = d->a.count; i-- > 0;) {
        for (size_t j = d->b.count; j-- > 0;) {
            uint16_t down = *cell(d, i + 1, j);
            uint16_t right = *cell(d, i, j + 1);
            uint16_t both = (uint16_t)(*cell(d, i + 1, j + 1) + 1);
            *cell(d, i, j) = same(&d->a, i, &d->b, j) ? both : down > right ? down : right;
        }
    }
}

/* One step of the way through both: '-', '+' or ' '. */
static char
step(const struct diff *d, size_t i, size_t j)
{
    if (i < d->a.count && j < d->b.count && same(&d->a, i, &d->b, j))
        return ' ';
    if (j == d->b.count || (i < d->a.count && *cell(d, i + 1, j) >= *cell(d, i, j + 1)))
        return '-';
    return '+';
}

static void
mark(struct diff *d)
{
    for (size_t i = 0, j = 0; i < d->a.count || j < d->b.count;) {
        char s = step(d, i, j);
        if (s != ' ') {
            size_t from = i > AROUND ? i - AROUND : 0;
            for (size_t k = from; k < d->a.count && k < i + AROUND + (s == '-'); k++)
                d->near_a[k] = 1;
        }
        i += s != '+';
        j += s != '-';
    }
}

static void
print(struct buf *out, const struct diff *d)
{
    int skipped = 0;
    for (size_t i = 0, j = 0; i < d->a.count || j < d->b.count;) {
        char s = step(d, i, j);
        const char *line = s == '+' ? d->b.at[j] : d->a.at[i];
        size_t len = s == '+' ? d->b.len[j] : d->a.len[i];
        if (s == ' ' && !d->near_a[i]) {
            if (!skipped)
                buf_adds(out, "  ...\n");
            skipped = 1;
        } else {
            buf_addf(out, "%c %.*s\n", s, (int)len, line);
            skipped = 0;
        }
        i += s != '+';
        j += s != '-';
    }
    if (d->a.more || d->b.more)
        buf_adds(out, "  (what follows was not compared)\n");
}

enum rc
diff_lines(struct buf *out, const char *before, const char *after, struct err *err)
{
    if (strcmp(before, after) == 0)
        return RC_OK;
    struct diff *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_nomem(err);
    split(&d->a, before);
    split(&d->b, after);
    d->longest = calloc((d->a.count + 1) * (d->b.count + 1), sizeof *d->longest);
    if (d->longest != NULL) {
        measure(d);
        mark(d);
        print(out, d);
    }
    int ok = d->longest != NULL;
    free(d->longest);
    free(d);
    return ok ? RC_OK : err_nomem(err);
}
