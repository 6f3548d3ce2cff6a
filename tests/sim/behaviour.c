/* What the simulator does, and how we know that IBM's service does it.
   docs/explanation/simulator.md carries the same rows (a test compares). */
#include <stdio.h>

#include "sim.h"

/* D: IBM's documentation; F: IBM's own test fixtures or live tests; R: reported by others; C: seen
   in captures of IBM's clients; I: inferred, so assumed. */
static const struct {
    const char *area, *what, *tag;
} rows[] = {
    {"IAM", "POST /identity/token, and /oidc/token for older clients, form encoded", "D, F"},
    {"IAM",
     "token: three-part JWT, RS256, iat and exp; expires_in and expiration agree with it; "
     "refresh_token is not_supported",
     "D, R"},
    {"IAM",
     "API key unknown or deleted: 400 BXNIM0415E; disabled: 400 BXNIM0462E (sources differ: 400 or "
     "401)",
     "F, R"},
    {"IAM", "API key expired: 400 with a code that no client knows", "I"},
    {"IAM",
     "user gone: 400 BXNIM0410E; suspended: 401 BXNIM0436E; address refused: 401 BXNIM0430E; "
     "profile: 400 BXNIM0398E",
     "R"},
    {"IAM", "a response_type other than cloud_iam, an unknown grant: 400 BXNIM0106E", "R"},
    {"IAM",
     "a projected token (cr-token) is looked up among the API keys; assume answers for the same "
     "identity",
     "I"},
    {"access",
     "no bearer, token not ours, no such instance, instance of another host or account, role too "
     "low: the same 401 without reasons",
     "D, F"},
    {"access", "a bearer that is no JWT: 400 BEARER_SUB_EXTRACTION_ERR", "D"},
    {"access", "token expired: 400 as plain text (or 401, by a setting)", "F"},
    {"access", "Bluemix-Instance missing or not a UUID: 400 without reasons", "R"},
    {"access",
     "Reader: list, count, metadata, versions, wrap, unwrap, rewrap; Writer: create, rotate, "
     "aliases; Manager: the rest; KeyPurge: purge",
     "D"},
    {"access", "a role granted on one key ring needs X-Kms-Key-Ring; another ring's key is 404",
     "D, I"},
    {"access", "changes of roles and API keys act at once, on tokens that were given before, too",
     "I"},
    {"errors",
     "order: 401, instance header, 404, 410, 409 state, 400 root key, then the body, then 422",
     "I"},
    {"errors",
     "envelope with errorMsg and reasons[code, message, status, moreInfo, target]; texts are ours",
     "D"},
    {"wrap",
     "without plaintext: a fresh key of 32 bytes, in the answer; with one: not in the answer", "D"},
    {"wrap", "an empty body, {} and null are one: no plaintext", "C, D"},
    {"wrap",
     "plaintext at most 4096 characters of base64; additional data at most 126 strings of at most "
     "255 characters; else 400 INVALID_FIELD_ERR",
     "D19, I"},
    {"wrap", "the order of the additional data matters; they are not kept", "D"},
    {"wrap",
     "other or missing additional data, another key, a changed ciphertext: 422 "
     "UNPROCESSABLE_CIPHERTEXT_ERR",
     "D, I"},
    {"wrap",
     "a ciphertext that cannot be decoded: 400 INVALID_FIELD_ERR; no body for unwrap or rewrap: "
     "400 NO_BODY_ERR",
     "D"},
    {"wrap", "an unknown member of the body: 400 BAD_BODY_ERR", "D"},
    {"wrap", "ciphertext: base64 of JSON with ciphertext, iv, version 4.0.0, handle; AES-GCM",
     "D, F"},
    {"wrap",
     "iv of 16 bytes, tag of 12 bytes behind the text, handle is the key's id also after a "
     "rotation",
     "I"},
    {"wrap", "additional data are bound as count and lengths, each 4 bytes big endian", "I"},
    {"wrap",
     "unwrap of an older version: also a fresh ciphertext and rewrappedKeyVersion; of the current "
     "one: neither",
     "D"},
    {"wrap", "rewrap names both versions, of a current ciphertext, too", "D, F"},
    {"wrap", "keys of the same material open each other's ciphertexts, in any instance and region",
     "D"},
    {"keys",
     "the first version's id is the key's id; later ones have their own; versions newest first",
     "D, F"},
    {"keys",
     "create: exactly one resource, 201 with a body; extractable absent means a standard key",
     "D, D19"},
    {"keys",
     "imported material of 16, 24 or 32 bytes; rotation then needs a payload (400 "
     "KEY_PAYLOAD_REQ_ERR); of a generated key it must bring none (400 INVALID_QUERY_PARAM_ERR)",
     "D, F"},
    {"keys",
     "list: limit 1 to 5000 (200), offset, state, extractable, sorted by id; without destroyed "
     "keys unless asked for; resources absent when none",
     "D"},
    {"keys", "search: part of the name, or a whole id or alias", "I"},
    {"keys", "HEAD: the number in Key-Total", "D"},
    {"keys", "versions of a key that is not active: 409 unless allKeyStates=true", "D"},
    {"keys",
     "aliases work as ids; two of the same name: 409 KEY_ALIAS_NOT_UNIQUE_ERR; more than five: 409 "
     "KEY_ALIAS_QUOTA_ERR",
     "D, I"},
    {"keys", "an unknown key ring: 404 KEY_RING_NOT_FOUND_ERR", "I"},
    {"life",
     "wrap needs state 1; unwrap and rewrap 1 or 3; rotate 1 or 3 (HPCS: 1); else 409 "
     "KEY_ACTION_INVALID_STATE_ERR, destroyed 410 KEY_DELETED_ERR",
     "D"},
    {"life",
     "enable 30 s after disable, restore 30 s after delete, purge 4 h after delete: before that "
     "409 REQ_TOO_EARLY_ERR",
     "D, F"},
    {"life", "rotate once an hour, the first at any time: 409 KEY_ROTATION_NOT_PERMITTED", "D"},
    {"life",
     "restore within 30 days: later 400 KEY_RESTORE_EXPIRED; of an expired key 400 "
     "KEY_EXPIRED_ERR; the key comes back active",
     "D, I"},
    {"life", "purged, or 90 days deleted: 404 KEY_NOT_FOUND_ERR", "D, F"},
    {"life", "a key past its expirationDate is deactivated at once (IBM: within an hour)", "D, I"},
    {"life",
     "metadata of a destroyed key: without keyVersion; restoreAllowed, restoreExpirationDate, "
     "purgeAllowed, purgeAllowedFrom, purgeScheduledOn",
     "F"},
    {"life", "deletionDate and deletedBy stay after a restore", "F"},
    {"life",
     "dualAuthDelete: setKeyForDeletion by one, delete by another within 7 days: 409 "
     "AUTHORIZATIONS_NOT_MET, NOT_DUAL_AUTH_ERR",
     "D"},
    {"life",
     "delete of a key with registrations: 409 PROTECTED_RESOURCE_ERR unless force=true; with "
     "retention: 409 PREV_KEY_DEL_ERR",
     "D"},
    {"hosts",
     "Standard instances of a region share a host; Dedicated and HPCS instances have one each; "
     "here each host is a port",
     "D"},
    {"hosts", "HPCS without its master key: 400 whose text has CKR_IBM_WK_NOT_INITIALIZED", "D"},
    {"hosts",
     "a region that can only be read: changes are answered 503; wrap, unwrap and rewrap go on",
     "I"},
    {"hosts", "a rollback forgets keys and versions made in the last seconds, as after a failover",
     "I"},
    {"HTTP", "the root path: 404, and no fault is spent on it", "I"},
    {"HTTP",
     "any Content-Type; Correlation-Id comes back, made when absent; Prefer on create, delete, "
     "purge",
     "C, D"},
    {"HTTP", "the older POST /keys/{id}?action=", "D"},
};

void
behaviour_print(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)printf("| %s | %s | %s |\n", rows[i].area, rows[i].what, rows[i].tag);
}
