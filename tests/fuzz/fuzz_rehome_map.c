/* A map of keys and root keys, against a store without any: every line is read or named. And the
 * reader of lines below it. */
#include "fuzz.h"

#include "cli/keys/rehome.h"
#include "cli/lines.h"

static void
read_lines(const char *path, const char *bytes, size_t len)
{
    struct lines l;
    struct err err = ERR_INIT;
    int more = 1;
    int64_t count = 0;
    int64_t feeds = 0;
    for (size_t i = 0; i < len; i++)
        feeds += bytes[i] == '\n';
    FUZZ_CHECK(lines_open(&l, path, &err) == RC_OK);
    for (;;) {
        FUZZ_CHECK(lines_next(&l, &more, &err) == RC_OK);
        if (!more)
            break;
        FUZZ_CHECK(l.number == ++count);
        FUZZ_CHECK(l.text.len == 0 || memchr(l.text.data, '\n', l.text.len) == NULL);
    }
    int mark = feeds == 0 && len == 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0; /* and no more */
    FUZZ_CHECK(count == feeds + (len > 0 && bytes[len - 1] != '\n' && !mark));
    FUZZ_PLANT(count == 5);
    lines_close(&l);
}

void
fuzz_one(const char *bytes, size_t len)
{
    char words[4][12] = {"keymuster", "rehome", "--map", "--quiet"};
    char path[128];
    char *argv[] = {words[0], words[1], words[2], path, words[3], NULL};
    static const struct opt_spec command[] = {{OPT_MAP, "map", 0, "FILE", 0, "map"}, OPT_END};
    struct ctx ctx;
    struct rehome r;
    struct err err = ERR_INIT;
    (void)snprintf(path, sizeof path, "%s", fuzz_file(bytes, len));
    read_lines(path, bytes, len);
    memset(&ctx, 0, sizeof ctx);
    memset(&r, 0, sizeof r);
    FUZZ_CHECK(opt_parse(&ctx.opts, 5, argv, command, 1, OPT_PARSE_PLAIN, &err) == RC_OK);
    ctx.store = fuzz_store();
    ctx.quiet = 1;
    r.ctx = &ctx;
    r.how = "rehome";
    enum rc rc = rehome_plan(&r, NULL, &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_BAD_VALUE || rc == RC_NOT_FOUND || rc == RC_BAD_NAME);
    FUZZ_CHECK(rc == RC_OK ? r.count == 0 : strstr(err.msg, ", line ") != NULL);
    rehome_release(&r);
    opt_release(&ctx.opts);
}
