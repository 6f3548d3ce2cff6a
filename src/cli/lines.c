#include "cli/lines.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/process.h"

enum rc
lines_open(struct lines *l, const char *path, struct err *err)
{
    l->name = path;
    l->number = 0;
    buf_init(&l->text, LIMIT_ENTRY);
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    l->file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (l->file != NULL)
        return RC_OK;
    enum rc rc = file_not_opened(path, err);
    if (fd >= 0)
        (void)close(fd); /* nothing was read */
    return rc;
}

void
lines_close(struct lines *l)
{
    if (l->file != NULL)
        (void)fclose(l->file); /* only read from */
    l->file = NULL;
    buf_release(&l->text);
}

/* What some editors put before the first line. */
static void
skip_mark(struct lines *l)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t len = strlen(mark);
    if (l->number > 0 || l->text.len < len || memcmp(l->text.data, mark, len) != 0)
        return;
    memmove(l->text.data, l->text.data + len, l->text.len - len + 1);
    l->text.len -= len;
}

enum rc
lines_next(struct lines *l, int *more, struct err *err)
{
    char chunk[4096];
    size_t n = 0;
    int c = 0;
    buf_clear(&l->text);
    /* The stream is this thread's alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((c = getc_unlocked(l->file)) != EOF && c != '\n') {
        chunk[n++] = (char)c;
        if (n == sizeof chunk) {
            buf_add(&l->text, chunk, n);
            n = 0;
        }
    }
    buf_add(&l->text, chunk, n);
    if (ferror(l->file) && signals_pending())
        return err_set(err, RC_INTERRUPTED, "interrupted while reading %s", l->name);
    if (ferror(l->file))
        return err_errno(err, RC_BAD_VALUE, "reading %s", l->name);
    if (l->text.failed == RC_NO_MEMORY) /* else there would be one line more for ever */
        return err_nomem(err);
    skip_mark(l);
    *more = c != EOF || l->text.len > 0 || l->text.failed;
    l->number++;
    if (l->text.len > 0 && l->text.data[l->text.len - 1] == '\r')
        l->text.data[--l->text.len] = '\0';
    return RC_OK;
}
