/* Values over time: "0 0 0.1x5 _x2 NaN error", in the notation of promtool's rule tests. */
#include "lab/lab.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void lab_points_done(struct lab_points *points) {
        free(points->point);
        *points = (struct lab_points){0};
}

struct lab_point lab_points_at(const struct lab_points *points, int64_t i) {
        if (points->n == 0 || i < 0)
                return (struct lab_point){LAB_ABSENT, NAN};
        return points->point[(size_t)i < points->n ? (size_t)i : points->n - 1];
}

static int append(struct lab_points *points, enum lab_point_kind kind, double value, struct rv_error *err) {
        if (points->n >= LAB_POINTS_MAX)
                return rv_error_set(err, -EINVAL, "more than %d values", LAB_POINTS_MAX);
        if ((points->n & (points->n - 1)) == 0) {
                struct lab_point *grown =
                        reallocarray(points->point, points->n > 0 ? 2 * points->n : 1, sizeof(*grown));
                if (!grown)
                        return rv_error_oom(err);
                points->point = grown;
        }
        points->point[points->n++] = (struct lab_point){kind, value};
        return 0;
}

/* What stands after the x, cut off. −1: there is no x. */
static long take_times(char *word, struct rv_error *err, int *ret_error) {
        char *x = strrchr(word, 'x'), *end;

        *ret_error = 0;
        if (!x)
                return -1;
        long times = strtol(x + 1, &end, 10);
        if (end == x + 1 || *end || times < 0 || times > LAB_POINTS_MAX) {
                *ret_error = rv_error_set(err, -EINVAL, "'%s': after x stands how many times, at most %d", word,
                                          LAB_POINTS_MAX);
                return -1;
        }
        *x = '\0';
        return times;
}

/* a, a+b or a-b: where the step begins; not the sign of a, nor of an exponent. */
static char *find_step(char *word) {
        for (char *p = word + 1; *word && *p; p++)
                if ((*p == '+' || *p == '-') && p[-1] != 'e' && p[-1] != 'E')
                        return p;
        return NULL;
}

static int take_numbers(struct lab_points *points, char *word, long times, struct rv_error *err) {
        char *at = times >= 0 ? find_step(word) : NULL;
        double value, step = 0;
        int r = 0;

        if (at && rv_number_parse(at[0] == '+' ? at + 1 : at, &step) < 0)
                return rv_error_set(err, -EINVAL, "'%s' is no step", at);
        if (at)
                *at = '\0';
        if (rv_number_parse(word, &value) < 0)
                return rv_error_set(err, -EINVAL, "'%s' is no value: a number, _, stale, error or warning", word);
        for (long i = 0; r == 0 && i <= (times < 0 ? 0 : times); i++)
                r = append(points, LAB_VALUE, value + (double)i * step, err);
        return r;
}

static int take_word(struct lab_points *points, char *word, struct rv_error *err) {
        static const struct {
                const char *word;
                enum lab_point_kind kind;
        } words[] = {{"_", LAB_ABSENT}, {"stale", LAB_ABSENT}, {"error", LAB_FAILS}, {"warning", LAB_WARNS}};
        int r;
        long times = take_times(word, err, &r);

        if (r < 0)
                return r;
        for (size_t i = 0; i < RV_ARRAY_SIZE(words); i++) {
                if (strcmp(word, words[i].word) != 0)
                        continue;
                for (long k = 0; r == 0 && k < (times < 0 ? 1 : times); k++)
                        r = append(points, words[i].kind, NAN, err);
                return r;
        }
        return take_numbers(points, word, times, err);
}

int lab_points_parse(const char *text, struct lab_points *ret, struct rv_error *err) {
        _cleanup_free_ char *copy = strdup(text);
        struct lab_points points = {0};
        char *rest = NULL;
        int r = copy ? 0 : rv_error_oom(err);

        for (char *word = copy ? strtok_r(copy, " \t\r\n", &rest) : NULL; r == 0 && word;
             word = strtok_r(NULL, " \t\r\n", &rest))
                r = take_word(&points, word, err);
        if (r == 0 && points.n == 0)
                r = rv_error_set(err, -EINVAL, "there is no value");
        if (r < 0) {
                lab_points_done(&points);
                return r;
        }
        *ret = points;
        return 0;
}
