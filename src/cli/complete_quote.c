/* Quoting for bash, which takes candidates as if they had been typed. */
#include <string.h>

#include "base/plant.h"
#include "cli/complete.h"

int
complete_unquote(struct buf *out, const char *typed, char *open)
{
    char quote = 0;
    for (const char *p = typed; *p != '\0'; p++) {
        if (quote != 0 && *p == quote) {
            quote = 0;
        } else if (quote == 0 && (*p == '\'' || *p == '"')) {
            quote = *p;
            if (p != typed && strchr(p + 1, quote) == NULL)
                return -1;
        } else if (*p == '\\' && (quote == 0 || (quote == '"' && p[1] != '\0' &&
                                                 strchr("$`\"\\", p[1]) != NULL))) {
            if (p[1] == '\0') /* typed so far: of an escape that goes on */
                break;
            buf_addc(out, *++p);
        } else {
            buf_addc(out, *p);
        }
    }
    *open = quote;
    return 0;
}

/* Nothing but these, and what is not ASCII, goes to bash as it is. */
static int
is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || strchr("-_./:=@%+,", c) != NULL;
}

void
complete_quote(struct buf *out, const char *text, char open)
{
    for (const char *p = text; *p != '\0'; p++) {
        int backslash = open == 0 ? !is_plain(*p) : open == '"' && strchr("$`\"\\", *p) != NULL;
        if (PLANTED("no-quote"))
            backslash = 0;
        else if (open == '\'' && *p == '\'')
            buf_adds(out, "'\\'");
        else if (open == '"' && *p == '!') { /* the history would take it even there */
            buf_adds(out, "\"\\!\"");
            continue;
        }
        if (backslash)
            buf_addc(out, '\\');
        buf_addc(out, *p);
    }
    /* bash closes the quote itself, unless it sees one there */
    if (open != 0 && out->len > 0 && out->data[out->len - 1] == open)
        buf_addc(out, open);
}
