/* Alerts, the Alertmanagers that deliver them once, twice or late, and what those say when they are asked. */
#include "sim.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- Look-ups: what Alertmanager makes of an alert -- */

struct look_up {
        char incident[RV_INCIDENT_ID_MAX];
        int rule, set;
};

static enum rv_alert_state alert_state(struct sim *sim, const struct look_up *look_up) {
        if (!sim->is_calm && random_chance(sim, 5))
                return RV_ALERT_UNKNOWN;
        if (look_up->rule < 0 || sim->episode[look_up->rule][look_up->set].starts_usec == 0)
                return RV_ALERT_ABSENT;
        if (sim->now_usec < sim->silenced_until_usec[look_up->set])
                return random_chance(sim, 50) ? RV_ALERT_INHIBITED : RV_ALERT_SILENCED;
        return RV_ALERT_ACTIVE;
}

static void answer_look_up(struct sim *sim, struct task *task) {
        struct look_up *look_up = task->data;
        struct observed *incident = observed_find(sim, look_up->incident);
        struct rv_event event = {.kind = RV_EVENT_LOOKED_UP, .looked_up = {task->token, alert_state(sim, look_up)}};
        if (task->generation == sim->me->generation) {
                enum rv_alert_state before = incident->alert;
                incident->alert = event.looked_up.state;
                sim->me->answered = look_up->incident;
                if (!was_taken(shell_handle(sim, &event)))
                        incident->alert = before;
                sim->me->answered = NULL;
        }
        free(look_up);
}

void alertmanager_ask(struct sim *sim, const struct rv_effect *effect) {
        const char *name = rv_labels_get(effect->labels, "alertname"), *app = rv_labels_get(effect->labels, "app");
        struct look_up *look_up = calloc(1, sizeof(*look_up));
        SIM_MUST(look_up ? 0 : -1);
        memcpy(look_up->incident, effect->incident, sizeof(look_up->incident));
        look_up->rule = rule_number(name);
        for (int set = 0; set < LABEL_SETS; set++)
                if (app && strcmp(label_value(set), app) == 0)
                        look_up->set = set;
        if (!sim->is_calm && random_chance(sim, 2)) { /* never answered */
                free(look_up);
                return;
        }
        int64_t delay_usec = random_chance(sim, 10) ? random_between(sim, 1, 3 * RV_USEC_PER_MINUTE)
                                                    : random_between(sim, 1, 2 * RV_USEC_PER_SEC);
        struct task *task = agenda_add(sim, sim->now_usec + delay_usec, answer_look_up);
        task->generation = sim->me->generation;
        task->token = effect->token;
        task->data = look_up;
        task->free_data = free;
}

/* -- Alerts -- */

void alerts_fire(struct sim *sim, struct task *task) {
        (void)task;
        for (int rule = FIRST_ALERT_RULE; rule < RULES_MAX; rule++)
                for (int set = 0; set < LABEL_SETS; set++) {
                        struct episode *episode = &sim->episode[rule][set];
                        if (world_is_bad(sim, set)) {
                                if (episode->bad_usec == 0)
                                        episode->bad_usec = sim->now_usec;
                                if (episode->starts_usec == 0 &&
                                    sim->now_usec - episode->bad_usec >= 30 * RV_USEC_PER_SEC)
                                        episode->starts_usec = sim->now_usec;
                                continue;
                        }
                        episode->bad_usec = 0;
                        if (episode->starts_usec > 0) {
                                episode->over_starts_usec = episode->starts_usec;
                                episode->over_usec = sim->now_usec;
                                episode->starts_usec = 0;
                        }
                }
        agenda_add(sim, sim->now_usec + 15 * RV_USEC_PER_SEC, alerts_fire);
}

/* One delivery, as it is kept for a late copy. */
struct delivery {
        int rule;
        int64_t said_usec; /* events */
        size_t n;
        struct {
                int set;
                bool firing;
                int64_t starts_usec, ends_usec;
        } alert[LABEL_SETS];
};

static void note_alert(struct sim *sim, struct told *told, bool firing, int64_t starts_usec, int64_t ends_usec) {
        if (firing)
                told->told_usec = starts_usec;
        if (firing && starts_usec > told->resolved_starts_usec) {
                told->is_breach = true;
                told->starts_usec = starts_usec;
                told->ok_first_usec = 0;
        } else if (firing) { /* a late copy: it may or may not be remembered that it is one */
                told->is_breach = told->had_late_copy = true;
        } else if (ends_usec >= told->starts_usec) {
                told->was_ok = true;
                told->had_late_copy = false;
                if (told->ok_first_usec == 0)
                        told->ok_first_usec = sim->now_usec;
                told->resolved_usec = sim->now_usec;
                if (starts_usec > told->resolved_starts_usec)
                        told->resolved_starts_usec = starts_usec;
        } else if (told->had_late_copy) /* its end, for one who forgot the later episodes */
                told->was_ok = true;
}

bool is_fed_by_events(const struct sim *sim, int rule) {
        return sim->are_there_events && rule == EVENT_RULE;
}

int64_t told_ok_usec(const struct sim *sim, const struct told *told) {
        bool is_over = told->silence_usec > 0 && sim->now_usec >= told->heard_usec + told->silence_usec;
        return told->ok_first_usec == 0 && is_over ? told->heard_usec + told->silence_usec : told->ok_first_usec;
}

/* Silence ends an episode. A restart begins to count anew, so only one engine's is certain. */
static void note_event(struct sim *sim, struct told *told, int64_t said_usec, int64_t silence_usec) {
        int64_t over_usec = told_ok_usec(sim, told);
        bool is_late = said_usec <= told->starts_usec;
        told->told_usec = said_usec;
        told->is_breach = true;
        if (is_late) {
                told->had_late_copy = true;
                told->was_ok |= over_usec > 0;
                told->heard_generation = UINT_MAX;
                if (silence_usec < told->silence_usec) /* a reload in between */
                        told->silence_usec = silence_usec;
                return;
        }
        if (over_usec > 0) {
                told->was_ok = true;
                told->is_in_doubt = told->heard_generation != sim->me->generation || over_usec == sim->now_usec;
                told->resolved_usec = over_usec;
                told->resolved_starts_usec = told->starts_usec;
        }
        told->starts_usec = said_usec;
        told->heard_usec = sim->now_usec;
        told->heard_generation = sim->me->generation;
        told->silence_usec = silence_usec;
}

static bool deliver(struct sim *sim, const struct delivery *delivery) {
        struct rv_alerts alerts = {.alert = calloc(delivery->n + 1, sizeof(*alerts.alert)), .n = delivery->n};
        int64_t silence_usec = sim->variant[sim->me->present]->events[0].resolve_after_usec;
        struct told before[LABEL_SETS];
        SIM_MUST(alerts.alert ? 0 : -1);
        memcpy(before, sim->me->told[delivery->rule], sizeof(before));
        for (size_t i = 0; i < delivery->n; i++) {
                struct told *told = &sim->me->told[delivery->rule][delivery->alert[i].set];
                alerts.alert[i] = (struct rv_alert){
                        .labels = labels_make(delivery->alert[i].set, alert_name(delivery->rule)),
                        .firing = delivery->alert[i].firing,
                        .starts_usec = delivery->alert[i].starts_usec,
                        .ends_usec = delivery->alert[i].ends_usec,
                };
                if (delivery->said_usec > 0) {
                        alerts.alert[i].is_event = alerts.alert[i].is_unlisted = true;
                        alerts.alert[i].starts_usec = delivery->said_usec;
                        alerts.alert[i].resolve_after_usec = silence_usec;
                        note_event(sim, told, delivery->said_usec, silence_usec);
                } else {
                        note_alert(sim, told, delivery->alert[i].firing, delivery->alert[i].starts_usec,
                                   delivery->alert[i].ends_usec);
                }
        }
        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = &alerts};
        int r = shell_handle(sim, &event);
        for (size_t i = 0; i < delivery->n; i++)
                TRACE(sim, "alert %s %s %s since %lld: %s", alert_name(delivery->rule),
                      label_value(delivery->alert[i].set), delivery->alert[i].firing ? "firing" : "resolved",
                      (long long)(delivery->alert[i].starts_usec / RV_USEC_PER_SEC),
                      was_taken(r) ? "taken" : "refused");
        for (int set = 0; set < LABEL_SETS; set++) {
                if (!was_taken(r) || !rule_present(sim, delivery->rule))
                        sim->me->told[delivery->rule][set] = before[set];
                sim->me->told[delivery->rule][set].is_breach = false;
        }
        for (size_t i = 0; r == 0 && i < delivery->n; i++)
                if (delivery->alert[i].firing)
                        check_acknowledged(sim, delivery->rule, delivery->alert[i].set, alerts.alert[i].starts_usec);
        rv_alerts_done(&alerts);
        return r == 0;
}

static void deliver_late(struct sim *sim, struct task *task) {
        deliver(sim, task->data);
        free(task->data);
}

static void send_later(struct sim *sim, const struct delivery *delivery) {
        struct delivery *copy = malloc(sizeof(*copy));
        SIM_MUST(copy ? 0 : -1);
        *copy = *delivery;
        struct task *task = agenda_add(sim, sim->now_usec + random_delay(sim, 5 * RV_USEC_PER_MINUTE), deliver_late);
        task->data = copy;
        task->free_data = free;
}

static void compose(struct sim *sim, int manager, int rule, struct delivery *ret) {
        bool is_event = is_fed_by_events(sim, rule);
        *ret = (struct delivery){.rule = rule, .said_usec = is_event ? sim->now_usec : 0};
        for (int set = 0; set < LABEL_SETS; set++) {
                const struct episode *episode = &sim->episode[rule][set];
                const struct delivered *delivered = &sim->me->delivered[manager][rule][set];
                bool is_known = delivered->starts_usec == episode->starts_usec;
                if (episode->starts_usec > 0) {
                        if (is_known && sim->now_usec - delivered->at_usec < 5 * RV_USEC_PER_MINUTE)
                                continue;
                        ret->alert[ret->n].firing = true;
                        ret->alert[ret->n].starts_usec = episode->starts_usec;
                } else {
                        if (is_event || delivered->starts_usec == 0 || delivered->is_resolved ||
                            delivered->starts_usec != episode->over_starts_usec)
                                continue;
                        ret->alert[ret->n].starts_usec = episode->over_starts_usec;
                        ret->alert[ret->n].ends_usec = episode->over_usec;
                }
                ret->alert[ret->n++].set = set;
        }
}

/* What decides nothing, whatever it says: Grafana without data, an event with a verdict that nobody knows. Neither is a
 * word of it told on: the checks go by what was said before. */
static void say_nothing(struct sim *sim) {
        int rule = (int)random_between(sim, FIRST_ALERT_RULE, RULES_MAX - 1);
        struct rv_alert alert = {.labels = labels_make((int)random_between(sim, 0, LABEL_SETS - 1), alert_name(rule)),
                                 .firing = random_chance(sim, 2),
                                 .is_undecided = true,
                                 .is_event = random_chance(sim, 2),
                                 .starts_usec = sim->now_usec};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};
        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = &alerts};
        (void)shell_handle(sim, &event);
        rv_labels_unref(alert.labels);
}

void alerts_deliver(struct sim *sim, struct task *task) {
        int manager = task->a;
        struct delivery delivery;
        if (random_chance(sim, 8))
                say_nothing(sim);
        for (int rule = FIRST_ALERT_RULE; rule < RULES_MAX; rule++) {
                compose(sim, manager, rule, &delivery);
                if (delivery.n == 0 || !deliver(sim, &delivery))
                        continue;
                for (size_t i = 0; i < delivery.n; i++)
                        sim->me->delivered[manager][rule][delivery.alert[i].set] = (struct delivered){
                                delivery.alert[i].starts_usec, sim->now_usec, !delivery.alert[i].firing};
                if (!sim->is_calm && random_chance(sim, 8))
                        send_later(sim, &delivery);
        }
        agenda_add(sim, sim->now_usec + random_between(sim, 5, 20) * RV_USEC_PER_SEC, alerts_deliver)->a = manager;
}
