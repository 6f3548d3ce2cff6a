/* keymuster: disaster-recovery escrow for backup-encryption keys. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "sys/env.h"
#include "sys/process.h"

extern char **environ;

/* A descriptor 0, 1 or 2 that was closed would be given to the next file opened, the store perhaps,
 * and our output would go there. Read-only: writing to it has to fail. */
static enum rc
occupy_standard_descriptors(struct err *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        if (open("/dev/null", O_RDONLY) != fd)
            return err_errno(err, RC_IO, "opening /dev/null");
    }
    return RC_OK;
}

/* Without the locale everything works, in ASCII. One that is not installed here, as ssh brings it
 * along, still says of the terminal whether it shows UTF-8. There is one thread yet. */
static void
choose_characters(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *value = NULL;
    if (setlocale(LC_CTYPE, "") != NULL) /* NOLINT(concurrency-mt-unsafe): one thread */
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && (value == NULL || *value == '\0'); i++)
        value = env_get(names[i]);
    const char *dot = value != NULL ? strchr(value, '.') : NULL;
    if (dot != NULL && (strncasecmp(dot, ".UTF-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0))
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static enum rc
prepare(struct ctx *ctx, int argc, char **argv, struct err *err)
{
    enum rc rc = env_scrub(environ, err);
    if (rc == RC_OK)
        rc = occupy_standard_descriptors(err);
    if (rc != RC_OK)
        return rc;
    process_harden();
    signals_catch();
    choose_characters();
    ctx_color(ctx);
    ctx->format = out_guess(argc, argv);
    return crypt_init(err);
}

/* Without a command: the short page, a page asked for, or the version. */
static enum rc
run_without_command(struct ctx *ctx, const struct cmd_line *line, struct err *err)
{
    if (line->noun != NULL)
        return help_answer(ctx, line->noun, NULL, err);
    if (line->help || (!line->version && out_is_json(ctx)))
        return help_answer(ctx, NULL, NULL, err);
    if (line->version)
        return version_answer(ctx, err);
    help_short(&ctx->out, ".", help_width(ctx));
    return RC_OK;
}

static enum rc
run_command(struct ctx *ctx, struct err *err)
{
    enum rc rc = RC_OK;
    if (ctx->accept_risk != NULL)
        rc = secret_arena_open(SECRET_UNLOCKED_OK, err);
    if (rc != RC_OK)
        return rc;
    if (secret_unlocked())
        out_warn(ctx, "memory for secrets is not locked; the record will say so");
    if ((ctx->cmd->flags & (CMD_READ | CMD_WRITE)) && !(ctx->cmd->flags & CMD_NO_STORE) &&
        cmd_open_store != NULL)
        rc = cmd_open_store(ctx, err);
    return rc == RC_OK ? ctx->cmd->run(ctx, err) : rc;
}

static enum rc
run(struct ctx *ctx, int argc, char **argv, struct err *err)
{
    struct cmd_line line;
    enum rc rc = cmd_look_up(&line, argc, argv, err);
    if (rc != RC_OK)
        return rc;
    if (line.cmd == NULL)
        return run_without_command(ctx, &line, err);
    ctx->cmd = line.cmd;
    if (line.help) {
        const char *noun = line.cmd->noun;
        return help_answer(ctx, noun == NULL ? line.cmd->verb : noun,
                           noun == NULL ? NULL : line.cmd->verb, err);
    }
    if (line.version)
        return version_answer(ctx, err);
    rc = opt_parse(&ctx->opts, argc, argv, line.cmd->options, line.words,
                   line.cmd->flags & CMD_EXEC ? OPT_PARSE_EXEC : OPT_PARSE_PLAIN, err);
    if (rc == RC_OK)
        rc = ctx_settle(ctx, err);
    return rc == RC_OK ? run_command(ctx, err) : rc;
}

/* An option that this command has not (opt_parse has said which), but others have. */
static void
name_takers(struct err *err)
{
    static const char unknown[] = "unknown option --";
    enum { MOST = 12 };
    const char *option = err->msg + sizeof unknown - 1;
    char list[MOST * (CMD_NAME + 2) + 4] = "";
    const struct cmd *cmd;
    size_t takers = 0;
    if (err->code != RC_USAGE || strncmp(err->msg, unknown, sizeof unknown - 1) != 0)
        return;
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        const struct opt_spec *s = cmd->options;
        while (s != NULL && s->id != OPT_NONE && strcmp(s->name, option) != 0)
            s++;
        if (s == NULL || s->id == OPT_NONE || (cmd->flags & CMD_HIDDEN) || ++takers > MOST)
            continue;
        char name[CMD_NAME];
        cmd_name(name, cmd);
        strncat(list, takers > 1 ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, name, sizeof list - strlen(list) - 1);
    }
    if (takers > 0)
        (void)err_hint(err, "--%s is an option of: %s%s", option, list,
                       takers > MOST ? ", ..." : "");
}

/* A wrong command line whose message has no way out of its own: the page of its command. */
static void
point_to_page(const struct ctx *ctx, struct err *err)
{
    char name[CMD_NAME];
    if (err->code != RC_USAGE || err->hint[0] != '\0' || ctx->cmd == NULL)
        return;
    cmd_name(name, ctx->cmd);
    (void)err_hint(err, "the whole page: keymuster help %s", name);
}

/* Writes what is left and says what failed. Returns the exit status. */
static int
finish(struct ctx *ctx, enum rc rc, struct err *err)
{
    struct err later = ERR_INIT;
    int status = ctx->exit_status >= 0 ? ctx->exit_status : ctx->findings > 0 ? 3 : 0;
    /* Before the error, so that on a terminal it stands below what came out until then. */
    if (out_flush(ctx, &later) != RC_OK && rc == RC_OK) {
        *err = later;
        rc = err->code;
    }
    if (rc != RC_OK) {
        session_say_stored(ctx, err);
        from_hints(ctx, err);
        name_takers(err);
        point_to_page(ctx, err);
        status = out_exit(ctx, err);
        out_error(ctx, err);
    }
    err_clear(&later);
    if (out_end(ctx, status, &later) != RC_OK) {
        session_say_stored(ctx, &later);
        out_error(ctx, &later);
        status = err_worse_exit(status, out_exit(ctx, &later));
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct ctx ctx;
    ctx_init(&ctx);
    enum rc rc = prepare(&ctx, argc, argv, &err);
    if (rc == RC_OK)
        rc = run(&ctx, argc, argv, &err);
    int status = finish(&ctx, rc, &err);
    if (cmd_close_store != NULL)
        cmd_close_store(&ctx);
    ctx_release(&ctx);
    secret_arena_close();
    return status;
}
