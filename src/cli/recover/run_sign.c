#include "cli/recover/run_sign.h"

#include <stdio.h>
#include <string.h>

#include "cli/ref.h"
#include "crypt/minisig.h"
#include "sys/file.h"

static const char TRUSTED[] = "keymuster approval 1";

/* Who may read a sealed file is not asked: on a USB disk everybody may. */
static enum rc
read_sealed(struct secret **out, const char *file, struct err *err)
{
    struct buf text;
    buf_init(&text, SECRET_SLOT);
    enum rc rc = file_read(&text, file, err);
    if (rc == RC_OK)
        rc = secret_new(out, err);
    if (rc == RC_OK)
        rc = secret_add(*out, buf_str(&text), text.len, err);
    buf_release(&text);
    return rc;
}

enum rc
run_sign_here(struct buf *signature, const struct person *p, const char *file, const char *ref,
              const struct buf *text, struct err *err)
{
    char what[LIMIT_NAME + 32];
    struct secret *sealed = NULL;
    struct secret *passphrase = NULL;
    (void)snprintf(what, sizeof what, "passphrase of %s's key", p->object.name);
    enum rc rc = read_sealed(&sealed, file, err);
    if (rc == RC_OK)
        rc = ref_read(&passphrase, ref, what, err);
    if (rc == RC_OK)
        rc = minisig_sign(signature, p->public_key, sealed, passphrase, TRUSTED, text->data,
                          text->len, file, err);
    secret_free(passphrase);
    secret_free(sealed);
    if (rc == RC_COPY_SIGNATURE)
        (void)err_hint(err, "%s's public key is %s", p->object.name, p->public_key);
    if (rc == RC_OK) /* what is recorded has been read as others will read it */
        rc = minisig_verify(p->public_key, text->data, text->len, signature->data, signature->len,
                            file, err);
    return rc;
}

enum rc
run_sign_there(struct buf *signature, const struct person *p, const char *file,
               const struct buf *text, struct err *err)
{
    enum rc rc = file_read(signature, file, err);
    if (rc == RC_OK)
        rc = minisig_verify(p->public_key, text->data, text->len, buf_str(signature),
                            signature->len, file, err);
    if (rc == RC_COPY_SIGNATURE)
        (void)err_hint(err, "%s signs exactly this line, with the key %s:\n%.*s", p->object.name,
                       p->public_key, (int)text->len - 1, text->data);
    return rc;
}

void
run_sign_how(struct buf *out, const struct person *p, const struct buf *text)
{
    buf_addf(out,
             "\n%s signs exactly this line, with a line feed behind it and nothing else:\n\n"
             "%.*s\n"
             "where their key is:\n\n"
             "  echo '%.*s' >approval\n"
             "  minisign -S -s THEIR-KEY -m approval\n\n"
             "which makes approval.minisig; bring that file here.\n",
             p->object.name, (int)text->len, text->data, (int)text->len - 1, text->data);
}

enum rc
run_sign_may(const struct person *p, int need_key, struct err *err)
{
    if (p->left[0] != '\0') {
        (void)err_set(err, RC_POLICY, "%s left, by the record of %s", p->object.name, p->left);
        return err_hint(err,
                        "somebody else does it; or, if they are back: keymuster person set %s "
                        "--returned",
                        p->object.name);
    }
    if (need_key && p->public_key[0] == '\0') {
        (void)err_set(err, RC_POLICY, "no key of %s is registered", p->object.name);
        return err_hint(err, "keymuster person set %s --key FILE.pub, or --new-key FILE",
                        p->object.name);
    }
    return RC_OK;
}

void
run_sign_write(struct jw *w, const struct person *p, const struct buf *text,
               const struct buf *signature)
{
    jw_str(w, "public_key", p->public_key);
    jw_strn(w, "text", text->data, text->len - 1);
    jw_strn(w, "signature", signature->data, signature->len);
}
