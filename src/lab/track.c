/* A label set, followed by the rule's own verdicts on its real values: when a breach really began, fired and ended, and
 * what its values were. */
#include "lab/backtest.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { POINTS_MAX = 600, AFTER = 30, BREACHES_MAX = 5000 };

struct track *track_find(const struct asked *a, const struct rv_labels *labels) {
        struct track *track;

        HASH_FIND(hh, a->tracks, &labels->fingerprint, sizeof(labels->fingerprint), track);
        return track;
}

int track_get(struct asked *a, struct rv_labels *labels, struct track **ret, struct rv_error *err) {
        struct track *track = track_find(a, labels);

        if (!track) {
                track = calloc(1, sizeof(*track));
                if (!track)
                        return rv_error_oom(err);
                track->fingerprint = labels->fingerprint;
                track->s.labels = rv_labels_ref(labels);
                HASH_ADD(hh, a->tracks, fingerprint, sizeof(track->fingerprint), track);
                if (!track->hh.tbl) {
                        rv_labels_unref(labels);
                        free(track);
                        return rv_error_oom(err);
                }
        }
        *ret = track;
        return 0;
}

/* Of a long breach every second point goes, again and again. */
static int append_point(struct track *track, int64_t at_usec, double value) {
        json_t *points = json_object_get(track->breach, "points");

        if (track->skip++ % track->stride != 0)
                return 0;
        if (json_array_size(points) >= POINTS_MAX) {
                for (size_t i = json_array_size(points) / 2; i-- > 0;)
                        json_array_remove(points, 2 * i + 1);
                track->stride *= 2;
        }
        return json_array_append_new(points, json_pack("[I, o]", (json_int_t)at_usec, rv_value_to_json(value)));
}

/* For how long a breach had lasted when an alert first told of it. */
static int64_t waited_usec(const struct run *run, size_t rule) {
        return run->asked[rule].alerts_expr ? rule_of(run, rule)->for_usec : 0;
}

/* One that begins while the would-be revert of the one before is still watched belongs to that incident. */
static int begin_breach(struct run *run, size_t rule, struct track *track, int64_t at_usec, struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);
        json_t *incident = track->breach ? json_object_get(track->breach, "incident") : NULL;

        if (json_array_size(run->breaches) >= BREACHES_MAX)
                return rv_error_set(err, -E2BIG, "more than %d breaches; choose a shorter range or fewer rules",
                                    BREACHES_MAX);
        track->breach = json_pack("{s:s, s:o, s:f, s:I, s:I, s:I, s:[]}", "rule", config->name, "labels",
                                  rv_labels_to_json(track->s.labels), "threshold", config->breach_value, "onset_usec",
                                  (json_int_t)(track->s.onset_usec - waited_usec(run, rule)), "fired_usec",
                                  (json_int_t)at_usec, "end_usec", (json_int_t)0, "points");
        if (!track->breach || json_array_append_new(run->breaches, track->breach) < 0) {
                track->breach = NULL;
                return rv_error_oom(err);
        }
        track->stride = 1;
        track->skip = track->after = 0;
        if (track->cured_usec == 0 || track->s.onset_usec > track->over_usec)
                track->cured_usec = 0;
        else if (json_object_set(track->breach, "incident", incident) < 0)
                return rv_error_oom(err);
        run->asked[rule].n_breaches++;
        for (size_t i = track->n_ring > RING ? track->n_ring - RING : 0; i + 1 < track->n_ring; i++)
                if (append_point(track, track->ring[i % RING].at_usec, track->ring[i % RING].value) < 0)
                        return rv_error_oom(err);
        return 0;
}

int track_follow(struct run *run, size_t rule, struct track *track, enum rv_verdict verdict, double value,
                 int64_t at_usec, struct rv_error *err) {
        struct rv_rule_config config = *rule_of(run, rule);
        bool was_latched = track->s.latched;
        int r = 0;

        config.for_usec -= waited_usec(run, rule);
        enum rv_series_change change = rv_series_advance(&track->s, &config, verdict, value, at_usec);

        track->ring[track->n_ring++ % RING] = (struct point){at_usec, value};
        if (change == RV_SERIES_FIRED)
                r = begin_breach(run, rule, track, at_usec, err);
        if (r < 0)
                return r;
        if (was_latched && change == RV_SERIES_OVER) {
                json_object_set_new(track->breach, "end_usec", json_integer((json_int_t)track->s.ok_usec));
                track->after = AFTER * track->stride;
        }
        if (track->breach && (track->s.latched || track->after > 0) && append_point(track, at_usec, value) < 0)
                return rv_error_oom(err);
        track->after -= track->after > 0;
        return 0;
}

double track_well(const struct rv_rule_config *rule) {
        enum rv_breach_op op = rule->has_clear ? rule->clear_op : rule->breach_op;
        double v = rule->has_clear ? rule->clear_value : rule->breach_value;
        bool is_wanted = rule->has_clear; /* the comparison is to hold, or not to */

        switch (op) {
        case RV_BREACH_GT:
                return is_wanted ? nextafter(v, INFINITY) : v;
        case RV_BREACH_GE:
                return is_wanted ? v : nextafter(v, -INFINITY);
        case RV_BREACH_LT:
                return is_wanted ? nextafter(v, -INFINITY) : v;
        case RV_BREACH_LE:
                return is_wanted ? v : nextafter(v, INFINITY);
        case RV_BREACH_EQ:
                return is_wanted ? v : v + 1;
        default:
                return is_wanted ? v + 1 : v;
        }
}

bool track_is_cured(const struct track *track, int64_t now_usec) {
        return track->cured_usec > 0 && now_usec >= track->cured_usec &&
               (track->s.latched || now_usec < track->over_usec);
}

int tracks_finish(struct asked *a) {
        struct track *track, *next;

        HASH_ITER (hh, a->tracks, track, next)
                if (track->s.latched && json_object_set_new(track->breach, "until_usec",
                                                            json_integer((json_int_t)track->s.breach_usec)) < 0)
                        return -ENOMEM;
        return 0;
}

void tracks_done(struct asked *a) {
        struct track *track, *next;

        HASH_ITER (hh, a->tracks, track, next) {
                HASH_DEL(a->tracks, track);
                rv_labels_unref(track->s.labels);
                free(track);
        }
}
