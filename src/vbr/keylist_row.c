/* What a row of a list says, and what is to be said of its hint. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kms/kms.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"
#include "vbr/description.h"
#include "vbr/keylist_in.h"

enum { WDEK_LEAST = 40 /* characters: fewer are no wrap of a key */ };

static const struct {
    const char *word, *text;
} findings[KEYLIST_FINDINGS] = {
    [KEYLIST_HINT_NULL] = {"description-null", "it has no description"},
    [KEYLIST_HINT_EMPTY] = {"description-empty", "its description is empty"},
    [KEYLIST_WDEK_MISSING] = {"wdek-missing", "there is no WDEK in its description: only the "
                                              "backup server can use it"},
    [KEYLIST_WDEK_BASE64] = {"wdek-bad-base64",
                             "its WDEK is no base64: it was cut, or has lost its last \"=\""},
    [KEYLIST_WDEK_INCOMPLETE] = {"wdek-incomplete", "its WDEK ends early: the description was cut"},
    [KEYLIST_SEPARATOR] = {"moniker-contains-separator", "there is a \" | \" in its moniker"},
    [KEYLIST_LOST] = {"characters-lost",
                      "the \"?\" in its moniker may have been another letter (Export-Csv "
                      "-Encoding UTF8 keeps it)"},
    [KEYLIST_QUOTES] = {"typographic-quotes",
                        "it has typographic quotation marks, which no server writes"},
    [KEYLIST_NUMBER] = {"number-changed", "a spreadsheet has made a number of its description"},
    [KEYLIST_ID] = {"id-damaged", "its id is none; a spreadsheet may have changed it"},
    [KEYLIST_ID_MISSING] = {"id-missing", "it has no id"},
    [KEYLIST_TIME] = {"time-unknown", "its time is in the manner of some country, and not read"},
};

const char *
keylist_finding_word(enum keylist_finding f)
{
    return findings[f].word;
}

const char *
keylist_finding_text(enum keylist_finding f)
{
    return findings[f].text;
}

enum keylist_member
keylist_member(const char *name, size_t len)
{
    static const struct {
        const char *name;
        enum keylist_member member;
    } names[] = {{"id", MEMBER_ID},
                 {"description", MEMBER_HINT},
                 {"hint", MEMBER_HINT},
                 {"uniqueId", MEMBER_UNIQUE},
                 {"modificationTime", MEMBER_MODIFIED},
                 {"modificationDateUtc", MEMBER_MODIFIED},
                 {"modificationDate", MEMBER_MODIFIED},
                 {"lastModificationDate", MEMBER_MODIFIED},
                 {"encryptedPassword", MEMBER_OTHER},
                 {"password", MEMBER_OTHER},
                 {"isImported", MEMBER_OTHER}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) == len && strncasecmp(names[i].name, name, len) == 0)
            return names[i].member;
    }
    return MEMBER_NONE;
}

static void
find(struct keylist_row *row, enum keylist_finding f)
{
    row->findings |= 1U << f;
}

/* ---- the parts ---- */

static char
small_letter(char c)
{
    static const char small[] = "abcdef";
    if (c >= 'A' && c <= 'F')
        return small[c - 'A'];
    return c;
}

/* A GUID, in any letters, in braces or not. */
static void
take_id(struct keylist_row *row, const char *text)
{
    char id[UUID_TEXT + 1] = "";
    if (text == NULL || *text == '\0') {
        find(row, KEYLIST_ID_MISSING);
        return;
    }
    size_t len = strlen(text);
    if (len == UUID_TEXT + 2 && text[0] == '{' && text[len - 1] == '}') {
        text++;
        len -= 2;
    }
    for (size_t i = 0; len == UUID_TEXT && i < len; i++)
        id[i] = small_letter(text[i]);
    if (uuid_is(id))
        memcpy(row->p.id, id, sizeof id);
    else
        find(row, KEYLIST_ID);
}

/* "/Date(1773476130123)/": milliseconds, UTC whatever offset stands behind them. */
static int
date_of_51(int64_t *ms, const char *text)
{
    static const char head[] = "/Date(";
    if (strncmp(text, head, sizeof head - 1) != 0)
        return -1;
    text += sizeof head - 1;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15)
        return -1;
    *ms = 0;
    for (size_t i = 0; i < digits; i++)
        *ms = *ms * 10 + (text[i] - '0');
    text += digits;
    if (*text == '+' || *text == '-')
        text += 1 + strspn(text + 1, "0123456789");
    return strcmp(text, ")/") == 0 ? 0 : -1;
}

static void
take_time(struct keylist_row *row, const char *text)
{
    char utc[64];
    int64_t ms = 0;
    if (text == NULL || *text == '\0')
        return;
    /* Get-VBREncryptionKey says UTC by the name of the member alone. */
    (void)snprintf(utc, sizeof utc, "%.60sZ", text);
    int known = date_of_51(&ms, text) == 0 || time_parse(&ms, text) == 0 ||
                (strlen(text) >= 19 && strlen(text) <= 40 && time_parse(&ms, utc) == 0);
    if (known) {
        time_format(row->p.modified, ms);
        row->to_the_second = ms % 1000 == 0;
        return;
    }
    find(row, KEYLIST_TIME);
    size_t len = strlen(text) < sizeof row->modified_raw ? strlen(text) : 0;
    if (utf8_is(text, len))
        memcpy(row->modified_raw, text, len);
    row->modified_raw[utf8_is(text, len) ? len : 0] = '\0';
}

/* 2.9E+11, 2,9E+11 */
static int
is_number_of_spreadsheet(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    const char *at = text + whole;
    if (*at == '.' || *at == ',')
        at += 1 + strspn(at + 1, "0123456789");
    if (whole == 0 || (*at != 'E' && *at != 'e') || (at[1] != '+' && at[1] != '-'))
        return 0;
    size_t power = strspn(at + 2, "0123456789");
    return power > 0 && at[2 + power] == '\0';
}

/* U+201C, U+201D, U+201E; U+2018 and U+2019 around the whole only: an apostrophe is one of them. */
static int
has_quotes(const char *text, const char *wdek)
{
    static const char *const marks[] = {"\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9c",
                                        "\xe2\x80\x9d", "\xe2\x80\x9e"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (strncmp(text, marks[i], 3) == 0 || strstr(wdek, marks[i]) != NULL)
            return 1;
    }
    return 0;
}

/* ---- the hint ---- */

/* What stands behind the bar was a WDEK, whole or not. */
static int
was_wdek(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || strncmp(text, "eyJ", 3) == 0 ||
           (len >= WDEK_LEAST && strcspn(text, " \t") == len);
}

static enum rc
judge_wdek(struct keylist_row *row, struct err *err)
{
    struct err scratch = ERR_INIT;
    struct buf raw;
    enum rc rc = kms_wrap_check(row->wdek, &scratch);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    row->verdict = rc == RC_OK ? KEYLIST_MANAGED : KEYLIST_SUSPECT;
    if (rc == RC_OK)
        return RC_OK;
    buf_init(&raw, VBR_HINT);
    int whole = base64_decode(&raw, row->wdek, strlen(row->wdek)) == 0;
    int memory = raw.failed == RC_NO_MEMORY;
    buf_release(&raw);
    find(row, whole ? KEYLIST_WDEK_INCOMPLETE : KEYLIST_WDEK_BASE64);
    return memory ? err_nomem(err) : RC_OK;
}

enum rc
keylist_judge(struct keylist_row *row, int has_hint, struct err *err)
{
    const char *hint = row->p.hint;
    size_t len = strlen(hint);
    long cut = description_cut(hint, len);
    enum rc rc = RC_OK;
    row->verdict = KEYLIST_UNMANAGED;
    row->moniker = 0;
    row->wdek = "";
    if (len == 0)
        find(row, has_hint ? KEYLIST_HINT_EMPTY : KEYLIST_HINT_NULL);
    if (cut > 0 && was_wdek(hint + cut + 3)) {
        row->moniker = (size_t)cut;
        row->wdek = hint + cut + 3;
        rc = judge_wdek(row, err);
        if (description_cut(hint, row->moniker) >= 0)
            find(row, KEYLIST_SEPARATOR);
    } else {
        find(row, KEYLIST_WDEK_MISSING);
    }
    const char *lost = strstr(hint, "\xef\xbf\xbd");
    if (lost != NULL && lost < hint + row->moniker)
        find(row, KEYLIST_LOST);
    if (is_number_of_spreadsheet(hint))
        find(row, KEYLIST_NUMBER);
    if (has_quotes(hint, row->wdek))
        find(row, KEYLIST_QUOTES);
    if (row->findings & (1U << KEYLIST_NUMBER | 1U << KEYLIST_QUOTES))
        row->verdict = KEYLIST_SUSPECT;
    return rc;
}

enum rc
keylist_fill(struct keylist_row *row, const char *const member[MEMBERS], struct err *err)
{
    const char *hint = member[MEMBER_HINT], *unique = member[MEMBER_UNIQUE];
    row->kind = KEYLIST_PASSWORD;
    if (hint != NULL && strlen(hint) > VBR_HINT) {
        keylist_broken(row, "its description is longer than any server's");
        return RC_OK;
    }
    if ((hint != NULL && !utf8_is(hint, strlen(hint))) ||
        (unique != NULL && !utf8_is(unique, strlen(unique)))) {
        keylist_broken(row, "it is not UTF-8: the file is of another encoding, or damaged");
        return RC_OK;
    }
    (void)snprintf(row->p.hint, sizeof row->p.hint, "%s", hint != NULL ? hint : "");
    if (unique != NULL && strlen(unique) <= VBR_UNIQUE) /* a longer one is not ours */
        (void)snprintf(row->p.unique, sizeof row->p.unique, "%s", unique);
    take_id(row, member[MEMBER_ID]);
    take_time(row, member[MEMBER_MODIFIED]);
    return keylist_judge(row, hint != NULL, err);
}
