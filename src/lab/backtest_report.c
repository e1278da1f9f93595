/* What became of each breach, and what it adds up to. */
#include "lab/backtest.h"
#include "lab/past.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

static const char *outcome_of(const char *state, int64_t pushed_usec) {
        if (pushed_usec > 0)
                return "reverted";
        return strcmp(state, "declined") == 0 || strcmp(state, "cleared") == 0 || strcmp(state, "failed") == 0 ? state
                                                                                                               : "open";
}

static int conclude(const struct run *run, json_t *breach) {
        json_t *incident = json_object_get(breach, "incident");
        int64_t until_usec = rv_json_int(breach, "until_usec", rv_json_int(breach, "end_usec", 0));
        int64_t onset_usec = rv_json_int(breach, "onset_usec", 0);
        int64_t pushed_usec = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0);
        int64_t would_usec = pushed_usec > 0 ? pushed_usec + run->b->apply_usec : 0;
        int64_t saves_from_usec = would_usec > onset_usec ? would_usec : onset_usec;
        int rule = rv_config_find_rule(run->b->config, rv_json_string(breach, "rule", ""));
        size_t repository = (size_t)run->b->config->rules[rule].repository;
        const struct rv_commit *undone = NULL;
        const json_t *commit, *suspects = json_object_get(incident, "suspects");
        size_t i;

        json_array_foreach (json_object_get(json_object_get(json_object_get(incident, "plan"), "spec"), "commits"), i,
                            commit)
                if (!undone)
                        undone = past_undone(run->past, repository, json_string_value(commit));
        if (!undone && json_array_size(suspects) > 0)
                undone = past_undone(run->past, repository,
                                     rv_json_string(json_object_get(json_array_get(suspects, 0), "commit"), "id", ""));
        _cleanup_json_ json_t *more = json_pack(
                "{s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:s, s:s}", "outcome",
                outcome_of(rv_json_string(incident, "state", ""), pushed_usec), "pushed_usec", (json_int_t)pushed_usec,
                "would_end_usec", (json_int_t)would_usec, "saved_usec",
                (json_int_t)(would_usec > 0 && saves_from_usec < until_usec ? until_usec - saves_from_usec : 0),
                "until_usec", (json_int_t)until_usec, "undone_by", undone ? undone->id.hex : "", "undone_usec",
                (json_int_t)(undone ? undone->commit_usec : 0), "repository",
                run->b->config->repositories[repository].name, "breach",
                rv_breach_op_to_string(run->b->config->rules[rule].breach_op));
        return more ? json_object_update(breach, more) : -1;
}

static json_t *summarise(const struct run *run) {
        json_int_t n[3] = {0}, breach_usec = 0, saved_usec = 0;
        _cleanup_json_ json_t *reasons = json_object();
        json_t *breach;
        size_t i;

        json_array_foreach (run->breaches, i, breach) {
                const char *outcome = rv_json_string(breach, "outcome", "");
                const char *reason = rv_json_string(json_object_get(breach, "incident"), "reason", "none");

                n[0]++;
                n[1] += strcmp(outcome, "reverted") == 0;
                n[2] += strcmp(outcome, "declined") == 0;
                if (strcmp(outcome, "declined") == 0 &&
                    json_object_set_new(reasons, reason, json_integer(rv_json_int(reasons, reason, 0) + 1)) < 0)
                        return NULL;
                breach_usec += rv_json_int(breach, "until_usec", 0) - rv_json_int(breach, "onset_usec", 0);
                saved_usec += rv_json_int(breach, "saved_usec", 0);
        }
        return json_pack("{s:I, s:I, s:I, s:O, s:I, s:I}", "breaches", n[0], "reverted", n[1], "declined", n[2],
                         "reasons", reasons, "breach_usec", breach_usec, "saved_usec", saved_usec);
}

static json_t *tell_rule(const struct run *run, size_t rule, enum rv_mode mode) {
        const struct asked *a = &run->asked[rule];
        json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", rule_of(run, rule)->name, "mode",
                                 rv_mode_to_string(mode), "step_usec", (json_int_t)rule_of(run, rule)->interval_usec,
                                 "evaluations", (json_int_t)a->n_evaluations, "breaches", (json_int_t)a->n_breaches);

        if (a->alerts_expr) /* where no alert fires there is nothing to answer */
                return json;
        _cleanup_json_ json_t *answered =
                json_pack("{s:I, s:I, s:I, s:I, s:s}", "answered", (json_int_t)a->n_answered, "first_usec",
                          (json_int_t)a->first_usec, "last_usec", (json_int_t)a->last_usec, "failed",
                          (json_int_t)a->n_failed, "failure", a->failure ? a->failure : "");
        if (!json || !answered || json_object_update(json, answered) < 0) {
                json_decref(json);
                return NULL;
        }
        return json;
}

int backtest_report(const struct run *run, const enum rv_mode *modes, json_t **ret) {
        _cleanup_json_ json_t *rules = json_array();
        json_t *breach;
        size_t i;

        for (size_t k = 0; k < run->b->config->n_rules; k++)
                if (tracks_finish(&run->asked[k]) < 0)
                        return -ENOMEM;
        json_array_foreach (run->breaches, i, breach)
                if (conclude(run, breach) < 0 ||
                    json_object_set_new(
                            breach, "mode",
                            json_string(rv_mode_to_string(
                                    modes[rv_config_find_rule(run->b->config, rv_json_string(breach, "rule", ""))]))) <
                            0)
                        return -ENOMEM;
        for (size_t k = 0; rules && k < run->b->config->n_rules; k++)
                if (run->b->rules[k] && json_array_append_new(rules, tell_rule(run, k, modes[k])) < 0)
                        return -ENOMEM;
        *ret = json_pack("{s:I, s:I, s:I, s:O, s:O, s:o}", "from_usec", (json_int_t)run->b->from_usec, "to_usec",
                         (json_int_t)run->b->to_usec, "apply_usec", (json_int_t)run->b->apply_usec, "rules", rules,
                         "breaches", run->breaches, "summary", summarise(run));
        return *ret ? 0 : -ENOMEM;
}
