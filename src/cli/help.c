/* Help: all of it made from the tables of commands and options. 80 columns, on a narrow terminal
 * fewer. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "sys/file.h"
#include "text/flow.h"
#include "text/jw.h"

enum {
    WIDTH = 80,
    NARROW = 60,    /* columns; below, an explanation stands below what it explains */
    BELOW = 8,      /* where it stands then */
    LEAST_WIDE = 24 /* columns; narrower lines are for the terminal to break */
};
enum { OPTION_COLUMN = 30, COMMAND_COLUMN = 26 };

/* A folder that holds this is a copy or an export of an escrow. */
#define COPY_MARK "escrow.json"
/* And one that holds this is a store. */
#define STORE_MARK "escrow.db"

/* "left" at two columns, text from column on; on a line of its own when left is too long. */
static void
row(struct buf *out, const char *left, const char *text, size_t column, unsigned width)
{
    size_t at = strlen(left) + 2;
    column = width < NARROW ? BELOW : column;
    buf_addf(out, "  %s", left);
    if (at + 2 > column || width < NARROW) {
        buf_addc(out, '\n');
        at = 0;
    }
    buf_addf(out, "%*s", (int)(column - at), "");
    flow(out, text, column, column, width);
}

static void
option_row(struct buf *out, const struct opt_spec *s, unsigned width)
{
    char left[96];
    char letter[8] = "    ";
    if (s->letter != '\0')
        (void)snprintf(letter, sizeof letter, "-%c, ", s->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s%s", letter, s->name, s->arg == NULL ? "" : " ",
                   s->arg == NULL ? "" : s->arg, s->flags & OPT_MANY ? "..." : "");
    row(out, left, s->help, OPTION_COLUMN, width);
}

static void
option_rows(struct buf *out, const struct opt_spec *specs, unsigned width)
{
    for (; specs->id != OPT_NONE; specs++) {
        if (!(specs->flags & OPT_HIDDEN))
            option_row(out, specs, width);
    }
}

/* The global options by name only. */
static void
global_in_short(struct buf *out, unsigned width)
{
    char line[1024] = "";
    for (const struct opt_spec *s = opt_global; s->id != OPT_NONE; s++) {
        size_t len = strlen(line);
        if (s->letter != '\0')
            (void)snprintf(line + len, sizeof line - len, "-%c/", s->letter);
        len = strlen(line);
        (void)snprintf(line + len, sizeof line - len, "--%s ", s->name);
    }
    buf_adds(out, "\nOptions of every command (keymuster help options):\n  ");
    flow(out, line, 2, 2, width);
}

/* ---- pages ---- */

/* A way to begin: when, what to type, what it does. */
struct way {
    const char *when; /* "": as the one before */
    const char *command, *what;
};

static void
put_way(struct buf *out, const struct way *w, unsigned width)
{
    if (width >= WIDTH) {
        buf_addf(out, "%-11s%-44s%s\n", w->when, w->command, w->what);
        return;
    }
    if (w->when[0] != '\0')
        buf_addf(out, "%s\n", w->when);
    row(out, w->command, w->what, BELOW, width < NARROW ? width : NARROW - 1);
}

/* True when the folder has that file. A folder whose name is too long holds nothing anybody could
 * use. */
static int
has(const char *folder, const char *file)
{
    char path[PATH_SIZE];
    struct err ignored = ERR_INIT;
    return path_join(path, folder, file, &ignored) == RC_OK && file_exists(path) == 1;
}

void
help_short(struct buf *out, const char *here, unsigned width)
{
    static const struct way all[] = {
        {"first", "keymuster init --site SITE", "a store, at this site"},
        {"today", "keymuster create KEY --purpose P --root R", "a new key, wrapped"},
        {"", "keymuster status", "what needs attention"},
        {"", "keymuster verify", "whether the log is whole"},
        {"emergency", "keymuster recover start --from PLACE", "step by step, from a copy"},
        {"", "keymuster reveal KEY --from PLACE", "only the password"},
    };
    static const struct way more[] = {
        {"commands", "keymuster help", "all of them"},
        {"", "keymuster help COMMAND", "one of them"},
        {"in a copy", "recovery/START-HERE.md", "when all else is gone"},
    };
    if (has(here, COPY_MARK))
        buf_adds(out,
                 "EMERGENCY: this folder holds a copy of an escrow. To be led through a recovery:\n"
                 "    keymuster recover start --lost SITE --from ./ --site HERE --credential REF\n"
                 "or to get a key from it:\n"
                 "    keymuster reveal KEY --from ./ --credential REF --reason TEXT\n\n");
    else if (has(here, STORE_MARK))
        buf_adds(out, "This folder is a store. What needs attention:  keymuster -C ./ status\n\n");
    flow(out,
         "keymuster keeps the keys and passwords of your backups where a disaster does not reach "
         "them, and proves that they can be had back.",
         0, 0, width);
    buf_addc(out, '\n');
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        put_way(out, &all[i], width);
    buf_addc(out, '\n');
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        put_way(out, &more[i], width);
}

const char *
help_group(enum cmd_group group)
{
    switch (group) {
    case GROUP_EVERY_DAY:
        return "Every day";
    case GROUP_WHEN_NEEDED:
        return "When needed";
    case GROUP_PROOF:
        return "Proof";
    case GROUP_SET_UP:
        return "Set-up";
    case GROUP_HELP:
        return "Help";
    }
    return "Others";
}

static void
command_row(struct buf *out, const struct cmd *cmd, unsigned width)
{
    char name[CMD_NAME];
    cmd_name(name, cmd);
    row(out, name, cmd->summary, COMMAND_COLUMN, width);
}

/* All commands. */
static void
all_commands(struct buf *out, unsigned width)
{
    buf_adds(out, "Usage: keymuster COMMAND [ARGUMENT | option]...\n");
    for (int group = GROUP_EVERY_DAY; group <= GROUP_HELP; group++) {
        int titled = 0;
        const struct cmd *cmd;
        for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
            if ((int)cmd->group != group || (cmd->flags & CMD_HIDDEN))
                continue;
            if (!titled)
                buf_addf(out, "\n%s:\n", help_group(cmd->group));
            titled = 1;
            command_row(out, cmd, width);
        }
    }
    buf_adds(out, "\nMore: keymuster help COMMAND | options | exit-codes\n");
}

/* A noun's commands. */
static void
noun_page(struct buf *out, const char *noun, unsigned width)
{
    const struct cmd *cmd;
    buf_addf(out, "Usage: keymuster %s VERB [ARGUMENT | option]...\n\n", noun);
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        if (cmd->noun != NULL && strcmp(cmd->noun, noun) == 0 && !(cmd->flags & CMD_HIDDEN))
            command_row(out, cmd, width);
    }
    buf_addf(out, "\nMore: keymuster help %s VERB\n", noun);
}

static void
exit_lines(struct buf *out, const struct cmd *cmd, unsigned width)
{
    buf_adds(out, "\nExit status:\n");
    if (cmd->flags & CMD_EXEC) {
        buf_adds(out, "  the command's own; 128 and the number of the signal that ended it;\n"
                      "  125 when keymuster failed before the command ran\n");
    } else if (width < NARROW) {
        buf_adds(out, "  0 done\n  2 command line or configuration wrong, nothing touched\n"
                      "  3 finished, but partly or with findings\n  5 temporary, try again\n");
    } else {
        buf_adds(out, "  0 done   2 command line or configuration wrong, nothing touched\n"
                      "  3 finished, but partly or with findings   5 temporary, try again\n");
    }
    buf_adds(out, "  all others: keymuster help exit-codes\n");
}

static void
example_lines(struct buf *out, const char *text)
{
    if (text != NULL)
        buf_adds(out, "\nExamples:\n");
    for (size_t len; text != NULL && *text != '\0'; text += len + 1) {
        len = strcspn(text, "\n");
        buf_addf(out, "  %.*s\n", (int)len, text);
    }
}

void
help_cmd(struct buf *out, const struct cmd *cmd, unsigned width)
{
    char name[CMD_NAME];
    char head[CMD_NAME + 32];
    cmd_name(name, cmd);
    flow(out, cmd->summary, 0, 0, width);
    (void)snprintf(head, sizeof head, "Usage: keymuster %s%s", name,
                   cmd->synopsis[0] == '\0' ? "" : " ");
    buf_addf(out, "\n%s", head);
    flow(out, cmd->synopsis, strlen(head), width < NARROW ? BELOW : 11, width);
    if (cmd->flags & CMD_DESTRUCTIVE)
        buf_adds(out, "\nIt destroys something, so it wants a name typed, or --confirm NAME.\n");
    if (cmd->options != NULL && cmd->options->id != OPT_NONE) {
        buf_adds(out, "\nOptions:\n");
        option_rows(out, cmd->options, width);
    }
    global_in_short(out, width);
    example_lines(out, cmd->examples);
    exit_lines(out, cmd, width);
}

static void
help_options(struct buf *out, unsigned width)
{
    buf_adds(out, "Options of every command; they may stand before or after it:\n");
    option_rows(out, opt_global, width);
}

static void
help_exit_codes(struct buf *out)
{
    buf_adds(out, "    0  done\n"
                  "    1  failed, nothing more specific\n"
                  "    2  command line or configuration wrong, nothing touched\n"
                  "    3  finished, but partly, or with findings\n"
                  "    4  identity: refused, no right, unknown instance, untrusted certificate\n"
                  "    5  temporary: network, busy service, quota, disk full\n"
                  "    6  exists with other content\n"
                  "   10  no store here\n"
                  "   11  store busy\n"
                  "   12  wrong passphrase\n"
                  "   13  no such key, root, site, copy, run, entry\n"
                  "   14  root key cannot do it (disabled, expired, destroyed, purged)\n"
                  "   15  integrity: does not verify; treat as hostile\n"
                  "   16  copy rolled back, forked, frozen\n"
                  "   17  policy says no\n"
                  "   18  delivery refused: the secret would land where not asked, no record\n"
                  "       possible, memory not lockable\n"
                  "   19  outcome unknown: audit log --entry HASH answers 0 or 13\n"
                  "   20  run paused\n"
                  "   21  run stopped at a failed step\n"
                  "   70  internal error\n"
                  "  125  exec: keymuster failed before the command ran\n"
                  "  130  interrupted (143: terminated)\n"
                  "When several apply: signal, 70, 15, 19, 14, the others, 3, 0.\n"
                  "One error: keymuster explain KMnnnn\n");
}

/* ---- the commands help and version ---- */

/* Answers with a text of ours in any format. */
static enum rc
answer(struct ctx *ctx, const char *schema, const char *member, const struct buf *text,
       struct err *err)
{
    struct buf doc;
    struct jw w;
    enum rc rc = buf_check(text, "a text", err);
    if (rc != RC_OK)
        return rc;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s", buf_str(text));
        return RC_OK;
    }
    buf_init(&doc, 2 * text->len + 1024);
    jw_init(&w, &doc);
    jw_obj(&w, NULL);
    jw_str(&w, "schema", schema);
    jw_str(&w, member, buf_str(text));
    return out_object(ctx, &doc, &w, err);
}

static enum rc
help_topic(struct buf *out, const char *first, const char *second, unsigned width, struct err *err)
{
    const struct cmd *cmd = cmd_find(first, second);
    if (cmd != NULL) {
        help_cmd(out, cmd, width);
        return RC_OK;
    }
    if (second == NULL && cmd_is_noun(first))
        noun_page(out, first, width);
    else if (second == NULL && strcmp(first, "options") == 0)
        help_options(out, width);
    else if (second == NULL && strcmp(first, "exit-codes") == 0)
        help_exit_codes(out);
    else {
        (void)err_set(err, RC_USAGE, "no help on %.64s%s%.64s", first, second == NULL ? "" : " ",
                      second == NULL ? "" : second);
        return err_hint(err, "keymuster help   lists the commands");
    }
    return RC_OK;
}

unsigned
help_width(const struct ctx *ctx)
{
    unsigned width = ctx->format == OUT_TEXT ? out_width(ctx) : 0;
    return width < LEAST_WIDE || width > WIDTH ? WIDTH : width;
}

enum rc
help_answer(struct ctx *ctx, const char *first, const char *second, struct err *err)
{
    struct buf text;
    enum rc rc = RC_OK;
    buf_init(&text, LIMIT_SMALL_FILE);
    if (first == NULL)
        all_commands(&text, help_width(ctx));
    else
        rc = help_topic(&text, first, second, help_width(ctx), err);
    if (rc == RC_OK)
        rc = answer(ctx, "keymuster.help/1", "text", &text, err);
    buf_release(&text);
    return rc;
}

static enum rc
run_help(struct ctx *ctx, struct err *err)
{
    return help_answer(ctx, opt_arg(&ctx->opts, 0), opt_arg(&ctx->opts, 1), err);
}

enum rc
version_answer(struct ctx *ctx, struct err *err)
{
    struct buf text;
    buf_init(&text, 64);
    buf_addf(&text, "%s%s%s", out_is_json(ctx) ? "" : "keymuster ", KM_VERSION,
             out_is_json(ctx) ? "" : "\n");
    enum rc rc = answer(ctx, "keymuster.version/1", "version", &text, err);
    buf_release(&text);
    return rc;
}

const struct cmd cmd_help_table[] = {
    {.verb = "help",
     .synopsis = "[COMMAND | options | exit-codes]",
     .summary = "Lists the commands, or explains one.",
     .args_max = 2,
     .flags = CMD_NO_STORE,
     .group = GROUP_HELP,
     .run = run_help,
     .examples = "keymuster help reveal\nkeymuster reveal --help\n"},
    {.verb = "version",
     .synopsis = "",
     .summary = "Tells the version.",
     .flags = CMD_NO_STORE,
     .group = GROUP_HELP,
     .run = version_answer,
     .examples = "keymuster version -o json\n"},
    {.verb = NULL},
};
