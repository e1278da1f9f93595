/* What is told to people, put into the outbox with the transition that it tells of. */
#include "revertd/notice.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool rv_notice_wanted(enum rv_incident_state to) {
        return to != RV_INCIDENT_CONFIRMING && to != RV_INCIDENT_ATTRIBUTING;
}

/* The plan's diff can be large, and no notice shows it. */
static json_t *incident_json(const struct rv_incident *incident) {
        json_t *json = rv_incident_to_json(incident);

        json_object_del(json_object_get(json, "plan"), "diff");
        return json;
}

static json_t *rule_json(const struct rv_rule_config *rule) {
        char threshold[RV_CONDITION_TEXT_MAX];

        if (!rule)
                return json_null();
        rv_condition_format(rule->breach_op, rule->breach_value, threshold);
        return json_pack("{s:s?, s:s?, s:I}", "threshold", rule->expr || rule->confirm ? threshold : NULL, "runbook",
                         rule->runbook, "recover_usec", (json_int_t)rule->recover_usec);
}

static int put(struct rv_batch *batch, const struct rv_config *config, int receiver, const struct rv_rule_config *rule,
               const struct rv_repository_config *repository, const struct rv_incident *incident,
               const struct rv_transition *transition) {
        _cleanup_free_ char *key = NULL;
        const char *name = config->receivers[receiver].name;
        json_t *notice = json_pack("{s:s, s:o, s:o, s:o, s:s?, s:I}", "receiver", name, "incident",
                                   incident_json(incident), "transition", rv_transition_to_json(transition), "rule",
                                   rule_json(rule), "commit_url", repository ? repository->web_commit_url : NULL,
                                   "queued_usec", (json_int_t)transition->at_usec);

        if (asprintf(&key, "%s/%s/%06u", name, incident->id, transition->number) < 0) {
                key = NULL;
                json_decref(notice);
                return -ENOMEM;
        }
        return rv_batch_put(batch, RV_RECORD_OUTBOX, key, transition->at_usec, -1, notice);
}

/* Of the incident's rule; by hand without a rule: of all rules of the repository, for they care about it. */
static bool is_receiver(const struct rv_config *config, int receiver, const struct rv_rule_config *rule,
                        int repository) {
        for (size_t i = 0; i < config->n_rules; i++) {
                const struct rv_rule_config *other = &config->rules[i];

                if (rule ? other != rule : other->repository != repository)
                        continue;
                for (size_t k = 0; k < other->n_receivers; k++)
                        if (other->receivers[k] == receiver)
                                return true;
        }
        return false;
}

int rv_notice_put(struct rv_batch *batch, const struct rv_config *config, const struct rv_incident *incident,
                  const struct rv_transition *transition) {
        int rule = incident->rule ? rv_config_find_rule(config, incident->rule) : -1;
        int repository = rv_config_find_repository(config, incident->repository);
        const struct rv_rule_config *rule_config = rule >= 0 ? &config->rules[rule] : NULL;

        for (size_t k = 0; k < config->n_receivers; k++) {
                int r;

                if (!is_receiver(config, (int)k, rule_config, repository))
                        continue;
                r = put(batch, config, (int)k, rule_config, repository >= 0 ? &config->repositories[repository] : NULL,
                        incident, transition);
                if (r < 0)
                        return r;
        }
        return 0;
}
