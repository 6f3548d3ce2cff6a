/* Linked with wipe_object. Looks at freed memory on purpose, through addresses kept as numbers, so
 * that the compiler has nothing to assume. Fails when the executable's free is not ours. */
#include "../lib/unit.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

enum { SIZE = 4000, HEAD = 64 }; /* glibc's own list pointers overwrite the head of a freed block */

/* Called through these, or the compiler would know what realloc does, and forbid looking. */
static void *(*volatile malloc_now)(size_t) = malloc;
static void *(*volatile realloc_now)(void *, size_t) = realloc;
static void *(*volatile reallocarray_now)(void *, size_t, size_t) = reallocarray;
static void (*volatile free_now)(void *) = free;

static void *volatile sink;

/* A block full of canaries; a second one above it keeps it from being given back to the system. */
static unsigned char *
canary_block(void)
{
    unsigned char *block = malloc_now(SIZE);
    sink = malloc(64);
    assert_non_null(block);
    memset(block, 0xa5, malloc_usable_size(block));
    sink = block;
    return block;
}

static unsigned
canaries_at(uintptr_t address, size_t len)
{
    const volatile unsigned char *at = (const volatile unsigned char *)address;
    unsigned found = 0;
    for (size_t i = HEAD; i < len; i++)
        found += at[i] == 0xa5;
    return found;
}

static void
test_free_wipes(void **state)
{
    (void)state;
    unsigned char *block = canary_block();
    uintptr_t address = (uintptr_t)block;
    size_t usable = malloc_usable_size(block);
    assert_int_equal(canaries_at(address, usable), usable - HEAD); /* the check can fail */
    errno = 7;
    free_now(block);
    assert_int_equal(errno, 7);
    assert_int_equal(canaries_at(address, usable), 0);
    free_now(NULL);
}

static void
test_realloc_wipes_what_it_leaves(void **state)
{
    (void)state;
    unsigned char *block = canary_block();
    uintptr_t address = (uintptr_t)block;
    size_t usable = malloc_usable_size(block);
    unsigned char *grown = realloc_now(block, 100000);
    assert_non_null(grown);
    assert_int_not_equal((uintptr_t)grown, address);
    assert_int_equal(canaries_at(address, usable), 0);
    for (size_t i = 0; i < usable; i++)
        assert_int_equal(grown[i], 0xa5);
    free_now(grown);
}

static void
test_realloc_wipes_what_it_cuts(void **state)
{
    (void)state;
    unsigned char *block = canary_block();
    uintptr_t address = (uintptr_t)block;
    size_t usable = malloc_usable_size(block);
    unsigned char *cut = realloc_now(block, SIZE - 1000); /* stays where it is */
    assert_int_equal((uintptr_t)cut, address);
    assert_int_equal(canaries_at(address, usable), SIZE - 1000 - HEAD);
    unsigned char *small = realloc_now(cut, 100); /* moves */
    assert_non_null(small);
    assert_int_equal(canaries_at(address, usable), 0);
    assert_int_equal(small[99], 0xa5);
    free_now(small);
}

static void
test_reallocarray_wipes(void **state)
{
    (void)state;
    unsigned char *block = canary_block();
    uintptr_t address = (uintptr_t)block;
    size_t usable = malloc_usable_size(block);
    unsigned char *grown = reallocarray_now(block, 1000, 100);
    assert_non_null(grown);
    assert_int_equal(canaries_at(address, usable), 0);
    errno = 0;
    assert_null(reallocarray_now(grown, SIZE_MAX / 2, 3));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(grown[0], 0xa5);
    free_now(grown);
}

static void
test_edges(void **state)
{
    (void)state;
    unsigned char *block = realloc_now(NULL, 10);
    assert_non_null(block);
    sink = block;
    assert_null(realloc_now(block, 0));
    block = malloc(10);
    block[0] = 1;
    assert_null(realloc_now(block, SIZE_MAX / 2));
    assert_int_equal(block[0], 1); /* still ours */
    free_now(block);
}

/* Calls from inside a library come here, too: getline grows its buffer with realloc. */
static void
test_library_calls_wipe(void **state)
{
    (void)state;
    char *text = malloc(100001);
    memset(text, 0xa5, 100000);
    text[100000] = '\0';
    FILE *f = fmemopen(text, 100000, "r");
    assert_non_null(f);
    size_t size = SIZE;
    char *line = (char *)canary_block();
    uintptr_t address = (uintptr_t)line;
    assert_true(getline(&line, &size, f) == 100000);
    assert_int_not_equal((uintptr_t)line, address);
    assert_int_equal(canaries_at(address, SIZE), 0);
    free_now(line);
    (void)fclose(f);
    free_now(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_wipes),
        cmocka_unit_test(test_realloc_wipes_what_it_leaves),
        cmocka_unit_test(test_realloc_wipes_what_it_cuts),
        cmocka_unit_test(test_reallocarray_wipes),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_library_calls_wipe),
    };
#ifdef KM_SANITIZE
    (void)tests;
    (void)puts("SKIP ALL: the sanitizers bring their own free");
    return 0;
#else
    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
