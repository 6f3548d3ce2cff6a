/* Completion: every placeholder of the tables is known, what is quoted is read back as it was, and
 * where on a command line something stands. Names of a store: cli/completion.bats. */
#include "../lib/unit.h"

#include "cli/complete.h"

/* ---- the tables ---- */

static void
check_argument(void *arg, const char *placeholder, int many)
{
    const struct cmd *cmd = arg;
    (void)many;
    if (complete_placeholder(placeholder) < 0)
        fail_msg("%s %s: nobody said what %s stands for", cmd->noun == NULL ? "" : cmd->noun,
                 cmd->verb, placeholder);
}

static void
test_placeholders_are_known(void **state)
{
    (void)state;
    struct cmd *cmd;
    for (size_t i = 0; (cmd = (struct cmd *)(uintptr_t)cmd_at(i)) != NULL; i++) {
        complete_arguments(cmd, check_argument, cmd);
        for (const struct opt_spec *s = cmd->options; s != NULL && s->id != OPT_NONE; s++) {
            if (s->arg != NULL && complete_placeholder(s->arg) < 0)
                fail_msg("--%s: nobody said what %s stands for", s->name, s->arg);
        }
    }
    for (const struct opt_spec *s = opt_global; s->id != OPT_NONE; s++)
        assert_true(s->arg == NULL || complete_placeholder(s->arg) >= 0);
    assert_int_equal(complete_placeholder("NOBODY"), -1);
    assert_int_equal(complete_placeholder("FILE|NOBODY"), -1);
    assert_int_equal(complete_placeholder("FILE|KMS"), WANT_FILES | WANT_KMS);
}

static void
test_arguments_of_synopses(void **state)
{
    (void)state;
    static const struct {
        const char *noun, *verb;
        unsigned argument, want;
    } rows[] = {
        {"show", NULL, 0, WANT_KEY},
        {"show", NULL, 5, WANT_KEY},
        {"create", NULL, 0, 0},
        {"state", NULL, 1, WANT_KEY | WANT_STATE},
        {"sync", NULL, 3, WANT_COPY},
        {"identify", NULL, 0, WANT_FILES},
        {"rehome", NULL, 0, WANT_KEY},
        {"kms", "add", 0, 0},
        {"kms", "set", 0, WANT_KMS},
        {"kms", "set", 1, 0},
        {"root", "rotate", 0, WANT_ROOT},
        {"root", "retire-check", 1, 0},
        {"wrap", "add", 0, WANT_KEY},
        {"runbook", "print", 0, WANT_RUNBOOK | WANT_FILES},
        {"author", "admit", 0, WANT_AUTHOR},
        {"audit", "who", 0, WANT_PERSON},
        {"policy", "set", 2, WANT_RULE},
        {"recover", "show", 0, WANT_RUN},
        {"recover", "attach", 0, WANT_DIRS},
        {"vbr", "adopt", 0, WANT_VBR},
        {"list", NULL, 0, WANT_KEY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct cmd *cmd = cmd_find(rows[i].noun, rows[i].verb);
        assert_non_null(cmd);
        char words[COMPLETE_WORD];
        unsigned want = complete_argument_want(cmd, rows[i].argument, words);
        if (want != rows[i].want)
            fail_msg("%s %s, argument %u: %u", rows[i].noun, rows[i].verb ? rows[i].verb : "",
                     rows[i].argument, want);
    }
}

/* ---- words ---- */

/* What is offered, the lines joined; for bash. */
static void
assert_offers(const char *const *words, const char *head, const char *tail, const char *lines)
{
    struct err err = ERR_INIT;
    struct buf out;
    int count = 0;
    while (words[count] != NULL)
        count++;
    buf_init(&out, 100000);
    struct complete c = {.shell = COMPLETE_BASH, .store_dir = "/nowhere", .lines = &out};
    assert_int_equal(complete_words(&c, count, words, head, tail, &err), RC_OK);
    assert_string_equal(buf_str(&out), lines);
    buf_release(&out);
}

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void
test_where_it_stands(void **state)
{
    (void)state;
    const char *const none[] = {NULL};
    assert_offers(none, "", "rev", "reveal\n");
    assert_offers(none, "", "--vers", "--version\n");
    assert_offers(WORDS("kms"), "", "s", "set\nshow\n");
    assert_offers(WORDS("-C", "/x", "kms"), "", "se", "set\n");
    assert_offers(WORDS("report", "run"), "", "--for", "--format\n");
    assert_offers(WORDS("report", "run", "--format"), "", "", "text\njson\nhtml\n");
    assert_offers(WORDS("report", "audit", "--format"), "", "", "html\ncsv\njson\n");
    assert_offers(WORDS("report", "run"), "--format=", "t", "text\n");
    assert_offers(WORDS("report", "run"), "", "--format=t", "--format=text\n");
    assert_offers(WORDS("create", "x", "--purpose"), "", "ba", "backup-copy\nbackup-job\n");
    assert_offers(WORDS("list"), "", "--state=su", "--state=suspended\n");
    assert_offers(WORDS("completion"), "", "", "bash\nzsh\nfish\n");
    assert_offers(WORDS("explain"), "", "KM3005", "KM3005\n");
    assert_offers(WORDS("help"), "", "iden", "identify\n");
    assert_offers(WORDS("help", "kms"), "", "a", "add\n");
    assert_offers(WORDS("runbook", "show"), "", "total", "total-loss\n");
    assert_offers(WORDS("policy", "set"), "", "config-backup.wr", "config-backup.wraps=\n");
    /* used up, and one that may stand again */
    assert_offers(WORDS("create", "--purpose", "other"), "", "--purp", "");
    assert_offers(WORDS("create", "--root", "a"), "", "--roo", "--root\n");
    /* behind an unknown command, a stop, a child's command */
    assert_offers(WORDS("craete"), "", "", "");
    assert_offers(WORDS("exec", "k", "--", "borg"), "", "--for", "");
    assert_offers(WORDS("exec", "k", "borg"), "", "--for", "");
    assert_offers(WORDS("show", "--"), "", "--wr", "");
    /* a value that an open quote begins */
    assert_offers(WORDS("report", "run", "--format"), "", "\"t", "text\n");
    assert_offers(WORDS("report", "run", "--format"), "", "'t", "text\n");
    assert_offers(WORDS("report", "run", "--format"), "", "t\"e", "");
}

/* ---- quotes ---- */

static void
test_quotes_come_off_again(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "vbr/config", "a b", "it's",    "say \"x\"", "$(touch x)",  "`id`",
        "a\\b",       "!!",  "~root",   "#x",        "*?[x]{a,b}",  "a;b|c&d",
        "\xc3\xa4 x", "-n",  "<in>out", "=x@1:%+",   "\\'\"$`!\\\\"};
    static const char opens[] = {0, '\'', '"'};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t o = 0; o < sizeof opens; o++) {
            char left = 0;
            struct buf typed, back;
            buf_init(&typed, 1000);
            buf_init(&back, 1000);
            if (opens[o] != 0)
                buf_addc(&typed, opens[o]);
            complete_quote(&typed, texts[i], opens[o]);
            if (opens[o] != 0 && typed.data[typed.len - 1] != opens[o]) /* as bash does */
                buf_addc(&typed, opens[o]);
            assert_int_equal(complete_unquote(&back, buf_str(&typed), &left), 0);
            assert_string_equal(buf_str(&back), texts[i]);
            assert_int_equal(left, 0);
            buf_release(&typed);
            buf_release(&back);
        }
    }
}

static void
test_open_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *text;
        char open;
        int rc;
    } rows[] = {{"'a b", "a b", '\'', 0},  {"\"a b", "a b", '"', 0}, {"a\\ b", "a b", 0, 0},
                {"a\\", "a", 0, 0},        {"'a'b", "ab", 0, 0},     {"a'b", NULL, 0, -1},
                {"\"a\\$b", "a$b", '"', 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char open = 0;
        struct buf out;
        buf_init(&out, 100);
        assert_int_equal(complete_unquote(&out, rows[i].typed, &open), rows[i].rc);
        if (rows[i].text != NULL)
            assert_string_equal(buf_str(&out), rows[i].text);
        assert_int_equal(open, rows[i].open);
        buf_release(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placeholders_are_known),
        cmocka_unit_test(test_arguments_of_synopses),
        cmocka_unit_test(test_where_it_stands),
        cmocka_unit_test(test_quotes_come_off_again),
        cmocka_unit_test(test_open_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
