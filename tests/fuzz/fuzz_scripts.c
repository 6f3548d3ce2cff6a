/* Scripts of any form and encoding: what is read out of them has its form and its line, and nothing
 * that was taken for a secret is kept. */
#include "fuzz.h"

#include "kms/place.h"
#include "text/enc.h"
#include "text/uni.h"
#include "vbr/scripts.h"

static void
check_place(const struct scripts_place *p, size_t len)
{
    FUZZ_CHECK((p->file == NULL) == (p->line == 0));
    FUZZ_CHECK(p->line <= len + 1);
}

static void
check_value(enum scripts_role role, const char *value)
{
    struct url url;
    struct crn crn;
    struct err scratch = ERR_INIT;
    if (role == SCRIPTS_ENDPOINT || role == SCRIPTS_IAM)
        FUZZ_CHECK(url_parse(&url, value, "it", &scratch) == RC_OK && strcmp(url.base, value) == 0);
    else if (role == SCRIPTS_INSTANCE)
        FUZZ_CHECK(uuid_is(value) || crn_parse(&crn, value) == 0);
    else
        FUZZ_CHECK(strlen(value) != 44 && utf8_is(value, strlen(value)) &&
                   strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
                                 ":/") == strlen(value));
}

void
fuzz_one(const char *bytes, size_t len)
{
    static struct scripts s;
    struct err err = ERR_INIT;
    FILE *f = fopen(fuzz_file(bytes, len), "re");
    FUZZ_CHECK(f != NULL);
    scripts_init(&s);
    enum rc rc = scripts_add(&s, f, "it", &err);
    FUZZ_CHECK(fclose(f) == 0);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, s.files[0]);
        scripts_release(&s);
        return;
    }
    scripts_settle(&s);
    for (enum scripts_role r = 0; r < SCRIPTS_ROLES; r++) {
        const struct scripts_fact *fact = &s.facts[r];
        check_place(&fact->at, len);
        check_place(&fact->other, len);
        check_place(&fact->computed_at, len);
        check_place(&fact->odd, len);
        FUZZ_CHECK((fact->value[0] != '\0') == (fact->at.file != NULL));
        FUZZ_CHECK(fact->other.file == NULL || fact->at.file != NULL);
        FUZZ_CHECK(strlen(fact->computed) <= SCRIPTS_NAME);
        if (fact->value[0] != '\0')
            check_value(r, fact->value);
    }
    FUZZ_CHECK(s.secret_count <= SCRIPTS_SECRETS);
    for (size_t i = 0; i < s.secret_count; i++)
        check_place(&s.secrets[i], len);
    FUZZ_PLANT(s.facts[SCRIPTS_ROOT].value[0] >= 'A' && s.facts[SCRIPTS_ROOT].value[0] <= 'Z');
    scripts_release(&s);
}
