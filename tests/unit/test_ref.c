/* References to secrets: every form, the line end, and what is refused. */
#include "../lib/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ref.h"
#include "cli/ref_command.h"
#include "sys/env.h"

extern char **environ;

static char folder[] = "/tmp/keymuster-ref-XXXXXX";

static const char *
make_file(const char *name, const char *text, mode_t mode)
{
    static char ref[128];
    (void)snprintf(ref, sizeof ref, "file:%s/%s", folder, name);
    int fd = open(ref + 5, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return ref;
}

static void
assert_reads(const char *ref, const char *want)
{
    struct secret *s = NULL;
    assert_ok(ref_read(&s, ref, "the secret", err));
    assert_int_equal(s->len, strlen(want));
    assert_memory_equal(s->bytes, want, s->len);
    secret_free(s);
    assert_int_equal(secret_live(), 0);
}

static void
assert_refused(const char *ref, enum rc want)
{
    struct secret *s = NULL;
    assert_rc(ref_read(&s, ref, "the secret", err), want);
    assert_null(s);
    assert_int_equal(secret_live(), 0);
}

static void
test_form(void **state)
{
    (void)state;
    static const char *const good[] = {"file:a",       "fd:3",   "env:A", "command:a b",
                                       "credential:x", "prompt", "-"};
    static const char *const bad[] = {"",        "file:", "hunter2", "File:a", "/etc/x",
                                      "prompt ", "--",    "envA",    "env:"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(ref_check(good[i], "x", err));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(ref_check(bad[i], "x", err), RC_SECRET_LITERAL);
    assert_true(ref_is_lasting("credential:x") && ref_is_lasting("command:x"));
    assert_false(ref_is_lasting("prompt") || ref_is_lasting("-") || ref_is_lasting("fd:3"));
}

static void
test_one_line_end_is_removed(void **state)
{
    (void)state;
    assert_reads(make_file("a", "secret\n", 0600), "secret");
    assert_reads(make_file("a", "secret\r\n", 0600), "secret");
    assert_reads(make_file("a", "secret", 0400), "secret");
    assert_reads(make_file("a", "secret\n\n", 0600), "secret\n");
    assert_reads(make_file("a", "secret\r", 0600), "secret\r");
    assert_reads(make_file("a", " se cret \n", 0600), " se cret ");
    assert_refused(make_file("a", "", 0600), RC_CREDENTIAL);
    assert_refused(make_file("a", "\r\n", 0600), RC_CREDENTIAL);
}

static void
test_file(void **state)
{
    (void)state;
    char big[5001];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_refused(make_file("open", "secret", 0644), RC_CREDENTIAL_OPEN);
    assert_refused(make_file("open", "secret", 0640), RC_CREDENTIAL_OPEN);
    assert_refused("file:/nonexistent/x", RC_CREDENTIAL);
    assert_refused(make_file("big", big, 0600), RC_CREDENTIAL);
}

static void
test_descriptor(void **state)
{
    (void)state;
    int fds[2];
    char ref[32];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "secret\n", 7), 7);
    assert_int_equal(close(fds[1]), 0);
    (void)snprintf(ref, sizeof ref, "fd:%d", fds[0]);
    assert_reads(ref, "secret");
    assert_refused(ref, RC_CREDENTIAL); /* closed, so that no child gets it */
    assert_refused("fd:999", RC_CREDENTIAL);
    assert_refused("fd:x", RC_CREDENTIAL);
    assert_refused("fd:-1", RC_CREDENTIAL);
}

static void
test_variable(void **state)
{
    (void)state;
    assert_null(env_get("KM_TEST_SECRET")); /* scrubbed */
    assert_reads("env:KM_TEST_SECRET", "from env");
    for (char **e = env_for_child(); *e != NULL; e++)
        assert_int_not_equal(strncmp(*e, "KM_TEST_SECRET=", 15), 0);
    assert_refused("env:KM_TEST_NONE", RC_CREDENTIAL);
}

static void
test_command(void **state)
{
    (void)state;
    assert_reads("command:printf '%s\\n' 'a  b' \"c d\"",
                 "a  b\nc d"); /* its last line end is cut */
    assert_reads("command:sh -c 'cat; echo $KM_TEST_OTHER'", "other"); /* stdin is empty */
    assert_refused("command:sh -c 'echo x; exit 3'", RC_CREDENTIAL);
    assert_refused("command:sh -c 'kill -9 $$'", RC_CREDENTIAL);
    assert_refused("command:/nonexistent/x y", RC_CREDENTIAL);
    assert_refused("command:true", RC_CREDENTIAL); /* empty */
    assert_refused("command:echo 'x", RC_CREDENTIAL);
    assert_refused("command:yes", RC_CREDENTIAL); /* endless: it gets SIGPIPE, we do not wait */
}

static void
test_split(void **state)
{
    (void)state;
    char **words;
    assert_rc(ref_split(&words, "a\\", "x", err), RC_BAD_VALUE); /* it escapes nothing */
    assert_ok(ref_split(&words, "  a\\ b\t'c\\d'\"e\\\"f\\g$h\" '' ;|`", "x", err));
    assert_string_equal(words[0], "a b");
    assert_string_equal(words[1], "c\\de\"f\\g$h");
    assert_string_equal(words[2], "");
    assert_string_equal(words[3], ";|`");
    assert_null(words[4]);
    free(words);
    assert_rc(ref_split(&words, "   ", "x", err), RC_BAD_VALUE);
    assert_rc(ref_split(&words, "a \"b", "x", err), RC_BAD_VALUE);
    assert_ok(ref_split(&words, "a b c d e f g", "x", err));
    assert_string_equal(words[6], "g");
    assert_null(words[7]);
    free(words);
}

static void
test_credential(void **state)
{
    (void)state;
    (void)make_file("kms-api-key", "systemd\n", 0440); /* the mode is systemd's business */
    assert_reads("credential:kms-api-key", "systemd");
    assert_refused("credential:none", RC_CREDENTIAL);
    assert_refused("credential:../x", RC_CREDENTIAL);
    assert_refused("credential:..", RC_CREDENTIAL);
}

static void
test_stdin_once(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "secret\n", 7), 7);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(fds[0]), 0);
    assert_reads("-", "secret");
    assert_refused("-", RC_CREDENTIAL);
}

static void
test_prompt_without_input(void **state)
{
    (void)state;
    ref_set_no_input(1);
    assert_refused("prompt", RC_NO_CONFIRM);
    ref_set_no_input(0);
}

static void
test_open_text(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 64);
    assert_ok(ref_read_open(&out, make_file("wrap", "eyJ9\r\n", 0644), "the wrap", err));
    assert_string_equal(buf_str(&out), "eyJ9");
    buf_clear(&out);
    assert_ok(ref_read_open(&out, "env:KM_TEST_OTHER", "the wrap", err));
    assert_string_equal(buf_str(&out), "other");
    buf_clear(&out);
    assert_rc(ref_read_open(&out, "eyJ9", "the wrap", err), RC_BAD_VALUE);
    assert_rc(ref_read_open(&out, "file:/nonexistent/x", "the wrap", err), RC_BAD_VALUE);
    assert_rc(ref_read_open(&out, make_file("wrap", "\n", 0644), "the wrap", err), RC_BAD_VALUE);
    char big[66];
    memset(big, 'x', 65);
    big[65] = '\0';
    buf_clear(&out);
    assert_rc(ref_read_open(&out, make_file("wrap", big, 0644), "the wrap", err), RC_BAD_VALUE);
    buf_release(&out);
}

static void
test_absolute(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8192);
    assert_int_equal(chdir(folder), 0);
    assert_ok(ref_absolute(&out, "file:pw", err));
    char want[128];
    (void)snprintf(want, sizeof want, "file:%s/pw", folder);
    assert_string_equal(buf_str(&out), want);
    buf_clear(&out);
    assert_ok(ref_absolute(&out, "command:a b", err));
    assert_string_equal(buf_str(&out), "command:a b");
    buf_release(&out);
}

static int
set_up(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return mkdtemp(folder) == NULL || setenv("KM_TEST_SECRET", "from env", 1) != 0 ||
           setenv("KM_TEST_OTHER", "other", 1) != 0 ||
           setenv("CREDENTIALS_DIRECTORY", folder, 1) != 0 || env_scrub(environ, &err) != RC_OK;
}

static int
tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "open", "big", "kms-api-key", "wrap"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    secret_arena_close();
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),       cmocka_unit_test(test_one_line_end_is_removed),
        cmocka_unit_test(test_file),       cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_variable),   cmocka_unit_test(test_command),
        cmocka_unit_test(test_split),      cmocka_unit_test(test_credential),
        cmocka_unit_test(test_stdin_once), cmocka_unit_test(test_prompt_without_input),
        cmocka_unit_test(test_open_text),  cmocka_unit_test(test_absolute),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
