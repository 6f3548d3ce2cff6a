/* The lanes: which faults each lays on every scenario of the table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "oom.h"

enum { TEXT = 2048, FEWER = 8, ALONE = 8, SAID_OF = 40, BLOCKS = 8 };

/* Faults of one scenario, all of them; the fast setting takes an even choice. */
struct list {
    struct fault *f;
    size_t count, room;
};

static void
add(struct list *l, struct fault f)
{
    if (l->count == l->room) {
        l->room = l->room * 2 + 256;
        l->f = realloc(l->f, l->room * sizeof *l->f);
        if (l->f == NULL)
            die("out of memory");
    }
    l->f[l->count++] = f;
}

static struct fault
at_call(const struct calls *c, long n, enum fault_kind kind, int os_errno, int sticky)
{
    return (struct fault){kind, n, c->number[n - 1], os_errno, sticky, c->turn[n - 1]};
}

static struct outcome run, second; /* large, so not on the stack */
static struct calls calls, verify_calls, sync_calls;

static void
run_scenario(struct walk *k, const struct scenario *s, const struct fault *f, struct calls *record,
             unsigned flags, struct outcome *o)
{
    char text[TEXT];
    char *words[WORDS];
    script_words(k->w, s->run, text, sizeof text, words);
    flags |= RUN_STILL;
    if (s->flags & S_TTY)
        flags |= RUN_TTY;
    trace_run(o, k->w->program, words, k->w->dir, f, record, flags);
}

/* How many of all are taken; of one scenario alone more, so that chance (the number of calls
 * differs a little from run to run) does not decide whether a planted fault is met. */
static size_t
share(const struct walk *k, const struct scenario *s, size_t all, size_t fast)
{
    if (k->only != NULL)
        fast *= ALONE;
    if (k->full)
        return all;
    if (s->flags & S_READS) /* it leaves no state behind in which more is wrong */
        fast = fast / FEWER + 1;
    return all < fast ? all : fast;
}

static void
complain(struct walk *k, const struct scenario *s, const struct fault *f, size_t nth)
{
    char text[160];
    fault_text(text, sizeof text, f);
    if (k->sum->bad++ < SAID_OF)
        (void)fprintf(stderr, "%s, fault %zu, %s: %s\n", s->name, nth, text, k->w->why);
}

/* Restores the state, runs with the fault, judges. */
static void
one(struct walk *k, const struct scenario *s, const struct tree *start, const struct fault *f,
    size_t nth)
{
    struct judgement j;
    /* On a machine with much else to do any run can take too long once. */
    for (int tries = 0; tries == 0 || (run.hung && tries < 2); tries++) {
        if (!k->untouched)
            tree_restore(start, k->w->dir);
        k->untouched = 0;
        run_scenario(k, s, f, NULL, 0, &run);
    }
    k->sum->runs++;
    k->sum->struck += run.struck;
    if (judge(k->w, s, &run, start, &j) != 0)
        complain(k, s, f, nth);
    k->untouched = j.same;
    k->sum->same += j.same;
    k->sum->acked += j.acked;
    k->sum->shown += j.shown;
    k->sum->looked += j.looked;
}

/* This worker's share of an even choice of the list. */
static void
each(struct walk *k, const struct scenario *s, const struct tree *start, struct list *l,
     size_t fast,
     void (*fn)(struct walk *, const struct scenario *, const struct tree *, const struct fault *,
                size_t))
{
    size_t take = k->nth >= 0 ? l->count : share(k, s, l->count, fast);
    int planted = k->w->program != k->w->sound; /* and to be caught once */
    for (size_t i = 0; i < take && !(planted && k->sum->bad > 0); i++) {
        size_t nth = take > 1 ? i * (l->count - 1) / (take - 1) : 0; /* the last one, too */
        /* Faults beside each other leave the same states: in blocks, so that one worker looks. */
        size_t block = i / (take / ((size_t)k->of * BLOCKS) + 1);
        if (k->nth >= 0 ? nth == (size_t)k->nth : block % (size_t)k->of == (size_t)k->part)
            fn(k, s, start, &l->f[nth], nth);
    }
    free(l->f);
}

/* ---- kill ---- */

/* All calls; in the fast setting first those before which something changed, as the state between
 * two changes is the same. */
static void
kills(const struct walk *k, struct list *l)
{
    for (long n = 1; n <= calls.count; n++) {
        struct fault f = at_call(&calls, n, FAULT_KILL, 0, 0);
        if (k->full || n == calls.count || (n > 1 && call_changes(calls.number[n - 2])))
            add(l, f);
    }
}

static void
walk_kill(struct walk *k, const struct scenario *s, const struct tree *start)
{
    struct list l = {NULL, 0, 0};
    kills(k, &l);
    each(k, s, start, &l, 25, one);
}

/* ---- error ---- */

static void
errors(struct list *l)
{
    for (long n = 1; n <= calls.count; n++) {
        int kinds[4];
        int late = 0;
        int number = calls.number[n - 1];
        size_t count = call_errors(number, kinds, 4, &late);
        for (size_t i = 0; i < count; i++) {
            /* A descriptor is closed, whatever close says. */
            enum fault_kind kind = number == SYS_close ? FAULT_LATE : FAULT_ERROR;
            add(l, at_call(&calls, n, kind, kinds[i], 0));
            /* Nobody is interrupted for ever; a lock that is not there is waited for, 10 s. */
            if (kinds[i] != EINTR && kinds[i] != ENOLCK)
                add(l, at_call(&calls, n, kind, kinds[i], 1));
        }
        if (late && number != SYS_close)
            add(l, at_call(&calls, n, FAULT_LATE, EIO, 0));
    }
}

static void
walk_error(struct walk *k, const struct scenario *s, const struct tree *start)
{
    struct list l = {NULL, 0, 0};
    errors(&l);
    each(k, s, start, &l, 34, one);
}

/* ---- alloc ---- */

static const unsigned long *place_of; /* while they are sorted */

static int
by_place(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    if (place_of[x] != place_of[y])
        return place_of[x] < place_of[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Of what happens in one place, a loop mostly, the first and the last time: a mark for each.
 * Owned by the caller. */
static unsigned char *
ends(const unsigned long *place, size_t count)
{
    size_t *order = malloc((count + 1) * sizeof *order);
    unsigned char *marks = calloc(count + 1, 1);
    if (order == NULL || marks == NULL)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    place_of = place;
    qsort(order, count, sizeof *order, by_place);
    for (size_t i = 0; i < count; i++) {
        int first = i == 0 || place[order[i - 1]] != place[order[i]];
        int last = i + 1 == count || place[order[i + 1]] != place[order[i]];
        marks[order[i]] = first || last;
    }
    free(order);
    return marks;
}

static void
walk_alloc(struct walk *k, const struct scenario *s, const struct tree *start)
{
    struct list l = {NULL, 0, 0};
    tree_restore(start, k->w->dir);
    run_scenario(k, s, NULL, &calls, RUN_COUNT_ALLOCS, &run);
    if (run.allocs < 20 || run.allocs > OOM_PLACES)
        die("%s: %ld allocations were counted", s->name, run.allocs);
    unsigned char *wanted = ends(run.alloc_place, (size_t)run.allocs);
    for (long n = 1; n <= run.allocs; n++) {
        if (!wanted[n - 1] && !k->every)
            continue;
        add(&l, (struct fault){FAULT_ALLOC, n, 0, 0, 0, 0});
        add(&l, (struct fault){FAULT_ALLOC, n, 0, 0, 1, 0});
    }
    free(wanted);
    each(k, s, start, &l, 56, one);
}

/* ---- showing ---- */

static void
walk_show(struct walk *k, const struct scenario *s, const struct tree *start)
{
    struct list l = {NULL, 0, 0};
    kills(k, &l);
    each(k, s, start, &l, 16, one);
    l = (struct list){NULL, 0, 0};
    errors(&l);
    each(k, s, start, &l, 20, one);
}

/* ---- second ---- */

static unsigned
some(unsigned most) /* from 1 on; the same each time */
{
    static unsigned state = 1;
    state = state * 1664525U + 1013904223U;
    return most > 0 ? 1 + (state >> 8) % most : 1;
}

/* A fault in the command that comes next: it looks, it synchronises, or it is the same again. */
static void
one_second(struct walk *k, const struct scenario *s, const struct tree *start,
           const struct fault *first, size_t nth)
{
    static const char *const next[] = {"-C store verify", "-C store sync"};
    struct judgement j;
    char text[TEXT];
    char *words[WORDS];
    unsigned which = some(3) - 1;
    const struct calls *of = which == 0 ? &verify_calls : which == 1 ? &sync_calls : &calls;
    struct fault f = at_call(of, (long)some((unsigned)of->count), FAULT_KILL, 0, 0);
    int kinds[1];
    int late = 0;
    if (some(2) == 1 && call_errors(f.call, kinds, 1, &late) > 0) {
        f.kind = (late && some(4) == 1) || f.call == SYS_close ? FAULT_LATE : FAULT_ERROR;
        f.os_errno = kinds[0];
    }
    tree_restore(start, k->w->dir);
    run_scenario(k, s, first, NULL, 0, &run);
    int acked = judge_acknowledged(k->w, s, &run);
    trace_still(2); /* the same again is not by the same chance */
    if (which == 2) {
        run_scenario(k, s, &f, NULL, 0, &second);
    } else {
        script_words(k->w, next[which], text, sizeof text, words);
        trace_run(&second, k->w->program, words, k->w->dir, &f, NULL, RUN_STILL);
    }
    trace_still(1);
    k->sum->runs++;
    k->sum->struck += run.struck && second.struck;
    k->sum->acked += acked;
    int well = judge_second(k->w, s, &second, acked, &j) == 0;
    k->sum->looked += j.looked;
    if (!well) {
        complain(k, s, first, nth);
        fault_text(text, sizeof text, &f);
        if (k->sum->bad <= SAID_OF)
            (void)fprintf(stderr, "    then %s, %s\n", which < 2 ? next[which] : "the same again",
                          text);
    }
}

static void
walk_second(struct walk *k, const struct scenario *s, const struct tree *start)
{
    struct list l = {NULL, 0, 0};
    char text[TEXT];
    char *words[WORDS];
    script_words(k->w, "-C store verify", text, sizeof text, words);
    trace_run(&second, k->w->program, words, k->w->dir, NULL, &verify_calls, RUN_STILL);
    script_words(k->w, "-C store sync", text, sizeof text, words);
    trace_run(&second, k->w->program, words, k->w->dir, NULL, &sync_calls, RUN_STILL);
    for (long n = 2; n <= calls.count; n++) {
        if (!call_changes(calls.number[n - 2]))
            continue;
        add(&l, at_call(&calls, n, FAULT_KILL, 0, 0));
        add(&l, at_call(&calls, n - 1, FAULT_ERROR, EIO, 1));
    }
    each(k, s, start, &l, 4, one_second);
}

/* ---- all of them ---- */

const struct lane lanes[LANES] = {
    {"kill", "kills", 2000, walk_kill, 0, S_READS},
    {"error", "injected errors", 3000, walk_error, 0, 0},
    {"alloc", "failed allocations", 5000, walk_alloc, 0, 0},
    {"showing", "faults while a secret is handed out", 300, walk_show, S_SHOWS, 0},
    {"second", "second faults", 200, walk_second, 0, S_READS},
};

int
lane_takes(const struct lane *lane, const struct scenario *s)
{
    return (s->flags & lane->flags) == lane->flags && (s->flags & lane->not_flags) == 0;
}

void
lane_base(struct world *w)
{
    if (mkdir(w->dir, 0700) != 0)
        die("%s: %s", w->dir, strerror(errno));
    if (script_run(w, scenario_base) != 0)
        die("the base: %s", w->why);
}

static double
now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One lane after the other, as they leave many of the same states. */
static void
walk_scenario(struct walk *k, const struct scenario *s)
{
    struct judgement j;
    double began = now();
    if (script_run(k->w, s->prepare) != 0)
        die("%s: preparing: %s", s->name, k->w->why);
    struct tree *start = tree_load(k->w->dir);
    judge_start(k->w, s, start);
    trace_still(1);
    run_scenario(k, s, NULL, &calls, 0, &run);
    judge_answer(&run);
    if (judge(k->w, s, &run, start, &j) != 0 || !j.acked || calls.count < 50)
        die("%s does not work without any fault: %s %s", s->name, k->w->why, run.tty.text);
    if (((s->flags & S_SHOWS) != 0) != j.shown)
        die("%s: the secret was%s shown", s->name, j.shown ? "" : " not");
    for (size_t i = 0; i < LANES; i++) {
        if (!k->lanes[i] || !lane_takes(&lanes[i], s))
            continue;
        k->sum = &k->sums[i];
        tree_restore(start, k->w->dir);
        run_scenario(k, s, NULL, &calls, 0, &run);
        k->untouched = 0;
        lanes[i].walk(k, s, start);
        k->sum->seconds += now() - began;
        began = now();
    }
    tree_free(start);
}

static int
taken(const struct walk *k, const struct scenario *s)
{
    if (k->only != NULL && strcmp(k->only, s->name) != 0)
        return 0;
    for (size_t i = 0; i < LANES; i++) {
        if (k->lanes[i] && lane_takes(&lanes[i], s))
            return 1;
    }
    return 0;
}

void
lane_walk(struct walk *k)
{
    lane_base(k->w);
    judge_begin(k->w);
    struct tree *base = tree_load(k->w->dir);
    size_t vars = k->w->var_count;
    int turn = 0;
    int mine = k->only != NULL ? 0 : atomic_fetch_add(k->next, 1);
    for (const struct scenario *s = scenarios; s->name != NULL; s++) {
        if (!taken(k, s) || turn++ != mine)
            continue;
        tree_restore(base, k->w->dir);
        k->w->var_count = vars;
        walk_scenario(k, s);
        if (k->only == NULL)
            mine = atomic_fetch_add(k->next, 1);
    }
    tree_free(base);
}
