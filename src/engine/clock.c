/* When the wall clock is set, what waits goes on waiting for the time that really passes: deadlines, pauses, cooldowns
 * and budgets move with the clock. That it was set is seen by its distance from the time since boot, which nobody sets;
 * the distance is kept, so that a restart in between hides nothing. After another boot it cannot be known. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_LEAST_USEC RV_USEC_PER_SEC

static const char key[] = "clock";

/* A step: from what it showed to what it shows. */
struct clock_step {
        int64_t by_usec, before_usec;
};

static int64_t moved(const struct clock_step *step, int64_t usec) {
        if (usec <= 0 || usec == RV_USEC_INFINITY || __builtin_add_overflow(usec, step->by_usec, &usec))
                return usec;
        return usec > 0 ? usec : 1;
}

/* What seems to have been in the future was written by a clock that was ahead, and may be right now. */
static int64_t moved_past(const struct clock_step *step, int64_t usec) {
        return usec > step->before_usec ? usec : moved(step, usec);
}

static int move_acts(struct turn *t, const struct clock_step *step) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < t->engine->n_acts; i++) {
                struct rv_act *act = &t->engine->act[i];

                act->at_usec = moved_past(step, act->at_usec);
                r = rv_batch_put(&t->step->batch, RV_RECORD_ACT, act->incident, act->at_usec, -1, rv_act_to_json(act));
        }
        return r;
}

static void move_times(struct rv_incident_times *times, const struct clock_step *step) {
        int64_t *const each[] = {&times->onset_usec,    &times->detected_usec,  &times->decided_usec,
                                 &times->proposed_usec, &times->pushed_usec,    &times->landed_usec,
                                 &times->applied_usec,  &times->recovered_usec, &times->ended_usec};

        for (size_t i = 0; i < RV_ARRAY_SIZE(each); i++)
                *each[i] = moved_past(step, *each[i]);
}

/* So that each has lasted for as long as it has. An alert's onset is its Alertmanager's. */
static void move_incident(struct rv_incident *i, const struct rv_rule_config *rule, const struct clock_step *step) {
        int64_t onset_usec = i->times.onset_usec;

        move_times(&i->times, step);
        i->times.earlier_usec = i->times.earlier_end_usec = 0; /* partly by another clock */
        if (rule && !rule->expr)
                i->times.onset_usec = onset_usec;
        for (size_t k = 0; k < i->n_suspects; k++) {
                struct rv_live *live = &i->suspects[k].live;

                live->seen_usec = moved_past(step, live->seen_usec);
                live->not_before_usec = moved_past(step, live->not_before_usec);
        }
        i->ok_usec = moved_past(step, i->ok_usec);
        i->deadline_usec = moved(step, i->deadline_usec);
        i->retry_usec = moved(step, i->retry_usec);
}

static void move_incidents(struct turn *t, const struct clock_step *step) {
        struct open *o, *next;

        HASH_ITER (hh, t->engine->open, o, next) {
                if (o->is_over)
                        continue;
                move_incident(o->i, rule_config(t->engine, o->rule), step);
                o->asked_usec = moved(step, o->asked_usec);
                o->ok_last_usec = moved_past(step, o->ok_last_usec);
                if (o->i->state == RV_INCIDENT_VERIFYING)
                        verify_restart(t, o);
                incident_touch(t, o);
        }
}

static void move_one(struct series *series, bool is_polled, const struct clock_step *step) {
        series->answered_usec = moved_past(step, series->answered_usec);
        series->expires_usec = moved(step, series->expires_usec);
        series->ended_usec = moved_past(step, series->ended_usec);
        series->s.seen_usec = moved_past(step, series->s.seen_usec);
        series->s.breach_usec = moved_past(step, series->s.breach_usec);
        series->s.ok_usec = moved_past(step, series->s.ok_usec);
        series->s.left_usec = moved_past(step, series->s.left_usec);
        series->resolved_at_usec = moved_past(step, series->resolved_at_usec);
        series->earlier_usec = series->earlier_end_usec = 0;
        series->well_usec = moved_past(step, series->well_usec);
        series->well_last_usec = moved_past(step, series->well_last_usec);
        if (is_polled) {
                series->s.onset_usec = moved_past(step, series->s.onset_usec);
                series->fired_usec = moved_past(step, series->fired_usec);
        }
}

static int move_series(struct turn *t, const struct clock_step *step) {
        struct series *series, *next;
        int r = 0;

        HASH_ITER (hh, t->engine->series, series, next) {
                const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);

                move_one(series, rule && rule->expr, step);
                if (r == 0 && series->stored_usec > 0)
                        r = series_store(t, series);
        }
        return r;
}

static void move_branches(struct rv_engine *engine, const struct clock_step *step) {
        struct repository *repository, *next;

        HASH_ITER (hh, engine->repositories, repository, next) {
                struct seen *seen, *next_seen;

                repository->synced_usec = moved_past(step, repository->synced_usec);
                HASH_ITER (hh, repository->seen, seen, next_seen) {
                        seen->first_usec = moved_past(step, seen->first_usec);
                        seen->not_before_usec = moved_past(step, seen->not_before_usec);
                }
                for (size_t i = 0; i < repository->n_stood; i++)
                        repository->stood[i].since_usec = moved_past(step, repository->stood[i].since_usec);
        }
}

static int follow(struct turn *t, int64_t by_usec) {
        struct rv_engine *engine = t->engine;
        struct clock_step step = {.by_usec = by_usec, .before_usec = t->now_usec - by_usec};
        struct good *good, *next;
        int r = move_acts(t, &step);

        if (r < 0)
                return r;
        move_incidents(t, &step);
        r = move_series(t, &step);
        if (r < 0)
                return r;
        move_branches(engine, &step);
        HASH_ITER (hh, engine->goods, good, next) {
                good->since_usec = moved_past(&step, good->since_usec);
                good->proven_usec = moved_past(&step, good->proven_usec);
                good->breach_usec = moved_past(&step, good->breach_usec);
        }
        engine->expiry_usec = moved(&step, engine->expiry_usec);
        engine->pruned_usec = moved(&step, engine->pruned_usec);
        engine->too_many_told_usec = moved(&step, engine->too_many_told_usec);
        engine->now_usec = moved(&step, engine->now_usec);
        return pause_move(t, by_usec);
}

bool rv_engine_clock_agrees(const struct rv_engine *engine, const char *boot_id, int64_t offset_usec,
                            int64_t *ret_by_usec) {
        *ret_by_usec = 0;
        if (strcmp(engine->boot_id, boot_id) != 0)
                return false;
        if (__builtin_sub_overflow(offset_usec, engine->clock_offset_usec, ret_by_usec))
                *ret_by_usec = 0;
        return *ret_by_usec > -STEP_LEAST_USEC && *ret_by_usec < STEP_LEAST_USEC;
}

int clock_follow(struct turn *t, const struct rv_event *event) {
        struct rv_engine *engine = t->engine;
        int64_t by_usec;
        int r = 0;

        if (rv_engine_clock_agrees(engine, event->clock.boot_id, event->clock.offset_usec, &by_usec))
                return 0;
        if (by_usec != 0)
                r = follow(t, by_usec);
        if (r < 0)
                return r;
        snprintf(engine->boot_id, sizeof(engine->boot_id), "%s", event->clock.boot_id);
        engine->clock_offset_usec = event->clock.offset_usec;
        return rv_batch_put(&t->step->batch, RV_RECORD_CLOCK, key, t->now_usec, -1,
                            json_pack("{s:s, s:I}", "boot_id", engine->boot_id, "offset_usec",
                                      (json_int_t)engine->clock_offset_usec));
}

int clock_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        const char *boot_id = rv_json_string(record->value, "boot_id", "");

        if (!*boot_id || strlen(boot_id) >= sizeof(engine->boot_id))
                return rv_error_set(err, -EINVAL, "boot_id: not the id of a boot");
        snprintf(engine->boot_id, sizeof(engine->boot_id), "%s", boot_id);
        engine->clock_offset_usec = rv_json_int(record->value, "offset_usec", 0);
        return 0;
}
