#include "../lib/unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/env.h"
#include "sys/process.h"

static char *const original[] = {
    (char *)(uintptr_t) "HOME=/home/a",
    (char *)(uintptr_t) "LD_PRELOAD=/tmp/x.so",
    (char *)(uintptr_t) "IBMCLOUD_API_KEY=k=1",
    (char *)(uintptr_t) "SSL_CERT_FILE=/tmp/ca",
    (char *)(uintptr_t) "LC_ALL=C.UTF-8",
    (char *)(uintptr_t) "HOMEX=1",
    (char *)(uintptr_t) "XDG_STATE_HOME=/s",
    (char *)(uintptr_t) "KEYMUSTER_STORE=/st",
    (char *)(uintptr_t) "KEYMUSTER_YES=1",
    (char *)(uintptr_t) "malformed",
    (char *)(uintptr_t) "https_proxy=http://p",
    (char *)(uintptr_t) "SSH_CONNECTION=192.0.2.7 1 192.0.2.8 22",
    NULL,
};

enum { COUNT = sizeof original / sizeof original[0] };

static void
test_scrub_keeps_the_listed(void **state)
{
    (void)state;
    static const char *const want[] = {"HOME=/home/a", "LC_ALL=C.UTF-8", "XDG_STATE_HOME=/s",
                                       "KEYMUSTER_STORE=/st",
                                       "SSH_CONNECTION=192.0.2.7 1 192.0.2.8 22"};
    char *list[COUNT];
    memcpy(list, original, sizeof list);
    assert_ok(env_scrub(list, err));
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(list[i], want[i]);
    assert_null(list[sizeof want / sizeof want[0]]);

    assert_string_equal(env_get("HOME"), "/home/a");
    assert_null(env_get("HOM"));
    assert_null(env_get("IBMCLOUD_API_KEY"));
    assert_null(env_get("KEYMUSTER_YES"));
    assert_string_equal(env_original("IBMCLOUD_API_KEY"), "k=1");
    assert_string_equal(env_original("https_proxy"), "http://p");
    assert_null(env_original("malformed"));
    assert_null(env_original("NONE"));
}

static void
test_child_gets_all_but_credentials(void **state)
{
    (void)state;
    char *list[COUNT];
    memcpy(list, original, sizeof list);
    assert_ok(env_scrub(list, err));
    char **child = env_for_child();
    for (size_t i = 0; i < COUNT - 1; i++)
        assert_ptr_equal(child[i], original[i]);
    assert_null(child[COUNT - 1]);
    env_used_as_credential("IBMCLOUD_API_KEY");
    env_used_as_credential("NONE");
    child = env_for_child();
    assert_ptr_equal(child[1], original[1]);
    assert_ptr_equal(child[2], original[3]);
    assert_null(child[COUNT - 2]);
    assert_string_equal(env_original("IBMCLOUD_API_KEY"), "k=1"); /* may be read again */
}

static void
test_actor(void **state)
{
    (void)state;
    char *list[COUNT];
    char host[256] = "";
    memcpy(list, original, sizeof list);
    assert_ok(env_scrub(list, err));
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    const struct actor *a = actor_get();
    assert_string_equal(a->host, host);
    assert_string_equal(a->from, "ssh 192.0.2.7");
    assert_true(strlen(a->user) > 0);
    assert_non_null(a->login);
    assert_ptr_equal(actor_get(), a);
    if (geteuid() == 0)
        assert_string_equal(a->user, "root");
}

static int
in_child(int (*fn)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int
hardened(void)
{
    struct rlimit core;
    int p[2];
    process_harden();
    if (umask(0) != 077)
        return 1;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
        return 2;
#ifndef KM_SANITIZE
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 3;
#endif
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        return 4;
    if (pipe(p) != 0 || close(p[0]) != 0)
        return 5;
    return write(p[1], "x", 1) == -1 ? 0 : 6; /* and no SIGPIPE */
}

static void
test_harden(void **state)
{
    (void)state;
    assert_int_equal(in_child(hardened), 0);
}

static int
first_signal_is_noted(void)
{
    signals_catch();
    if (signals_pending() != 0)
        return 1;
    (void)raise(SIGTERM);
    return signals_pending() == SIGTERM ? 0 : 2;
}

static int
second_signal_ends(void)
{
    signals_catch();
    (void)raise(SIGTERM);
    (void)raise(SIGINT);
    return 1;
}

static int
ignored_stays_ignored(void)
{
    (void)signal(SIGHUP, SIG_IGN);
    signals_catch();
    (void)raise(SIGHUP);
    return signals_pending();
}

static void
test_signals(void **state)
{
    (void)state;
    assert_int_equal(in_child(first_signal_is_noted), 0);
    assert_int_equal(in_child(second_signal_ends), 128 + SIGINT);
    assert_int_equal(in_child(ignored_stays_ignored), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub_keeps_the_listed),
        cmocka_unit_test(test_child_gets_all_but_credentials),
        cmocka_unit_test(test_actor),
        cmocka_unit_test(test_harden),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
