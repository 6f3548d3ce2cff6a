/*
 * The one wiping mechanism for memory that libraries use: this executable's own free, realloc and
 * reallocarray clear a block over its whole usable size before glibc gets it back. libcurl,
 * OpenSSL, cJSON and glibc itself call these, because the executable's symbols come first.
 *
 * calloc and malloc stay glibc's. Off with sanitizers, which bring their own allocator.
 */
#ifndef KM_SANITIZE

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"

/* glibc exports its own under these names, and has no header for them. */
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

void
free(void *block)
{
    if (block == NULL)
        return;
    if (!PLANTED("no-wipe"))
        explicit_bzero(block, malloc_usable_size(block));
    __libc_free(block);
}

static void *
resize(void *block, size_t size)
{
    if (block == NULL)
        return __libc_malloc(size);
    if (size == 0) { /* as glibc does */
        free(block);
        return NULL;
    }
    size_t old = malloc_usable_size(block);
    if (size <= old && size >= old / 2) { /* stays: what is cut off must not be readable later */
        explicit_bzero((char *)block + size, old - size);
        return block;
    }
    void *moved = __libc_malloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, size < old ? size : old);
    free(block);
    return moved;
}

void *
realloc(void *block, size_t size)
{
    return resize(block, size);
}

/* glibc's may call its realloc without asking for ours. */
void *
reallocarray(void *block, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return resize(block, count * size);
}

#else
typedef int wipe_is_off; /* ISO C wants something in a file */
#endif
