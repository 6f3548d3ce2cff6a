/* Scripts of a site: what is read out of each way to write them, what is only named, and what is no
 * script. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "vbr/scripts.h"

#define INST "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b"
#define ROOT "3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1"
#define HOST "https://eu-de.kms.cloud.ibm.com"
#define KEYS HOST "/api/v2/keys/"

static struct scripts s;

static enum rc
add(const char *name, const char *bytes, size_t len, struct err *err)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    rewind(f);
    enum rc rc = scripts_add(&s, f, name, err);
    assert_int_equal(fclose(f), 0);
    return rc;
}

static void
settle_one(const char *text)
{
    scripts_init(&s);
    assert_ok(add("one", text, strlen(text), err));
    scripts_settle(&s);
}

/* "": neither a literal nor computed; a name with $ at its head: computed. */
static void
check(enum scripts_role role, const char *want, const char *text)
{
    const struct scripts_fact *f = &s.facts[role];
    int computed = want[0] == '$';
    const char *is = computed ? f->computed : f->value;
    if (strcmp(is, want) != 0 || (!computed && want[0] == '\0' && f->computed[0] != '\0'))
        print_error("%s of:\n%s\nis %s %s\n", scripts_role_text(role), text, f->value, f->computed);
    assert_string_equal(is, want);
    if (computed)
        assert_string_equal(f->value, "");
}

static const struct {
    const char *instance, *root, *endpoint, *text;
} ways[] = {
    /* PowerShell */
    {INST, ROOT, HOST,
     "$a='" INST "'\r\n$b = \"" ROOT "\"\r\n$u='" KEYS "'\r\n@{'bluemix-instance'=$a}\r\n"
     "f ($u + $b + '/actions/wrap')\r\n"},
    {INST, ROOT, HOST, "$h['Bluemix-Instance'] = '" INST "'\nf \"" KEYS ROOT "/actions/unwrap\"\n"},
    {INST, ROOT, HOST, "$h.Add(\"bluemix-instance\", '" INST "')\nf '" KEYS ROOT "?action=wrap'\n"},
    {INST, ROOT, HOST,
     "[string] $script:i = '" INST "'; $r='" ROOT "'\n@{ \"bluemix-instance\" = \"$i\" }\n"
     "$u = \"" HOST "/api/v2/keys/$($r)/actions/x\" # remark '\nf \"" KEYS "${r}/actions/wrap\"\n"},
    {INST, ROOT, HOST,
     "<# 'bluemix-instance' = 'no' #>\n$kms = `\n  '" INST "'\nparam([string]$crk = '" ROOT
     "', $x)\n$e = '" HOST "'\n"},
    {"$env:KP", "$args", "$region",
     "@{'bluemix-instance'=$env:KP}\n$u=\"https://$region.kms.cloud.ibm.com/api/v2/keys/\"\n"
     "f ($u + $args[0] + '/actions/wrap')\n"},
    /* set twice, apart; grown; from a command; in one string with more */
    {"$a", "$b", "",
     "$a='" INST "'\n$a='" ROOT "'\n@{'bluemix-instance'=$a}\n$b='" ROOT "'\n$b += 'x'\n"
     "f ($u + $b + '/actions/wrap')\n"},
    {"$a", "", "", "$a = Get-Content x\n@{'bluemix-instance'=$a}\n"},
    {"$a", "", "", "$a='" INST "'\n@{'bluemix-instance'=$a + 'x'}\n"},
    {"$a", "", "", "$b='" INST "'\n@{'bluemix-instance'=$a}\n$a=$b.Trim()\n"},
    /* set twice, the same; by another variable */
    {INST, "", "", "$a='" INST "'\n$a='" INST "'\n$b=$a\n@{'bluemix-instance'=$b}\n"},
    /* in a circle */
    {"$a", "", "", "$a=$b\n$b=$a\n@{'bluemix-instance'=$a}\n"},
    /* not of this form */
    {"", "", "", "@{'bluemix-instance'='nnnnnnnn-nnnn'}\nf 'http://x/api/v2/keys'\n"},
    {"", "", "", "$x = @'\n'bluemix-instance' = 'no'\n'@\nWrite-Output it\n"},
    /* shell */
    {INST, ROOT, HOST,
     "#!/bin/sh\nI=" INST "\nexport R='" ROOT
     "' # root\ncurl -H \"bluemix-instance: $I\" \\\n  " KEYS "$R/actions/wrap\n"},
    {INST, ROOT, HOST,
     "I=\"" INST "\"; R=" ROOT "\nB=" HOST "\nT=$(curl -H bluemix-instance:$I \"$B/api/v2/keys/"
     "${R}/actions/wrap\" | jq -r \"x $(echo \"y\")\")\n"},
    {"$I", "$R", "$B",
     "#!/bin/bash\nI=$(cat i)\ncurl -H \"bluemix-instance: ${I}\" \"$B/api/v2/keys/${R:-" ROOT
     "}/actions/wrap\"\n"},
    {"$I", "", "", "#!/bin/sh\nI=\"" INST "\"x\ncurl -H \"bluemix-instance: $I\"\n"},
    {INST, "veeam-root", HOST,
     "#!/bin/sh\ncurl -H 'bluemix-instance: " INST "' " KEYS "veeam-root/actions/wrap\n"},
    {"", "", "", "#!/bin/sh\necho nothing\n"},
};

static void
test_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        settle_one(ways[i].text);
        check(SCRIPTS_INSTANCE, ways[i].instance, ways[i].text);
        check(SCRIPTS_ROOT, ways[i].root, ways[i].text);
        check(SCRIPTS_ENDPOINT, ways[i].endpoint, ways[i].text);
        scripts_release(&s);
    }
}

static void
test_places(void **state)
{
    (void)state;
    settle_one("# x\n\n$kms = '" INST "'\n\n$crk = 'no'\n");
    assert_int_equal(s.facts[SCRIPTS_INSTANCE].at.line, 3);
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].at.file, "one");
    scripts_release(&s);
    settle_one("@{'bluemix-instance'='x'}\n");
    assert_int_equal(s.facts[SCRIPTS_INSTANCE].odd.line, 1);
    scripts_release(&s);
    /* One sets it, another uses it; a third says something else. */
    scripts_init(&s);
    assert_ok(add("a", "@{'bluemix-instance'=$i}\n", 25, err));
    assert_ok(add("b", "\n$i='" INST "'\n", 6 + 36 + 1, err));
    assert_ok(add("c", "@{'bluemix-instance'='" ROOT "'}\n", 22 + 36 + 3, err));
    scripts_settle(&s);
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].value, INST);
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].at.file, "b");
    assert_int_equal(s.facts[SCRIPTS_INSTANCE].at.line, 2);
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].other.file, "c");
    scripts_release(&s);
}

static void
test_secrets(void **state)
{
    static const struct {
        unsigned lines; /* bits */
        const char *text;
    } rows[] = {
        {1 << 1, "$apikey = 'canary-0123456789'\n$kms='" INST "'\n"},
        {1 << 2, "\n$k = \"canary-0123456789\"\n@{ apikey = $k }\n"},
        {1 << 1, "f -Body 'grant_type=x:apikey&apikey=canary-0123456789&x=y'\n"},
        {1 << 1, "ConvertTo-SecureString 'canary-0123456789' -AsPlainText\n"},
        {1 << 2, "$x=1\nf -Password 'canary-0123456789'\n"},
        {1 << 1, "@{ Authorization = 'Bearer canary-0123456789' }\n$x='y'\n"},
        {1 << 2, "#!/bin/sh\nIBM_API_KEY=canary-0123456789\n"},
        {1 << 2, "#!/bin/sh\ncurl -d 'apikey=canary-0123456789'\n"},
        {1 << 3, "#!/bin/sh\nx='\n{\"apikey\": \"canary-0123456789\"}'\n"},
        {1 << 2, "#!/bin/sh\nK=canary-0123456789\ncurl -d \"apikey=$K\"\n"},
        {0,
         "$apikey = Get-Content C:\\key\n$apikeyFile='C:\\ibm.key-0123'\n$tokenUri='https://x/y'\n"
         "$apikey='...'\n$password = '<your password>'\n"},
        {0, "#!/bin/sh\nAPIKEY=$1\ncurl -d grant_type=urn:ibm:params:oauth:grant-type:apikey "
            "--data-urlencode \"apikey@/root/key\"\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned lines = 0;
        settle_one(rows[i].text);
        for (size_t n = 0; n < s.secret_count; n++)
            lines |= 1U << s.secrets[n].line;
        if (lines != rows[i].lines)
            print_error("%s", rows[i].text);
        assert_int_equal(lines, rows[i].lines);
        scripts_release(&s);
    }
    /* One in the place of a root key is not kept either. */
    settle_one("f '" KEYS "Zq4Vt8madeupapikey0123456789abcdefghijklmnop/actions/wrap'\n");
    assert_string_equal(s.facts[SCRIPTS_ROOT].value, "");
    assert_int_equal(s.facts[SCRIPTS_ROOT].odd.line, 1);
    scripts_release(&s);
}

static void
test_encodings(void **state)
{
    static const char text[] = "$kms='" INST "'\r\n# M\xc3\xbcller\r$crk='" ROOT "'\r\n";
    char wide[2 * sizeof text + 2] = "\xff\xfe";
    size_t n = 2;
    (void)state;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '\xc3')
            continue;
        wide[n++] = text[i] == '\xbc' ? '\xfc' : text[i];
        wide[n++] = 0;
    }
    settle_one(text);
    assert_string_equal(s.facts[SCRIPTS_ROOT].value, ROOT);
    assert_int_equal(s.facts[SCRIPTS_ROOT].at.line, 3);
    scripts_release(&s);
    scripts_init(&s);
    assert_ok(add("wide", wide, n, err));
    scripts_settle(&s);
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].value, INST);
    assert_string_equal(s.facts[SCRIPTS_ROOT].value, ROOT);
    scripts_release(&s);
    settle_one("\xef\xbb\xbf$kms='" INST "' # M\xfcller in an old encoding\n");
    assert_string_equal(s.facts[SCRIPTS_INSTANCE].value, INST);
    scripts_release(&s);
}

static void
test_no_script(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"", 0},
                {"\0\1\2", 3},
                {"MZ\x90\0\3", 5},
                {"Salted__abcdefgh", 16},
                {"-----BEGIN PGP MESSAGE-----\nabc\n", 32},
                {"$ANSIBLE_VAULT;1.1;AES256\n", 26},
                {"ab\x1b[31m", 7}};
    (void)state;
    scripts_init(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_rc(add("no", rows[i].bytes, rows[i].len, err), RC_BAD_VALUE);
    /* Too large; too many variables; too many files. Work without an end is none. */
    size_t size = SCRIPTS_BYTES + 1;
    char *much = malloc(size);
    assert_non_null(much);
    memset(much, 'x', size);
    assert_rc(add("much", much, size, err), RC_BAD_VALUE);
    for (size_t i = 0; i + 6 <= size; i += 6)
        memcpy(much + i, "$a=$b\n", 6);
    assert_rc(add("much", much, size - 1, err), RC_BAD_VALUE);
    scripts_release(&s);
    scripts_init(&s);
    for (int i = 0; i < SCRIPTS_FILES; i++)
        assert_ok(add("much", much, (size_t)6 * SCRIPTS_SETS, err));
    assert_rc(add("one more", "$a=1\n", 5, err), RC_BAD_VALUE);
    scripts_settle(&s);
    scripts_release(&s);
    free(much);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_secrets),   cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_no_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
