/* The world of one test: a clock that jumps from one thing to the next, the engine, and what it did as a story. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_AT_ONE_TIME_MAX = 2000 };

char *lab_when(const struct lab_world *w, int64_t at_usec, char buf[static RV_DURATION_TEXT_MAX + 1]) {
        int64_t usec = at_usec - w->script->start_usec;

        buf[0] = '-';
        rv_duration_format(usec < 0 ? -usec : usec, buf + (usec < 0));
        return buf;
}

int lab_tell(struct lab_world *w, const char *fmt, ...) {
        char when[RV_DURATION_TEXT_MAX + 1];
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return rv_error_oom(w->err);
        }
        return json_array_append_new(w->story, json_sprintf("%s: %s", lab_when(w, w->now_usec, when), text)) < 0
                       ? rv_error_oom(w->err)
                       : 0;
}

/* -- What the engine does -- */

static int see(struct lab_world *w, const struct rv_write *write) {
        const struct lab_sources *sources = w->script->sources;
        struct lab_seen *grown;

        if (sources)
                return sources->stored(sources->userdata, write->value, w->err);
        for (size_t i = 0; i < w->n_seen; i++)
                if (strcmp(w->seen[i].id, write->key) == 0) {
                        json_decref(w->seen[i].record);
                        w->seen[i].record = json_incref(write->value);
                        return 0;
                }
        grown = reallocarray(w->seen, w->n_seen + 1, sizeof(*grown));
        if (!grown)
                return rv_error_oom(w->err);
        w->seen = grown;
        grown[w->n_seen] = (struct lab_seen){.record = json_incref(write->value), .transitions = json_array()};
        snprintf(grown[w->n_seen].id, sizeof(grown[w->n_seen].id), "%s", write->key);
        return grown[w->n_seen++].transitions ? 0 : rv_error_oom(w->err);
}

static const struct lab_seen *seen_find(const struct lab_world *w, const char *id) {
        for (size_t i = 0; i < w->n_seen; i++)
                if (strcmp(w->seen[i].id, id) == 0)
                        return &w->seen[i];
        return NULL;
}

static int tell_transition(struct lab_world *w, const struct rv_transition *t) {
        const struct lab_seen *seen = seen_find(w, t->incident);
        _cleanup_labels_ struct rv_labels *labels = NULL;
        _cleanup_free_ char *text = NULL;
        const char *why = t->detail ? t->detail : rv_reason_explain(t->reason);

        if (!seen || json_array_append_new(seen->transitions, rv_transition_to_json(t)) < 0 ||
            rv_labels_from_json(&labels, json_object_get(seen->record, "labels"), NULL, NULL) < 0 ||
            !(text = rv_labels_format(labels)))
                return rv_error_oom(w->err);
        return lab_tell(w, "%s%s: %s%s%s%s%s%s", rv_json_string(seen->record, "rule", "by hand"), text,
                        rv_incident_state_to_string(t->to), t->reason ? " (" : "",
                        t->reason ? rv_reason_to_string(t->reason) : "", t->reason ? ")" : "", *why ? ": " : "", why);
}

static int take_step(struct lab_world *w, struct rv_step *step) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < step->batch.n; i++)
                if (step->batch.write[i].kind == RV_RECORD_INCIDENT && step->batch.write[i].value)
                        r = see(w, &step->batch.write[i]);
        for (size_t i = 0; r == 0 && !w->script->sources && i < step->n_transitions; i++)
                r = tell_transition(w, &step->transition[i]);
        if (r == 0)
                r = rv_store_commit(w->store, &step->batch, w->err);
        for (size_t i = 0; r == 0 && i < step->n_effects; i++)
                r = lab_shell_answer(w, &step->effect[i]);
        return r;
}

int lab_world_handle(struct lab_world *w, const struct rv_event *event) {
        struct rv_step step = {0};
        int r;

        if (++w->n_turns > TURNS_AT_ONE_TIME_MAX)
                return rv_error_set(w->err, -ELOOP, "the engine does not come to rest");
        r = rv_engine_handle(w->engine, event, w->now_usec, &step, w->err);
        if (r == 0 && *step.incident)
                memcpy(w->incident, step.incident, sizeof(w->incident));
        if (r == 0)
                r = take_step(w, &step);
        rv_step_done(&step);
        return r;
}

/* -- Start, and what arrives -- */

static int load(const struct rv_record *record, void *userdata) {
        struct lab_world *w = userdata;

        return rv_engine_load(w->engine, record, w->err);
}

int lab_world_start(struct lab_world *w) {
        int r;

        w->engine = rv_engine_free(w->engine);
        r = rv_engine_new(&w->engine, w->script->config);
        for (unsigned kind = 0; r == 0 && kind < RV_RECORD_KIND_MAX; kind++)
                r = rv_store_list(w->store, kind, "", false, 0, load, w, w->err);
        return r < 0 ? r : lab_world_handle(w, &(struct rv_event){.kind = RV_EVENT_START});
}

static int arrive(struct lab_world *w, const struct lab_commit *c) {
        struct lab_change change = {.id = c->id, .commit = c, .made_usec = c->made_usec};

        return lab_branch_append(&w->branch[c->repository], &change) < 0 ? rv_error_oom(w->err) : 0;
}

/* -- Time -- */

struct next {
        size_t commit, event, expectation;
};

static int64_t earlier(int64_t a, int64_t b) {
        return a < b ? a : b;
}

static int64_t find_next(const struct lab_world *w, const struct next *next) {
        const struct lab_script *s = w->script;
        int64_t at = rv_engine_deadline(w->engine);

        if (next->commit < s->n_commits)
                at = earlier(at, s->commit[next->commit].at_usec);
        if (next->event < s->n_events)
                at = earlier(at, s->event[next->event].at_usec);
        if (next->expectation < s->n_expectations)
                at = earlier(at, s->expectation[next->expectation].at_usec);
        for (size_t i = 0; i < s->config->n_rules; i++)
                at = earlier(at, w->due_usec[i]);
        for (size_t i = 0; i < s->config->n_repositories; i++)
                at = earlier(at, w->poll_usec[i]);
        return at;
}

/* Everything of one instant: the branch first, what is expected last. */
static int run_instant(struct lab_world *w, struct next *next,
                       int (*check)(struct lab_world *w, const struct lab_expectation *e, void *userdata),
                       void *userdata) {
        const struct lab_script *s = w->script;
        int r = 0;

        w->n_turns = 0;
        for (; r == 0 && next->commit < s->n_commits && s->commit[next->commit].at_usec <= w->now_usec; next->commit++)
                r = arrive(w, &s->commit[next->commit]);
        for (size_t i = 0; r == 0 && i < s->config->n_repositories; i++)
                if (w->poll_usec[i] <= w->now_usec) {
                        w->poll_usec[i] = w->now_usec + s->config->repositories[i].poll_usec;
                        r = lab_shell_poll(w, i);
                }
        for (; r == 0 && next->event < s->n_events && s->event[next->event].at_usec <= w->now_usec; next->event++)
                r = lab_world_happen(w, &s->event[next->event]);
        for (size_t i = 0; r == 0 && i < s->config->n_rules; i++)
                if (w->due_usec[i] <= w->now_usec) {
                        w->due_usec[i] = w->now_usec + s->config->rules[i].interval_usec;
                        r = lab_shell_evaluate(w, i);
                }
        while (r == 0 && rv_engine_deadline(w->engine) <= w->now_usec)
                r = lab_world_handle(w, &(struct rv_event){.kind = RV_EVENT_TICK});
        for (; r == 0 && next->expectation < s->n_expectations &&
               s->expectation[next->expectation].at_usec <= w->now_usec;
             next->expectation++)
                r = check(w, &s->expectation[next->expectation], userdata);
        return r;
}

static int prepare(struct lab_world *w, struct next *next) {
        const struct rv_config *config = w->script->config;
        int r = 0;

        w->now_usec = w->script->start_usec;
        w->branch = calloc(config->n_repositories + 1, sizeof(*w->branch));
        w->due_usec = calloc(config->n_rules + 1, sizeof(*w->due_usec));
        w->poll_usec = calloc(config->n_repositories + 1, sizeof(*w->poll_usec));
        if (!w->branch || !w->due_usec || !w->poll_usec)
                return rv_error_oom(w->err);
        for (size_t i = 0; i < config->n_rules; i++)
                w->due_usec[i] = (w->script->sources ? w->script->sources->rules[i] : config->rules[i].expr != NULL)
                                         ? w->now_usec + lab_shell_delay(w, i)
                                         : RV_USEC_INFINITY;
        for (; r == 0 && next->commit < w->script->n_commits && w->script->commit[next->commit].at_usec < w->now_usec;
             next->commit++)
                r = arrive(w, &w->script->commit[next->commit]);
        if (r == 0)
                r = rv_store_open_memory(&w->store, w->err);
        return r < 0 ? r : lab_world_start(w);
}

static void done(struct lab_world *w) {
        for (size_t i = 0; w->branch && i < w->script->config->n_repositories; i++)
                lab_branch_done(&w->branch[i]);
        for (size_t i = 0; i < w->n_seen; i++) {
                json_decref(w->seen[i].record);
                json_decref(w->seen[i].transitions);
        }
        free(w->branch);
        free(w->due_usec);
        free(w->poll_usec);
        free(w->seen);
        rv_engine_free(w->engine);
        rv_store_close(w->store);
}

/* When a value is bad, by the incident's rule; NULL: it has none, or does not look at values. */
static const char *breach_of(const struct lab_world *w, const json_t *incident,
                             char buf[static RV_CONDITION_TEXT_MAX]) {
        int index = rv_config_find_rule(w->script->config, rv_json_string(incident, "rule", ""));
        const struct rv_rule_config *rule = index < 0 ? NULL : &w->script->config->rules[index];

        return rule && (rule->expr || rule->confirm) ? rv_condition_format(rule->breach_op, rule->breach_value, buf)
                                                     : NULL;
}

static int list_seen(const struct lab_world *w, json_t *incidents) {
        for (size_t i = 0; incidents && i < w->n_seen; i++) {
                char breach[RV_CONDITION_TEXT_MAX];

                if (json_array_append_new(incidents, json_pack("{s:O, s:O, s:s?}", "incident", w->seen[i].record,
                                                               "transitions", w->seen[i].transitions, "breach",
                                                               breach_of(w, w->seen[i].record, breach))) < 0)
                        return rv_error_oom(w->err);
        }
        return 0;
}

int lab_world_run(const struct lab_script *script, json_t *story, json_t *incidents,
                  int (*check)(struct lab_world *w, const struct lab_expectation *e, void *userdata), void *userdata,
                  struct rv_error *err) {
        struct lab_world w = {.script = script, .story = story, .err = err};
        struct next next = {0};
        int r = prepare(&w, &next);

        while (r == 0) {
                int64_t at_usec = find_next(&w, &next);

                if (at_usec > script->end_usec)
                        break;
                if (at_usec > w.now_usec)
                        w.now_usec = at_usec;
                r = run_instant(&w, &next, check, userdata);
        }
        if (r == 0)
                r = list_seen(&w, incidents);
        done(&w);
        return r;
}
