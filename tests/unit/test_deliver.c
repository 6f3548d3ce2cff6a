/* Delivery: what is refused before anything is unwrapped, exact bytes, and the screen (in a child
 * on a pseudo terminal; the parent is the person at it). */
#include "../lib/unit.h"

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "recover/deliver.h"
#include "sys/process.h"

static char folder[] = "/tmp/keymuster-deliver-XXXXXX";

static struct secret *
secret_of(const void *bytes, size_t len)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, bytes, len, err));
    return s;
}

static enum rc
check(const char *dest, struct err *err)
{
    struct deliver d;
    enum rc rc = deliver_parse(&d, dest, err);
    if (rc == RC_OK)
        rc = deliver_check(&d, err);
    deliver_release(&d);
    return rc;
}

static const char *
file_dest(const char *name)
{
    static char dest[160];
    (void)snprintf(dest, sizeof dest, "file:%s/%s", folder, name);
    return dest;
}

static void
test_forms(void **state)
{
    (void)state;
    struct deliver d;
    static const char *const bad[] = {"",         "file:",  "file:x/", "fd:",   "fd:x",
                                      "fd:99999", "stdout", "/tmp/x",  "fd:-1", "--"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_rc(deliver_parse(&d, bad[i], err), RC_BAD_VALUE);
        deliver_release(&d);
    }
    assert_ok(deliver_parse(&d, "-", err));
    assert_string_equal(deliver_word(&d), "stdout");
    assert_ok(deliver_parse(&d, "file:x", err));
    assert_string_equal(deliver_word(&d), "file");
    assert_ok(deliver_parse(&d, NULL, err));
    assert_string_equal(deliver_word(&d), "tty");
    assert_false(d.asked);
    assert_ok(deliver_parse(&d, "tty", err));
    assert_string_equal(deliver_word(&d), "tty");
    assert_true(d.asked);
    assert_ok(deliver_parse(&d, "fd:1", err));
    assert_string_equal(deliver_word(&d), "fd");
    assert_int_equal(d.fd, 1);
    assert_ok(deliver_parse(&d, "file:a/b/c", err));
    assert_string_equal(d.path, "a/b/c");
    assert_string_equal(d.name, "c");
    char longest[PATH_SIZE + 8] = "file:";
    memset(longest + 5, 'x', PATH_SIZE - 1);
    assert_ok(deliver_parse(&d, longest, err));
    longest[PATH_SIZE + 4] = 'x';
    assert_rc(deliver_parse(&d, longest, err), RC_BAD_VALUE);
}

static void
test_file(void **state)
{
    (void)state;
    static const char bytes[] = "a\0b\n";
    char got[16];
    struct stat st;
    struct deliver d;
    struct secret *s = secret_of(bytes, 4);
    assert_ok(deliver_parse(&d, file_dest("new"), err));
    assert_ok(deliver_check(&d, err));
    assert_ok(deliver_give(&d, s, err));
    int fd = open(d.path, O_RDONLY);
    assert_int_equal(read(fd, got, sizeof got), 4);
    assert_memory_equal(got, bytes, 4);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(close(fd), 0);
    /* Again: refused before, and (had it appeared in between) when giving. */
    assert_rc(deliver_give(&d, s, err), RC_FILE_EXISTS);
    deliver_release(&d);
    assert_rc(check(file_dest("new"), err), RC_FILE_EXISTS);
    assert_int_equal(unlink(d.path), 0);
    secret_free(s);
}

static void
test_file_refused(void **state)
{
    (void)state;
    char path[128];
    assert_rc(check(file_dest("none/x"), err), RC_NOT_DELIVERED);
    (void)snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    assert_rc(check(file_dest("link"), err), RC_FILE_EXISTS); /* links are not followed */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_rc(check(file_dest("x"), err), RC_NOT_DELIVERED);
    assert_int_equal(chmod(folder, 01777), 0);
    assert_ok(check(file_dest("x"), err));
    assert_int_equal(chmod(folder, 0700), 0);
    assert_ok(check(file_dest("x"), err));
    char name[300];
    memset(name, 'n', 299);
    name[299] = '\0';
    char dest[400];
    (void)snprintf(dest, sizeof dest, "file:%s/%s", folder, name); /* longer than a name can be */
    assert_rc(check(dest, err), RC_NOT_DELIVERED);
}

/* A group that may write in the folder is the user's own, or it is others. */
static void
test_group(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIP: only root can give a folder away\n");
        skip();
    }
    assert_int_equal(chmod(folder, 0770), 0);
    assert_ok(check(file_dest("x"), err));
    assert_int_equal(chown(folder, (uid_t)-1, 1234), 0);
    assert_rc(check(file_dest("x"), err), RC_NOT_DELIVERED);
    assert_int_equal(chmod(folder, 0750), 0);
    assert_ok(check(file_dest("x"), err));
    /* The group of another user, though it is this process's. */
    int status;
    assert_int_equal(chmod(folder, 0770), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = ERR_INIT;
        _exit(setegid(1234) == 0 && check(file_dest("x"), &err) == RC_NOT_DELIVERED ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chown(folder, (uid_t)-1, getegid()), 0);
    assert_int_equal(chmod(folder, 0700), 0);
}

/* Between the look and the writing the folder went away; or it is the one we are in. */
static void
test_folder_moves(void **state)
{
    (void)state;
    char sub[128];
    char dest[160];
    char here[PATH_SIZE];
    struct deliver d;
    struct secret *s = secret_of("abc", 3);
    (void)snprintf(sub, sizeof sub, "%s/sub", folder);
    (void)snprintf(dest, sizeof dest, "file:%s/x", sub);
    assert_int_equal(mkdir(sub, 0700), 0);
    assert_ok(deliver_parse(&d, dest, err));
    assert_ok(deliver_check(&d, err));
    assert_int_equal(rmdir(sub), 0);
    assert_rc(deliver_give(&d, s, err), RC_OUTPUT_FAILED);
    deliver_release(&d);
    assert_int_equal(d.folder_fd, -1);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_ok(deliver_parse(&d, "file:bare", err));
    assert_ok(deliver_check(&d, err));
    assert_ok(deliver_give(&d, s, err));
    deliver_release(&d);
    assert_int_equal(unlink("bare"), 0);
    assert_int_equal(chdir(here), 0);
    secret_free(s);
}

static void
test_dumb_terminal(void **state)
{
    (void)state;
    struct err got = ERR_INIT;
    char *old = getenv("TERM") != NULL ? strdup(getenv("TERM")) : NULL;
    assert_int_equal(setenv("TERM", "dumb", 1), 0);
    assert_int_equal(check("tty", &got), RC_NO_TERMINAL);
    assert_non_null(strstr(got.why, "dumb"));
    assert_non_null(strstr(got.hint, "file:PATH"));
    assert_int_equal(old != NULL ? setenv("TERM", old, 1) : unsetenv("TERM"), 0);
    free(old);
}

/* A full disk: files may not grow past four bytes here. */
static int
give_half(void)
{
    struct deliver d;
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    struct rlimit small = {4, 4};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (secret_new(&s, &err) != RC_OK || secret_add(s, "0123456789", 10, &err) != RC_OK)
        return 1;
    if (deliver_parse(&d, file_dest("half"), &err) != RC_OK || deliver_check(&d, &err) != RC_OK)
        return 2;
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        return 3;
    if (deliver_give(&d, s, &err) != RC_OUTPUT_FAILED)
        return 4;
    return access(d.path, F_OK) == 0 ? 5 : 0;
}

static void
test_no_half_file_is_left(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(give_half());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
test_descriptor(void **state)
{
    (void)state;
    int fds[2];
    char dest[32], got[16];
    struct deliver d;
    assert_int_equal(pipe(fds), 0);
    (void)snprintf(dest, sizeof dest, "fd:%d", fds[0]);
    assert_rc(check(dest, err), RC_NOT_DELIVERED); /* the end to read from */
    (void)snprintf(dest, sizeof dest, "fd:%d", fds[1]);
    struct secret *s = secret_of("secret", 6);
    assert_ok(deliver_parse(&d, dest, err));
    assert_ok(deliver_check(&d, err));
    assert_ok(deliver_give(&d, s, err));
    assert_int_equal(read(fds[0], got, sizeof got), 6);
    assert_memory_equal(got, "secret", 6);
    assert_int_equal(close(fds[0]), 0);
    assert_rc(deliver_give(&d, s, err), RC_OUTPUT_FAILED); /* nobody reads */
    assert_int_equal(close(fds[1]), 0);
    assert_rc(check("fd:987", err), RC_NOT_DELIVERED);
    int tty, other;
    assert_int_equal(openpty(&other, &tty, NULL, NULL, NULL), 0);
    (void)snprintf(dest, sizeof dest, "fd:%d", tty);
    assert_rc(check(dest, err), RC_TO_TERMINAL);
    assert_int_equal(close(tty) | close(other), 0);
    secret_free(s);
}

/* Without a controlling terminal. */
static void
test_no_terminal(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err a = ERR_INIT, b = ERR_INIT;
        (void)setsid();
        int ok = check(NULL, &a) == RC_NO_TERMINAL && strstr(a.hint, "file:PATH") != NULL &&
                 strstr(a.msg, "--to was not given") != NULL && check("tty", &b) == RC_NO_TERMINAL;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the screen ---- */

enum { PATIENCE_MS = 20000 };

struct person {
    int fd;
    pid_t pid;
    char seen[65536];
    size_t len;
};

struct scene {
    const void *bytes;
    size_t len;
    int64_t show_ms;
    enum deliver_end want_end;
    enum rc want_rc;
};

/* In the child, on its terminal: shows and returns what it exits with. */
static int
show(const struct scene *scene)
{
    struct deliver d;
    struct secret *s = NULL;
    struct err err = ERR_INIT;
    signals_catch();
    if (deliver_parse(&d, "tty", &err) != RC_OK || deliver_check(&d, &err) != RC_OK)
        return 10;
    if (secret_new(&s, &err) != RC_OK || secret_add(s, scene->bytes, scene->len, &err) != RC_OK)
        return 11;
    d.title = "vbr/config\033[31m";
    d.show_ms = scene->show_ms;
    enum rc rc = deliver_give(&d, s, &err);
    secret_free(s);
    if (secret_live() != 0)
        return 12;
    if (rc != scene->want_rc)
        return 13;
    return d.end == scene->want_end ? 0 : 14;
}

static void
sit_down(struct person *p, unsigned short rows, unsigned short columns, const struct scene *scene)
{
    struct winsize size = {rows, columns, 0, 0};
    memset(p, 0, sizeof *p);
    p->pid = forkpty(&p->fd, NULL, NULL, &size);
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        exit(show(scene));
}

/* 0 at the end. */
static int
read_more(struct person *p, int64_t patience_ms)
{
    struct pollfd in = {p->fd, POLLIN, 0};
    if (poll(&in, 1, (int)patience_ms) <= 0)
        return 0;
    ssize_t n = read(p->fd, p->seen + p->len, sizeof p->seen - 1 - p->len);
    if (n <= 0)
        return 0;
    /* Less the carriage returns, of which the terminal adds some. */
    char *to = p->seen + p->len;
    for (char *from = to; n > 0; from++, n--) {
        if (*from != '\r')
            *to++ = *from;
    }
    *to = '\0';
    p->len = (size_t)(to - p->seen);
    return 1;
}

static void
wait_text(struct person *p, const char *text)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (strstr(p->seen, text) == NULL) {
        if (!read_more(p, end - clock_mono_ms()))
            fail_msg("\"%s\" did not appear in: %s", text, p->seen);
    }
}

static void
type_in(struct person *p, const char *text)
{
    assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

static void
stand_up(struct person *p)
{
    int status;
    while (read_more(p, PATIENCE_MS))
        ;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_int_equal(close(p->fd), 0);
    if (status != 0)
        fail_msg("the screen ended with %x after: %s", (unsigned)status, p->seen);
}

static char *
last(char *text, const char *part)
{
    char *found = NULL;
    for (char *p = text; (p = strstr(p, part)) != NULL; p++)
        found = p;
    return found;
}

#define KEY "q1w2e3r4t5z6u7i8o9p0aAsSdDfFgGhHjJkKlLyYxX+="

static void
test_screen(void **state)
{
    (void)state;
    static const struct scene scene = {KEY, sizeof KEY - 1, 60000, DELIVER_KEY, RC_OK};
    struct person p;
    sit_down(&p, 24, 80, &scene);
    wait_text(&p, "60 s  q, Enter: close");
    assert_non_null(strstr(p.seen, "\n" KEY "\n"));
    assert_non_null(strstr(p.seen, "q1w2 e3r4 t5z6 u7i8 o9p0 aAsS dDfF gGhH\njJkK lLyY xX+=\n"));
    assert_null(strstr(p.seen, "\033[31m")); /* the title cannot act on the terminal */
    type_in(&p, "x");                        /* no key of ours */
    type_in(&p, "+");
    wait_text(&p, "\033[24;1H120 s");
    type_in(&p, "q");
    stand_up(&p);
    /* On the alternate screen only: entered before, wiped after, then left. */
    char *enter = strstr(p.seen, "\033[?1049h");
    char *first = strstr(p.seen, "q1w2");
    char *leave = last(p.seen, "\033[?1049l");
    char *final = last(p.seen, "xX+=");
    char *wipe = last(p.seen, "\033[2J");
    assert_true(enter != NULL && enter < first);
    assert_true(final < wipe && wipe < leave);
}

static void
test_screen_closes_by_itself(void **state)
{
    (void)state;
    static const struct scene scene = {KEY, sizeof KEY - 1, 300, DELIVER_TIME, RC_OK};
    struct person p;
    sit_down(&p, 24, 80, &scene);
    stand_up(&p);
    assert_non_null(strstr(p.seen, KEY));
    assert_non_null(strstr(p.seen, "\033[?1049l"));
}

static void
test_signal_closes(void **state)
{
    (void)state;
    static const struct scene scene = {KEY, sizeof KEY - 1, 60000, DELIVER_SIGNAL, RC_OK};
    struct person p;
    sit_down(&p, 24, 80, &scene);
    wait_text(&p, "q, Enter: close");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    stand_up(&p);
    assert_true(last(p.seen, "\033[?1049l") > last(p.seen, "xX+="));
}

/* Forty columns: the line wraps by itself, whole; the groups stay inside. */
static void
test_narrow(void **state)
{
    (void)state;
    static const struct scene scene = {KEY, sizeof KEY - 1, 60000, DELIVER_KEY, RC_OK};
    struct person p;
    sit_down(&p, 24, 40, &scene);
    wait_text(&p, "q, Enter: close");
    assert_non_null(strstr(p.seen, "\n" KEY "\n"));
    assert_non_null(strstr(p.seen, "q1w2 e3r4 t5z6 u7i8 o9p0 aAsS dDfF\ngGhH"));
    type_in(&p, "\r");
    stand_up(&p);
}

/* Too small: it is not shown, not even in part; after enlarging it is. */
static void
test_too_small(void **state)
{
    (void)state;
    static char big[3000];
    memset(big, 'Z', sizeof big);
    static const struct scene never = {big, sizeof big, 60000, DELIVER_KEY, RC_NOT_DELIVERED};
    static const struct scene later = {big, sizeof big, 60000, DELIVER_KEY, RC_OK};
    struct winsize large = {200, 100, 0, 0};
    struct person p;
    sit_down(&p, 24, 80, &never);
    wait_text(&p, "too small");
    type_in(&p, "q");
    stand_up(&p);
    assert_null(strstr(p.seen, "ZZZ"));
    sit_down(&p, 24, 80, &later);
    wait_text(&p, "too small");
    assert_int_equal(ioctl(p.fd, TIOCSWINSZ, &large), 0);
    wait_text(&p, "ZZZZ ZZZZ");
    type_in(&p, "q");
    stand_up(&p);
}

static void
test_not_text(void **state)
{
    (void)state;
    static const struct scene binary = {"\x1b[2J\xff", 5, 60000, DELIVER_KEY, RC_OK};
    static const struct scene blanks = {"ab cd\xc3\xa4", 7, 60000, DELIVER_KEY, RC_OK};
    struct person p;
    sit_down(&p, 24, 80, &binary);
    wait_text(&p, "q, Enter: close");
    assert_non_null(strstr(p.seen, "its 5 bytes as hex digits"));
    assert_non_null(strstr(p.seen, "\n1b5b324aff\n"));
    assert_non_null(strstr(p.seen, "\n1b5b 324a ff\n"));
    type_in(&p, "q");
    stand_up(&p);
    sit_down(&p, 24, 80, &blanks);
    wait_text(&p, "q, Enter: close");
    assert_non_null(strstr(p.seen, "It has 1 blank,"));
    assert_non_null(strstr(p.seen, "\nab cd\xc3\xa4\n"));
    assert_non_null(strstr(p.seen, "\nab\033[7m \033[27mc d\xc3\xa4\n"));
    type_in(&p, "q");
    stand_up(&p);
}

static int
set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077);
    return setenv("TERM", "xterm", 1) != 0 || mkdtemp(folder) == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    secret_arena_close();
    return rmdir(folder);
}

int
main(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* secrets that are not ASCII are shown as they are */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_refused),
        cmocka_unit_test(test_no_half_file_is_left),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_folder_moves),
        cmocka_unit_test(test_dumb_terminal),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_no_terminal),
        cmocka_unit_test(test_screen),
        cmocka_unit_test(test_screen_closes_by_itself),
        cmocka_unit_test(test_signal_closes),
        cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_not_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
