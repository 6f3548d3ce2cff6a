/* A run as a report: text, one HTML page, JSON. */
#ifndef REPORT_RUN_REPORT_H
#define REPORT_RUN_REPORT_H

#include "report/run_facts.h"

/* What the log does not know. Texts are borrowed. */
struct report_about {
    const char *made_at; /* time that the report shows */
    const char *version; /* of this program */
    int as_shipped;      /* the runbook's text is the one that comes with this program */
};

/* Appends the text, or with html the page. */
enum rc run_report_sheet(struct buf *out, int html, const struct run_facts *f,
                         const struct report_about *about, struct err *err) MUST_CHECK;
/* Members of an object that is begun. */
enum rc run_report_json(struct jw *w, const struct run_facts *f, const struct report_about *about,
                        struct err *err) MUST_CHECK;

#endif
