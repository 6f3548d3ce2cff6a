#include "escrow/request.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

#define FIRST "keymuster request 1"
enum { WORDS = 7, SIGNATURE = 4, MOST = 8192, DAY_MS = 24 * 60 * 60 * 1000 };

static const char *const words[WORDS] = {"escrow", "author", "key", "name", "site", "at", "until"};

enum rc
request_write(struct buf *out, const struct store *store, const char *name, struct err *err)
{
    char at[TIME_TEXT + 1], until[TIME_TEXT + 1];
    struct secret *key = NULL;
    struct buf text;
    int64_t now = clock_now_ms();
    time_format(at, now);
    time_format(until, now + (int64_t)REQUEST_DAYS * DAY_MS);
    const char *const values[WORDS] = {
        store->escrow, store->self.author, store->self.text, name, store->site, at, until};
    buf_init(&text, MOST);
    buf_adds(&text, FIRST "\n");
    for (size_t i = 0; i < WORDS; i++)
        buf_addf(&text, "%s %s\n", words[i], values[i][0] != '\0' ? values[i] : "-");
    enum rc rc = buf_check(&text, "a request", err);
    if (rc == RC_OK)
        rc = store_sign_key(store, &key, err);
    buf_add(out, buf_str(&text), text.len);
    if (rc == RC_OK)
        rc = sign_detached(out, key, FIRST, buf_str(&text), text.len, err);
    secret_free(key);
    buf_release(&text);
    return rc;
}

/* ---- reading ---- */

/* The next line without quotation marks, CR and blanks around; 0 at the end of the text. */
static int
next_line(const char **at, char *out, size_t size)
{
    const char *line = *at;
    if (*line == '\0')
        return 0;
    size_t len = strcspn(line, "\n");
    *at = line + len + (line[len] == '\n');
    while (len > 0 && strchr("> \t", *line) != NULL) {
        line++;
        len--;
    }
    while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
        len--;
    (void)snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), line);
    return 1;
}

static enum rc
bad(const char *what, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%.300s holds no request to be admitted", what);
    (void)err_why(err, "%s", why);
    return err_hint(err, "its lines as they were printed, from \"" FIRST "\" to the fourth of the "
                         "signature\nnew ones: keymuster author request, at the store that asks");
}

/* Its lines into signed_text and sig, each ended by LF. */
static enum rc
collect(const char *text, struct buf *signed_text, struct buf *sig, const char *what,
        struct err *err)
{
    char line[LIMIT_TEXT];
    int found = 0;
    while (!found && next_line(&text, line, sizeof line))
        found = strcmp(line, FIRST) == 0;
    if (!found)
        return bad(what, "no line is \"" FIRST "\"", err);
    buf_adds(signed_text, FIRST "\n");
    for (int i = 0; i < WORDS + SIGNATURE; i++) {
        if (!next_line(&text, line, sizeof line))
            return bad(what, "it ends too early", err);
        buf_addf(i < WORDS ? signed_text : sig, "%s\n", line);
    }
    enum rc rc = buf_check(signed_text, what, err);
    return rc == RC_OK ? buf_check(sig, what, err) : rc;
}

/* The value of a line; NULL unless it is this word's. */
static const char *
value_of(const char *line, const char *word)
{
    size_t n = strlen(word);
    return strncmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int
take_value(struct request *r, size_t i, const char *value)
{
    int64_t ms = 0;
    struct err scratch = ERR_INIT;
    switch (i) {
    case 0:
        (void)snprintf(r->escrow, sizeof r->escrow, "%s", value);
        return hex_is(value, AUTHOR_TEXT);
    case 1: /* compared with the key, which has it */
        return hex_is(value, AUTHOR_TEXT);
    case 2:
        return sign_public_parse(&r->author, value) == 0;
    case 3:
        (void)snprintf(r->name, sizeof r->name, "%s", value);
        return name_check(value, "author", &scratch) == RC_OK;
    case 4:
        (void)snprintf(r->site, sizeof r->site, "%s", strcmp(value, "-") == 0 ? "" : value);
        return r->site[0] == '\0' || uuid_is(value);
    default:
        (void)snprintf(i == 5 ? r->at : r->until, TIME_TEXT + 1, "%s", value);
        return strlen(value) == TIME_TEXT && time_parse(&ms, value) == 0;
    }
}

static enum rc
parse(struct request *r, const struct buf *text, const char *what, struct err *err)
{
    char line[LIMIT_TEXT], author[AUTHOR_TEXT + 1] = "", why[80];
    const char *at = buf_str(text);
    (void)next_line(&at, line, sizeof line); /* the first was looked for */
    for (size_t i = 0; i < WORDS; i++) {
        const char *value = next_line(&at, line, sizeof line) ? value_of(line, words[i]) : NULL;
        if (value == NULL || !take_value(r, i, value)) {
            (void)snprintf(why, sizeof why, "its line \"%s\" is malformed, or not where it belongs",
                           words[i]);
            return bad(what, why, err);
        }
        if (i == 1)
            (void)snprintf(author, sizeof author, "%s", value);
    }
    if (strcmp(author, r->author.author) != 0)
        return bad(what, "its author and the author's key do not fit each other", err);
    return RC_OK;
}

enum rc
request_read(struct request *out, const char *text, const char *what, struct err *err)
{
    struct buf of, sig;
    memset(out, 0, sizeof *out);
    buf_init(&of, MOST);
    buf_init(&sig, MOST);
    enum rc rc = collect(text, &of, &sig, what, err);
    if (rc == RC_OK)
        rc = parse(out, &of, what, err);
    if (rc == RC_OK)
        rc = sign_verify(&out->author, FIRST, buf_str(&of), of.len, buf_str(&sig), sig.len, what,
                         err);
    if (rc == RC_COPY_SIGNATURE)
        (void)err_hint(err, "it was altered on its way; have it sent again, and compare the "
                            "author's id by telephone");
    buf_release(&of);
    buf_release(&sig);
    return rc;
}
