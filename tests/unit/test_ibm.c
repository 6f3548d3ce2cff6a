/* IBM's answers judged, its hosts and CRNs read. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crypt/hash.h"
#include "kms/ibm.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"

#define ROOT "c3b7af4a-4b21-4210-8bd0-87e1d1af6203"
#define SECOND "2666b249-84cc-40fb-8a7c-a27cad604e2a"
#define INSTANCE "c04a1d66-c4f8-4ddd-a790-275b20f42b00"
#define ACCOUNT "0123456789abcdef0123456789abcdef"

/* ---- the collection of answers ---- */

struct collection {
    struct buf text;
    struct json *doc;
};

static int
load(struct collection *c)
{
    struct err e = ERR_INIT;
    buf_init(&c->text, LIMIT_SMALL_FILE);
    if (file_read(&c->text, KM_SHARED "/ibm/kms-responses.json", &e) != RC_OK) {
        print_message("SKIP: no ../shared/data/ibm/kms-responses.json\n");
        buf_release(&c->text);
        return -1;
    }
    assert_ok(json_parse(&c->doc, buf_str(&c->text), c->text.len, "the collection", err));
    return 0;
}

static void
unload(struct collection *c)
{
    json_free(c->doc);
    buf_release(&c->text);
}

static void
body_of(struct buf *out, const struct json *one)
{
    buf_init(out, LIMIT_SMALL_FILE);
    if (json_gets(one, "body_text") != NULL)
        buf_adds(out, json_gets(one, "body_text"));
    else if (json_get(one, "body") != NULL)
        json_print(out, json_get(one, "body"));
}

#define CHECK(yes, ...)                                                                            \
    do {                                                                                           \
        if (!(yes)) {                                                                              \
            print_error("%s: ", json_gets(one, "id"));                                             \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

static void
same_hash(const struct json *one, const char *member, const char *text)
{
    char hex[HASH_TEXT + 1];
    const char *want = json_gets(json_get(one, "expect"), member);
    if (want == NULL)
        return;
    sha256_hex(hex, text, strlen(text));
    CHECK(strcmp(hex, want) == 0, "%s differs", member);
}

static void
same_text(const struct json *one, const char *member, const char *got)
{
    const char *want = json_gets(json_get(one, "expect"), member);
    if (json_get(json_get(one, "expect"), member) != NULL)
        CHECK(strcmp(got, want != NULL ? want : "") == 0, "%s is %s", member, got);
}

/* Plaintexts are compared as the base64 text they came as. */
static void
judge_op(const struct json *one, enum kms_verb verb, const struct buf *body)
{
    struct kms_op op;
    struct err e = ERR_INIT;
    struct secret *given = NULL;
    const struct json *expect = json_get(one, "expect");
    kms_op_init(&op, verb, ROOT);
    if (verb == KMS_WRAP && json_get(expect, "plaintext_sha256") == NULL) {
        assert_ok(secret_new(&given, err));
        op.payload = given;
    }
    enum rc rc = ibm_reply_op(&op, buf_str(body), body->len, &e);
    CHECK(rc == RC_OK, "%s: %s", e.msg, e.why);
    same_hash(one, "ciphertext_sha256", buf_str(&op.fresh));
    same_text(one, "key_version", op.version);
    if (verb != KMS_WRAP)
        same_text(one, "rewrapped_key_version", op.fresh_version);
    if (json_get(expect, "fresh_ciphertext") != NULL)
        CHECK(json_bool(json_get(expect, "fresh_ciphertext")) == (op.fresh.len > 0), "fresh");
    if (json_get(expect, "plaintext_sha256") != NULL) {
        struct buf text;
        buf_init(&text, LIMIT_CIPHERTEXT);
        assert_non_null(op.plain);
        base64_encode(&text, op.plain->bytes, op.plain->len);
        same_hash(one, "plaintext_sha256", buf_str(&text));
        buf_release(&text);
    } else {
        CHECK(op.plain == NULL, "a plaintext appeared");
    }
    secret_free(given);
    kms_op_release(&op);
}

static void
judge_key(const struct json *one, const struct buf *body)
{
    struct root_info info;
    struct err e = ERR_INIT;
    int64_t state = 0;
    const struct json *expect = json_get(one, "expect");
    CHECK(ibm_reply_one(&info, ROOT, buf_str(body), body->len, &e) == RC_OK, "%s: %s", e.msg,
          e.why);
    if (json_geti(expect, "state", &state) == 0)
        CHECK((int)info.state == (int)state, "state %d", (int)info.state);
    if (json_get(expect, "key_version") != NULL)
        same_text(one, "key_version", info.version);
    if (json_gets(expect, "expires") != NULL) {
        int64_t ms = 0;
        assert_int_equal(time_parse(&ms, json_gets(expect, "expires")), 0);
        CHECK(info.expires_ms == ms, "expires");
    }
    if (info.state != ROOT_DESTROYED)
        CHECK(info.deleted_ms == 0 && info.restore_until_ms == 0, "a former destruction counts");
    CHECK(strcmp(info.id, ROOT) == 0, "id");
}

static enum rc
count(void *arg, const struct root_info *info, struct err *err)
{
    (void)info;
    (void)err;
    ++*(unsigned *)arg;
    return RC_OK;
}

static void
judge_list(const struct json *one, const struct buf *body)
{
    unsigned roots = 0;
    size_t seen = 0;
    int64_t want = 0;
    struct err e = ERR_INIT;
    enum rc rc = ibm_reply_page(buf_str(body), body->len, count, &roots, &seen, &e);
    CHECK(rc == RC_OK, "%s: %s", e.msg, e.why);
    assert_int_equal(json_geti(json_get(one, "expect"), "count", &want), 0);
    CHECK((int64_t)seen == want, "%zu resources", seen);
}

static int
judge_yes(const struct json *one, const char *operation, const struct buf *body)
{
    int64_t total = 0;
    if (strcmp(operation, "wrap") == 0)
        judge_op(one, KMS_WRAP, body);
    else if (strcmp(operation, "unwrap") == 0)
        judge_op(one, KMS_UNWRAP, body);
    else if (strcmp(operation, "rewrap") == 0)
        judge_op(one, KMS_REWRAP, body);
    else if (strcmp(operation, "metadata") == 0 || strcmp(operation, "create") == 0 ||
             (body->len > 0 &&
              (strcmp(operation, "delete") == 0 || strcmp(operation, "restore") == 0)))
        judge_key(one, body);
    else if (strcmp(operation, "list") == 0)
        judge_list(one, body);
    else if (strcmp(operation, "versions") == 0 &&
             json_geti(json_get(one, "expect"), "total", &total) == 0)
        CHECK(ibm_reply_versions(buf_str(body), body->len) == (unsigned)total, "versions");
    else
        return 0;
    return 1;
}

static char
letter(const char *class)
{
    return strcmp(class, "wait") == 0     ? 'W'
           : strcmp(class, "legacy") == 0 ? 'L'
           : strcmp(class, "X?") == 0     ? '?'
                                          : class[0];
}

static void
judge_no(const struct json *one, int status, const struct buf *body)
{
    struct ibm_error e;
    int64_t exit = 0;
    const struct json *expect = json_get(one, "expect");
    const char *code = json_gets(expect, "code");
    char want = letter(json_gets(expect, "class"));
    ibm_error_judge(&e, status, buf_str(body), body->len);
    CHECK(strcmp(e.code, code != NULL ? code : "") == 0, "code %s", e.code);
    /* 400 without a code: once more with a new token, then the operator; texts decide nothing. */
    if (!(status == 400 && code == NULL && e.class == 'A'))
        CHECK(e.class == want, "class %c, want %c", e.class, want);
    CHECK((e.class == 'R') == (json_bool(json_get(expect, "retry")) == 1), "retry");
    if (json_geti(expect, "exit", &exit) == 0)
        CHECK(err_exit(e.rc) == (int)exit, "exit %d", err_exit(e.rc));
    if (json_gets(expect, "target") != NULL)
        CHECK(strcmp(e.field, json_gets(expect, "target")) == 0, "field %s", e.field);
    CHECK(e.rc != RC_ROOT_PURGED || strcmp(e.code, "KEY_RESTORE_EXPIRED") == 0,
          "called gone for good by an answer alone");
}

static void
judge_iam(const struct json *one, int status, const struct buf *body)
{
    struct iam iam = {.http = NULL};
    struct err e = ERR_INIT;
    struct secret *key = NULL;
    int64_t exit = 0, expires = 0;
    const struct json *expect = json_get(one, "expect");
    const char *code = json_gets(expect, "code");
    assert_ok(secret_new(&key, err));
    assert_ok(secret_add(key, "canary-key", 10, err));
    assert_ok(iam_init(&iam, NULL, key, err));
    enum rc rc = iam_answer(&iam, status, buf_str(body), body->len, 1000, &e);
    if (strcmp(json_gets(expect, "outcome"), "ok") == 0) {
        CHECK(rc == RC_OK, "%s: %s", e.msg, e.why);
        CHECK(iam.token[0].len > 100 && iam.token[1].len == 0, "no token");
        assert_int_equal(json_geti(expect, "expires_in", &expires), 0);
        CHECK(iam.ends_ms == 1000 + expires * 1000, "ends");
        CHECK(expires >= 300 ? iam.refresh_ms < iam.ends_ms - 60000 + 1 : iam.refresh_ms <= 1000,
              "refresh");
    } else {
        int retry = json_bool(json_get(expect, "retry"));
        CHECK(rc == (retry == 1 ? RC_IAM_UNREACHABLE : RC_IAM_REFUSED), "%s", err_name(rc));
        if (json_geti(expect, "exit", &exit) == 0)
            CHECK(err_exit(rc) == (int)exit, "exit %d", err_exit(rc));
        if (code != NULL)
            CHECK(strstr(e.why, code) != NULL, "why: %s", e.why);
        CHECK(iam.token[0].len == 0, "a token");
    }
    iam_release(&iam);
    secret_free(key);
}

static void
test_collection(void **state)
{
    struct collection c;
    unsigned judged = 0;
    (void)state;
    if (load(&c) != 0)
        skip();
    for (const struct json *one = json_first(json_get(c.doc, "cases")); one != NULL;
         one = json_next(one)) {
        struct buf body;
        int64_t status = 0;
        const char *operation = json_gets(one, "operation");
        assert_int_equal(json_geti(one, "status", &status), 0);
        body_of(&body, one);
        if (strcmp(operation, "iam token") == 0)
            judge_iam(one, (int)status, &body);
        else if (status >= 400)
            judge_no(one, (int)status, &body);
        else
            judged -= !judge_yes(one, operation, &body);
        judged++;
        buf_release(&body);
        assert_int_equal(secret_live(), 0);
    }
    print_message("%u answers judged\n", judged);
    assert_true(judged >= 100);
    unload(&c);
}

/* ---- answers that must not be taken ---- */

static enum rc
reply(enum kms_verb verb, const char *text)
{
    struct kms_op op;
    struct err e = ERR_INIT;
    kms_op_init(&op, verb, ROOT);
    enum rc rc = ibm_reply_op(&op, text, strlen(text), &e);
    kms_op_release(&op);
    return rc;
}

static void
test_bad_replies(void **state)
{
    static const struct {
        enum kms_verb verb;
        const char *text;
    } cases[] = {
        {KMS_WRAP, ""},
        {KMS_WRAP, "<html></html>"},
        {KMS_WRAP, "[]"},
        {KMS_WRAP, "{}"},
        {KMS_WRAP, "{\"ciphertext\":\"abc\"}"}, /* generated nothing */
        {KMS_WRAP, "{\"plaintext\":\"AAAA\",\"ciphertext\":\"abc\"}"},
        {KMS_WRAP, "{\"plaintext\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}"},
        {KMS_WRAP, "{\"plaintext\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\","
                   "\"ciphertext\":\"\"}"},
        {KMS_WRAP, "{\"plaintext\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\","
                   "\"ciphertext\":\"a b\"}"},
        {KMS_WRAP, "{\"plaintext\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\","
                   "\"ciphertext\":5}"},
        {KMS_UNWRAP, "{}"},
        {KMS_UNWRAP, "{\"plaintext\":\"\"}"},
        {KMS_UNWRAP, "{\"plaintext\":\"A\"}"},
        {KMS_UNWRAP, "{\"plaintext\":\"QUJD\",\"plaintext\":\"QUJE\"}"},
        {KMS_UNWRAP, "{\"plaintext\":[\"QUJD\"]}"},
        {KMS_UNWRAP, "{\"resources\":[{\"plaintext\":\"QUJD\"}]}"},
        {KMS_REWRAP, "{\"plaintext\":\"QUJD\"}"},
        {KMS_REWRAP, "{\"ciphertext\":\"\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum rc rc = reply(cases[i].verb, cases[i].text);
        if (rc != RC_KMS_REPLY)
            fail_msg("%s: %s", cases[i].text, err_name(rc));
    }
    /* Lenient where nothing hangs on it. */
    assert_int_equal(reply(KMS_UNWRAP, "{\"plaintext\":\"QUJD\",\"odd\":{}}"), RC_OK);
    assert_int_equal(reply(KMS_REWRAP, "{\"ciphertext\":\"abc\",\"keyVersion\":7}"), RC_OK);
    assert_int_equal(secret_live(), 0);
}

#define KEY(more)                                                                                  \
    "{\"metadata\":{},\"resources\":[{\"id\":\"" ROOT "\",\"state\":1,\"extractable\":false" more  \
    "}]}"

static enum rc
about(const char *asked, const char *text, struct root_info *info)
{
    struct err e = ERR_INIT;
    return ibm_reply_one(info, asked, text, strlen(text), &e);
}

static void
test_one_key(void **state)
{
    struct root_info i;
    (void)state;
    assert_int_equal(about(ROOT, KEY(""), &i), RC_OK);
    assert_int_equal(about("an-alias", KEY(",\"aliases\":[\"x\",\"an-alias\"]"), &i), RC_OK);
    assert_string_equal(i.alias, "an-alias");
    assert_int_equal(about(SECOND, KEY(""), &i), RC_KMS_REPLY); /* another key's answer */
    assert_int_equal(about(ROOT,
                           KEY(",\"crn\":\"crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE
                               ":key:" SECOND "\""),
                           &i),
                     RC_KMS_REPLY);
    assert_int_equal(about(ROOT, "{\"resources\":[]}", &i), RC_KMS_REPLY);
    assert_int_equal(about(ROOT, "{\"resources\":[{\"state\":1}]}", &i), RC_KMS_REPLY);
    assert_int_equal(about(ROOT, "{\"resources\":[{\"id\":\"" ROOT "\"}]}", &i), RC_KMS_REPLY);
    assert_int_equal(
        about(ROOT, "{\"resources\":[{\"id\":\"" ROOT "\",\"state\":\"active\"}]}", &i),
        RC_KMS_REPLY);
    assert_int_equal(
        about(ROOT, "{\"resources\":[{\"id\":\"" ROOT "\",\"state\":1,\"extractable\":true}]}", &i),
        RC_KMS_REJECTED);
    /* Odd dates are no reason to stop; that with an offset without colon is understood. */
    assert_int_equal(about(ROOT,
                           KEY(",\"creationDate\":\"yesterday\",\"lastUpdateDate\":"
                               "\"2026-01-10T09:00:00+0000\""),
                           &i),
                     RC_OK);
    assert_int_equal(i.created_ms, 0);
    assert_int_equal(i.updated_ms, 1768035600000);
}

/* ---- states ---- */

static enum rc
verdict(enum root_state state, int64_t until, enum kms_verb verb, struct err *e)
{
    struct root_info info = {.state = state, .restore_until_ms = until};
    (void)err_set(e, RC_ROOT_STATE, "x");
    return ibm_error_state(e, &info, verb);
}

static void
test_states(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(verdict(ROOT_SUSPENDED, 0, KMS_UNWRAP, &e), RC_ROOT_DISABLED);
    assert_int_equal(verdict(ROOT_DEACTIVATED, 0, KMS_WRAP, &e), RC_ROOT_EXPIRED);
    assert_non_null(strstr(e.why, "unwraps"));
    assert_int_equal(verdict(ROOT_DESTROYED, 1797704124000, KMS_UNWRAP, &e), RC_ROOT_DESTROYED);
    assert_non_null(strstr(e.why, "2026-12-19"));
    assert_int_equal(verdict(ROOT_DESTROYED, 0, KMS_UNWRAP, &e), RC_ROOT_PURGED);
    assert_int_equal(verdict(ROOT_PREACTIVE, 0, KMS_UNWRAP, &e), RC_ROOT_STATE);
    assert_int_equal(verdict(ROOT_ACTIVE, 0, KMS_UNWRAP, &e), RC_ROOT_STATE);
}

/* No status that says nothing of a key may end as a state of it, whatever code comes with it. */
static void
test_never_revoked(void **state)
{
    static const int statuses[] = {400, 401, 403, 424, 429, 500, 501, 502, 503, 504, 505, 507, 418};
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "{}",
                                         "{\"resources\":[]}",
                                         "{\"resources\":[{\"reasons\":[{}]}]}",
                                         "{\"resources\":[{\"reasons\":[{\"code\":7}]}]}"};
    (void)state;
    for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
        for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
            struct ibm_error e;
            ibm_error_judge(&e, statuses[s], bodies[b], strlen(bodies[b]));
            assert_int_not_equal(err_exit(e.rc), 14);
            assert_int_not_equal(err_exit(e.rc), 15);
        }
    }
    static const char deleted[] =
        "{\"resources\":[{\"reasons\":[{\"code\":\"KEY_DELETED_ERR\"}]}]}";
    struct ibm_error e;
    ibm_error_judge(&e, 401, deleted, strlen(deleted));
    assert_int_equal(e.rc, RC_KMS_REFUSED);
    ibm_error_judge(&e, 429, deleted, strlen(deleted));
    assert_int_equal(e.rc, RC_KMS_BUSY);
    ibm_error_judge(&e, 503, deleted, strlen(deleted));
    assert_int_equal(err_exit(e.rc), 5);
    static const char blank[] = "{\"resources\":[{\"reasons\":[{\"code\":\" KEY_DELETED_ERR\"}]}]}";
    ibm_error_judge(&e, 410, blank, strlen(blank));
    assert_string_equal(e.code, "KEY_DELETED_ERR"); /* a leading blank occurs */
}

/* The one verdict that has no code of Key Protect's: by the name that PKCS #11 has for it. */
static void
test_no_master_key(void **state)
{
    static const char text[] =
        "rpc error: code = Unknown desc = CKR_IBM_WK_NOT_INITIALIZED: no key";
    struct ibm_error e;
    (void)state;
    ibm_error_judge(&e, 400, text, strlen(text));
    assert_int_equal(e.rc, RC_KMS_NO_MASTER);
    ibm_error_judge(&e, 401, text, strlen(text));
    assert_int_equal(e.rc, RC_KMS_REFUSED);
    ibm_error_judge(&e, 400, text, 40); /* cut before the name's end */
    assert_int_equal(e.rc, RC_KMS_REFUSED);
}

/* What a person is shown: quoted for a shell, with the ring, without any secret. */
static void
test_show(void **state)
{
    static const char *const aad[] = {"it's", "b"};
    struct kms_config config = {
        .provider = "ibm",
        .name = "kp",
        .endpoint = "https://eu-de.kms.cloud.ibm.com",
        .instance = "crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:"
                    "4b7d4a6c-1111-4222-8333-444455556666::"};
    struct kms_op op;
    struct buf out;
    struct err e = ERR_INIT;
    (void)state;
    buf_init(&out, 65536);
    kms_op_init(&op, KMS_UNWRAP, "4b7d4a6c-9999-4222-8333-444455556666");
    op.ciphertext = "e30=";
    op.aad = aad;
    op.aad_count = 2;
    assert_int_equal(kms_show(&out, &config, op.root, "blue", &op, &e), RC_OK);
    assert_non_null(strstr(buf_str(&out), "'https://iam.cloud.ibm.com/identity/token'"));
    assert_non_null(
        strstr(buf_str(&out), "/keys/4b7d4a6c-9999-4222-8333-444455556666/actions/unwrap'"));
    assert_non_null(strstr(buf_str(&out), "'Authorization: Bearer TOKEN'"));
    assert_non_null(
        strstr(buf_str(&out), "'Bluemix-Instance: 4b7d4a6c-1111-4222-8333-444455556666'"));
    assert_non_null(strstr(buf_str(&out), "'X-Kms-Key-Ring: blue'"));
    assert_non_null(strstr(buf_str(&out), "\"aad\":[\"it'\\''s\",\"b\"]"));
    kms_op_release(&op);
    config.provider = "local";
    assert_int_equal(kms_show(&out, &config, "x", "", NULL, &e), RC_CONFIG);
    buf_release(&out);
}

/* A message from outside goes to a terminal. */
static void
test_text_is_tame(void **state)
{
    static const char body[] = "{\"resources\":[{\"errorMsg\":\"a\\u001b[31mb\\r\\nc\"}]}";
    struct ibm_error e;
    (void)state;
    ibm_error_judge(&e, 500, body, strlen(body));
    assert_string_equal(e.text, "a [31mb  c");
}

/* ---- places ---- */

static void
test_crn(void **state)
{
    struct crn c;
    (void)state;
    assert_int_equal(
        crn_parse(&c, "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE ":key:" ROOT), 0);
    assert_string_equal(c.service, "kms");
    assert_string_equal(c.region, "eu-de");
    assert_string_equal(c.account, ACCOUNT);
    assert_string_equal(c.instance, INSTANCE);
    assert_string_equal(c.key, ROOT);
    assert_int_equal(
        crn_parse(&c, "crn:v1:bluemix:public:hs-crypto:us-south:a/" ACCOUNT ":" INSTANCE "::"), 0);
    assert_string_equal(c.service, "hs-crypto");
    assert_string_equal(c.key, "");
    static const char *const bad[] = {
        "",
        "crn:",
        INSTANCE,
        "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE ":",
        "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE ":::",
        "crn:v2:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:cloud-object-storage:eu-de:a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:kms:eu-de.evil:a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:kms:-de:a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:kms:eu-:a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:kms::a/" ACCOUNT ":" INSTANCE "::",
        "crn:v1:bluemix:public:kms:eu-de:a/0123:" INSTANCE "::",
        "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":not-a-uuid::",
        "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE ":key:",
        "crn:v1:bluemix:public:kms:eu-de:a/" ACCOUNT ":" INSTANCE ":bucket:" ROOT,
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (crn_parse(&c, bad[i]) == 0)
            fail_msg("taken: %s", bad[i]);
    }
}

static void
test_hosts(void **state)
{
    static const struct {
        const char *host, *region, *instance;
        int private_net;
    } good[] = {
        {"eu-de.kms.cloud.ibm.com", "eu-de", "", 0},
        {"private.us-south.kms.cloud.ibm.com", "us-south", "", 1},
        {INSTANCE ".api.eu-es.kms.appdomain.cloud", "eu-es", INSTANCE, 0},
        {INSTANCE ".api.private.eu-es.kms.appdomain.cloud", "eu-es", INSTANCE, 1},
        {INSTANCE ".api.us-east.hs-crypto.appdomain.cloud", "us-east", INSTANCE, 0},
        {INSTANCE ".api.private.us-east.hs-crypto.appdomain.cloud", "us-east", INSTANCE, 1},
        {"api.eu-de.hs-crypto.cloud.ibm.com", "eu-de", "", 0},
        {"api.private.eu-de.hs-crypto.cloud.ibm.com", "eu-de", "", 1},
    };
    struct place p;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(place_parse(&p, good[i].host), 0);
        assert_string_equal(p.region, good[i].region);
        assert_string_equal(p.instance, good[i].instance);
        assert_int_equal(p.private_net, good[i].private_net);
        assert_true(place_is_kms(good[i].host));
        assert_string_equal(place_iam(good[i].host),
                            good[i].private_net ? IAM_PRIVATE : IAM_PUBLIC);
    }
    static const char *const foreign[] = {"kms.cloud.ibm.com",
                                          ".kms.cloud.ibm.com.evil.example",
                                          "eu-de.kms.cloud.ibm.com.evil.example",
                                          "eu-de.xkms.cloud.ibm.com",
                                          "evilkms.cloud.ibm.com",
                                          "eu-de.kms.cloud.ibm.co",
                                          "kms.appdomain.cloud",
                                          "x.hs-crypto.appdomain.cloud.",
                                          "iam.cloud.ibm.com",
                                          "127.0.0.1",
                                          ""};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (place_is_kms(foreign[i]))
            fail_msg("trusted: %s", foreign[i]);
    }
    assert_true(place_is_iam("iam.cloud.ibm.com"));
    assert_true(place_is_iam("private.iam.cloud.ibm.com"));
    assert_false(place_is_iam("x.iam.cloud.ibm.com"));
    assert_int_equal(place_parse(&p, "api.eu-es.kms.appdomain.cloud"), -1);
    assert_int_equal(place_parse(&p, "a.b.kms.cloud.ibm.com"), -1);
}

static void
test_may_ask(void **state)
{
    struct kms_config c = {.provider = "ibm", .name = "kp", .instance = INSTANCE};
    (void)state;
    c.endpoint = "https://eu-de.kms.cloud.ibm.com";
    assert_ok(kms_may_ask(&c, 0, err));
    c.endpoint = "https://kms.evil.example";
    assert_rc(kms_may_ask(&c, 0, err), RC_ENDPOINT_UNKNOWN);
    assert_ok(kms_may_ask(&c, 1, err));
    c.endpoint = "https://eu-de.kms.cloud.ibm.com.evil.example";
    assert_rc(kms_may_ask(&c, 0, err), RC_ENDPOINT_UNKNOWN);
    c.endpoint = "https://eu-de.kms.cloud.ibm.com@evil.example";
    assert_rc(kms_may_ask(&c, 1, err), RC_BAD_VALUE);
    c.endpoint = "http://eu-de.kms.cloud.ibm.com";
    assert_rc(kms_may_ask(&c, 1, err), RC_BAD_VALUE);
    c.endpoint = "";
    assert_rc(kms_may_ask(&c, 1, err), RC_CONFIG);
    c.endpoint = "https://eu-de.kms.cloud.ibm.com";
    c.iam = "http://iam.cloud.ibm.com";
    assert_rc(kms_may_ask(&c, 1, err), RC_BAD_VALUE);
}

/* ---- IAM ---- */

static void
test_form(void **state)
{
    struct secret *out = NULL;
    static const char want[] =
        "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=SIM-API-KEY_%2B%2F%3D"
        "&response_type=cloud_iam";
    (void)state;
    assert_ok(secret_new(&out, err));
    assert_ok(iam_form(out, (const unsigned char *)"SIM-API-KEY_+/=", 15, err));
    assert_int_equal(out->len, strlen(want));
    assert_memory_equal(out->bytes, want, out->len);
    secret_free(out);
}

/* A token of up to 7 KiB does not fit one place for secrets. */
static void
test_long_token(void **state)
{
    struct iam iam = {.http = NULL};
    struct secret *key = NULL;
    char text[9000];
    (void)state;
    assert_ok(secret_new(&key, err));
    assert_ok(secret_add(key, "canary-key", 10, err));
    assert_ok(iam_init(&iam, NULL, key, err));
    for (size_t len = 4080; len <= 7168; len += 1544) {
        int n = snprintf(text, sizeof text, "{\"expires_in\":3600,\"access_token\":\"%0*d\"}",
                         (int)len, 7);
        assert_ok(iam_answer(&iam, 200, text, (size_t)n, 0, err));
        assert_int_equal(iam.token[0].len + iam.token[1].len, len);
        assert_int_equal(iam.token[len > SECRET_SLOT].bytes[iam.token[len > SECRET_SLOT].len - 1],
                         '7');
    }
    assert_int_equal(iam.token[0].len, SECRET_SLOT);
    assert_memory_equal(iam.key.bytes, "canary-key", 10);
    static const char *const bad[] = {"",
                                      "{}",
                                      "x",
                                      "{\"access_token\":\"a b\",\"expires_in\":60}",
                                      "{\"access_token\":\"a\"}",
                                      "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":60}",
                                      "{\"access_token\":\"a\",\"expires_in\":0}",
                                      "{\"access_token\":\"\",\"expires_in\":60}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(iam_answer(&iam, 200, bad[i], strlen(bad[i]), 0, err), RC_KMS_REPLY);
    iam_release(&iam);
    secret_free(key);
    assert_int_equal(secret_live(), 0);
}

/* Many KMSs: their API keys share a place, and those used last have their tokens. */
static void
test_many_tokens(void **state)
{
    enum { MANY = 32 };
    static struct iam iam[MANY];
    struct secret *key = NULL;
    char text[64];
    (void)state;
    assert_ok(secret_new(&key, err));
    for (int i = 0; i < MANY; i++) {
        secret_cut(key, 0);
        (void)snprintf(text, sizeof text, "canary-key-%02d", i);
        assert_ok(secret_add(key, text, strlen(text), err));
        assert_ok(iam_init(&iam[i], NULL, key, err));
        int n = snprintf(text, sizeof text, "{\"expires_in\":3600,\"access_token\":\"t%02d\"}", i);
        assert_ok(iam_answer(&iam[i], 200, text, (size_t)n, clock_mono_ms(), err));
        if (i > 0) /* stays in use */
            assert_ok(iam_token(&iam[0], err));
    }
    assert_int_equal(secret_live(), 2 + IAM_TOKENS);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "canary-key-%02d", i);
        assert_memory_equal(iam[i].key.bytes, text, strlen(text));
        (void)snprintf(text, sizeof text, "t%02d", i);
        assert_int_equal(iam[i].token[0].len, i == 0 || i > MANY - IAM_TOKENS ? 3 : 0);
        if (iam[i].token[0].len > 0)
            assert_memory_equal(iam[i].token[0].bytes, text, 3);
    }
    for (int i = 0; i < MANY; i++)
        iam_release(&iam[i]);
    secret_free(key);
    assert_int_equal(secret_live(), 0);
}

/* A service that repeats what it was sent does not get it into our messages. */
static void
test_an_echo_is_not_shown(void **state)
{
    (void)state;
    static const char answer[] =
        "{\"errorCode\":\"canary-key-of-44-characters\",\"context\":{\"requestId\":"
        "\"x canary-key-of-44-characters\"}}";
    static const char refusal[] =
        "{\"resources\":[{\"errorMsg\":\"Unauthorized: Bearer eyJraWQiOiJtYWRlLXVwIiwiYWxnIjoiUlMyN"
        "TYifQ.canary for c3b7af4a-4b21-4210-8bd0-87e1d1af6203\"}]}";
    struct iam iam = {0};
    struct ibm_error e;
    struct err said = ERR_INIT;
    struct secret *key = NULL;
    assert_ok(secret_new(&key, err));
    assert_ok(secret_add(key, "canary-key-of-44-characters", 27, err));
    assert_ok(iam_init(&iam, NULL, key, err));
    assert_int_equal(iam_answer(&iam, 400, answer, strlen(answer), 0, &said), RC_IAM_REFUSED);
    assert_null(strstr(said.why, "canary"));
    assert_string_equal(said.request, "");
    iam_release(&iam);
    secret_free(key);
    ibm_error_judge(&e, 401, refusal, strlen(refusal));
    assert_string_equal(e.text,
                        "Unauthorized: Bearer ... for c3b7af4a-4b21-4210-8bd0-87e1d1af6203");
}

static void
test_a_header_has_no_control_bytes(void **state)
{
    (void)state;
    struct http_request r;
    char value[64];
    http_request_init(&r, "GET", "https://kms.example/");
    buf_init(&r.head, 4096);
    buf_adds(&r.head, "Retry-After: 12\rX\r\ncorrelation-id:\tabc \r\nLocation: a\x1b[2J\r\n");
    assert_int_equal(http_header(&r, "Retry-After", value, sizeof value), 0);
    assert_string_equal(value, "");
    assert_int_equal(http_header(&r, "Location", value, sizeof value), 0);
    assert_int_equal(http_header(&r, "Correlation-Id", value, sizeof value), 1);
    assert_string_equal(value, "abc");
    http_request_release(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_echo_is_not_shown),
        cmocka_unit_test(test_a_header_has_no_control_bytes),
        cmocka_unit_test(test_collection),
        cmocka_unit_test(test_bad_replies),
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_never_revoked),
        cmocka_unit_test(test_text_is_tame),
        cmocka_unit_test(test_crn),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_may_ask),
        cmocka_unit_test(test_no_master_key),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_long_token),
        cmocka_unit_test(test_many_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
