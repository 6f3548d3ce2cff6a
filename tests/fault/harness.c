/*
 * The fault harness. Lays faults on every command of a table (scenarios.c), and judges each time
 * what is left (judge.c); what has to hold of a state alone is tried once for each state (seen.c).
 *
 *   harness LANE|all [--full | --every] [--only SCENARIO [--nth N]] [--planted PROGRAM]
 *   harness prepare DIR      makes the state that the scenarios start from, in a new folder
 *   harness list             each lane with each scenario that it walks
 *
 * --full takes every fault, not an even choice; KM_FAULT=full in the environment does the same. Of
 * the allocations in one place (oom.h) it takes the first and the last; --every takes each.
 * --planted: the program has a deliberate fault, and the lane must catch it. --nth takes the one
 * fault with the number that a complaint named, and leaves the folder; what a passphrase protects
 * there opens in the harness alone (launch.h).
 *
 * Environment: KEYMUSTER, KM_TOOLS (kms_tool, libfault_*.so), KM_FAULT_JOBS (2). Exit 0 when all
 * was well. Prints a line of sums for each lane, each with a TAP line.
 */
#define _GNU_SOURCE /* sched_setaffinity */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

enum { JOBS = 16, TOP = 200 };

void
die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("the harness itself: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(2);
}

struct asked {
    int lanes[LANES];
    const char *only, *planted;
    long nth;
    int full, every;
};

static const char *
needed(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        die("%s is not set", name);
    return value;
}

static void
world_init(struct world *w, const struct asked *a, const char *dir, int cheap)
{
    memset(w, 0, sizeof *w);
    w->sound = needed("KEYMUSTER");
    w->program = a->planted != NULL ? a->planted : w->sound;
    w->tools = needed("KM_TOOLS");
    (void)snprintf(w->dir, sizeof w->dir, "%s", dir);
    trace_begin(w->tools, cheap);
}

/* A worker and what it runs take turns; on one processor they need not wait for another to notice.
 */
static void
stay(int part)
{
    cpu_set_t may, one;
    int nth = 0;
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        return;
    int wanted = part % CPU_COUNT(&may);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &may) || nth++ != wanted)
            continue;
        CPU_ZERO(&one);
        CPU_SET((size_t)cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
    }
}

/* One worker, in a process of its own: what it sums up goes through the pipe. */
static pid_t
start(const struct asked *a, const char *top, atomic_int *next, int part, int of, int to)
{
    static struct world w;
    char dir[TOP + 8];
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct walk k = {.w = &w,
                     .only = a->only,
                     .nth = a->nth,
                     .full = a->full,
                     .every = a->every,
                     .next = next,
                     .part = a->only != NULL ? part : 0,
                     .of = a->only != NULL ? of : 1};
    memcpy(k.lanes, a->lanes, sizeof k.lanes);
    stay(part);
    (void)snprintf(dir, sizeof dir, "%s/%d", top, part);
    world_init(&w, a, dir, 1);
    lane_walk(&k);
    exit(write(to, k.sums, sizeof k.sums) == sizeof k.sums ? 0 : 2);
}

static void
add_up(struct sums *all, const struct sums *s, int jobs)
{
    all->runs += s->runs;
    all->struck += s->struck;
    all->same += s->same;
    all->acked += s->acked;
    all->shown += s->shown;
    all->looked += s->looked;
    all->bad += s->bad;
    all->seconds += s->seconds / jobs;
}

static void
work(const struct asked *a, const char *top, int jobs, struct sums all[LANES])
{
    int fds[2];
    int ok = 1;
    struct sums s[LANES];
    atomic_int *next =
        mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(all, 0, LANES * sizeof *all);
    if (next == MAP_FAILED || pipe(fds) != 0)
        die("mmap or pipe: %s", strerror(errno));
    for (int i = 0; i < jobs; i++) {
        if (start(a, top, next, i, jobs, fds[1]) < 0)
            die("fork: %s", strerror(errno));
    }
    (void)close(fds[1]);
    for (int status; wait(&status) > 0;)
        ok = ok && status == 0;
    while (read(fds[0], s, sizeof s) == sizeof s) {
        for (size_t i = 0; i < LANES; i++)
            add_up(&all[i], &s[i], jobs);
    }
    if (!ok)
        die("a worker gave up");
}

/* A process is killed here, not a machine: in memory, syncs cost nothing. */
static void
make_top(char top[TOP])
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(top, TOP, "%.100s/fault-XXXXXX", tmp);
    if (mkdtemp(top) == NULL)
        die("%s: %s", top, strerror(errno));
}

static void
remove_top(const char *top, int jobs)
{
    for (int i = 0; i < jobs; i++) {
        char dir[TOP + 8];
        (void)snprintf(dir, sizeof dir, "%s/%d", top, i);
        tree_empty(dir);
        (void)rmdir(dir);
    }
    (void)rmdir(top);
}

/* Whether all was well. */
static int
say(const struct asked *a, const struct lane *lane, const struct sums *s, int number)
{
    printf("%s%s: %ld %s in %ld runs, %.0f s; nothing had changed in %ld, %ld acknowledged, "
           "%ld shown, %ld states, %ld wrong\n",
           lane->name,
           a->every  ? " (every)"
           : a->full ? " (full)"
                     : "",
           s->struck, lane->counts, s->runs, s->seconds, s->same, s->acked, s->shown, s->looked,
           s->bad);
    if (a->planted != NULL) {
        printf("%s %d %s catches the planted fault of %s\n", s->bad > 0 ? "ok" : "not ok", number,
               lane->name, strrchr(a->planted, '/') + 1);
        return s->bad > 0;
    }
    long least = a->only != NULL ? 0 : lane->least;
    int ok = s->bad == 0 && s->struck >= least;
    printf("%s %d %s: %ld %s, at least %ld wanted, %ld wrong\n", ok ? "ok" : "not ok", number,
           lane->name, s->struck, lane->counts, least, s->bad);
    return ok;
}

static int
lanes_run(const struct asked *a)
{
    char top[TOP];
    struct sums s[LANES];
    const char *jobs = getenv("KM_FAULT_JOBS");
    int count = jobs != NULL ? (int)strtol(jobs, NULL, 10) : 2;
    int number = 0;
    int ok = 1;
    if (count < 1 || count > JOBS)
        count = 2;
    count = a->nth >= 0 ? 1 : count;
    make_top(top);
    work(a, top, count, s);
    if (a->nth < 0)
        remove_top(top, count);
    else
        printf("left in %s\n", top);
    for (size_t i = 0; i < LANES; i++) {
        if (a->lanes[i])
            ok = say(a, &lanes[i], &s[i], ++number) && ok;
    }
    return ok ? 0 : 1;
}

static int
prepare(const char *dir)
{
    static struct world w;
    const struct asked none = {0};
    char path[TOP];
    if (dir[0] != '/') {
        char here[TOP / 2];
        if (getcwd(here, sizeof here) == NULL)
            die("%s", strerror(errno));
        (void)snprintf(path, sizeof path, "%s/%.90s", here, dir);
        dir = path;
    }
    world_init(&w, &none, dir, 0); /* others go on with it */
    lane_base(&w);
    return 0;
}

static int
list(void)
{
    for (const struct lane *l = lanes; l < lanes + LANES; l++) {
        for (const struct scenario *s = scenarios; s->name != NULL; s++) {
            if (lane_takes(l, s))
                printf("%s %s\n", l->name, s->name);
        }
    }
    return 0;
}

/* How many it names. */
static size_t
ask_for(struct asked *a, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < LANES; i++) {
        a->lanes[i] = strcmp(lanes[i].name, name) == 0 || strcmp("all", name) == 0;
        count += (size_t)a->lanes[i];
    }
    return count;
}

int
main(int argc, char **argv)
{
    const char *setting = getenv("KM_FAULT");
    struct asked a = {.nth = -1, .full = setting != NULL && strcmp(setting, "full") == 0};
    (void)umask(077);
#ifndef __x86_64__
    puts("SKIP ALL: calls are traced on x86-64 only");
    return 0;
#endif
    if (argc == 3 && strcmp(argv[1], "prepare") == 0)
        return prepare(argv[2]);
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc < 2 || ask_for(&a, argv[1]) == 0)
        die("name a lane (harness list), or all");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            a.full = 1;
        else if (strcmp(argv[i], "--every") == 0)
            a.full = a.every = 1;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            a.only = argv[++i];
        else if (strcmp(argv[i], "--nth") == 0 && i + 1 < argc)
            a.nth = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--planted") == 0 && i + 1 < argc)
            a.planted = argv[++i];
        else
            die("what is %s?", argv[i]);
    }
    return lanes_run(&a);
}
