#include "../lib/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

/* Exit status of fn in a child; 128 + n for a signal. */
static int
in_child(int (*fn)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
        _exit(fn());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A number from a line "Name:   48 kB" of /proc/self/status. */
static long
status_kb(const char *name)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "re");
    if (f == NULL)
        return -1;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name), NULL, 10);
    }
    (void)fclose(f);
    return kb;
}

static void
test_slots_are_wiped_and_bounded(void **state)
{
    (void)state;
    struct secret *s[SECRET_SLOTS];
    struct secret *more = NULL;
    for (size_t i = 0; i < SECRET_SLOTS; i++)
        assert_ok(secret_new(&s[i], err));
    assert_int_equal(secret_live(), SECRET_SLOTS);
    assert_rc(secret_new(&more, err), RC_NO_MEMORY);
    assert_null(more);
    assert_ok(secret_add(s[3], "canary", 6, err));
    unsigned char *at = s[3]->bytes;
    assert_memory_equal(at, "canary", 6);
    secret_free(s[3]);
    assert_int_equal(at[0] | at[1] | at[2] | at[3] | at[4] | at[5], 0);
    assert_int_equal(secret_live(), SECRET_SLOTS - 1);
    assert_ok(secret_new(&s[3], err));
    for (size_t i = 0; i < SECRET_SLOTS; i++)
        secret_free(s[i]);
    secret_free(NULL);
    assert_int_equal(secret_live(), 0);
}

static void
test_add_cut_equal(void **state)
{
    (void)state;
    static const char big[SECRET_SLOT] = {1};
    struct secret *a = NULL;
    struct secret *b = NULL;
    assert_ok(secret_new(&a, err));
    assert_ok(secret_new(&b, err));
    assert_true(secret_equal(a, b));
    assert_ok(secret_add(a, "one", 3, err));
    assert_ok(secret_add(a, "two", 3, err));
    assert_ok(secret_add(b, "onetwx", 6, err));
    assert_false(secret_equal(a, b));
    secret_cut(a, 5);
    assert_int_equal(a->bytes[5], 0);
    assert_false(secret_equal(a, b));
    secret_cut(b, 5);
    assert_true(secret_equal(a, b));
    assert_rc(secret_add(a, big, SECRET_SLOT - 4, err), RC_BAD_VALUE);
    assert_int_equal(a->len, 5);
    assert_ok(secret_add(a, big, SECRET_SLOT - 5, err));
    assert_int_equal(a->len, SECRET_SLOT);
    secret_free(a);
    secret_free(b);
}

/* The sanitizers replace mlock by a function that does nothing and says that all is well. */
static void
skip_if_mlock_is_fake(void)
{
#ifdef KM_SANITIZE
    skip();
#endif
}

static void
test_arena_is_locked_and_not_dumped(void **state)
{
    (void)state;
    skip_if_mlock_is_fake();
    secret_arena_close();
    long before = status_kb("VmLck:");
    assert_ok(secret_arena_open(SECRET_LOCKED, err));
    assert_ok(secret_arena_open(SECRET_UNLOCKED_OK, err));
    assert_false(secret_unlocked());
    assert_true(status_kb("VmLck:") >= before + SECRET_SLOTS * SECRET_SLOT / 1024);

    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    char start[32];
    char line[512];
    int inside = 0;
    int dont_dump = 0;
    (void)snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)s->bytes);
    FILE *f = fopen("/proc/self/smaps", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, start, strlen(start)) == 0)
            inside = 1;
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            dont_dump = strstr(line, " dd") != NULL;
            break;
        }
    }
    (void)fclose(f);
    assert_true(inside);
    assert_true(dont_dump);
    secret_free(s);
    secret_arena_close();
    assert_int_equal(status_kb("VmLck:"), before);
}

static int
without_lock_limit(void)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    struct rlimit none = {0, 0};
    secret_arena_close();
    /* Root may lock in spite of the limit, so this must not be root. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return 99;
    if (secret_new(&s, &err) != RC_NO_LOCK || s != NULL || secret_unlocked())
        return 1;
    if (err.os_errno == 0 || strstr(err.hint, "--accept-risk") == NULL)
        return 2;
    if (secret_arena_open(SECRET_LOCKED, &err) != RC_NO_LOCK)
        return 3;
    if (secret_arena_open(SECRET_UNLOCKED_OK, &err) != RC_OK || !secret_unlocked())
        return 4;
    return secret_new(&s, &err) == RC_OK && secret_add(s, "x", 1, &err) == RC_OK ? 0 : 5;
}

static void
test_no_lock_no_secret(void **state)
{
    (void)state;
    skip_if_mlock_is_fake();
    assert_int_equal(in_child(without_lock_limit), 0);
}

static struct secret *
slot(size_t i)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    for (size_t n = 0; n <= i; n++) {
        if (secret_new(&s, &err) != RC_OK)
            _exit(98);
    }
    return s;
}

static int
touch_before(void)
{
    volatile unsigned char *at = slot(0)->bytes;
    at[0] = 1; /* allowed */
    at[-1] = 1;
    return 0;
}

static int
touch_behind(void)
{
    volatile unsigned char *at = slot(SECRET_SLOTS - 1)->bytes;
    at[SECRET_SLOT - 1] = 1; /* allowed */
    at[SECRET_SLOT] = 1;
    return 0;
}

static void
test_guard_pages(void **state)
{
    (void)state;
    int before = in_child(touch_before);
    int behind = in_child(touch_behind);
    assert_int_equal(before, 128 + SIGSEGV);
    assert_int_equal(behind, 128 + SIGSEGV);
}

static void
test_wipe(void **state)
{
    (void)state;
    char text[] = "canary";
    secret_wipe(text, 4);
    assert_memory_equal(text, "\0\0\0\0ry", 6);
    secret_wipe(NULL, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_wiped_and_bounded),
        cmocka_unit_test(test_add_cut_equal),
        cmocka_unit_test(test_arena_is_locked_and_not_dumped),
        cmocka_unit_test(test_no_lock_no_secret),
        cmocka_unit_test(test_guard_pages),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
