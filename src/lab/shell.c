/* The shell that the engine needs, in the world of a test: it evaluates and polls, and answers at once what is asked, by
 * the script or by who stands in its place. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        if (s->sources) {
                int r = s->sources->query(s->sources->userdata, rule, kind, w->now_usec, ret, w->err);

                *ret_ok = r == 0;
                return r < 0 ? r : 0;
        }
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

int64_t lab_shell_delay(const struct lab_world *w, size_t rule) {
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
                                                            .at_usec = w->now_usec - lab_shell_delay(w, rule),
                                                            .samples = samples_ok ? &samples : NULL,
                                                            .require = has_require && require_ok ? &require : NULL}});
        rv_samples_done(&samples);
        rv_samples_done(&require);
        return r;
}

int lab_shell_evaluate(struct lab_world *w, size_t rule) {
        return w->script->config->rules[rule].expr ? evaluate(w, rule) : deliver(w, rule);
}

/* -- What the engine asks -- */

static int answer_query(struct lab_world *w, const struct rv_effect *effect) {
        const struct rv_incident *i = rv_engine_incident(w->engine, effect->incident);
        int rule = i && i->rule ? rv_config_find_rule(w->script->config, i->rule) : -1;
        struct rv_samples samples = {0};
        bool ok = false;
        const struct lab_sources *sources = w->script->sources;
        int r = 0;

        if (rule >= 0 && sources) {
                r = sources->confirm(sources->userdata, (size_t)rule, i->labels, effect->expr, w->now_usec, &samples,
                                     w->err);
                ok = r == 0;
                r = r < 0 ? r : 0;
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

int lab_shell_answer(struct lab_world *w, struct rv_effect *effect) {
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

int lab_shell_poll(struct lab_world *w, size_t repository) {
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
