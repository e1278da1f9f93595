/* Runs a harness over the files of folders, for compilers without libFuzzer. */
#include "fuzz.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 1024 * 1024 };

static bool replay(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ uint8_t *data = malloc(INPUT_BYTES_MAX);
        if (!f || !data) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return false;
        }
        size_t n = fread(data, 1, INPUT_BYTES_MAX, f);
        /* Of exactly the input's size, so that a read beyond it is seen. */
        _cleanup_free_ uint8_t *input = malloc(n > 0 ? n : 1);
        if (!input)
                return false;
        memcpy(input, data, n);
        printf("%s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(input, n);
        return true;
}

int main(int argc, char *argv[]) {
        unsigned count = 0;
        (void)argc;

        FTS *tree = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        if (!tree) {
                perror("fts_open");
                return EXIT_FAILURE;
        }
        for (FTSENT *entry = fts_read(tree); entry; entry = fts_read(tree)) {
                if (entry->fts_info != FTS_F)
                        continue;
                if (!replay(entry->fts_path))
                        return EXIT_FAILURE;
                count++;
        }
        fts_close(tree);
        printf("%u inputs\n", count);
        return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
