/* Each command that opens the store has a row in the table of the fault harness
 * (tests/fault/scenarios.c), or one in the script that plays what it talks to. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fault/fault.h"
#include "cli/cmd.h"

/* Commands that end with an error before they write anything when nobody answers. */
static const struct {
    const char *noun, *verb, *script;
} played[] = {
    {"vbr", "push", "vbr.sh"},
    {"vbr", "verify", "vbr.sh"},
    {"vbr", "remove", "vbr.sh"},
};

/* Commands that only read, and that something else has to answer. */
static const struct {
    const char *noun, *verb, *tests;
} elsewhere[] = {
    {NULL, "identify", "cli/identify.bats"}, /* Veeam's files */
    {"vbr", "test", "cli/vbr.bats"},
};

/* Whether the command line is of this command: what stands before it are options of every command.
 */
static int
is_of(const char *line, const char *noun, const char *verb)
{
    char words[2048];
    char *rest = NULL;
    char *word = NULL;
    assert_true(strlen(line) < sizeof words);
    (void)snprintf(words, sizeof words, "%s", line);
    for (word = strtok_r(words, " ", &rest); word != NULL && word[0] == '-';
         word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "-C") == 0 || strcmp(word, "-o") == 0)
            (void)strtok_r(NULL, " ", &rest);
    }
    if (word != NULL && noun != NULL) {
        if (strcmp(word, noun) != 0)
            return 0;
        word = strtok_r(NULL, " ", &rest);
    }
    return word != NULL && strcmp(word, verb) == 0;
}

static int
has_scenario(const char *noun, const char *verb)
{
    for (const struct scenario *s = scenarios; s->name != NULL; s++) {
        if (is_of(s->run, noun, verb))
            return 1;
    }
    return 0;
}

/* A row of the script: row NAME 'NOUN VERB ... */
static int
is_played(const char *noun, const char *verb)
{
    char path[512];
    char words[CMD_NAME];
    char text[65536];
    for (size_t i = 0; noun != NULL && i < sizeof played / sizeof played[0]; i++) {
        if (strcmp(played[i].noun, noun) != 0 || strcmp(played[i].verb, verb) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/../fault/%s", TEST_DATA, played[i].script);
        (void)snprintf(words, sizeof words, " '%s %s ", noun, verb);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        (void)fclose(f);
        return strstr(text, words) != NULL;
    }
    return 0;
}

static int
is_elsewhere(const struct cmd *cmd)
{
    char path[512];
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (strcmp(cmd->verb, elsewhere[i].verb) != 0 ||
            (cmd->noun != NULL) != (elsewhere[i].noun != NULL) ||
            (cmd->noun != NULL && strcmp(cmd->noun, elsewhere[i].noun) != 0))
            continue;
        (void)snprintf(path, sizeof path, "%s/../%s", TEST_DATA, elsewhere[i].tests);
        assert_int_equal(access(path, R_OK), 0);
        return !(cmd->flags & CMD_WRITE);
    }
    return 0;
}

static void
test_every_command_has_a_row(void **state)
{
    (void)state;
    char name[CMD_NAME];
    const struct cmd *cmd;
    unsigned missing = 0;
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        if (!(cmd->flags & (CMD_READ | CMD_WRITE)) || has_scenario(cmd->noun, cmd->verb) ||
            is_played(cmd->noun, cmd->verb) || is_elsewhere(cmd))
            continue;
        cmd_name(name, cmd);
        print_error("%s opens the store, and no fault harness has a row for it\n", name);
        missing++;
    }
    assert_int_equal(missing, 0);
}

static void
test_a_missing_row_is_noticed(void **state)
{
    (void)state;
    assert_true(has_scenario(NULL, "create"));
    assert_true(has_scenario("site", "add"));
    assert_false(has_scenario(NULL, "add"));
    assert_false(has_scenario("site", "create"));
    assert_false(is_played("vbr", "create"));
}

static void
test_names_are_unlike(void **state)
{
    (void)state;
    for (const struct scenario *s = scenarios; s->name != NULL; s++) {
        for (const struct scenario *t = scenarios; t != s; t++)
            assert_string_not_equal(s->name, t->name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_has_a_row),
        cmocka_unit_test(test_a_missing_row_is_noticed),
        cmocka_unit_test(test_names_are_unlike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
