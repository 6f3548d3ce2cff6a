#include "recover/runbook.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "recover/runbook_read.h"
#include "text/enc.h"
#include "text/flow.h"
#include "text/uni.h"

enum {
    FURNITURE = 8
}; /* rows of a screen that are not the step's own: head, title, choices, blanks */

/* While one is read. */
struct reading {
    struct runbook *r;
    const char *file;
    struct step *step;  /* NULL: above the first */
    int headed;         /* its block was there */
    int failing;        /* below "If it fails" */
    struct buf part[4]; /* why, todo, expect, fails */
};

enum part { WHY, TODO, EXPECT, FAILS };

/* ---- what stays ---- */

enum rc
runbook_keep(struct runbook *r, const char **out, const char *text, struct err *err)
{
    char **more = realloc(r->strings, (r->string_count + 1) * sizeof *more);
    char *copy = strdup(text);
    if (more != NULL)
        r->strings = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return err_nomem(err);
    }
    r->strings[r->string_count++] = copy;
    *out = copy;
    return RC_OK;
}

static int
by_line(const void *a, const void *b)
{
    const struct runbook_finding *x = a;
    const struct runbook_finding *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

enum rc
runbook_find(struct runbook *r, int line, int severe, const char *text, struct err *err)
{
    struct runbook_finding *more = realloc(r->findings, (r->finding_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    r->findings = more;
    struct runbook_finding *f = &more[r->finding_count];
    *f = (struct runbook_finding){line, severe, NULL};
    enum rc rc = runbook_keep(r, &f->text, text, err);
    if (rc != RC_OK)
        return rc;
    r->finding_count++;
    r->severe += severe != 0;
    qsort(r->findings, r->finding_count, sizeof *r->findings, by_line);
    return RC_OK;
}

enum rc
runbook_severe(struct runbook *r, struct err *err, int line, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return runbook_find(r, line, 1, text, err);
}

static enum rc PRINTF(4, 5) warn(struct runbook *r, struct err *err, int line, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return runbook_find(r, line, 0, text, err);
}

void
runbook_free(struct runbook *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->string_count; i++)
        free(r->strings[i]);
    free(r->strings);
    free(r->findings);
    free(r->steps);
    free(r);
}

/* ---- words in braces ---- */

static const struct {
    const char *word, *means;
} words[] = {
    {"key", "the configuration backup's key (NAME@GEN)"},
    {"name", "that key's name, without a generation"},
    {"officer", "the Security Officer's passphrase (NAME@GEN), if any"},
    {"lost", "the site that is lost"},
    {"here", "the site where you are"},
    {"copy", "the copy of the escrow that you have"},
    {"root", "the root key it is about"},
    {"to", "the root key that takes over"},
    {"kms", "the KMS it is about"},
    {"old", "the generation that was seen, NAME@GEN"},
    {"author", "the author (installation) it is about"},
    {"person", "the person it is about"},
};

enum { WORDS = sizeof words / sizeof words[0] };

const char *
runbook_word(size_t i)
{
    return i < WORDS ? words[i].word : NULL;
}

const char *
runbook_word_means(size_t i)
{
    return i < WORDS ? words[i].means : NULL;
}

static enum rc
unknown_word(struct runbook *r, const char *word, size_t len, int line, struct err *err)
{
    char known[256] = "";
    for (size_t i = 0; i < WORDS; i++) {
        size_t at = strlen(known);
        (void)snprintf(known + at, sizeof known - at, " {%s}", words[i].word);
    }
    return runbook_severe(r, err, line, "nothing stands for {%.*s}; there are%s",
                          (int)(len < 64 ? len : 64), word, known);
}

static enum rc
check_words(struct runbook *r, const char *text, int line, struct err *err)
{
    enum rc rc = RC_OK;
    for (const char *at = text; rc == RC_OK && (at = strchr(at, '{')) != NULL;) {
        size_t len = strcspn(++at, "}");
        int known = 0;
        for (size_t i = 0; i < WORDS; i++)
            known |= strlen(words[i].word) == len && memcmp(words[i].word, at, len) == 0;
        if (!known)
            rc = unknown_word(r, at, len, line, err);
    }
    return rc;
}

static enum rc
take_block(struct reading *g, cmark_node *block, struct err *err)
{
    int line = cmark_node_get_start_line(block);
    if (g->headed)
        return runbook_severe(g->r, err, line,
                              "a second block: there is one for the runbook and one in each step");
    g->headed = 1;
    return runbook_block_read(g->r, g->step, block, g->file, err);
}

/* ---- the text of a step ---- */

static void
part_init(struct reading *g)
{
    g->headed = g->failing = 0;
    for (size_t i = 0; i < 4; i++)
        buf_init(&g->part[i], RUNBOOK_TEXT);
}

static void
part_release(struct reading *g)
{
    for (size_t i = 0; i < 4; i++)
        buf_release(&g->part[i]);
}

static enum part
part_of(const struct reading *g, cmark_node *block)
{
    if (g->failing)
        return FAILS;
    if (markdown_begins(block, "Expect:"))
        return EXPECT;
    int prose = cmark_node_get_type(block) == CMARK_NODE_PARAGRAPH;
    return prose && g->part[TODO].len == 0 ? WHY : TODO;
}

/* How many rows it takes up. */
static size_t
rows(const char *text, size_t columns, int *long_line)
{
    struct buf shown;
    size_t n = 0;
    buf_init(&shown, (size_t)4 * RUNBOOK_TEXT);
    flow_lines(&shown, text, 0, columns);
    for (const char *line = buf_str(&shown); *line != '\0';) {
        size_t len = strcspn(line, "\n");
        char one[1024];
        (void)snprintf(one, sizeof one, "%.*s", (int)len, line);
        *long_line |= utf8_width(one) > (int)columns || len >= sizeof one;
        n++;
        line += len + (line[len] == '\n');
    }
    buf_release(&shown);
    return n;
}

static enum rc
check_screen(struct runbook *r, const struct step *s, struct err *err)
{
    int long_line = 0;
    size_t columns = RUNBOOK_COLUMNS - 4;
    size_t n = rows(s->why, columns, &long_line) + rows(s->todo, columns, &long_line) +
               rows(s->expect, columns, &long_line) + rows(s->fails, columns, &long_line);
    enum rc rc = RC_OK;
    if (long_line)
        rc = warn(r, err, s->line, "a line is longer than %zu characters and cannot be broken",
                  columns);
    if (rc == RC_OK && n + FURNITURE > RUNBOOK_ROWS)
        rc = warn(r, err, s->line, "%zu rows of text; %d fit a screen of %d: make two steps of it",
                  n, RUNBOOK_ROWS - FURNITURE, RUNBOOK_ROWS);
    return rc;
}

static enum rc
check_step(struct reading *g, struct err *err)
{
    struct runbook *r = g->r;
    const struct step *s = g->step;
    enum rc rc = RC_OK;
    if (!g->headed)
        rc = runbook_severe(r, err, s->line, "\"%s\" has no block for the tool", s->title);
    for (const struct step *t = r->steps; rc == RC_OK && t < s; t++) {
        if (s->id[0] != '\0' && strcmp(t->id, s->id) == 0)
            rc = runbook_severe(r, err, s->line, "the id %s is taken by the step of line %d", s->id,
                                t->line);
    }
    if (rc == RC_OK && (s->kind == STEP_MANUAL || s->kind == STEP_WAIT) && s->why[0] == '\0' &&
        s->todo[0] == '\0')
        rc = runbook_severe(r, err, s->line, "\"%s\" does not say what to do", s->title);
    if (rc == RC_OK && s->kind != STEP_NOTE && s->expect[0] == '\0')
        rc = runbook_severe(r, err, s->line,
                            "\"%s\" does not say what to expect: a paragraph \"Expect: ...\"",
                            s->title);
    if (rc == RC_OK && s->kind != STEP_NOTE && s->fails[0] == '\0')
        rc =
            runbook_severe(r, err, s->line,
                           "\"%s\" does not say what to do if it fails: ### If it fails", s->title);
    const char *texts[] = {s->run, s->key, s->why, s->todo, s->expect, s->fails};
    for (size_t i = 0; rc == RC_OK && i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] != NULL)
            rc = check_words(r, texts[i], s->line, err);
    }
    return rc == RC_OK ? check_screen(r, s, err) : rc;
}

/* Ends the introduction, or the step. */
static enum rc
end_part(struct reading *g, struct err *err)
{
    struct runbook *r = g->r;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < 4; i++)
        rc = buf_check(&g->part[i], "a runbook", err);
    if (rc == RC_OK && g->step == NULL) {
        buf_adds(&g->part[WHY], buf_str(&g->part[TODO]));
        rc = runbook_keep(r, &r->intro, buf_str(&g->part[WHY]), err);
        if (rc == RC_OK && !g->headed)
            rc = runbook_severe(r, err, 1,
                                "no block for the tool below the title: [id, rto, review]");
    } else if (rc == RC_OK) {
        struct step *s = g->step;
        const char **to[] = {&s->why, &s->todo, &s->expect, &s->fails};
        for (size_t i = 0; rc == RC_OK && i < 4; i++)
            rc = runbook_keep(r, to[i], buf_str(&g->part[i]), err);
        if (rc == RC_OK)
            rc = check_step(g, err);
    }
    part_release(g);
    part_init(g);
    return rc;
}

/* ---- headings ---- */

static enum rc
begin_step(struct reading *g, const char *title, int line, struct err *err)
{
    struct runbook *r = g->r;
    enum rc rc = end_part(g, err);
    if (rc != RC_OK)
        return rc;
    if (r->count == RUNBOOK_STEPS)
        return err_set(err, RC_CONFIG, "%s has more than %d steps", g->file, RUNBOOK_STEPS);
    g->step = &r->steps[r->count++];
    g->step->line = line;
    g->step->modes = STEP_REAL | STEP_DRILL;
    g->step->why = g->step->todo = g->step->expect = g->step->fails = "";
    return runbook_keep(r, &g->step->title, title, err);
}

static enum rc
take_heading(struct reading *g, cmark_node *node, struct err *err)
{
    struct runbook *r = g->r;
    struct buf text;
    int level = cmark_node_get_heading_level(node);
    int line = cmark_node_get_start_line(node);
    buf_init(&text, RUNBOOK_TEXT);
    markdown_words(&text, node);
    const char *title = buf_str(&text);
    enum rc rc = buf_check(&text, "a runbook", err);
    if (rc == RC_OK && level == 2)
        rc = begin_step(g, title, line, err);
    else if (rc == RC_OK && level == 1 && r->title == NULL)
        rc = runbook_keep(r, &r->title, title, err);
    else if (rc == RC_OK && level == 1)
        rc = runbook_severe(r, err, line, "a second title; a step begins with ##");
    else if (rc == RC_OK && level == 3 && g->step != NULL && strcmp(title, "If it fails") == 0)
        g->failing = 1;
    else if (rc == RC_OK)
        rc = runbook_severe(r, err, line,
                            "a heading that a runbook does not have: # title, ## step, ### If it "
                            "fails");
    buf_release(&text);
    return rc;
}

static enum rc
take_node(struct reading *g, cmark_node *node, struct err *err)
{
    cmark_node_type type = cmark_node_get_type(node);
    if (type == CMARK_NODE_HEADING)
        return take_heading(g, node, err);
    if (type == CMARK_NODE_CODE_BLOCK && strcmp(cmark_node_get_fence_info(node), "keymuster") == 0)
        return take_block(g, node, err);
    markdown_block(&g->part[part_of(g, node)], node, 0);
    return RC_OK;
}

/* ---- the whole ---- */

static enum rc
check_whole(struct runbook *r, struct err *err)
{
    int64_t sum = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->count; i++)
        sum += r->steps[i].modes & STEP_REAL ? r->steps[i].budget_ms : 0;
    if (r->title == NULL) {
        rc = runbook_keep(r, &r->title, "", err);
        if (rc == RC_OK)
            rc = runbook_severe(r, err, 1, "no title: # What it is for");
    }
    if (rc == RC_OK && r->count == 0)
        rc = runbook_severe(r, err, 1, "no steps: each begins with ##");
    if (rc == RC_OK && r->rto_ms > 0 && sum > r->rto_ms)
        rc = warn(r, err, 1, "the budgets of the steps are %lld min, more than its rto of %lld min",
                  (long long)(sum / 60000), (long long)(r->rto_ms / 60000));
    return rc;
}

static enum rc
check_bytes(const char *text, size_t len, const char *file, struct err *err)
{
    if (len > RUNBOOK_TEXT)
        return err_set(err, RC_CONFIG, "%s is no runbook: over %d KiB", file, RUNBOOK_TEXT / 1024);
    int clean = utf8_is(text, len);
    for (size_t i = 0; clean && i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        clean = c >= 0x20 ? c != 0x7f : c == '\n' || c == '\t' || c == '\r';
    }
    if (clean)
        return RC_OK;
    (void)err_set(err, RC_CONFIG, "%s is no runbook: not a text in UTF-8", file);
    return err_hint(err, "save it as UTF-8, without control characters");
}

static enum rc
keep_text(struct runbook *r, const char *text, size_t len, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return err_nomem(err);
    memcpy(copy, text, len);
    copy[len] = '\0';
    enum rc rc = runbook_keep(r, &r->text, copy, err);
    free(copy);
    r->len = len;
    sha256(hash, text, len);
    hex_encode(r->sha256, hash, HASH_SIZE);
    return rc;
}

static enum rc
read_all(struct reading *g, const char *text, size_t len, struct err *err)
{
    cmark_node *doc = NULL;
    g->r->intro = "";
    enum rc rc = keep_text(g->r, text, len, err);
    if (rc != RC_OK)
        return rc;
    rc = markdown_parse(&doc, text, len, err);
    if (rc != RC_OK)
        return rc == RC_CONFIG ? err_wrap(err, "%s is no runbook", g->file) : rc;
    part_init(g);
    for (cmark_node *n = cmark_node_first_child(doc); rc == RC_OK && n != NULL;
         n = cmark_node_next(n))
        rc = take_node(g, n, err);
    if (rc == RC_OK)
        rc = end_part(g, err);
    if (rc == RC_OK)
        rc = check_whole(g->r, err);
    part_release(g);
    markdown_done();
    return rc;
}

enum rc
runbook_read(struct runbook **out, const char *text, size_t len, const char *file, struct err *err)
{
    *out = NULL;
    enum rc rc = check_bytes(text, len, file, err);
    if (rc != RC_OK)
        return rc;
    struct reading g = {.r = calloc(1, sizeof *g.r), .file = file};
    if (g.r == NULL || (g.r->steps = calloc(RUNBOOK_STEPS, sizeof *g.r->steps)) == NULL) {
        runbook_free(g.r);
        return err_nomem(err);
    }
    rc = read_all(&g, text, len, err);
    if (rc != RC_OK)
        runbook_free(g.r);
    else
        *out = g.r;
    return rc;
}
