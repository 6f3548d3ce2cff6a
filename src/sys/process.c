#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/plant.h"
#include "sys/env.h"
#include "sys/term.h"

void
process_harden(void)
{
    (void)umask(077);
    if (PLANTED("no-harden"))
        return;
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering cannot fail */
#ifndef KM_SANITIZE                      /* the leak checker has to trace the process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    struct sigaction ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static volatile sig_atomic_t pending;
static int held;

static void
on_signal(int number)
{
    int saved = errno;
    /* A terminal that goes away says so twice, through the kernel and through the shell: that is no
     * impatience, and the record of how a showing ended still has to be made. */
    if (number == SIGHUP && pending == SIGHUP)
        return;
    if (pending != 0) {
        term_restore();
        _exit(128 + number);
    }
    pending = number;
    errno = saved;
}

void
signals_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction act;
    struct sigaction old;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal; /* no SA_RESTART: waiting for input has to end */
    (void)sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(&act.sa_mask, numbers[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        /* What nohup or a shell's "&" has set to be ignored stays so. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &act, NULL);
    }
}

int
signals_pending(void)
{
    return held ? 0 : pending;
}

void
signals_hold(int on)
{
    held = on;
}

/* Copies at most size - 1 bytes up to a space; control characters, which a name should not have,
 * become '?'. */
static void
copy_word(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; i + 1 < size && text[i] != '\0' && text[i] != ' '; i++) {
        out[i] = text[i];
        if ((text[i] > 0 && text[i] < 0x20) || text[i] == 0x7f)
            out[i] = '?';
    }
    out[i] = '\0';
}

static void
user_name(char *out, size_t size, uid_t uid)
{
    struct passwd pw;
    struct passwd *found = NULL;
    char text[4096];
    if (getpwuid_r(uid, &pw, text, sizeof text, &found) == 0 && found != NULL)
        copy_word(out, size, pw.pw_name);
    else
        (void)snprintf(out, size, "%lu", (unsigned long)uid);
}

/* The user id that the kernel keeps from login on, through sudo and su. 0 if there is none. */
static int
login_uid(uid_t *uid)
{
    char text[24];
    int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    unsigned long number = strtoul(text, NULL, 10);
    *uid = (uid_t)number;
    return number < 0xffffffffUL; /* that value means "unset" */
}

const struct actor *
actor_get(void)
{
    static char user[256];
    static char login[256];
    static char host[256];
    static char from[72];
    static struct actor actor;
    if (actor.user != NULL)
        return &actor;
    user_name(user, sizeof user, geteuid());
    /* The kernel's word goes before the environment's, which anybody can set. */
    uid_t uid;
    const char *sudo = env_get("SUDO_USER");
    if (login_uid(&uid))
        user_name(login, sizeof login, uid);
    else if (sudo != NULL)
        copy_word(login, sizeof login, sudo);
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) == 0)
        copy_word(host, sizeof host, name);
    const char *ssh = env_get("SSH_CONNECTION"); /* "address port address port" */
    if (ssh != NULL && ssh[0] != '\0') {
        char address[64];
        copy_word(address, sizeof address, ssh);
        (void)snprintf(from, sizeof from, "ssh %s", address);
    }
    actor = (struct actor){user, login, host, from};
    return &actor;
}
