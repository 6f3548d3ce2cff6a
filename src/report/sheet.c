#include "report/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "text/flow.h"
#include "text/uni.h"

enum { TEXT_MOST = 1024 * 1024, TABLE_MOST = 64 * 1024 * 1024, LABEL = 16, STYLE_MOST = 8192 };

static const char style[] =
    ":root{color-scheme:light dark;--fg:#16181d;--bg:#fff;--dim:#525a66;--line:#767d88;"
    "--soft:#eef0f3;--bad:#b3001b;--bar:#2c5f8a}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e8eaee;--bg:#14161a;--dim:#a9b0bb;"
    "--line:#7d8591;--soft:#22262d;--bad:#ff8a8a;--bar:#7db4e0}}"
    "body{font:11pt/1.45 sans-serif;max-width:62rem;margin:1.5rem auto;padding:0 1rem;"
    "color:var(--fg);background:var(--bg);font-variant-numeric:tabular-nums;"
    "overflow-wrap:anywhere}"
    "h1{font-size:1.5em;margin:.2em 0 .5em}"
    "h2{font-size:1.15em;margin:1.6em 0 .5em;border-bottom:2px solid var(--line);"
    "padding-bottom:.15em}"
    "h3{font-size:1em;margin:1.3em 0 .3em}p{margin:.4em 0}"
    "table{border-collapse:collapse;margin:.4em 0;width:100%}"
    "caption{text-align:left;color:var(--dim);padding:.2em 0}"
    "th,td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0}"
    "thead th{overflow-wrap:normal;border-bottom:1px solid var(--line)}"
    ".rows td,.rows tbody th{border-bottom:1px solid var(--soft)}"
    "tbody th{font-weight:normal}.rows{width:auto;min-width:60%}.facts "
    "th{color:var(--dim);width:11em}"
    ".bad,.bad td,.bad th{color:var(--bad);font-weight:bold}"
    ".banner{display:inline-block;border:2px solid;padding:.05em .6em;font-weight:bold;"
    "letter-spacing:.08em;margin:0}"
    ".blanks{border-collapse:separate;border-spacing:.8em 0;margin-left:-.8em}"
    ".blanks tbody td{border-bottom:1px solid var(--line);height:2em}"
    ".blanks tbody th{width:11em;vertical-align:bottom}"
    ".skip{position:absolute;left:-99em}.skip:focus{left:1rem}"
    "a{color:inherit}"
    "figure{margin:.6em 0;max-width:32rem}figcaption{color:var(--dim)}"
    "svg{display:block;width:100%;height:auto;fill:var(--fg);font:12px sans-serif}"
    ".bar{fill:var(--bar)}.worse{fill:var(--bad)}"
    ".axis,.lane,.limit,.ring,.cross{fill:none;stroke:var(--line)}"
    ".limit{stroke:var(--bad);stroke-dasharray:4 3;stroke-width:1.5}"
    ".lane{stroke:var(--soft)}.ring{stroke:var(--bar);stroke-width:2}"
    ".cross{stroke:var(--bad);stroke-width:2}"
    ".wide{overflow-x:auto}.wide table{width:100%;min-width:56rem;font-size:.85em}"
    ".wide td,.wide th{overflow-wrap:break-word}"
    "@media print{:root{color-scheme:light;--fg:#000;--bg:#fff;--dim:#333;--line:#555;"
    "--soft:#ccc;--bad:#a00018;--bar:#2c5f8a}body{margin:0;max-width:none;padding:0;font-size:9."
    "5pt}"
    ".wide{overflow:visible}.wide table{min-width:0;font-size:6.5pt}"
    ".wide td,.wide tbody th{overflow-wrap:anywhere}#register{break-before:page}"
    "tr,h2,h3,.facts,figure{break-inside:avoid}h2,h3,caption{break-after:avoid}"
    "thead{display:table-header-group}"
    ".skip{display:none}}";

/* ---- words made harmless ---- */

static void
harmless(struct buf *out, const char *text)
{
    escape_terminal(out, text, strlen(text), ESCAPE_LINE);
}

/* For the format of the sheet; nothing wrapped. */
static void
put(struct sheet *s, const char *text)
{
    struct buf safe;
    buf_init(&safe, TEXT_MOST);
    harmless(&safe, text);
    if (s->html)
        page_text(s->out, buf_str(&safe));
    else
        buf_adds(s->out, buf_str(&safe));
    if (safe.failed)
        s->out->failed = safe.failed;
    buf_release(&safe);
}

void
sheet_text(struct sheet *s, const char *text)
{
    put(s, text);
}

/* Text: wrapped from column at on. */
static void
put_flow(struct sheet *s, const char *text, size_t at, size_t indent)
{
    struct buf safe;
    buf_init(&safe, TEXT_MOST);
    harmless(&safe, text);
    flow(s->out, buf_str(&safe), at, indent, SHEET_WIDTH);
    if (safe.failed)
        s->out->failed = safe.failed;
    buf_release(&safe);
}

static const char *
class_of(enum sheet_mark mark)
{
    return mark == SHEET_BAD ? " class=\"bad\"" : "";
}

void
sheet_span(char out[SPAN_TEXT], int64_t ms)
{
    long long s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(out, SPAN_TEXT, "%lld ms", (long long)ms);
    else if (s < 60 && ms % 1000 < 100)
        (void)snprintf(out, SPAN_TEXT, "%lld s", s);
    else if (s < 60)
        (void)snprintf(out, SPAN_TEXT, "%lld.%lld s", s, (long long)(ms % 1000 / 100));
    else if (s < 3600 && s % 60 != 0)
        (void)snprintf(out, SPAN_TEXT, "%lld min %lld s", s / 60, s % 60);
    else if (s < 3600)
        (void)snprintf(out, SPAN_TEXT, "%lld min", s / 60);
    else if (s < 172800 && s / 60 % 60 != 0)
        (void)snprintf(out, SPAN_TEXT, "%lld h %lld min", s / 3600, s / 60 % 60);
    else if (s < 172800)
        (void)snprintf(out, SPAN_TEXT, "%lld h", s / 3600);
    else
        (void)snprintf(out, SPAN_TEXT, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

/* ---- the whole ---- */

static enum rc
begin_page(struct sheet *s, const char *title, const char *foot, struct err *err)
{
    struct buf css, safe;
    buf_init(&css, STYLE_MOST);
    buf_init(&safe, TEXT_MOST);
    buf_addf(&css,
             "@page{size:A4;margin:16mm 16mm 20mm;font:9pt sans-serif;"
             "@bottom-left{content:\"%s\"}"
             "@bottom-right{content:\"page \" counter(page) \" of \" counter(pages)}}%s",
             foot, style);
    harmless(&safe, title);
    enum rc rc = page_begin(s->out, buf_str(&safe), &css, err);
    buf_adds(s->out, "<a class=\"skip\" href=\"#content\">to the content</a>\n"
                     "<main id=\"content\">\n");
    buf_release(&css);
    buf_release(&safe);
    return rc;
}

enum rc
sheet_begin(struct sheet *s, struct buf *out, int html, const char *title, const char *foot,
            struct err *err)
{
    *s = (struct sheet){.out = out, .html = html};
    enum rc rc = html ? begin_page(s, title, foot, err) : RC_OK;
    buf_init(&s->cells, TABLE_MOST);
    if (html) {
        buf_adds(out, "<h1>");
        put(s, title);
        buf_adds(out, "</h1>\n");
    } else {
        put_flow(s, title, 0, 0);
    }
    return rc;
}

static void
end_facts(struct sheet *s)
{
    if (s->facts && s->html)
        buf_adds(s->out, "</tbody></table>\n");
    s->facts = 0;
}

enum rc
sheet_end(struct sheet *s, struct err *err)
{
    end_facts(s);
    if (s->html) {
        buf_adds(s->out, "</main>\n");
        page_end(s->out);
    }
    if (s->cells.failed)
        s->out->failed = s->cells.failed;
    buf_release(&s->cells);
    return buf_check(s->out, "the report", err);
}

void
sheet_banner(struct sheet *s, const char *word)
{
    end_facts(s);
    if (s->html) {
        buf_adds(s->out, "<p class=\"banner\">");
        put(s, word);
        buf_adds(s->out, "</p>\n");
    } else {
        put_flow(s, word, 0, 0);
    }
}

void
sheet_section(struct sheet *s, const char *id, const char *heading)
{
    end_facts(s);
    if (s->html) {
        buf_addf(s->out, "<h2 id=\"%s\">", id);
        put(s, heading);
        buf_adds(s->out, "</h2>\n");
        return;
    }
    buf_addc(s->out, '\n');
    put_flow(s, heading, 0, 0);
    for (int i = 0; i < SHEET_WIDTH; i++)
        buf_addc(s->out, '-');
    buf_addc(s->out, '\n');
}

void
sheet_heading(struct sheet *s, const char *heading)
{
    end_facts(s);
    if (s->html) {
        buf_adds(s->out, "<h3>");
        put(s, heading);
        buf_adds(s->out, "</h3>\n");
        return;
    }
    buf_addc(s->out, '\n');
    put_flow(s, heading, 0, 4);
}

void
sheet_par(struct sheet *s, const char *text, enum sheet_mark mark)
{
    end_facts(s);
    if (!s->html) {
        put_flow(s, text, 0, 0);
        return;
    }
    buf_addf(s->out, "<p%s>", class_of(mark));
    put(s, text);
    buf_adds(s->out, "</p>\n");
}

/* ---- facts ---- */

void
sheet_fact(struct sheet *s, const char *label, const char *value, enum sheet_mark mark)
{
    if (value == NULL || value[0] == '\0')
        return;
    if (!s->html) {
        size_t start = s->out->len;
        put(s, label);
        size_t wide = (size_t)utf8_width(buf_str(s->out) + start);
        buf_addf(s->out, "%*s", wide < LABEL ? (int)(LABEL - wide) : 2, "");
        put_flow(s, value, wide < LABEL ? LABEL : wide + 2, LABEL);
        return;
    }
    if (!s->facts)
        buf_adds(s->out, "<table class=\"facts\"><tbody>\n");
    s->facts = 1;
    buf_addf(s->out, "<tr%s><th scope=\"row\">", class_of(mark));
    put(s, label);
    buf_adds(s->out, "</th><td>");
    put(s, value);
    buf_adds(s->out, "</td></tr>\n");
}

void
sheet_factf(struct sheet *s, const char *label, enum sheet_mark mark, const char *fmt, ...)
{
    char value[8192];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    sheet_fact(s, label, value, mark);
}

/* ---- tables ---- */

void
sheet_table(struct sheet *s, const char *caption, const char *const *titles)
{
    end_facts(s);
    s->titles = titles;
    s->columns = 0;
    s->rows = 0;
    buf_clear(&s->cells);
    while (titles[s->columns] != NULL)
        s->columns++;
    if (!s->html) {
        if (caption != NULL)
            put_flow(s, caption, 0, 0);
        return;
    }
    buf_adds(s->out, "<table class=\"rows\">");
    if (caption != NULL) {
        buf_adds(s->out, "<caption>");
        put(s, caption);
        buf_adds(s->out, "</caption>");
    }
    buf_adds(s->out, "\n<thead><tr>");
    for (size_t i = 0; i < s->columns; i++) {
        buf_adds(s->out, "<th scope=\"col\">");
        put(s, titles[i]);
        buf_adds(s->out, "</th>");
    }
    buf_adds(s->out, "</tr></thead>\n<tbody>\n");
}

void
sheet_row(struct sheet *s, const char *const *cells, enum sheet_mark mark)
{
    s->rows++;
    if (!s->html) {
        for (size_t i = 0; i < s->columns; i++) {
            harmless(&s->cells, cells[i] != NULL ? cells[i] : "");
            buf_addc(&s->cells, '\0');
        }
        return;
    }
    buf_addf(s->out, "<tr%s>", class_of(mark));
    for (size_t i = 0; i < s->columns; i++) {
        buf_adds(s->out, i == 0 ? "<th scope=\"row\">" : "<td>");
        put(s, cells[i] != NULL ? cells[i] : "");
        buf_adds(s->out, i == 0 ? "</th>" : "</td>");
    }
    buf_adds(s->out, "</tr>\n");
}

void
sheet_wide(struct sheet *s, const char *label, const char *const *titles)
{
    end_facts(s);
    buf_adds(s->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put(s, label);
    buf_adds(s->out, "\">\n");
    sheet_table(s, label, titles);
    s->wide = 1;
}

static void
pad(struct buf *out, const char *text, size_t to)
{
    size_t wide = (size_t)utf8_width(text);
    if (wide < to)
        buf_addf(out, "%*s", (int)(to - wide), "");
}

/* Column by column where all fits, else one block for each row. */
static size_t
measure(const struct sheet *s, size_t widths[SHEET_COLUMNS])
{
    size_t all = 0;
    const char *at = buf_str(&s->cells);
    for (size_t i = 0; i < s->columns; i++)
        widths[i] = (size_t)utf8_width(s->titles[i]);
    for (int r = 0; r < s->rows; r++) {
        for (size_t i = 0; i < s->columns; i++, at += strlen(at) + 1) {
            size_t wide = (size_t)utf8_width(at);
            widths[i] = wide > widths[i] ? wide : widths[i];
        }
    }
    for (size_t i = 0; i < s->columns; i++)
        all += widths[i] + (i > 0 ? 2 : 0);
    return all;
}

static void
print_line(struct sheet *s, const char *const *cells, const size_t *widths)
{
    size_t last = s->columns;
    while (last > 1 && cells[last - 1][0] == '\0')
        last--;
    for (size_t i = 0; i < last; i++) {
        buf_adds(s->out, cells[i]);
        if (i + 1 < last) {
            pad(s->out, cells[i], widths[i]);
            buf_adds(s->out, "  ");
        }
    }
    buf_addc(s->out, '\n');
}

static void
print_block(struct sheet *s, const char *const *cells)
{
    for (size_t i = 0; i < s->columns; i++) {
        if (cells[i][0] == '\0')
            continue;
        buf_addf(s->out, "%s%s", i == 0 ? "* " : "  ", s->titles[i]);
        pad(s->out, s->titles[i], LABEL - 2);
        flow(s->out, cells[i], LABEL, LABEL, SHEET_WIDTH);
    }
}

void
sheet_table_end(struct sheet *s)
{
    size_t widths[SHEET_COLUMNS];
    if (s->html) {
        buf_adds(s->out, s->wide ? "</tbody></table></div>\n" : "</tbody></table>\n");
        s->wide = 0;
        return;
    }
    if (s->cells.failed)
        return;
    int fits = measure(s, widths) <= SHEET_WIDTH;
    const char *at = buf_str(&s->cells);
    if (fits && s->rows > 0)
        print_line(s, s->titles, widths);
    for (int r = 0; r < s->rows; r++) {
        const char *cells[SHEET_COLUMNS];
        for (size_t i = 0; i < s->columns; i++, at += strlen(at) + 1)
            cells[i] = at;
        if (fits)
            print_line(s, cells, widths);
        else
            print_block(s, cells);
    }
}

void
sheet_blanks(struct sheet *s, const char *caption, const char *const *titles,
             const char *const *labels, size_t count)
{
    end_facts(s);
    if (!s->html)
        return; /* nobody writes on a screen */
    buf_adds(s->out, "<table class=\"blanks\"><caption>");
    put(s, caption);
    buf_adds(s->out, "</caption>\n<thead><tr>");
    for (size_t i = 0; titles[i] != NULL; i++) {
        if (titles[i][0] == '\0') { /* nothing to be the header of */
            buf_adds(s->out, "<td></td>");
            continue;
        }
        buf_adds(s->out, "<th scope=\"col\">");
        put(s, titles[i]);
        buf_adds(s->out, "</th>");
    }
    buf_adds(s->out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < count; r++) {
        buf_adds(s->out, "<tr><th scope=\"row\">");
        put(s, labels[r]);
        buf_adds(s->out, "</th>");
        for (size_t i = 1; titles[i] != NULL; i++)
            buf_adds(s->out, "<td></td>");
        buf_adds(s->out, "</tr>\n");
    }
    buf_adds(s->out, "</tbody></table>\n");
}
