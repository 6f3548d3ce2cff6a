#include "../lib/keys.h"

#include "base/clock.h"
#include "recover/drill.h"
#include "text/time.h"

#define KEY "44444444-2222-4333-8444-555555555501"
#define KEY_2 "44444444-2222-4333-8444-555555555502"

#define EVERY_MS (INT64_C(90) * 24 * 3600 * 1000)

static void
result(struct keys *k, const char *root, const char *site, const char *outcome)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"key\":\"" KEY "\",\"root\":\"%s\",\"site\":\"%s\",\"host\":\"h\","
                   "\"outcome\":\"%s\",\"code\":\"%s\",\"ms\":7}",
                   root, site, outcome, strcmp(outcome, "proven") == 0 ? "" : "KM3009");
    stores_append(k->store, "drill.result", body);
    (void)usleep(2000); /* so that the next one is newer */
}

static struct drilled_state
state_of(const struct keys *k, const struct key *key)
{
    struct drilled_state s;
    assert_ok(drilled_state(k->store, key, &s, err));
    return s;
}

/* A key for the loss of STORES_SITE: proven elsewhere only, and under a root key elsewhere. */
static void
test_what_counts(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    keys_begin(&k, "counts");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    assert_int_equal(state_of(&k, &key).any, 0);
    result(&k, KEYS_ROOT_AWAY, STORES_SITE, "proven"); /* at the site that it protects */
    result(&k, KEYS_ROOT_AWAY, "", "proven");          /* at no site */
    result(&k, KEYS_ROOT, KEYS_OTHER_SITE, "proven");  /* by a KMS that would be gone */
    result(&k, "", KEYS_OTHER_SITE, "proven");
    result(&k, "33333333-2222-4333-8444-5555555555ff", KEYS_OTHER_SITE, "proven"); /* unknown */
    struct drilled_state s = state_of(&k, &key);
    assert_int_equal(s.any, 1);
    assert_int_equal(s.proven, 0);
    assert_int_equal(drilled_is_due(&s, EVERY_MS, clock_now_ms()), 1);
    result(&k, KEYS_ROOT_AWAY, KEYS_OTHER_SITE, "proven");
    s = state_of(&k, &key);
    assert_int_equal(s.proven, 1);
    assert_string_equal(s.newest.root, KEYS_ROOT_AWAY);
    assert_string_equal(s.newest.site, KEYS_OTHER_SITE);
    assert_int_equal(s.newest.ms, 7);
    int64_t now = clock_now_ms();
    assert_int_equal(drilled_is_due(&s, EVERY_MS, now), 0);
    assert_int_equal(drilled_is_due(&s, EVERY_MS, now + EVERY_MS), 1);
    assert_int_equal(drilled_is_due(&s, EVERY_MS, now - 20 * 60 * 1000), 1); /* from the future */
    /* Any other key counts wherever there is a site. */
    (void)snprintf(key.purpose, sizeof key.purpose, "other");
    int yes = -1;
    struct drilled d = {.root = KEYS_ROOT, .site = STORES_SITE};
    assert_ok(drilled_counts(k.store, &key, &d, &yes, err));
    assert_int_equal(yes, 1);
    d.site[0] = '\0';
    assert_ok(drilled_counts(k.store, &key, &d, &yes, err));
    assert_int_equal(yes, 0);
    keys_end(&k);
}

/* From a copy at the site that the key must outlive nothing is proven. */
static void
test_where_the_copy_is(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    int yes = -1;
    struct drilled d = {.root = KEYS_ROOT_AWAY, .site = KEYS_OTHER_SITE, .copy = KEY_2};
    keys_begin(&k, "copies");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    assert_ok(drilled_counts(k.store, &key, &d, &yes, err));
    assert_int_equal(yes, 1); /* not known */
    keys_object(k.store, "copy", KEY_2, "share", ",\"site\":\"" STORES_SITE "\"");
    assert_ok(drilled_counts(k.store, &key, &d, &yes, err));
    assert_int_equal(yes, 0);
    keys_end(&k);
}

/* Tables of an older version are made anew, for a reader, too. */
static void
test_older_tables(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct store *again = NULL;
    struct drilled_state s;
    keys_begin(&k, "older");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    result(&k, KEYS_ROOT_AWAY, KEYS_OTHER_SITE, "proven");
    assert_ok(log_begin(k.store, err));
    assert_ok(db_exec(k.store->db, "DELETE FROM drill", err));
    assert_ok(store_meta_set(k.store, "apply_version", "1", err));
    assert_ok(log_commit(k.store, err));
    assert_int_equal(state_of(&k, &key).any, 0);
    assert_ok(store_open(&again, k.store->dir, DB_READ, err));
    assert_ok(drilled_state(again, &key, &s, err));
    assert_int_equal(s.proven, 1);
    store_close(again);
    keys_end(&k);
}

static void
test_what_fails(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    char wrap[HASH_TEXT + 1], body[256];
    keys_begin(&k, "fails");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, wrap);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    result(&k, KEYS_ROOT, STORES_SITE, "failed");
    assert_int_equal(state_of(&k, &key).failing, 1);
    assert_string_equal(state_of(&k, &key).failing_code, "KM3009");
    result(&k, KEYS_ROOT_AWAY, STORES_SITE, "proven"); /* another path does not help this one */
    assert_int_equal(state_of(&k, &key).failing, 1);
    result(&k, KEYS_ROOT, STORES_SITE, "inconclusive"); /* nor what says nothing */
    assert_int_equal(state_of(&k, &key).failing, 1);
    result(&k, KEYS_ROOT, STORES_SITE, "proven");
    assert_int_equal(state_of(&k, &key).failing, 0);
    result(&k, KEYS_ROOT, STORES_SITE, "failed");
    (void)snprintf(body, sizeof body, "{\"key\":\"" KEY "\",\"wrap\":\"%s\",\"reason\":\"r\"}",
                   wrap);
    stores_append(k.store, "wrap.retired", body); /* what nothing lies under is past */
    assert_int_equal(state_of(&k, &key).failing, 0);
    result(&k, "", STORES_SITE, "failed"); /* the key as a whole */
    assert_int_equal(state_of(&k, &key).failing, 1);
    result(&k, KEYS_ROOT_AWAY, STORES_SITE, "proven"); /* which a newer result settles */
    assert_int_equal(state_of(&k, &key).failing, 0);
    stores_append(k.store, "drill.result", "{\"key\":\"" KEY "\",\"outcome\":\"splendid\"}");
    stores_append(k.store, "drill.result", "{\"outcome\":\"proven\"}");
    struct stmt *q = NULL;
    assert_ok(db_query(k.store->db, &q, "SELECT count(*) FROM unapplied", err));
    assert_ok(stmt_row(q, err));
    assert_int_equal(col_int(q, 0), 2);
    stmt_done(q);
    keys_end(&k);
}

/* ---- the plan ---- */

struct told {
    struct keys *k;
    char text[512]; /* "root-here:0 root-away:3002 " */
    enum rc no;     /* what opening kp-away says */
};

static enum rc
tell(void *arg, struct drill_path *p, struct err *e)
{
    struct told *t = arg;
    size_t len = strlen(t->text);
    (void)e;
    (void)snprintf(t->text + len, sizeof t->text - len, "%s:%d%s ",
                   p->root.object.name[0] != '\0' ? p->root.object.name : "-", (int)p->rc,
                   p->ciphertext != NULL ? "" : "!");
    assert_true(p->ciphertext != NULL || p->rc != RC_OK);
    drill_path_release(p);
    return RC_OK;
}

static enum rc
open_kms(void *arg, const struct object *kms, struct kms **out, struct err *e)
{
    struct told *t = arg;
    int away = strcmp(kms->uuid, KEYS_KMS_AWAY) == 0;
    *out = away ? t->k->away : t->k->here;
    return away && t->no != RC_OK ? err_set(e, t->no, "so it is") : RC_OK;
}

static const char *
plan(struct told *t, const struct store *alone, const char *root, const struct key *key)
{
    struct drill_roots roots = {.next = 0};
    struct drill_plan p = {.own = t->k->store,
                           .alone = alone,
                           .root = root,
                           .open = open_kms,
                           .path = tell,
                           .roots = &roots,
                           .arg = t};
    t->text[0] = '\0';
    assert_ok(drill_plan_key(&p, key, err));
    return t->text;
}

static void
test_paths(void **state)
{
    (void)state;
    struct keys k, copy;
    struct key key, bare;
    struct told t = {.k = &k};
    keys_begin(&k, "paths");
    keys_begin(&copy, "paths-copy");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    assert_string_equal(plan(&t, copy.store, NULL, &key), "-:4017! "); /* the copy lacks it */
    keys_add(&copy, KEY, "vbr/config", 7, &key);
    assert_string_equal(plan(&t, k.store, NULL, &key), "-:2011! "); /* no wrap */
    keys_add_wrap(&k, &key, 1, 7, NULL);
    /* Here at the site that it protects its KMS is asked; the key would be lost all the same. */
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-here:0 -:6002! ");
    keys_add_wrap(&k, &key, 0, 7, NULL);
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-away:0 root-here:0 ");
    assert_string_equal(plan(&t, copy.store, NULL, &key), "root-away:4017! root-here:4017! ");
    assert_string_equal(plan(&t, k.store, KEYS_ROOT, &key), "root-here:0 ");
    /* At another site, or nowhere, the KMS of the protected site is no path. */
    memcpy(k.store->site, KEYS_OTHER_SITE, sizeof KEYS_OTHER_SITE);
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-away:0 ");
    k.store->site[0] = '\0';
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-away:0 ");
    /* A KMS that this site has no credential for is none, unless it is named or the only one. */
    memcpy(k.store->site, STORES_SITE, sizeof STORES_SITE);
    t.no = RC_KMS_NO_CREDENTIAL;
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-here:0 ");
    assert_string_equal(plan(&t, k.store, KEYS_ROOT_AWAY, &key), "root-away:3002 ");
    memcpy(k.store->site, KEYS_OTHER_SITE, sizeof KEYS_OTHER_SITE);
    assert_string_equal(plan(&t, k.store, NULL, &key), "-:3002! ");
    t.no = RC_KMS_UNREACHABLE;
    assert_string_equal(plan(&t, k.store, NULL, &key), "root-away:3004 ");
    /* A lost site is none, either. */
    t.no = RC_OK;
    stores_append(k.store, "site.lost",
                  "{\"site\":\"" KEYS_OTHER_SITE "\",\"lost\":true,\"supersedes\":[]}");
    assert_string_equal(plan(&t, k.store, NULL, &key), "-:2011! ");
    /* Owed, and missing. */
    stores_append(k.store, "key.created",
                  "{\"uuid\":\"" KEY_2 "\",\"name\":\"x\",\"generation\":1,\"purpose\":\"other\","
                  "\"form\":\"base64\",\"origin\":\"kms\",\"wraps\":[],\"owe\":[\"" KEYS_ROOT
                  "\"]}");
    assert_ok(key_find(k.store, KEY_2, &bare, err));
    assert_string_equal(plan(&t, k.store, NULL, &bare), "root-here:2011! ");
    keys_end(&k);
    keys_end(&copy);
}

static void
test_judging(void **state)
{
    (void)state;
    static const enum rc away[] = {RC_KMS_UNREACHABLE,  RC_IAM_UNREACHABLE, RC_KMS_BUSY,
                                   RC_COPY_UNREACHABLE, RC_KMS_TOO_EARLY,   RC_NO_MEMORY};
    static const enum rc failed[] = {RC_CIPHERTEXT,     RC_CHECK_MISMATCH, RC_ROOT_DISABLED,
                                     RC_ROOT_DESTROYED, RC_KMS_REFUSED,    RC_IAM_REFUSED,
                                     RC_COPY_STALE,     RC_COPY_FOREIGN,   RC_COPY_ROLLED_BACK};
    assert_int_equal(drill_judge(RC_OK), DRILL_PROVEN);
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
        assert_int_equal(drill_judge(away[i]), DRILL_INCONCLUSIVE);
    for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++)
        assert_int_equal(drill_judge(failed[i]), DRILL_FAILED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_counts),  cmocka_unit_test(test_where_the_copy_is),
        cmocka_unit_test(test_older_tables), cmocka_unit_test(test_what_fails),
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_judging),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
