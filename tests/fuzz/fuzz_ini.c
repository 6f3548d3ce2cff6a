/* Strict INI: what is set is read, nothing else changes, and setting it again changes nothing. */
#include "fuzz.h"

#include "text/ini.h"

static const struct ini_rule rules[] = {
    {"store", 0, "export"},  {"kms", 1, "credential"}, {"kms", 1, "file"},
    {"kms", 1, "endpoint"},  {"copy", 1, "url"},       {"copy", 1, "id"},
    {"network", 0, "proxy"}, {NULL, 0, NULL},
};

static struct ini *
parsed(const struct buf *text)
{
    struct ini *ini = NULL;
    struct err err = ERR_INIT;
    FUZZ_CHECK(ini_parse(&ini, buf_str(text), text->len, "edited", &err) == RC_OK);
    return ini;
}

static void
check_others(const struct ini *before, const struct ini *after)
{
    for (const struct ini_rule *r = rules; r->section != NULL; r++) {
        if (strcmp(r->key, "proxy") == 0)
            continue;
        const char *name = r->has_name ? ini_name_at(before, r->section, 0) : NULL;
        if (r->has_name && name == NULL)
            continue;
        const char *was = ini_get(before, r->section, name, r->key);
        const char *is = ini_get(after, r->section, name, r->key);
        FUZZ_CHECK((was == NULL) == (is == NULL));
        FUZZ_CHECK(was == NULL || strcmp(was, is) == 0);
    }
}

static void
edit(const char *text, const struct ini *before, const char *value)
{
    struct buf once, twice, gone;
    struct err err = ERR_INIT;
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    buf_init(&gone, 1 << 24);
    FUZZ_CHECK(ini_edit(&once, text, "network", NULL, "proxy", value, &err) == RC_OK);
    struct ini *after = parsed(&once);
    FUZZ_CHECK(strcmp(ini_get(after, "network", NULL, "proxy"), value) == 0);
    check_others(before, after);
    FUZZ_CHECK(ini_edit(&twice, buf_str(&once), "network", NULL, "proxy", value, &err) == RC_OK);
    FUZZ_CHECK(strcmp(buf_str(&once), buf_str(&twice)) == 0);
    ini_free(after);
    FUZZ_CHECK(ini_edit(&gone, buf_str(&once), "network", NULL, "proxy", NULL, &err) == RC_OK);
    after = parsed(&gone);
    FUZZ_CHECK(ini_get(after, "network", NULL, "proxy") == NULL);
    check_others(before, after);
    ini_free(after);
    buf_release(&once);
    buf_release(&twice);
    buf_release(&gone);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct ini *ini = NULL;
    struct err err = ERR_INIT;
    enum rc rc = ini_parse(&ini, bytes, len, "input", &err);
    char *text = fuzz_text(bytes, len);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_CONFIG, &err, ini);
        free(text);
        return;
    }
    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < 4; i++) {
        const char *name = ini_name_at(ini, "kms", i);
        FUZZ_CHECK(name == NULL || ini_has(ini, "kms", name));
    }
    rc = ini_check(ini, rules, &err);
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_CONFIG, &err, NULL);
    edit(text, ini, "http://192.0.2.1:8080");
    FUZZ_PLANT(ini_has(ini, "network", NULL) && ini_get(ini, "network", NULL, "proxy") == NULL);
    ini_free(ini);
    free(text);
}
