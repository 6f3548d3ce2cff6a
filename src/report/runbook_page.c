#include "report/runbook_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recover/markdown.h"
#include "report/page.h"

enum { SHORT_HASH = 8, STYLE_MOST = 8192 };

static const char style[] =
    "body{font:11pt/1.4 sans-serif;max-width:46rem;margin:1.5rem auto;padding:0 1rem;color:#000;"
    "background:#fff}"
    "h1{font-size:1.6em;margin:0 0 .4em}h2{font-size:1.15em;margin:0 0 .4em}"
    "h3{font-size:1em;margin:0 0 .2em}p,ul,ol,pre{margin:.4em 0}"
    "code,pre{font-family:monospace;font-size:.95em;overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #000;padding-left:.6em}"
    "section{border-top:2px solid #000;padding:.7em 0;break-inside:avoid}"
    ".box{display:inline-block;width:.9em;height:.9em;border:1.5px solid #000;margin-right:.4em;"
    "vertical-align:-.1em}"
    ".fails{border:1.5px solid #000;padding:.4em .7em;margin:.5em 0}"
    ".kind{float:right;font-weight:normal;font-size:.8em;border:1px solid #000;padding:0 .4em}"
    ".blank{display:inline-block;min-width:9em;border-bottom:1px solid #000;height:1.2em}"
    ".time{min-width:4em}.wide{min-width:20em}"
    "table{border-collapse:collapse;margin:.4em 0}th{text-align:left;font-weight:normal;"
    "padding:.25em .8em .25em 0;vertical-align:bottom}td{padding:.25em 0;vertical-align:bottom}"
    "@media(max-width:32rem){.blank,.wide{min-width:6em}}"
    ".foot{border-top:1px solid #000;font-size:.8em;margin-top:1em}"
    "@media print{body{margin:0;max-width:none;padding:0}}";

/* The foot of each printed page: the id holds nothing that CSS would mind. */
static void
put_style(struct buf *out, const struct runbook *r)
{
    buf_addf(out,
             "@page{size:A4;margin:16mm 16mm 20mm;font:9pt sans-serif;"
             "@bottom-left{content:\"%s %.*s\"}"
             "@bottom-right{content:\"page \" counter(page) \" of \" counter(pages)}}%s",
             r->id, SHORT_HASH, r->sha256, style);
}

static enum rc
put_head(struct buf *out, const struct runbook *r, struct err *err)
{
    struct buf css;
    buf_init(&css, STYLE_MOST);
    put_style(&css, r);
    enum rc rc = page_begin(out, r->title, &css, err);
    buf_adds(out, "<main>\n");
    buf_release(&css);
    return rc;
}

/* Nothing for one that was not given. */
static void
put_duration(struct buf *out, const char *before, int64_t ms)
{
    int64_t minutes = ms / 60000;
    if (ms == 0)
        return;
    buf_adds(out, before);
    if (minutes % 60 != 0 || minutes == 0)
        buf_addf(out, "%lld min", (long long)minutes);
    else if (minutes % 1440 != 0)
        buf_addf(out, "%lld h", (long long)(minutes / 60));
    else
        buf_addf(out, "%lld d", (long long)(minutes / 1440));
}

/* ---- what is filled in at the top ---- */

static void
put_row(struct buf *out, const char *label, const char *html)
{
    buf_adds(out, "<tr><th scope=\"row\">");
    page_text(out, label);
    buf_addf(out, "</th><td>%s</td></tr>\n", html);
}

static void
put_words(struct buf *out, const struct runbook *r)
{
    const char *word;
    for (size_t i = 0; (word = runbook_word(i)) != NULL; i++) {
        char braces[32];
        (void)snprintf(braces, sizeof braces, "{%s}", word);
        if (strstr(r->text, braces) == NULL)
            continue;
        buf_addf(out, "<tr><th scope=\"row\"><code>%s</code> ", braces);
        page_text(out, runbook_word_means(i));
        buf_adds(out, "</th><td><span class=\"blank wide\"></span></td></tr>\n");
    }
}

static void
put_top(struct buf *out, const struct runbook *r, const char *printed)
{
    buf_adds(out, "<h1>");
    page_text(out, r->title);
    buf_adds(out, "</h1>\n<p>Runbook <code>");
    page_text(out, r->id);
    buf_addf(out, "</code>, SHA-256 <code>%.*s</code>, printed %s", SHORT_HASH, r->sha256, printed);
    if (r->review[0] != '\0')
        buf_addf(out, ", to be reviewed by %s", r->review);
    put_duration(out, ". Target time: ", r->rto_ms);
    buf_adds(out, ".</p>\n<table>\n");
    put_row(out, "This is",
            "<span class=\"box\"></span>real &nbsp; <span class=\"box\"></span>a drill");
    put_row(out, "Begun (date, time, zone)", "<span class=\"blank wide\"></span>");
    put_row(out, "By", "<span class=\"blank wide\"></span>");
    put_row(out, "Witness", "<span class=\"blank wide\"></span>");
    put_words(out, r);
    buf_adds(out, "</table>\n");
}

/* ---- a step ---- */

static const char *
asked(const struct step_field *f)
{
    switch (f->type) {
    case FIELD_NUMBER:
        return "a number";
    case FIELD_TIME:
        return "date and time";
    case FIELD_SHA256:
        return "SHA-256";
    case FIELD_CHECK:
        return "compared? never write it down";
    case FIELD_TEXT:
    case FIELD_CHOICE:
        break;
    }
    return "";
}

static void
put_field(struct buf *out, const struct step_field *f)
{
    buf_adds(out, "<tr><th scope=\"row\">");
    for (const char *c = f->name; *c != '\0'; c++)
        buf_adds(out, *c == '_' ? " " : (const char[]){*c, '\0'});
    if (f->type == FIELD_CHOICE) {
        buf_adds(out, " (");
        page_text(out, f->of);
        buf_addc(out, ')');
    } else if (asked(f)[0] != '\0') {
        buf_addf(out, " (%s)", asked(f));
    }
    buf_addf(out, "%s</th><td>%s</td></tr>\n", f->optional ? ", if there is one" : "",
             f->type == FIELD_CHECK ? "<span class=\"box\"></span>matches"
                                    : "<span class=\"blank wide\"></span>");
}

/* Above what to expect of it. */
static void
put_command(struct buf *out, const struct step *s)
{
    if (s->run != NULL) {
        buf_adds(out, "<pre>keymuster ");
        page_text(out, s->run);
        buf_adds(out, "</pre>\n");
    }
    if (s->key != NULL) {
        buf_adds(out, "<pre>keymuster reveal ");
        page_text(out, s->key);
        buf_adds(out, " --reason &quot;why&quot;</pre>\n");
    }
}

static void
put_blanks(struct buf *out, const struct step *s)
{
    if (s->field_count == 0 && s->approvers == 0)
        return;
    buf_adds(out, "<table>\n");
    for (size_t i = 0; i < s->field_count; i++)
        put_field(out, &s->fields[i]);
    for (int i = 0; i < s->approvers; i++)
        put_row(out, "Approved by (name, signature)", "<span class=\"blank wide\"></span>");
    buf_adds(out, "</table>\n");
}

static void
put_step_head(struct buf *out, const struct step *s, size_t number)
{
    buf_addf(out, "<section>\n<h2><span class=\"box\"></span>%zu. ", number);
    page_text(out, s->title);
    buf_addf(out, " <span class=\"kind\">%s%s", step_kind_name(s->kind),
             s->modes == STEP_REAL    ? ", not in a drill"
             : s->modes == STEP_DRILL ? ", only in a drill"
                                      : "");
    put_duration(out, ", ", s->budget_ms);
    buf_adds(out, "</span></h2>\n");
}

static void
put_step_end(struct buf *out)
{
    buf_adds(out,
             "<p>from <span class=\"blank time\"></span> to <span class=\"blank time\"></span> "
             "by <span class=\"blank\"></span> notes <span class=\"blank\"></span></p>\n"
             "</section>\n");
}

/* ---- the whole ---- */

struct page {
    struct buf *out;
    const struct runbook *r;
    size_t steps; /* begun */
    int failing;
};

static void
end_fails(struct page *p)
{
    if (p->failing)
        buf_adds(p->out, "</div>\n");
    p->failing = 0;
}

static void
put_heading(struct page *p, int level)
{
    end_fails(p);
    if (level == 2) {
        if (p->steps > 0)
            put_step_end(p->out);
        put_step_head(p->out, &p->r->steps[p->steps], p->steps + 1);
        p->steps++;
    } else if (level == 3) {
        buf_adds(p->out, "<div class=\"fails\"><h3>If it fails</h3>\n");
        p->failing = 1;
    }
}

static enum rc
put_node(struct page *p, cmark_node *n, struct err *err)
{
    cmark_node_type type = cmark_node_get_type(n);
    if (type == CMARK_NODE_HEADING) {
        put_heading(p, cmark_node_get_heading_level(n));
        return RC_OK;
    }
    if (type == CMARK_NODE_CODE_BLOCK && strcmp(cmark_node_get_fence_info(n), "keymuster") == 0) {
        end_fails(p);
        if (p->steps > 0)
            put_blanks(p->out, &p->r->steps[p->steps - 1]);
        return RC_OK;
    }
    if (p->steps > 0 && !p->failing && markdown_begins(n, "Expect:"))
        put_command(p->out, &p->r->steps[p->steps - 1]);
    return markdown_html(p->out, n, err);
}

enum rc
runbook_page(struct buf *out, const struct runbook *r, const char *printed, struct err *err)
{
    struct page p = {.out = out, .r = r};
    cmark_node *doc = NULL;
    enum rc rc = markdown_parse(&doc, r->text, r->len, err);
    if (rc != RC_OK)
        return rc;
    rc = put_head(out, r, err);
    put_top(out, r, printed);
    for (cmark_node *n = cmark_node_first_child(doc); rc == RC_OK && n != NULL;
         n = cmark_node_next(n))
        rc = put_node(&p, n, err);
    markdown_done();
    end_fails(&p);
    if (p.steps > 0)
        put_step_end(out);
    buf_addf(out, "<p class=\"foot\">Runbook <code>");
    page_text(out, r->id);
    buf_addf(out, "</code>, SHA-256 <code>%s</code></p>\n", r->sha256);
    buf_adds(out, "</main>\n");
    page_end(out);
    return rc == RC_OK ? buf_check(out, "the page", err) : rc;
}
