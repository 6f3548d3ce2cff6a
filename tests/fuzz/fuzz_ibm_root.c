/* Metadata of root keys, one and a page of them. */
#include "fuzz.h"

#include "kms/ibm.h"
#include "text/enc.h"

static void
check(const struct root_info *info)
{
    FUZZ_CHECK(uuid_is(info->id));
    FUZZ_CHECK(info->state >= ROOT_UNKNOWN && info->state <= ROOT_DESTROYED);
    FUZZ_CHECK(info->version[0] == '\0' || uuid_is(info->version));
    FUZZ_CHECK(info->created_ms >= 0 && info->updated_ms >= 0 && info->deleted_ms >= 0);
    FUZZ_CHECK(memchr(info->alias, '\0', sizeof info->alias) != NULL &&
               memchr(info->crn, '\0', sizeof info->crn) != NULL);
}

static enum rc
each(void *arg, const struct root_info *info, struct err *err)
{
    size_t *n = arg;
    (void)err;
    check(info);
    (*n)++;
    return RC_OK;
}

void
fuzz_one(const char *bytes, size_t len)
{
    static const char asked[] = "c3b7af4a-4b21-4210-8bd0-87e1d1af6203";
    struct root_info info;
    struct err err = ERR_INIT;
    size_t count = 0;
    size_t seen = 0;
    enum rc rc = ibm_reply_one(&info, asked, bytes, len, &err);
    if (rc == RC_OK) {
        check(&info);
        FUZZ_CHECK(strcmp(info.id, asked) == 0);
        FUZZ_PLANT(info.state == ROOT_ACTIVE && info.versions == 0 && info.alias[0] == 0 &&
                   info.crn[0] == 0);
    } else {
        FUZZ_REFUSED(rc, RC_KMS_REPLY, &err, NULL);
    }
    rc = ibm_reply_page(bytes, len, each, &seen, &count, &err);
    if (rc == RC_OK)
        FUZZ_CHECK(seen <= count);
    else
        FUZZ_REFUSED(rc, RC_KMS_REPLY, &err, NULL);
    (void)ibm_reply_versions(bytes, len);
}
