/* What is wrong in the files: gathered while they are read, sorted and cut at the end. */
#pragma once

#include "revertd/config.h"

struct rv_problem {
        unsigned file; /* the order in which the files were read */
        unsigned line; /* 0: the file as a whole */
        unsigned number;
        char *text; /* "file:line: …" */
};

struct rv_problems {
        struct rv_problem *problem;
        size_t n;
        size_t more;        /* not kept */
        bool out_of_memory; /* one could not even be noted */
        char *const *files; /* in the order of reading; lent */
        size_t n_files;
};

/* file NULL: the newest of the files. */
void rv_problems_add(struct rv_problems *problems, const char *file, unsigned line, const char *fmt, ...)
        RV_PRINTF(4, 5);

/* Sorts by file and line, drops what was said twice, hands over at most RV_CONFIG_ERRORS_MAX and one line that counts
 * the rest. Returns 0 if there is none, -EINVAL if there are, -ENOMEM. */
int rv_problems_finish(struct rv_problems *problems, struct rv_config_errors *ret) RV_MUST_CHECK;
void rv_problems_done(struct rv_problems *problems);
