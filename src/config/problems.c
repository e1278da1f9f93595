#include "config/problems.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { PROBLEMS_MAX = 4096, PROBLEM_TEXT_BYTES_MAX = 1024 };

static unsigned number_of(const struct rv_problems *problems, const char *file) {
        for (size_t i = 0; i < problems->n_files; i++)
                if (strcmp(problems->files[i], file) == 0)
                        return (unsigned)i;
        return 0;
}

static char *format_line(const char *file, unsigned line, const char *text) {
        _cleanup_free_ char *safe = rv_text_line(text, PROBLEM_TEXT_BYTES_MAX);
        char *whole = NULL;
        if (!safe)
                return NULL;
        int r = line > 0 ? asprintf(&whole, "%s:%u: %s", file, line, safe) : asprintf(&whole, "%s: %s", file, safe);
        return r < 0 ? NULL : whole;
}

void rv_problems_add(struct rv_problems *problems, const char *file, unsigned line, const char *fmt, ...) {
        if (problems->n >= PROBLEMS_MAX) {
                problems->more++;
                return;
        }
        if (!file)
                file = problems->files[problems->n_files - 1];
        struct rv_problem problem = {.file = number_of(problems, file), .line = line, .number = (unsigned)problems->n};
        _cleanup_free_ char *text = NULL;
        va_list ap;
        va_start(ap, fmt);
        int r = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                problems->out_of_memory = true;
                return;
        }
        problem.text = format_line(file, line, text);
        struct rv_problem *grown =
                problem.text ? reallocarray(problems->problem, problems->n + 1, sizeof(*grown)) : NULL;
        if (!grown) {
                free(problem.text);
                problems->out_of_memory = true;
                return;
        }
        problems->problem = grown;
        problems->problem[problems->n++] = problem;
}

static int compare_place(const void *x, const void *y) {
        const struct rv_problem *a = x, *b = y;
        if (a->file != b->file)
                return a->file < b->file ? -1 : 1;
        if (a->line != b->line)
                return a->line < b->line ? -1 : 1;
        return a->number < b->number ? -1 : 1;
}

static void sort_once(struct rv_problems *problems) {
        size_t kept = 0;
        qsort(problems->problem, problems->n, sizeof(*problems->problem), compare_place);
        for (size_t i = 0; i < problems->n; i++) {
                bool again = false;
                for (size_t k = kept; k > 0 && !again; k--) {
                        const struct rv_problem *other = &problems->problem[k - 1];
                        if (other->file != problems->problem[i].file || other->line != problems->problem[i].line)
                                break;
                        again = strcmp(other->text, problems->problem[i].text) == 0;
                }
                if (again)
                        free(problems->problem[i].text);
                else
                        problems->problem[kept++] = problems->problem[i];
        }
        problems->n = kept;
}

int rv_problems_finish(struct rv_problems *problems, struct rv_config_errors *ret) {
        struct rv_config_errors errors = {0};

        if (problems->out_of_memory)
                return -ENOMEM;
        if (problems->n == 0)
                return 0;
        sort_once(problems);
        size_t n = problems->n < RV_CONFIG_ERRORS_MAX ? problems->n : RV_CONFIG_ERRORS_MAX;
        size_t more = problems->more + problems->n - n;
        errors.text = calloc(n + 1, sizeof(*errors.text));
        if (!errors.text)
                return -ENOMEM;
        for (; errors.n < n; errors.n++)
                errors.text[errors.n] = RV_TAKE(problems->problem[errors.n].text);
        if (more > 0) {
                if (asprintf(&errors.text[errors.n], "and %zu more", more) < 0) {
                        errors.text[errors.n] = NULL;
                        rv_config_errors_done(&errors);
                        return -ENOMEM;
                }
                errors.n++;
        }
        *ret = errors;
        return -EINVAL;
}

void rv_problems_done(struct rv_problems *problems) {
        for (size_t i = 0; i < problems->n; i++)
                free(problems->problem[i].text);
        free(problems->problem);
        *problems = (struct rv_problems){0};
}

void rv_config_errors_done(struct rv_config_errors *errors) {
        for (size_t i = 0; i < errors->n; i++)
                free(errors->text[i]);
        free(errors->text);
        *errors = (struct rv_config_errors){0};
}
