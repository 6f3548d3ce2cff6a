#include "../lib/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "crypt/hash.h"
#include "kms/kms.h"
#include "kms/local.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"

static const int64_t DAY = 24LL * 60 * 60 * 1000;
static const char PASSPHRASE[] = "correct horse battery staple";
static const char FIXTURE[] = TEST_DATA "/kms-local/v1.kms";
static const char FIXTURE_PASSPHRASE[] = "fixture passphrase, v1";
static const char CANARY[] = "canary-7f3a-password-0";

/* Each test has a folder, a KMS file in it that is open, and two active root keys. */
static char folder[64];
static char path[128];
static struct secret *passphrase;
static struct kms *kms;
static struct local editor; /* for edit: unlocked at its first call */

static struct secret *
slot(const char *text)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, strlen(text), err));
    return s;
}

static struct kms_config
config_of(const struct secret *credential)
{
    struct kms_config c = {.provider = "local", .name = "lab", .file = path};
    c.credential = credential;
    return c;
}

static enum rc
open_kms(struct kms **out, const struct secret *credential, struct err *err)
{
    struct kms_config c = config_of(credential);
    return kms_open(out, &c, err);
}

static int
begin(void **state)
{
    (void)state;
    struct root_info info;
    strcpy(folder, "/tmp/keymuster-kms-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/lab.kms", folder);
    passphrase = slot(PASSPHRASE);
    assert_ok(kms_local_create(path, passphrase, err));
    assert_ok(open_kms(&kms, passphrase, err));
    assert_ok(kms_root_create(kms, "one", &info, err));
    assert_ok(kms_root_create(kms, "two", &info, err));
    return 0;
}

static int
end(void **state)
{
    (void)state;
    char lock[160];
    kms_close(kms);
    kms = NULL;
    secret_free(editor.key);
    memset(&editor, 0, sizeof editor);
    secret_free(passphrase);
    (void)snprintf(lock, sizeof lock, "%s.lock", path);
    (void)unlink(lock);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0); /* no temporary file stays behind */
    return secret_live() == 0 ? 0 : -1;
}

static enum rc
run(struct kms_op *op)
{
    assert_ok(kms_run(kms, op, 1, err));
    assert_int_equal(op->rc, op->err.code);
    assert_true(uuid_is(op->request));
    if (op->rc != RC_OK) {
        assert_string_equal(op->err.request, op->request);
        assert_null(op->plain);
        assert_int_equal(op->fresh.len, 0);
        assert_int_equal(op->version[0], '\0');
    }
    return op->rc;
}

/* Wraps text under root; the ciphertext is to be buf_release'd. */
static struct buf
wrapped(const char *root, const char *text, const char *const *aad, size_t count)
{
    struct kms_op op;
    struct secret *payload = slot(text);
    kms_op_init(&op, KMS_WRAP, root);
    op.payload = payload;
    op.aad = aad;
    op.aad_count = count;
    assert_int_equal(run(&op), RC_OK);
    secret_free(payload);
    return op.fresh; /* transferred */
}

/* The result of a verb without AAD; outputs are dropped. */
static enum rc
result(enum kms_verb verb, const char *root, const char *ciphertext, struct err *out)
{
    struct kms_op op;
    struct secret *payload = slot("payload");
    kms_op_init(&op, verb, root);
    op.payload = payload;
    op.ciphertext = ciphertext;
    enum rc rc = run(&op);
    *out = op.err;
    kms_op_release(&op);
    secret_free(payload);
    return rc;
}

/* Edits one root key behind the provider's back: states and dates that take months to reach. */
static void
edit(const char *alias, enum root_state state, int64_t deleted_ms)
{
    struct local_file f;
    int found = 0;
    if (editor.key == NULL) {
        strcpy(editor.path, path);
        assert_ok(local_file_unlock(&editor, passphrase, err));
    }
    assert_ok(local_file_load(&f, &editor, err));
    for (size_t i = 0; i < f.count; i++) {
        if (strcmp(f.roots[i].alias, alias) != 0)
            continue;
        f.roots[i].state = state;
        f.roots[i].deleted_ms = deleted_ms;
        found = 1;
    }
    assert_true(found);
    assert_ok(local_file_save(&editor, &f, err));
    local_file_release(&f);
}

static void
change(const char *root, enum kms_change what)
{
    struct root_info info;
    assert_ok(kms_root_change(kms, root, what, &info, err));
}

static void
slurp(struct buf *out)
{
    buf_init(out, LIMIT_SMALL_FILE);
    assert_ok(file_read(out, path, err));
}

/* ---- wrapping ---- */

static void
test_round_trip(void **state)
{
    (void)state;
    struct root_info info;
    struct buf wrap = wrapped("one", CANARY, NULL, 0);
    struct secret *want = slot(CANARY);
    struct kms_op op;
    assert_ok(kms_root_info(kms, "one", &info, err));
    assert_ok(kms_wrap_check(buf_str(&wrap), err));
    kms_op_init(&op, KMS_UNWRAP, info.id); /* by id as by alias */
    op.ciphertext = buf_str(&wrap);
    assert_int_equal(run(&op), RC_OK);
    assert_true(secret_equal(op.plain, want));
    assert_int_equal(op.fresh.len, 0);
    assert_string_equal(op.fresh_version, "");
    assert_string_equal(op.version, info.id); /* the first version has the root key's id */
    kms_op_release(&op);
    secret_free(want);
    buf_release(&wrap);
}

static void
test_wrap_without_payload_makes_32_bytes(void **state)
{
    (void)state;
    struct kms_op ops[3];
    for (int i = 0; i < 2; i++)
        kms_op_init(&ops[i], KMS_WRAP, "one");
    assert_ok(kms_run(kms, ops, 2, err));
    assert_int_equal(ops[0].rc, RC_OK);
    assert_int_equal(ops[1].rc, RC_OK);
    assert_int_equal(ops[0].plain->len, 32);
    assert_false(secret_equal(ops[0].plain, ops[1].plain));
    assert_string_not_equal(ops[0].request, ops[1].request);
    kms_op_init(&ops[2], KMS_UNWRAP, "one");
    ops[2].ciphertext = buf_str(&ops[0].fresh);
    assert_int_equal(run(&ops[2]), RC_OK);
    assert_true(secret_equal(ops[2].plain, ops[0].plain));
    for (int i = 0; i < 3; i++)
        kms_op_release(&ops[i]);
}

static void
test_payload_sizes(void **state)
{
    (void)state;
    struct secret *payload = slot("");
    struct kms_op op, back;
    kms_op_init(&op, KMS_WRAP, "one");
    op.payload = payload;
    assert_int_equal(run(&op), RC_BAD_VALUE);
    assert_ok(random_secret(payload, LIMIT_SECRET, err));
    assert_int_equal(run(&op), RC_OK);
    assert_true(op.fresh.len <= LIMIT_CIPHERTEXT);
    kms_op_init(&back, KMS_UNWRAP, "one");
    back.ciphertext = buf_str(&op.fresh);
    assert_int_equal(run(&back), RC_OK);
    assert_true(secret_equal(back.plain, payload));
    assert_ok(random_secret(payload, 1, err));
    assert_int_equal(run(&op), RC_BAD_VALUE);
    kms_op_release(&op);
    kms_op_release(&back);
    secret_free(payload);
}

static enum rc
unwrap_with(const char *ciphertext, const char *const *aad, size_t count)
{
    struct kms_op op;
    kms_op_init(&op, KMS_UNWRAP, "one");
    op.ciphertext = ciphertext;
    op.aad = aad;
    op.aad_count = count;
    enum rc rc = run(&op);
    kms_op_release(&op);
    return rc;
}

static void
test_aad_must_be_the_same_list(void **state)
{
    (void)state;
    const char *right[] = {"vbr-fra", "config"}, *swapped[] = {"config", "vbr-fra"};
    const char *joined[] = {"vbr-fraconfig"}, *shifted[] = {"vbr-frac", "onfig"};
    const char *more[] = {"vbr-fra", "config", ""}, *other[] = {"vbr-fra", "Config"};
    struct buf wrap = wrapped("one", CANARY, right, 2);
    const char *text = buf_str(&wrap);
    assert_int_equal(unwrap_with(text, right, 2), RC_OK);
    assert_int_equal(unwrap_with(text, swapped, 2), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, joined, 1), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, shifted, 2), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, more, 3), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, other, 2), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, right, 1), RC_CIPHERTEXT);
    assert_int_equal(unwrap_with(text, NULL, 0), RC_CIPHERTEXT);
    buf_release(&wrap);
}

static void
test_aad_limits(void **state)
{
    (void)state;
    char longest[LIMIT_AAD_TEXT + 2];
    const char *aad[LIMIT_AAD_COUNT + 1];
    memset(longest, 'a', sizeof longest);
    longest[LIMIT_AAD_TEXT] = '\0';
    for (size_t i = 0; i <= LIMIT_AAD_COUNT; i++)
        aad[i] = longest;
    struct buf wrap = wrapped("one", "x", aad, LIMIT_AAD_COUNT);
    assert_int_equal(unwrap_with(buf_str(&wrap), aad, LIMIT_AAD_COUNT), RC_OK);
    assert_int_equal(unwrap_with(buf_str(&wrap), aad, LIMIT_AAD_COUNT + 1), RC_BAD_VALUE);
    longest[LIMIT_AAD_TEXT] = 'a';
    longest[LIMIT_AAD_TEXT + 1] = '\0';
    assert_int_equal(unwrap_with(buf_str(&wrap), aad, 1), RC_BAD_VALUE);
    aad[0] = "\xff";
    assert_int_equal(unwrap_with(buf_str(&wrap), aad, 1), RC_BAD_VALUE);
    buf_release(&wrap);
}

static void
test_every_altered_byte_of_a_wrap_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct buf wrap = wrapped("one", CANARY, NULL, 0), raw, text;
    buf_init(&raw, LIMIT_CIPHERTEXT);
    buf_init(&text, LIMIT_CIPHERTEXT);
    for (size_t i = 0; i < wrap.len; i++) {
        char was = wrap.data[i];
        wrap.data[i] = was == 'A' ? 'B' : 'A';
        enum rc rc = result(KMS_UNWRAP, "one", wrap.data, &e);
        assert_true(rc == RC_CIPHERTEXT || rc == RC_BAD_VALUE);
        wrap.data[i] = was;
    }
    /* The same below the base64. */
    assert_int_equal(base64_decode(&raw, wrap.data, wrap.len), 0);
    for (size_t i = 0; i < 8 * raw.len; i++) {
        raw.data[i / 8] = (char)(raw.data[i / 8] ^ (1 << i % 8));
        buf_clear(&text);
        base64_encode(&text, raw.data, raw.len);
        enum rc rc = result(KMS_UNWRAP, "one", buf_str(&text), &e);
        assert_true(rc == RC_CIPHERTEXT || rc == RC_BAD_VALUE);
        raw.data[i / 8] = (char)(raw.data[i / 8] ^ (1 << i % 8));
    }
    assert_int_equal(result(KMS_UNWRAP, "one", wrap.data, &e), RC_OK); /* it was whole all along */
    buf_release(&text);
    buf_release(&raw);
    buf_release(&wrap);
}

static void
test_what_is_no_wrap(void **state)
{
    (void)state;
    struct err e;
    char huge[LIMIT_CIPHERTEXT + 5];
    memset(huge, 'A', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    const char *bad[] = {"",       "!", "AAAA", "e30", "W10=" /* [] */, "bnVsbA==" /* null */,
                         "e30=\n", huge};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_rc(kms_wrap_check(bad[i], err), RC_BAD_VALUE);
        assert_int_equal(result(KMS_UNWRAP, "one", bad[i], &e), RC_BAD_VALUE);
        assert_true(e.why[0] != '\0');
        assert_int_equal(result(KMS_REWRAP, "one", bad[i], &e), RC_BAD_VALUE);
    }
    /* An object of another make passes the syntax check and is refused by us. */
    assert_ok(kms_wrap_check("e30=", err)); /* {} */
    assert_int_equal(result(KMS_UNWRAP, "one", "e30=", &e), RC_CIPHERTEXT);
    assert_int_equal(result(KMS_UNWRAP, "one", NULL, &e), RC_BAD_VALUE);
}

static void
test_wrap_of_another_root_is_refused_by_name(void **state)
{
    (void)state;
    struct err e;
    struct buf wrap = wrapped("two", CANARY, NULL, 0);
    assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&wrap), &e), RC_CIPHERTEXT);
    assert_non_null(strstr(e.why, "root key two of this KMS"));
    assert_non_null(strstr(e.msg, "KMS lab"));
    assert_non_null(strstr(e.msg, "one"));
    assert_int_equal(result(KMS_REWRAP, "one", buf_str(&wrap), &e), RC_CIPHERTEXT);
    assert_int_equal(result(KMS_UNWRAP, "three", buf_str(&wrap), &e), RC_KMS_NO_ROOT);
    buf_release(&wrap);
}

static void
test_one_failure_does_not_stop_a_batch(void **state)
{
    (void)state;
    struct kms_op ops[3];
    kms_op_init(&ops[0], KMS_WRAP, "one");
    kms_op_init(&ops[1], KMS_WRAP, "nobody");
    kms_op_init(&ops[2], KMS_WRAP, "two");
    assert_ok(kms_run(kms, ops, 3, err));
    assert_int_equal(ops[0].rc, RC_OK);
    assert_int_equal(ops[1].rc, RC_KMS_NO_ROOT);
    assert_int_equal(ops[2].rc, RC_OK);
    for (int i = 0; i < 3; i++)
        kms_op_release(&ops[i]);
}

/* When every slot is taken, an operation says so, and nothing leaks. */
static void
test_no_slot_is_an_error_of_the_operation(void **state)
{
    (void)state;
    struct kms_op ops[SECRET_SLOTS];
    unsigned live = secret_live(), failed = 0;
    for (size_t i = 0; i < SECRET_SLOTS; i++)
        kms_op_init(&ops[i], KMS_WRAP, "one");
    assert_ok(kms_run(kms, ops, SECRET_SLOTS, err));
    for (size_t i = 0; i < SECRET_SLOTS; i++) {
        if (ops[i].rc != RC_OK)
            assert_int_equal(ops[i].rc, RC_NO_MEMORY);
        failed += ops[i].rc != RC_OK;
        kms_op_release(&ops[i]);
    }
    assert_true(failed > 0 && failed < SECRET_SLOTS);
    assert_int_equal(secret_live(), live);
}

/* ---- rotation ---- */

static void
test_rotation_gives_fresh_wraps(void **state)
{
    (void)state;
    struct root_info before, after;
    struct kms_op op, again;
    struct secret *want = slot(CANARY);
    const char *aad[] = {"a", "b"};
    struct buf wrap = wrapped("one", CANARY, aad, 2);
    assert_ok(kms_root_info(kms, "one", &before, err));
    assert_ok(kms_root_change(kms, "one", KMS_ROTATE, &after, err));
    assert_string_equal(after.id, before.id);
    assert_string_not_equal(after.version, before.version);
    assert_int_equal(after.versions, 2);
    assert_true(after.rotated_ms > 0 && before.rotated_ms == 0);
    assert_true(after.updated_ms > before.updated_ms);

    const enum kms_verb verbs[] = {KMS_UNWRAP, KMS_REWRAP};
    for (int i = 0; i < 2; i++) {
        kms_op_init(&op, verbs[i], "one");
        op.ciphertext = buf_str(&wrap);
        op.aad = aad;
        op.aad_count = 2;
        assert_int_equal(run(&op), RC_OK);
        assert_int_equal(op.plain != NULL, verbs[i] == KMS_UNWRAP);
        assert_string_equal(op.version, before.version);
        assert_string_equal(op.fresh_version, after.version);
        /* The fresh one opens with the same AAD, and is current. */
        kms_op_init(&again, KMS_UNWRAP, "one");
        again.ciphertext = buf_str(&op.fresh);
        again.aad = aad;
        again.aad_count = 2;
        assert_int_equal(run(&again), RC_OK);
        assert_true(secret_equal(again.plain, want));
        assert_string_equal(again.version, after.version);
        assert_int_equal(again.fresh.len, 0);
        kms_op_release(&again);
        kms_op_release(&op);
    }
    /* A current one can be rewrapped, too, and comes out different. */
    struct buf current = wrapped("one", CANARY, NULL, 0);
    kms_op_init(&op, KMS_REWRAP, "one");
    op.ciphertext = buf_str(&current);
    assert_int_equal(run(&op), RC_OK);
    assert_string_equal(op.version, after.version);
    assert_string_equal(op.fresh_version, after.version);
    assert_string_not_equal(buf_str(&op.fresh), buf_str(&current));
    kms_op_release(&op);
    buf_release(&current);
    buf_release(&wrap);
    secret_free(want);
}

/* A wrap with the handle of another version of the same root key must not open. */
static void
test_handle_is_bound(void **state)
{
    (void)state;
    struct err e;
    struct root_info info;
    struct buf raw, text, wrap = wrapped("one", CANARY, NULL, 0);
    assert_ok(kms_root_change(kms, "one", KMS_ROTATE, &info, err));
    buf_init(&raw, LIMIT_CIPHERTEXT);
    buf_init(&text, LIMIT_CIPHERTEXT);
    assert_int_equal(base64_decode(&raw, wrap.data, wrap.len), 0);
    char *handle = strstr(raw.data, info.id);
    assert_non_null(handle);
    memcpy(handle, info.version, UUID_TEXT);
    base64_encode(&text, raw.data, raw.len);
    assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&text), &e), RC_CIPHERTEXT);
    buf_release(&text);
    buf_release(&raw);
    buf_release(&wrap);
}

/* ---- states ---- */

/* What each state answers to each verb; reference: Key Protect, state x action. */
static void
test_states_and_verbs(void **state)
{
    (void)state;
    const struct {
        enum root_state state;
        int days; /* since it was destroyed */
        enum rc wrap, open, rotate, disable, enable, destroy, restore;
    } rows[] = {
        {ROOT_PREACTIVE, 0, RC_ROOT_STATE, RC_ROOT_STATE, RC_ROOT_STATE, RC_ROOT_STATE,
         RC_ROOT_STATE, RC_OK, RC_ROOT_STATE},
        {ROOT_ACTIVE, 0, RC_OK, RC_OK, RC_OK, RC_OK, RC_ROOT_STATE, RC_OK, RC_ROOT_STATE},
        {ROOT_SUSPENDED, 0, RC_ROOT_DISABLED, RC_ROOT_DISABLED, RC_ROOT_DISABLED, RC_ROOT_STATE,
         RC_OK, RC_OK, RC_ROOT_STATE},
        {ROOT_DEACTIVATED, 0, RC_ROOT_EXPIRED, RC_OK, RC_OK, RC_ROOT_STATE, RC_ROOT_STATE, RC_OK,
         RC_ROOT_STATE},
        {ROOT_DESTROYED, 29, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED,
         RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_OK},
        {ROOT_DESTROYED, 31, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED,
         RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_ROOT_DESTROYED, RC_ROOT_PURGED},
        {ROOT_DESTROYED, 91, RC_ROOT_PURGED, RC_ROOT_PURGED, RC_ROOT_PURGED, RC_ROOT_PURGED,
         RC_ROOT_PURGED, RC_ROOT_PURGED, RC_ROOT_PURGED},
    };
    struct err e;
    struct buf wrap = wrapped("one", CANARY, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t deleted = rows[i].days ? clock_now_ms() - rows[i].days * DAY : 0;
        edit("one", rows[i].state, deleted);
        assert_int_equal(result(KMS_WRAP, "one", NULL, &e), rows[i].wrap);
        assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&wrap), &e), rows[i].open);
        assert_int_equal(result(KMS_REWRAP, "one", buf_str(&wrap), &e), rows[i].open);
        const struct {
            enum kms_change what;
            enum rc want;
        } changes[] = {{KMS_ROTATE, rows[i].rotate},
                       {KMS_DISABLE, rows[i].disable},
                       {KMS_ENABLE, rows[i].enable},
                       {KMS_DESTROY, rows[i].destroy},
                       {KMS_RESTORE, rows[i].restore}};
        for (size_t k = 0; k < sizeof changes / sizeof changes[0]; k++) {
            struct root_info info;
            edit("one", rows[i].state, deleted);
            assert_rc(kms_root_change(kms, "one", changes[k].what, &info, err), changes[k].want);
            assert_int_equal(info.id[0] != '\0', changes[k].want == RC_OK);
        }
    }
    buf_release(&wrap);
}

static void
test_changes_end_in_the_right_state(void **state)
{
    (void)state;
    struct root_info info;
    const struct {
        enum root_state from;
        enum kms_change what;
        enum root_state to;
    } rows[] = {
        {ROOT_ACTIVE, KMS_ROTATE, ROOT_ACTIVE},
        {ROOT_DEACTIVATED, KMS_ROTATE, ROOT_DEACTIVATED},
        {ROOT_ACTIVE, KMS_DISABLE, ROOT_SUSPENDED},
        {ROOT_SUSPENDED, KMS_ENABLE, ROOT_ACTIVE},
        {ROOT_ACTIVE, KMS_DESTROY, ROOT_DESTROYED},
        {ROOT_DESTROYED, KMS_RESTORE, ROOT_ACTIVE},
        {ROOT_SUSPENDED, KMS_DESTROY, ROOT_DESTROYED},
    };
    int64_t last = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        edit("one", rows[i].from, rows[i].from == ROOT_DESTROYED ? clock_now_ms() : 0);
        assert_ok(kms_root_change(kms, "one", rows[i].what, &info, err));
        assert_int_equal(info.state, rows[i].to);
        assert_int_equal(info.deleted_ms != 0, rows[i].to == ROOT_DESTROYED);
        assert_true(info.updated_ms > last); /* also when two changes fall into one millisecond */
        last = info.updated_ms;
        struct root_info seen;
        assert_ok(kms_root_info(kms, "one", &seen, err));
        assert_int_equal(seen.state, rows[i].to);
        assert_int_equal(seen.updated_ms, info.updated_ms);
        assert_true(uuid_is(seen.request));
    }
}

static void
test_refusals_say_what_to_do(void **state)
{
    (void)state;
    struct err e;
    char until[TIME_TEXT + 1];
    struct root_info info;
    change("one", KMS_DISABLE);
    assert_int_equal(result(KMS_WRAP, "one", NULL, &e), RC_ROOT_DISABLED);
    assert_string_equal(e.hint, "keymuster root enable one");
    change("one", KMS_DESTROY);
    assert_ok(kms_root_info(kms, "one", &info, err));
    assert_int_equal(info.restore_until_ms - info.deleted_ms, 30 * DAY);
    time_format(until, info.restore_until_ms);
    assert_int_equal(result(KMS_UNWRAP, "one", "e30=", &e), RC_ROOT_DESTROYED);
    assert_non_null(strstr(e.why, until));
    assert_string_equal(e.hint, "keymuster root restore one");
    /* Too late for that: no such hint. */
    edit("one", ROOT_DESTROYED, clock_now_ms() - 31 * DAY);
    assert_int_equal(result(KMS_UNWRAP, "one", "e30=", &e), RC_ROOT_DESTROYED);
    assert_string_equal(e.hint, "");
    edit("one", ROOT_DEACTIVATED, 0);
    assert_int_equal(result(KMS_WRAP, "one", NULL, &e), RC_ROOT_EXPIRED);
    assert_non_null(strstr(e.hint, "rehome"));
}

static void
test_wraps_open_again_after_restore(void **state)
{
    (void)state;
    struct err e;
    struct buf wrap = wrapped("one", CANARY, NULL, 0);
    change("one", KMS_DESTROY);
    assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&wrap), &e), RC_ROOT_DESTROYED);
    change("one", KMS_RESTORE);
    assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&wrap), &e), RC_OK);
    change("one", KMS_DISABLE);
    change("one", KMS_ENABLE); /* at once: the real one's 30 s are not imposed */
    assert_int_equal(result(KMS_UNWRAP, "one", buf_str(&wrap), &e), RC_OK);
    buf_release(&wrap);
}

/* ---- root keys ---- */

static void
test_aliases(void **state)
{
    (void)state;
    struct root_info info;
    assert_rc(kms_root_create(kms, "one", &info, err), RC_EXISTS);
    assert_int_equal(info.state, ROOT_UNKNOWN);
    assert_rc(kms_root_create(kms, "", &info, err), RC_BAD_NAME);
    assert_rc(kms_root_create(kms, "Upper", &info, err), RC_BAD_NAME);
    assert_rc(kms_root_create(kms, "00112233-4455-4677-8899-aabbccddeeff", &info, err),
              RC_BAD_NAME);
    /* A destroyed one keeps its name: it may come back. */
    change("one", KMS_DESTROY);
    assert_rc(kms_root_create(kms, "one", &info, err), RC_EXISTS);
    assert_rc(kms_root_info(kms, "three", &info, err), RC_KMS_NO_ROOT);
    assert_rc(kms_root_change(kms, "three", KMS_ROTATE, &info, err), RC_KMS_NO_ROOT);
}

static enum rc
count_root(void *arg, const struct root_info *info, struct err *err)
{
    unsigned *count = arg;
    assert_true(uuid_is(info->id));
    ++*count;
    return *count == 100 ? err_set(err, RC_INTERRUPTED, "enough") : RC_OK;
}

static void
test_listing(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_ok(kms_root_each(kms, count_root, &count, err));
    assert_int_equal(count, 2);
    edit("one", ROOT_DESTROYED, clock_now_ms() - 31 * DAY); /* still there to be seen */
    count = 0;
    assert_ok(kms_root_each(kms, count_root, &count, err));
    assert_int_equal(count, 2);
    edit("one", ROOT_DESTROYED, clock_now_ms() - 91 * DAY); /* purged */
    count = 0;
    assert_ok(kms_root_each(kms, count_root, &count, err));
    assert_int_equal(count, 1);
    count = 99;
    assert_rc(kms_root_each(kms, count_root, &count, err), RC_INTERRUPTED);
}

static void
test_state_names(void **state)
{
    (void)state;
    for (int s = 0; s <= 5; s++) {
        if (s == 4)
            continue;
        const char *name = root_state_name((enum root_state)s);
        assert_int_equal(root_state_parse(name), s);
    }
    assert_int_equal(root_state_parse("unknown"), ROOT_UNKNOWN);
    assert_int_equal(root_state_parse("Active"), ROOT_UNKNOWN);
    assert_string_equal(root_state_name(ROOT_UNKNOWN), "unknown");
}

/* ---- the file ---- */

static void
test_file_is_private_and_tells_nothing(void **state)
{
    (void)state;
    struct stat st;
    struct buf file, wrap = wrapped("one", CANARY, NULL, 0);
    slurp(&file);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_null(strstr(file.data, CANARY));
    assert_null(strstr(wrap.data, CANARY));
    assert_null(strstr(file.data, "one")); /* nor the names of root keys */
    assert_null(strstr(file.data, PASSPHRASE));
    buf_release(&file);
    buf_release(&wrap);
}

/* Material is nowhere in the sealed JSON as it is: what a memory dump of the text would show. */
static void
test_material_is_sealed_once_more(void **state)
{
    (void)state;
    struct local l;
    struct local_file f;
    struct secret *key = NULL, *material = NULL;
    memset(&l, 0, sizeof l);
    strcpy(l.path, path);
    assert_ok(local_file_unlock(&l, passphrase, err));
    assert_ok(local_file_load(&f, &l, err));
    assert_ok(local_material_key(&key, &l, err));
    assert_ok(secret_new(&material, err));
    const struct local_version *v = local_current(&f.roots[0]);
    const unsigned char *sealed = v->material + SEAL_NONCE;
    size_t len = LOCAL_MATERIAL - SEAL_NONCE;
    assert_int_equal(unseal_secret(material, key, v->material, v->raw, 16, sealed, len), 0);
    assert_int_equal(material->len, 32);
    assert_memory_not_equal(material->bytes, sealed, 32);
    /* It is bound to its version id. */
    const struct local_version *w = local_current(&f.roots[1]);
    assert_int_equal(unseal_secret(material, key, v->material, w->raw, 16, sealed, len), -1);
    secret_free(material);
    secret_free(key);
    secret_free(l.key);
    local_file_release(&f);
}

static void
test_wrong_passphrase(void **state)
{
    (void)state;
    struct kms *other = NULL;
    struct secret *wrong = slot("correct horse battery stapl"), *none = slot("");
    assert_rc(open_kms(&other, wrong, err), RC_KMS_PASSPHRASE);
    assert_null(other);
    assert_rc(open_kms(&other, none, err), RC_KMS_PASSPHRASE);
    assert_rc(open_kms(&other, NULL, err), RC_KMS_NO_CREDENTIAL);
    secret_free(wrong);
    secret_free(none);
}

static void
test_missing_file(void **state)
{
    (void)state;
    struct kms *other = NULL;
    struct kms_op op;
    struct root_info info;
    struct err e = ERR_INIT;
    char aside[160];
    (void)snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(open_kms(&other, passphrase, &e), RC_KMS_MISSING);
    assert_non_null(strstr(e.hint, "bring back a copy"));
    assert_null(other);
    /* One that was open says the same, for the batch and for each operation in it. */
    kms_op_init(&op, KMS_WRAP, "one");
    assert_rc(kms_run(kms, &op, 1, err), RC_KMS_MISSING);
    assert_int_equal(op.rc, RC_KMS_MISSING);
    assert_null(op.plain);
    kms_op_release(&op);
    assert_rc(kms_root_create(kms, "three", &info, err), RC_KMS_MISSING);
    assert_int_equal(file_exists(path), 0); /* it is never made anew by the way */
    assert_int_equal(rename(aside, path), 0);
}

static void
test_create_once(void **state)
{
    (void)state;
    struct buf before, after;
    struct secret *none = slot("");
    char other[160];
    slurp(&before);
    assert_rc(kms_local_create(path, passphrase, err), RC_EXISTS);
    slurp(&after);
    assert_string_equal(before.data, after.data);
    (void)snprintf(other, sizeof other, "%s/other.kms", folder);
    assert_rc(kms_local_create(other, none, err), RC_BAD_VALUE);
    assert_int_equal(file_exists(other), 0);
    buf_release(&before);
    buf_release(&after);
    secret_free(none);
}

static void
test_unknown_provider(void **state)
{
    (void)state;
    struct kms *other = NULL;
    struct kms_config c = config_of(passphrase);
    c.provider = "vault";
    assert_rc(kms_open(&other, &c, err), RC_CONFIG);
    assert_null(other);
    c.provider = "local";
    c.file = NULL;
    assert_rc(kms_open(&other, &c, err), RC_KMS_MISSING);
}

static void
put_file(const char *text, size_t len)
{
    assert_ok(file_replace(path, text, len, 0600, err));
}

/* Whatever byte is altered: never a success, never a loss of slots. An altered salt or check value
 * cannot be told from a wrong passphrase; all else is integrity. */
static void
test_every_altered_byte_of_the_file_is_refused(void **state)
{
    (void)state;
    struct buf file;
    struct kms *other = NULL;
    struct secret *phrase = slot(FIXTURE_PASSPHRASE); /* its Argon2id is a quick one */
    buf_init(&file, LIMIT_SMALL_FILE);
    assert_ok(file_read(&file, FIXTURE, err));
    unsigned live = secret_live();
    const char *sealed = strstr(file.data, "\"sealed\"");
    assert_non_null(sealed);
    size_t tail = (size_t)(sealed - file.data);
    for (size_t i = 0; i < file.len; i++) {
        struct err e = ERR_INIT;
        file.data[i] ^= 1;
        put_file(file.data, file.len);
        enum rc rc = open_kms(&other, phrase, &e);
        if (rc != RC_KMS_INTEGRITY && rc != RC_KMS_PASSPHRASE)
            print_error("byte %zu: %s\n", i, err_name(rc));
        assert_true(rc == RC_KMS_INTEGRITY || rc == RC_KMS_PASSPHRASE);
        if (i >= tail)
            assert_int_equal(rc, RC_KMS_INTEGRITY);
        assert_null(other);
        assert_int_equal(secret_live(), live);
        file.data[i] ^= 1;
    }
    for (size_t len = 0; len < file.len - 1; len += 97) {
        put_file(file.data, len);
        assert_rc(open_kms(&other, phrase, err), RC_KMS_INTEGRITY);
    }
    put_file(file.data, file.len);
    assert_ok(open_kms(&other, phrase, err));
    kms_close(other);
    secret_free(phrase);
    buf_release(&file);
}

/* One that is open already notices, too. */
static void
test_altered_while_open(void **state)
{
    (void)state;
    struct buf file;
    struct kms_op op;
    struct root_info info;
    slurp(&file);
    for (size_t i = 0; i < file.len; i++) {
        file.data[i] ^= 1;
        put_file(file.data, file.len);
        assert_rc(kms_root_info(kms, "one", &info, err), RC_KMS_INTEGRITY);
        file.data[i] ^= 1;
    }
    /* Another KMS file with the same passphrase has another salt. */
    assert_int_equal(unlink(path), 0);
    assert_ok(kms_local_create(path, passphrase, err));
    kms_op_init(&op, KMS_WRAP, "one");
    assert_rc(kms_run(kms, &op, 1, err), RC_KMS_INTEGRITY);
    kms_op_release(&op);
    buf_release(&file);
}

/* Parameters come from the file: greedy or unknown ones are refused before any work. */
static void
test_kdf_parameters_are_bounded(void **state)
{
    (void)state;
    const char *kdfs[] = {
        "{\"alg\":\"argon2id\",\"mem\":1073742848,\"ops\":1}",
        "{\"alg\":\"argon2id\",\"mem\":8192,\"ops\":11}",
        "{\"alg\":\"argon2id\",\"mem\":8192,\"ops\":0}",
        "{\"alg\":\"argon2id\",\"mem\":-1,\"ops\":1}",
        "{\"alg\":\"argon2id\",\"mem\":8191,\"ops\":1}",
        "{\"alg\":\"argon2id\",\"mem\":\"8192\",\"ops\":1}",
        "{\"alg\":\"argon2id\",\"mem\":9007199254740992,\"ops\":1}",
        "{\"alg\":\"argon2i\",\"mem\":8192,\"ops\":1}",
        "{\"mem\":8192,\"ops\":1}",
        "null",
    };
    struct buf file, text;
    struct kms *other = NULL;
    slurp(&file);
    buf_init(&text, LIMIT_SMALL_FILE);
    const char *from = strstr(file.data, "{\"alg\""), *to = strstr(file.data, ",\"salt\"");
    assert_true(from != NULL && to != NULL);
    for (size_t i = 0; i < sizeof kdfs / sizeof kdfs[0]; i++) {
        buf_clear(&text);
        buf_add(&text, file.data, (size_t)(from - file.data));
        buf_adds(&text, kdfs[i]);
        buf_adds(&text, to);
        put_file(text.data, text.len);
        assert_rc(open_kms(&other, passphrase, err), RC_KMS_INTEGRITY);
    }
    buf_release(&text);
    buf_release(&file);
}

/* ---- two processes ---- */

enum { PROCESSES = 3, EACH = 8 };

/* In a child: no cmocka asserts. */
static int
create_some(int number)
{
    struct err e = ERR_INIT;
    struct kms *own = NULL;
    struct root_info info;
    char alias[32];
    int bad = 0;
    if (open_kms(&own, passphrase, &e) != RC_OK)
        return 1;
    for (int i = 0; i < EACH; i++) {
        (void)snprintf(alias, sizeof alias, "p%d-%d", number, i);
        bad |= kms_root_create(own, alias, &info, &e) != RC_OK;
        bad |= kms_root_change(own, "two", KMS_ROTATE, &info, &e) != RC_OK;
    }
    kms_close(own);
    return bad;
}

static void
test_processes_lose_nothing(void **state)
{
    (void)state;
    pid_t pids[PROCESSES];
    struct root_info info;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(create_some(i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        for (int k = 0; k < EACH; k++) {
            char alias[32];
            (void)snprintf(alias, sizeof alias, "p%d-%d", i, k);
            assert_ok(kms_root_info(kms, alias, &info, err));
        }
    }
    assert_ok(kms_root_info(kms, "two", &info, err));
    assert_int_equal(info.versions, 1 + PROCESSES * EACH);
}

/* ---- the format ---- */

/* A file and a wrap that were not made by our code (tests/data/kms-local/make.py), and which every
 * later release has to open. */
static void
test_fixture_opens(void **state)
{
    (void)state;
    const char *aad[] = {"vbr-fra", "config"};
    struct secret *phrase = slot(FIXTURE_PASSPHRASE), *want = slot("fixture password 1");
    struct kms_config c = {.provider = "local", .name = "fixture", .file = FIXTURE};
    struct kms *fixture = NULL;
    struct root_info info;
    struct kms_op op;
    struct buf wrap;
    char created[TIME_TEXT + 1];
    c.credential = phrase;
    buf_init(&wrap, LIMIT_CIPHERTEXT);
    assert_ok(file_read(&wrap, TEST_DATA "/kms-local/v1.wrap", err));
    assert_ok(kms_open(&fixture, &c, err));
    assert_ok(kms_root_info(fixture, "mad-main", &info, err));
    assert_string_equal(info.id, "5a1c7a52-0f6d-4c1e-9a43-7f0a5d6e0b11");
    assert_string_equal(info.version, "c3f0a9d4-6b7e-4f52-8d1a-2e4b6c8d0f13");
    assert_int_equal(info.versions, 2);
    time_format(created, info.created_ms);
    assert_string_equal(created, "2026-01-02T03:04:05.006Z");
    kms_op_init(&op, KMS_UNWRAP, "mad-main");
    op.ciphertext = buf_str(&wrap);
    op.aad = aad;
    op.aad_count = 2;
    assert_ok(kms_run(fixture, &op, 1, err));
    assert_int_equal(op.rc, RC_OK);
    assert_true(secret_equal(op.plain, want));
    assert_string_equal(op.version, info.id);
    assert_string_equal(op.fresh_version, info.version);
    kms_op_release(&op);
    kms_close(fixture);
    buf_release(&wrap);
    secret_free(phrase);
    secret_free(want);
}

static int
setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return crypt_init(&err) == RC_OK ? 0 : -1;
}

#define WITH_KMS(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KMS(test_round_trip),
        WITH_KMS(test_wrap_without_payload_makes_32_bytes),
        WITH_KMS(test_payload_sizes),
        WITH_KMS(test_aad_must_be_the_same_list),
        WITH_KMS(test_aad_limits),
        WITH_KMS(test_every_altered_byte_of_a_wrap_is_refused),
        WITH_KMS(test_what_is_no_wrap),
        WITH_KMS(test_wrap_of_another_root_is_refused_by_name),
        WITH_KMS(test_one_failure_does_not_stop_a_batch),
        WITH_KMS(test_no_slot_is_an_error_of_the_operation),
        WITH_KMS(test_rotation_gives_fresh_wraps),
        WITH_KMS(test_handle_is_bound),
        WITH_KMS(test_states_and_verbs),
        WITH_KMS(test_changes_end_in_the_right_state),
        WITH_KMS(test_refusals_say_what_to_do),
        WITH_KMS(test_wraps_open_again_after_restore),
        WITH_KMS(test_aliases),
        WITH_KMS(test_listing),
        cmocka_unit_test(test_state_names),
        WITH_KMS(test_file_is_private_and_tells_nothing),
        WITH_KMS(test_material_is_sealed_once_more),
        WITH_KMS(test_wrong_passphrase),
        WITH_KMS(test_missing_file),
        WITH_KMS(test_create_once),
        WITH_KMS(test_unknown_provider),
        WITH_KMS(test_every_altered_byte_of_the_file_is_refused),
        WITH_KMS(test_altered_while_open),
        WITH_KMS(test_kdf_parameters_are_bounded),
        WITH_KMS(test_processes_lose_nothing),
        cmocka_unit_test(test_fixture_opens),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
