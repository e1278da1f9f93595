/* Any bytes as a configuration: refused with a reason, or a configuration that keeps what config.h promises. */
#include "fuzz.h"

#include "config/load.h"

#include <errno.h>
#include <string.h>

static void check_rule(const struct rv_config *config, size_t i) {
        const struct rv_rule_config *rule = &config->rules[i];
        must(rv_config_find_rule(config, rule->name) == (int)i);
        must((rule->expr != NULL) != (rule->n_match > 0));
        must(!rule->expr || rule->prometheus >= 0);
        must(!rule->confirm || rule->prometheus >= 0);
        must(rule->prometheus < (int)config->n_prometheus);
        must(rule->repository >= 0 && (size_t)rule->repository < config->n_repositories);
        must(rule->n_paths > 0 && rule->summary);
        must(rule->mode < RV_MODE_MAX && rule->breach_op < RV_BREACH_OP_MAX);
        must(rule->interval_usec > 0 && rule->window_usec <= rule->max_age_usec);
        for (size_t k = 0; k < rule->n_receivers; k++)
                must(rule->receivers[k] >= 0 && (size_t)rule->receivers[k] < config->n_receivers);
}

/* libconfig 1.5 loses the string it was in the middle of at a syntax error: a few bytes for each bad file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libconfig.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        int r = rv_config_load_text(&config, "fuzz", (const char *)data, n, &errors);

        must(r == 0 || r == -EINVAL);
        if (r < 0) {
                must(!config && errors.n > 0 && errors.n <= RV_CONFIG_ERRORS_MAX + 1);
                for (size_t i = 0; i < errors.n; i++)
                        must(errors.text[i][strcspn(errors.text[i], "\r\n\x1b")] == '\0');
        } else {
                must(errors.n == 0);
                for (size_t i = 0; i < config->n_rules; i++)
                        check_rule(config, i);
                for (size_t i = 0; i < config->n_repositories; i++)
                        must(config->repositories[i].url && config->repositories[i].branch);
        }
        rv_config_errors_done(&errors);
        rv_config_unref(config);
        return 0;
}
