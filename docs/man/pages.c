/*
 * Makes the manual pages that the program itself knows: one a command, keymuster(1), and
 * keymuster-errors(7), from the tables of commands, options, errors and exit statuses.
 * A build tool, not shipped:
 *
 *   man_pages OUT PARTS
 *
 * OUT: an existing folder with man1 and man7. PARTS: the folder of this file; what a table does
 * not say of a page stands there as NAME.mdoc, a part of its DESCRIPTION.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mdoc.h"

#include "base/err.h"
#include "base/limits.h"
#include "cli/cmd.h"
#include "sys/file.h"

enum { PAGE_MOST = 1024 * 1024 };

static const char *out_dir, *parts_dir;

/* ---- files ---- */

_Noreturn static void
give_up(const struct err *err)
{
    (void)fprintf(stderr, "man_pages: %s\n", err->msg);
    exit(1);
}

static void
write_page(const char *name, int section, struct buf *page)
{
    struct err err = ERR_INIT;
    char path[PATH_SIZE], file[CMD_NAME + 32];
    (void)snprintf(file, sizeof file, "man%d/%s.%d", section, name, section);
    enum rc rc = buf_check(page, file, &err);
    if (rc == RC_OK)
        rc = path_join(path, out_dir, file, &err);
    FILE *f = rc == RC_OK ? fopen(path, "w") : NULL;
    if (f == NULL || fputs(buf_str(page), f) == EOF || fclose(f) != 0) {
        if (rc == RC_OK)
            (void)err_errno(&err, RC_IO, "writing %s", path);
        give_up(&err);
    }
    buf_release(page);
}

/* Appends what stands in PARTS of this page. Returns whether there is anything. */
static int
add_part(struct buf *page, const char *name)
{
    struct err err = ERR_INIT;
    char path[PATH_SIZE], file[CMD_NAME + 32];
    (void)snprintf(file, sizeof file, "%s.mdoc", name);
    enum rc rc = path_join(path, parts_dir, file, &err);
    if (rc == RC_OK)
        rc = file_read(page, path, &err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        give_up(&err);
    return rc == RC_OK;
}

/* ---- pieces of pages ---- */

/* "keymuster-kms-add" */
static void
page_name(char out[CMD_NAME + 16], const struct cmd *cmd)
{
    char name[CMD_NAME];
    cmd_name(name, cmd);
    (void)snprintf(out, CMD_NAME + 16, "keymuster-%s", name);
    for (char *p = out; *p != '\0'; p++) {
        if (*p == ' ')
            *p = '-';
    }
}

static void
head(struct buf *page, const char *name, int section, const char *what)
{
    buf_init(page, PAGE_MOST);
    buf_addf(page, ".Dd %s\n.Dt %c", MDOC_DATE, toupper((unsigned char)name[0]));
    for (const char *p = name + 1; *p != '\0'; p++)
        buf_addc(page, (char)toupper((unsigned char)*p));
    buf_addf(page, " %d\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", section, name);
    size_t len = strlen(what);
    /* one line, lower case, no full stop: as whatis shows it */
    char first[2] = {what[0], '\0'};
    if (isupper((unsigned char)what[0]) && !isupper((unsigned char)what[1]))
        first[0] = (char)tolower((unsigned char)what[0]);
    buf_addf(page, "%s%.*s\n", first, (int)(len - 1 - (what[len - 1] == '.')), what + 1);
}

static void
option_list(struct buf *page, const struct opt_spec *specs)
{
    buf_adds(page, ".Bl -tag -width Ds\n");
    for (; specs->id != OPT_NONE; specs++) {
        if (specs->flags & OPT_HIDDEN)
            continue;
        buf_adds(page, ".It ");
        if (specs->letter != '\0')
            buf_addf(page, "Fl %c , ", specs->letter);
        buf_addf(page, "Fl -%s", specs->name);
        if (specs->arg != NULL)
            buf_addf(page, " Ar %s", specs->arg);
        buf_addf(page, "%s\n", specs->flags & OPT_MANY && specs->arg != NULL ? " ..." : "");
        mdoc_text(page, specs->help);
    }
    buf_adds(page, ".El\n");
}

static void
exit_status(struct buf *page, const struct cmd *cmd)
{
    buf_adds(page, ".Sh EXIT STATUS\n");
    if (cmd != NULL && cmd->flags & CMD_EXEC) {
        buf_adds(page, "The status of the command that it ran; 128 and the number of the signal\n"
                       "that ended it; 125 when keymuster failed before the command ran.\n");
        return;
    }
    if (cmd != NULL) {
        buf_adds(page, ".Bl -tag -width Ds -compact\n.It 0\nDone.\n"
                       ".It 2\nThe command line or configuration is wrong; nothing was touched.\n"
                       ".It 3\nFinished, but partly or with findings.\n"
                       ".It 5\nTemporary: try again.\n.El\n.Pp\n"
                       "The others are in\n.Xr keymuster 1 .\n");
        return;
    }
    buf_adds(page, ".Bl -tag -width 125x -compact\n");
    for (unsigned i = 0; err_status_at(i).text != NULL; i++) {
        struct err_status s = err_status_at(i);
        buf_addf(page, ".It %d\n", s.number);
        mdoc_text(page, s.text);
    }
    buf_adds(page, ".El\n.Pp\nWhen several apply, the worst one counts: a signal, 70, 15, 19, 14,\n"
                   "the others, 3, 0.\n.Nm Cm explain Ar STATUS\nlists the errors that end so.\n");
}

/* Where a line of an example may be broken: before the last option that begins within width. */
static size_t
break_at(const char *line, size_t len, size_t width)
{
    size_t at = len;
    for (size_t i = width; len > width && i > 1 && at == len; i--) {
        if (line[i - 1] == ' ' && line[i] == '-')
            at = i - 1;
    }
    return at;
}

static void
examples(struct buf *page, const char *text)
{
    enum { EXAMPLE_WIDTH = 73 }; /* of 80, with what stands around it */
    buf_adds(page, ".Sh EXAMPLES\n.Bd -literal\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t at = break_at(text, len, EXAMPLE_WIDTH);
        char line[128];
        (void)snprintf(line, sizeof line, "%.*s%s", (int)at, text, at < len ? " \\" : "");
        mdoc_literal(page, line, strlen(line));
        if (at < len) {
            (void)snprintf(line, sizeof line, "   %.*s", (int)(len - at), text + at);
            mdoc_literal(page, line, strlen(line));
        }
        text += len + (text[len] == '\n');
    }
    buf_adds(page, ".Ed\n");
}

/* The pages of the same noun, and those that all have; in the order of names. */
static void
see_also(struct buf *page, const struct cmd *cmd)
{
    const struct cmd *other;
    const char *last = "";
    buf_adds(page, ".Sh SEE ALSO\n.Xr keymuster 1 ,\n");
    for (;;) { /* the next name after last */
        char best[CMD_NAME + 16] = "", name[CMD_NAME + 16];
        static char kept[CMD_NAME + 16];
        for (size_t i = 0; (other = cmd_at(i)) != NULL; i++) {
            page_name(name, other);
            if (other != cmd && other->noun != NULL && cmd->noun != NULL &&
                strcmp(other->noun, cmd->noun) == 0 && !(other->flags & CMD_HIDDEN) &&
                strcmp(name, last) > 0 && (best[0] == '\0' || strcmp(name, best) < 0))
                memcpy(best, name, sizeof best);
        }
        if (best[0] == '\0')
            break;
        memcpy(kept, best, sizeof kept);
        last = kept;
        buf_addf(page, ".Xr %s 1 ,\n", kept);
    }
    buf_adds(page, ".Xr keymuster.conf 5 ,\n.Xr keymuster-errors 7 ,\n.Xr keymuster-recovery 7\n");
}

static void
environment(struct buf *page, const struct cmd *cmd)
{
    buf_adds(page, ".Sh ENVIRONMENT\n.Bl -tag -width KEYMUSTER_STORE\n");
    if (!(cmd->flags & CMD_NO_STORE))
        buf_adds(page, ".It Ev KEYMUSTER_STORE\nThe store, where\n.Fl C\nis not said.\n");
    buf_adds(page, ".It Ev KEYMUSTER_OUTPUT\nThe format, where\n.Fl o\nis not said.\n"
                   ".El\n.Pp\nThe others are in\n.Xr keymuster 1 .\n");
}

static void
files(struct buf *page, const struct cmd *cmd)
{
    if (cmd->flags & CMD_NO_STORE)
        return;
    buf_adds(page, ".Sh FILES\n.Bl -tag -width Ds\n.It Pa escrow.db , author.key\n"
                   "The store:\n.Xr keymuster-store 5 .\n.It Pa keymuster.conf\n"
                   "In the store, what this machine knows of KMSs, copies and servers:\n"
                   ".Xr keymuster.conf 5 .\n.El\n");
}

/* ---- pages ---- */

static void
command_page(const struct cmd *cmd)
{
    struct buf page;
    char name[CMD_NAME + 16];
    page_name(name, cmd);
    head(&page, name, 1, cmd->summary);
    buf_adds(&page, ".Sh SYNOPSIS\n.Nm keymuster\n");
    buf_addf(&page, ".Cm %s%s%s\n", cmd->noun == NULL ? "" : cmd->noun,
             cmd->noun == NULL ? "" : " ", cmd->verb);
    mdoc_synopsis(&page, cmd->synopsis);
    buf_adds(&page, ".Sh DESCRIPTION\n");
    mdoc_text(&page, cmd->summary);
    if (cmd->flags & CMD_DESTRUCTIVE)
        buf_adds(&page, "It destroys something, so it wants the name typed, or\n"
                        ".Fl -confirm Ar NAME .\n");
    if (cmd->flags & CMD_EMERGENCY)
        buf_adds(&page, "It is part of a recovery:\n.Xr keymuster-recovery 7 .\n");
    (void)add_part(&page, name);
    buf_adds(&page, ".Pp\n");
    if (cmd->options != NULL && cmd->options->id != OPT_NONE) {
        buf_adds(&page, "The options are:\n");
        option_list(&page, cmd->options);
        buf_adds(&page, ".Pp\n");
    }
    buf_adds(&page, "Options of every command are in\n.Xr keymuster 1 .\n");
    environment(&page, cmd);
    files(&page, cmd);
    exit_status(&page, cmd);
    if (cmd->examples != NULL)
        examples(&page, cmd->examples);
    see_also(&page, cmd);
    write_page(name, 1, &page);
}

static void
command_list(struct buf *page)
{
    for (int group = GROUP_EVERY_DAY; group <= GROUP_HELP; group++) {
        const struct cmd *cmd;
        buf_addf(page, ".Ss %s\n.Bl -tag -width Ds -compact\n", help_group((enum cmd_group)group));
        for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
            char name[CMD_NAME + 16];
            if ((int)cmd->group != group || (cmd->flags & CMD_HIDDEN))
                continue;
            page_name(name, cmd);
            buf_addf(page, ".It Xr %s 1\n", name);
            mdoc_text(page, cmd->summary);
        }
        buf_adds(page, ".El\n");
    }
}

/* keymuster(1): what its parts do not say. */
static void
main_page(void)
{
    struct buf page;
    head(&page, "keymuster", 1, "disaster-recovery escrow for backup-encryption keys");
    if (!add_part(&page, "keymuster")) {
        (void)fprintf(stderr, "man_pages: keymuster.mdoc is missing in %s\n", parts_dir);
        exit(1);
    }
    buf_adds(&page, ".Sh COMMANDS\n");
    command_list(&page);
    buf_adds(&page, ".Sh OPTIONS\nThey may stand before or after the command, and in any order.\n"
                    "A long option is written out in full;\n.Fl -\nends the options.\n");
    option_list(&page, opt_global);
    (void)add_part(&page, "keymuster-environment");
    exit_status(&page, NULL);
    (void)add_part(&page, "keymuster-end");
    write_page("keymuster", 1, &page);
}

static const char *
error_title(enum rc code)
{
    static const char *const titles[] = {"The command line and configuration",
                                         "The store",
                                         "KMS",
                                         "Copies",
                                         "Runs",
                                         "Policy",
                                         "Delivery",
                                         "Backup servers",
                                         "The program itself"};
    int first = (int)code / 1000;
    return first >= 1 && first <= 9 ? titles[first - 1] : "Others";
}

/* Lines of text as a list. */
static void
error_lines(struct buf *page, const char *title, const char *text)
{
    buf_addf(page, ".Pp\n%s:\n.Bl -bullet -compact\n", title);
    while (*text != '\0') {
        char line[1024];
        size_t len = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
        buf_adds(page, ".It\n");
        mdoc_text(page, line);
        text += len + (text[len] == '\n');
    }
    buf_adds(page, ".El\n");
}

static void
errors_page(void)
{
    struct buf page;
    head(&page, "keymuster-errors", 7, "what the errors of keymuster mean, and what to do");
    buf_adds(&page, ".Sh DESCRIPTION\nEvery error ends with its code.\n"
                    ".Ql keymuster explain Ar CODE\nprints what stands here, offline;\n"
                    ".Ql keymuster explain Ar STATUS\nlists the codes of an exit status.\n");
    int group = 0;
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        enum rc code = err_at(i);
        if ((int)code / 1000 != group)
            buf_addf(&page, ".Ss %s\n.Bl -tag -width Ds\n", error_title(code));
        group = (int)code / 1000;
        buf_addf(&page, ".It Sy KM%04d , No exit %d\n", (int)code, err_exit(code));
        char text[1024];
        (void)snprintf(text, sizeof text, "%c%s%s.", toupper((unsigned char)err_text(code)[0]),
                       err_text(code) + 1,
                       err_retryable(code) ? "; the same command may work later" : "");
        mdoc_text(&page, text);
        mdoc_text(&page, err_help(code)->means);
        error_lines(&page, "Usual causes", err_help(code)->causes);
        error_lines(&page, "What to do", err_help(code)->todo);
        if (err_at(i + 1) == RC_OK || (int)err_at(i + 1) / 1000 != group)
            buf_adds(&page, ".El\n");
    }
    buf_adds(&page, ".Sh SEE ALSO\n.Xr keymuster 1 ,\n.Xr keymuster-explain 1 ,\n"
                    ".Xr keymuster-recovery 7\n");
    write_page("keymuster-errors", 7, &page);
}

int
main(int argc, char **argv)
{
    const struct cmd *cmd;
    if (argc != 3) {
        (void)fputs("Usage: man_pages OUT PARTS\n", stderr);
        return 2;
    }
    out_dir = argv[1];
    parts_dir = argv[2];
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        if (!(cmd->flags & CMD_HIDDEN))
            command_page(cmd);
    }
    main_page();
    errors_page();
    return 0;
}
