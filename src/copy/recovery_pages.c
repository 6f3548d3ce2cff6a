#include "copy/recovery_pages.h"

#include <string.h>

#include "escrow/key.h"
#include "escrow/view.h"
#include "text/uni.h"

struct writing {
    const struct store *store;
    struct buf *out;
};

/* A text from the log, with everything that a terminal or a reader could be fooled by escaped. */
static void
put(struct buf *out, const char *text)
{
    escape_terminal(out, text, strlen(text), ESCAPE_LINE);
}

struct labelled {
    struct buf *out;
    const char *label;
    struct buf last; /* the value before, as JSON */
};

static enum rc
put_value(void *arg, const char *value, const char *entry, struct err *err)
{
    struct labelled *l = arg;
    struct buf text;
    (void)entry;
    if (strcmp(buf_str(&l->last), value) == 0)
        return RC_OK;
    buf_clear(&l->last);
    buf_adds(&l->last, value);
    buf_init(&text, LIMIT_ENTRY);
    enum rc rc = field_text(&text, value, err);
    if (rc == RC_OK && text.len > 0) {
        buf_addf(l->out, "%s", l->label);
        put(l->out, buf_str(&text));
        buf_addc(l->out, '\n');
    }
    buf_release(&text);
    return rc;
}

/* "label: value", one line for each value that stands when two sites disagree; nothing for a field
 * that is not set. */
static enum rc
put_field(struct writing *w, const char *object, const char *field, const char *label,
          struct err *err)
{
    struct labelled l = {.out = w->out, .label = label};
    buf_init(&l.last, LIMIT_ENTRY);
    enum rc rc = field_each(w->store, object, field, put_value, &l, err);
    buf_release(&l.last);
    return rc;
}

/* ---- KEYS.txt ---- */

static enum rc
put_root(struct writing *w, const char *uuid, struct err *err)
{
    struct object object;
    struct root root;
    struct err unknown = ERR_INIT;
    int known = 0;
    enum rc rc = err_unless_found(object_find(w->store, "root", uuid, &object, &unknown), &unknown,
                                  &known, err);
    if (rc == RC_OK && !known)
        buf_addf(w->out, "  root key    %s (not known to the site that wrote this)\n", uuid);
    if (rc != RC_OK || !known)
        return rc;
    rc = root_load(w->store, &object, &root, err);
    if (rc != RC_OK)
        return rc;
    buf_addf(w->out, "  root key    %s, id %s\n", object.name, root.id);
    rc = put_field(w, object.uuid, "crn", "  crn         ", err);
    if (rc == RC_OK)
        rc = put_field(w, object.uuid, "ring", "  ring        ", err);
    if (rc != RC_OK || root.kms.uuid[0] == '\0')
        return rc;
    buf_addf(w->out, "  KMS         %s\n", root.kms.name);
    rc = put_field(w, root.kms.uuid, "endpoint", "  endpoint    ", err);
    if (rc == RC_OK)
        rc = put_field(w, root.kms.uuid, "instance", "  instance    ", err);
    if (rc == RC_OK)
        rc = put_field(w, root.kms.uuid, "file", "  file        ", err);
    return rc;
}

static enum rc
put_wrap(void *arg, const struct wrap *wrap, struct err *err)
{
    struct writing *w = arg;
    buf_addf(w->out, "\n  wrap        made %s (", wrap->at);
    put(w->out, wrap->how);
    buf_addf(w->out, ")%s\n", wrap->retired ? ", retired: try it last" : "");
    enum rc rc = put_root(w, wrap->root, err);
    if (wrap->version[0] != '\0')
        buf_addf(w->out, "  version     %s\n", wrap->version);
    buf_adds(w->out, "  aad         ");
    put(w->out, wrap->aad);
    buf_adds(w->out, "\n  wdek        ");
    put(w->out, wrap->ciphertext);
    buf_addc(w->out, '\n');
    return rc;
}

static enum rc
put_key(void *arg, const struct key *key, struct err *err)
{
    struct writing *w = arg;
    char site[LIMIT_NAME + 1];
    enum rc rc = object_name(w->store, key->protects_site, site, err);
    if (rc != RC_OK)
        return rc;
    buf_adds(w->out, "\n");
    put(w->out, key->name);
    buf_addf(w->out, "@%lld\n  uuid        %s\n  created     %s\n  state       %s\n",
             (long long)key->generation, key->uuid, key->created_at, key->state);
    buf_addf(w->out, "  purpose     %s, for the loss of %s\n  form        %s\n", key->purpose, site,
             strcmp(key->form, "base64") == 0
                 ? "base64: the password is the base64 text of the unwrapped bytes (44 characters)"
                 : "bytes: the password is the unwrapped bytes themselves");
    rc = put_field(w, key->uuid, "protects", "  protects    ", err);
    if (rc == RC_OK)
        rc = put_field(w, key->uuid, "system", "  system      ", err);
    if (rc == RC_OK)
        rc = put_field(w, key->uuid, "owner", "  owner       ", err);
    return rc == RC_OK ? wrap_each(w->store, key->uuid, put_wrap, w, err) : rc;
}

enum rc
recovery_page_keys(const struct store *store, const char *now, struct buf *out, struct err *err)
{
    struct writing writing = {.store = store, .out = out};
    struct writing *w = &writing;
    buf_addf(
        w->out,
        "KEYS of escrow %s, as known on %s\n\n"
        "Every key generation with its wraps. Nothing here is secret: a wrap (WDEK) opens only in\n"
        "the KMS named with it, under that root key, with that AAD in that order.\n",
        w->store->escrow, now);
    enum rc rc = key_each(w->store, NULL, put_key, w, err);
    return rc == RC_OK ? buf_check(w->out, "recovery/KEYS.txt", err) : rc;
}

/* ---- START-HERE.md ---- */

static enum rc
put_kms(void *arg, const struct object *o, struct err *err)
{
    struct writing *w = arg;
    struct buf kept;
    buf_init(&kept, LIMIT_TEXT);
    enum rc rc = field_get(w->store, o->uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK) {
        buf_addf(w->out, "* %s: ", o->name);
        if (kept.len > 0)
            put(w->out, buf_str(&kept));
        else
            buf_adds(w->out, "(nobody wrote down where) ____________________");
        buf_addc(w->out, '\n');
    }
    buf_release(&kept);
    return rc;
}

static const char start_runbooks[] =
    "\n## What to do, step by step\n\n"
    "`runbooks/` here has pages to follow, with keymuster or on paper: `total-loss.md` when the\n"
    "primary site is gone, others for a lost root key, KMS or escrow, or a password that was "
    "seen.\n";

static const char start_commands[] =
    "\n## With keymuster\n\n"
    "Put this folder's place for PLACE, and the name of a key for KEY (`KEYS.txt` lists them).\n"
    "`--credential KMS=prompt` asks for the credential of that KMS. With the recovery card, add\n"
    "`--card FILE`; without it, compare what is shown with what you know.\n\n"
    "1. Be led through it, step by step, the lost site being LOST and this one SITE:\n"
    "   `keymuster recover start total-loss --lost LOST --from PLACE --site SITE --credential "
    "KMS=prompt`\n"
    "2. Show a password on the terminal:\n"
    "   `keymuster reveal KEY --from PLACE --credential KMS=prompt --reason \"why\"`\n"
    "3. Hand it to a command instead, unseen:\n"
    "   `keymuster exec KEY --from PLACE --credential KMS=prompt --reason \"why\" -- COMMAND`\n"
    "4. Make this machine a store of its own:\n"
    "   `keymuster join --from PLACE --site SITE`\n\n"
    "A local KMS is a file; if it lies elsewhere than `KEYS.txt` says, add `--kms-file "
    "KMS=PATH`.\n";

static const char start_without[] =
    "\n## Without keymuster\n\n"
    "From IBM Key Protect or HPCS, with sh, curl and jq, or with PowerShell, here in this "
    "folder:\n\n"
    "    sh recover-without-keymuster.sh KEYS.txt KEY\n"
    "    powershell/unwrap-offline.ps1 KEYS.txt KEY -Show\n\n"
    "`powershell/recover-key.ps1` hands a key to a backup server without showing it, from here\n"
    "(`-Offline`) or from keymuster on another machine; the scripts beside it create, rewrap and\n"
    "list keys there.\n\n"
    "By hand: find the key in `KEYS.txt`. Unwrap its WDEK in the KMS named there, with the AAD in "
    "that\norder. What comes back is bytes (in base64, from a cloud KMS); the line *form* says how "
    "they are\nthe password. Everything else in this copy is lines of JSON, signed in minisign's "
    "format.\n";

static const char start_program[] =
    "\n## The program itself\n\n"
    "`program/keymuster` is keymuster, for Linux. It wants the libraries cJSON, cmark, "
    "libsmartcols,\n"
    "utf8proc, libsodium and SQLite (Debian 12: libcjson1 libcmark0.30.2 libsmartcols1 "
    "libutf8proc2\n"
    "libsodium23 libsqlite3-0).\n"
    "Before it is run, here in this folder:\n\n"
    "    minisign -V -P %s -m program/keymuster\n"
    "    (cd program && sha256sum -c keymuster.sha256)\n\n"
    "Then `program/keymuster help`. Where the disk does not let it run: copy it elsewhere and\n"
    "`chmod +x` it.\n";

enum rc
recovery_page_start(const struct store *s, const char *now, int program, struct buf *out,
                    struct err *err)
{
    struct writing writing = {.store = s, .out = out};
    struct writing *w = &writing;
    buf_adds(w->out, "# Start here\n\nThis is a copy of the key escrow \"");
    put(w->out, s->name);
    buf_addf(w->out,
             "\". It holds the keys of encrypted backups, each wrapped by a key management system "
             "(KMS).\n"
             "It opens nothing by itself: you need one of the KMSs below and its credential.\n\n"
             "* escrow: %s\n* founder's key: %s\n* this page was written on %s by author %s;\n"
             "  what happened since then at the other sites is not in it\n\n"
             "## Where the credentials are kept\n\n",
             s->escrow, s->founder.text, now, s->self.author);
    enum rc rc = object_each(s, "kms", put_kms, w, err);
    buf_adds(w->out, start_runbooks);
    buf_adds(w->out, start_commands);
    if (program)
        buf_addf(w->out, start_program, s->self.text);
    buf_adds(w->out, start_without);
    buf_addf(
        w->out,
        "\n## Is it genuine?\n\n    minisign -V -P %s -m KEYS.txt\n\n"
        "Compare that key with the one on the recovery card (or of an author the card names).\n",
        s->self.text);
    return rc == RC_OK ? buf_check(w->out, "recovery/START-HERE.md", err) : rc;
}
