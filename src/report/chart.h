/* Charts of a page: inline SVG in a figure, told in words to those who do not see it. The numbers
 * stand beside every mark, and the caller puts them into a table as well. HTML only. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "report/sheet.h"

struct chart_bar {
    const char *label; /* short; a longer one is cut */
    int64_t value;     /* 0 or more; -1: none to draw */
    const char *text;  /* beside the bar */
    enum sheet_mark mark;
};
/* id: one word of ours. limit: a line across; 0 for none; limit_text names it. */
void chart_bars(struct sheet *s, const char *id, const char *title, const struct chart_bar *bars,
                size_t count, int64_t limit, const char *limit_text);

/* How many of each lane fell into each of `columns` equal times, oldest first. The last lane is the
 * bad one: its marks are crosses, the others' rings. */
void chart_lanes(struct sheet *s, const char *id, const char *title, const char *const *lanes,
                 size_t lane_count, const int64_t *cells, size_t columns, const char *from,
                 const char *to);

#endif
