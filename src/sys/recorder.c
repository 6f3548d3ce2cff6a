/* Who looks over a terminal's shoulder: term_recorder of sys/term.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/env.h"
#include "sys/term.h"

/* clang-format off */
/* Programs as the kernel names them, cut at 15 characters; ": " may follow ("tmux: server"). */
static const struct {
    const char *program;
    const char *name;
    enum term_watch watch;
} programs[] = {
    {"script", "script", TERM_RECORDED},
    {"asciinema", "asciinema", TERM_RECORDED},
    {"ttyrec", "ttyrec", TERM_RECORDED},
    {"termrec", "termrec", TERM_RECORDED},
    {"tlog-rec", "tlog", TERM_RECORDED},
    {"tlog-rec-sessio", "tlog", TERM_RECORDED},
    {"tmux", "tmux", TERM_MULTIPLEXED},
    {"screen", "screen", TERM_MULTIPLEXED},
    {"SCREEN", "screen", TERM_MULTIPLEXED},
};
/* clang-format on */

/* The same by what they set, for one whose processes cannot be seen. */
static const struct {
    const char *variable;
    const char *name;
    enum term_watch watch;
} variables[] = {
    {"ASCIINEMA_REC", "asciinema", TERM_RECORDED},
    {"SCRIPT", "script", TERM_RECORDED}, /* BSD */
    {"TMUX", "tmux", TERM_MULTIPLEXED},
    {"STY", "screen", TERM_MULTIPLEXED},
};

/* "4711 (tmux: server) S 1 ...": the name and the parent. -1 when it cannot be read. */
static int
read_process(long pid, char name[64], long *parent)
{
    char path[48];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    char *from = strchr(text, '(');
    char *end = strrchr(text, ')'); /* a name may have any character in it */
    if (from == NULL || end == NULL || end < from || end[1] == '\0')
        return -1;
    (void)snprintf(name, 64, "%.*s", (int)(end - from - 1), from + 1);
    *parent = strtol(end + 3, NULL, 10); /* behind the state, one letter */
    return 0;
}

static void
judge(const char *program, enum term_watch *watch, const char **name)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        size_t len = strlen(programs[i].program);
        if (strncmp(program, programs[i].program, len) == 0 &&
            (program[len] == '\0' || program[len] == ':') && programs[i].watch > *watch) {
            *watch = programs[i].watch;
            *name = programs[i].name;
        }
    }
}

enum term_watch
term_recorder(const char **name)
{
    enum { ANCESTORS = 64 };
    enum term_watch watch = TERM_UNWATCHED;
    long pid = (long)getppid();
    char program[64];
    *name = "";
    for (int i = 0; i < ANCESTORS && pid > 1 && read_process(pid, program, &pid) == 0; i++)
        judge(program, &watch, name);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = env_original(variables[i].variable);
        if (value != NULL && value[0] != '\0' && variables[i].watch > watch) {
            watch = variables[i].watch;
            *name = variables[i].name;
        }
    }
    return watch;
}
