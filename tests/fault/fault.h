/*
 * The fault harness: one table of scenarios (scenarios.c), walked by every lane (lanes.c). What a
 * lane does to a command is a struct fault; what came of it is a struct outcome; judge.c says
 * whether that was right. Test-only: whatever fails in the harness itself ends it at once (die).
 */
#ifndef FAULT_FAULT_H
#define FAULT_FAULT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* ---- trace.c, oom: one command, with one fault ---- */

enum fault_kind {
    FAULT_NONE,
    FAULT_KILL,  /* before the kernel carries the call out */
    FAULT_ERROR, /* the call is not carried out and fails */
    FAULT_LATE,  /* it is carried out, and reported as failed all the same */
    FAULT_ALLOC  /* an allocation fails */
};

/* at: the how manieth call (or allocation) from the beginning of main on, 1 the first. */
struct fault {
    enum fault_kind kind;
    long at;
    int call; /* number of the system call expected there; an error strikes the first such from
                 there on */
    int os_errno;
    int sticky; /* all of this kind from there on: the same system call, every allocation */
    long turn;  /* `at` counted in calls of this number only */
};

enum { SAID = 128 * 1024, CALLS = 65536 };

struct said {
    size_t len; /* at most SAID; what is longer is cut */
    char text[SAID + 1];
};

struct outcome {
    int status; /* as a shell says it */
    int signal; /* that ended it (not the harness's own kill), or 0 */
    int hung;   /* had to be ended after HANG_SECONDS */
    int killed; /* by the fault */
    int struck; /* the fault took place */
    int mute;   /* a write to standard error was made to fail */
    long calls; /* from main on, or those of the fault's number; 0: not traced */
    long allocs;
    const unsigned long *alloc_place; /* of each (oom.h); RUN_COUNT_ALLOCS only */
    struct said out, err, tty;
};

/* The calls of a run without a fault, from main on. */
struct calls {
    long count;
    short number[CALLS];
    int turn[CALLS]; /* the how manieth of its number */
};

/* Shorter than the wait for another writer (escrow/store.h): no command waits for its own lock. */
enum { HANG_SECONDS = 8, PATIENCE_SECONDS = 60 };

/* RUN_STILL: with the clock and the chance of trace_still. */
enum run_flags { RUN_TTY = 1, RUN_COUNT_ALLOCS = 2, RUN_PATIENT = 4, RUN_STILL = 8 };

/* Runs argv (ended by NULL) in the folder `dir`. fault NULL: none. calls NULL: not wanted. */
void trace_run(struct outcome *o, const char *program, char *const argv[], const char *dir,
               const struct fault *fault, struct calls *calls, unsigned flags);
/* Once, before the first run; tools: where the libraries that are preloaded lie; cheap: see
 * launch.h. */
void trace_begin(const char *tools, int cheap);
/* Chance of this number from now on (see still.c); number 1 stops the clock at this moment. */
void trace_still(unsigned seed);

/* What can go wrong in a call, at most size of it; returns how many. *late: it makes sense to
 * report a failure of what was done. */
size_t call_errors(int number, int errors[], size_t size, int *late);
/* Whether a call can leave something changed that a kill after it shows. */
int call_changes(int number);
void fault_text(char *out, size_t size, const struct fault *f);

/* ---- tree.c: a folder as it was ---- */

struct tree;
struct tree *tree_load(const char *dir);
void tree_free(struct tree *t);
int tree_same(const struct tree *t, const char *dir);
enum { TREE_HASH = 32 };
/* BLAKE2b of all names, modes and bytes below dir; mended: whatever is in a journal that SQLite
 * does not play back. */
void tree_hash(const char *dir, int mended, unsigned char hash[TREE_HASH]);
void tree_restore(const struct tree *t, const char *dir);
void tree_empty(const char *dir);
/* Calls fn for every regular file below dir. */
void tree_each(const char *dir, void (*fn)(const char *path, void *arg), void *arg);
char *file_slurp(const char *path, size_t *len); /* NULL: not there */
void file_spill(const char *path, const void *bytes, size_t len, unsigned mode);

/* ---- script.c: steps before and after ---- */

enum { VARS = 16, WORDS = 48, NAME = 32, VALUE = 1024 };

struct world {
    const char *program; /* the one under test */
    const char *sound; /* the one that looks afterwards; the same, unless a planted one is tested */
    const char *tools;
    char dir[256]; /* where everything lies */
    struct {
        char name[NAME], value[VALUE];
    } vars[VARS];
    size_t var_count;
    struct outcome last; /* of the last step */
    char why[1024];      /* what was wrong with it */
};

/*
 * Steps, one a line:
 *   WORDS              the sound keymuster with these must end 0
 *   =0,6 WORDS         it must end with one of these
 *   ?TEXT              its answer has this text
 *   -PATH WORDS        only when PATH is not there
 *   +PATH WORDS        only when it is
 *   $NAME MEMBER WORDS runs it; NAME is the first value of this member in its JSON
 *   !rm PATH  !mv A B  !has PATH (not empty)  !none PATH  !damage DIR  !write PATH TEXT
 *   !lines PATH TEXT (each | ends a line)
 *   !bytes PATH        32 known bytes    !let NAME PATH   the first line of a file
 *   !tool WORDS  !tool>PATH WORDS    kms_tool
 * {NAME} in it is what $ found. Returns 0, or -1 with w->why.
 */
int script_run(struct world *w, const char *steps);
/* Splits at spaces, puts variables in; the words live in `text`. */
void script_words(struct world *w, const char *line, char *text, size_t size, char *words[WORDS]);

/* ---- scenarios.c ---- */

enum scenario_flags {
    S_SHOWS = 1,     /* hands out the secret of vbr/first */
    S_TTY = 2,       /* needs a terminal */
    S_NO_LOG = 8,    /* leaves nothing in the log of `store` */
    S_OTHER = 16,    /* makes a store of its own, `other` */
    S_FILE = 32,     /* the acknowledgement is the file `secret` */
    S_DAMAGED = 128, /* the starting state is damaged, so 15 is right for commands that see it */
    S_READS = 256,   /* changes nothing: only errors, and failing allocations */
    S_LOOKS = 512,   /* says how it fares, so that a fault may be its answer; or words what to do */
    S_CHANGES = 64   /* exit 0 without a change of any file is wrong */
};

struct scenario {
    const char *name;
    const char *prepare; /* steps that turn the base into the starting state; NULL: none */
    const char *run;     /* the command under test */
    const char *acked; /* text in a complete answer that acknowledges; NULL: any complete answer */
    const char *there; /* steps that must end well when it was acknowledged */
    const char *again; /* steps that must end well whatever happened */
    unsigned flags;
};
extern const struct scenario scenarios[]; /* ended by name NULL */
extern const char scenario_base[];        /* steps that make the base, in an empty folder */

/* ---- judge.c ---- */

struct judgement {
    int same;   /* nothing had changed, nothing was said */
    int acked;  /* it was acknowledged */
    int shown;  /* the secret came out */
    int looked; /* the state was a new one, and all that has to hold of it was tried */
};

/* The statuses and codes there are, from `explain -o json`. */
void judge_begin(struct world *w);
/* What is known of the starting state; the folder must be in it. */
void judge_start(struct world *w, const struct scenario *s, const struct tree *base);
/* What the command answered without a fault; what only reads answers that, or has an error. */
void judge_answer(const struct outcome *o);
/* 0 when all is well, else -1 with w->why. */
int judge(struct world *w, const struct scenario *s, const struct outcome *o,
          const struct tree *base, struct judgement *j);

/* The same after a second fault, in the command that followed; first: what judge would say of the
 * first one, NULL when it was not acknowledged. */
int judge_second(struct world *w, const struct scenario *s, const struct outcome *second,
                 int first_acked, struct judgement *j);
int judge_acknowledged(const struct world *w, const struct scenario *s, const struct outcome *o);

/* ---- seen.c: states that all was well with ---- */

/* What was found in one, for the rules that look at it together with what was said. */
struct seen {
    unsigned char key[TREE_HASH];
    long entries, shown;
};

/* The state of dir, before or after `verify` mended it, and what is asked of it: acked, a step. */
void seen_key(struct seen *s, const char *dir, int mended, int acked, const char *step);
/* NULL: not seen yet. Borrowed until the next seen_add. */
const struct seen *seen_find(const struct seen *key);
void seen_add(const struct seen *s);
void seen_forget(void);

/* ---- lanes.c ---- */

struct sums {
    long runs, struck, same, acked, shown, looked, bad;
    double seconds;
};

enum { LANES = 5 };

struct walk {
    struct world *w;
    const char *only; /* one scenario, or NULL */
    long nth;         /* one fault of it, or -1 */
    int full, every;  /* every: full, and no place counts for another */
    atomic_int *next; /* the scenario that no worker has taken yet, by its number among all */
    int part, of;     /* of one scenario alone: this worker's share of the faults */
    int lanes[LANES]; /* those that were asked for */
    int untouched;    /* the folder is as a scenario begins: the last run left it so */
    struct sums sums[LANES];
    struct sums *sum; /* of the lane that is walked */
};

struct lane {
    const char *name;
    const char *counts; /* what is counted */
    long least;         /* of it, in the fast setting */
    void (*walk)(struct walk *k, const struct scenario *s, const struct tree *start);
    unsigned flags;     /* only scenarios with all of these */
    unsigned not_flags; /* and with none of these */
};
/* Whether a lane walks a scenario. */
int lane_takes(const struct lane *lane, const struct scenario *s);
extern const struct lane lanes[LANES];
void lane_walk(struct walk *k);
/* Makes the base in w->dir. */
void lane_base(struct world *w);

/* ---- harness.c ---- */

void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
