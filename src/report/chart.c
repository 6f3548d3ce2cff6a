#include "report/chart.h"

#include <stdio.h>
#include <string.h>

/* Units of the drawing; as wide as a telephone, so that its letters stay legible there. */
enum {
    WIDE = 400,
    ROW = 24,
    BAR = 14,
    LEFT = 130,
    RIGHT = 110, /* for the number */
    LABEL_MOST = 20,
    LANE = 30,
    LANE_LEFT = 90,
    FOOT = 24,
    BARS_MOST = 100
};

static void
begin(struct sheet *s, const char *id, const char *title, int high)
{
    buf_addf(s->out,
             "<figure><svg role=\"img\" aria-labelledby=\"%s-t\" viewBox=\"0 0 %d %d\">"
             "<title id=\"%s-t\">",
             id, WIDE, high, id);
    sheet_text(s, title);
    buf_adds(s->out, "</title>\n");
}

static void
end(struct sheet *s, const char *caption)
{
    buf_adds(s->out, "</svg><figcaption>");
    sheet_text(s, caption);
    buf_adds(s->out, "</figcaption></figure>\n");
}

/* What fits, by characters. */
static void
put_label(struct sheet *s, const char *label)
{
    char cut[LABEL_MOST * 4 + 8];
    size_t used = 0, chars = 0;
    for (; label[used] != '\0' && used + 4 < sizeof cut; used++) {
        if (((unsigned char)label[used] & 0xc0) != 0x80 && chars++ == LABEL_MOST)
            break;
        cut[used] = label[used];
    }
    cut[used] = '\0';
    sheet_text(s, cut);
    if (label[used] != '\0')
        buf_adds(s->out, "\u2026");
}

static int64_t
most_of(const struct chart_bar *bars, size_t count, int64_t most)
{
    for (size_t i = 0; i < count; i++)
        most = bars[i].value > most ? bars[i].value : most;
    return most > 0 ? most : 1;
}

static long long
scaled(int64_t value, int64_t most)
{
    long long wide = WIDE - LEFT - RIGHT;
    return (long long)((double)value / (double)most * (double)wide + 0.5);
}

static void
put_bar(struct sheet *s, const struct chart_bar *b, size_t row, int64_t most)
{
    int y = (int)row * ROW;
    long long wide = b->value > 0 ? scaled(b->value, most) : 0;
    wide = b->value > 0 && wide < 2 ? 2 : wide; /* one of a million is not none */
    buf_addf(s->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 6, y + 16);
    put_label(s, b->label);
    buf_adds(s->out, "</text>");
    if (wide > 0)
        buf_addf(s->out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%lld\" height=\"%d\"/>",
                 b->mark == SHEET_BAD ? "worse" : "bar", LEFT, y + 5, wide, BAR);
    buf_addf(s->out, "<text x=\"%lld\" y=\"%d\">", LEFT + wide + 5, y + 16);
    sheet_text(s, b->text);
    buf_adds(s->out, "</text>\n");
}

void
chart_bars(struct sheet *s, const char *id, const char *title, const struct chart_bar *bars,
           size_t count, int64_t limit, const char *limit_text)
{
    if (!s->html || count == 0)
        return;
    if (count > BARS_MOST)
        count = BARS_MOST;
    int high = (int)count * ROW + (limit > 0 ? FOOT : 4);
    int64_t most = most_of(bars, count, limit);
    begin(s, id, title, high);
    for (size_t i = 0; i < count; i++)
        put_bar(s, &bars[i], i, most);
    buf_addf(s->out, "<path class=\"axis\" d=\"M%d 0V%d\"/>", LEFT, (int)count * ROW);
    if (limit > 0) {
        long long x = LEFT + scaled(limit, most);
        buf_addf(s->out, "<path class=\"limit\" d=\"M%lld 0V%d\"/>", x, (int)count * ROW + 4);
        buf_addf(s->out, "<text x=\"%lld\" y=\"%d\" text-anchor=\"middle\">", x, high - 5);
        sheet_text(s, limit_text);
        buf_adds(s->out, "</text>\n");
    }
    end(s, title);
}

static void
put_mark(struct sheet *s, double x, int y, int64_t n, int bad)
{
    double r = n > 99 ? 7 : n > 9 ? 5.5 : n > 1 ? 4.5 : 3.5;
    if (bad)
        buf_addf(s->out, "<path class=\"cross\" d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\"/>\n",
                 x - r, y - r, x + r, y + r, x - r, y + r, x + r, y - r);
    else
        buf_addf(s->out, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%d\" r=\"%.1f\"/>\n", x, y, r);
}

void
chart_lanes(struct sheet *s, const char *id, const char *title, const char *const *lanes,
            size_t lane_count, const int64_t *cells, size_t columns, const char *from,
            const char *to)
{
    enum { ROOM = 10 }; /* so that no mark touches the edge */
    if (!s->html)
        return;
    int base = (int)lane_count * LANE;
    double step = (double)(WIDE - LANE_LEFT - 2 * ROOM) / (double)columns;
    begin(s, id, title, base + FOOT);
    for (size_t l = 0; l < lane_count; l++) {
        int y = (int)l * LANE + LANE / 2;
        buf_addf(s->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LANE_LEFT - 6, y + 4);
        sheet_text(s, lanes[l]);
        buf_addf(s->out, "</text><path class=\"lane\" d=\"M%d %dH%d\"/>\n", LANE_LEFT, y, WIDE);
        for (size_t c = 0; c < columns; c++) {
            int64_t n = cells[l * columns + c];
            if (n > 0)
                put_mark(s, LANE_LEFT + ROOM + ((double)c + 0.5) * step, y, n, l + 1 == lane_count);
        }
    }
    buf_addf(s->out,
             "<path class=\"axis\" d=\"M%d %dH%d\"/><text x=\"%d\" y=\"%d\">%s</text>"
             "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n",
             LANE_LEFT, base, WIDE, LANE_LEFT, base + 17, from, WIDE, base + 17, to);
    end(s, title);
}
