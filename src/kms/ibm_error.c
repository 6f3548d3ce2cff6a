/* Answers that say no, and what each says of a root key. */
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "kms/ibm.h"
#include "text/time.h"

/* ---- the codes ---- */

static const struct known {
    const char *code;
    char class;
    enum rc rc;
    const char *why;
} known[] = {
    {"KEY_ACTION_INVALID_STATE_ERR", 'S', RC_ROOT_STATE, "its state does not allow this"},
    {"KEY_DELETED_ERR", 'X', RC_ROOT_DESTROYED, "it is destroyed"},
    {"KEY_NOT_FOUND_ERR", '?', RC_ROOT_UNSEEN, "the KMS has no such key in this instance"},
    {"UNPROCESSABLE_CIPHERTEXT_ERR", 'T', RC_CIPHERTEXT,
     "made under another root key, with other AAD strings, or altered"},
    {"NO_BODY_ERR", 'B', RC_KMS_REJECTED, "the request arrived empty"},
    {"BAD_BODY_ERR", 'B', RC_KMS_REJECTED, "the KMS cannot read the request"},
    {"KEY_ROOT_REQ_ERR", 'B', RC_KMS_REJECTED, "it is a standard key, not a root key"},
    {"KEY_EXPIRED_ERR", 'S', RC_ROOT_EXPIRED, "it has expired, so it cannot be restored"},
    {"KEY_RESTORE_EXPIRED", 'X', RC_ROOT_PURGED, "the 30 days for restoring it are over"},
    {"KEY_IMPT_REQ_ERR", 'L', RC_KMS_REJECTED, "this KMS restores imported keys only"},
    {"KEY_PAYLOAD_REQ_ERR", 'B', RC_KMS_REJECTED,
     "it was imported, so rotating it needs new key material, in IBM's own tool"},
    {"INVALID_QUERY_PARAM_ERR", 'B', RC_KMS_REJECTED, "the KMS finds a parameter wrong"},
    {"KEY_SEARCH_TOO_BROAD", 'B', RC_KMS_REJECTED, "too many keys match"},
    {"INCORRECT_NONCE_ERR", 'B', RC_KMS_REJECTED, "the import's nonce is wrong"},
    {"INCORRECT_NONCE_IV_ERR", 'B', RC_KMS_REJECTED, "the import's nonce is wrong"},
    {"BEARER_SUB_EXTRACTION_ERR", 'A', RC_KMS_REFUSED, "the KMS cannot read the token"},
    {"COLLECTION_TOTAL_MISMATCH_ERR", 'B', RC_KMS_REJECTED, "the request does not add up"},
    {"BODY_QUERY_PARAM_MISMATCH_ERR", 'B', RC_KMS_REJECTED, "the request does not add up"},
    {"NUM_COLLECTION_RESOURCE_ERR", 'B', RC_KMS_REJECTED, "the request does not add up"},
    {"CONFIG_RULE_CONFLICT_ERR", 'O', RC_KMS_FORBIDDEN,
     "a context-based restriction of the account forbids it (network, endpoint type)"},
    {"FEATURE_RESTRICTED_ERR", 'O', RC_KMS_FORBIDDEN, "the feature is not enabled here"},
    {"SERVICE_ONLY_ERR", 'O', RC_KMS_FORBIDDEN, "only other services may do this"},
    {"RESOURCE_OWNER_ERR", 'O', RC_KMS_FORBIDDEN, "only its owner may do this"},
    {"REQ_TOO_EARLY_ERR", 'W', RC_KMS_TOO_EARLY,
     "the KMS wants 30 s between disabling and enabling, or destroying and restoring"},
    {"KEY_ROTATION_NOT_PERMITTED", 'S', RC_KMS_TOO_EARLY, "it was rotated within the last hour"},
    {"AUTHORIZATIONS_NOT_MET", 'O', RC_KMS_FORBIDDEN,
     "deleting it needs a second person's authorisation first"},
    {"NOT_DUAL_AUTH_ERR", 'O', RC_KMS_FORBIDDEN, "it has no dual authorisation policy"},
    {"PROTECTED_RESOURCE_ERR", 'O', RC_KMS_FORBIDDEN, "another service still uses it"},
    {"PREV_KEY_DEL_ERR", 'O', RC_KMS_FORBIDDEN, "something that it protects is under retention"},
    {"KEY_CREATE_IMPORT_ACCESS_ERR", 'O', RC_KMS_FORBIDDEN,
     "a policy of the instance forbids making such keys"},
    {"IMPORT_TOKEN_EXPIRED_ERR", 'O', RC_KMS_REJECTED, "the import token has expired"},
    {"KEY_ALIAS_NOT_UNIQUE_ERR", 'B', RC_EXISTS, "the instance has a key of this alias"},
    {"KEY_ALIAS_QUOTA_ERR", 'B', RC_KMS_REJECTED, "the instance has as many aliases as it may"},
    {"KEY_RING_NOT_FOUND_ERR", 'B', RC_KMS_REJECTED, "the instance has no such key ring"},
    {"INVALID_SIG_EXP_ERR", 'O', RC_ROOT_FAULT, "a signature inside the KMS does not verify"},
    {"INCOMPLETE_METADATA_ERR", 'O', RC_ROOT_FAULT, "its metadata in the KMS is damaged"},
    {"KEY_INVALID_STATE_ERR", '-', RC_ROOT_STATE, "its state does not allow this"},
    {"KEY_ROOT_REQ_REG_ERR", '-', RC_KMS_REJECTED, "it is a standard key, not a root key"},
    {"KEY_VERSION_INVALID", '-', RC_KMS_REJECTED, "the KMS has no such version"},
};

/* Without a code that is known: the status alone. */
static void
judge_status(struct ibm_error *e)
{
    switch (e->status) {
    case 400:
        e->class = 'A';
        e->rc = RC_KMS_REFUSED;
        e->why = "the KMS gives no code: the instance id is not right, or the session has ended";
        return;
    case 401:
        e->class = 'A';
        e->rc = RC_KMS_REFUSED;
        e->why = "no right, no such instance, the wrong region, or a network policy: it does not "
                 "say which";
        return;
    case 403:
        e->class = 'O';
        e->rc = RC_KMS_FORBIDDEN;
        e->why = "the KMS forbids it and gives no code";
        return;
    case 404:
        e->class = '?';
        e->rc = RC_ROOT_UNSEEN;
        e->why = "the KMS has no such key in this instance";
        return;
    case 409:
        e->class = 'S';
        e->rc = RC_ROOT_STATE;
        e->why = "its state does not allow this";
        return;
    case 410:
        e->class = 'X';
        e->rc = RC_ROOT_DESTROYED;
        e->why = "it is destroyed";
        return;
    case 422:
        e->class = 'T';
        e->rc = RC_CIPHERTEXT;
        e->why = "made under another root key, with other AAD strings, or altered";
        return;
    case 429:
        e->class = 'R';
        e->rc = RC_KMS_BUSY;
        e->why = "too much was asked of it, also after repeats";
        return;
    case 507:
        e->class = 'O';
        e->rc = RC_KMS_BUSY;
        e->why = "it has no room left";
        return;
    default:
        e->class = e->status >= 500 && e->status != 501 ? 'R' : 'B';
        e->rc = e->class == 'R' || e->status == 424 ? RC_KMS_UNREACHABLE : RC_KMS_REJECTED;
        e->why = e->class == 'R' ? "it cannot answer at the moment, also after repeats"
                                 : "the KMS does not take the request";
        return;
    }
}

static void
judge_code(struct ibm_error *e)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].code, e->code) != 0)
            continue;
        e->class = known[i].class;
        e->rc = known[i].rc;
        e->why = known[i].why;
        return;
    }
    if (strcmp(e->code, "INVALID_FIELD_ERR") != 0) {
        judge_status(e);
        return;
    }
    int ciphertext = strcmp(e->field, "ciphertext") == 0;
    e->class = ciphertext ? 'T' : 'B';
    e->rc = ciphertext ? RC_CIPHERTEXT : RC_KMS_REJECTED;
    e->why = ciphertext ? "the wrap is damaged: the KMS cannot even decode it"
                        : "the KMS finds a value wrong";
}

/* ---- reading ---- */

/* Printable, in one line, cut. */
static void
keep(char *out, size_t size, const char *text)
{
    size_t n = 0;
    if (text == NULL)
        text = "";
    while (*text == ' ')
        text++;
    for (; *text != '\0' && n + 1 < size; text++) {
        int control = (unsigned char)*text < ' ' || *text == 127;
        memcpy(out + n++, control ? " " : text, 1);
    }
    /* never half a character */
    while (n > 0 && *text != '\0' && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
        n--;
    if (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0xc0)
        n--;
    out[n] = '\0';
}

void
ibm_error_words(char *out, size_t size, const char *text)
{
    enum { WORD_MOST = 40 };
    char kept[512];
    size_t n = 0;
    for (text = text != NULL ? text : ""; *text != '\0' && n + WORD_MOST + 1 < sizeof kept;) {
        size_t word = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "-._~+/=");
        size_t take = word > WORD_MOST ? 3 : word > 0 ? word : 1;
        memcpy(kept + n, word > WORD_MOST ? "..." : text, take);
        n += take;
        text += word > 0 ? word : 1;
    }
    kept[n] = '\0';
    keep(out, size, kept);
}

static void
keep_code(char *out, size_t size, const char *code)
{
    keep(out, size, code);
    out[strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] = '\0';
}

/* The one code that comes as part of a text, without an envelope: PKCS #11's own name for it. */
static int
has_no_master(const char *text, size_t len)
{
    static const char code[] = "CKR_IBM_WK_NOT_INITIALIZED";
    for (size_t i = 0; i + sizeof code - 1 <= len; i++) {
        if (memcmp(text + i, code, sizeof code - 1) == 0)
            return 1;
    }
    return 0;
}

void
ibm_error_judge(struct ibm_error *out, int status, const char *text, size_t len)
{
    struct json *doc = NULL;
    struct err scratch = ERR_INIT;
    memset(out, 0, sizeof *out);
    out->status = status;
    if (len > 0 && json_parse(&doc, text, len, "", &scratch) == RC_OK) {
        const struct json *first = json_first(json_get(doc, "resources"));
        const struct json *reason = json_first(json_get(first, "reasons"));
        const char *said = json_gets(reason, "message");
        keep_code(out->code, sizeof out->code, json_gets(reason, "code"));
        keep(out->field, sizeof out->field, json_gets(json_get(reason, "target"), "name"));
        ibm_error_words(out->text, sizeof out->text,
                        said != NULL ? said : json_gets(first, "errorMsg"));
    }
    json_free(doc);
    judge_code(out);
    /* Whatever the code: these statuses say nothing of the key. */
    if (status == 400 && has_no_master(text, len)) {
        out->class = 'O';
        out->rc = RC_KMS_NO_MASTER;
        out->why = "its master key is not loaded";
    }
    int mute = status == 401 || status == 403 || status == 429 || status >= 500;
    if (mute && PLANTED("mute-is-gone"))
        out->rc = RC_ROOT_DESTROYED;
    if (mute && (strchr("SX?TW", out->class) != NULL || (status == 401 && out->class != 'A')))
        judge_status(out);
}

int
ibm_error_permanent(const struct http_request *r)
{
    struct ibm_error e;
    ibm_error_judge(&e, r->status, buf_str(&r->text), r->text.len);
    return e.class != 'R';
}

enum rc
ibm_error_set(struct err *err, const struct ibm_error *e, const char *doing)
{
    char quoted[sizeof e->text + 8] = "";
    if (e->text[0] != '\0')
        (void)snprintf(quoted, sizeof quoted, "; \"%s\"", e->text);
    (void)err_set(err, e->rc, "%s", doing);
    return err_why(err, "%s (status %d%s%s%s)", e->why, e->status, e->code[0] != '\0' ? ", " : "",
                   e->code, quoted);
}

/* ---- states ---- */

static enum rc
destroyed(struct err *err, const struct root_info *info)
{
    char until[TIME_TEXT + 1], since[TIME_TEXT + 1];
    if (info->restore_until_ms == 0) {
        err->code = RC_ROOT_PURGED;
        (void)err_why(err, "it is destroyed and cannot be restored any more in this instance");
        return err_hint(err, "another root key of the same material, if one was imported "
                             "elsewhere, still opens its wraps");
    }
    time_format(until, info->restore_until_ms);
    time_format(since, info->deleted_ms);
    err->code = RC_ROOT_DESTROYED;
    (void)err_why(err, "it was destroyed%s%s%s%s; it can be restored until %s",
                  info->deleted_ms != 0 ? " on " : "", info->deleted_ms != 0 ? since : "",
                  info->deleted_by[0] != '\0' ? " by " : "", info->deleted_by, until);
    return err_hint(err, "keymuster root restore NAME, before that\n"
                         "what depends on it: keymuster root retire-check NAME");
}

enum rc
ibm_error_state(struct err *err, const struct root_info *info, enum kms_verb verb)
{
    switch (info->state) {
    case ROOT_SUSPENDED:
        err->code = RC_ROOT_DISABLED;
        (void)err_why(err, "it is disabled");
        return err_hint(err, "keymuster root enable NAME, if that is right");
    case ROOT_DEACTIVATED:
        err->code = RC_ROOT_EXPIRED;
        return err_why(err, verb == KMS_WRAP ? "it has expired: it unwraps, but does not wrap"
                                             : "it has expired");
    case ROOT_DESTROYED:
        return destroyed(err, info);
    case ROOT_ACTIVE:
        (void)err_hint(err, "it is active by now: run the command again");
        return err->code;
    case ROOT_PREACTIVE:
    case ROOT_UNKNOWN:
        break;
    }
    err->code = RC_ROOT_STATE;
    return err_why(err, "it is %s", root_state_name(info->state));
}
