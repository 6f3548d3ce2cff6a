/* CRNs, host names of IBM's KMSs, their addresses. */
#include "fuzz.h"

#include "kms/iam.h"
#include "kms/place.h"
#include "text/enc.h"

static void
check_crn(const struct crn *crn)
{
    char text[URL_TEXT + 1];
    struct url url;
    struct err err = ERR_INIT;
    FUZZ_CHECK(strcmp(crn->service, "kms") == 0 || strcmp(crn->service, "hs-crypto") == 0);
    FUZZ_CHECK(uuid_is(crn->instance) && (crn->key[0] == '\0' || uuid_is(crn->key)));
    FUZZ_CHECK(hex_is(crn->account, AUTHOR_TEXT));
    FUZZ_CHECK(crn->region[strspn(crn->region, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0');
    place_of_crn(text, crn);
    FUZZ_CHECK(place_url(&url, text, "of a CRN", &err) == RC_OK);
    FUZZ_CHECK(place_is_kms(url.host));
}

static void
check_host(const char *host)
{
    struct place place;
    struct url url;
    struct err err = ERR_INIT;
    int known = place_parse(&place, host) == 0;
    /* What says that it is IBM's ends as IBM's names do. */
    if (known)
        FUZZ_CHECK(place_is_kms(host) && place.offering != NULL);
    if (place_is_kms(host)) {
        static const char *const ends[] = {".kms.cloud.ibm.com", ".kms.appdomain.cloud",
                                           ".hs-crypto.cloud.ibm.com",
                                           ".hs-crypto.appdomain.cloud"};
        int fits = 0;
        for (size_t i = 0; i < 4; i++) {
            size_t n = strlen(ends[i]);
            fits |= strlen(host) > n && strcmp(host + strlen(host) - n, ends[i]) == 0;
        }
        FUZZ_CHECK(fits);
    }
    if (place_is_iam(host))
        FUZZ_CHECK(strcmp(host, "iam.cloud.ibm.com") == 0 ||
                   strcmp(host, "private.iam.cloud.ibm.com") == 0);
    FUZZ_CHECK(iam_url(&url, place_iam(host), "IAM", &err) == RC_OK && place_is_iam(url.host));
    FUZZ_PLANT(known && strlen(place.region) == 4);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct crn crn;
    struct url url;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    if (crn_parse(&crn, text) == 0)
        check_crn(&crn);
    check_host(text);
    enum rc rc = place_url(&url, text, "--endpoint", &err);
    if (rc == RC_OK)
        check_host(url.host);
    else
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    rc = iam_url(&url, text, "--iam", &err);
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    free(text);
}
