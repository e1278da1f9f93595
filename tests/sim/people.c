/* People who pause, approve, reject, and revert by hand. */
#include "sim.h"

#include <stdlib.h>

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
                labels = labels_make(set, alert_name(rule));
                event.revert.labels = event.revert.rule >= 0 ? labels : NULL;
        }
        (void)shell_handle(sim, &event);
        rv_labels_unref(labels);
        free(scope);
}

void people_decide(struct sim *sim, struct task *task) {
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
        agenda_add(sim, sim->now_usec + random_arrival(sim, 8 * RV_USEC_PER_MINUTE), people_decide);
}
