/* The one place where an incident changes its state: the transition is recorded, the people are told, and the record is
 * written, all in the turn's batch. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/notice.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A storm that opens more incidents than are allowed is told of once in this time, not once for each. */
#define TOO_MANY_TOLD_USEC RV_USEC_PER_HOUR

static const struct state *const states[RV_INCIDENT_STATE_MAX] = {
        [RV_INCIDENT_CONFIRMING] = &state_confirming, [RV_INCIDENT_ATTRIBUTING] = &state_attributing,
        [RV_INCIDENT_HOLDING] = &state_holding,       [RV_INCIDENT_REVERTING] = &state_reverting,
        [RV_INCIDENT_PROPOSED] = &state_proposed,     [RV_INCIDENT_CONVERGING] = &state_converging,
        [RV_INCIDENT_VERIFYING] = &state_verifying,
};

const struct state *state_of(const struct open *o) {
        return states[o->i->state];
}

int64_t state_patience(const struct rv_engine *engine, const struct open *o) {
        const struct state *state = state_of(o);

        return state->patience_usec > 0 ? state->patience_usec : state->patience(engine, o);
}

int state_tell(struct turn *t, struct series *series, int64_t at_usec) {
        struct open *o = series->open;

        if (!o || o->is_over || !state_of(o)->verdict)
                return 0;
        return state_of(o)->verdict(t, o, series->s.verdict, at_usec);
}

void incident_touch(struct turn *t, struct open *o) {
        if (o->is_dirty)
                return;
        o->is_dirty = true;
        o->next_dirty = t->dirty;
        t->dirty = o;
}

static bool is_told(struct turn *t, const struct rv_incident *i) {
        bool is_dry_run = i->by_hand && i->mode == RV_MODE_OBSERVE;

        if (is_dry_run || !rv_notice_wanted(i->state))
                return false;
        if (i->state == RV_INCIDENT_HOLDING && hold_is_over(i)) /* only for Alertmanager's word, and that is told */
                return false;
        if (i->reason != RV_REASON_TOO_MANY)
                return true;
        if (t->engine->too_many_told_usec > 0 && t->now_usec - t->engine->too_many_told_usec < TOO_MANY_TOLD_USEC)
                return false;
        t->engine->too_many_told_usec = t->now_usec;
        return true;
}

static int report(struct turn *t, struct rv_transition *transition) {
        struct rv_step *step = t->step;
        struct rv_transition *grown = reallocarray(step->transition, step->n_transitions + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        step->transition = grown;
        grown[step->n_transitions++] = *transition;
        *transition = (struct rv_transition){0};
        return 0;
}

static int record(struct turn *t, struct open *o, enum rv_incident_state from) {
        struct rv_incident *i = o->i;
        struct rv_transition transition = {
                .number = ++i->n_transitions,
                .from = from,
                .to = i->state,
                .reason = i->reason,
                .at_usec = t->now_usec,
                .actor = strdup(t->actor ? t->actor : "revertd"),
                .detail = i->detail ? strdup(i->detail) : NULL,
        };
        char key[RV_INCIDENT_ID_MAX + 12];
        int r = -ENOMEM;

        memcpy(transition.incident, i->id, sizeof(i->id));
        snprintf(key, sizeof(key), "%s/%06u", i->id, transition.number);
        if (o->is_look)
                r = 0;
        else if (transition.actor && (transition.detail || !i->detail))
                r = rv_batch_put(&t->step->batch, RV_RECORD_TRANSITION, key, t->now_usec, -1,
                                 rv_transition_to_json(&transition));
        if (r == 0 && is_told(t, i))
                r = rv_notice_put(&t->step->batch, t->engine->config, i, &transition);
        if (r == 0 && !o->is_look)
                r = report(t, &transition);
        rv_transition_done(&transition);
        return r;
}

static int set_detail(struct rv_incident *i, const char *detail) {
        free(i->detail);
        i->detail = detail && *detail ? rv_text_block(detail, TEXT_BYTES_MAX) : NULL;
        return detail && *detail && !i->detail ? -ENOMEM : 0;
}

int incident_note(struct turn *t, struct open *o, const char *detail) {
        if (o->i->detail && detail && strcmp(o->i->detail, detail) == 0)
                return 0;
        incident_touch(t, o);
        return set_detail(o->i, detail);
}

/* Whether it is certain that the branch does not hold the revert: then the intent is no act. A worker may say its own no
 * before it looks at the branch; that makes it certain only where no push was asked for before, for an earlier one whose
 * answer was lost may have arrived. A pull request whose answer was lost may still be merged, whatever is said later. */
static bool was_never_pushed(const struct open *o, enum rv_incident_state from) {
        enum rv_reason reason = o->i->reason;

        if (from < RV_INCIDENT_REVERTING)
                return true;
        if (o->i->mode == RV_MODE_PROPOSE && !o->is_first_push)
                return false;
        return reason == RV_REASON_PUSH_REFUSED || reason == RV_REASON_MOVED ||
               (from == RV_INCIDENT_REVERTING &&
                (reason == RV_REASON_PAUSED || (reason == RV_REASON_POLICY && o->is_first_push)));
}

static int end(struct turn *t, struct open *o, enum rv_incident_state from) {
        struct series *series = o->series;
        int r = 0;

        o->is_over = true;
        o->i->times.ended_usec = t->now_usec;
        o->series = NULL;
        if (series) {
                series->open = NULL;
                if (series->s.latched) {
                        series->ended_usec = t->now_usec;
                        r = series_store(t, series);
                }
        }
        if (r == 0 && was_never_pushed(o, from))
                r = ledger_drop(t, o->i->id);
        return r;
}

int incident_begin(struct turn *t, struct open *o, enum rv_incident_state first) {
        o->i->state = first;
        incident_touch(t, o);
        return record(t, o, first);
}

int incident_move(struct turn *t, struct open *o, enum rv_incident_state to, enum rv_reason reason,
                  const char *detail) {
        struct rv_incident *i = o->i;
        enum rv_incident_state from = i->state;
        int r = set_detail(i, detail);

        if (r < 0)
                return r;
        i->state = to;
        i->reason = reason;
        i->token = 0;
        i->attempts = o->failures = 0;
        i->retry_usec = i->deadline_usec = 0;
        incident_touch(t, o);
        if (rv_incident_state_is_end(to))
                r = end(t, o, from);
        return r < 0 ? r : record(t, o, from);
}

int incidents_flush(struct turn *t) {
        while (t->dirty) {
                struct open *o = t->dirty;
                struct rv_incident *i = o->i;
                int r = 0;

                if (!o->is_look)
                        r = rv_batch_put(&t->step->batch, RV_RECORD_INCIDENT, i->id, i->times.detected_usec, i->version,
                                         rv_incident_to_json(i));
                else if (o->is_over)
                        r = look_keep(t->engine, o);

                if (r < 0)
                        return r;
                t->dirty = o->next_dirty;
                i->version++;
                o->is_dirty = false;
                if (o->is_over)
                        open_free(t->engine, o);
        }
        return 0;
}
