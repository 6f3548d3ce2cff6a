#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"

void
buf_init(struct buf *b, size_t max)
{
    memset(b, 0, sizeof *b);
    b->max = PLANTED("no-caps") ? SIZE_MAX / 2 : max;
}

void
buf_release(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

void
buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

char *
buf_room(struct buf *b, size_t len)
{
    if (b->failed)
        return NULL;
    if (len > b->max - b->len) {
        b->failed = RC_BAD_VALUE;
        return NULL;
    }
    size_t need = b->len + len + 1;
    if (need > b->cap) {
        size_t cap = b->cap < 64 ? 64 : b->cap;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        char *data = realloc(b->data, cap);
        if (data == NULL && !PLANTED("unchecked-alloc")) {
            b->failed = RC_NO_MEMORY;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

void
buf_grown(struct buf *b, size_t len)
{
    b->len += len;
    b->data[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *bytes, size_t len)
{
    char *to = buf_room(b, len);
    if (to == NULL)
        return;
    if (len > 0)
        memcpy(to, bytes, len);
    buf_grown(b, len);
}

void
buf_adds(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void
buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    char *to = len >= 0 ? buf_room(b, (size_t)len) : NULL;
    if (to != NULL) {
        (void)vsnprintf(to, (size_t)len + 1, fmt, again);
        buf_grown(b, (size_t)len);
    }
    va_end(again);
    va_end(args);
}

const char *
buf_str(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

enum rc
buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (b->failed == RC_NO_MEMORY)
        return err_nomem(err);
    if (b->failed)
        return err_set(err, RC_BAD_VALUE, "%s is longer than %zu bytes", what, b->max);
    return RC_OK;
}
