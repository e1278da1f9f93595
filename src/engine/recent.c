/* What a rule saw of a label set lately, for people: how the unrest began, and the newest. Kept from the first
 * evaluation that was not ok until so many in a row were ok. */
#include "core.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS_MAX = 12, FIRST_KEPT = 5 };

struct recent {
        size_t n, n_ok_in_a_row;
        struct {
                int64_t at_usec;
                double value; /* NaN: none */
                enum rv_verdict verdict;
        } look[LOOKS_MAX];
};

static void add(struct recent *recent, enum rv_verdict verdict, double value, int64_t at_usec) {
        if (recent->n == LOOKS_MAX)
                memmove(&recent->look[FIRST_KEPT], &recent->look[FIRST_KEPT + 1],
                        (--recent->n - FIRST_KEPT) * sizeof(recent->look[0]));
        recent->look[recent->n].at_usec = at_usec;
        recent->look[recent->n].value = value;
        recent->look[recent->n++].verdict = verdict;
        recent->n_ok_in_a_row = verdict == RV_VERDICT_OK ? recent->n_ok_in_a_row + 1 : 0;
}

int recent_note(struct series *series, enum rv_verdict verdict, double value, int64_t at_usec) {
        if (!series->recent) {
                if (verdict == RV_VERDICT_OK)
                        return 0;
                series->recent = calloc(1, sizeof(*series->recent));
                if (!series->recent)
                        return -ENOMEM;
                if (series->s.seen_usec > 0) /* how it was before */
                        add(series->recent, series->s.verdict, series->s.value, series->s.seen_usec);
        }
        add(series->recent, verdict, value, at_usec);
        if (series->recent->n_ok_in_a_row >= LOOKS_MAX) {
                free(series->recent);
                series->recent = NULL;
        }
        return 0;
}

int recent_tell(const struct series *series, struct rv_incident *incident) {
        const struct recent *recent = series->recent;
        json_t *samples;

        if (!recent)
                return 0;
        samples = json_array();
        for (size_t i = 0; samples && i < recent->n; i++)
                if (json_array_append_new(samples, json_pack("[I, o, s]", (json_int_t)recent->look[i].at_usec,
                                                             rv_value_to_json(recent->look[i].value),
                                                             rv_verdict_to_string(recent->look[i].verdict))) < 0) {
                        json_decref(samples);
                        return -ENOMEM;
                }
        if (!samples)
                return -ENOMEM;
        json_decref(incident->samples);
        incident->samples = samples;
        return 0;
}
