/* exec's child: each way of handing the secret over, its status, signals, and what is left. */
#include "../lib/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recover/child.h"
#include "sys/env.h"

extern char **environ;

static char folder[] = "/tmp/keymuster-child-XXXXXX";
static char out_path[64];

/* A NULL-terminated argument vector of its own copies; the next call overwrites it. */
static char *const *
argv_of(const char *const *words)
{
    static char *argv[9];
    static char text[8][1024];
    size_t n = 0;
    for (; *words != NULL; words++, n++) {
        assert_true(n < 8 && strlen(*words) < sizeof text[0]);
        (void)snprintf(text[n], sizeof text[n], "%s", *words);
        argv[n] = text[n];
    }
    argv[n] = NULL;
    return argv;
}

#define ARGV(...) argv_of((const char *const[]){__VA_ARGS__, NULL})

/* A script that gets the path for its output as $1. */
#define SH(script, ...) ARGV("sh", "-c", script, "sh", out_path, __VA_ARGS__)

static struct secret *
secret_of(const char *text, size_t len)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, len, err));
    return s;
}

static int
run(struct child_plan *plan)
{
    int status = -1;
    struct secret *s = secret_of("hunter two", 10);
    (void)unlink(out_path);
    assert_ok(child_check(plan, err));
    assert_ok(child_run(plan, s, &status, err));
    child_plan_release(plan);
    secret_free(s);
    assert_int_equal(secret_live(), 0);
    return status;
}

static void
assert_out(const char *want)
{
    char got[4096];
    int fd = open(out_path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, got, sizeof got - 1);
    assert_true(n >= 0);
    got[n] = '\0';
    assert_int_equal(close(fd), 0);
    assert_string_equal(got, want);
}

static void
test_stdin(void **state)
{
    (void)state;
    struct child_plan plan = {.way = CHILD_STDIN, .argv = SH("cat >\"$1\"; exit 7", "x")};
    assert_int_equal(run(&plan), 7);
    assert_out("hunter two"); /* no line feed */
}

static void
test_descriptor(void **state)
{
    (void)state;
    struct child_plan plan = {.way = CHILD_FD, .argv = SH("cat <&\"$2\" >\"$1\"", "9")};
    /* Whatever numbers our own pipes have. */
    for (int fd = 3; fd < 10; fd++) {
        char number[] = {(char)('0' + fd), '\0'};
        plan.fd = fd;
        plan.argv = SH("cat <&\"$2\" >\"$1\"", number);
        assert_int_equal(run(&plan), 0);
        assert_out("hunter two");
    }
    plan.fd = 2;
    assert_rc(child_check(&plan, err), RC_BAD_VALUE);
    plan.fd = 1024;
    assert_rc(child_check(&plan, err), RC_BAD_VALUE);
}

static void
test_reader_may_leave_early(void **state)
{
    (void)state;
    struct child_plan plan = {.way = CHILD_STDIN, .argv = ARGV("true")};
    assert_int_equal(run(&plan), 0);
    plan.argv = SH("exec <&-; : >\"$1\"", "x");
    assert_int_equal(run(&plan), 0);
}

static void
test_file_is_private_and_goes_away(void **state)
{
    (void)state;
    char path[256];
    struct child_plan plan = {
        .way = CHILD_TMPFILE,
        .argv = SH("f=\"$2\"; test \"x=$KEYMUSTER_SECRET_FILE\" = \"$f\" || exit 9; f=${f#x=}; "
                   "cmp -s \"$f\" - <<E && exit 8\nhunter two\nE\n"
                   "test \"$(stat -c %a \"$f\")\" = 600 || exit 7; "
                   "test \"$(stat -c %a \"$(dirname \"$f\")\")\" = 700 || exit 6; "
                   "printf %s \"$f\" >\"$1\"; test \"$(cat \"$f\")\" = 'hunter two'",
                   "x={}")};
    assert_int_equal(run(&plan), 0);
    int fd = open(out_path, O_RDONLY);
    ssize_t n = read(fd, path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    assert_int_equal(close(fd), 0);
    assert_int_equal(access(path, F_OK), -1);
    *strrchr(path, '/') = '\0';
    assert_int_equal(access(path, F_OK), -1);
}

static void
test_variable(void **state)
{
    (void)state;
    struct child_plan plan = {.way = CHILD_ENV,
                              .env = "KM_PW",
                              .argv = SH("printf '%s,%s,%s' \"$KM_PW\" \"$KM_KEPT\" \"$KM_CRED\" "
                                         ">\"$1\"",
                                         "x")};
    assert_int_equal(run(&plan), 0);
    assert_out("hunter two,kept,"); /* the original environment, less the credential */
    plan.env = "9X";
    assert_rc(child_check(&plan, err), RC_BAD_VALUE);
    plan.env = "A=B";
    assert_rc(child_check(&plan, err), RC_BAD_VALUE);
    plan.env = "KM_PW";
    int status;
    struct secret *s = secret_of("a\0b", 3);
    assert_rc(child_run(&plan, s, &status, err), RC_EXEC_FAILED);
    secret_free(s);
}

static struct child_plan
template_plan(char path[64], const char *text, size_t len)
{
    (void)snprintf(path, 64, "%s/template", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(close(fd), 0);
    return (struct child_plan){
        .way = CHILD_TEMPLATE, .template = path, .argv = SH("cat \"$2\" >\"$1\"", "{}")};
}

#define TEMPLATE(text) template_plan(path, text, sizeof(text) - 1)

static void
test_template(void **state)
{
    (void)state;
    char path[64];
    struct child_plan plan = TEMPLATE("user=a\npass={{secret}}{{secret}}\n{{other}}{{sec\n");
    assert_int_equal(run(&plan), 0);
    assert_out("user=a\npass=hunter twohunter two\n{{other}}{{sec\n");
    assert_int_equal(truncate(path, 14), 0);
    assert_rc(child_check(&plan, err), RC_TEMPLATE);
    child_plan_release(&plan);
    assert_int_equal(unlink(path), 0);
    assert_rc(child_check(&plan, err), RC_TEMPLATE);
    child_plan_release(&plan);
}

/* What a template gives with this secret. */
static void
fill(struct child_plan *plan, const char *secret, size_t len, enum rc want)
{
    int status = -1;
    struct secret *s = secret_of(secret, len);
    (void)unlink(out_path);
    assert_ok(child_check(plan, err));
    assert_rc(child_run(plan, s, &status, err), want);
    child_plan_release(plan);
    secret_free(s);
}

static void
test_template_escapes(void **state)
{
    (void)state;
    char path[64];
    static const char odd[] = "a&<>\"'\\\t\xc3\xa9\xf0\x9f\x94\x91z";
#define IN_XML "a&#38;&#60;&#62;&#34;&#39;\\&#9;&#233;&#128273;z"
#define IN_JSON "a&<>\\u0022'\\u005c\\u0009\xc3\xa9\xf0\x9f\x94\x91z"
    struct child_plan plan =
        TEMPLATE("\xef\xbb\xbf <a b='{{secret}}'>\r\n<!-- {{secret}} -->{{secret:raw}}</a>");
    fill(&plan, odd, sizeof odd - 1, RC_OK);
    char want[400];
    (void)snprintf(want, sizeof want,
                   "\xef\xbb\xbf <a b='" IN_XML "'>\r\n<!-- {{secret}} -->%s</a>", odd);
    assert_out(want);
    plan = TEMPLATE("{\"a\":\"{{secret:json}}\",\"b\":\"{{secret:xml}}\"}");
    fill(&plan, odd, sizeof odd - 1, RC_OK);
    assert_out("{\"a\":\"" IN_JSON "\",\"b\":\"" IN_XML "\"}");
    /* what cannot be said */
    static const char *const bad[] = {"a\x01z", "a\xef\xbf\xbf", "a\xc3", "a\xff z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        plan = TEMPLATE("<a>{{secret}}</a>");
        fill(&plan, bad[i], strlen(bad[i]), RC_TEMPLATE);
        assert_int_equal(access(out_path, F_OK), -1); /* the command did not run */
    }
    assert_int_equal(unlink(path), 0);
}

static void
test_template_is_refused(void **state)
{
    (void)state;
    char path[64];
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } cases[] = {
#define CASE(text, says) {text, sizeof(text) - 1, says}
        CASE("", "no {{secret}}"),
        CASE("a\n<b>{{ secret }}", "line 2: {{ secret }} is no place"),
        CASE("{{secret}}\n\n{{Password}}", "line 3: {{Password}} is no place"),
        CASE("{{secret:base64}}", "line 1: {{secret:base64}} is no place"),
        CASE("<a>\n<!-- \n{{secret}} --></a>", "line 3: {{secret}} stands only in a comment"),
        CASE("<a><![CDATA[\n{{secret}}]]></a>", "line 2: {{secret}} stands in CDATA"),
        CASE("\xff\xfe<\0a\0", "UTF-16"),
        CASE("<\0{\0", "UTF-16"),
        CASE("caf\xe9 {{secret}}", "not text in UTF-8"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = ERR_INIT;
        struct child_plan plan = template_plan(path, cases[i].text, cases[i].len);
        assert_int_equal(child_check(&plan, &e), RC_TEMPLATE);
        if (strstr(e.msg, cases[i].says) == NULL)
            fail_msg("%s does not say: %s", e.msg, cases[i].says);
        child_plan_release(&plan);
    }
    assert_int_equal(unlink(path), 0);
}

static void
test_status(void **state)
{
    (void)state;
    struct child_plan plan = {.way = CHILD_STDIN, .argv = ARGV("sh", "-c", "kill -9 $$")};
    assert_int_equal(run(&plan), 128 + 9);
    plan.argv = ARGV("sh", "-c", "exit 125");
    assert_int_equal(run(&plan), 125);
}

static void
test_cannot_run(void **state)
{
    (void)state;
    char path[64];
    int status = -1;
    (void)snprintf(path, sizeof path, "%s/broken", folder);
    struct child_plan plan = {.way = CHILD_STDIN, .argv = ARGV("keymuster-no-such-command")};
    assert_rc(child_check(&plan, err), RC_EXEC_FAILED);
    plan.argv = ARGV("/tmp");
    assert_rc(child_check(&plan, err), RC_EXEC_FAILED);
    /* Found only when it is tried: an interpreter that does not exist. */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    assert_int_equal(write(fd, "#!/nonexistent/x\n", 17), 17);
    assert_int_equal(close(fd), 0);
    plan.argv = ARGV(path);
    assert_ok(child_check(&plan, err));
    for (int way = CHILD_STDIN; way <= CHILD_ENV; way++) {
        struct secret *s = secret_of("x", 1);
        plan.way = (enum child_way)way;
        plan.fd = 5;
        plan.env = "X";
        assert_rc(child_run(&plan, s, &status, err), RC_EXEC_FAILED);
        secret_free(s);
    }
    assert_int_equal(unlink(path), 0);
}

/* The command has dispositions and mask as after a login, and descriptors 0 to 2 only. */
static void
test_command_starts_clean(void **state)
{
    (void)state;
    struct child_plan plan = {
        .way = CHILD_ENV,
        .env = "X",
        .argv = SH("exec >\"$1\"; grep -E '^Sig(Blk|Ign)' /proc/$$/status | tr -d '\\t\\n'; "
                   "ls /proc/$$/fd", /* no pipe here: the shell would hold its ends for a moment */
                   "x")};
    /* What the test's own caller left open is not what is tested here. */
    for (int n = 3; n < 1024; n++)
        (void)fcntl(n, F_SETFD, FD_CLOEXEC);
    assert_int_equal(run(&plan), 0);
    char got[256];
    int fd = open(out_path, O_RDONLY);
    ssize_t n = read(fd, got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_int_equal(close(fd), 0);
    assert_string_equal(got, "SigBlk:0000000000000000SigIgn:00000000000000000\n1\n2\n");
}

/* We are the one who gets SIGTERM; the command has to have it. */
static void
test_signals_are_passed_on(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char number[8];
        (void)snprintf(number, sizeof number, "%d", numbers[i]);
        struct child_plan plan = {.way = CHILD_STDIN,
                                  .argv =
                                      SH("trap 'exit 42' $2; kill -$2 $PPID; i=0; "
                                         "while test $i -lt 100; do sleep 0.1; i=$((i+1)); done",
                                         number)};
        assert_int_equal(run(&plan), 42);
    }
}

static int
set_up(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    if (mkdtemp(folder) == NULL || setenv("KM_KEPT", "kept", 1) != 0 ||
        setenv("KM_CRED", "cred", 1) != 0 || env_scrub(environ, &err) != RC_OK)
        return -1;
    (void)snprintf(out_path, sizeof out_path, "%s/out", folder);
    env_used_as_credential("KM_CRED");
    (void)signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    (void)unlink(out_path);
    secret_arena_close();
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_reader_may_leave_early),
        cmocka_unit_test(test_file_is_private_and_goes_away),
        cmocka_unit_test(test_variable),
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_template_escapes),
        cmocka_unit_test(test_template_is_refused),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_cannot_run),
        cmocka_unit_test(test_command_starts_clean),
        cmocka_unit_test(test_signals_are_passed_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
