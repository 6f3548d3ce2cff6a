/* A row of an import. */
#include "fuzz.h"

#include "cli/keys/import_row.h"
#include "text/uni.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct import_row row;
    struct err err = ERR_INIT;
    import_row_init(&row);
    enum rc rc = import_row_read(&row, bytes, len, "backup-job", &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(key_name_check(row.r.m.name, &err) == RC_OK);
        FUZZ_CHECK(kms_wrap_check(buf_str(&row.r.m.wraps[0].ciphertext), &err) == RC_OK);
        FUZZ_CHECK(row.r.m.aad_count <= LIMIT_AAD_COUNT);
        FUZZ_PLANT(row.root != NULL && row.root[0] != 'f');
    } else {
        FUZZ_CHECK(rc == RC_BAD_VALUE || rc == RC_BAD_NAME);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
    import_row_release(&row);
}
