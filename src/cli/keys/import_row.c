#include "cli/keys/import_row.h"

#include <string.h>

#include "text/uni.h"

void
import_row_init(struct import_row *row)
{
    row->doc = NULL;
    row->root = NULL;
    recording_init(&row->r);
}

void
import_row_release(struct import_row *row)
{
    recording_release(&row->r);
    json_free(row->doc);
    row->doc = NULL;
}

/* ---- members ---- */

static enum rc
take_text(const struct json *v, const char *name, const char **out, struct err *err)
{
    *out = json_str(v);
    if (*out == NULL)
        return err_set(err, RC_BAD_VALUE, "\"%s\" is no text", name);
    return text_check(*out, name, err);
}

static enum rc
take_aad(struct import_row *row, const struct json *v, struct err *err)
{
    struct mint *m = &row->r.m;
    if (json_type(v) != JSON_ARRAY)
        return err_set(err, RC_BAD_VALUE, "\"aad\" is no list of texts");
    if (json_count(v) > LIMIT_AAD_COUNT)
        return err_set(err, RC_BAD_VALUE, "\"aad\" has more than %d texts", LIMIT_AAD_COUNT);
    for (const struct json *i = json_first(v); i != NULL; i = json_next(i)) {
        const char *text = json_str(i);
        if (text == NULL || strlen(text) > LIMIT_AAD_TEXT)
            return err_set(err, RC_BAD_VALUE, "\"aad\": one is no text, or longer than %d bytes",
                           LIMIT_AAD_TEXT);
        m->aad[m->aad_count++] = text;
    }
    return RC_OK;
}

static enum rc
take_labels(struct import_row *row, const struct json *v, struct err *err)
{
    if (json_type(v) != JSON_OBJECT)
        return err_set(err, RC_BAD_VALUE, "\"labels\" is no object of texts");
    for (const struct json *i = json_first(v); i != NULL; i = json_next(i)) {
        const char *text = json_str(i);
        enum rc rc = text_check(json_name(i), "labels", err);
        if (rc == RC_OK && text == NULL)
            rc = err_set(err, RC_BAD_VALUE, "\"labels\": a value is no text");
        if (rc == RC_OK)
            rc = text_check(text, "labels", err);
        if (rc != RC_OK)
            return rc;
    }
    row->r.m.labels = v;
    return RC_OK;
}

/* ---- a row ---- */

enum member {
    M_NAME,
    M_PURPOSE,
    M_FORM,
    M_SYSTEM,
    M_OWNER,
    M_PROTECTS,
    M_NEEDED_UNTIL,
    M_EXPIRES,
    M_ROOT,
    M_TEXTS, /* those before are texts */
    M_WRAPPED = M_TEXTS,
    M_DESCRIPTION,
    M_AAD,
    M_LABELS,
    M_COUNT
};
static const char *const names[M_COUNT] = {
    "name",    "purpose", "form",    "system",      "owner", "protects", "needed_until",
    "expires", "root",    "wrapped", "description", "aad",   "labels"};

/* Each member's value, absent and null being the same; a member that is not known is refused, so
 * that a misspelt one is not lost in silence. */
static enum rc
collect(const struct json *doc, const struct json *found[M_COUNT], struct err *err)
{
    if (json_type(doc) != JSON_OBJECT)
        return err_set(err, RC_BAD_VALUE, "it is no JSON object");
    for (const struct json *v = json_first(doc); v != NULL; v = json_next(v)) {
        size_t i = 0;
        while (i < M_COUNT && strcmp(names[i], json_name(v)) != 0)
            i++;
        if (i < M_COUNT) {
            found[i] = json_type(v) != JSON_NULL ? v : NULL;
            continue;
        }
        (void)err_set(err, RC_BAD_VALUE, "there is no member \"%.40s\"", json_name(v));
        if (strcmp(json_name(v), "secret") == 0 || strcmp(json_name(v), "password") == 0)
            (void)err_why(err, "a secret does not belong into such a file; change it. "
                               "A password in use: record --secret");
        return err->code;
    }
    return RC_OK;
}

static enum rc
take_texts(struct import_row *row, const struct json *const found[M_COUNT], struct err *err)
{
    struct mint *m = &row->r.m;
    const char *needed = NULL;
    const char *expires = NULL;
    const char **to[M_TEXTS] = {&m->name,     &m->purpose, &m->form, &m->system, &m->owner,
                                &m->protects, &needed,     &expires, &row->root};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < M_TEXTS; i++) {
        if (found[i] != NULL)
            rc = take_text(found[i], names[i], to[i], err);
    }
    if (rc == RC_OK && m->name == NULL)
        rc = err_set(err, RC_BAD_VALUE, "\"name\" is missing");
    if (rc == RC_OK)
        rc = key_name_check(m->name, err);
    if (rc == RC_OK && (m->purpose == NULL || !mint_is_purpose(m->purpose)))
        rc = err_set(err, RC_BAD_VALUE,
                     m->purpose == NULL ? "\"purpose\" is missing, and so is --purpose"
                                        : "\"purpose\": there is no such purpose");
    if (rc == RC_OK && strcmp(m->form, "base64") != 0 && strcmp(m->form, "bytes") != 0)
        rc = err_set(err, RC_BAD_VALUE, "\"form\" is neither base64 nor bytes");
    if (rc == RC_OK)
        rc = mint_when(needed, "needed_until", m->needed_until, err);
    return rc == RC_OK ? mint_when(expires, "expires", m->expires, err) : rc;
}

static enum rc
take_wrap(struct import_row *row, const struct json *wrapped, const struct json *description,
          struct err *err)
{
    const char *text = json_str(wrapped != NULL ? wrapped : description);
    if ((wrapped == NULL) == (description == NULL))
        return err_set(err, RC_BAD_VALUE, "want one of \"wrapped\" and \"description\"");
    if (text == NULL)
        return err_set(err, RC_BAD_VALUE, "\"%s\" is no text",
                       wrapped != NULL ? "wrapped" : "description");
    return wrapped != NULL ? recording_wrapped(&row->r, text, strlen(text), "wrapped", err)
                           : recording_description(&row->r, text, strlen(text), "description", err);
}

enum rc
import_row_read(struct import_row *row, const char *line, size_t len, const char *purpose,
                struct err *err)
{
    const struct json *found[M_COUNT] = {NULL};
    struct mint *m = &row->r.m;
    m->purpose = purpose;
    enum rc rc = json_parse(&row->doc, line, len, "the row", err);
    if (rc == RC_MALFORMED)
        rc = err->code = RC_BAD_VALUE; /* it is not ours */
    if (rc == RC_OK)
        rc = collect(row->doc, found, err);
    if (rc == RC_OK)
        rc = take_texts(row, found, err);
    if (rc == RC_OK)
        rc = take_wrap(row, found[M_WRAPPED], found[M_DESCRIPTION], err);
    if (rc == RC_OK && found[M_AAD] != NULL)
        rc = take_aad(row, found[M_AAD], err);
    if (rc == RC_OK && found[M_LABELS] != NULL)
        rc = take_labels(row, found[M_LABELS], err);
    if (rc == RC_OK) /* else form may be no text */
        m->origin = strcmp(m->form, "bytes") == 0 ? "adopted" : "kms";
    return rc;
}
