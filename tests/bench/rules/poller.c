/* The polling path of revertd alone: configuration, schedule, HTTP client, parsing and judging, without the daemon. For
 * finding where time and memory go: poller FILE, until it is killed. */

#include "revertd/rule.h"
#include "revertd/source.h"

#include <stdio.h>
#include <stdlib.h>

static void on_evaluated(size_t rule, int64_t at_usec, const struct rv_samples *samples,
                         const struct rv_samples *require, const struct rv_error *err, void *userdata) {
        const struct rv_config *config = userdata;
        enum rv_verdict *verdict;

        (void)at_usec;
        if (!samples) {
                fprintf(stderr, "%s: %s\n", config->rules[rule].name, err->text);
                return;
        }
        verdict = calloc(samples->n + 1, sizeof(*verdict));
        if (verdict)
                rv_rule_judge_all(&config->rules[rule], samples, require, verdict);
        free(verdict);
}

int main(int argc, char **argv) {
        struct rv_config *config;
        struct rv_config_errors errors = {0};
        struct rv_http_client *client;
        struct rv_prometheus *prometheus;
        struct rv_schedule *schedule;
        struct rv_error err = {"cannot start"};
        sd_event *event;

        if (argc != 2 || rv_config_load(&config, argv[1], &errors) < 0) {
                fprintf(stderr, "poller: %s\n", errors.n > 0 ? errors.text[0] : "usage: poller FILE");
                return 2;
        }
        if (sd_event_new(&event) < 0 || rv_http_client_new(&client, event, "revertd-poller") < 0 ||
            rv_prometheus_new(&prometheus, config, client, &err) < 0 ||
            rv_schedule_new(&schedule, config, event, prometheus, on_evaluated, config, &err) < 0) {
                fprintf(stderr, "poller: %s\n", err.text);
                return 1;
        }
        return sd_event_loop(event);
}
