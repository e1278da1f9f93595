/* What a configuration makes. Built whole beside what runs, so that a reload can fail without a trace. */
#include "daemon.h"

#include <errno.h>

static int take_repository(struct rv_parts *parts, struct rv_daemon *daemon, size_t i, const struct rv_parts *before,
                           struct rv_error *err) {
        const struct rv_repository_config *section = &parts->config->repositories[i];
        int known = before ? rv_config_find_repository(before->config, section->name) : -1;

        if (known >= 0 && rv_repository_is_unchanged(before->config, (size_t)known, parts->config, i)) {
                parts->repositories[i] = before->repositories[known];
                parts->borrowed[i] = true;
                return 0;
        }
        return rv_repository_new(&parts->repositories[i], daemon, parts->config, i, err);
}

static void show_repository(struct rv_parts *parts, size_t i) {
        const struct rv_repository *repository = parts->repositories[i];
        parts->shown[i] = (struct rv_api_repository){
                .client = repository->client, .synced_usec = repository->synced_usec, .error = repository->error};
}

static void on_evaluated(size_t rule, int64_t at_usec, const struct rv_samples *samples,
                         const struct rv_samples *require, const struct rv_error *err, void *userdata) {
        struct rv_event event = {.kind = RV_EVENT_EVALUATED, .evaluated = {rule, at_usec, samples, require}};

        rv_report_evaluation(userdata, rule, samples ? NULL : err);
        rv_daemon_feed(userdata, &event);
}

static int fill(struct rv_parts *parts, struct rv_daemon *daemon, const struct rv_parts *before, struct rv_error *err) {
        struct rv_config *config = parts->config;
        size_t n = config->n_repositories;
        int r;

        parts->repositories = calloc(n + 1, sizeof(parts->repositories[0]));
        parts->borrowed = calloc(n + 1, sizeof(parts->borrowed[0]));
        parts->shown = calloc(n + 1, sizeof(parts->shown[0]));
        parts->rule_failing = calloc(config->n_rules + 1, sizeof(parts->rule_failing[0]));
        if (!parts->repositories || !parts->borrowed || !parts->shown || !parts->rule_failing)
                return rv_error_oom(err);

        for (size_t i = 0; i < n; i++) {
                r = take_repository(parts, daemon, i, before, err);
                if (r < 0)
                        return r;
                show_repository(parts, i);
        }
        r = rv_prometheus_new(&parts->prometheus, config, daemon->client, err);
        if (r < 0)
                return r;
        r = rv_alertmanagers_new(&parts->alertmanagers, config, daemon->client, err);
        if (r < 0)
                return r;
        r = rv_operators_new(&parts->operators, config, daemon->client, rv_report_nudge, daemon, err);
        if (r < 0)
                return r;
        r = rv_outbox_new(&parts->outbox, config, daemon->event, daemon->client, daemon->store, err);
        if (r < 0)
                return r;
        r = rv_signatures_new(&parts->signatures, config, err);
        if (r < 0)
                return r;
        return rv_schedule_new(&parts->schedule, config, daemon->event, parts->prometheus, on_evaluated, daemon, err);
}

int rv_parts_new(struct rv_parts **ret, struct rv_daemon *daemon, struct rv_config *config,
                 const struct rv_parts *before, struct rv_error *err) {
        struct rv_parts *parts = calloc(1, sizeof(*parts));
        if (!parts)
                return rv_error_oom(err);

        parts->config = rv_config_ref(config);
        int r = fill(parts, daemon, before, err);
        if (r < 0) {
                rv_parts_free(parts);
                return r;
        }
        *ret = parts;
        return 0;
}

void rv_parts_adopt(struct rv_parts *parts, struct rv_parts *before) {
        for (size_t i = 0; i < parts->config->n_repositories; i++) {
                if (!parts->borrowed[i])
                        continue;
                for (size_t k = 0; k < before->config->n_repositories; k++)
                        if (before->repositories[k] == parts->repositories[i])
                                before->repositories[k] = NULL;
                parts->repositories[i]->index = i;
                parts->borrowed[i] = false;
        }
}

struct rv_parts *rv_parts_free(struct rv_parts *parts) {
        if (!parts)
                return NULL;
        rv_schedule_free(parts->schedule);
        rv_outbox_free(parts->outbox);
        rv_signatures_free(parts->signatures);
        rv_operators_free(parts->operators);
        rv_alertmanagers_free(parts->alertmanagers);
        rv_prometheus_free(parts->prometheus);
        for (size_t i = 0; parts->repositories && i < parts->config->n_repositories; i++)
                if (!parts->borrowed[i])
                        rv_repository_free(parts->repositories[i]);
        free(parts->repositories);
        free(parts->borrowed);
        free(parts->rule_failing);
        free(parts->shown);
        rv_config_unref(parts->config);
        free(parts);
        return NULL;
}
