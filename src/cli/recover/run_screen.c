#include "cli/recover/run_screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/layout.h"
#include "cli/recover/run_approve.h"
#include "sys/file.h"
#include "sys/term.h"
#include "text/flow.h"
#include "text/time.h"
#include "text/uni.h"

enum { SCREEN = 256 * 1024, NARROW = 30, WIDE = 100, INDENT = 2 };

/* ---- pieces ---- */

static void
put_clock(struct buf *out, int64_t ms)
{
    int64_t minutes = ms / 60000;
    buf_addf(out, "%lld:%02lld", (long long)(minutes / 60), (long long)(minutes % 60));
}

static void
put_rule(struct buf *out, unsigned width)
{
    if (term_accessible()) { /* nobody wants a line of dashes read out */
        buf_addc(out, '\n');
        return;
    }
    for (unsigned i = 0; i < width; i++)
        buf_addc(out, '-');
    buf_addc(out, '\n');
}

static void
put_head(struct buf *out, const struct run *run, size_t i, unsigned width)
{
    struct buf line;
    size_t number = 0;
    size_t of = 0;
    int64_t began = 0;
    run_place(run, i, &number, &of);
    buf_init(&line, 1024);
    buf_addf(&line, "%s%s  %s  step %zu of %zu  ", run->record.drill ? "DRILL" : "REAL",
             run->alone[0] != '\0' ? "  ALONE" : "", run->record.runbook, number, of);
    if (time_parse(&began, run->record.at) == 0)
        put_clock(&line, clock_now_ms() - began);
    if (run->book->rto_ms > 0) {
        buf_adds(&line, " of ");
        put_clock(&line, run->book->rto_ms);
    }
    buf_addf(&line, "  run %.8s", run->record.id);
    flow(out, buf_str(&line), 0, 0, width);
    put_rule(out, width);
    buf_release(&line);
}

/* Texts of a runbook are another person's. */
static void
put_text(struct buf *out, const char *text, unsigned width)
{
    struct buf safe;
    if (text[0] == '\0')
        return;
    buf_init(&safe, SCREEN);
    escape_terminal(&safe, text, strlen(text), ESCAPE_KEEP_NEWLINES);
    flow_lines(out, buf_str(&safe), INDENT, width);
    buf_release(&safe);
}

static void
put_title(struct buf *out, const char *title, unsigned width)
{
    struct buf safe;
    buf_init(&safe, SCREEN);
    escape_terminal(&safe, title, strlen(title), ESCAPE_LINE);
    flow(out, buf_str(&safe), 0, 0, width);
    buf_release(&safe);
}

static void
put_command(struct buf *out, const struct run *run, const struct step *s, unsigned width)
{
    struct buf line, safe;
    struct err err = ERR_INIT;
    const char *text = s->run != NULL ? s->run : s->key;
    if (text == NULL)
        return;
    buf_init(&line, SCREEN);
    buf_init(&safe, SCREEN);
    buf_adds(&line, s->run != NULL      ? "  $ keymuster "
                    : run->record.drill ? "  $ keymuster drill "
                                        : "  $ keymuster reveal ");
    if (run_fill(&line, run, text, &err) != RC_OK)
        buf_addf(&line, "%s   (%s)", text, err.msg);
    escape_terminal(&safe, buf_str(&line), line.len, ESCAPE_LINE);
    layout(out, buf_str(&safe), width);
    buf_addc(out, '\n');
    buf_release(&line);
    buf_release(&safe);
}

static void
put_state(struct buf *out, const struct run_step *at, const struct step *s, unsigned width)
{
    char line[LIMIT_TEXT + 160];
    if (at->state == RUN_FAILED)
        (void)snprintf(line, sizeof line, "THIS STEP FAILED%s%s", at->reason[0] != '\0' ? ": " : "",
                       at->reason);
    else if (at->state == RUN_DOUBT)
        (void)snprintf(line, sizeof line,
                       "IN DOUBT: it was begun, and how it ended is not known. %s",
                       s->repeat_safe ? "Doing it again does no harm."
                                      : "Find out first: doing it again may do harm.");
    else
        return;
    put_title(out, line, width);
}

static const char *
choices(const struct step *s, enum step_state state)
{
    if (state == RUN_DOUBT)
        return "d it was done | u it was not done | r do it again | n note | p pause";
    switch (s->kind) {
    case STEP_CHECK:
        return "Enter runs it | s skip | n note | b back | p pause";
    case STEP_ACTION:
        return "type run | s skip | n note | b back | p pause";
    case STEP_REVEAL:
        return "type show | s skip | n note | b back | p pause";
    case STEP_NOTE:
        return "Enter goes on | n note | b back | p pause";
    case STEP_LOOP:
        return "type next: one after the other | f it failed | s skip | n note | b back | p pause";
    case STEP_NONE:
    case STEP_MANUAL:
    case STEP_WAIT:
    case STEP_APPROVE:
        break;
    }
    return "type done | f it failed | s skip | n note | b back | p pause";
}

static void
compose_with(struct buf *out, const struct run *run, size_t i, unsigned width, int why)
{
    const struct step *s = &run->book->steps[i];
    put_head(out, run, i, width);
    put_state(out, &run->steps[i], s, width);
    put_title(out, s->title, width);
    buf_addc(out, '\n');
    put_text(out, why ? s->why : "", width);
    put_text(out, s->todo, width);
    put_command(out, run, s, width);
    put_text(out, s->expect, width);
    if (s->fails[0] != '\0')
        buf_adds(out, "\nif it fails\n");
    put_text(out, s->fails, width);
    if (s->kind == STEP_APPROVE)
        run_approve_list(out, run, i);
    put_rule(out, width);
    flow(out, choices(s, run->steps[i].state), 0, 0, width);
}

/* Where it would push its head off the terminal, what a step is for gives way. */
static void
compose(struct buf *out, const struct run *run, size_t i, unsigned width, unsigned height)
{
    size_t lines = 1; /* that of the prompt */
    compose_with(out, run, i, width, 1);
    for (const char *at = buf_str(out); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    if (lines <= height)
        return;
    buf_clear(out);
    compose_with(out, run, i, width, 0);
}

void
run_screen_list(struct buf *out, const struct run *run)
{
    for (size_t i = 0; i < run->book->count; i++) {
        const struct run_step *at = &run->steps[i];
        struct buf line;
        if (!run_has(run, i))
            continue;
        buf_init(&line, SCREEN);
        buf_addf(&line, "%-9s %s", step_state_name(at->state), run->book->steps[i].title);
        if (at->reason[0] != '\0')
            buf_addf(&line, " (%s)", at->reason);
        if (at->by[0] != '\0')
            buf_addf(&line, " [by %s]", at->by);
        escape_terminal(out, buf_str(&line), line.len, ESCAPE_LINE);
        buf_addc(out, '\n');
        buf_release(&line);
        run_approve_list(out, run, i);
    }
}

/* ---- what was typed ---- */

static int
is(const char *typed, const char *letter, const char *word)
{
    return strcmp(typed, letter) == 0 || strcmp(typed, word) == 0;
}

/* The word that does the step: never Enter alone, where it changes or shows something. */
static const char *
word_of(enum step_kind kind)
{
    return kind == STEP_ACTION   ? "run"
           : kind == STEP_REVEAL ? "show"
           : kind == STEP_LOOP   ? "next"
                                 : "done";
}

static enum run_choice
chosen(const struct step *s, enum step_state state, const char *typed)
{
    int safe = s->kind == STEP_CHECK || s->kind == STEP_NOTE;
    if (is(typed, "s", "skip"))
        return CHOOSE_SKIP;
    if (is(typed, "n", "note"))
        return CHOOSE_NOTE;
    if (is(typed, "p", "pause"))
        return CHOOSE_PAUSE;
    if (state == RUN_DOUBT)
        return is(typed, "d", "done")     ? CHOOSE_DONE
               : is(typed, "u", "undone") ? CHOOSE_UNDONE
               : is(typed, "r", "again")  ? CHOOSE_GO
                                          : CHOOSE_AGAIN;
    if ((safe && typed[0] == '\0') || strcmp(typed, word_of(s->kind)) == 0 ||
        (safe && is(typed, "r", "run")))
        return CHOOSE_GO;
    return is(typed, "f", "failed") && !safe ? CHOOSE_FAILED : CHOOSE_AGAIN;
}

static enum rc
show(int fd, const struct buf *screen, struct err *err)
{
    static const char clear[] = "\033[H\033[2J";
    struct buf safe;
    buf_init(&safe, 4 * (size_t)SCREEN);
    escape_locale(&safe, buf_str(screen), screen->len);
    enum rc rc = buf_check(screen, "a screen", err);
    if (rc == RC_OK)
        rc = buf_check(&safe, "a screen", err);
    if (rc == RC_OK && !term_is_plain())
        rc = file_write_fd(fd, clear, sizeof clear - 1, "the terminal", err);
    if (rc == RC_OK)
        rc = file_write_fd(fd, buf_str(&safe), safe.len, "the terminal", err);
    buf_release(&safe);
    return rc;
}

/* The terminal, and how wide a screen is to be. */
static enum rc
open_screen(const struct ctx *ctx, int *fd, unsigned *width, unsigned *height, struct err *err)
{
    if (ctx->no_input)
        return err_set(err, RC_NO_TERMINAL, "--no-input, and no file of --answers");
    enum rc rc = term_open(fd, err);
    if (rc != RC_OK)
        return rc;
    term_size(*fd, width, height);
    *width = *width < NARROW ? NARROW : *width > WIDE ? WIDE : *width;
    return RC_OK;
}

enum rc
run_screen_page(struct ctx *ctx, const struct run *run, const struct buf *text, struct err *err)
{
    struct buf screen;
    unsigned width = 0;
    unsigned height = 0;
    int fd = -1;
    enum rc rc = open_screen(ctx, &fd, &width, &height, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&screen, SCREEN);
    put_head(&screen, run, run_next(run), width);
    put_text(&screen, buf_str(text), width);
    put_rule(&screen, width);
    rc = show(fd, &screen, err);
    if (rc == RC_OK) {
        char typed[64];
        rc = layout_ask(typed, sizeof typed, "Enter goes on ", err);
    }
    buf_release(&screen);
    return rc == RC_BAD_VALUE ? RC_OK : rc;
}

enum rc
run_screen_step(struct ctx *ctx, const struct run *run, size_t i, enum run_choice *choice,
                struct err *err)
{
    char typed[64];
    struct buf screen;
    unsigned width = 0;
    unsigned height = 0;
    int fd = -1;
    const struct step *s = &run->book->steps[i];
    enum rc rc = open_screen(ctx, &fd, &width, &height, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&screen, SCREEN);
    compose(&screen, run, i, width, height);
    rc = show(fd, &screen, err);
    if (rc == RC_OK)
        rc = layout_ask(typed, sizeof typed, "> ", err);
    if (rc == RC_OK && is(typed, "b", "back")) {
        buf_clear(&screen);
        run_screen_list(&screen, run);
        rc = show(fd, &screen, err);
        if (rc == RC_OK)
            rc = layout_ask(typed, sizeof typed, "Enter: the step again ", err);
        typed[0] = '?';
    }
    if (rc == RC_BAD_VALUE) { /* too long to be an answer */
        typed[0] = '?';
        rc = RC_OK;
    }
    *choice = rc == RC_OK ? chosen(s, run->steps[i].state, typed) : CHOOSE_AGAIN;
    buf_release(&screen);
    return rc;
}

enum rc
run_screen_ended(const struct step *s, int status, struct err *err)
{
    char typed[64];
    char prompt[96];
    const char *how = status == 0 ? "it ended well" : "IT FAILED";
    if (s->findings_fail) /* what follows depends on it */
        how = status == 0 ? "GO" : "NO-GO";
    else if (status == 3)
        how = "it ended, with findings";
    (void)snprintf(prompt, sizeof prompt, "\n%s (exit status %d). Enter: go on ", how, status);
    enum rc rc = layout_ask(typed, sizeof typed, prompt, err);
    return rc == RC_BAD_VALUE ? RC_OK : rc;
}
