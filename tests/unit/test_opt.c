/* Command lines: what is taken, what is refused, and that no secret is repeated. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/opt.h"
#include "cli/out.h"

/* clang-format off */
static const struct opt_spec specs[] = {
    {OPT_ROOT, "root", 'r', "ROOT", OPT_MANY, "a root"},
    {OPT_SITE, "site", 0, "SITE", 0, "a site"},
    {OPT_ALL, "all", 'a', NULL, 0, "all"},
    {OPT_STALE, "stale", 's', NULL, 0, "stale"},
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF, "c"},
    {OPT_KEY, "key", 0, "REF", OPT_SECRET_REF, "k"},
    OPT_END,
};
/* clang-format on */

#define MOST_ARGS 16

/* A command line as main gets it: a NULL-terminated list of its own copies. */
static char **
line(int *argc, const char *const *words)
{
    static char *argv[MOST_ARGS + 2];
    static char text[MOST_ARGS + 1][64];
    *argc = 0;
    (void)snprintf(text[0], sizeof text[0], "keymuster");
    argv[(*argc)++] = text[0];
    for (; *words != NULL; words++) {
        assert_true(*argc <= MOST_ARGS && strlen(*words) < sizeof text[0]);
        (void)snprintf(text[*argc], sizeof text[0], "%s", *words);
        argv[*argc] = text[*argc];
        ++*argc;
    }
    argv[*argc] = NULL;
    return argv;
}

#define LINE(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static enum rc
parse(struct opts *o, const char *const *words, unsigned own, unsigned flags, struct err *err)
{
    int argc;
    char **argv = line(&argc, words);
    return opt_parse(o, argc, argv, specs, own, flags, err);
}

static void
test_forms(void **state)
{
    (void)state;
    struct opts o;
    assert_ok(parse(&o,
                    LINE("-C", "/s", "root", "add", "-rA", "x", "--root=B=C", "-as", "--site",
                         "fra", "-", "--", "--all"),
                    2, OPT_PARSE_PLAIN, err));
    assert_string_equal(opt_get(&o, OPT_STORE), "/s");
    assert_int_equal(opt_count(&o, OPT_ROOT), 2);
    assert_string_equal(opt_at(&o, OPT_ROOT, 0), "A");
    assert_string_equal(opt_at(&o, OPT_ROOT, 1), "B=C");
    assert_string_equal(opt_get(&o, OPT_ROOT), "B=C");
    assert_null(opt_at(&o, OPT_ROOT, 2));
    assert_true(opt_has(&o, OPT_ALL) && opt_has(&o, OPT_STALE));
    assert_false(opt_has(&o, OPT_YES));
    assert_int_equal(o.arg_count, 3);
    assert_string_equal(opt_arg(&o, 0), "x");
    assert_string_equal(opt_arg(&o, 1), "-");
    assert_string_equal(opt_arg(&o, 2), "--all");
    assert_null(opt_arg(&o, 3));
    assert_null(o.child);
    opt_release(&o);
}

static void
test_joined_flags_are_counted(void **state)
{
    (void)state;
    struct opts o;
    assert_ok(parse(&o, LINE("x", "-vvvvvvvvvvasrA"), 1, OPT_PARSE_PLAIN, err));
    assert_int_equal(opt_count(&o, OPT_VERBOSE), 10);
    assert_string_equal(opt_get(&o, OPT_ROOT), "A");
    opt_release(&o);
}

static void
test_refused(void **state)
{
    (void)state;
    struct opts o;
    const char *const *const lines[] = {
        LINE("x", "--sit", "a"),
        LINE("x", "--al"),
        LINE("x", "--site"),
        LINE("x", "--site", ""),
        LINE("x", "--site="),
        LINE("x", "--all=yes"),
        LINE("x", "--site", "--all"),
        LINE("x", "--site", "--"),
        LINE("x", "--site", "a", "--site", "b"),
        LINE("x", "-aa"),
        LINE("x", "-z"),
        LINE("x", "-az"),
        LINE("x", "--"
                  "=1"),
        LINE("x", "--site", "--root=A"),
        LINE("x", "-q", "-q"),
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_rc(parse(&o, lines[i], 1, OPT_PARSE_PLAIN, err), RC_USAGE);
        assert_null(o.values);
    }
    /* The ways to say it all the same. */
    assert_ok(parse(&o, LINE("x", "--site=--all"), 1, OPT_PARSE_PLAIN, err));
    assert_string_equal(opt_get(&o, OPT_SITE), "--all");
    opt_release(&o);
    assert_ok(parse(&o, LINE("x", "--site", "-5"), 1, OPT_PARSE_PLAIN, err));
    opt_release(&o);
}

static void
test_nearest_is_suggested(void **state)
{
    (void)state;
    struct opts o;
    struct err err = ERR_INIT;
    assert_int_equal(parse(&o, LINE("x", "--sitte", "a"), 1, OPT_PARSE_PLAIN, &err), RC_USAGE);
    assert_non_null(strstr(err.hint, "--site"));
    assert_int_equal(parse(&o, LINE("x", "--quietly-now"), 1, OPT_PARSE_PLAIN, &err), RC_USAGE);
    assert_null(strstr(err.hint, "nearest"));
}

static void
test_child(void **state)
{
    (void)state;
    struct opts o;
    assert_ok(parse(&o, LINE("exec", "key", "--site", "a", "--", "cmd", "-x", "--", "--site"), 1,
                    OPT_PARSE_EXEC, err));
    assert_int_equal(o.arg_count, 1);
    assert_string_equal(o.child[0], "cmd");
    assert_string_equal(o.child[1], "-x");
    assert_string_equal(o.child[2], "--");
    assert_string_equal(o.child[3], "--site");
    assert_null(o.child[4]);
    opt_release(&o);
    assert_ok(parse(&o, LINE("exec", "key", "cmd", "--bogus", "-h"), 1, OPT_PARSE_EXEC, err));
    assert_string_equal(o.child[0], "cmd");
    assert_string_equal(o.child[1], "--bogus");
    assert_false(opt_has(&o, OPT_HELP));
    opt_release(&o);
    assert_ok(parse(&o, LINE("exec", "key", "--"), 1, OPT_PARSE_EXEC, err));
    assert_null(o.child);
    opt_release(&o);
}

/* Whatever is wrong, no text of the error may hold the word. */
static void
assert_silent(const struct err *err, const char *word)
{
    assert_null(strstr(err->msg, word));
    assert_null(strstr(err->why, word));
    assert_null(strstr(err->hint, word));
}

static void
test_secrets_get_the_lesson(void **state)
{
    (void)state;
    struct opts o;
    const char *const *const lines[] = {
        LINE("x", "--password", "hunter2"),    LINE("x", "--password=hunter2"),
        LINE("x", "--passphrase", "hunter2"),  LINE("x", "--token=hunter2"),
        LINE("x", "--api-key", "hunter2"),     LINE("x", "--secret", "hunter2"),
        LINE("x", "--credential", "hunter2"),  LINE("x", "--credential=kp=hunter2"),
        LINE("x", "--key", "hunter2"),         LINE("x", "--key", "kp=file:hunter2"),
        LINE("x", "--credential", "file:"),    LINE("x", "--credential", "a=b=hunter2"),
        LINE("x", "--credential", "hunter2="),
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct err err = ERR_INIT;
        assert_int_equal(parse(&o, lines[i], 1, OPT_PARSE_PLAIN, &err), RC_SECRET_LITERAL);
        assert_silent(&err, "hunter2");
        assert_non_null(strstr(err.hint, "file:PATH"));
        assert_non_null(strstr(err.hint, "prompt"));
        assert_true(strstr(err.hint, "change that secret") != NULL ||
                    strstr(err.hint, "change it") != NULL);
    }
    assert_ok(parse(&o,
                    LINE("x", "--credential", "file:p", "--credential", "kp=prompt",
                         "--credential=-", "--credential", "copy=env:A", "--key", "fd:3"),
                    1, OPT_PARSE_PLAIN, err));
    assert_int_equal(opt_count(&o, OPT_CREDENTIAL), 4);
    opt_release(&o);
}

static enum rc
look_up(struct cmd_line *out, const char *const *words, struct err *err)
{
    int argc;
    char **argv = line(&argc, words);
    return cmd_look_up(out, argc, argv, err);
}

static void
test_command_is_found(void **state)
{
    (void)state;
    struct cmd_line out;
    assert_ok(look_up(&out, LINE("-C", "help", "--reason=x", "version"), err));
    assert_string_equal(out.cmd->verb, "version");
    assert_int_equal(out.words, 1);
    assert_ok(look_up(&out, LINE("version", "-h"), err));
    assert_true(out.help);
    assert_ok(look_up(&out, LINE("-V"), err));
    assert_null(out.cmd);
    assert_true(out.version);
    assert_rc(look_up(&out, LINE("--json"), err), RC_USAGE);
}

static void
test_unknown_command_is_not_run(void **state)
{
    (void)state;
    struct cmd_line out;
    struct err err = ERR_INIT;
    assert_int_equal(look_up(&out, LINE("versoin"), &err), RC_USAGE);
    assert_null(out.cmd);
    assert_non_null(strstr(err.hint, "keymuster version"));
    /* The word may be the value of the misspelt option. */
    assert_int_equal(look_up(&out, LINE("--passwort", "hunter2"), &err), RC_USAGE);
    assert_silent(&err, "hunter2");
    assert_int_equal(look_up(&out, LINE("--password", "hunter2", "versoin"), &err),
                     RC_SECRET_LITERAL);
    assert_silent(&err, "hunter2");
}

/* What opt.h promises of all tables: a name takes a value in all of them or in none, and so on. */
static void
test_tables_agree(void **state)
{
    (void)state;
    const struct cmd *cmd;
    const struct cmd *other;
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        assert_non_null(cmd->synopsis);
        assert_non_null(cmd->summary);
        assert_true(cmd->args_max < 0 || cmd->args_min <= cmd->args_max);
        for (const struct opt_spec *s = cmd->options; s != NULL && s->id != OPT_NONE; s++) {
            assert_non_null(s->help);
            const struct opt_spec *const global[] = {opt_global, NULL};
            assert_null(opt_find(global, s->name, strlen(s->name)));
            for (size_t j = 0; (other = cmd_at(j)) != NULL; j++) {
                const struct opt_spec *const tables[] = {other->options, NULL};
                const struct opt_spec *t = opt_find(tables, s->name, strlen(s->name));
                if (t != NULL && ((t->arg == NULL) != (s->arg == NULL) || t->id != s->id))
                    fail_msg("--%s differs between commands", s->name);
            }
        }
        for (size_t j = 0; j < i; j++) {
            other = cmd_at(j);
            char a[CMD_NAME], b[CMD_NAME];
            cmd_name(a, cmd);
            cmd_name(b, other);
            assert_string_not_equal(a, b);
        }
    }
}

/* Each page fits a screen's width, and has the parts that help promises. */
static void
test_help_fits(void **state)
{
    (void)state;
    const struct cmd *cmd;
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        struct buf page;
        buf_init(&page, 100000);
        help_cmd(&page, cmd, 80);
        assert_non_null(strstr(page.data, "Usage: keymuster "));
        assert_non_null(strstr(page.data, "Exit status:"));
        for (const char *p = page.data; *p != '\0'; p += strcspn(p, "\n") + 1) {
            if (strcspn(p, "\n") > 80)
                fail_msg("help of %s: wider than 80 columns: %.90s", cmd->verb, p);
        }
        buf_release(&page);
    }
}

static void
test_format_is_guessed(void **state)
{
    (void)state;
    int argc;
    char **argv = line(&argc, LINE("x", "-o", "json", "--bogus"));
    assert_int_equal(out_guess(argc, argv), OUT_JSON);
    argv = line(&argc, LINE("x", "--output=ndjson"));
    assert_int_equal(out_guess(argc, argv), OUT_NDJSON);
    argv = line(&argc, LINE("x", "-ojson", "-o", "text"));
    assert_int_equal(out_guess(argc, argv), OUT_TEXT);
    argv = line(&argc, LINE("x", "--", "--json"));
    assert_int_equal(out_guess(argc, argv), OUT_TEXT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_joined_flags_are_counted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nearest_is_suggested),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_secrets_get_the_lesson),
        cmocka_unit_test(test_command_is_found),
        cmocka_unit_test(test_unknown_command_is_not_run),
        cmocka_unit_test(test_tables_agree),
        cmocka_unit_test(test_help_fits),
        cmocka_unit_test(test_format_is_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
