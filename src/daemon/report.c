/* Transitions, told to the log and counted. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/log.h"

#include <stdio.h>
#include <string.h>

static void incident_freep(struct rv_incident **incident) {
        rv_incident_free(*incident);
}

/* The incident as this step stores it; ended ones are in no other place. NULL: not in the batch. */
static struct rv_incident *find_incident(const struct rv_step *step, const char *id) {
        struct rv_incident *incident = NULL;
        struct rv_error err = {};

        for (size_t i = step->batch.n; i > 0; i--) {
                const struct rv_write *write = &step->batch.write[i - 1];
                if (write->kind == RV_RECORD_INCIDENT && write->value && strcmp(write->key, id) == 0)
                        return rv_incident_from_json(&incident, write->value, &err) < 0 ? NULL : incident;
        }
        return NULL;
}

static enum rv_log_event event_of(const struct rv_transition *t) {
        switch (t->to) {
        case RV_INCIDENT_CONVERGING:
        case RV_INCIDENT_REVERTED:
                return RV_EV_REVERTED;
        case RV_INCIDENT_RECOVERED:
                return RV_EV_RECOVERED;
        case RV_INCIDENT_DECLINED:
        case RV_INCIDENT_REJECTED:
                return RV_EV_DECLINED;
        case RV_INCIDENT_UNRECOVERED:
                return RV_EV_UNRECOVERED;
        case RV_INCIDENT_FAILED:
                return RV_EV_FAILED;
        default:
                return RV_EV_INCIDENT;
        }
}

static void tell(const struct rv_transition *t, const struct rv_incident *incident) {
        bool is_bad = t->to == RV_INCIDENT_UNRECOVERED || t->to == RV_INCIDENT_FAILED;
        bool is_first = t->number == 1;
        const char *reason = t->reason == RV_REASON_NONE ? NULL : rv_reason_to_string(t->reason);
        const struct rv_oid *revert = incident ? rv_incident_revert(incident) : NULL;
        const char *culprit = incident && incident->n_suspects > 0 ? incident->suspects[0].commit.id.hex : NULL;
        _cleanup_free_ char *labels = incident && incident->labels ? rv_labels_format(incident->labels) : NULL;
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, is_first ? "incident opened" : "incident is %s", rv_incident_state_to_string(t->to)) < 0)
                return;
        rv_log(is_bad ? RV_LOG_WARN : RV_LOG_INFO, event_of(t), message, "incident", t->incident, "rule",
               incident ? incident->rule : NULL, "labels", labels, "repository", incident ? incident->repository : NULL,
               "from", is_first ? NULL : rv_incident_state_to_string(t->from), "state",
               rv_incident_state_to_string(t->to), "reason", reason, "actor", t->actor, "detail", t->detail, "culprit",
               culprit, "revert", revert && *revert->hex ? revert->hex : NULL, "proposal",
               incident ? incident->proposal.url : NULL, NULL);
}

/* A phase counts when both of its ends were reached, in order. */
static void observe(struct rv_histogram *histogram, int64_t from_usec, int64_t to_usec) {
        if (from_usec > 0 && to_usec >= from_usec)
                rv_histogram_observe(histogram, to_usec - from_usec);
}

static void count(struct rv_counters *counters, const struct rv_transition *t, const struct rv_incident *incident) {
        if (!rv_incident_state_is_end(t->to))
                return;
        counters->ended[t->to][t->reason]++;
        if (!incident)
                return;

        const struct rv_incident_times *times = &incident->times;
        observe(&counters->phase[RV_PHASE_DETECT], times->onset_usec, times->detected_usec);
        observe(&counters->phase[RV_PHASE_DECIDE], times->detected_usec, times->decided_usec);
        observe(&counters->phase[RV_PHASE_PUSH], times->decided_usec,
                times->proposed_usec > 0 ? times->proposed_usec : times->pushed_usec);
        observe(&counters->phase[RV_PHASE_APPLY], times->pushed_usec, times->applied_usec);
        observe(&counters->phase[RV_PHASE_RECOVER], times->applied_usec, times->recovered_usec);
}

static void tell_pause(const struct rv_event *event) {
        bool is_pause = event->kind == RV_EVENT_PAUSE;
        const char *scope = event->pause.scope;

        rv_log(RV_LOG_INFO, is_pause ? RV_EV_PAUSED : RV_EV_RESUMED, is_pause ? "paused" : "resumed", "scope",
               scope && scope[0] ? scope : "everything", "actor", event->pause.actor, "note", event->pause.note, NULL);
}

void rv_report_step(struct rv_daemon *daemon, const struct rv_event *event, const struct rv_step *step) {
        for (size_t i = 0; i < step->n_transitions; i++) {
                const struct rv_transition *t = &step->transition[i];
                __attribute__((cleanup(incident_freep))) struct rv_incident *incident =
                        find_incident(step, t->incident);

                tell(t, incident);
                count(&daemon->counters, t, incident);
        }
        if (event->kind == RV_EVENT_PAUSE || event->kind == RV_EVENT_RESUME)
                tell_pause(event);
}

void rv_report_nudge(size_t index, const char *application, const struct rv_error *err, void *daemon) {
        const char *name = ((const struct rv_daemon *)daemon)->parts->config->operators[index].name;

        if (err)
                rv_log(RV_LOG_WARN, RV_EV_OPERATOR_FAILED,
                       "an operator could not be told of the revert; it finds out by itself", "operator", name,
                       "application", application, "error", err->text, NULL);
        else
                rv_log(RV_LOG_INFO, RV_EV_NONE, "an operator was told of the revert", "operator", name, "application",
                       application, NULL);
}

/* A server that does not answer fails every rule that asks it: told once for each rule, and when it is over. */
void rv_report_evaluation(struct rv_daemon *daemon, size_t rule, const struct rv_error *err) {
        bool *failing = &daemon->parts->rule_failing[rule];
        const char *name = daemon->parts->config->rules[rule].name;

        if (err && !*failing)
                rv_log(RV_LOG_WARN, RV_EV_QUERY_FAILED, "the rule cannot be evaluated", "rule", name, "error",
                       err->text, NULL);
        else if (!err && *failing)
                rv_log(RV_LOG_INFO, RV_EV_NONE, "the rule is evaluated again", "rule", name, NULL);
        *failing = err != NULL;
}
