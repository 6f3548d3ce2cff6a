/* One drill as a report: text, one HTML page, JSON. */
#ifndef REPORT_DRILL_REPORT_H
#define REPORT_DRILL_REPORT_H

#include "report/drill_rows.h"
#include "report/origin.h"
#include "report/run_report.h"

struct drill_facts {
    const struct store *store;
    struct drill_record record;
    struct evidence evidence;
    struct drill_row *rows; /* one for each key and root key */
    size_t count, keys;
    size_t proven, failed, inconclusive, uncounted;
    int64_t took_ms;    /* from the start of the command to the last value that was right: measured
                         * RTO; -1: none, or not recorded */
    int64_t rpo_ms;     /* age of the earliest entry that the copy lacked; -1: not recorded */
    int64_t lost;       /* how many entries it lacked */
    const char *newest; /* time of the newest entry in it; or "" */
    const char *from_export; /* SHA-256; "": from a copy */
    struct origin origin;
};
enum rc drill_facts_new(struct drill_facts **out, const struct store *store,
                        const struct drill_record *record, struct err *err) MUST_CHECK;
void drill_facts_free(struct drill_facts *f);

enum rc drill_report_sheet(struct buf *out, int html, const struct drill_facts *f,
                           const struct report_about *about, struct err *err) MUST_CHECK;
/* Members of an object that is begun. */
void drill_report_json(struct jw *w, const struct drill_facts *f, const struct report_about *about);

#endif
