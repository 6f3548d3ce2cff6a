/* Each test runs in a child whose controlling terminal is a new pseudo terminal; the parent is the
 * person at it. */
#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "sys/process.h"
#include "sys/term.h"

enum { PATIENCE_MS = 20000 };

struct person {
    int fd; /* the terminal's other end */
    pid_t pid;
    char name[64];    /* of the terminal */
    char seen[16384]; /* all that was displayed */
    size_t len;
};

static void
sit_down(struct person *p, int (*fn)(void))
{
    struct winsize size = {33, 101, 0, 0};
    memset(p, 0, sizeof *p);
    p->pid = forkpty(&p->fd, p->name, NULL, &size);
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        exit(fn()); /* exit handlers included: they restore */
}

/* Reads what is displayed until text was seen after the first `from` bytes. */
static void
wait_from(struct person *p, size_t from, const char *text)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (strstr(p->seen + from, text) == NULL) {
        struct pollfd in = {p->fd, POLLIN, 0};
        int64_t left = end - clock_mono_ms();
        if (left <= 0 || poll(&in, 1, (int)left) <= 0)
            fail_msg("\"%s\" did not appear in: %s", text, p->seen);
        ssize_t n = read(p->fd, p->seen + p->len, sizeof p->seen - 1 - p->len);
        if (n <= 0)
            fail_msg("\"%s\" did not appear before the end in: %s", text, p->seen);
        p->len += (size_t)n;
        p->seen[p->len] = '\0';
    }
}

static void
wait_text(struct person *p, const char *text)
{
    wait_from(p, 0, text);
}

static void
type_in(struct person *p, const char *text)
{
    assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

static int
echo_is_on(struct person *p)
{
    struct termios modes;
    assert_int_equal(tcgetattr(p->fd, &modes), 0);
    return (modes.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
}

/* Reads to the end; returns the child's exit status, 1000 + n for a signal. */
static int
stand_up(struct person *p)
{
    for (;;) {
        char *to = p->seen + p->len;
        ssize_t n = read(p->fd, to, sizeof p->seen - 1 - p->len);
        if (n <= 0)
            break; /* EIO when the other side is closed */
        p->len += (size_t)n;
        p->seen[p->len] = '\0';
    }
    int status = 0;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    (void)close(p->fd);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Says that a step is done, where only the person looks; waits for the answer. */
static void
checkpoint(const char *text)
{
    char c;
    (void)!write(STDOUT_FILENO, text, strlen(text));
    (void)!read(STDIN_FILENO, &c, 1);
}

static int
ask_secret(void)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    if (secret_new(&s, &err) != RC_OK)
        return 90;
    if (term_ask_secret(s, "Passphrase: ", &err) != RC_OK)
        return 91;
    if (s->len != 9 || memcmp(s->bytes, "hush hush", 9) != 0 || s->bytes[9] != 0)
        return 92;
    secret_free(s);
    checkpoint("[after]");
    return 0;
}

static void
test_secret_is_not_echoed(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, ask_secret);
    wait_text(&p, "Passphrase: ");
    assert_false(echo_is_on(&p));
    type_in(&p, "hush husX\177h\n"); /* a correction with the erase key */
    wait_text(&p, "[after]");
    assert_true(echo_is_on(&p));
    type_in(&p, "\n");
    assert_int_equal(stand_up(&p), 0);
    assert_null(strstr(p.seen, "hus"));
    assert_non_null(strstr(p.seen, "Passphrase: \r\033[K[after]"));
}

static int
ask_secret_interrupted(void)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    if (secret_new(&s, &err) != RC_OK)
        return 90;
    if (term_ask_secret(s, "Passphrase: ", &err) != RC_INTERRUPTED)
        return 91;
    if (signals_pending() != SIGINT || s->len != 0 || s->bytes[0] != 0)
        return 92;
    secret_free(s);
    checkpoint("[after]");
    return 0;
}

static void
test_interrupt_restores_echo(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, ask_secret_interrupted);
    wait_text(&p, "Passphrase: ");
    type_in(&p, "hush\003");
    wait_text(&p, "[after]");
    assert_true(echo_is_on(&p));
    type_in(&p, "\n");
    assert_int_equal(stand_up(&p), 0);
    assert_null(strstr(p.seen, "hush"));
}

static int
ask_secret_end(void)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    if (secret_new(&s, &err) != RC_OK)
        return 90;
    return term_ask_secret(s, "Passphrase: ", &err) == RC_INTERRUPTED ? 0 : 91;
}

static void
test_end_of_input_is_no_answer(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, ask_secret_end);
    wait_text(&p, "Passphrase: ");
    type_in(&p, "\004");
    assert_int_equal(stand_up(&p), 0);
}

static int
ask_secret_too_long(void)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    if (secret_new(&s, &err) != RC_OK)
        return 90;
    if (term_ask_secret(s, "Passphrase: ", &err) != RC_BAD_VALUE)
        return 91;
    return s->len == 0 && s->bytes[0] == 0 && s->bytes[SECRET_SLOT - 1] == 0 ? 0 : 92;
}

static void
test_too_long_is_not_cut(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, ask_secret_too_long);
    wait_text(&p, "Passphrase: ");
    for (int i = 0; i < 50; i++)
        type_in(&p, "0123456789012345678901234567890123456789012345678901234567890123456789"
                    "012345678901234567890123456789");
    type_in(&p, "\n");
    assert_int_equal(stand_up(&p), 0);
}

static int
ask_twice(void)
{
    struct err err = ERR_INIT;
    char out[6];
    if (term_ask(out, sizeof out, "Name? ", &err) != RC_BAD_VALUE || out[0] != '\0')
        return 91;
    if (term_ask(out, sizeof out, "Again? ", &err) != RC_OK || strcmp(out, "alice") != 0)
        return 92;
    return 0;
}

static void
test_ask_echoes_and_is_bounded(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, ask_twice);
    wait_text(&p, "Name? ");
    assert_true(echo_is_on(&p));
    type_in(&p, "alice2\n");
    wait_text(&p, "Again? ");
    type_in(&p, "alice\n");
    assert_int_equal(stand_up(&p), 0);
    assert_non_null(strstr(p.seen, "Again? alice\r\n"));
}

static int
raw_keys(void)
{
    struct err err = ERR_INIT;
    int fd;
    if (term_open(&fd, &err) != RC_OK || term_raw_begin(&err) != RC_OK)
        return 90;
    if (term_key(10) != 0)
        return 91;
    (void)!write(fd, "[ready]", 7);
    if (term_key(PATIENCE_MS) != 'q')
        return 92;
    if (term_key(-1) != '+')
        return 93;
    (void)!write(fd, "[more]", 6);
    if (term_key(-1) != -1 || signals_pending() != SIGTERM)
        return 94;
    return 0; /* the exit handler restores */
}

static void
test_raw_keys_and_restore_at_exit(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, raw_keys);
    wait_text(&p, "[ready]");
    assert_false(echo_is_on(&p));
    type_in(&p, "q+");
    wait_text(&p, "[more]");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    struct termios modes;
    int slave = open(p.name, O_RDWR | O_NOCTTY); /* keeps the modes after the end */
    assert_true(slave >= 0);
    int status = 0;
    assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
    assert_int_equal(status, 0);
    assert_int_equal(tcgetattr(slave, &modes), 0);
    assert_true((modes.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON));
    (void)close(slave);
    (void)close(p.fd);
}

static int
show_on_alternate_screen(void)
{
    struct err err = ERR_INIT;
    int fd;
    if (term_open(&fd, &err) != RC_OK || term_raw_begin(&err) != RC_OK ||
        term_alt_begin(&err) != RC_OK)
        return 90;
    (void)!write(fd, "SHOWN", 5);
    for (;;)
        (void)pause(); /* deaf to the first signal, so that the second has to end it */
}

static const char enter[] = "\033[?1049h\033[H\033[2J";
static const char leave[] = "\033[H\033[2J\033[?1049l";

static void
test_second_signal_wipes_the_screen(void **state)
{
    (void)state;
    static const int numbers[] = {SIGHUP, SIGQUIT, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct person p;
        sit_down(&p, show_on_alternate_screen);
        wait_text(&p, "SHOWN");
        assert_null(strstr(p.seen, leave));
        assert_int_equal(kill(p.pid, SIGTERM), 0);
        struct timespec moment = {0, 50000000L};
        (void)nanosleep(&moment, NULL); /* or two equal ones become one */
        assert_int_equal(kill(p.pid, numbers[i]), 0);
        assert_int_equal(stand_up(&p), 128 + numbers[i]);
        const char *in = strstr(p.seen, enter);
        assert_non_null(in);
        const char *shown = strstr(in, "SHOWN");
        assert_non_null(shown);
        assert_non_null(strstr(shown, leave));
    }
}

/* The kernel and the shell both say that a terminal is gone. */
static void
test_two_hang_ups_are_one(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, show_on_alternate_screen);
    wait_text(&p, "SHOWN");
    struct timespec moment = {0, 50000000L};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(p.pid, SIGHUP), 0);
        (void)nanosleep(&moment, NULL);
    }
    assert_int_equal(waitpid(p.pid, NULL, WNOHANG), 0);
    assert_null(strstr(p.seen, leave));
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    assert_int_equal(stand_up(&p), 128 + SIGTERM);
}

static int
dumb(void)
{
    struct err err = ERR_INIT;
    (void)setenv("TERM", "dumb", 1);
    return term_alt_begin(&err) == RC_NO_TERMINAL ? 0 : 91;
}

static void
test_dumb_terminal_shows_nothing(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, dumb);
    assert_int_equal(stand_up(&p), 0);
    assert_string_equal(p.seen, "");
}

static int
name_and_size(void)
{
    struct err err = ERR_INIT;
    unsigned columns = 0;
    unsigned rows = 0;
    int fd;
    if (term_open(&fd, &err) != RC_OK || !term_is_tty(fd) || term_is_tty(-1))
        return 90;
    if (strcmp(term_name(), ttyname(STDIN_FILENO)) != 0)
        return 91;
    term_size(fd, &columns, &rows);
    if (columns != 101 || rows != 33)
        return 92;
    (void)setenv("COLUMNS", "77", 1);
    term_size(-1, &columns, &rows);
    if (columns != 77 || rows != 24)
        return 93;
    (void)setenv("COLUMNS", "-1", 1);
    term_size(-1, &columns, &rows);
    return columns == 80 && rows == 24 ? 0 : 94;
}

static void
test_name_and_size(void **state)
{
    (void)state;
    struct person p;
    sit_down(&p, name_and_size);
    assert_int_equal(stand_up(&p), 0);
}

static void
test_no_terminal(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = ERR_INIT;
        int fd = 7;
        (void)setsid(); /* leaves the controlling terminal */
        if (term_open(&fd, &err) != RC_NO_TERMINAL || fd != -1 || term_name()[0] != '\0')
            _exit(1);
        if (term_raw_begin(&err) != RC_NO_TERMINAL || term_key(0) != -1)
            _exit(2);
        term_restore();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int
main(void)
{
    (void)setenv("TERM", "xterm", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_is_not_echoed),
        cmocka_unit_test(test_interrupt_restores_echo),
        cmocka_unit_test(test_end_of_input_is_no_answer),
        cmocka_unit_test(test_too_long_is_not_cut),
        cmocka_unit_test(test_ask_echoes_and_is_bounded),
        cmocka_unit_test(test_raw_keys_and_restore_at_exit),
        cmocka_unit_test(test_second_signal_wipes_the_screen),
        cmocka_unit_test(test_two_hang_ups_are_one),
        cmocka_unit_test(test_dumb_terminal_shows_nothing),
        cmocka_unit_test(test_name_and_size),
        cmocka_unit_test(test_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
