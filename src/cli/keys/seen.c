#include "cli/keys/seen.h"

#include <stdlib.h>
#include <string.h>

static uint64_t
seen_hash(const char *name)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a; 0 means a free slot */
    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211ULL;
    return h != 0 ? h : 1;
}

static int
seen_put(uint64_t *slots, size_t size, uint64_t hash)
{
    size_t at = hash & (size - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (size - 1);
    int there = slots[at] == hash;
    slots[at] = hash;
    return there;
}

enum rc
seen_add(struct seen *s, const char *name, int *there, struct err *err)
{
    if (s->count * 2 >= s->size) {
        size_t size = s->size == 0 ? 1024 : s->size * 2;
        uint64_t *slots = calloc(size, sizeof *slots);
        if (slots == NULL)
            return err_nomem(err);
        for (size_t i = 0; i < s->size; i++) {
            if (s->slots[i] != 0)
                (void)seen_put(slots, size, s->slots[i]);
        }
        free(s->slots);
        s->slots = slots;
        s->size = size;
    }
    *there = seen_put(s->slots, s->size, seen_hash(name));
    s->count += !*there;
    return RC_OK;
}

int
seen_has(const struct seen *s, const char *name)
{
    uint64_t hash = seen_hash(name);
    for (size_t at = hash & (s->size - 1); s->size > 0 && s->slots[at] != 0;
         at = (at + 1) & (s->size - 1)) {
        if (s->slots[at] == hash)
            return 1;
    }
    return 0;
}

void
seen_clear(struct seen *s)
{
    if (s->count > 0)
        memset(s->slots, 0, s->size * sizeof *s->slots);
    s->count = 0;
}

void
seen_release(struct seen *s)
{
    free(s->slots);
    *s = (struct seen){NULL, 0, 0};
}
