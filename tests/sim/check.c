/* The invariants, judged by what the world knows and by what reaches the store and the branch; never by what the engine
 * says of itself. The numbers are those of the list in docs/architecture.md. */
#include "sim.h"

#include "revertd/json.h"
#include "revertd/notice.h"

#include <inttypes.h>
#include <string.h>

struct observed *observed_find(struct sim *sim, const char *id) {
        for (size_t i = sim->me->n_incidents; i-- > 0;)
                if (strcmp(sim->me->incident[i].id, id) == 0)
                        return &sim->me->incident[i];
        return NULL;
}

static int repository_number(const char *name) {
        return name && name[0] == 'r' && name[1] >= '0' && name[1] < '0' + REPOSITORIES ? name[1] - '0' : -1;
}

static bool is_polled(const struct rv_rule_config *config) {
        return config && config->expr;
}

/* -- An incident opens: a breach, for long enough, and after an ok (6) -- */

/* By a clock that was set nothing is known but that it is another one than was told of before. */
static bool is_new_episode(struct sim *sim, const struct observed *incident) {
        int64_t starts_usec = sim->me->told[incident->rule][incident->set].told_usec, ended_usec = 0;
        bool is_other = true;
        for (size_t i = 0; i < sim->me->n_incidents; i++) {
                const struct observed *other = &sim->me->incident[i];
                if (other != incident && !other->by_hand && other->rule == incident->rule &&
                    other->set == incident->set && other->ended_usec > ended_usec) {
                        ended_usec = other->ended_usec;
                        is_other = other->starts_usec != starts_usec;
                }
        }
        return sim->me->was_set ? is_other : starts_usec > ended_usec;
}

static bool had_one_before(struct sim *sim, const struct observed *incident) {
        for (size_t i = 0; i < sim->me->n_incidents; i++) {
                const struct observed *other = &sim->me->incident[i];
                if (other != incident && !other->by_hand && other->rule == incident->rule &&
                    other->set == incident->set)
                        return true;
        }
        return false;
}

/* One that goes further back is opened as the one before it ends, while the breach is on, and only once. */
static void check_followed(struct sim *sim, const struct observed *incident, const struct told *told) {
        const struct observed *before = observed_find(sim, incident->after);
        if (!before || before->rule != incident->rule || before->set != incident->set || *before->after ||
            before->state != RV_INCIDENT_UNRECOVERED || before->ended_usec != sim->now_usec)
                sim_fail(sim, "incident %s follows %s, which it may not", incident->id, incident->after);
        if (told->ok_first_usec > 0 && !told->had_late_copy)
                sim_fail(sim, "6: incident %s goes further back without a breach", incident->id);
}

static void check_opened(struct sim *sim, struct observed *incident) {
        const struct rv_rule_config *config = rule_present(sim, incident->rule);
        if (incident->by_hand)
                return;
        if (incident->rule < 0 || incident->set < 0 || !config) {
                sim_fail(sim, "6: incident %s has no rule or no label set", incident->id);
                return;
        }
        struct told *told = &sim->me->told[incident->rule][incident->set];
        if (*incident->after) {
                check_followed(sim, incident, told);
                return;
        }
        if (!told->is_breach)
                sim_fail(sim, "6: incident %s was opened by what is no breach", incident->id);
        if (is_polled(config) && sim->now_usec - told->breach_first_usec < config->for_usec)
                sim_fail(sim, "6: incident %s was opened before its time", incident->id);
        bool had = had_one_before(sim, incident);
        bool needs_ok = is_polled(config) || is_fed_by_events(sim, incident->rule) || !is_new_episode(sim, incident);
        if (had && !told->was_ok && needs_ok)
                sim_fail(sim, "incident %s: no ok since the one before", incident->id);
        told->was_ok = false;
        incident->starts_usec = told->told_usec;
}

/* -- An incident ends well: enough ok, after the revert (6) -- */

static void check_recovered(struct sim *sim, const struct observed *incident, const json_t *value) {
        const struct rv_rule_config *config = rule_present(sim, incident->rule);
        const json_t *times = json_object_get(value, "times");
        if (!config || incident->set < 0) {
                sim_fail(sim, "6: incident %s recovered without a rule", incident->id);
                return;
        }
        const struct told *told = &sim->me->told[incident->rule][incident->set];
        int64_t first_usec = told_ok_usec(sim, told);
        if (!is_polled(config) && config->confirm)
                first_usec = incident->ok_first_usec;
        else if (!is_polled(config) && incident->ok_first_usec > 0 &&
                 (first_usec == 0 || incident->ok_first_usec < first_usec))
                first_usec = incident->ok_first_usec; /* a reload took `confirm` away, which had said ok before */
        if (first_usec == 0 || sim->now_usec - first_usec < config->recover_usec)
                sim_fail(sim, "6: incident %s recovered without proof", incident->id);
        if (rv_json_int(times, "recovered_usec", 0) < rv_json_int(times, "applied_usec", 0))
                sim_fail(sim, "6: incident %s recovered before the revert was applied", incident->id);
        if (incident->pushed != 1)
                sim_fail(sim, "incident %s recovered by %d reverts", incident->id, incident->pushed);
}

/* -- Before that the operator must have applied the revert; a reload may have taken that duty away -- */

static void check_applied(struct sim *sim, const struct observed *incident, const json_t *value) {
        const struct rv_rule_config *config = rule_present(sim, incident->rule);
        bool has_operator = config && config->application && rv_json_string(value, "application", NULL);
        if (has_operator && !incident->is_applied)
                sim_fail(sim, "incident %s is verified before the operator applied its revert", incident->id);
}

/* -- Each change of state: in order, told, with its reason (8) -- */

static bool has_receiver(const struct rv_rule_config *rule, int receiver) {
        for (size_t i = 0; i < rule->n_receivers; i++)
                if (rule->receivers[i] == receiver)
                        return true;
        return false;
}

/* Those of its rule, or without one of all rules of its repository. */
static bool is_for(struct sim *sim, const struct observed *incident, int receiver) {
        const struct rv_rule_config *own = rule_present(sim, incident->rule);
        if (own)
                return has_receiver(own, receiver);
        for (int rule = 0; rule < RULES_MAX; rule++) {
                const struct rv_rule_config *other = rule_present(sim, rule);
                if (other && other->repository == incident->repository && has_receiver(other, receiver))
                        return true;
        }
        return false;
}

static void check_told(struct sim *sim, const struct observed *incident, const struct rv_batch *batch,
                       const char *receiver, unsigned number) {
        char key[128];
        snprintf(key, sizeof(key), "%s/%s/%06u", receiver, incident->id, number);
        for (size_t i = 0; i < batch->n; i++)
                if (batch->write[i].kind == RV_RECORD_OUTBOX && strcmp(batch->write[i].key, key) == 0)
                        return;
        sim_fail(sim, "8: nobody is told of %s", key);
}

/* It stays as it was, but that a conflict may lead to a request for a restore. */
static void check_mode(struct sim *sim, struct observed *incident, const json_t *value) {
        enum rv_mode mode;
        SIM_MUST(rv_mode_from_string(rv_json_string(value, "mode", ""), &mode));
        if (mode != incident->mode && (mode != RV_MODE_PROPOSE || !*rv_json_string(value, "restore", "")))
                sim_fail(sim, "incident %s has changed its mode to %s", incident->id, rv_mode_to_string(mode));
        incident->mode = mode;
}

static void check_moved(struct sim *sim, struct observed *incident, const struct rv_batch *batch,
                        const json_t *transition, const json_t *value) {
        enum rv_incident_state from, to;
        enum rv_reason reason;
        unsigned number = (unsigned)rv_json_int(transition, "number", 0);
        if (rv_incident_state_from_string(rv_json_string(transition, "from", ""), &from) < 0 ||
            rv_incident_state_from_string(rv_json_string(transition, "to", ""), &to) < 0 ||
            rv_reason_from_string(rv_json_string(transition, "reason", ""), &reason) < 0) {
                sim_fail(sim, "incident %s: a transition that is none", incident->id);
                return;
        }
        if (number != incident->n_transitions + 1 || (number > 1 && from != incident->state))
                sim_fail(sim, "incident %s: transition %u does not follow %u", incident->id, number,
                         incident->n_transitions);
        if (number > 1 && rv_incident_state_is_end(incident->state))
                sim_fail(sim, "incident %s goes on after its end", incident->id);
        incident->n_transitions = number;
        incident->state = to;
        incident->reason = reason;
        bool is_dry_run = incident->by_hand && incident->mode == RV_MODE_OBSERVE;
        bool is_looking_up = to == RV_INCIDENT_HOLDING && *rv_json_string(value, "released", "");
        if (rv_notice_wanted(to) && !is_dry_run && !is_looking_up && reason != RV_REASON_TOO_MANY)
                for (int i = 0; i < RECEIVERS; i++)
                        if (is_for(sim, incident, i))
                                check_told(sim, incident, batch, receiver_names[i], number);
        check_mode(sim, incident, value);
        if (to == RV_INCIDENT_REVERTING)
                check_intent(sim, incident, batch);
        if (to == RV_INCIDENT_RECOVERED)
                check_recovered(sim, incident, value);
        if (to == RV_INCIDENT_VERIFYING) {
                incident->ok_first_usec = 0;
                check_applied(sim, incident, value);
        }
        if (!rv_incident_state_is_end(to))
                return;
        incident->ended_usec = sim->now_usec;
        sim->count.ended[to]++;
        sim->count.reasons[reason]++;
        bool needs_reason = to == RV_INCIDENT_DECLINED || to == RV_INCIDENT_REJECTED || to == RV_INCIDENT_FAILED ||
                            to == RV_INCIDENT_UNRECOVERED;
        if (needs_reason && reason == RV_REASON_NONE)
                sim_fail(sim, "8: incident %s ended without a reason", incident->id);
}

static const json_t *find_incident(const struct rv_batch *batch, const char *id) {
        for (size_t i = 0; i < batch->n; i++)
                if (batch->write[i].kind == RV_RECORD_INCIDENT && strcmp(batch->write[i].key, id) == 0)
                        return batch->write[i].value;
        return NULL;
}

static struct observed *observe(struct sim *sim, const json_t *value, const char *id) {
        if (sim->me->n_incidents == INCIDENTS_MAX)
                SIM_MUST(-1);
        struct observed *incident = &sim->me->incident[sim->me->n_incidents++];
        *incident = (struct observed){
                .rule = rule_number(rv_json_string(value, "rule", NULL)),
                .set = set_of_labels(json_object_get(value, "labels")),
                .repository = repository_number(rv_json_string(value, "repository", NULL)),
                .by_hand = rv_json_bool(value, "by_hand", false),
                .force = rv_json_bool(value, "force", false),
                .onset_usec = rv_json_int(json_object_get(value, "times"), "onset_usec", 0),
                .opened_usec = sim->now_usec,
        };
        snprintf(incident->id, sizeof(incident->id), "%s", id);
        snprintf(incident->after, sizeof(incident->after), "%s", rv_json_string(value, "after", ""));
        TRACE(sim, "incident %.4s: rule %d, label set %d, repository r%d%s", id, incident->rule, incident->set,
              incident->repository, incident->by_hand ? ", by hand" : "");
        SIM_MUST(rv_mode_from_string(rv_json_string(value, "mode", ""), &incident->mode));
        return incident;
}

static void check_transition(struct sim *sim, const struct rv_batch *batch, const struct rv_write *write) {
        char id[RV_INCIDENT_ID_MAX];
        snprintf(id, sizeof(id), "%.16s", write->key);
        const json_t *value = find_incident(batch, id);
        struct observed *incident = observed_find(sim, id);
        if (!value) {
                sim_fail(sim, "transition %s without its incident", write->key);
                return;
        }
        if (!incident) {
                incident = observe(sim, value, id);
                check_opened(sim, incident);
        }
        check_moved(sim, incident, batch, write->value, value);
}

/* An entry of the ledger may go only when it is old, or when it is certain that there was no push (5). */
static void check_act_deleted(struct sim *sim, const char *id) {
        const struct observed *incident = observed_find(sim, id);
        if (incident && incident->pushed > 0 && sim->now_usec - incident->intent_usec < RV_USEC_PER_DAY)
                sim_fail(sim, "5: the push of incident %s is forgotten", id);
}

static void check_states_agree(struct sim *sim, const struct rv_write *write) {
        const struct observed *incident = observed_find(sim, write->key);
        const char *state = rv_json_string(write->value, "state", "");
        if (!incident || strcmp(state, rv_incident_state_to_string(incident->state)) != 0)
                sim_fail(sim, "incident %s is %s without a transition", write->key, state);
}

void check_committed(struct sim *sim, const struct rv_batch *batch) {
        for (size_t i = 0; i < batch->n && !sim->failure[0]; i++)
                if (batch->write[i].kind == RV_RECORD_TRANSITION && batch->write[i].value)
                        check_transition(sim, batch, &batch->write[i]);
        for (size_t i = 0; i < batch->n && !sim->failure[0]; i++) {
                const struct rv_write *write = &batch->write[i];
                if (write->kind == RV_RECORD_ACT && !write->value)
                        check_act_deleted(sim, write->key);
                if (write->kind == RV_RECORD_INCIDENT && write->value)
                        check_states_agree(sim, write);
        }
}

/* -- An alert that was answered 2xx is not lost (4) -- */

void check_acknowledged(struct sim *sim, int rule, int set, int64_t starts_usec) {
        const struct told *told = &sim->me->told[rule][set];
        if (!rule_present(sim, rule) || starts_usec <= told->resolved_starts_usec || told->is_in_doubt ||
            sim->failure[0])
                return;
        for (size_t i = sim->me->n_incidents; i-- > 0;) {
                const struct observed *incident = &sim->me->incident[i];
                if (incident->rule == rule && incident->set == set &&
                    (!rv_incident_state_is_end(incident->state) || incident->ended_usec > told->resolved_usec))
                        return;
        }
        sim_fail(sim, "4: alert %d of rule %d was acknowledged, and is lost", set, rule);
}

/* -- The end: every incident has ended, and the store agrees (8) -- */

static int check_record(const struct rv_record *record, void *userdata) {
        struct sim *sim = userdata;
        const struct observed *incident = observed_find(sim, record->key);
        const char *state = rv_json_string(record->value, "state", "");
        if (!incident || strcmp(state, rv_incident_state_to_string(incident->state)) != 0)
                sim_fail(sim, "incident %s is %s in the store", record->key, state);
        size_t n = 0;
        char prefix[RV_INCIDENT_ID_MAX + 1];
        snprintf(prefix, sizeof(prefix), "%.16s/", record->key);
        if (rv_store_count(sim->me->store, RV_RECORD_TRANSITION, prefix, &n, NULL) < 0 ||
            n != (size_t)rv_json_int(record->value, "n_transitions", -1))
                sim_fail(sim, "incident %s: %zu transitions are kept", record->key, n);
        return 0;
}

/* A pull request whose rule went is followed for a day. */
static bool waits_for_people(const struct sim *sim, const struct observed *incident) {
        return incident->state == RV_INCIDENT_PROPOSED && !rule_present(sim, incident->rule);
}

void check_end(struct sim *sim) {
        for (size_t i = 0; i < sim->me->n_incidents; i++) {
                check_budget(sim, &sim->me->incident[i]);
                if (!rv_incident_state_is_end(sim->me->incident[i].state) &&
                    !waits_for_people(sim, &sim->me->incident[i]))
                        sim_fail(sim, "8: incident %s never ended: %s", sim->me->incident[i].id,
                                 rv_incident_state_to_string(sim->me->incident[i].state));
        }
        if (rv_store_list(sim->me->store, RV_RECORD_INCIDENT, "", false, 0, check_record, sim, NULL) < 0)
                sim_fail(sim, "the store cannot be read");
}
