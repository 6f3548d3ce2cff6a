#include "sys/term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plant.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/process.h"

/* The kernel keeps no more of a line than this, its line feed not counted, and drops the rest
 * without a word; so a line of this length counts as too long. */
enum { TTY_LINE_MAX = 4095 };

/* Invariant: saved holds the modes to go back to while mode_on. The flags are set before what they
 * undo, because a signal may come in between. */
static int tty = -1;
static struct termios saved;
static volatile sig_atomic_t mode_on;
static volatile sig_atomic_t alt_on;

static const char alt_enter[] = "\033[?1049h\033[H\033[2J";
static const char alt_leave[] = "\033[0m\033[H\033[2J\033[?1049l";

enum rc
term_open(int *fd, struct err *err)
{
    *fd = -1;
    if (tty < 0)
        tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0) {
        enum rc rc = err_errno(err, RC_NO_TERMINAL, "opening the terminal");
        (void)err_hint(err, "run it in a terminal, or over ssh with -t");
        return rc;
    }
    *fd = tty;
    return RC_OK;
}

/* A descriptor of /dev/tty is called "/dev/tty"; the kernel tells the device behind it. */
static int
device_name(char *out, size_t size)
{
    unsigned number;
    if (ioctl(tty, TIOCGDEV, &number) != 0)
        return 0;
    dev_t dev = (dev_t)number;
    unsigned maj = major(dev);
    unsigned min = minor(dev);
    if (maj >= 136 && maj <= 143) /* Documentation/admin-guide/devices.txt */
        (void)snprintf(out, size, "/dev/pts/%u", (maj - 136) * 256 + min);
    else if (maj == 4)
        (void)snprintf(out, size, min < 64 ? "/dev/tty%u" : "/dev/ttyS%u", min % 64);
    else
        return 0;
    return 1;
}

const char *
term_name(void)
{
    static char name[32];
    int fd;
    struct err scratch = ERR_INIT;
    if (term_open(&fd, &scratch) != RC_OK)
        return "";
    if (!device_name(name, sizeof name))
        (void)snprintf(name, sizeof name, "/dev/tty");
    return name;
}

int
term_is_tty(int fd)
{
    return isatty(fd);
}

int
term_accessible(void)
{
    const char *value = env_get("KEYMUSTER_ACCESSIBLE");
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

int
term_is_plain(void)
{
    const char *term = env_get("TERM");
    return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0 ||
           (term_accessible() && !PLANTED("no-accessible"));
}

void
term_size(int fd, unsigned *columns, unsigned *rows)
{
    struct winsize w;
    memset(&w, 0, sizeof w);
    *columns = 0;
    *rows = 0;
    if (ioctl(fd, TIOCGWINSZ, &w) == 0) {
        *columns = w.ws_col;
        *rows = w.ws_row;
    }
    const char *text = env_get("COLUMNS");
    if (*columns == 0 && text != NULL) {
        unsigned long n = strtoul(text, NULL, 10);
        *columns = n > 0 && n <= 10000 ? (unsigned)n : 0;
    }
    if (*columns == 0)
        *columns = 80;
    if (*rows == 0)
        *rows = 24;
}

/* Only calls that a signal handler may make. */
static void
put(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(tty, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* the terminal is gone; nothing is left to restore */
        text += n;
        len -= (size_t)n;
    }
}

void
term_restore(void)
{
    int keep = errno;
    sigset_t block;
    sigset_t old;
    /* In the background, setting modes would stop the process. */
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &block, &old);
    if (alt_on) {
        put(alt_leave, sizeof alt_leave - 1);
        alt_on = 0;
    }
    if (mode_on) {
        (void)tcsetattr(tty, TCSAFLUSH, &saved); /* flush: the rest of a paste is not a command */
        mode_on = 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = keep;
}

/* Opens the terminal and sees to it that signals and exit restore it. */
static enum rc
prepare(struct err *err)
{
    static int registered;
    int fd;
    enum rc rc = term_open(&fd, err);
    if (rc != RC_OK)
        return rc;
    if (!registered && atexit(term_restore) != 0)
        return err_nomem(err);
    registered = 1;
    signals_catch();
    return RC_OK;
}

/* Changes local modes until term_restore. Suspending is off meanwhile: after it the shell would
 * have echo on again. */
static enum rc
set_mode(tcflag_t off, tcflag_t on, struct err *err)
{
    struct termios now;
    enum rc rc = prepare(err);
    if (rc != RC_OK)
        return rc;
    if (tcgetattr(tty, &now) != 0)
        return err_errno(err, RC_NO_TERMINAL, "asking for the terminal's modes");
    if (!mode_on)
        saved = now;
    now.c_iflag |= ICRNL;
    now.c_lflag &= ~off;
    now.c_lflag |= on;
    now.c_cc[VSUSP] = _POSIX_VDISABLE;
    if ((now.c_lflag & ICANON) == 0) {
        now.c_cc[VMIN] = 1;
        now.c_cc[VTIME] = 0;
    }
    mode_on = 1;
    int done;
    do {
        done = tcsetattr(tty, TCSAFLUSH, &now);
    } while (done != 0 && errno == EINTR && !signals_pending());
    if (done != 0) {
        rc = err_errno(err, RC_NO_TERMINAL, "setting the terminal's modes");
        term_restore();
    }
    return rc;
}

/* 1 input is there, 0 time is over, -1 a signal is pending or the terminal is gone. */
static int
wait_input(int64_t timeout_ms)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t block;
    sigset_t old;
    (void)sigemptyset(&block);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(&block, numbers[i]);
    /* Blocked but while pselect waits; else one that comes just before it would be overlooked. */
    (void)pthread_sigmask(SIG_BLOCK, &block, &old);
    int64_t end = clock_mono_ms() + timeout_ms;
    int ready = -1;
    while (!signals_pending()) {
        int64_t left = timeout_ms < 0 ? 0 : end - clock_mono_ms();
        left = left < 0 ? 0 : left;
        struct timespec t = {(time_t)(left / 1000), (long)(left % 1000) * 1000000L};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(tty, &set);
        ready = pselect(tty + 1, &set, NULL, NULL, timeout_ms < 0 ? NULL : &t, &old);
        if (ready >= 0 || errno != EINTR)
            break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ready;
}

/* One line into size bytes. *len excludes the line feed, which may be left behind it. */
static enum rc
read_line(unsigned char *to, size_t size, size_t *len, struct err *err)
{
    *len = 0;
    while (*len < size) {
        int ready = wait_input(-1);
        if (signals_pending())
            return err_set(err, RC_INTERRUPTED, "interrupted at a question");
        ssize_t n = ready < 0 ? -1 : read(tty, to + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, RC_NO_TERMINAL, "reading from the terminal");
        if (n == 0) /* Ctrl-D is a way to say no */
            return err_set(err, RC_INTERRUPTED, "input ended at a question");
        *len += (size_t)n;
        if (to[*len - 1] != '\n')
            continue;
        *len -= 1;
        if (*len < TTY_LINE_MAX)
            return RC_OK;
        break;
    }
    (void)tcflush(tty, TCIFLUSH); /* the rest must not answer the next question */
    return err_set(err, RC_BAD_VALUE, "what was entered is too long");
}

/* So that nobody wonders later at a question without an answer. */
static void
erase_prompt(void)
{
    if (term_is_plain())
        put("\n", 1);
    else
        put("\r\033[K", 4);
}

enum rc
term_ask_secret(struct secret *out, const char *prompt, struct err *err)
{
    secret_cut(out, 0);
    enum rc rc = set_mode(ECHO | ECHOE | ECHOK | ECHONL, ICANON | ISIG, err);
    if (rc != RC_OK)
        return rc;
    size_t len = 0;
    rc = file_write_fd(tty, prompt, strlen(prompt), "the terminal", err);
    if (rc == RC_OK)
        rc = read_line(out->bytes, SECRET_SLOT, &len, err);
    term_restore();
    erase_prompt();
    out->len = rc == RC_OK ? len : 0;
    secret_cut(out, out->len); /* the line feed, or what was read before the failure */
    return rc;
}

enum rc
term_ask(char *out, size_t size, const char *prompt, struct err *err)
{
    size_t len = 0;
    out[0] = '\0';
    enum rc rc = set_mode(0, ECHO | ECHOE | ECHOK | ICANON | ISIG, err);
    if (rc != RC_OK)
        return rc;
    rc = file_write_fd(tty, prompt, strlen(prompt), "the terminal", err);
    if (rc == RC_OK)
        rc = read_line((unsigned char *)out, size, &len, err);
    term_restore();
    if (rc == RC_INTERRUPTED)
        put("\n", 1);
    out[rc == RC_OK ? len : 0] = '\0';
    return rc;
}

enum rc
term_raw_begin(struct err *err)
{
    return set_mode(ICANON | ECHO | ECHONL, ISIG, err);
}

int
term_key(int64_t timeout_ms)
{
    unsigned char key;
    for (;;) {
        int ready = tty < 0 ? -1 : wait_input(timeout_ms);
        if (ready <= 0)
            return ready;
        ssize_t n = read(tty, &key, 1);
        if (n == 1)
            return key;
        if (n == 0 || errno != EINTR || signals_pending())
            return -1;
    }
}

enum rc
term_alt_begin(struct err *err)
{
    enum rc rc = prepare(err);
    if (rc != RC_OK)
        return rc;
    const char *term = env_get("TERM");
    if (term != NULL && strcmp(term, "dumb") == 0) {
        rc = err_set(err, RC_NO_TERMINAL, "this terminal has no second screen");
        (void)err_why(err, "TERM is \"dumb\": what is shown could not be wiped off");
        return rc;
    }
    alt_on = 1;
    rc = file_write_fd(tty, alt_enter, sizeof alt_enter - 1, "the terminal", err);
    if (rc != RC_OK)
        term_restore();
    return rc;
}
