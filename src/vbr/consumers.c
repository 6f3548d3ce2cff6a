#include "vbr/consumers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"
#include "vbr/decode.h"
#include "vbr/rest_ask.h"

/* A job has all that it backs up in it. */
enum { PAGE = 50, PAGES = 2000, REPLY = 16 * 1024 * 1024 };

struct finding_uses {
    vbr_use_fn fn;
    void *arg;
    struct vbr_use *use; /* too large for a stack; name, id, kind are of what is looked at */
};

/* A whole id, not zeros. */
static const char *
id_of(const struct json *v, const char *name)
{
    static const char none[] = "00000000-0000-0000-0000-000000000000";
    const char *id = json_gets(v, name);
    return id != NULL && uuid_is(id) && strcmp(id, none) != 0 ? id : NULL;
}

static enum rc
tell(struct finding_uses *f, const char *kind, const char *password, struct err *err)
{
    f->use->kind = kind;
    (void)snprintf(f->use->password, sizeof f->use->password, "%s", password);
    return f->fn(f->arg, f->use, err);
}

/* The model of an encryption setting; every kind of job has the same. */
static enum rc
setting(struct finding_uses *f, const char *kind, const struct json *e, struct err *err)
{
    const char *type = json_gets(e, "encryptionType");
    const char *password = id_of(e, "encryptionPasswordId");
    if (json_bool(json_get(e, "isEnabled")) != 1 || password == NULL ||
        (type != NULL && strcmp(type, "ByKms") == 0))
        return RC_OK;
    return tell(f, kind, password, err);
}

/* Where in it the setting is, differs from one kind of job to the next. */
static enum rc
look_into(struct finding_uses *f, const struct json *v, struct err *err)
{
    enum rc rc = RC_OK;
    enum json_type type = json_type(v);
    if (v == NULL || (type != JSON_OBJECT && type != JSON_ARRAY))
        return RC_OK;
    for (const struct json *m = json_first(v); rc == RC_OK && m != NULL; m = json_next(m)) {
        if (type == JSON_OBJECT && strcmp(json_name(m), "encryption") == 0)
            rc = setting(f, "job", m, err);
        else
            rc = look_into(f, m, err); /* text/json.h bounds the depth */
    }
    return rc;
}

static enum rc
capacity(struct finding_uses *f, const struct json *tier, struct err *err)
{
    if (json_bool(json_get(tier, "isEnabled")) != 1)
        return RC_OK;
    enum rc rc = setting(f, "capacity-tier", json_get(tier, "encryption"), err);
    const struct json *extents = json_get(tier, "extents");
    for (const struct json *e = json_first(extents); rc == RC_OK && e != NULL; e = json_next(e)) {
        const char *key = id_of(e, "cryptoKeyId");
        if (key != NULL)
            rc = tell(f, "capacity-tier", key, err);
    }
    return rc;
}

static enum rc
look_at_tiers(struct finding_uses *f, const struct json *v, struct err *err)
{
    const struct json *archive = json_get(v, "archiveTier");
    const char *key = id_of(archive, "extentCryptoKeyId");
    enum rc rc = capacity(f, json_get(v, "capacityTier"), err);
    if (rc != RC_OK || json_bool(json_get(archive, "isEnabled")) != 1)
        return rc;
    rc = setting(f, "archive-tier", json_get(archive, "encryption"), err);
    return rc == RC_OK && key != NULL ? tell(f, "archive-tier", key, err) : rc;
}

static void
name_it(struct vbr_use *use, const struct json *v, const char *name, const char *id)
{
    const char *text = json_gets(v, name), *own = id_of(v, id);
    (void)snprintf(use->name, sizeof use->name, "%s", text != NULL ? text : "");
    size_t len = strlen(use->name);
    while (len > 0 && !utf8_is(use->name, len)) /* cut in the middle of a letter */
        use->name[--len] = '\0';
    (void)snprintf(use->id, sizeof use->id, "%s", own != NULL ? own : "");
}

/* Walks a list of things in which a password may be set. */
struct looking {
    struct finding_uses uses;
    enum rc (*look)(struct finding_uses *f, const struct json *v, struct err *err);
};

static enum rc
look_at(void *arg, const struct json *item, struct err *err)
{
    struct looking *l = arg;
    name_it(l->uses.use, item, "name", "id");
    return l->look(&l->uses, item, err);
}

static enum rc
each_use(struct vbr *vbr, const struct vbr_list *list, struct looking *l, struct err *err)
{
    l->uses.use = calloc(1, sizeof *l->uses.use);
    enum rc rc = l->uses.use != NULL ? vbr_each_item(vbr, list, look_at, l, err) : err_nomem(err);
    free(l->uses.use);
    return rc;
}

enum rc
vbr_each_job(struct vbr *vbr, vbr_use_fn fn, void *arg, struct err *err)
{
    static const struct vbr_list jobs = {"/jobs", "listing the jobs", "Name", PAGE, PAGES, REPLY};
    struct looking l = {.uses = {.fn = fn, .arg = arg}, .look = look_into};
    return each_use(vbr, &jobs, &l, err);
}

enum rc
vbr_each_tier(struct vbr *vbr, vbr_use_fn fn, void *arg, struct err *err)
{
    static const struct vbr_list tiers = {"/backupInfrastructure/scaleOutRepositories",
                                          "listing the scale-out repositories",
                                          "Name",
                                          PAGE,
                                          PAGES,
                                          REPLY};
    struct looking l = {.uses = {.fn = fn, .arg = arg}, .look = look_at_tiers};
    return each_use(vbr, &tiers, &l, err);
}

/* ---- a list by script ---- */

static const char *
kind_of(const char *word)
{
    static const char *const kinds[] = {"job",        "capacity-tier", "archive-tier",
                                        "repository", "tape-pool",     "config-backup"};
    for (size_t i = 0; word != NULL && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], word) == 0)
            return kinds[i];
    return "other";
}

/* why names what is wrong with a row. */
static const char *
take_row(struct vbr_use *u, const struct json *v)
{
    const char *kind = json_gets(v, "Consumer"), *hint = json_gets(v, "KeyDescription");
    const char *seen = json_gets(v, "SeenUtc"), *password = id_of(v, "KeyId");
    int64_t ms = 0;
    memset(u, 0, sizeof *u);
    if (kind == NULL)
        return "Consumer is missing";
    if (hint != NULL && strlen(hint) > VBR_HINT)
        return "KeyDescription is too long";
    if (seen != NULL && time_parse(&ms, seen) != 0)
        return "SeenUtc is no time (2026-11-28T02:00:00Z)";
    if (json_gets(v, "KeyId") != NULL && json_gets(v, "KeyId")[0] != '\0' && password == NULL &&
        strspn(json_gets(v, "KeyId"), "0-") != strlen(json_gets(v, "KeyId")))
        return "KeyId is no id";
    name_it(u, v, "Name", "Id");
    u->kind = kind_of(kind);
    if (u->name[0] == '\0' && strcmp(u->kind, "config-backup") != 0)
        return "Name is missing";
    (void)snprintf(u->password, sizeof u->password, "%s", password != NULL ? password : "");
    (void)snprintf(u->hint, sizeof u->hint, "%s", hint != NULL ? hint : "");
    if (seen != NULL)
        time_format(u->seen, ms);
    return NULL;
}

static enum rc
no_list(const char *path, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%s is no list of what uses keys", path);
    (void)err_why(err, "%s", why);
    return err_hint(err, "what it must look like: keymuster help vbr reconcile, "
                         "docs/reference/vbr.md");
}

static enum rc
take_rows(const char *path, const struct json *doc, struct finding_uses *f, int *whole,
          struct err *err)
{
    enum rc rc = RC_OK;
    int many = json_type(doc) == JSON_ARRAY;
    if (!many && json_type(doc) != JSON_OBJECT)
        return no_list(path, "it is neither a list nor an object", err);
    for (const struct json *v = many ? json_first(doc) : doc; rc == RC_OK && v != NULL;
         v = many ? json_next(v) : NULL) {
        const char *why = json_type(v) == JSON_OBJECT ? take_row(f->use, v) : "a row is no object";
        if (why != NULL)
            return no_list(path, why, err);
        *whole |= strcmp(f->use->kind, "config-backup") == 0;
        rc = f->fn(f->arg, f->use, err);
    }
    return rc;
}

static enum rc
read_all(const char *path, struct buf *out, struct err *err)
{
    struct decode in;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return file_not_opened(path, err);
    decode_init(&in, file);
    for (int c; (c = decode_getc(&in)) != EOF && !out->failed;)
        buf_addc(out, (char)c);
    enum rc rc =
        ferror(file) ? err_errno(err, RC_BAD_VALUE, "reading %s", path) : buf_check(out, path, err);
    (void)fclose(file); /* only read from */
    return rc;
}

enum rc
vbr_uses_file(const char *path, vbr_use_fn fn, void *arg, int *whole, struct err *err)
{
    struct finding_uses f = {fn, arg, calloc(1, sizeof *f.use)};
    struct err inner = ERR_INIT;
    struct json *doc = NULL;
    struct buf text;
    *whole = 0;
    buf_init(&text, VBR_USES_FILE);
    enum rc rc = f.use != NULL ? RC_OK : err_nomem(err);
    if (rc == RC_OK)
        rc = read_all(path, &text, err);
    if (rc == RC_OK && json_parse(&doc, buf_str(&text), text.len, path, &inner) != RC_OK)
        rc = inner.code == RC_NO_MEMORY ? err_nomem(err) : no_list(path, "it is no JSON", err);
    if (rc == RC_OK)
        rc = take_rows(path, doc, &f, whole, err);
    json_free(doc);
    buf_release(&text);
    free(f.use);
    return rc;
}
