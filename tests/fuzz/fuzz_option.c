/* A command line, its arguments separated by line feeds. */
#include "fuzz.h"

#include "cli/opt.h"
#include "cli/ref.h"

enum { ARGS = 24 };

static const struct opt_spec command[] = {
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "root key"},
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,
     "secret"},
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF, "secret"},
    {OPT_PURPOSE, "purpose", 'p', "PURPOSE", 0, "purpose"},
    {OPT_ALL, "all", 'a', NULL, 0, "all"},
    OPT_END,
};

/* The child's own options are not ours. */
static void
parse(int argc, char **argv, unsigned words, unsigned flags)
{
    struct opts o;
    struct err err = ERR_INIT;
    enum rc rc = opt_parse(&o, argc, argv, command, words, flags, &err);
    if (rc != RC_OK) {
        FUZZ_CHECK(rc == RC_USAGE || rc == RC_SECRET_LITERAL || rc == RC_BAD_VALUE);
        FUZZ_CHECK(err.msg[0] != '\0' && o.values == NULL);
        opt_release(&o);
        return;
    }
    for (size_t i = 0; i < o.count; i++) {
        const struct opt_value *v = &o.values[i];
        FUZZ_CHECK(v->id > OPT_NONE && v->id < OPT_COUNT_);
        FUZZ_CHECK(v->text == NULL || v->text[0] != '\0');
        if (v->id == OPT_SECRET)
            FUZZ_CHECK(ref_is(v->text));
        if (v->id != OPT_ROOT && v->id != OPT_CREDENTIAL)
            FUZZ_CHECK(opt_count(&o, v->id) == 1 || v->text == NULL);
    }
    FUZZ_CHECK(flags == OPT_PARSE_EXEC || o.child == NULL);
    for (size_t i = 0; i < o.arg_count; i++)
        FUZZ_CHECK(opt_arg(&o, i) != NULL);
    FUZZ_CHECK(opt_arg(&o, o.arg_count) == NULL);
    FUZZ_PLANT(opt_count(&o, OPT_ROOT) == 2);
    opt_release(&o);
}

void
fuzz_one(const char *bytes, size_t len)
{
    char *argv[ARGS + 2];
    char *text = fuzz_text(bytes, len);
    int argc = 0;
    if (text == NULL)
        return;
    argv[argc++] = text + len; /* "" */
    for (char *at = text; at != NULL && argc <= ARGS;) {
        char *lf = strchr(at, '\n');
        if (lf != NULL)
            *lf = '\0';
        argv[argc++] = at;
        at = lf != NULL ? lf + 1 : NULL;
    }
    argv[argc] = NULL;
    for (unsigned words = 0; words <= 2; words++) {
        if ((int)words < argc) {
            parse(argc, argv, words, OPT_PARSE_PLAIN);
            parse(argc, argv, words, OPT_PARSE_EXEC);
        }
    }
    free(text);
}
