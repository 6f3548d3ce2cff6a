/* How long to wait before a request is repeated. */
#ifndef NET_WAIT_H
#define NET_WAIT_H

#include <stdint.h>

/*
 * What a Retry-After header asks for, in milliseconds: seconds, or an HTTP date, which is compared
 * with the answer's own Date where there is one (a clock here may be wrong), else with now_ms. -1
 * for no header (NULL) or one of another form; 0 for a time that has passed.
 */
int64_t wait_asked(const char *retry_after, const char *date, int64_t now_ms);
/* Before try number `tries` + 1, tries >= 1: 0.5, 1, 2, 4 ... 30 s, of which `roll` (0..65535)
 * leaves half to all. */
int64_t wait_backoff(unsigned tries, unsigned roll);

#endif
