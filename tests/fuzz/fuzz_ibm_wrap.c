/* A yes to wrap, unwrap and rewrap: all that was asked for, or RC_KMS_REPLY and nothing. */
#include "fuzz.h"

#include "kms/ibm.h"
#include "text/enc.h"

static void
reply(enum kms_verb verb, const char *bytes, size_t len)
{
    struct kms_op op;
    struct err err = ERR_INIT;
    kms_op_init(&op, verb, "c3b7af4a-4b21-4210-8bd0-87e1d1af6203");
    op.ciphertext = verb == KMS_WRAP ? NULL : "eyJhIjoxfQ==";
    enum rc rc = ibm_reply_op(&op, bytes, len, &err);
    if (rc == RC_OK) {
        FUZZ_CHECK((op.plain != NULL) == (verb != KMS_REWRAP));
        FUZZ_CHECK(op.plain == NULL || (op.plain->len > 0 && op.plain->len <= LIMIT_SECRET));
        if (verb != KMS_UNWRAP)
            FUZZ_CHECK(op.fresh.len > 0);
        FUZZ_CHECK(op.fresh.len <= LIMIT_CIPHERTEXT);
        for (size_t i = 0; i < op.fresh.len; i++)
            FUZZ_CHECK(op.fresh.data[i] > ' ' && op.fresh.data[i] <= '~');
        FUZZ_CHECK(op.version[0] == '\0' || uuid_is(op.version));
        FUZZ_CHECK(op.fresh_version[0] == '\0' || uuid_is(op.fresh_version));
        FUZZ_PLANT(verb == KMS_UNWRAP && op.plain->len < 8);
    } else {
        FUZZ_REFUSED(rc, RC_KMS_REPLY, &err, NULL);
    }
    kms_op_release(&op);
}

void
fuzz_one(const char *bytes, size_t len)
{
    reply(KMS_WRAP, bytes, len);
    reply(KMS_UNWRAP, bytes, len);
    reply(KMS_REWRAP, bytes, len);
}
