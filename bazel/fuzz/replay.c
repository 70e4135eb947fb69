/* replay: the main of a fuzz target that is built without libFuzzer. Gives each file named on the
 * command line to the target once, so that the corpus is a regression test under any compiler. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"

#define REPLAY_FILE_BYTES_MAX (16 * 1024 * 1024)

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    uint8_t *whole = malloc(REPLAY_FILE_BYTES_MAX);
    size_t len = whole ? fread(whole, 1, REPLAY_FILE_BYTES_MAX, file) : 0;
    int failed = !whole || ferror(file) || !feof(file);
    fclose(file);
    /* A block of exactly its size, so that a sanitizer sees a read past the end. */
    uint8_t *exact = failed ? NULL : malloc(len ? len : 1);
    if (exact) {
        memcpy(exact, whole, len);
        failed |= LLVMFuzzerTestOneInput(exact, len) != 0;
        free(exact);
    } else {
        fprintf(stderr, "%s: cannot be read whole\n", path);
        failed = 1;
    }
    free(whole);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay_file(argv[i]);
    printf("%d inputs replayed\n", argc - 1);
    /* A target whose corpus went missing must not look tested. */
    return failed || argc < 2;
}
