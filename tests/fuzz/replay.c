/*
 * Runs each file of a folder through a fuzz target, without libFuzzer: replay NAME FOLDER. Prints a
 * TAP line; the first input that does not hold ends it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = f != NULL && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        return -1;
    /* A block of exactly that size, so that the sanitizer sees a byte too far. */
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, f) != (size_t)size || fclose(f) != 0)
        return -1;
    (void)fprintf(stderr, "%s\n", path); /* who crashes is the last one named */
    (void)LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return 0;
}

int
main(int argc, char **argv)
{
    unsigned count = 0;
    char path[4096];
    DIR *folder = argc == 3 ? opendir(argv[2]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: replay NAME FOLDER\n");
        return 2;
    }
    (void)LLVMFuzzerInitialize(&argc, &argv);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (const struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", argv[2], e->d_name);
        if (run_file(path) != 0) {
            (void)printf("1..1\nnot ok 1 fuzz/%s: reading %s\n", argv[1], path);
            return 1;
        }
        count++;
    }
    (void)closedir(folder);
    (void)printf("1..1\n%sok 1 fuzz/%s: %u inputs\n", count > 0 ? "" : "not ", argv[1], count);
    return count > 0 ? 0 : 1;
}
