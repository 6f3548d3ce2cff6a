#include "recover/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "recover/child_file.h"
#include "sys/env.h"
#include "sys/file.h"

extern char **environ;

#define FILE_VARIABLE "KEYMUSTER_SECRET_FILE"

/* ---- beforehand ---- */

static int
can_run(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Looks where execvp will look: in the PATH that the command gets. */
static int
is_on_path(const char *name)
{
    char path[PATH_SIZE];
    const char *list = env_original("PATH");
    if (list == NULL)
        list = "/bin:/usr/bin"; /* what execvp takes then */
    for (;;) {
        size_t len = strcspn(list, ":");
        int n = snprintf(path, sizeof path, "%.*s%s%s", (int)len, list, len > 0 ? "/" : "", name);
        if (n > 0 && (size_t)n < sizeof path && can_run(path))
            return 1;
        if (list[len] == '\0')
            return 0;
        list += len + 1;
    }
}

static enum rc
check_command(const char *name, struct err *err)
{
    if (name == NULL || name[0] == '\0')
        return err_set(err, RC_EXEC_FAILED, "no command to run was given");
    if (strchr(name, '/') != NULL ? can_run(name) : is_on_path(name))
        return RC_OK;
    return err_set(err, RC_EXEC_FAILED, "there is no command %.200s", name);
}

static enum rc
check_variable(const char *name, struct err *err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t len = strlen(name);
    if (len > 0 && len <= 128 && strspn(name, letters) == len &&
        !(name[0] >= '0' && name[0] <= '9'))
        return RC_OK;
    return err_set(err, RC_BAD_VALUE, "%.64s is no name for a variable", name);
}

enum rc
child_check(struct child_plan *plan, struct err *err)
{
    enum rc rc = RC_OK;
    if (plan->way == CHILD_FD && (plan->fd < 3 || plan->fd > 1023))
        rc = err_set(err, RC_BAD_VALUE, "the descriptor must be one from 3 to 1023");
    if (plan->way == CHILD_ENV)
        rc = check_variable(plan->env, err);
    if (plan->way == CHILD_TEMPLATE)
        rc = template_read(&plan->text, plan->template, err);
    return rc == RC_OK ? check_command(plan->argv[0], err) : rc;
}

void
child_plan_release(struct child_plan *plan)
{
    template_release(&plan->text);
}

/* ---- what the command gets ---- */

/*
 * 1. argv and env are made of borrowed pointers, but for the strings in made.
 * 2. variable, with CHILD_ENV, is "NAME=" and room for a secret; the child itself fills it, so that
 *    the secret never is in our own heap.
 */
struct outfit {
    char **argv;
    char **env;
    char **made; /* NULL-terminated */
    size_t made_count;
    char *variable;
    size_t variable_len; /* of "NAME=" */
    struct child_file file;
    int secret[2]; /* pipe; -1 none */
    int report[2]; /* errno of a failed start */
};

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* pipes: nothing can be lost */
    *fd = -1;
}

static void
outfit_release(struct outfit *o)
{
    child_file_end(&o->file);
    for (size_t i = 0; i < o->made_count; i++)
        free(o->made[i]);
    free(o->made);
    free(o->argv);
    free(o->env);
    free(o->variable);
    for (int i = 0; i < 2; i++) {
        close_fd(&o->secret[i]);
        close_fd(&o->report[i]);
    }
}

static size_t
count_of(char *const *list)
{
    size_t n = 0;
    while (list[n] != NULL)
        n++;
    return n;
}

/* A copy of text with each "{}" replaced by path. NULL without memory. */
static char *
with_path(const char *text, const char *path)
{
    size_t places = 0;
    for (const char *p = text; (p = strstr(p, "{}")) != NULL; p += 2)
        places++;
    char *copy = malloc(strlen(text) + places * strlen(path) + 1);
    char *to = copy;
    while (copy != NULL && *text != '\0') {
        if (strncmp(text, "{}", 2) == 0) {
            memcpy(to, path, strlen(path));
            to += strlen(path);
            text += 2;
        } else {
            *to++ = *text++;
        }
    }
    if (copy != NULL)
        *to = '\0';
    return copy;
}

static enum rc
make_argv(struct outfit *o, const struct child_plan *plan, struct err *err)
{
    size_t n = count_of(plan->argv);
    o->argv = calloc(n + 1, sizeof *o->argv);
    o->made = calloc(n + 2, sizeof *o->made);
    if (o->argv == NULL || o->made == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++) {
        o->argv[i] = plan->argv[i];
        if (i == 0 || o->file.fd < 0 || strstr(plan->argv[i], "{}") == NULL)
            continue;
        o->argv[i] = o->made[o->made_count] = with_path(plan->argv[i], o->file.path);
        if (o->argv[i] == NULL)
            return err_nomem(err);
        o->made_count++;
    }
    return RC_OK;
}

/* The child's environment with one variable ("NAME=...", name_len the length of "NAME=") more. */
static enum rc
make_env(struct outfit *o, char *variable, size_t name_len, struct err *err)
{
    char **from = env_for_child();
    size_t n = 0;
    o->env = calloc(count_of(from) + 2, sizeof *o->env);
    if (o->env == NULL)
        return err_nomem(err);
    for (; *from != NULL; from++) {
        if (variable == NULL || strncmp(*from, variable, name_len) != 0)
            o->env[n++] = *from;
    }
    o->env[n] = variable;
    return RC_OK;
}

static enum rc
make_variables(struct outfit *o, const struct child_plan *plan, struct err *err)
{
    if (plan->way == CHILD_ENV) {
        o->variable_len = strlen(plan->env) + 1;
        o->variable = calloc(o->variable_len + SECRET_SLOT + 1, 1);
        if (o->variable == NULL)
            return err_nomem(err);
        (void)snprintf(o->variable, o->variable_len + 1, "%s=", plan->env);
        return make_env(o, o->variable, o->variable_len, err);
    }
    if (o->file.fd < 0)
        return make_env(o, NULL, 0, err);
    size_t name_len = sizeof FILE_VARIABLE;
    char *text = malloc(name_len + strlen(o->file.path) + 1);
    if (text == NULL)
        return err_nomem(err);
    (void)snprintf(text, name_len + strlen(o->file.path) + 1, FILE_VARIABLE "=%s", o->file.path);
    o->made[o->made_count++] = text;
    return make_env(o, text, name_len, err);
}

static enum rc
make_pipe(int fds[2], struct err *err)
{
    if (pipe(fds) != 0) {
        fds[0] = fds[1] = -1;
        return err_errno(err, RC_EXEC_FAILED, "making a pipe");
    }
    for (int i = 0; i < 2; i++) {
        if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0)
            return err_errno(err, RC_EXEC_FAILED, "making a pipe private");
    }
    return RC_OK;
}

static enum rc
outfit_make(struct outfit *o, const struct child_plan *plan, const struct secret *s,
            struct err *err)
{
    enum rc rc = RC_OK;
    int by_file = plan->way == CHILD_TMPFILE || plan->way == CHILD_TEMPLATE;
    *o = (struct outfit){.file = {.fd = -1}, .secret = {-1, -1}, .report = {-1, -1}};
    if (plan->way == CHILD_ENV && memchr(s->bytes, '\0', s->len) != NULL)
        return err_set(err, RC_EXEC_FAILED, "the secret has a NUL byte: no variable can hold it");
    if (by_file)
        rc = child_file_make(&o->file, s, plan->way == CHILD_TEMPLATE ? &plan->text : NULL, err);
    if (rc == RC_OK)
        rc = make_argv(o, plan, err);
    if (rc == RC_OK)
        rc = make_variables(o, plan, err);
    if (rc == RC_OK)
        rc = make_pipe(o->report, err);
    if (rc == RC_OK && !by_file)
        rc = make_pipe(o->secret, err);
    return rc;
}

/* ---- signals ---- */

static volatile sig_atomic_t child_pid;

/* What the terminal or a hang-up sends has reached the whole process group, the command too. */
static void
pass_on(int number, siginfo_t *info, void *unused)
{
    int keep = errno;
    (void)unused;
    int from_kernel = info->si_code == SI_KERNEL;
    int to_group = number == SIGINT || number == SIGQUIT || number == SIGHUP;
    if (child_pid > 0 && !(from_kernel && to_group))
        (void)kill((pid_t)child_pid, number);
    errno = keep;
}

static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { PASSED = sizeof passed / sizeof passed[0] };

/* Blocks them until the child exists; *mask is the one to go back to. */
static void
signals_begin(struct sigaction old[PASSED], sigset_t *mask)
{
    struct sigaction act = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
    sigset_t block;
    (void)sigemptyset(&act.sa_mask);
    (void)sigemptyset(&block);
    for (int i = 0; i < PASSED; i++)
        (void)sigaddset(&block, passed[i]);
    (void)pthread_sigmask(SIG_BLOCK, &block, mask);
    child_pid = 0;
    for (int i = 0; i < PASSED; i++) {
        (void)sigaction(passed[i], NULL, &old[i]);
        if (old[i].sa_handler != SIG_IGN) /* nohup: it stays so, for the command too */
            (void)sigaction(passed[i], &act, NULL);
    }
}

static void
signals_end(const struct sigaction old[PASSED])
{
    child_pid = 0;
    for (int i = 0; i < PASSED; i++)
        (void)sigaction(passed[i], &old[i], NULL);
}

/* ---- the child's side ---- */

/* Reads the secret behind "NAME=". -1 with errno. */
static int
fill_variable(const struct outfit *o)
{
    size_t len = o->variable_len;
    size_t end = o->variable_len + SECRET_SLOT;
    while (len < end) {
        ssize_t n = read(o->secret[0], o->variable + len, end - len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -1;
        len += n < 0 ? 0 : (size_t)n;
    }
    o->variable[len] = '\0';
    return 0;
}

/* Puts the secret's pipe where the command expects it. -1 with errno. */
static int
place_pipe(struct outfit *o, const struct child_plan *plan)
{
    int want = plan->way == CHILD_STDIN ? STDIN_FILENO : plan->fd;
    if (o->report[1] == want) {
        o->report[1] = fcntl(o->report[1], F_DUPFD_CLOEXEC, want + 1);
        if (o->report[1] < 0)
            return -1;
    }
    if (o->secret[0] == want)
        return fcntl(want, F_SETFD, 0);
    return dup2(o->secret[0], want) < 0 ? -1 : 0;
}

/* Only async-signal-safe calls from here on. */
NORETURN static void
become(struct outfit *o, const struct child_plan *plan, const sigset_t *mask)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    int done = 0;
    close_fd(&o->secret[1]); /* else its end would never be seen */
    (void)sigaction(SIGPIPE, &plain, NULL);
    if (plan->way == CHILD_ENV)
        done = fill_variable(o);
    else if (plan->way == CHILD_STDIN || plan->way == CHILD_FD)
        done = place_pipe(o, plan);
    if (done == 0) {
        /* Our own handlers would pass signals on; the command's come with execvp. */
        for (int i = 0; i < PASSED; i++) {
            struct sigaction now;
            if (sigaction(passed[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
                (void)sigaction(passed[i], &plain, NULL);
        }
        (void)pthread_sigmask(SIG_SETMASK, mask, NULL);
        environ = o->env;
        (void)execvp(o->argv[0], o->argv); /* returns only on failure */
    }
    int cause = errno;
    if (o->variable != NULL)
        secret_wipe(o->variable + o->variable_len, SECRET_SLOT);
    ssize_t told = write(o->report[1], &cause, sizeof cause);
    _exit(told < 0 ? 126 : 127);
}

/* ---- our side ---- */

/* The errno with which the start failed, or 0. */
static int
start_failure(int fd)
{
    int cause = 0;
    ssize_t n;
    do
        n = read(fd, &cause, sizeof cause);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof cause ? cause : 0;
}

static enum rc
wait_for(pid_t pid, int *status, struct err *err)
{
    int raw = 0;
    pid_t got;
    do
        got = waitpid(pid, &raw, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_errno(err, RC_EXEC_FAILED, "waiting for the command");
    *status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return RC_OK;
}

/* Hands the secret over, sees whether the command started, and waits for it. */
static enum rc
attend(struct outfit *o, pid_t pid, const struct secret *s, int *status, struct err *err)
{
    struct err lost = ERR_INIT;
    close_fd(&o->report[1]);
    close_fd(&o->secret[0]);
    /* A slot fits into an empty pipe, so this does not block. A command that does not read it, or
     * ends before, has its reasons (EPIPE): its status is what counts. It must not go on with half
     * a secret, though. */
    if (o->secret[1] >= 0 &&
        file_write_fd(o->secret[1], s->bytes, s->len, "the command's pipe", &lost) != RC_OK &&
        lost.os_errno != EPIPE)
        (void)kill(pid, o->variable != NULL ? SIGKILL : SIGTERM);
    close_fd(&o->secret[1]);
    int cause = start_failure(o->report[0]);
    enum rc rc = wait_for(pid, status, err);
    if (rc == RC_OK && lost.code != RC_OK && lost.os_errno != EPIPE) {
        errno = lost.os_errno;
        return err_errno(err, RC_EXEC_FAILED, "handing the secret to %.200s", o->argv[0]);
    }
    if (cause == 0 || rc != RC_OK)
        return rc;
    errno = cause;
    return err_errno(err, RC_EXEC_FAILED, "running %.200s", o->argv[0]);
}

enum rc
child_run(const struct child_plan *plan, const struct secret *s, int *status, struct err *err)
{
    struct outfit o;
    struct sigaction old[PASSED];
    sigset_t mask;
    enum rc rc = outfit_make(&o, plan, s, err);
    if (rc != RC_OK)
        goto out;
    signals_begin(old, &mask);
    pid_t pid = fork();
    if (pid == 0)
        become(&o, plan, &mask);
    if (pid > 0)
        child_pid = (sig_atomic_t)pid;
    else
        rc = err_errno(err, RC_EXEC_FAILED, "making a process");
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (rc == RC_OK)
        rc = attend(&o, pid, s, status, err);
    signals_end(old);
out:
    outfit_release(&o);
    return rc;
}
