#include "cli/ref.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/layout.h"
#include "cli/ref_command.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/term.h"

enum form {
    FORM_NONE,
    FORM_FILE,
    FORM_FD,
    FORM_ENV,
    FORM_COMMAND,
    FORM_CREDENTIAL,
    FORM_PROMPT,
    FORM_STDIN
};

static int no_input; /* --no-input; set once at the start */
static int stdin_is_used;

/* The form of a reference; *rest is what follows the colon. */
static enum form
ref_form(const char *text, const char **rest)
{
    static const struct {
        const char *prefix;
        enum form form;
    } forms[] = {{"file:", FORM_FILE},
                 {"fd:", FORM_FD},
                 {"env:", FORM_ENV},
                 {"command:", FORM_COMMAND},
                 {"credential:", FORM_CREDENTIAL}};
    *rest = "";
    if (strcmp(text, "prompt") == 0)
        return FORM_PROMPT;
    if (strcmp(text, "-") == 0)
        return FORM_STDIN;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = strlen(forms[i].prefix);
        if (strncmp(text, forms[i].prefix, len) == 0 && text[len] != '\0') {
            *rest = text + len;
            return forms[i].form;
        }
    }
    return FORM_NONE;
}

int
ref_is(const char *text)
{
    const char *rest;
    return ref_form(text, &rest) != FORM_NONE;
}

int
ref_is_lasting(const char *ref)
{
    const char *rest;
    enum form form = ref_form(ref, &rest);
    return form == FORM_FILE || form == FORM_ENV || form == FORM_COMMAND || form == FORM_CREDENTIAL;
}

void
ref_set_no_input(int yes)
{
    no_input = yes;
}

enum rc
ref_check(const char *text, const char *what, struct err *err)
{
    if (ref_is(text))
        return RC_OK;
    (void)err_set(err, RC_SECRET_LITERAL, "%s: a reference to the secret is wanted here", what);
    (void)err_why(err,
                  "what stands there is taken for the secret itself; a command line is kept in "
                  "the shell's history and shown in the process list");
    (void)err_hint(err, "if it was the secret: change it, it has been seen there by now");
    (void)err_hint(err, "file:PATH   a file that only you can read");
    (void)err_hint(err, "prompt      asked for without echo");
    (void)err_hint(err, "-           read from standard input");
    return err_hint(err, "also: fd:N env:NAME command:ARGV credential:NAME");
}

static enum rc
open_file(int *fd, const char *path, int must_be_private, const char *what, struct err *err)
{
    enum rc rc = RC_OK;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0) {
        (void)err_errno(err, RC_CREDENTIAL, "%s: opening %s", what, path);
        return err->code;
    }
    if (must_be_private)
        rc = file_check_private(*fd, path, err);
    if (rc != RC_OK) {
        (void)err_wrap(err, "%s", what);
        (void)close(*fd); /* only read from */
        *fd = -1;
    }
    return rc;
}

static enum rc
open_credential(int *fd, const char *name, const char *what, struct err *err)
{
    const char *folder = env_get("CREDENTIALS_DIRECTORY");
    char path[PATH_SIZE];
    if (strchr(name, '/') != NULL || name[0] == '.')
        return err_set(err, RC_BAD_VALUE, "%s: credential:NAME takes a plain name", what);
    if (folder == NULL || folder[0] != '/') {
        (void)err_set(err, RC_CREDENTIAL, "%s: no credentials were passed", what);
        (void)err_why(err, "CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit");
        return err_hint(err, "in the unit: LoadCredential=%s:/path/to/file", name);
    }
    enum rc rc = path_join(path, folder, name, err);
    if (rc != RC_OK)
        return rc;
    /* No look at the mode: systemd gives the file to root with an access list for the unit's user.
     */
    return open_file(fd, path, 0, what, err);
}

static enum rc
open_fd(int *fd, const char *number, const char *what, struct err *err)
{
    *fd = fd_parse(number);
    if (*fd < 0)
        return err_set(err, RC_BAD_VALUE, "%s: fd:N takes the number of a descriptor", what);
    if (fcntl(*fd, F_GETFD) < 0) {
        (void)err_errno(err, RC_CREDENTIAL, "%s: descriptor %d is not open for reading", what, *fd);
        *fd = -1;
        return err->code;
    }
    if (*fd == STDIN_FILENO)
        stdin_is_used = 1;
    return RC_OK;
}

static enum rc
open_stdin(int *fd, int secret, const char *what, struct err *err)
{
    if (stdin_is_used)
        return err_set(err, RC_CREDENTIAL, "%s: standard input has been read already", what);
    if (secret && term_is_tty(STDIN_FILENO)) {
        (void)err_set(err, RC_CREDENTIAL,
                      "%s: standard input is a terminal, which shows what is "
                      "typed",
                      what);
        return err_hint(err, "prompt asks without echo");
    }
    stdin_is_used = 1;
    *fd = STDIN_FILENO;
    return RC_OK;
}

/* A reference that is read from a descriptor. */
struct source {
    int fd;
    struct ref_command command; /* pid 0: none */
};

static enum rc
source_open(struct source *src, enum form form, const char *rest, int secret, const char *what,
            struct err *err)
{
    *src = (struct source){.fd = -1};
    switch (form) {
    case FORM_FILE:
        return open_file(&src->fd, rest, secret, what, err);
    case FORM_CREDENTIAL:
        return open_credential(&src->fd, rest, what, err);
    case FORM_FD:
        return open_fd(&src->fd, rest, what, err);
    case FORM_STDIN:
        return open_stdin(&src->fd, secret, what, err);
    case FORM_COMMAND: {
        enum rc rc = ref_command_start(&src->command, rest, what, err);
        src->fd = src->command.fd;
        return rc;
    }
    case FORM_NONE:
    case FORM_ENV:
    case FORM_PROMPT:
        break;
    }
    return err_set(err, RC_INTERNAL, "%s: not read from a descriptor", what);
}

/* rc is that of the reading; the first failure stays. */
static enum rc
source_close(struct source *src, enum rc rc, const char *what, struct err *err)
{
    /* Only read from, so nothing can be lost; fd:N is closed, too: it must not reach a child. */
    if (src->fd > STDERR_FILENO)
        (void)close(src->fd);
    if (src->command.pid > 0) {
        struct err later = ERR_INIT;
        enum rc ended = ref_command_end(&src->command, what, &later);
        if (rc == RC_OK && ended != RC_OK) {
            *err = later;
            rc = ended;
        }
    }
    return rc;
}

static const char *
env_value(const char *name, const char *what, struct err *err)
{
    const char *value = env_original(name);
    if (value == NULL)
        (void)err_set(err, RC_CREDENTIAL, "%s: the environment has no %.64s", what, name);
    else
        env_used_as_credential(name);
    return value;
}

static enum rc
ask(struct secret *out, const char *what, const char *again, struct err *err)
{
    char prompt[160];
    if (no_input) {
        (void)err_set(err, RC_NO_CONFIRM, "%s would be asked for", what);
        (void)err_why(err, "--no-input forbids questions");
        return err_hint(err, "use file:PATH, credential:NAME or - instead of prompt");
    }
    (void)snprintf(prompt, sizeof prompt, "%.128s%s: ", what, again);
    return term_ask_secret(out, prompt, err);
}

static enum rc
read_form(struct secret *s, enum form form, const char *rest, const char *what, struct err *err)
{
    struct source src;
    if (form == FORM_PROMPT)
        return ask(s, what, "", err);
    if (form == FORM_ENV) {
        const char *value = env_value(rest, what, err);
        return value == NULL ? err->code : secret_add(s, value, strlen(value), err);
    }
    enum rc rc = source_open(&src, form, rest, 1, what, err);
    if (rc == RC_OK)
        rc = file_read_secret(s, src.fd, what, err);
    return source_close(&src, rc, what, err);
}

/* Failures of reading are the reference's failures; those of memory, terminal and the like keep
 * their codes. */
static enum rc
as_credential(struct err *err)
{
    if (err->code == RC_IO || err->code == RC_BAD_VALUE || err->code == RC_NOT_FOUND)
        err->code = RC_CREDENTIAL;
    return err->code;
}

static void
cut_line_end(struct secret *s)
{
    if (s->len == 0 || s->bytes[s->len - 1] != '\n')
        return;
    secret_cut(s, s->len - 1);
    if (s->len > 0 && s->bytes[s->len - 1] == '\r')
        secret_cut(s, s->len - 1);
}

enum rc
ref_read(struct secret **out, const char *ref, const char *what, struct err *err)
{
    struct secret *s = NULL;
    const char *rest;
    enum form form = ref_form(ref, &rest);
    *out = NULL;
    if (form == FORM_NONE)
        return ref_check(ref, what, err);
    enum rc rc = secret_new(&s, err);
    if (rc != RC_OK)
        return rc;
    rc = read_form(s, form, rest, what, err);
    if (rc != RC_OK) {
        rc = as_credential(err);
        goto out;
    }
    cut_line_end(s);
    if (s->len == 0) {
        rc = err_set(err, RC_CREDENTIAL, "%s is empty", what);
        goto out;
    }
    *out = s;
    s = NULL; /* transferred */
out:
    secret_free(s);
    return rc;
}

enum rc
ref_read_new(struct secret **out, const char *ref, const char *what, struct err *err)
{
    struct secret *again = NULL;
    const char *rest;
    enum rc rc = ref_read(out, ref, what, err);
    if (rc != RC_OK || ref_form(ref, &rest) != FORM_PROMPT)
        return rc;
    rc = secret_new(&again, err);
    if (rc == RC_OK)
        rc = ask(again, what, ", again", err);
    if (rc == RC_OK && !secret_equal(*out, again))
        rc = err_set(err, RC_BAD_VALUE, "%s: the two entries differ", what);
    secret_free(again);
    if (rc != RC_OK) {
        secret_free(*out);
        *out = NULL;
    }
    return rc;
}

static enum rc
ask_open(struct buf *out, const char *what, struct err *err)
{
    char line[4096];
    char prompt[160];
    if (no_input)
        return err_set(err, RC_NO_CONFIRM, "%s would be asked for", what);
    (void)snprintf(prompt, sizeof prompt, "%.128s: ", what);
    enum rc rc = layout_ask(line, sizeof line, prompt, err);
    if (rc == RC_OK)
        buf_adds(out, line);
    return rc;
}

static enum rc
read_form_open(struct buf *out, enum form form, const char *rest, const char *what, struct err *err)
{
    struct source src;
    if (form == FORM_PROMPT)
        return ask_open(out, what, err);
    if (form == FORM_ENV) {
        const char *value = env_original(rest);
        if (value == NULL)
            return err_set(err, RC_BAD_VALUE, "%s: the environment has no %.64s", what, rest);
        buf_adds(out, value);
        return RC_OK;
    }
    enum rc rc = source_open(&src, form, rest, 0, what, err);
    if (rc == RC_OK)
        rc = file_read_fd(out, src.fd, what, err);
    return source_close(&src, rc, what, err);
}

enum rc
ref_read_open(struct buf *out, const char *ref, const char *what, struct err *err)
{
    const char *rest;
    enum form form = ref_form(ref, &rest);
    if (form == FORM_NONE) {
        (void)err_set(err, RC_BAD_VALUE, "%s: not a reference", what);
        (void)err_hint(err, "file:PATH   the text of a file");
        return err_hint(err, "-           standard input");
    }
    size_t before = out->len;
    enum rc rc = read_form_open(out, form, rest, what, err);
    if (rc == RC_OK)
        rc = buf_check(out, what, err);
    if (rc == RC_CREDENTIAL)
        rc = err->code = RC_BAD_VALUE; /* it is no credential here */
    if (rc != RC_OK)
        return rc;
    if (out->len > before && out->data[out->len - 1] == '\n') {
        out->len--;
        if (out->len > before && out->data[out->len - 1] == '\r')
            out->len--;
        out->data[out->len] = '\0';
    }
    if (out->len == before)
        return err_set(err, RC_BAD_VALUE, "%s is empty", what);
    return RC_OK;
}

enum rc
ref_absolute(struct buf *out, const char *ref, struct err *err)
{
    const char *rest;
    char path[PATH_SIZE];
    if (ref_form(ref, &rest) != FORM_FILE || rest[0] == '/') {
        buf_adds(out, ref);
        return buf_check(out, "a reference", err);
    }
    enum rc rc = path_absolute(path, rest, err);
    if (rc != RC_OK)
        return rc;
    buf_adds(out, "file:");
    buf_adds(out, path);
    return buf_check(out, "a reference", err);
}
