#include "cli/cmd.h"

#include <stdio.h>
#include <string.h>

#include "text/uni.h"

const struct cmd *
cmd_at(size_t i)
{
    for (size_t t = 0; cmd_tables[t] != NULL; t++) {
        for (const struct cmd *c = cmd_tables[t]; c->verb != NULL; c++) {
            if (i-- == 0)
                return c;
        }
    }
    return NULL;
}

const struct cmd *
cmd_find(const char *noun, const char *verb)
{
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)) != NULL; i++) {
        if (verb == NULL && c->noun == NULL && strcmp(c->verb, noun) == 0)
            return c;
        if (verb != NULL && c->noun != NULL && strcmp(c->noun, noun) == 0 &&
            strcmp(c->verb, verb) == 0)
            return c;
    }
    return NULL;
}

int
cmd_is_noun(const char *word)
{
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)) != NULL; i++) {
        if (c->noun != NULL && strcmp(c->noun, word) == 0)
            return 1;
    }
    return 0;
}

void
cmd_name(char out[CMD_NAME], const struct cmd *cmd)
{
    (void)snprintf(out, CMD_NAME, "%s%s%s", cmd->noun == NULL ? "" : cmd->noun,
                   cmd->noun == NULL ? "" : " ", cmd->verb);
}

enum rc
cmd_all_options(const struct opt_spec *tables[CMD_MOST + 2], struct err *err)
{
    size_t n = 0;
    const struct cmd *c;
    tables[n++] = opt_global;
    for (size_t i = 0; (c = cmd_at(i)) != NULL; i++) {
        if (n > CMD_MOST)
            return err_set(err, RC_INTERNAL, "more than %d commands", CMD_MOST);
        if (c->options != NULL)
            tables[n++] = c->options;
    }
    tables[n] = NULL;
    return RC_OK;
}

/* How likely it is that this was meant, of two as near: fingers slip later in a word, and letters
 * change places. */
static int
likely(const char *candidate, const char *word)
{
    return 2 * (candidate[0] == word[0]) + (strlen(candidate) == strlen(word));
}

/* Keeps the candidate that is nearest to word. */
static void
nearer(const char **best, unsigned *distance, const char *word, const char *candidate)
{
    unsigned d = edit_distance(word, candidate);
    if (d < *distance ||
        (d == *distance && *best != NULL && likely(candidate, word) > likely(*best, word))) {
        *best = candidate;
        *distance = d;
    }
}

/* noun NULL: the nearest noun or bare verb; else the nearest of its verbs. NULL if none is near. */
static const char *
nearest_word(const char *noun, const char *word)
{
    const char *best = NULL;
    unsigned distance = strlen(word) < 5 ? 2 : 3; /* must be less */
    const struct cmd *c;
    if (strlen(word) > CMD_NAME)
        return NULL;
    for (size_t i = 0; (c = cmd_at(i)) != NULL; i++) {
        if (c->flags & CMD_HIDDEN)
            continue;
        if (noun == NULL)
            nearer(&best, &distance, word, c->noun == NULL ? c->verb : c->noun);
        else if (c->noun != NULL && strcmp(c->noun, noun) == 0)
            nearer(&best, &distance, word, c->verb);
    }
    return best;
}

static void
hint_verbs(const char *noun, struct err *err)
{
    char verbs[512] = "";
    size_t len = 0;
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)) != NULL; i++) {
        if (c->noun == NULL || strcmp(c->noun, noun) != 0 || (c->flags & CMD_HIDDEN))
            continue;
        if (len + strlen(c->verb) + 3 > sizeof verbs)
            break;
        len +=
            (size_t)snprintf(verbs + len, sizeof verbs - len, "%s%s", len > 0 ? ", " : "", c->verb);
    }
    (void)err_hint(err, "%s: %s", noun, verbs);
}

/* What has been seen on the way to the command. */
struct look_up {
    const char *word[2];
    unsigned words; /* up to 2 */
    unsigned after; /* arguments after the command's own words */
    int options;    /* any option at all */
};

static void
take_word(struct cmd_line *out, struct look_up *seen, const char *word)
{
    if (out->cmd != NULL) {
        seen->after++;
        return;
    }
    if (seen->words < 2)
        seen->word[seen->words++] = word;
    if (seen->words == 1 && !cmd_is_noun(word)) {
        out->cmd = cmd_find(word, NULL);
        out->words = 1;
    } else if (seen->words == 2 && cmd_is_noun(seen->word[0])) {
        out->cmd = cmd_find(seen->word[0], seen->word[1]);
        out->words = 2;
    }
}

static enum rc
no_command(struct cmd_line *out, const struct look_up *seen, struct err *err)
{
    const char *near;
    out->words = 0;
    if (seen->words == 0) {
        if (!seen->options || out->help || out->version)
            return RC_OK;
        (void)err_set(err, RC_USAGE, "the command is missing");
        return err_hint(err, "keymuster help   lists them");
    }
    if (!cmd_is_noun(seen->word[0])) {
        (void)err_set(err, RC_USAGE, "unknown command %.64s", seen->word[0]);
        near = nearest_word(NULL, seen->word[0]);
        if (near != NULL)
            (void)err_hint(err, "nearest: keymuster %s", near);
        return err_hint(err, "keymuster help   lists them");
    }
    if (seen->words == 1 && out->help) {
        out->noun = seen->word[0];
        return RC_OK;
    }
    if (seen->words == 1)
        (void)err_set(err, RC_USAGE, "%s needs a verb", seen->word[0]);
    else
        (void)err_set(err, RC_USAGE, "unknown command %s %.64s", seen->word[0], seen->word[1]);
    near = seen->words == 2 ? nearest_word(seen->word[0], seen->word[1]) : NULL;
    if (near != NULL)
        (void)err_hint(err, "nearest: keymuster %s %s", seen->word[0], near);
    hint_verbs(seen->word[0], err);
    return err->code;
}

/* What follows is a child's command line: `-h` in it is not ours. */
static int
child_begins(const struct cmd_line *out, const struct look_up *seen, enum opt_kind kind)
{
    return out->cmd != NULL && (out->cmd->flags & CMD_EXEC) &&
           (seen->after > 1 || kind == OPT_K_STOP);
}

enum rc
cmd_look_up(struct cmd_line *out, int argc, char **argv, struct err *err)
{
    const struct opt_spec *tables[CMD_MOST + 2];
    struct opt_walk walk;
    struct opt_item item, bad = {.kind = OPT_K_END};
    struct look_up seen = {.words = 0};
    *out = (struct cmd_line){0};
    enum rc rc = cmd_all_options(tables, err);
    if (rc != RC_OK)
        return rc;
    opt_walk_init(&walk, tables, argc, argv);
    while (opt_walk_next(&walk, &item) != OPT_K_END) {
        if (item.kind == OPT_K_WORD) {
            take_word(out, &seen, item.text);
        } else if (item.kind == OPT_K_OPTION) {
            out->help |= item.spec->id == OPT_HELP;
            out->version |= item.spec->id == OPT_VERSION;
        } else if (item.kind != OPT_K_STOP && bad.kind == OPT_K_END) {
            bad = item;
        }
        seen.options |= item.kind != OPT_K_WORD;
        if (child_begins(out, &seen, item.kind))
            break;
    }
    if (out->cmd != NULL)
        return RC_OK; /* its own parsing will complain about the options */
    /* Before "unknown command": that word may be the value of a misspelt option, even a secret. */
    if (bad.kind != OPT_K_END && !out->help)
        return opt_complain(&walk, &bad, err);
    return no_command(out, &seen, err);
}
