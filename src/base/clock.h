/* Time. Wall time is for people and records only; nothing is decided by it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_now_ms(void);
/* Milliseconds since some fixed point; never goes back. */
int64_t clock_mono_ms(void);

#endif
