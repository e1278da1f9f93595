/* What a rule saw of a label set lately, for people: kept from the first evaluation that was not ok until all that is
 * kept is ok again. */
#include "core.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>

enum { LOOKS_MAX = 12 };

struct recent {
        size_t n; /* all ever; the newest LOOKS_MAX are kept */
        struct {
                int64_t at_usec;
                double value; /* NaN: none */
                enum rv_verdict verdict;
        } look[LOOKS_MAX];
};

static void add(struct recent *recent, enum rv_verdict verdict, double value, int64_t at_usec) {
        size_t at = recent->n++ % LOOKS_MAX;

        recent->look[at].at_usec = at_usec;
        recent->look[at].value = value;
        recent->look[at].verdict = verdict;
}

static bool is_all_ok(const struct recent *recent) {
        for (size_t i = 0; i < LOOKS_MAX && i < recent->n; i++)
                if (recent->look[i].verdict != RV_VERDICT_OK)
                        return false;
        return true;
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
        if (is_all_ok(series->recent)) {
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
        for (size_t i = recent->n > LOOKS_MAX ? recent->n - LOOKS_MAX : 0; samples && i < recent->n; i++)
                if (json_array_append_new(samples,
                                          json_pack("[I, o, s]", (json_int_t)recent->look[i % LOOKS_MAX].at_usec,
                                                    rv_value_to_json(recent->look[i % LOOKS_MAX].value),
                                                    rv_verdict_to_string(recent->look[i % LOOKS_MAX].verdict))) < 0) {
                        json_decref(samples);
                        return -ENOMEM;
                }
        if (!samples)
                return -ENOMEM;
        json_decref(incident->samples);
        incident->samples = samples;
        return 0;
}
