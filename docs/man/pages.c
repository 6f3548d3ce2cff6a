/*
 * Makes the manual pages that the program itself knows: one a command, keymuster(1), and
 * keymuster-errors(7), from the tables of commands, options, errors and exit statuses.
 * A build tool, not shipped:
 *
 *   man_pages OUT PARTS TEXT...
 *
 * OUT: an existing folder with man1 and man7. PARTS: the folder of this file; what a table does
 * not say of keymuster(1) stands there as NAME.mdoc. TEXT: what people wrote of the commands, see
 * about.h.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "about.h"
#include "mdoc.h"

#include "base/err.h"
#include "base/limits.h"
#include "cli/cmd.h"
#include "sys/file.h"

enum { PAGE_MOST = 1024 * 1024 };

static const char *out_dir, *parts_dir;
static struct buf told; /* all TEXTs */

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
command_exit(struct buf *page, const struct cmd *cmd, const struct about *about)
{
    buf_adds(page, ".Sh EXIT STATUS\n");
    if (cmd->flags & CMD_EXEC)
        buf_adds(page, "The status of the command that it ran; 128 and the number of the signal\n"
                       "that ended it.\n.Pp\n");
    buf_adds(page, ".Bl -tag -width Ds -compact\n");
    if (!(cmd->flags & CMD_EXEC))
        buf_adds(page, ".It 0\nDone.\n");
    about_items(page, about, "exit", "");
    buf_adds(page, ".El\n.Pp\nThose that any command may end with, such as 2 for a command line\n"
                   "that is wrong, are in\n.Xr keymuster 1 .\n");
}

static void
main_exit(struct buf *page)
{
    buf_adds(page, ".Sh EXIT STATUS\n.Bl -tag -width 125x -compact\n");
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

/* One example, with the lines that go on from it; returns what is behind it. */
static const char *
example(struct buf *page, const char *text)
{
    enum { EXAMPLE_WIDTH = 71 }; /* of 80, with what stands around it */
    int more = 1;
    buf_adds(page, ".Bd -literal -offset 2n\n");
    while (more && *text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t at = break_at(text, len, EXAMPLE_WIDTH);
        char line[128];
        (void)snprintf(line, sizeof line, "%.*s%s", (int)at, text, at < len ? " \\" : "");
        mdoc_literal(page, line, strlen(line));
        if (at < len) {
            (void)snprintf(line, sizeof line, "   %.*s", (int)(len - at), text + at);
            mdoc_literal(page, line, strlen(line));
        }
        more = len > 0 && text[len - 1] == '\\';
        text += len + (text[len] == '\n');
    }
    buf_adds(page, ".Ed\n");
    return text;
}

/* The sentences, each with its example: the table's one by one, or the one that stands below it. */
static void
examples(struct buf *page, const struct cmd *cmd, const struct about *about)
{
    const char *own = cmd->examples != NULL ? cmd->examples : "";
    struct buf text, run;
    int first = 1;
    if (*own == '\0' && !about_has(about, "eg"))
        return;
    buf_adds(page, ".Sh EXAMPLES\n");
    for (const char *at = NULL; (at = about_next(&text, about, "eg", at)) != NULL; first = 0) {
        buf_adds(page, first ? "" : ".Pp\n");
        mdoc_text(page, buf_str(&text));
        buf_release(&text);
        const char *next = strchr(at, '\n');
        if (next != NULL && about_next(&run, about, "run", at) == next + 1)
            (void)example(page, buf_str(&run));
        else
            own = example(page, own);
        buf_release(&run);
    }
    while (*own != '\0')
        own = example(page, own);
    buf_release(&text);
}

/* ---- other pages ---- */

struct pages {
    char name[32][CMD_NAME + 16]; /* "1 keymuster-kms-add": by section, then by name */
    size_t count;
};

static void
also(struct pages *p, const char *name, size_t len, char section)
{
    char page[CMD_NAME + 16];
    size_t at = 0;
    (void)snprintf(page, sizeof page, "%c %.*s", section, (int)len, name);
    while (at < p->count && strcmp(p->name[at], page) < 0)
        at++;
    if ((at < p->count && strcmp(p->name[at], page) == 0) ||
        p->count == sizeof p->name / sizeof p->name[0])
        return;
    memmove(p->name + at + 1, p->name + at, (p->count - at) * sizeof p->name[0]);
    memcpy(p->name[at], page, sizeof page);
    p->count++;
}

/* The pages of the same noun, those that the text names, and those that all have. */
static void
see_also(struct buf *page, const struct cmd *cmd, const struct about *about)
{
    struct pages p = {.count = 0};
    struct buf text;
    const struct cmd *other;
    char name[CMD_NAME + 16];
    also(&p, "keymuster", 9, '1');
    for (size_t i = 0; (other = cmd_at(i)) != NULL; i++) {
        page_name(name, other);
        if (other != cmd && other->noun != NULL && cmd->noun != NULL &&
            strcmp(other->noun, cmd->noun) == 0 && !(other->flags & CMD_HIDDEN))
            also(&p, name, strlen(name), '1');
    }
    for (const char *at = NULL; (at = about_next(&text, about, "see", at)) != NULL;) {
        size_t len = strcspn(buf_str(&text), "(");
        also(&p, buf_str(&text), len, len < text.len ? text.data[len + 1] : '1');
        buf_release(&text);
    }
    buf_release(&text);
    also(&p, "keymuster-errors", 16, '7');
    buf_adds(page, ".Sh SEE ALSO\n");
    for (size_t i = 0; i < p.count; i++)
        buf_addf(page, ".Xr %s %c%s\n", p.name[i] + 2, p.name[i][0], i + 1 < p.count ? " ," : "");
    for (const char *at = NULL; (at = about_next(&text, about, "doc", at)) != NULL;) {
        buf_addf(page, ".Pp\nIn the documentation:\n.Pa %s\n", buf_str(&text));
        buf_release(&text);
    }
    buf_release(&text);
}

static void
tagged(struct buf *page, const struct about *about, const char *title, const char *word,
       const char *macro)
{
    if (!about_has(about, word))
        return;
    buf_addf(page, ".Sh %s\n.Bl -tag -width Ds\n", title);
    about_items(page, about, word, macro);
    buf_adds(page, ".El\n");
}

/* ---- pages ---- */

static void
command_page(const struct cmd *cmd)
{
    struct buf page;
    struct about about = {"", ""};
    char words[CMD_NAME], name[CMD_NAME + 16];
    page_name(name, cmd);
    cmd_name(words, cmd);
    head(&page, name, 1, cmd->summary);
    buf_adds(&page, ".Sh SYNOPSIS\n.Nm keymuster\n");
    buf_addf(&page, ".Cm %s%s%s\n", cmd->noun == NULL ? "" : cmd->noun,
             cmd->noun == NULL ? "" : " ", cmd->verb);
    mdoc_synopsis(&page, cmd->synopsis);
    buf_adds(&page, ".Sh DESCRIPTION\n");
    if (about_find(&about, buf_str(&told), words))
        about_description(&page, &about);
    else
        mdoc_text(&page, cmd->summary); /* a test tells of it */
    if (cmd->flags & CMD_DESTRUCTIVE)
        buf_adds(&page, "It destroys something, so it wants the name typed, or\n"
                        ".Fl -confirm Ar NAME .\n");
    if (cmd->flags & CMD_EMERGENCY)
        buf_adds(&page, "It is part of a recovery:\n.Xr keymuster-recovery 7 .\n");
    buf_adds(&page, ".Pp\n");
    if (cmd->options != NULL && cmd->options->id != OPT_NONE) {
        buf_adds(&page, "The options are:\n");
        option_list(&page, cmd->options);
        buf_adds(&page, ".Pp\n");
    }
    buf_adds(&page, "Options of every command are in\n.Xr keymuster 1 .\n");
    tagged(&page, &about, "ENVIRONMENT", "env", "Ev");
    tagged(&page, &about, "FILES", "file", "Pa");
    command_exit(&page, cmd, &about);
    examples(&page, cmd, &about);
    see_also(&page, cmd, &about);
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
    main_exit(&page);
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
    if (argc < 3) {
        (void)fputs("Usage: man_pages OUT PARTS TEXT...\n", stderr);
        return 2;
    }
    out_dir = argv[1];
    parts_dir = argv[2];
    buf_init(&told, PAGE_MOST);
    for (int i = 3; i < argc; i++) {
        struct err err = ERR_INIT;
        if (file_read(&told, argv[i], &err) != RC_OK)
            give_up(&err);
        buf_addc(&told, '\n');
    }
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        if (!(cmd->flags & CMD_HIDDEN))
            command_page(cmd);
    }
    main_page();
    errors_page();
    buf_release(&told);
    return 0;
}
