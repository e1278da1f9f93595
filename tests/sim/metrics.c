/* Prometheus: what it says of the polled rules, and when an incident asks it for a second look. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* -- Polled rules -- */

static void add_sample(struct rv_samples *samples, int set, double value) {
        samples->sample[samples->n++] = (struct rv_sample){labels_make(set, NULL), value, false};
}

static void note_told(struct sim *sim, struct told *told, bool is_ok, bool is_breach) {
        told->is_breach = is_breach;
        if (is_breach) {
                told->ok_first_usec = 0;
                if (told->breach_first_usec == 0)
                        told->breach_first_usec = sim->now_usec;
        }
        if (is_ok) {
                told->was_ok = true;
                told->breach_first_usec = 0;
                if (told->ok_first_usec == 0)
                        told->ok_first_usec = sim->now_usec;
        }
}

/* What is said before it is known whether it is taken; taken back if it is not. */
static void tell(struct sim *sim, int rule, const struct rv_event *event, const struct told *before) {
        int r = shell_handle(sim, event);
        for (int set = 0; set < LABEL_SETS; set++) {
                if (!was_taken(r))
                        sim->me->told[rule][set] = before[set];
                sim->me->told[rule][set].is_breach = false;
        }
}

void metrics_evaluate(struct sim *sim, struct task *task) {
        int rule = task->a;
        const struct rv_rule_config *config = rule_present(sim, rule);
        agenda_add(sim, sim->now_usec + (config ? config->interval_usec : RV_USEC_PER_MINUTE), metrics_evaluate)->a =
                rule;
        if (!config)
                return;
        struct rv_samples samples = {.sample = calloc(LABEL_SETS, sizeof(*samples.sample))};
        struct rv_samples require = {.sample = calloc(LABEL_SETS, sizeof(*require.sample))};
        struct told before[LABEL_SETS];
        SIM_MUST(samples.sample && require.sample ? 0 : -1);
        memcpy(before, sim->me->told[rule], sizeof(before));
        bool is_blind = sim->now_usec < sim->blind_until_usec;
        samples.is_partial = sim->now_usec < sim->partial_until_usec;
        for (int set = 0; set < LABEL_SETS; set++) {
                bool is_bad = world_is_bad(sim, set),
                     is_quiet = config->require && sim->now_usec < sim->quiet_until_usec;
                if (sim->now_usec < sim->vanished_until_usec[set])
                        continue;
                bool is_nan = !sim->is_calm && random_chance(sim, 2);
                add_sample(&samples, set, is_nan ? __builtin_nan("") : is_bad ? 0.4 : 0.01);
                if (!is_quiet)
                        add_sample(&require, set, 7);
                if (!is_blind && !samples.is_partial && !is_nan && !is_quiet)
                        note_told(sim, &sim->me->told[rule][set], !is_bad, is_bad);
        }
        struct rv_event event = {.kind = RV_EVENT_EVALUATED,
                                 .evaluated = {(size_t)rule_index(sim, rule_names[rule]), wall_usec(sim),
                                               is_blind ? NULL : &samples,
                                               is_blind || !config->require ? NULL : &require}};
        tell(sim, rule, &event, before);
        rv_samples_done(&samples);
        rv_samples_done(&require);
}

/* -- Queries: the second look -- */

struct query {
        char incident[RV_INCIDENT_ID_MAX];
        int set;
};

static void answer_query(struct sim *sim, struct task *task) {
        struct query *query = task->data;
        if (task->generation == sim->me->generation) {
                bool is_blind = sim->now_usec < sim->blind_until_usec, is_bad = world_is_bad(sim, query->set);
                struct rv_sample sample = {labels_make(query->set, NULL), is_bad ? 0.4 : 0.01, false};
                struct rv_samples samples = {
                        .sample = &sample, .n = 1, .is_partial = sim->now_usec < sim->partial_until_usec};
                struct observed *incident = observed_find(sim, query->incident);
                struct observed before = *incident;
                if (!is_blind && !samples.is_partial && (is_bad || incident->ok_first_usec == 0))
                        incident->ok_first_usec = is_bad ? 0 : sim->now_usec;
                struct rv_event event = {.kind = RV_EVENT_QUERIED,
                                         .queried = {task->token, is_blind ? NULL : &samples}};
                sim->me->answered = query->incident;
                if (!was_taken(shell_handle(sim, &event)))
                        incident->ok_first_usec = before.ok_first_usec;
                sim->me->answered = NULL;
                rv_labels_unref(sample.labels);
        }
        free(query);
}

void metrics_ask(struct sim *sim, const struct rv_effect *effect) {
        struct query *query = calloc(1, sizeof(*query));
        SIM_MUST(query ? 0 : -1);
        memcpy(query->incident, effect->incident, sizeof(query->incident));
        for (int set = 0; set < LABEL_SETS; set++) {
                char quoted[16];
                snprintf(quoted, sizeof(quoted), "\"%s\"", label_value(set));
                if (strstr(effect->expr, quoted))
                        query->set = set;
        }
        if (!sim->is_calm && random_chance(sim, 2)) { /* never answered */
                free(query);
                return;
        }
        int64_t delay_usec = random_chance(sim, 10) ? random_between(sim, 1, 3 * RV_USEC_PER_MINUTE)
                                                    : random_between(sim, 1, 2 * RV_USEC_PER_SEC);
        struct task *task = agenda_add(sim, sim->now_usec + delay_usec, answer_query);
        task->generation = sim->me->generation;
        task->token = effect->token;
        task->data = query;
        task->free_data = free;
}
