/* Whether what came of a faulty run is what was promised. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

enum { CODES = 256, EXITS = 64, WINDOW = 8, SECRET = 128 };

static struct {
    char code[8]; /* KMnnnn */
    int exit;
} codes[CODES];
static size_t code_count;
static int exits[EXITS];
static size_t exit_count;

/* Of the starting state. */
static char secret[SECRET];
static long entries_before, shown_before;
static struct said answer; /* of the run without a fault */
static int answer_status;

/* ---- what `explain` says ---- */

static int
number_after(const char *text, const char *member, int otherwise)
{
    const char *at = strstr(text, member);
    return at != NULL ? (int)strtol(at + strlen(member), NULL, 10) : otherwise;
}

void
judge_begin(struct world *w)
{
    if (script_run(w, "explain") != 0)
        die("%s", w->why);
    const char *list = strstr(w->last.out.text, "\"codes\":[");
    const char *at = w->last.out.text;
    if (list == NULL)
        die("explain -o json says nothing of codes");
    for (; (at = strstr(at, "{\"exit\":")) != NULL && at < list; at++)
        exits[exit_count++] = number_after(at, "\"exit\":", -1);
    for (at = list; (at = strstr(at, "{\"code\":\"KM")) != NULL && code_count < CODES; at++) {
        (void)snprintf(codes[code_count].code, sizeof codes[0].code, "%.6s", at + 9);
        codes[code_count++].exit = number_after(at, "\"exit\":", -1);
    }
    if (code_count < 50 || exit_count < 20)
        die("explain -o json names %zu codes and %zu exit statuses only", code_count, exit_count);
}

static int
exit_of(const char *code)
{
    for (size_t i = 0; i < code_count; i++) {
        if (strncmp(codes[i].code, code, 6) == 0)
            return codes[i].exit;
    }
    return -1;
}

static int
exit_known(int status)
{
    for (size_t i = 0; i < exit_count; i++) {
        if (exits[i] == status)
            return 1;
    }
    return 0;
}

/* ---- what the stores hold, read without keymuster ---- */

static long
count_lines(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    long n = 0;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        n = (long)sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    return n;
}

static long
own_entries(const struct world *w)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/store/escrow.db", w->dir);
    return count_lines(path, "SELECT count(*) FROM entry JOIN meta ON name = 'self' WHERE author ="
                             " (SELECT author FROM author_key WHERE public_key = value)");
}

static void
add_shown(const char *path, void *arg)
{
    size_t len = strlen(path);
    if (len > 10 && strcmp(path + len - 10, "/escrow.db") == 0)
        *(long *)arg +=
            count_lines(path, "SELECT count(*) FROM entry WHERE"
                              " instr(line, CAST('\"kind\":\"reveal.shown\"' AS BLOB)) > 0");
}

static long
shown_records(const struct world *w)
{
    long n = 0;
    tree_each(w->dir, add_shown, &n);
    return n;
}

/* ---- the secret ---- */

static int
is_base64(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
}

static int
has_window(const char *text)
{
    for (size_t i = 0; i + WINDOW <= strlen(secret); i++) {
        char window[WINDOW + 1];
        memcpy(window, secret + i, WINDOW);
        window[WINDOW] = '\0';
        if (strstr(text, window) != NULL)
            return 1;
    }
    return 0;
}

/* Eight characters of it in a row, also where it is written in groups. */
static int
reveals(const struct said *s)
{
    char *dense = malloc(s->len + 1);
    size_t n = 0;
    if (dense == NULL)
        die("out of memory");
    for (size_t i = 0; i < s->len; i++) {
        if (is_base64(s->text[i]))
            dense[n++] = s->text[i];
    }
    dense[n] = '\0';
    int found = has_window(s->text) || has_window(dense);
    free(dense);
    return found;
}

static int
file_has(const struct world *w, const char *name)
{
    char path[300];
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
    char *text = file_slurp(path, &len);
    int has = text != NULL && len > 0;
    free(text);
    return has;
}

void
judge_start(struct world *w, const struct scenario *s, const struct tree *base)
{
    char path[300];
    size_t len = 0;
    (void)base;
    (void)s;
    (void)snprintf(path, sizeof path, "%s/known", w->dir);
    char *text = file_slurp(path, &len);
    if (text == NULL || len < 2 * WINDOW || len >= SECRET)
        die("the secret is not known");
    memcpy(secret, text, len + 1);
    free(text);
    entries_before = own_entries(w);
    shown_before = shown_records(w);
    seen_forget();
}

void
judge_answer(const struct outcome *o)
{
    answer_status = o->status;
    answer.len = o->out.len;
    memcpy(answer.text, o->out.text, o->out.len + 1);
}

/* ---- the judgement ---- */

static int
wrong(struct world *w, const struct outcome *o, const char *what)
{
    char why[sizeof w->why];
    (void)snprintf(why, sizeof why, "%s", w->why);
    (void)snprintf(w->why, sizeof w->why, "%.100s%s%.400s; it ended %d, said: %.80s%.300s", what,
                   why[0] != '\0' ? ": " : "", why, o->status, o->out.text, o->err.text);
    return -1;
}

/* A complete answer that acknowledges; or the file that was asked for. */
int
judge_acknowledged(const struct world *w, const struct scenario *s, const struct outcome *o)
{
    if (s->flags & S_FILE)
        return file_has(w, "secret");
    if (s->flags & S_TTY)
        return o->status == 0 && !o->killed;
    if (s->flags & S_SHOWS)
        return reveals(&o->out);
    if ((s->flags & S_DAMAGED) && !o->killed && o->status != 0)
        return 0; /* it says of each object what came of it */
    return o->out.len > 1 && o->out.text[o->out.len - 1] == '\n' &&
           o->out.text[o->out.len - 2] == '}' &&
           (s->acked == NULL || (s->acked[0] == '!' ? strstr(o->out.text, s->acked + 1) == NULL
                                                    : strstr(o->out.text, s->acked) != NULL));
}

/* The next error of those that were said, from `at` on; NULL: no more. */
static const char *
error_after(const char *at)
{
    return strstr(at, "{\"schema\":\"keymuster.error/1\"");
}

static const char *
first_error(const struct outcome *o)
{
    return error_after((o->tty.len > 0 ? &o->tty : &o->err)->text);
}

/* Each error has the exit status of its code, and one has that of the command. */
static int
errors_fit(const struct outcome *o)
{
    int fits = o->status == 3;
    for (const char *e = first_error(o); e != NULL; e = error_after(e + 1)) {
        const char *code = strstr(e, "\"code\":\"");
        int listed = code != NULL ? exit_of(code + 8) : -1;
        int said = number_after(e, "\"exit\":", -1);
        if (listed < 0 || (said != listed && said != 125 && said < 128))
            return 0;
        fits = fits || said == o->status;
    }
    return fits;
}

static int
typed(struct world *w, const struct scenario *s, const struct outcome *o)
{
    if (o->hung)
        return wrong(w, o, "it hung");
    if (o->signal != 0)
        return wrong(w, o, "it was ended by a signal");
    if (o->killed)
        return 0;
    if (!exit_known(o->status) || o->status == 70)
        return wrong(w, o, "an exit status that it must not have");
    if ((o->status == 15 || o->status == 16) && !(s->flags & S_DAMAGED))
        return wrong(w, o, "an error of the system taken for an attack");
    if (first_error(o) != NULL)
        return errors_fit(o) ? 0 : wrong(w, o, "the errors do not fit the exit status");
    /* Before the command line was looked at, it does not know that JSON is wanted. */
    int early = strstr((o->tty.len > 0 ? &o->tty : &o->err)->text, "out of memory") != NULL;
    return o->status == 0 || o->status == 3 || o->mute || early
               ? 0
               : wrong(w, o, "it failed without a word");
}

/* The entry that an error names, as a step that must find it; "" when none is named. */
static void
named_entry(char step[128], const struct outcome *o)
{
    const char *error = first_error(o);
    const char *entry = error != NULL ? strstr(error, "\"entry\":\"") : NULL;
    step[0] = '\0';
    if (entry == NULL || o->killed)
        return;
    (void)snprintf(step, 128, "=%s -C store audit log --entry %.64s",
                   strstr(error, "\"code\":\"KM2013\"") != NULL ? "0,13" : "0", entry + 9);
}

/* Failed, but stored: it has to say so, and `audit log --entry` must find what it names. */
static int
entry_rule(struct world *w, const struct outcome *o, int acked, const struct seen *now)
{
    char step[128];
    named_entry(step, o);
    if (o->killed || step[0] != '\0')
        return 0;
    return now->entries > entries_before && !acked && !o->mute && o->status != 3
               ? wrong(w, o, "an entry was stored, and it does not say so")
               : 0;
}

/* At most one showing for each record, and none without. */
static int
record_rule(struct world *w, const struct scenario *s, const struct outcome *o,
            const struct seen *now, int shown)
{
    if (!shown)
        return 0;
    if (!(s->flags & S_SHOWS))
        return wrong(w, o, "the secret came out of a command that must not show it");
    return now->shown > shown_before ? 0 : wrong(w, o, "shown without a record");
}

static int
was_shown(const struct world *w, const struct outcome *o)
{
    return reveals(&o->out) || reveals(&o->err) || reveals(&o->tty) || file_has(w, "secret");
}

/* All that must be so of the state that is there now, and what is in it. */
static int
look(struct world *w, const struct scenario *s, const struct outcome *o, const char *step,
     struct seen *now)
{
    if (script_run(w, "-C store verify") != 0)
        return wrong(w, o, "afterwards");
    now->entries = own_entries(w);
    now->shown = shown_records(w);
    if (!(s->flags & S_NO_LOG) && script_run(w, step) != 0)
        return wrong(w, o, "the entry that it names is not there");
    return 0;
}

static int
go_on(struct world *w, const struct scenario *s, const struct outcome *o, int acked)
{
    if (acked && script_run(w, s->there) != 0)
        return wrong(w, o, "acknowledged, but not there");
    if (script_run(w, s->again) != 0)
        return wrong(w, o, "the same command again");
    if (script_run(w, "-C store sync\n-C store copy check --deep") != 0)
        return wrong(w, o, "afterwards");
    return 0;
}

/* What has to hold of the state together with what was said: the rules about entries only after one
 * fault. */
static int
judge_state(struct world *w, const struct scenario *s, const struct outcome *o, int acked,
            int entries, struct judgement *j)
{
    char step[128] = "";
    struct seen now = {.entries = 0};
    struct seen mended = now; /* what `verify` leaves of it: a journal is played back */
    if (entries)
        named_entry(step, o);
    seen_key(&now, w->dir, 0, acked, step);
    const struct seen *known = seen_find(&now);
    j->shown = was_shown(w, o);
    if (known != NULL)
        now = *known;
    else if (look(w, s, o, step, &now) != 0)
        return -1;
    if (record_rule(w, s, o, &now, j->shown) != 0)
        return -1;
    if (entries && !(s->flags & S_NO_LOG) && entry_rule(w, o, acked, &now) != 0)
        return -1;
    if (known != NULL)
        return 0;
    j->looked = 1;
    seen_key(&mended, w->dir, 1, acked, "");
    if (seen_find(&mended) == NULL) {
        if (go_on(w, s, o, acked) != 0)
            return -1;
        seen_add(&mended);
    }
    seen_add(&now);
    return 0;
}

int
judge(struct world *w, const struct scenario *s, const struct outcome *o, const struct tree *base,
      struct judgement *j)
{
    *j = (struct judgement){0};
    w->why[0] = '\0';
    if (typed(w, s, o) != 0)
        return -1;
    j->acked = judge_acknowledged(w, s, o);
    int same = tree_same(base, w->dir);
    if (o->status == 0 && !o->killed && !j->acked)
        return wrong(w, o, "it ended 0 without an answer");
    if ((s->flags & S_READS) && !(s->flags & S_LOOKS) && o->status == answer_status &&
        first_error(o) == NULL && strcmp(o->out.text, answer.text) != 0)
        return wrong(w, o, "it gives another answer without a word of an error");
    if (o->status == 0 && same && (s->flags & S_CHANGES))
        return wrong(w, o, "it ended 0 and did nothing");
    if (same && !j->acked) {
        const struct seen before = {.entries = entries_before, .shown = shown_before};
        j->same = 1;
        j->shown = was_shown(w, o);
        return record_rule(w, s, o, &before, j->shown);
    }
    return judge_state(w, s, o, j->acked, 1, j);
}

int
judge_second(struct world *w, const struct scenario *s, const struct outcome *second,
             int first_acked, struct judgement *j)
{
    *j = (struct judgement){0};
    w->why[0] = '\0';
    if (typed(w, s, second) != 0)
        return -1;
    return judge_state(w, s, second, first_acked, 0, j);
}
