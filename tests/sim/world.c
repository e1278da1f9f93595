/* The world: people who commit, what is measured, who alerts, who answers. Each task puts
 * itself on the agenda again. */
#include "sim.h"

#include "revertd/cleanup.h"

#include <stdlib.h>
#include <string.h>

static const char *const alert_names[RULES_MAX] = {NULL, NULL, "down", "page"};
static const char *const rule_names[RULES_MAX] = {"ratio", "latency", "down", "page"};
enum { FIRST_ALERT_RULE = 2 };

/* -- Truth -- */

bool world_is_bad(struct sim *sim, int set) {
        if (sim->now_usec < sim->spurious_until_usec[set])
                return true;
        for (int i = 0; set < APPS && i < REPOSITORIES; i++)
                if (sim->now_usec >= sim->branch[i].broken_usec[set])
                        return true;
        return false;
}

/* -- People who commit -- */

static void undo_something(struct sim *sim, struct branch *branch, struct change *change) {
        size_t back = (size_t)random_between(sim, 1, 6);
        if (back >= branch->n)
                return;
        const struct change *undone = &branch->change[branch->n - back];
        change->undoes[change->n_undoes++] = branch->n - back;
        change->apps = undone->apps;
        change->breaks = -1;
        change->says_so = random_chance(sim, 50);
}

void world_commit(struct sim *sim, int repository) {
        struct branch *branch = &sim->branch[repository];
        struct change change = {.breaks = -1, .commit_usec = sim->now_usec, .arrived_usec = sim->now_usec};
        if (branch->n >= COMMITS_MAX - PUSHES_MAX / 2)
                return;
        change.apps = 1u << random_between(sim, 0, APPS - 1);
        if (random_chance(sim, 25))
                change.apps |= 1u << random_between(sim, 0, APPS - 1);
        if (random_chance(sim, 45)) {
                change.breaks = __builtin_ctz(change.apps);
                change.breaks_after_usec = random_chance(sim, 70) ? 0 : random_delay(sim, 5 * RV_USEC_PER_MINUTE);
        }
        change.is_entangled = random_chance(sim, 10);
        change.is_beside = !change.is_entangled && random_chance(sim, 10);
        change.skip = random_chance(sim, 5);
        if (random_chance(sim, 25))
                change.commit_usec -= random_delay(sim, 20 * RV_USEC_PER_MINUTE); /* made earlier than pushed */
        if (random_chance(sim, 20))
                undo_something(sim, branch, &change);
        const struct change *made = branch_append(branch, &change);
        TRACE(sim, "commit r%d %.8s apps %x%s%s", repository, made->id.hex, made->apps,
              made->breaks >= 0 ? ", breaks" : "", made->n_undoes > 0 ? ", undoes" : "");
}

static void commit(struct sim *sim, struct task *task) {
        if (sim->is_calm)
                return;
        world_commit(sim, task->a);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 12 * RV_USEC_PER_MINUTE), commit)->a = task->a;
}

/* -- Trouble that no commit made, and data that says nothing -- */

/* For a while, or for so long that notices are given up. */
static void mute_slack(struct sim *sim, int64_t until_usec) {
        int receiver = (int)random_between(sim, 0, RECEIVERS - 1);
        sim->mute_until_usec[receiver] =
                random_chance(sim, 5) ? sim->now_usec + random_between(sim, 24, 60) * RV_USEC_PER_HOUR : until_usec;
        TRACE(sim, "Slack takes nothing for %s for %lld s", receiver_names[receiver],
              (long long)((sim->mute_until_usec[receiver] - sim->now_usec) / RV_USEC_PER_SEC));
}

static void trouble(struct sim *sim, struct task *task) {
        int64_t until_usec = sim->now_usec + random_delay(sim, 4 * RV_USEC_PER_MINUTE);
        (void)task;
        if (sim->is_calm)
                return;
        switch (random_between(sim, 0, 10)) {
        case 0:
                sim->spurious_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 1:
                sim->blind_until_usec = until_usec;
                break;
        case 2:
                sim->partial_until_usec = until_usec;
                break;
        case 3:
                sim->quiet_until_usec = until_usec;
                break;
        case 4:
                sim->vanished_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 5:
                sim->broken_until_usec = until_usec;
                break;
        case 6:
                sim->busy_until_usec = until_usec;
                break;
        case 7:
                sim->silenced_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 8:
                sim->stuck_until_usec[random_between(sim, 0, REPOSITORIES - 1)] =
                        sim->now_usec + 3 * (until_usec - sim->now_usec);
                TRACE(sim, "an operator is stuck");
                break;
        case 9:
                mute_slack(sim, until_usec);
                break;
        default:
                sim->full_until_usec = sim->now_usec + random_delay(sim, RV_USEC_PER_MINUTE);
                TRACE(sim, "the disk is full");
                break;
        }
        agenda_add(sim, sim->now_usec + random_arrival(sim, 12 * RV_USEC_PER_MINUTE), trouble);
}

static void crash(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->is_calm)
                return;
        shell_crash(sim, random_delay(sim, 30 * RV_USEC_PER_SEC));
        agenda_add(sim, sim->now_usec + random_arrival(sim, 90 * RV_USEC_PER_MINUTE), crash);
}

static void set_clock(struct sim *sim, struct task *task) {
        static const int64_t by_usec[] = {RV_USEC_PER_HOUR, RV_USEC_PER_MINUTE, 3650 * RV_USEC_PER_DAY};
        (void)task;
        if (slack_is_calm(sim))
                return;
        int64_t by = by_usec[random_between(sim, 0, RV_ARRAY_SIZE(by_usec) - 1)];
        bool back = random_chance(sim, 50);
        if (by > RV_USEC_PER_DAY) /* there and back again */
                back = sim->me->clock_usec > RV_USEC_PER_DAY || (back && sim->me->clock_usec > -RV_USEC_PER_DAY);
        shell_set_clock(sim, back ? -by : by);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 5 * RV_USEC_PER_HOUR), set_clock);
}

static void reload(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->is_calm)
                return;
        shell_reload(sim);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 3 * RV_USEC_PER_HOUR), reload);
}

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

static void evaluate(struct sim *sim, struct task *task) {
        int rule = task->a;
        const struct rv_rule_config *config = rule_present(sim, rule);
        agenda_add(sim, sim->now_usec + (config ? config->interval_usec : RV_USEC_PER_MINUTE), evaluate)->a = rule;
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

static void alert(struct sim *sim, struct task *task) {
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
        agenda_add(sim, sim->now_usec + 15 * RV_USEC_PER_SEC, alert);
}

/* One delivery, as it is kept for a late copy. */
struct delivery {
        int rule;
        size_t n;
        struct {
                int set;
                bool firing;
                int64_t starts_usec, ends_usec;
        } alert[LABEL_SETS];
};

static void note_alert(struct sim *sim, struct told *told, bool firing, int64_t starts_usec, int64_t ends_usec) {
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

static bool deliver(struct sim *sim, const struct delivery *delivery) {
        struct rv_alerts alerts = {.alert = calloc(delivery->n + 1, sizeof(*alerts.alert)), .n = delivery->n};
        struct told before[LABEL_SETS];
        SIM_MUST(alerts.alert ? 0 : -1);
        memcpy(before, sim->me->told[delivery->rule], sizeof(before));
        for (size_t i = 0; i < delivery->n; i++) {
                alerts.alert[i] = (struct rv_alert){
                        .labels = labels_make(delivery->alert[i].set, alert_names[delivery->rule]),
                        .firing = delivery->alert[i].firing,
                        .starts_usec = delivery->alert[i].starts_usec,
                        .ends_usec = delivery->alert[i].ends_usec,
                };
                note_alert(sim, &sim->me->told[delivery->rule][delivery->alert[i].set], delivery->alert[i].firing,
                           delivery->alert[i].starts_usec, delivery->alert[i].ends_usec);
        }
        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = &alerts};
        int r = shell_handle(sim, &event);
        for (size_t i = 0; i < delivery->n; i++)
                TRACE(sim, "alert %s %s %s since %lld: %s", alert_names[delivery->rule],
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
                        check_acknowledged(sim, delivery->rule, delivery->alert[i].set, delivery->alert[i].starts_usec);
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
        *ret = (struct delivery){.rule = rule};
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
                        if (delivered->starts_usec == 0 || delivered->is_resolved ||
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
        struct rv_alert alert = {.labels = labels_make((int)random_between(sim, 0, LABEL_SETS - 1), alert_names[rule]),
                                 .firing = random_chance(sim, 2),
                                 .is_undecided = true,
                                 .is_event = random_chance(sim, 2),
                                 .starts_usec = sim->now_usec};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};
        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = &alerts};
        (void)shell_handle(sim, &event);
        rv_labels_unref(alert.labels);
}

static void notify(struct sim *sim, struct task *task) {
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
        agenda_add(sim, sim->now_usec + random_between(sim, 5, 20) * RV_USEC_PER_SEC, notify)->a = manager;
}

/* -- People who decide -- */

static void pause_or_resume(struct sim *sim) {
        int which = (int)random_between(sim, 0, PAUSES - 1);
        struct paused before = sim->me->paused[which];
        char scope[64] = "";
        if (which >= PAUSE_REPOSITORY)
                snprintf(scope, sizeof(scope), "repository:r%d", which - PAUSE_REPOSITORY);
        else if (which >= PAUSE_RULE)
                snprintf(scope, sizeof(scope), "rule:%s", rule_names[which - PAUSE_RULE]);
        struct rv_event event = {.kind = before.on ? RV_EVENT_RESUME : RV_EVENT_PAUSE,
                                 .pause = {.scope = scope, .actor = "ana", .note = "work"}};
        if (!before.on)
                event.pause.duration_usec = random_chance(sim, 80) ? random_delay(sim, 10 * RV_USEC_PER_MINUTE) : 0;
        else
                sim->me->paused[which].on = false; /* what it lets go may be pushed at once */
        TRACE(sim, "%s \"%s\"", before.on ? "resume" : "pause", scope);
        bool taken = was_taken(shell_handle(sim, &event));
        if (!taken)
                sim->me->paused[which] = before;
        else if (!before.on)
                sim->me->paused[which] = (struct paused){
                        true, event.pause.duration_usec > 0 ? sim->now_usec + event.pause.duration_usec : 0};
        if (before.on && before.until_usec > 0 && before.until_usec <= sim->now_usec)
                sim->me->paused[which].on = false; /* it was over anyway */
}

static void answer_question(struct sim *sim) {
        for (size_t i = sim->me->n_incidents; i-- > 0;) {
                struct observed *incident = &sim->me->incident[i];
                if (rv_incident_state_is_end(incident->state) || random_chance(sim, 40))
                        continue;
                bool approves = random_chance(sim, 70), before = incident->approved;
                struct rv_event event = {.kind = approves ? RV_EVENT_APPROVE : RV_EVENT_REJECT,
                                         .person = {incident->id, "ana", NULL}};
                incident->approved |= approves;
                if (!was_taken(shell_handle(sim, &event)))
                        incident->approved = before;
                return;
        }
}

static void revert_by_hand(struct sim *sim) {
        int repository = (int)random_between(sim, 0, REPOSITORIES - 1), set = (int)random_between(sim, 0, APPS - 1);
        const struct branch *branch = &sim->branch[repository];
        const char *revisions[2];
        struct rv_event event = {.kind = RV_EVENT_REVERT,
                                 .revert = {.repository = (size_t)repository,
                                            .rule = -1,
                                            .revisions = revisions,
                                            .actor = "ana",
                                            .note = "bad",
                                            .force = random_chance(sim, 25),
                                            .dry_run = random_chance(sim, 20)}};
        char *scope = NULL;
        for (size_t n = (size_t)random_between(sim, 0, 2); event.revert.n_revisions < n;) {
                size_t back = (size_t)random_between(sim, 1, branch->n < 6 ? (int64_t)branch->n : 6);
                revisions[event.revert.n_revisions++] =
                        random_chance(sim, 5) ? "fffffff" : branch->change[branch->n - back].id.hex;
        }
        if (random_chance(sim, 30)) {
                event.revert.to = branch->change[(size_t)random_between(sim, 0, (int64_t)branch->n - 1)].id.hex;
                event.revert.n_revisions = 0;
                event.revert.n_scope = 1;
                SIM_MUST(asprintf(&scope, "apps/%s/**", label_value(set)));
                event.revert.scope = (const char *const *)&scope;
        }
        struct rv_labels *labels = NULL;
        if (random_chance(sim, 60)) {
                int rule = repository + (random_chance(sim, 50) ? FIRST_ALERT_RULE : 0);
                event.revert.rule = rule_index(sim, rule_names[rule]);
                labels = labels_make(set, alert_names[rule]);
                event.revert.labels = event.revert.rule >= 0 ? labels : NULL;
        }
        (void)shell_handle(sim, &event);
        rv_labels_unref(labels);
        free(scope);
}

static void decide(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->is_calm)
                return;
        switch (random_between(sim, 0, 3)) {
        case 0:
                pause_or_resume(sim);
                break;
        case 1:
                revert_by_hand(sim);
                break;
        default:
                answer_question(sim);
                break;
        }
        agenda_add(sim, sim->now_usec + random_arrival(sim, 8 * RV_USEC_PER_MINUTE), decide);
}

/* -- Beginning and end -- */

/* What happens to one revertd, and what it sees. */
static void start_around(struct sim *sim) {
        for (int i = 0; i < REPOSITORIES; i++)
                agenda_add(sim, sim->now_usec + 2, worker_poll)->a = i;
        for (int rule = 0; rule < FIRST_ALERT_RULE; rule++)
                agenda_add(sim, sim->now_usec + random_between(sim, 1, 60 * RV_USEC_PER_SEC), evaluate)->a = rule;
        for (int i = 0; i < ALERTMANAGERS; i++)
                agenda_add(sim, sim->now_usec + random_between(sim, 1, 60 * RV_USEC_PER_SEC), notify)->a = i;
        agenda_add(sim, sim->now_usec + random_arrival(sim, RV_USEC_PER_HOUR), crash);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 3 * RV_USEC_PER_HOUR), reload);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 5 * RV_USEC_PER_HOUR), set_clock);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), decide);
}

void world_start(struct sim *sim) {
        sim->me = sim->replica;
        for (int i = 0; i < REPOSITORIES; i++) {
                branch_init(sim, &sim->branch[i]);
                agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), commit)->a = i;
                agenda_add(sim, sim->now_usec + 1, operator_deploy)->a = i;
        }
        agenda_add(sim, sim->now_usec + 3, alert);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), trouble);
        EACH_REPLICA(sim)
        start_around(sim);
}

/* All is over but that Slack has not heard of it yet: only clocks are still set. */
static bool is_about_notices(const struct task *task) {
        return slack_is_task(task) || task->run == set_clock;
}

void world_stop(struct sim *sim) {
        agenda_keep(sim, is_about_notices);
}

void world_calm(struct sim *sim) {
        sim->is_calm = true;
        sim->full_until_usec = sim->broken_until_usec = sim->busy_until_usec = 0;
        for (int i = 0; i < REPOSITORIES; i++)
                sim->stuck_until_usec[i] = 0;
        sim->slack_calm_usec = sim->now_usec;
        for (int i = 0; i < RECEIVERS; i++)
                if (sim->mute_until_usec[i] > sim->slack_calm_usec)
                        sim->slack_calm_usec = sim->mute_until_usec[i];
        EACH_REPLICA(sim)
        for (int which = 0; which < PAUSES; which++)
                if (sim->me->paused[which].until_usec == 0 && sim->me->paused[which].on)
                        TRACE(sim, "pause %d stays", which);
}
