/* Times and durations as text. Times are milliseconds since 1970-01-01 UTC, years 1970 to 9999. */
#ifndef TEXT_TIME_H
#define TEXT_TIME_H

#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

/* "2026-11-25T02:12:38.123Z" */
void time_format(char out[TIME_TEXT + 1], int64_t ms);
/* RFC 3339 with any fraction and offset. -1 for anything else, impossible dates (30 February)
 * included. */
int time_parse(int64_t *ms, const char *text) MUST_CHECK;
/* DATE of the command line: YYYY-MM-DD (its first millisecond, UTC) or RFC 3339. RC_BAD_VALUE with
 * a hint. */
enum rc date_parse(int64_t *ms, const char *text, const char *what, struct err *err) MUST_CHECK;
/* The same for a look back: YYYY-MM-DD is its last millisecond, so that the whole day counts. */
enum rc date_parse_end(int64_t *ms, const char *text, const char *what, struct err *err) MUST_CHECK;
/* DUR of the command line: digits and one of s m h d w y (365 d). Milliseconds, at most 200 years.
 */
enum rc duration_parse(int64_t *ms, const char *text, const char *what, struct err *err) MUST_CHECK;
/* More than ten minutes ahead: no two clocks differ so much unless one is wrong. */
int time_is_ahead(int64_t then_ms, int64_t now_ms);
/* For people, of something that has happened: "just now", "5 min ago", "3 h ago", "12 d ago"; "5
 * min ahead of this clock" when its clock or this one is wrong. out of AGO_TEXT bytes. */
enum { AGO_TEXT = 40 };
void time_ago(char out[AGO_TEXT], int64_t then_ms, int64_t now_ms);

#endif
