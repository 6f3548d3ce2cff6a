/* Lists of passwords in any shape and encoding: each row is text, bounded, and what is said of its
 * hint holds. */
#include "fuzz.h"

#include "kms/kms.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"
#include "vbr/keylist.h"

static void
check_password(const struct keylist_row *row)
{
    struct err scratch = ERR_INIT;
    int64_t ms = 0;
    size_t hint = strlen(row->p.hint);
    FUZZ_CHECK(hint <= VBR_HINT && utf8_is(row->p.hint, hint));
    FUZZ_CHECK(strlen(row->p.unique) <= VBR_UNIQUE &&
               utf8_is(row->p.unique, strlen(row->p.unique)));
    FUZZ_CHECK(row->p.id[0] == '\0' || uuid_is(row->p.id));
    FUZZ_CHECK(row->p.modified[0] == '\0' || time_parse(&ms, row->p.modified) == 0);
    FUZZ_CHECK(row->p.modified[0] == '\0' || row->modified_raw[0] == '\0');
    FUZZ_CHECK(row->findings < 1U << KEYLIST_FINDINGS);
    FUZZ_CHECK(row->moniker == 0 || row->wdek == row->p.hint + row->moniker + 3);
    FUZZ_CHECK(row->moniker > 0 || row->wdek[0] == '\0');
    if (row->verdict == KEYLIST_MANAGED)
        FUZZ_CHECK(row->moniker > 0 && kms_wrap_check(row->wdek, &scratch) == RC_OK);
    else
        FUZZ_CHECK(row->findings != 0);
    FUZZ_PLANT(row->verdict == KEYLIST_UNMANAGED && row->p.hint[0] == 'z');
}

void
fuzz_one(const char *bytes, size_t len)
{
    static struct keylist_row row;
    struct keylist *l = NULL;
    struct err err = ERR_INIT;
    int more = 1;
    FILE *f = fopen(fuzz_file(bytes, len), "re");
    FUZZ_CHECK(f != NULL);
    enum rc rc = keylist_open(&l, f, "it", &err);
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, l);
    for (int64_t number = 1; rc == RC_OK; number++) {
        rc = keylist_next(l, &row, &more, &err);
        FUZZ_CHECK(rc == RC_OK || rc == RC_NO_MEMORY);
        if (rc != RC_OK || !more)
            break;
        FUZZ_CHECK(row.number == number && row.line >= 1 && row.line <= (int64_t)len + 1);
        FUZZ_CHECK((row.kind == KEYLIST_OWN) == (row.text != NULL));
        FUZZ_CHECK((row.kind == KEYLIST_BROKEN) == (row.why[0] != '\0'));
        FUZZ_CHECK(utf8_is(row.why, strlen(row.why)));
        if (row.kind == KEYLIST_PASSWORD)
            check_password(&row);
    }
    keylist_close(l);
    FUZZ_CHECK(fclose(f) == 0);
}
