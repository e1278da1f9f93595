/* Which events met which states: a pair that no schedule brings about is a case that nothing tries. */
#include "sim.h"

#include <string.h>

static const char *const event_names[RV_EVENT_KIND_MAX] = {
        [RV_EVENT_START] = "start",   [RV_EVENT_TICK] = "tick",       [RV_EVENT_EVALUATED] = "evaluated",
        [RV_EVENT_ALERTS] = "alerts", [RV_EVENT_QUERIED] = "queried", [RV_EVENT_LOOKED_UP] = "looked up",
        [RV_EVENT_GIT] = "git",       [RV_EVENT_SYNCED] = "synced",   [RV_EVENT_APPROVE] = "approve",
        [RV_EVENT_REJECT] = "reject", [RV_EVENT_PAUSE] = "pause",     [RV_EVENT_RESUME] = "resume",
        [RV_EVENT_REVERT] = "revert", [RV_EVENT_CLOCK] = "clock",     [RV_EVENT_APPLIED] = "applied",
};

static bool is_about(const struct sim *sim, const struct observed *incident, const struct rv_event *event) {
        const struct rv_rule_config *rule = rule_present(sim, incident->rule);
        switch (event->kind) {
        case RV_EVENT_EVALUATED:
                return rule && rule_index(sim, rule->name) == (int)event->evaluated.rule;
        case RV_EVENT_ALERTS:
                return rule && !rule->expr;
        case RV_EVENT_QUERIED:
        case RV_EVENT_LOOKED_UP:
        case RV_EVENT_APPLIED:
        case RV_EVENT_GIT:
                return sim->me->answered && strcmp(sim->me->answered, incident->id) == 0;
        case RV_EVENT_SYNCED:
                return incident->repository == (int)event->synced.repository;
        case RV_EVENT_APPROVE:
        case RV_EVENT_REJECT:
                return strcmp(event->person.incident, incident->id) == 0;
        case RV_EVENT_REVERT:
                return incident->repository == (int)event->revert.repository;
        default:
                return true;
        }
}

void cover_note(struct sim *sim, const struct rv_event *event) {
        for (size_t i = 0; i < sim->me->n_incidents; i++) {
                const struct observed *incident = &sim->me->incident[i];
                if (!rv_incident_state_is_end(incident->state) && is_about(sim, incident, event))
                        sim->count.met[incident->state][event->kind]++;
        }
}

/* An answer is asked for in some states; what comes later, in another, is luck. A polled rule is not confirmed. */
static bool must_be_met(enum rv_incident_state state, enum rv_event_kind event) {
        switch (event) {
        case RV_EVENT_EVALUATED:
                return state != RV_INCIDENT_CONFIRMING;
        case RV_EVENT_QUERIED:
                return state == RV_INCIDENT_CONFIRMING || state == RV_INCIDENT_VERIFYING;
        case RV_EVENT_LOOKED_UP:
                return state == RV_INCIDENT_CONFIRMING || state == RV_INCIDENT_HOLDING;
        case RV_EVENT_APPLIED:
                return state == RV_INCIDENT_ATTRIBUTING || state == RV_INCIDENT_CONVERGING;
        case RV_EVENT_GIT:
                return state == RV_INCIDENT_ATTRIBUTING || state == RV_INCIDENT_REVERTING ||
                       state == RV_INCIDENT_PROPOSED || state == RV_INCIDENT_CONVERGING ||
                       state == RV_INCIDENT_VERIFYING;
        default:
                return true;
        }
}

bool cover_print(const struct sim *sum) {
        size_t missing = 0;
        printf("  %-12s", "met");
        for (int event = 0; event < RV_EVENT_KIND_MAX; event++)
                printf(" %9s", event_names[event]);
        for (int state = 0; state < RV_INCIDENT_STATE_MAX; state++) {
                if (rv_incident_state_is_end((enum rv_incident_state)state))
                        continue;
                printf("\n  %-12s", rv_incident_state_to_string((enum rv_incident_state)state));
                for (int event = 0; event < RV_EVENT_KIND_MAX; event++) {
                        uint64_t met = sum->count.met[state][event];
                        missing += met == 0 && must_be_met((enum rv_incident_state)state, (enum rv_event_kind)event);
                        printf(" %9llu", (unsigned long long)met);
                }
        }
        printf("\n");
        if (missing > 0)
                printf("  %zu pairs of state and event were not met\n", missing);
        return missing == 0;
}
