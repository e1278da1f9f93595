/* What else is in breach, in words: in other scopes since about the same time, and in the same scope once a part of it is
 * well again. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>

enum { OTHERS_TOLD_MAX = 5, STILL_TOLD_MAX = 3 };

/* -- elsewhere -- */

void others_put(const struct open *o, FILE *f) {
        for (size_t k = 0; k < o->n_others && k < OTHERS_TOLD_MAX; k++) {
                const char *scope = o->others[k];

                fputs(k > 0 ? ", " : "", f);
                for (; *scope; scope++)
                        if (*scope != '\n')
                                fputc(*scope, f);
                        else if (scope[1])
                                fputs(" and ", f);
        }
        if (o->n_others > OTHERS_TOLD_MAX)
                fprintf(f, " and %zu more", o->n_others - OTHERS_TOLD_MAX);
}

void others_put_line(const struct open *o, FILE *f) {
        if (o->n_others == 0)
                return;
        fputs("\nin breach since about the same time: ", f);
        others_put(o, f);
}

/* -- in the same scope -- */

bool others_is_in_breach(const struct series *series, const struct rv_rule_config *rule) {
        return series && series->s.latched && series->s.verdict == RV_VERDICT_BREACH &&
               (!rule->expr || series->round > 0);
}

/* Where there is a second look, an alert alone is no breach: its incident knows what was seen. */
static bool is_believed(const struct series *series, const struct rv_rule_config *rule) {
        const struct open *o = series->open;

        if (series->is_event && series->resolve_after_usec == 0) /* nobody may ever say that it is over */
                return false;
        return !rule->confirm || (o && !o->is_over && o->i->state != RV_INCIDENT_CONFIRMING && o->i->ok_usec == 0);
}

static int is_beside(struct turn *t, const struct open *o, struct series *series, bool *ret) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);

        *ret = false;
        if (!rule || series == o->series || !o->repository || rule->repository != o->repository->index ||
            !others_is_in_breach(series, rule) || !is_believed(series, rule))
                return 0;
        return good_overlaps(t, series, o, ret);
}

static int put_series(const struct series *series, size_t n_before, FILE *f) {
        _cleanup_free_ char *labels = rv_labels_format(series->s.labels);

        if (!labels)
                return -ENOMEM;
        fprintf(f, "%s%s %s", n_before > 0 ? "; " : "still in breach in the same scope: ", series->key.rule->name,
                labels);
        return 0;
}

int others_still(struct turn *t, const struct open *o, char **ret) {
        struct series *series, *next;
        char *text = NULL;
        size_t n = 0, size;
        bool is_one;
        int r = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        HASH_ITER (hh, t->engine->series, series, next) {
                r = is_beside(t, o, series, &is_one);
                if (r == 0 && is_one && n++ < STILL_TOLD_MAX)
                        r = put_series(series, n - 1, f);
                if (r < 0)
                        break;
        }
        if (n > STILL_TOLD_MAX)
                fprintf(f, " and %zu more", n - STILL_TOLD_MAX);
        if (text_close(f, &text) < 0)
                r = -ENOMEM;
        if (r == 0 && n > 0)
                *ret = RV_TAKE(text);
        free(text);
        return r;
}
