/* Where a report's facts come from: who wrote the entries, and how far their logs had got, so that
 * the report can be checked against the log. */
#ifndef REPORT_ORIGIN_H
#define REPORT_ORIGIN_H

#include "escrow/evidence.h"
#include "escrow/log.h"
#include "report/sheet.h"
#include "text/jw.h"

struct origin {
    /* One for each account, session and author. */
    struct origin_party {
        const struct entry *first, *last; /* borrowed */
        size_t count;
        char by[1024]; /* their `by`, as JSON: what tells them apart */
        char account[1024];
        char person[LIMIT_NAME + 1]; /* as an entry names them; or "" */
    } * parties;
    size_t party_count;
    /* One for each author. */
    struct origin_anchor {
        struct log_author author;
        char site[LIMIT_NAME + 1];
        size_t count; /* entries that tell of it */
        int64_t seq;  /* of the last of them */
        char hash[HASH_TEXT + 1];
        int64_t head; /* the first head that speaks for it; 0: none yet */
        char head_hash[HASH_TEXT + 1];
    } * anchors;
    size_t anchor_count;
};
enum rc origin_of(struct origin *out, const struct store *store, const struct evidence *ev,
                  struct err *err) MUST_CHECK;
void origin_release(struct origin *o);

/* Who says so in an entry, for people: account, and the person if it names one. */
enum rc origin_who(struct buf *out, const struct store *store, const struct entry *e,
                   struct err *err) MUST_CHECK;
/* The person that an entry names, by their registered name; "". */
enum rc origin_person(char out[LIMIT_NAME + 1], const struct store *store, const struct entry *e,
                      struct err *err) MUST_CHECK;

/* How many entries say again what another one said (escrow/restate.h), and the words for it. */
size_t origin_restated(const struct evidence *ev);
#define ORIGIN_AGAIN                                                                               \
    "%zu of %zu entries were said again later, as another author's or after a loss: their times "  \
    "and accounts are those of that moment; keymuster audit log --entry HASH has the first ones"

void origin_sheet_parties(struct sheet *s, const struct origin *o);
void origin_sheet_anchors(struct sheet *s, const struct origin *o);
/* Members "by" and "anchors". */
void origin_json(struct jw *w, const struct origin *o);

#endif
