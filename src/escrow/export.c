#include "escrow/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "escrow/view.h"
#include "text/time.h"

/* Said again in every export, for a person who has the file and nothing else. */
static const char *const how[] = {
    "Nothing here is secret: a wrap opens only in the KMS named with it, under that root key, with "
    "the same aad strings in the same order.",
    "form base64: the password is the base64 text of the unwrapped bytes, exactly as a cloud KMS "
    "answers an unwrap; 32 bytes make 44 characters, '=' included.",
    "form bytes: the password is the unwrapped bytes themselves; decode the answer of a cloud KMS "
    "from base64 once.",
    "Key Protect and HPCS: POST {\"ciphertext\":...,\"aad\":[...]} to "
    "ENDPOINT/api/v2/keys/ROOT-ID/actions/unwrap with the instance in the header "
    "Bluemix-Instance; the answer's \"plaintext\" is base64.",
    "With keymuster: keymuster reveal NAME --from FILE --card CARD --credential prompt --reason "
    "TEXT, "
    "with --kms-file KMS-FILE where the KMS file lies elsewhere now.",
    "A wrap marked retired is tried last. check proves the password that you got: see \"Check "
    "value\" in keymuster's docs/reference/formats.md.",
    "Is it genuine? head -n 1 FILE >m; tail -n +2 FILE >s; minisign -V -P PUBLIC-KEY -m m -x s; "
    "compare public_key, or the founder's if it is the same, with the recovery card.",
};

struct making {
    const struct store *store;
    struct export_file *out;
    struct jw w;
};

/* The current value as a string member. In a conflict it is one of two: *conflict is set. */
static enum rc
put_field(struct making *m, const char *object, const char *field, int *conflict, struct err *err)
{
    struct buf v;
    int two = 0;
    buf_init(&v, LIMIT_ENTRY);
    enum rc rc = field_get(m->store, object, field, &v, &two, err);
    if (rc == RC_OK)
        jw_opt(&m->w, field, buf_str(&v));
    *conflict |= two;
    buf_release(&v);
    return rc;
}

static enum rc
put_fields(struct making *m, const char *object, const char *const *fields, struct err *err)
{
    enum rc rc = RC_OK;
    int conflict = 0;
    for (size_t i = 0; rc == RC_OK && fields[i] != NULL; i++)
        rc = put_field(m, object, fields[i], &conflict, err);
    if (conflict)
        jw_bool(&m->w, "conflict", 1);
    return rc;
}

/* member "site", where a KMS is: a recovery tries the wraps of its own site first;
 * "protects_site": the one whose loss a key is for. */
static enum rc
put_site(struct making *m, const char *member, const char *uuid, struct err *err)
{
    char name_member[24];
    int known = 0;
    struct object site;
    struct err unknown = ERR_INIT;
    if (uuid[0] == '\0')
        return RC_OK;
    enum rc rc = err_unless_found(object_find(m->store, "site", uuid, &site, &unknown), &unknown,
                                  &known, err);
    if (!known)
        return rc;
    (void)snprintf(name_member, sizeof name_member, "%s_name", member);
    jw_str(&m->w, member, site.uuid);
    jw_str(&m->w, name_member, site.name);
    return RC_OK;
}

/* Root key and KMS of a wrap; a root that is not known here yet is its UUID alone. */
static enum rc
put_root(struct making *m, const char *uuid, struct err *err)
{
    static const char *const root_fields[] = {"crn", "ring", NULL};
    static const char *const kms_fields[] = {"provider", "endpoint", "iam",     "file",
                                             "instance", "region",   "kept_at", NULL};
    struct object object;
    struct root root = {0};
    struct err unknown = ERR_INIT;
    int known = 0;
    enum rc rc = err_unless_found(object_find(m->store, "root", uuid, &object, &unknown), &unknown,
                                  &known, err);
    if (known)
        rc = root_load(m->store, &object, &root, err);
    jw_obj(&m->w, "root");
    jw_str(&m->w, "uuid", uuid);
    if (known) {
        jw_str(&m->w, "name", object.name);
        jw_str(&m->w, "id", root.id);
    }
    if (known && rc == RC_OK)
        rc = put_fields(m, uuid, root_fields, err);
    jw_end_obj(&m->w);
    if (rc != RC_OK || root.kms.uuid[0] == '\0')
        return rc;
    jw_obj(&m->w, "kms");
    jw_str(&m->w, "uuid", root.kms.uuid);
    jw_str(&m->w, "name", root.kms.name);
    rc = put_fields(m, root.kms.uuid, kms_fields, err);
    if (rc == RC_OK)
        rc = put_site(m, "site", root.site, err);
    jw_end_obj(&m->w);
    return rc;
}

static enum rc
put_wrap(void *arg, const struct wrap *wrap, struct err *err)
{
    struct making *m = arg;
    jw_obj(&m->w, NULL);
    enum rc rc = put_root(m, wrap->root, err);
    jw_str(&m->w, "version", wrap->version);
    jw_raw(&m->w, "aad", wrap->aad, strlen(wrap->aad));
    jw_str(&m->w, "ciphertext", wrap->ciphertext);
    jw_str(&m->w, "at", wrap->at);
    if (wrap->retired)
        jw_bool(&m->w, "retired", 1);
    jw_end_obj(&m->w);
    m->out->keys[m->out->key_count - 1].wraps++;
    return rc;
}

static enum rc
put_check(struct making *m, const struct key *key, struct err *err)
{
    struct check_value c;
    int found = 0;
    enum rc rc = key_check(m->store, key->uuid, &c, &found, err);
    if (rc != RC_OK || !found)
        return rc;
    jw_obj(&m->w, "check");
    jw_str(&m->w, "alg", check_alg_name(c.alg));
    jw_obj(&m->w, "params");
    if (c.alg == CHECK_ARGON2ID) {
        jw_int(&m->w, "mem", (int64_t)c.mem);
        jw_int(&m->w, "ops", (int64_t)c.ops);
    }
    jw_end_obj(&m->w);
    jw_str(&m->w, "value", c.value);
    jw_end_obj(&m->w);
    return RC_OK;
}

static enum rc
note_key(struct export_file *x, const struct key *key, struct err *err)
{
    struct exported *more = realloc(x->keys, (x->key_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    x->keys = more;
    struct exported *to = &more[x->key_count++];
    memcpy(to->key, key->uuid, sizeof to->key);
    to->wraps = 0;
    return RC_OK;
}

enum rc
export_wants(const struct store *store, const struct key *key, int *wants, struct err *err)
{
    struct buf state;
    int conflict = 0;
    *wants = 1;
    if (strcmp(key->state, "destroyed") != 0)
        return RC_OK;
    buf_init(&state, LIMIT_TEXT);
    enum rc rc = field_get(store, key->uuid, "state", &state, &conflict, err);
    *wants = conflict;
    buf_release(&state);
    return rc;
}

static enum rc
put_key(void *arg, const struct key *key, struct err *err)
{
    static const char *const fields[] = {"protects", "needed_until", NULL};
    struct making *m = arg;
    int wants = 0;
    enum rc rc = export_wants(m->store, key, &wants, err);
    if (rc != RC_OK || !wants)
        return rc;
    rc = note_key(m->out, key, err);
    jw_obj(&m->w, NULL);
    jw_str(&m->w, "uuid", key->uuid);
    jw_str(&m->w, "name", key->name);
    jw_int(&m->w, "generation", key->generation);
    jw_str(&m->w, "purpose", key->purpose);
    jw_str(&m->w, "form", key->form);
    jw_str(&m->w, "state", key->state);
    jw_str(&m->w, "created_at", key->created_at);
    jw_str(&m->w, "origin", key->origin);
    if (key->bits > 0)
        jw_int(&m->w, "bits", key->bits);
    if (rc == RC_OK)
        rc = put_site(m, "protects_site", key->protects_site, err);
    if (rc == RC_OK)
        rc = put_fields(m, key->uuid, fields, err);
    if (rc == RC_OK)
        rc = put_check(m, key, err);
    jw_arr(&m->w, "wraps");
    if (rc == RC_OK)
        rc = wrap_each(m->store, key->uuid, put_wrap, m, err);
    jw_end_arr(&m->w);
    jw_end_obj(&m->w);
    return rc;
}

static enum rc
put_names(struct making *m, const char *const *names, size_t count, struct err *err)
{
    enum rc rc = RC_OK;
    jw_arr(&m->w, "keys");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = key_each(m->store, names[i], put_key, m, err);
    jw_end_arr(&m->w);
    return rc;
}

/* The JSON line with its LF. */
static enum rc
make_line(struct making *m, const char *const *names, size_t count, struct err *err)
{
    const struct store *s = m->store;
    char at[TIME_TEXT + 1];
    time_format(at, clock_now_ms());
    jw_init(&m->w, &m->out->file);
    jw_obj(&m->w, NULL);
    jw_str(&m->w, "type", "export");
    jw_int(&m->w, "keymuster", 1);
    jw_str(&m->w, "escrow", s->escrow);
    jw_str(&m->w, "name", s->name);
    jw_str(&m->w, "author", s->self.author);
    jw_str(&m->w, "public_key", s->self.text);
    jw_str(&m->w, "founder", s->founder.text);
    jw_str(&m->w, "at", at);
    enum rc rc = put_names(m, names, count, err);
    jw_arr(&m->w, "how");
    for (size_t i = 0; i < sizeof how / sizeof how[0]; i++)
        jw_str(&m->w, NULL, how[i]);
    jw_end_arr(&m->w);
    jw_end_obj(&m->w);
    buf_addc(&m->out->file, '\n');
    return rc == RC_OK ? buf_check(&m->out->file, "an export", err) : rc;
}

/* Bytes that nobody can read back would be found out on the worst day. */
static enum rc
check_readable(const struct export_file *x, struct err *err)
{
    struct store *view = NULL;
    struct export_seal seal;
    enum rc rc = export_read(&view, &seal, buf_str(&x->file), x->file.len, "the new export", err);
    store_close(view);
    if (rc == RC_MALFORMED)
        (void)err_hint(err, "fewer keys in one export may help: --to DIR makes one for each name");
    return rc;
}

enum rc
export_make(const struct store *store, const char *const *names, size_t count,
            struct export_file *out, struct err *err)
{
    struct making m = {.store = store, .out = out};
    struct secret *key = NULL;
    struct buf sig;
    memset(out, 0, sizeof *out);
    buf_init(&out->file, EXPORT_MAX);
    buf_init(&sig, 1024);
    enum rc rc = make_line(&m, names, count, err);
    if (rc == RC_OK)
        rc = store_sign_key(store, &key, err);
    if (rc == RC_OK)
        rc = sign_detached(&sig, key, EXPORT_TRUSTED, buf_str(&out->file), out->file.len, err);
    secret_free(key);
    if (rc == RC_OK) {
        buf_add(&out->file, buf_str(&sig), sig.len);
        rc = buf_check(&out->file, "an export", err);
    }
    buf_release(&sig);
    if (rc == RC_OK)
        rc = check_readable(out, err);
    if (rc == RC_OK)
        sha256_hex(out->sha256, buf_str(&out->file), out->file.len);
    else
        export_release(out);
    return rc;
}

void
export_release(struct export_file *x)
{
    buf_release(&x->file);
    free(x->keys);
    memset(x, 0, sizeof *x);
}

enum rc
export_entry(struct buf *out, const struct export_file *x, const char *file, struct err *err)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_arr(&w, "keys");
    for (size_t i = 0; i < x->key_count; i++)
        jw_str(&w, NULL, x->keys[i].key);
    jw_end_arr(&w);
    jw_arr(&w, "wraps");
    for (size_t i = 0; i < x->key_count; i++)
        jw_int(&w, NULL, x->keys[i].wraps);
    jw_end_arr(&w);
    jw_str(&w, "file", file);
    jw_str(&w, "sha256", x->sha256);
    jw_end_obj(&w);
    enum rc rc = buf_check(out, "the record of an export", err);
    if (rc == RC_BAD_VALUE)
        (void)err_hint(err, "fewer keys at a time; with --to each name has a record of its own");
    return rc;
}
