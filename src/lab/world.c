/* The world of one test: a clock that jumps from one thing to the next, a Prometheus that answers by the script, and
 * the shell that the engine needs. What is asked is answered at once. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_AT_ONE_TIME_MAX = 2000 };

static int answer(struct lab_world *w, struct rv_effect *effect);

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
                r = answer(w, &step->effect[i]);
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

/* -- Prometheus -- */

static struct lab_point point_of(const struct lab_world *w, const struct lab_series *series) {
        const struct rv_rule_config *rule = &w->script->config->rules[series->rule];
        const struct lab_branch *branch = &w->branch[rule->repository];
        int64_t interval_usec = rule->interval_usec;

        if (series->then.n > 0 && branch->n_pushes > 0)
                return lab_points_at(&series->then, (w->now_usec - branch->pushed_usec) / interval_usec);
        return lab_points_at(&series->values, (w->now_usec - w->script->start_usec) / interval_usec);
}

/* Labels of `part` are all in `whole`. */
bool lab_is_part(const struct rv_labels *part, const struct rv_labels *whole) {
        for (size_t i = 0; i < part->n; i++) {
                const char *value = rv_labels_get(whole, part->label[i].name);
                if (!value || strcmp(value, part->label[i].value) != 0)
                        return false;
        }
        return true;
}

/* The answer to one query of a rule; `labels`: only what is about that label set. *ret_ok: false where it fails. */
static int query(struct lab_world *w, size_t rule, enum lab_query kind, const struct rv_labels *labels,
                 struct rv_samples *ret, bool *ret_ok) {
        const struct lab_script *s = w->script;

        *ret_ok = true;
        if (s->sources)
                return s->sources->query(s->sources->userdata, rule, kind, w->now_usec, ret, w->err);
        ret->sample = calloc(s->n_series + 1, sizeof(*ret->sample));
        if (!ret->sample)
                return rv_error_oom(w->err);
        for (size_t i = 0; i < s->n_series; i++) {
                const struct lab_series *series = &s->series[i];
                if (series->rule != rule || series->query != kind || (labels && !lab_is_part(series->labels, labels)))
                        continue;
                struct lab_point point = point_of(w, series);
                *ret_ok &= point.kind != LAB_FAILS;
                ret->is_partial |= point.kind == LAB_WARNS;
                if (point.kind == LAB_VALUE)
                        ret->sample[ret->n++] =
                                (struct rv_sample){.labels = rv_labels_ref(series->labels), .value = point.value};
        }
        return 0;
}

/* How far in the past a backtest looks; a script's values are of their moment. */
static int64_t delay_of(const struct lab_world *w, size_t rule) {
        const struct rv_config *config = w->script->config;

        return w->script->sources && config->rules[rule].expr
                       ? config->prometheus[config->rules[rule].prometheus].delay_usec
                       : 0;
}

static int deliver(struct lab_world *w, size_t rule) {
        const struct lab_sources *sources = w->script->sources;
        struct rv_alerts alerts = {0};
        int r = sources->alerts(sources->userdata, rule, w->now_usec, &alerts, w->err);

        if (r == 0 && alerts.n > 0)
                r = lab_world_handle(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        free(alerts.alert);
        return r;
}

static int evaluate(struct lab_world *w, size_t rule) {
        struct rv_samples samples = {0}, require = {0};
        bool has_require = w->script->config->rules[rule].require, samples_ok, require_ok = true;
        int r = query(w, rule, LAB_EXPR, NULL, &samples, &samples_ok);

        if (r == 0 && has_require)
                r = query(w, rule, LAB_REQUIRE, NULL, &require, &require_ok);
        if (r == 0)
                r = lab_world_handle(
                        w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                              .evaluated = {.rule = rule,
                                                            .at_usec = w->now_usec - delay_of(w, rule),
                                                            .samples = samples_ok ? &samples : NULL,
                                                            .require = has_require && require_ok ? &require : NULL}});
        rv_samples_done(&samples);
        rv_samples_done(&require);
        return r;
}

/* -- What is asked -- */

static int answer_query(struct lab_world *w, const struct rv_effect *effect) {
        const struct rv_incident *i = rv_engine_incident(w->engine, effect->incident);
        int rule = i && i->rule ? rv_config_find_rule(w->script->config, i->rule) : -1;
        struct rv_samples samples = {0};
        bool ok = false;
        const struct lab_sources *sources = w->script->sources;
        int r = 0;

        if (rule >= 0 && sources) {
                ok = true;
                r = sources->confirm(sources->userdata, (size_t)rule, i->labels, effect->expr, w->now_usec, &samples,
                                     w->err);
        } else if (rule >= 0)
                r = query(w, (size_t)rule, LAB_CONFIRM, i->labels, &samples, &ok);

        if (r == 0)
                r = lab_world_handle(
                        w, &(struct rv_event){.kind = RV_EVENT_QUERIED,
                                              .queried = {.token = effect->token, .samples = ok ? &samples : NULL}});
        rv_samples_done(&samples);
        return r;
}

static const char *name_of(const struct lab_world *w, const struct rv_oid *id) {
        for (size_t i = 0; i < w->script->n_commits; i++)
                if (strcmp(w->script->commit[i].id.hex, id->hex) == 0)
                        return w->script->commit[i].name;
        return "a revert";
}

static int ask_git(struct lab_world *w, size_t repository, const struct rv_git_request *request,
                   struct rv_git_reply **ret) {
        const struct lab_sources *sources = w->script->sources;

        if (sources)
                return sources->git(sources->userdata, repository, request, w->now_usec, ret, w->err);
        *ret = lab_branch_answer(&w->branch[repository], request, w->now_usec);
        return *ret ? 0 : rv_error_oom(w->err);
}

static int answer_git(struct lab_world *w, const struct rv_effect *effect) {
        struct lab_branch *branch = &w->branch[effect->repository];
        size_t n_pushes = branch->n_pushes;
        struct rv_git_reply *reply = NULL;
        int r = ask_git(w, effect->repository, effect->request, &reply);

        for (size_t k = 0;
             r == 0 && !w->script->sources && branch->n_pushes > n_pushes && k < effect->request->spec.n_commits; k++)
                r = lab_tell(w, "pushed: a revert of %s", name_of(w, &effect->request->spec.commits[k]));
        if (r == 0)
                r = lab_world_handle(
                        w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {.token = effect->token, .reply = reply}});
        rv_git_reply_free(reply);
        return r;
}

/* What is on the branch runs here. */
static int answer_applied(struct lab_world *w, const struct rv_effect *effect) {
        const struct rv_incident *i = rv_engine_incident(w->engine, effect->incident);
        struct rv_applied applied = {.n_revisions = 1, .is_settled = true, .words = (char *)"applied"};
        bool is_pushed = i && i->plan && i->times.pushed_usec > 0;

        if (is_pushed)
                applied.revision[0] = *rv_incident_revert(i);
        return lab_world_handle(
                w, &(struct rv_event){.kind = RV_EVENT_APPLIED,
                                      .applied = {.token = effect->token, .applied = is_pushed ? &applied : NULL}});
}

static int answer(struct lab_world *w, struct rv_effect *effect) {
        switch (effect->kind) {
        case RV_EFFECT_QUERY:
                return answer_query(w, effect);
        case RV_EFFECT_LOOK_UP: /* nothing is silenced here */
                return lab_world_handle(w, &(struct rv_event){.kind = RV_EVENT_LOOKED_UP,
                                                              .looked_up = {effect->token, RV_ALERT_ACTIVE}});
        case RV_EFFECT_APPLIED:
                return answer_applied(w, effect);
        default:
                return answer_git(w, effect);
        }
}

static int poll_branch(struct lab_world *w, size_t repository) {
        struct lab_branch *branch = &w->branch[repository];
        struct rv_git_request request = {.op = RV_GIT_SYNC, .known = branch->known};
        struct rv_git_reply *reply = NULL;
        int r = ask_git(w, repository, &request, &reply);

        if (r < 0)
                return r;
        if (reply->outcome == RV_GIT_OK)
                branch->known = reply->head;
        r = lab_world_handle(
                w, &(struct rv_event){.kind = RV_EVENT_SYNCED, .synced = {.repository = repository, .reply = reply}});
        rv_git_reply_free(reply);
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
                        r = poll_branch(w, i);
                }
        for (; r == 0 && next->event < s->n_events && s->event[next->event].at_usec <= w->now_usec; next->event++)
                r = lab_world_happen(w, &s->event[next->event]);
        for (size_t i = 0; r == 0 && i < s->config->n_rules; i++)
                if (w->due_usec[i] <= w->now_usec) {
                        w->due_usec[i] = w->now_usec + s->config->rules[i].interval_usec;
                        r = s->config->rules[i].expr ? evaluate(w, i) : deliver(w, i);
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
                                         ? w->now_usec + delay_of(w, i)
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

static int list_seen(const struct lab_world *w, json_t *incidents) {
        for (size_t i = 0; incidents && i < w->n_seen; i++)
                if (json_array_append_new(incidents, json_pack("{s:O, s:O}", "incident", w->seen[i].record,
                                                               "transitions", w->seen[i].transitions)) < 0)
                        return rv_error_oom(w->err);
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
