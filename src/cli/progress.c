#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/file.h"
#include "sys/term.h"

enum { TTY_MS = 200, JSON_MS = 1000, PLAIN_MS = 5000 };

void
progress_begin(struct progress *p, const struct ctx *ctx, const char *doing, int64_t of)
{
    *p = (struct progress){.ctx = ctx, .doing = doing, .of = of, .began_ms = clock_mono_ms()};
    if (strcmp(ctx->progress, "auto") != 0 && strcmp(ctx->progress, "none") != 0)
        p->how = ctx->progress[0];
    else if (ctx->progress[0] == 'a' && !ctx->quiet && term_is_tty(STDERR_FILENO))
        p->how = term_is_plain() ? 'p' : 't';
}

/* Nobody is helped by an error about it. */
static void
put(const char *text)
{
    struct err scratch;
    err_ignore(file_write_fd(STDERR_FILENO, text, strlen(text), "progress", &scratch));
}

static void
tell_json(const struct progress *p, int64_t done, int64_t failed, int64_t rate, int64_t left)
{
    char line[256], eta[48] = "";
    if (left >= 0)
        (void)snprintf(eta, sizeof eta, ",\"seconds_left\":%lld", (long long)left);
    (void)snprintf(
        line, sizeof line,
        "{\"schema\":\"keymuster.progress/1\",\"doing\":\"%s\",\"done\":%lld,\"of\":%lld,"
        "\"failed\":%lld,\"per_second\":%lld%s}\n",
        p->doing, (long long)done, (long long)p->of, (long long)failed, (long long)rate, eta);
    put(line);
}

void
progress_tell(struct progress *p, int64_t done, int64_t failed)
{
    int64_t now = clock_mono_ms();
    int64_t pause = p->how == 't' ? TTY_MS : p->how == 'j' ? JSON_MS : PLAIN_MS;
    char line[256], of[40] = "", bad[40] = "", eta[48] = "";
    if (p->how == 0 || now - p->told_ms < pause || now - p->began_ms < TTY_MS)
        return;
    p->told_ms = now;
    int64_t rate = (done + failed) * 1000 / (now - p->began_ms);
    int64_t left = p->of > 0 && rate > 0 ? (p->of - done - failed) / rate : -1;
    if (p->how == 'j') {
        tell_json(p, done, failed, rate, left);
        return;
    }
    if (p->of > 0)
        (void)snprintf(of, sizeof of, " of %lld", (long long)p->of);
    if (failed > 0)
        (void)snprintf(bad, sizeof bad, ", %lld failed", (long long)failed);
    if (left >= 0)
        (void)snprintf(eta, sizeof eta, ", %lld min %lld s left", (long long)left / 60,
                       (long long)left % 60);
    (void)snprintf(line, sizeof line, "%s%s %lld%s%s, %lld/s%s%s", p->how == 't' ? "\r\033[K" : "",
                   p->doing, (long long)done, of, bad, (long long)rate, eta,
                   p->how == 't' ? "" : "\n");
    put(line);
    p->shown = 1;
}

void
progress_end(struct progress *p)
{
    if (p->how == 't' && p->shown)
        put("\r\033[K");
    p->shown = 0;
}
