/* The daemon's shell as the engine wants it, with crashes at every place where one can come between. */
#include "sim.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <string.h>

static void start(struct sim *sim, struct task *task);

int64_t wall_usec(const struct sim *sim) {
        return sim->now_usec + sim->me->clock_usec;
}

void shell_set_clock(struct sim *sim, int64_t by_usec) {
        sim->me->clock_usec += by_usec;
        sim->me->was_set = true;
        TRACE(sim, "the clock is set by %lld s", (long long)(by_usec / RV_USEC_PER_SEC));
}

static void go_down(struct sim *sim, int64_t down_usec) {
        sim->me->engine = rv_engine_free(sim->me->engine);
        sim->me->generation++;
        agenda_add(sim, sim->now_usec + down_usec, start);
}

/* Everything that is only in memory is lost. */
void shell_crash(struct sim *sim, int64_t down_usec) {
        if (!sim->me->engine)
                return;
        TRACE(sim, "crash");
        sim->count.crashes++;
        slack_close(sim);
        if (sim->me->keeps_file) {
                struct rv_error err = {0};
                rv_store_close(sim->me->store);
                if (rv_store_open(&sim->me->store, sim->me->directory, &err) < 0)
                        sim_fail(sim, "the store cannot be opened again: %s", err.text);
        }
        go_down(sim, down_usec);
}

static int load_record(const struct rv_record *record, void *userdata) {
        struct sim *sim = userdata;
        struct rv_error err = {0};
        enum rv_incident_state state;
        const char *text = rv_json_string(record->value, "state", "");
        if (record->kind == RV_RECORD_INCIDENT && rv_incident_state_from_string(text, &state) == 0 &&
            rv_incident_state_is_end(state))
                return 0;
        int r = rv_engine_load(sim->me->engine, record, &err);
        if (r < 0)
                sim_fail(sim, "what was stored cannot be loaded: %s: %s", record->key, err.text);
        return r;
}

void shell_start(struct sim *sim) {
        static const enum rv_record_kind kinds[] = {RV_RECORD_INCIDENT, RV_RECORD_SERIES, RV_RECORD_ACT,
                                                    RV_RECORD_PAUSE,    RV_RECORD_SEEN,   RV_RECORD_HEAD,
                                                    RV_RECORD_GOOD,     RV_RECORD_CLOCK};
        slack_open(sim);
        SIM_MUST(rv_engine_new(&sim->me->engine, sim->variant[sim->me->present]));
        for (size_t i = 0; i < RV_ARRAY_SIZE(kinds); i++)
                if (rv_store_list(sim->me->store, kinds[i], "", false, 0, load_record, sim, NULL) < 0) {
                        sim_fail(sim, "the store cannot be read");
                        return;
                }
        TRACE(sim, "start");
        (void)shell_handle(sim, &(struct rv_event){.kind = RV_EVENT_START});
}

static void start(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->me->engine)
                return;
        if (sim->now_usec < sim->full_until_usec)
                agenda_add(sim, sim->now_usec + 5 * RV_USEC_PER_SEC, start);
        else
                shell_start(sim);
}

static void trace_step(struct sim *sim, const struct rv_step *step) {
        for (size_t i = 0; i < step->n_transitions; i++) {
                const struct rv_transition *transition = &step->transition[i];
                TRACE(sim, "incident %.4s: %s -> %s (%s) by %s%s%s", transition->incident,
                      rv_incident_state_to_string(transition->from), rv_incident_state_to_string(transition->to),
                      rv_reason_to_string(transition->reason), transition->actor, transition->detail ? ": " : "",
                      transition->detail ? transition->detail : "");
        }
        for (size_t i = 0; i < step->n_effects; i++)
                TRACE(sim, "incident %.4s: asks %s", step->effect[i].incident,
                      step->effect[i].kind == RV_EFFECT_GIT       ? rv_git_op_to_string(step->effect[i].request->op)
                      : step->effect[i].kind == RV_EFFECT_QUERY   ? step->effect[i].expr
                      : step->effect[i].kind == RV_EFFECT_APPLIED ? "the operator"
                                                                  : "Alertmanager");
}

static void start_effects(struct sim *sim, struct rv_step *step) {
        for (size_t i = 0; i < step->n_effects; i++) {
                if (step->effect[i].kind == RV_EFFECT_QUERY) {
                        metrics_ask(sim, &step->effect[i]);
                        continue;
                }
                if (step->effect[i].kind == RV_EFFECT_LOOK_UP) {
                        alertmanager_ask(sim, &step->effect[i]);
                        continue;
                }
                if (step->effect[i].kind == RV_EFFECT_APPLIED) {
                        operator_ask(sim, &step->effect[i]);
                        continue;
                }
                check_push_asked(sim, &step->effect[i]);
                worker_ask(sim, &step->effect[i]);
        }
}

static bool crashes_here(struct sim *sim, int per_thousand) {
        if (sim->is_calm || !random_per_mille(sim, per_thousand))
                return false;
        shell_crash(sim, random_delay(sim, 20 * RV_USEC_PER_SEC));
        return true;
}

static int commit_batch(struct sim *sim, const struct rv_step *step) {
        struct rv_error err = {0};
        if (sim->now_usec < sim->full_until_usec || (!sim->is_calm && random_per_mille(sim, 5))) {
                TRACE(sim, "the commit fails");
                go_down(sim, 5 * RV_USEC_PER_SEC);
                return -ENOSPC;
        }
        int r = rv_store_commit(sim->me->store, &step->batch, &err);
        if (r < 0) {
                sim_fail(sim, "the batch does not fit the store: %s", err.text);
                return r;
        }
        sim->count.commits++;
        check_committed(sim, &step->batch);
        notices_committed(sim, &step->batch);
        return 0;
}

static bool is_allowed_error(const struct rv_event *event, int r) {
        switch (event->kind) {
        case RV_EVENT_APPROVE:
        case RV_EVENT_REJECT:
        case RV_EVENT_REVERT:
        case RV_EVENT_PAUSE:
        case RV_EVENT_RESUME:
                return r == -ENOENT || r == -EBUSY || r == -EINVAL;
        default:
                return false;
        }
}

static int handle(struct sim *sim, const struct rv_event *event, struct rv_step *step) {
        struct rv_error err = {0};
        bool is_tight = !sim->is_calm && random_per_mille(sim, 2);
        memory_fail_after(is_tight ? random_between(sim, 0, 80) : -1);
        int r = rv_engine_handle(sim->me->engine, event, wall_usec(sim), step, &err);
        memory_fail_after(-1);
        sim->count.events++;
        if (r == -ENOMEM && is_tight) {
                TRACE(sim, "memory is out");
                sim->count.outages++;
                go_down(sim, 5 * RV_USEC_PER_SEC);
                return r;
        }
        if (r < 0) {
                if (!is_allowed_error(event, r))
                        sim_fail(sim, "event %d was not handled: %d: %s", event->kind, r, err.text);
                return r;
        }
        trace_step(sim, step);
        if (step->batch.n == 0) {
                start_effects(sim, step);
                return 0;
        }
        if (crashes_here(sim, 5))
                return -EAGAIN;
        r = commit_batch(sim, step);
        if (r < 0)
                return r;
        if (crashes_here(sim, 10))
                return -EPIPE;
        start_effects(sim, step);
        if (step->n_transitions > 0)
                slack_wake(sim);
        return crashes_here(sim, 5) ? -EPIPE : 0;
}

static int take(struct sim *sim, const struct rv_event *event) {
        struct rv_step step = {0};
        cover_note(sim, event);
        sim->me->event = event;
        int r = handle(sim, event, &step);
        sim->me->event = NULL;
        rv_step_done(&step);
        return r;
}

/* There is one boot. */
int shell_handle(struct sim *sim, const struct rv_event *event) {
        struct rv_event clock = {.kind = RV_EVENT_CLOCK, .clock = {"boot", sim->me->clock_usec}};
        int64_t by_usec;
        if (!sim->me->engine || sim->failure[0])
                return -EAGAIN;
        if (!rv_engine_clock_agrees(sim->me->engine, clock.clock.boot_id, clock.clock.offset_usec, &by_usec)) {
                int r = take(sim, &clock);
                if (r < 0)
                        return r == -EPIPE ? -EAGAIN : r; /* the event itself was not taken */
        }
        return take(sim, event);
}

/* What hung on a rule that went is forgotten by revertd, and so here. */
void shell_reload(struct sim *sim) {
        int next = (sim->me->present + 1) % VARIANTS;
        if (!sim->me->engine)
                return;
        SIM_MUST(rv_engine_reconfigure(sim->me->engine, sim->variant[next]));
        TRACE(sim, "reload: configuration %d", next);
        for (int rule = 0; rule < RULES_MAX; rule++) {
                bool was_there = rule_present(sim, rule);
                sim->me->present = next;
                if (was_there && !rule_present(sim, rule))
                        for (int set = 0; set < LABEL_SETS; set++)
                                sim->me->told[rule][set] = (struct told){.was_ok = true};
                sim->me->present = (next + VARIANTS - 1) % VARIANTS;
        }
        sim->me->present = next;
        slack_close(sim);
        slack_open(sim);
}

void shell_stop(struct sim *sim) {
        slack_drop(sim);
        sim->me->engine = rv_engine_free(sim->me->engine);
        sim->me->store = rv_store_close(sim->me->store);
}
