#include "report/card_page.h"

#include <string.h>

#include "report/page.h"

enum { TABLE_MOST = 4 * 1024 * 1024, STYLE_MOST = 4096, GROUP = 8 };

static const char style[] =
    "@page{size:A4;margin:14mm 14mm 16mm;font:8pt sans-serif;"
    "@bottom-left{content:\"keymuster recovery card\"}"
    "@bottom-right{content:\"page \" counter(page) \" of \" counter(pages)}}"
    "body{font:10pt/1.35 sans-serif;max-width:48rem;margin:1.2rem auto;padding:0 1rem;color:#000;"
    "background:#fff}"
    "h1{font-size:1.5em;margin:0 0 .1em}h2{font-size:1.05em;margin:.9em 0 .2em;border-bottom:1.5px "
    "solid #000}p,ol{margin:.3em 0}ol{padding-left:1.4em}"
    "code,pre{font-family:monospace;font-size:.95em}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1.5px solid #000;padding:.4em .6em;"
    "margin:.3em 0;break-inside:avoid;font-size:1em;line-height:1.5}"
    "table{border-collapse:collapse;width:100%;margin:.2em 0}"
    "th,td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0;overflow-wrap:anywhere}"
    "th{font-weight:normal;font-size:.85em;border-bottom:1px solid #000}"
    "td+td{border-left:0}tr{break-inside:avoid}thead{display:table-header-group}"
    ".blank{display:inline-block;min-width:14em;border-bottom:1px solid #000;height:1.1em}"
    "section{break-inside:avoid}"
    "@media print{body{margin:0;max-width:none;padding:0}}";

void
card_page_init(struct card_page *p)
{
    struct buf *all[] = {&p->floors, &p->roots, &p->kmss, &p->copies, &p->lines};
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], TABLE_MOST);
}

void
card_page_release(struct card_page *p)
{
    struct buf *all[] = {&p->floors, &p->roots, &p->kmss, &p->copies, &p->lines};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_release(all[i]);
}

void
card_page_row(struct buf *table, const char *const *cells, size_t count)
{
    buf_adds(table, "<tr>");
    for (size_t i = 0; i < count; i++) {
        buf_adds(table, "<td>");
        if (cells[i] != NULL)
            page_text(table, cells[i]);
        else
            buf_adds(table, "<span class=\"blank\"></span>");
        buf_adds(table, "</td>");
    }
    buf_adds(table, "</tr>\n");
}

void
card_page_groups(struct buf *out, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0'; i++) {
        if (i > 0 && i % GROUP == 0)
            buf_addc(out, ' ');
        buf_addc(out, hex[i]);
    }
}

static void
put_table(struct buf *out, const char *heading, const char *const *titles, const struct buf *rows)
{
    if (rows->len == 0)
        return;
    buf_addf(out, "<section>\n<h2>%s</h2>\n<table>\n<thead><tr>", heading);
    for (size_t i = 0; titles[i] != NULL; i++)
        buf_addf(out, "<th scope=\"col\">%s</th>", titles[i]);
    buf_addf(out, "</tr></thead>\n<tbody>\n%s</tbody>\n</table>\n</section>\n", buf_str(rows));
}

static void
put_lines(struct buf *out, const struct card_page *p)
{
    buf_adds(
        out,
        "<section>\n<h2>To be typed into a file, for --card FILE</h2>\n"
        "<p>One line for each of the words escrow, founder, made and floor, however long it is. "
        "Blanks do not matter, nor capitals, but in the founder's key. A digit that is wrong "
        "does not fit its check. A copy that is older than a floor is refused.</p>\n"
        "<pre>");
    page_text(out, buf_str(&p->lines));
    buf_adds(out, "</pre>\n</section>\n");
}

static void
put_emergency(struct buf *out, const struct card_page *p)
{
    buf_adds(out,
             "<section>\n<h2>When everything else is gone</h2>\n<ol>\n"
             "<li>Take a copy of the escrow: one of those above. PLACE is its folder or URL.</li>\n"
             "<li>In its folder, <code>recovery/START-HERE.md</code> leads on, also without "
             "keymuster.</li>\n"
             "<li>With keymuster, and the lines above typed into <code>card.txt</code>:<br>\n"
             "<code>keymuster recover start --lost SITE --from PLACE --site HERE --card card.txt "
             "--credential KMS=prompt</code><br>\nor one password alone:<br>\n"
             "<code>keymuster reveal KEY --reason TEXT --from PLACE --card card.txt --credential "
             "KMS=prompt</code></li>\n"
             "<li>A key of an author was stolen? Leave out what it recorded since, by the entries "
             "of its floor: <code>--until AUTHOR:ENTRIES</code></li>\n</ol>\n</section>\n"
             "<section>\n<h2>Is the copy genuine? With minisign alone</h2>\n"
             "<p>HEAD is the newest file below <code>head/AUTHOR/</code> in the copy; the "
             "founder's key is the one above.</p>\n<pre>head -n 1 HEAD &gt;m; tail -n +2 HEAD "
             "&gt;s; minisign -V -P ");
    page_text(out, p->founder);
    buf_adds(out, " -m m -x s</pre>\n<p>The line in <code>m</code> says how many entries there "
                  "are: not fewer than the floor of that author.</p>\n</section>\n");
}

enum rc
card_page(struct buf *out, const struct card_page *p, struct err *err)
{
    static const char *const floors[] = {"author", "site", "entries", "newest", NULL};
    static const char *const roots[] = {"root key", "KMS", "CRN or id", NULL};
    static const char *const kmss[] = {"KMS", "where", "credential kept at", NULL};
    static const char *const copies[] = {"copy", "where", "kept at", NULL};
    struct buf css;
    buf_init(&css, STYLE_MOST);
    buf_adds(&css, style);
    enum rc rc = page_begin(out, "keymuster recovery card", &css, err);
    buf_adds(out, "<main>\n");
    buf_release(&css);
    if (rc != RC_OK)
        return rc;
    buf_adds(out, "<h1>Recovery card: ");
    page_text(out, p->name);
    buf_adds(out, "</h1>\n<p>made ");
    page_text(out, p->made);
    buf_adds(out, "; keep it at the other site, away from the copies; nothing on it is secret. "
                  "Make a new one after each drill.</p>\n");
    put_lines(out, p);
    put_table(out, "Where copies are", copies, &p->copies);
    put_table(out, "KMSs and their credentials", kmss, &p->kmss);
    put_table(out, "Root keys", roots, &p->roots);
    put_table(out, "Authors, and how far each had got", floors, &p->floors);
    put_emergency(out, p);
    buf_adds(out, "</main>\n");
    page_end(out);
    return buf_check(out, "the card", err);
}
