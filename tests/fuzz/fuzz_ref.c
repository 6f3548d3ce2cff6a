/* References to secrets, and the splitting of command:ARGV. Nothing is read or run. */
#include "fuzz.h"

#include "cli/ref.h"
#include "cli/ref_command.h"

void
fuzz_one(const char *bytes, size_t len)
{
    char **words = NULL;
    struct buf absolute;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    enum rc rc = ref_check(text, "--credential", &err);
    FUZZ_CHECK((rc == RC_OK) == (ref_is(text) != 0));
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_SECRET_LITERAL, &err, NULL);
        /* The lesson does not repeat what may be a secret: it is the same for every text. */
        struct err other = ERR_INIT;
        FUZZ_CHECK(ref_check("canary-literal", "--credential", &other) == rc);
        FUZZ_CHECK(strcmp(err.msg, other.msg) == 0 && strcmp(err.why, other.why) == 0);
        FUZZ_CHECK(strcmp(err.hint, other.hint) == 0);
    } else {
        buf_init(&absolute, 1 << 20);
        if (ref_absolute(&absolute, text, &err) == RC_OK)
            FUZZ_CHECK(ref_is(buf_str(&absolute)));
        (void)ref_is_lasting(text);
        buf_release(&absolute);
    }
    rc = ref_split(&words, text, "--credential", &err);
    if (rc == RC_OK) {
        size_t total = 0;
        size_t n = 0;
        for (; words[n] != NULL; n++)
            total += strlen(words[n]);
        FUZZ_CHECK(n >= 1 && total <= len);
        FUZZ_PLANT(n == 4);
    } else {
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, words);
    }
    free(words);
    free(text);
}
