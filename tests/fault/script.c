/* The steps of fault.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

enum { LINE = 2048 };

static const char *
var(const struct world *w, const char *name, size_t len)
{
    for (size_t i = 0; i < w->var_count; i++) {
        if (strlen(w->vars[i].name) == len && strncmp(w->vars[i].name, name, len) == 0)
            return w->vars[i].value;
    }
    return NULL;
}

/* One line with its variables put in. */
static void
fill_in(const struct world *w, const char *from, size_t len, char out[LINE])
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + VALUE < LINE; i++) {
        const char *end = from[i] == '{' ? memchr(from + i, '}', len - i) : NULL;
        const char *value = end != NULL ? var(w, from + i + 1, (size_t)(end - from) - i - 1) : NULL;
        if (value == NULL) {
            out[n++] = from[i];
            continue;
        }
        memcpy(out + n, value, strlen(value));
        n += strlen(value);
        i = (size_t)(end - from);
    }
    out[n] = '\0';
}

static void
split(char *text, char **words, size_t most)
{
    char *rest = NULL;
    size_t n = 0;
    for (char *at = strtok_r(text, " ", &rest); at != NULL && n + 1 < most;
         at = strtok_r(NULL, " ", &rest))
        words[n++] = at;
    words[n] = NULL;
}

void
script_words(struct world *w, const char *line, char *text, size_t size, char *words[WORDS])
{
    char filled[LINE];
    static char name[] = "keymuster";
    static char output[] = "-o";
    static char json[] = "json";
    fill_in(w, line, strlen(line), filled);
    (void)snprintf(text, size, "%s", filled);
    words[0] = name;
    words[1] = output;
    words[2] = json;
    if (strstr(line, "-o ") != NULL) { /* it says so itself */
        split(text, words + 1, WORDS - 1);
        return;
    }
    split(text, words + 3, WORDS - 3);
}

static int
wrong(struct world *w, const char *line, const char *what)
{
    (void)snprintf(w->why, sizeof w->why, "%.300s: %.100s; it ended %d and said: %.250s%.250s",
                   line, what, w->last.status, w->last.out.text, w->last.err.text);
    return -1;
}

static int
run_sound(struct world *w, const char *line, const char *expected)
{
    char text[LINE];
    char *words[WORDS];
    char status[16];
    script_words(w, line, text, sizeof text, words);
    trace_run(&w->last, w->sound, words, w->dir, NULL, NULL, RUN_PATIENT);
    (void)snprintf(status, sizeof status, ",%d,", w->last.status);
    if (strstr(expected, status) != NULL && !w->last.hung)
        return 0;
    return wrong(w, line, w->last.hung ? "it hung" : "it ended otherwise than it must");
}

static void
path_of(const struct world *w, char out[LINE], const char *name)
{
    (void)snprintf(out, LINE, "%s/%.1700s", w->dir, name);
}

static int
there(const struct world *w, const char *name, int filled)
{
    struct stat st;
    char path[LINE];
    path_of(w, path, name);
    return lstat(path, &st) == 0 && (!filled || st.st_size > 0);
}

static void
damage(const char *path, void *arg)
{
    size_t len = 0;
    char *bytes = file_slurp(path, &len);
    (void)arg;
    if (bytes != NULL && len > 20) {
        bytes[20] = '!';
        file_spill(path, bytes, len, 0600);
    }
    free(bytes);
}

static void
damage_below(const struct world *w, const char *name)
{
    struct stat st;
    char path[LINE];
    path_of(w, path, name);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        tree_each(path, damage, NULL);
    else
        damage(path, NULL);
}

/* kms_tool; its answer goes to `to` when that is not NULL. */
static int
tool(struct world *w, const char *line, const char *to)
{
    char path[LINE];
    char program[LINE];
    char text[LINE];
    char *words[WORDS];
    (void)snprintf(text, sizeof text, "kms_tool %.1900s", line);
    split(text, words, WORDS);
    (void)snprintf(program, sizeof program, "%s/kms_tool", w->tools);
    trace_run(&w->last, program, words, w->dir, NULL, NULL, RUN_PATIENT);
    if (w->last.status != 0)
        return wrong(w, line, "kms_tool failed");
    if (to != NULL) {
        path_of(w, path, to);
        file_spill(path, w->last.out.text, w->last.out.len, 0600);
    }
    return 0;
}

/* Each | ends a line. */
static void
spill_lines(const char *path, const char *text)
{
    char lines[LINE];
    size_t len = strlen(text);
    (void)snprintf(lines, sizeof lines, "%s", text);
    for (char *c = lines; *c != '\0'; c++)
        *c = *c == '|' ? '\n' : *c;
    file_spill(path, lines, len, 0600);
}

/* 32 bytes that are no text, and whose base64 has digits. */
static void
some_bytes(const char *path)
{
    unsigned char bytes[32];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 129);
    file_spill(path, bytes, sizeof bytes, 0600);
}

static void
keep(struct world *w, const char *name, const char *value, size_t len)
{
    if (w->var_count == VARS || len >= VALUE)
        die("too many or too large variables: %s", name);
    (void)snprintf(w->vars[w->var_count].name, NAME, "%s", name);
    (void)snprintf(w->vars[w->var_count++].value, VALUE, "%.*s", (int)len, value);
}

/* The first line of a file. */
static int
let(struct world *w, const char *name, const char *path)
{
    size_t len = 0;
    char *text = file_slurp(path, &len);
    if (text == NULL)
        return wrong(w, path, "it is not there");
    keep(w, name, text, strcspn(text, "\n"));
    free(text);
    return 0;
}

static int
builtin(struct world *w, char *line)
{
    char a[LINE];
    char b[LINE];
    char *words[WORDS];
    char copy[LINE];
    (void)snprintf(copy, sizeof copy, "%s", line);
    split(copy, words, WORDS);
    const char *one = words[1] != NULL ? words[1] : "";
    path_of(w, a, one);
    path_of(w, b, words[1] != NULL && words[2] != NULL ? words[2] : "");
    if (strcmp(words[0], "rm") == 0)
        (void)unlink(a);
    else if (strcmp(words[0], "mv") == 0)
        (void)rename(a, b);
    else if (strcmp(words[0], "mkdir") == 0)
        (void)mkdir(a, 0700);
    else if (strcmp(words[0], "damage") == 0)
        damage_below(w, one);
    else if (strcmp(words[0], "write") == 0)
        file_spill(a, strstr(line, one) + strlen(one) + 1,
                   strlen(strstr(line, one)) - strlen(one) - 1, 0600);
    else if (strcmp(words[0], "lines") == 0)
        spill_lines(a, strstr(line, one) + strlen(one) + 1);
    else if (strcmp(words[0], "bytes") == 0)
        some_bytes(a);
    else if (strcmp(words[0], "let") == 0)
        return let(w, one, b);
    else if (strcmp(words[0], "has") == 0)
        return there(w, one, 1) ? 0 : wrong(w, line, "it is not there");
    else if (strcmp(words[0], "none") == 0)
        return there(w, one, 0) ? wrong(w, line, "it is there") : 0;
    else if (strcmp(words[0], "tool") == 0)
        return tool(w, line + 5, NULL);
    else if (strncmp(words[0], "tool>", 5) == 0)
        return tool(w, line + strlen(words[0]) + 1, words[0] + 5);
    else
        die("no such step: %s", line);
    return 0;
}

/* $NAME MEMBER WORDS */
static int
remember(struct world *w, const char *line)
{
    char name[NAME];
    char member[NAME];
    char find[NAME + 8];
    int used = 0;
    if (sscanf(line, "%31s %31s %n", name, member, &used) != 2)
        die("no variable in: %s", line);
    if (run_sound(w, line + used, ",0,") != 0)
        return -1;
    (void)snprintf(find, sizeof find, "\"%s\":\"", member);
    const char *from = strstr(w->last.out.text, find);
    if (from == NULL)
        return wrong(w, line, "no such member");
    from += strlen(find);
    keep(w, name, from, strcspn(from, "\""));
    return 0;
}

static int
step(struct world *w, char *line)
{
    char expected[64] = ",0,";
    if (line[0] == '-' || line[0] == '+') {
        char path[LINE];
        int used = 0;
        if (line[1] != 'C' && sscanf(line + 1, "%2000s %n", path, &used) == 1)
            return there(w, path, 0) == (line[0] == '+') ? step(w, line + 1 + used) : 0;
    }
    switch (line[0]) {
    case '!':
        return builtin(w, line + 1);
    case '$':
        return remember(w, line + 1);
    case '?':
        return strstr(w->last.out.text, line + 1) != NULL ? 0
                                                          : wrong(w, line, "it does not say so");
    case '=': {
        size_t len = strcspn(line, " ");
        (void)snprintf(expected, sizeof expected, ",%.*s,", (int)(len - 1), line + 1);
        line += len + 1;
        break;
    }
    default:
        break;
    }
    return run_sound(w, line, expected);
}

int
script_run(struct world *w, const char *steps)
{
    while (steps != NULL && *steps != '\0') {
        char line[LINE];
        size_t len = strcspn(steps, "\n");
        fill_in(w, steps, len, line);
        if (len > 0 && step(w, line) != 0)
            return -1;
        steps += len + (steps[len] == '\n');
    }
    return 0;
}
