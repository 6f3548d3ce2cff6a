/*
 * For tests: a local KMS file that costs nothing to open, and wraps of payloads that a test knows.
 *
 *   kms_tool new FILE PASSFILE                          a KMS file with the cheapest key derivation
 *   kms_tool wrap FILE PASSFILE ROOT PAYLOAD [AAD]...   prints the wrap of the file PAYLOAD's bytes
 *
 * It takes its secrets from files, as keymuster does, so that a canary is in no argument.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypt/hash.h"
#include "kms/kms.h"
#include "kms/local.h"
#include "sys/file.h"

enum { CHEAP_MEM = 8 * 1024, CHEAP_OPS = 1 };

static enum rc
read_secret(struct secret **out, const char *path, int cut, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, RC_IO, "opening %s", path);
    enum rc rc = secret_new(out, err);
    if (rc == RC_OK)
        rc = file_read_secret(*out, fd, path, err);
    (void)close(fd); /* only read from */
    if (rc == RC_OK && cut && (*out)->len > 0 && (*out)->bytes[(*out)->len - 1] == '\n')
        secret_cut(*out, (*out)->len - 1);
    return rc;
}

static enum rc
make(const char *file, const char *passfile, struct err *err)
{
    static struct local l;
    struct local_file none = {0};
    struct secret *pass = NULL, *check = NULL;
    (void)snprintf(l.path, sizeof l.path, "%s", file);
    l.head.mem = CHEAP_MEM;
    l.head.ops = CHEAP_OPS;
    random_bytes(l.head.salt, sizeof l.head.salt);
    enum rc rc = read_secret(&pass, passfile, 1, err);
    if (rc == RC_OK && (rc = secret_new(&l.key, err)) == RC_OK)
        rc = seal_derive(l.key, pass, l.head.salt, CHEAP_MEM, CHEAP_OPS, err);
    if (rc == RC_OK && (rc = secret_new(&check, err)) == RC_OK)
        rc = seal_subkey(check, l.key, "keymuster local 1 key-check", err);
    if (rc == RC_OK) {
        memcpy(l.head.check, check->bytes, sizeof l.head.check);
        rc = local_file_save(&l, &none, err);
    }
    secret_free(check);
    secret_free(l.key);
    secret_free(pass);
    return rc;
}

static enum rc
wrap(char **argv, int argc, struct err *err)
{
    struct secret *pass = NULL, *payload = NULL;
    struct kms *kms = NULL;
    struct kms_op op;
    kms_op_init(&op, KMS_WRAP, argv[4]);
    enum rc rc = read_secret(&pass, argv[3], 1, err);
    if (rc == RC_OK)
        rc = read_secret(&payload, argv[5], 0, err);
    struct kms_config config = {
        .provider = "local", .name = "test", .file = argv[2], .credential = pass};
    if (rc == RC_OK)
        rc = kms_open(&kms, &config, err);
    op.payload = payload;
    op.aad = (const char *const *)argv + 6;
    op.aad_count = (size_t)(argc - 6);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = op.rc;
    }
    if (rc == RC_OK)
        (void)printf("%s\n", buf_str(&op.fresh));
    kms_op_release(&op);
    kms_close(kms);
    secret_free(payload);
    secret_free(pass);
    return rc;
}

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    enum rc rc = crypt_init(&err);
    if (rc == RC_OK && argc == 4 && strcmp(argv[1], "new") == 0)
        rc = make(argv[2], argv[3], &err);
    else if (rc == RC_OK && argc >= 6 && strcmp(argv[1], "wrap") == 0)
        rc = wrap(argv, argc, &err);
    else if (rc == RC_OK)
        rc =
            err_set(&err, RC_USAGE, "kms_tool new FILE PASSFILE | wrap FILE PASSFILE ROOT PAYLOAD");
    if (rc != RC_OK)
        (void)fprintf(stderr, "kms_tool: %s %s\n", err.msg, err.why);
    secret_arena_close();
    return rc == RC_OK && fflush(stdout) == 0 ? 0 : 1;
}
