/* Configurations, drawn at random: text through the real reader. */
#include "sim.h"

#include "config/load.h"
#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <string.h>

const char *const rule_names[RULES_MAX] = {"ratio", "latency", "down", "page"};

int rule_number(const char *name) {
        for (int i = 0; i < RULES_MAX; i++)
                if (name && strcmp(rule_names[i], name) == 0)
                        return i;
        return -1;
}

int rule_index(const struct sim *sim, const char *name) {
        return rv_config_find_rule(sim->variant[sim->me->present], name);
}

const struct rv_rule_config *rule_present(const struct sim *sim, int rule) {
        int index = rule < 0 ? -1 : rule_index(sim, rule_names[rule]);
        return index < 0 ? NULL : &sim->variant[sim->me->present]->rules[index];
}

const char *const receiver_names[RECEIVERS] = {"people", "oncall"};

const char *label_value(int set) {
        static const char *const value[LABEL_SETS] = {"a0", "a1", "a2", ".."};
        return value[set];
}

int set_of_labels(const json_t *labels) {
        const char *app = rv_json_string(labels, "app", "");
        for (int set = 0; set < LABEL_SETS; set++)
                if (strcmp(label_value(set), app) == 0)
                        return set;
        return -1;
}

const char *alert_name(int rule) {
        return rule < FIRST_ALERT_RULE ? NULL : rule_names[rule];
}

struct rv_labels *labels_make(int set, const char *alertname) {
        struct rv_label label[] = {{"app", label_value(set)}, {"alertname", alertname}};
        struct rv_labels *labels;
        SIM_MUST(rv_labels_new(&labels, label, alertname ? 2 : 1, NULL));
        return labels;
}

static const char *pick(struct sim *sim, const char *const *list, int n) {
        return list[random_between(sim, 0, n - 1)];
}
#define PICK(sim, ...)                                                                                                 \
        pick(sim, (const char *const[]){__VA_ARGS__}, RV_ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void write_rule(struct sim *sim, FILE *f, int rule) {
        const char *name = rule_names[rule];
        fprintf(f, "{ name = \"%s\"; ", name);
        if (rule < FIRST_ALERT_RULE) {
                fprintf(f, "expr = \"%s\"; breach = \"> 0.05\"; interval = \"%s\"; %s; keep_firing_for = \"%s\"; ",
                        name, PICK(sim, "15s", "30s", "1m"),
                        PICK(sim, "for = \"0\"", "for = \"30s\"", "for = \"2m\"", "breaches = \"2\"",
                             "breaches = \"2 of 3\"", "breaches = \"3 of 5\""),
                        PICK(sim, "0", "0", "1m", "3m"));
                if (random_chance(sim, 30))
                        fprintf(f, "clear = \"< 0.03\"; ");
                if (random_chance(sim, 50))
                        fprintf(f, "require = \"traffic > 1\"; ");
        } else {
                fprintf(f, "match = [ \"alertname=%s\" ]; alertmanager = \"%s\"; ", name, PICK(sim, "", "am"));
                if (random_chance(sim, 50))
                        fprintf(f,
                                "prometheus = \"p\"; breach = \"> 0.05\"; confirm = \"%s{app=\\\"{{ $labels.app "
                                "}}\\\"}\"; ",
                                name);
        }
        const char *suspects = PICK(sim, "newest", "newest", "all", "restore"),
                   *fallback = PICK(sim, "decline", "restore", "propose");
        bool restores = strcmp(suspects, "restore") == 0 || strcmp(fallback, "decline") != 0;
        fprintf(f, "suspects = \"%s\"; fallback = \"%s\"; confidence = \"%s\"; outside = \"%s\"; ", suspects, fallback,
                PICK(sim, "0", "0", "0.6", "0.7"),
                restores ? PICK(sim, "leave", "decline") : PICK(sim, "leave", "leave", "whole", "decline"));
        fprintf(f, "shared_cause = %s; max_files = %s; image_updates = \"%s\"; ", PICK(sim, "0", "1", "5"),
                PICK(sim, "1", "2", "1000"), PICK(sim, "decline", "decline", "revert"));
        fputs(PICK(sim, "", "application = \"{{ $labels.app }}\"; apply_timeout = \"5m\"; ",
                   "application = \"{{ $labels.app }}\"; apply_timeout = \"20m\"; "),
              f);
        fprintf(f,
                "repository = \"r%d\"; paths = [ \"apps/{{ $labels.app }}/**\" ]; window = \"%s\"; max_age = \"%s\"; "
                "mode = \"%s\"; hold = \"%s\"; approval_timeout = \"%s\"; proposal_timeout = \"%s\"; cooldown = "
                "\"%s\"; recover = \"%s\"; "
                "verify_timeout = \"%s\"; unrecovered = \"%s\"; receivers = [ %s ]; }",
                rule % REPOSITORIES, PICK(sim, "10m", "30m", "2h"), PICK(sim, "2h", "6h"),
                PICK(sim, "enforce", "enforce", "enforce", "propose", "approve", "observe"), PICK(sim, "0", "0", "2m"),
                PICK(sim, "10m", "1h"), PICK(sim, "10m", "1h", "3h"), PICK(sim, "0", "10m", "1h"),
                PICK(sim, "0", "1m", "5m"), PICK(sim, "5m", "15m", "1h"), PICK(sim, "stop", "further_back"),
                PICK(sim, "\"people\"", "\"people\"", "\"oncall\"", "\"people\", \"oncall\""));
}

struct rv_config *config_vary(struct sim *sim, int variant) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        fprintf(f,
                "budget = %d; prometheus: ({ name = \"p\"; url = \"http://p\"; });\n"
                "operators: ({ name = \"op\"; type = \"argocd\"; url = \"http://op\"; });\n"
                "events: ({ name = \"logs\"; labels = [ \"app=/app\" ]; start = \"/t\"; resolve_after = \"%s\"; });\n"
                "alertmanagers: ({ name = \"am\"; url = \"http://am\"; });\n"
                "receivers: (",
                (int)random_between(sim, 1, 8), PICK(sim, "30m", "10m", "10m", "4m"));
        for (int i = 0; i < RECEIVERS; i++)
                fprintf(f, "%s{ name = \"%s\"; type = \"slack\"; credential = \"hook\"; }", i > 0 ? ", " : "",
                        receiver_names[i]);
        fprintf(f, ");\nrepositories: (");
        for (int i = 0; i < REPOSITORIES; i++)
                fprintf(f,
                        "%s{ name = \"r%d\"; url = \"/r%d\"; budget = %d; poll = \"%s\"; timeout = \"30s\"; "
                        "forge = \"github\"; forge_project = \"o/r\"; forge_credential = \"t\"; %s%s}",
                        i > 0 ? ", " : "", i, i, (int)random_between(sim, 1, 5), PICK(sim, "15s", "1m"),
                        PICK(sim, "", "image_updaters = [ \"robot\" ]; "),
                        PICK(sim, "", "protect_authors = [ \"sre@*\" ]; "));
        fprintf(f, ");\nrules: (");
        int gone = variant > 0 && random_chance(sim, 50) ? (int)random_between(sim, 0, RULES_MAX - 1) : -1;
        for (int i = 0, written = 0; i < RULES_MAX; i++) {
                if (i == gone)
                        continue;
                fputs(written++ > 0 ? ",\n  " : "", f);
                write_rule(sim, f, i);
        }
        fprintf(f, ");\n");
        SIM_MUST(fclose(f));
        struct rv_config_errors errors = {0};
        struct rv_config *config;
        if (rv_config_load_text(&config, "sim.conf", text, n, &errors) < 0) {
                fprintf(stderr, "%s\n%s\n", text, errors.n > 0 ? errors.text[0] : "");
                SIM_MUST(-1);
        }
        TRACE(sim, "configuration %d:\n%s", variant, text);
        return config;
}
