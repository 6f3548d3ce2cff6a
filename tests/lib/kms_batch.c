/*
 * A batch through kms_run against the simulator:
 *   kms_batch ENDPOINT IAM CA INSTANCE APIKEY-FILE ROOT COUNT
 * wraps COUNT payloads that all differ, rewraps what came, and unwraps five of them (places for secrets are few). Prints one
 * line: how many of each were right, and the milliseconds of both batches. Every fifth operation
 * names a root key that is not there, so that results must be in the order given.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypt/hash.h"
#include "kms/kms.h"
#include "sys/env.h"
#include "sys/file.h"

extern char **environ;

static const char absent[] = "00000000-0000-4000-8000-000000000000";
static struct err err;

static void
must(enum rc rc)
{
    if (rc == RC_OK)
        return;
    (void)fprintf(stderr, "%s: %s: %s\n", err_name(rc), err.msg, err.why);
    exit(1);
}

static int
missing(size_t i)
{
    return i % 5 == 4;
}

static struct secret *
read_key(const char *path)
{
    struct secret *key = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(secret_new(&key, &err));
    must(file_read_secret(key, fd, path, &err));
    (void)close(fd);
    secret_cut(key, key->len - 1); /* its line feed */
    return key;
}

/* Right: a missing root key is told so, all others succeeded. */
static size_t
right(const struct kms_op *ops, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        int good = missing(i) ? ops[i].rc == RC_ROOT_UNSEEN && ops[i].fresh.len == 0
                              : ops[i].rc == RC_OK && ops[i].fresh.len > 0 &&
                                    ops[i].fresh_version[0] != '\0';
        if (!good)
            (void)fprintf(stderr, "%zu: %s: %s: %s\n", i, err_name(ops[i].rc), ops[i].err.msg,
                          ops[i].err.why);
        n += good && ops[i].request[0] != '\0';
    }
    return n;
}

/* The i-th payload is i's own text, so a mix-up shows. */
static size_t
opened(struct kms *kms, const char *root, const struct kms_op *from, size_t count)
{
    struct kms_op ops[5];
    size_t n = 0, asked = count < 5 ? count : 5;
    for (size_t i = 0; i < asked; i++) {
        kms_op_init(&ops[i], KMS_UNWRAP, root);
        ops[i].ciphertext = missing(i) ? "e30=" : buf_str(&from[i].fresh);
    }
    must(kms_run(kms, ops, asked, &err));
    for (size_t i = 0; i < asked; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "canary-%04zu", missing(i) ? 0 : i % 4);
        n += missing(i) ? ops[i].rc != RC_OK
                        : ops[i].rc == RC_OK && ops[i].plain->len == strlen(want) &&
                              memcmp(ops[i].plain->bytes, want, strlen(want)) == 0;
        kms_op_release(&ops[i]);
    }
    return n;
}

int
main(int argc, char **argv)
{
    struct secret *payloads[4];
    struct kms *kms = NULL;
    if (argc != 8)
        return 2;
    must(env_scrub(environ, &err));
    must(crypt_init(&err));
    struct secret *key = read_key(argv[5]);
    struct kms_config config = {.provider = "ibm",
                                .name = "batch",
                                .endpoint = argv[1],
                                .iam = argv[2],
                                .ca = argv[3],
                                .instance = argv[4],
                                .credential = key};
    must(kms_may_ask(&config, 1, &err));
    must(kms_open(&kms, &config, &err));
    size_t count = strtoul(argv[7], NULL, 10);
    struct kms_op *wraps = calloc(count, sizeof *wraps);
    struct kms_op *again = calloc(count, sizeof *again);
    if (wraps == NULL || again == NULL)
        return 1;
    for (size_t i = 0; i < 4; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "canary-%04zu", i);
        must(secret_new(&payloads[i], &err));
        must(secret_add(payloads[i], text, (size_t)len, &err));
    }
    for (size_t i = 0; i < count; i++) {
        kms_op_init(&wraps[i], KMS_WRAP, missing(i) ? absent : argv[6]);
        wraps[i].payload = payloads[i % 4];
    }
    int64_t start = clock_mono_ms();
    must(kms_run(kms, wraps, count, &err));
    int64_t middle = clock_mono_ms();
    for (size_t i = 0; i < count; i++) {
        kms_op_init(&again[i], KMS_REWRAP, missing(i) ? absent : argv[6]);
        again[i].ciphertext = missing(i) ? "e30=" : buf_str(&wraps[i].fresh);
    }
    must(kms_run(kms, again, count, &err));
    int64_t end = clock_mono_ms();
    (void)printf("wrapped %zu rewrapped %zu opened %zu ms %lld %lld\n", right(wraps, count),
                 right(again, count), opened(kms, argv[6], again, count),
                 (long long)(middle - start), (long long)(end - middle));
    for (size_t i = 0; i < count; i++) {
        kms_op_release(&wraps[i]);
        kms_op_release(&again[i]);
    }
    free(wraps);
    free(again);
    for (size_t i = 0; i < 4; i++)
        secret_free(payloads[i]);
    kms_close(kms);
    secret_free(key);
    return secret_live() != 0;
}
