#include "cli/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/ref_command.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "escrow/conflict.h"
#include "escrow/entry.h"
#include "escrow/log.h"
#include "sys/env.h"

extern char **environ;

enum { CONFLICTS_TOLD = 20 };

static const char *
command_of(const struct ctx *ctx)
{
    const struct store *store = session_records(ctx);
    return store != NULL ? ini_get(store->conf, "notify", NULL, "command") : NULL;
}

/* ---- running it ---- */

/* In the child of a child: never returns. Tells errno through report. */
NORETURN static void
become(char **words, int in, int report)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    int nowhere = open("/dev/null", O_WRONLY);
    (void)sigaction(SIGPIPE, &plain, NULL); /* cannot fail for a valid signal */
    if (nowhere >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0 &&
        dup2(nowhere, STDERR_FILENO) >= 0) {
        environ = env_for_child();
        (void)execvp(words[0], words); /* returns only on failure, see below */
    }
    int cause = errno;
    ssize_t told = write(report, &cause, sizeof cause);
    _exit(told < 0 ? 126 : 127);
}

/* Nobody's child, in a session of its own: our end and our terminal are not its. */
static int
leave(char **words, int in, int report)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (setsid() < 0)
            _exit(126);
        pid_t second = fork();
        if (second == 0)
            become(words, in, report);
        _exit(second < 0 ? 126 : 0);
    }
    if (pid < 0)
        return -1;
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : -1;
}

static void
close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]); /* pipes; what was written is there */
    }
}

/* 0, or what errno says. The object lies in the pipe before anybody reads: it is far smaller than a
 * pipe holds, and a pipe that takes less is a failure, not a wait. */
static int
start(char **words, const struct buf *doc)
{
    int fds[4] = {-1, -1, -1, -1};
    int cause = 0;
    if (pipe(fds) != 0 || pipe(fds + 2) != 0) {
        cause = errno;
        close_all(fds, 4);
        return cause;
    }
    for (size_t i = 0; i < 4; i++)
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC); /* on a descriptor just made */
    (void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
    if (write(fds[1], doc->data, doc->len) != (ssize_t)doc->len ||
        leave(words, fds[0], fds[3]) != 0)
        cause = errno != 0 ? errno : EIO;
    close_all(fds + 3, 1);
    fds[3] = -1;
    int told = 0;
    ssize_t n = 0;
    while (cause == 0 && (n = read(fds[2], &told, sizeof told)) < 0 && errno == EINTR)
        ;
    if (cause == 0 && n == (ssize_t)sizeof told)
        cause = told;
    close_all(fds, 4);
    return cause;
}

static void
tell(struct ctx *ctx, const struct buf *doc)
{
    struct err err = ERR_INIT;
    char **words = NULL;
    int cause = 0;
    enum rc rc = buf_check(doc, "a notification", &err);
    if (rc == RC_OK)
        rc = ref_split(&words, command_of(ctx), "[notify] command", &err);
    if (rc == RC_OK)
        cause = start(words, doc);
    if (rc != RC_OK)
        out_warn(ctx, "nobody was notified: %s", err.msg);
    else if (cause != 0)
        out_warn(ctx, "nobody was notified: [notify] command: running %s: %s", words[0],
                 strerror(cause)); /* NOLINT(concurrency-mt-unsafe): this thread's alone */
    free(words);
}

/* ---- what it is told ---- */

static void
begin(struct buf *doc, struct jw *w, const struct ctx *ctx, const char *event)
{
    char site[LIMIT_NAME + 1] = "";
    const struct store *store = session_records(ctx);
    struct err scratch = ERR_INIT;
    if (store->site[0] != '\0')
        err_ignore(object_name(store, store->site, site, &scratch));
    session_answer(doc, w, "notify");
    jw_str(w, "event", event);
    jw_str(w, "escrow", store->escrow);
    jw_opt(w, "site", site);
    jw_str(w, "author", store->self.author);
}

static void
write_entry(struct jw *w, const struct json *entry, const char *hash)
{
    const struct json *by = json_get(entry, "by");
    struct buf text;
    buf_init(&text, LIMIT_ENTRY);
    jw_str(w, "entry", hash);
    jw_str(w, "at", json_gets(entry, "at"));
    if (by != NULL) {
        json_print(&text, by);
        jw_raw(w, "by", buf_str(&text), text.len);
    }
    buf_release(&text);
}

static void
tell_reveal(struct ctx *ctx, const struct json *entry, const char *hash)
{
    static const char *const members[] = {"reason", "ticket", "to", "person", "wrap"};
    const struct json *body = json_get(entry, "body");
    const char *uuid = json_gets(body, "key");
    struct err scratch = ERR_INIT;
    struct key key;
    struct buf doc;
    struct jw w;
    begin(&doc, &w, ctx, "reveal");
    write_entry(&w, entry, hash);
    if (uuid != NULL && key_find(ctx->store, uuid, &key, &scratch) == RC_OK) {
        jw_str(&w, "key", key.name);
        jw_int(&w, "generation", key.generation);
        jw_str(&w, "purpose", key.purpose);
    }
    jw_opt(&w, "uuid", uuid);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        jw_opt(&w, members[i], json_gets(body, members[i]));
    jw_end_obj(&w);
    tell(ctx, &doc);
    buf_release(&doc);
}

/* The state that was observed before this entry; "" for a root key that is seen first. */
static enum rc
former_state(const struct store *store, const char *root, const char *hash, char out[24],
             struct err *err)
{
    static const char *const states[] = {"", "active", "suspended", "deactivated", "", "destroyed"};
    struct stmt *q = NULL;
    out[0] = '\0';
    enum rc rc = db_query(store->db, &q,
                          "SELECT state FROM root_observed WHERE root = ?1"
                          " AND lower(hex(entry)) <> ?2 ORDER BY at DESC, entry LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, root);
    stmt_text(q, 2, hash);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        int64_t state = col_int(q, 0);
        (void)snprintf(out, 24, "%s", state >= 0 && state < 6 ? states[state] : "");
    }
    stmt_done(q);
    return rc;
}

static void
tell_root(struct ctx *ctx, const struct json *entry, const char *hash)
{
    const struct json *body = json_get(entry, "body");
    const char *root = json_gets(body, "root");
    const char *state = json_gets(body, "state");
    struct err scratch = ERR_INIT;
    char former[24], name[LIMIT_NAME + 1];
    struct buf doc;
    struct jw w;
    if (root == NULL || state == NULL ||
        former_state(ctx->store, root, hash, former, &scratch) != RC_OK || former[0] == '\0' ||
        strcmp(former, state) == 0 || object_name(ctx->store, root, name, &scratch) != RC_OK)
        return;
    begin(&doc, &w, ctx, "root");
    write_entry(&w, entry, hash);
    jw_str(&w, "root", name);
    jw_str(&w, "uuid", root);
    jw_str(&w, "state", state);
    jw_str(&w, "former_state", former);
    jw_opt(&w, "restore_until", json_gets(body, "restore_until"));
    jw_end_obj(&w);
    tell(ctx, &doc);
    buf_release(&doc);
}

static void
tell_entry(struct ctx *ctx, const char *line, size_t len)
{
    char hash[HASH_TEXT + 1];
    struct err scratch = ERR_INIT;
    struct json *entry = NULL;
    if (json_parse(&entry, line, len, "an entry", &scratch) != RC_OK)
        return;
    const char *kind = json_gets(entry, "kind");
    sha256_hex(hash, line, len);
    if (kind != NULL && strcmp(kind, "reveal.intended") == 0)
        tell_reveal(ctx, entry, hash);
    else if (kind != NULL && strcmp(kind, "root.observed") == 0)
        tell_root(ctx, entry, hash);
    json_free(entry);
}

/* ---- when ---- */

static int64_t
end_of(const struct ctx *ctx)
{
    struct log_end end = {.seq = 0};
    struct err scratch = ERR_INIT;
    const struct store *store = session_records(ctx);
    return log_end(store, store->self.author, &end, &scratch) == RC_OK ? end.seq : 0;
}

/* Entries of others that count: more of them can be a conflict. */
static int64_t
others_of(const struct ctx *ctx)
{
    struct stmt *q = NULL;
    struct err scratch = ERR_INIT;
    int64_t n = -1;
    const struct store *store = session_records(ctx);
    enum rc rc =
        db_query(store->db, &q, "SELECT coalesce(sum(applied), 0) FROM accepted WHERE author <> ?1",
                 &scratch);
    if (rc != RC_OK)
        return n;
    stmt_text(q, 1, store->self.author);
    if (stmt_row(q, &scratch) == RC_OK && stmt_more(q))
        n = col_int(q, 0);
    stmt_done(q);
    return n;
}

void
notify_begin(struct ctx *ctx)
{
    if (command_of(ctx) == NULL)
        return;
    ctx->notified = end_of(ctx);
    ctx->others = others_of(ctx);
}

/* The next entry that is told, copied: telling asks the database. *len 0: there is none. */
static void
next_line(struct ctx *ctx, struct buf *line)
{
    struct stmt *q = NULL;
    struct err scratch = ERR_INIT;
    const struct store *store = session_records(ctx);
    buf_clear(line);
    enum rc rc = db_query(store->db, &q,
                          "SELECT seq, line FROM entry WHERE author = ?1 AND seq > ?2"
                          " AND json_extract(line, '$.kind') IN ('reveal.intended',"
                          " 'root.observed') ORDER BY seq LIMIT 1",
                          &scratch);
    if (rc != RC_OK)
        return;
    stmt_text(q, 1, store->self.author);
    stmt_int(q, 2, ctx->notified);
    rc = stmt_row(q, &scratch);
    if (rc == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const char *text = col_blob(q, 1, &len);
        buf_add(line, text, len);
        ctx->notified = col_int(q, 0);
    }
    stmt_done(q);
}

void
notify_look(struct ctx *ctx)
{
    struct buf line;
    if (ctx->store == NULL || ctx->dry_run || command_of(ctx) == NULL || ctx->notified < 0)
        return;
    buf_init(&line, LIMIT_ENTRY);
    for (next_line(ctx, &line); line.len > 0; next_line(ctx, &line))
        tell_entry(ctx, line.data, line.len);
    ctx->notified = end_of(ctx);
    buf_release(&line);
}

struct conflicts {
    struct jw *w;
    struct sha256_state hash;
    int64_t count;
};

static enum rc
add_conflict(void *arg, const struct conflict *c, struct err *err)
{
    struct conflicts *l = arg;
    char settle[CONFLICT_SETTLING];
    (void)err;
    sha256_more(&l->hash, c->object, strlen(c->object) + 1);
    sha256_more(&l->hash, c->field, strlen(c->field) + 1);
    if (l->count++ >= CONFLICTS_TOLD)
        return RC_OK;
    conflict_settling(c, settle, sizeof settle);
    jw_obj(l->w, NULL);
    jw_opt(l->w, "kind", c->kind);
    jw_str(l->w, "object", c->label);
    jw_str(l->w, "field", c->field);
    jw_opt(l->w, "settle", settle);
    jw_end_obj(l->w);
    return RC_OK;
}

/* Told once, until they are others. */
static int
is_news(const struct store *store, const char *hash)
{
    struct buf told;
    struct err scratch = ERR_INIT;
    buf_init(&told, LIMIT_TEXT);
    int news = store_meta(store, "notified_conflicts", &told, &scratch) == RC_OK &&
               strcmp(buf_str(&told), hash) != 0;
    buf_release(&told);
    return news;
}

void
notify_conflicts(struct ctx *ctx)
{
    struct conflicts l = {.count = 0};
    struct err scratch = ERR_INIT;
    unsigned char raw[HASH_SIZE];
    char hash[HASH_TEXT + 1], at[TIME_TEXT + 1];
    struct buf doc;
    struct jw w;
    if (ctx->store == NULL || ctx->dry_run || ctx->notified < 0 || command_of(ctx) == NULL ||
        others_of(ctx) == ctx->others)
        return;
    begin(&doc, &w, ctx, "conflict");
    time_format(at, clock_now_ms());
    jw_str(&w, "at", at);
    jw_arr(&w, "conflicts");
    l.w = &w;
    sha256_begin(&l.hash);
    enum rc rc = conflict_each(ctx->store, add_conflict, &l, &scratch);
    sha256_end(&l.hash, raw);
    jw_end_arr(&w);
    jw_int(&w, "count", l.count);
    jw_end_obj(&w);
    sha256_hex(hash, raw, sizeof raw);
    if (rc == RC_OK && is_news(ctx->store, hash)) {
        rc = log_begin(ctx->store, &scratch);
        if (rc == RC_OK)
            rc = store_meta_set(ctx->store, "notified_conflicts", hash, &scratch);
        rc = log_finish(ctx->store, rc, &scratch);
        if (rc == RC_OK && l.count > 0)
            tell(ctx, &doc);
    }
    buf_release(&doc);
}
