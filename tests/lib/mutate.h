/* Small random damage to a text, the same at every run. */
#ifndef TESTS_LIB_MUTATE_H
#define TESTS_LIB_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* xorshift64; the state is never 0. */
static inline uint32_t
mutate_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Copies seed into out (size bytes) and damages it once to four times: a byte replaced, removed or
 * doubled, a piece put in, the end cut off. Bytes and pieces come from what a parser minds. Returns
 * the length. */
static inline size_t
mutate(char *out, size_t size, const char *seed, const char *const *pieces, size_t piece_count,
       uint64_t *state)
{
    size_t len = strlen(seed);
    memcpy(out, seed, len);
    for (uint32_t n = 1 + mutate_random(state) % 4; n > 0; n--) {
        size_t at = len > 0 ? mutate_random(state) % len : 0;
        const char *piece = pieces[mutate_random(state) % piece_count];
        size_t add = strlen(piece);
        switch (mutate_random(state) % 5) {
        case 0: /* any byte */
            if (len > 0)
                out[at] = (char)mutate_random(state);
            break;
        case 1: /* remove */
            if (len > 0)
                memmove(out + at, out + at + 1, --len - at);
            break;
        case 2: /* double the rest of the text from here */
            if (len + (len - at) <= size) {
                memmove(out + len, out + at, len - at);
                len += len - at;
            }
            break;
        case 3: /* put a piece in */
            if (len + add <= size) {
                memmove(out + at + add, out + at, len - at);
                memcpy(out + at, piece, add);
                len += add;
            }
            break;
        default: /* cut */
            if (mutate_random(state) % 8 == 0)
                len = at;
            break;
        }
    }
    return len;
}

#endif
