#include "lab/alerts.h"

#include <stdio.h>
#include <stdlib.h>

char *alerts_expr(const struct rv_rule_config *rule) {
        static const char *const op[] = {"=", "!=", "=~", "!~"};
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fputs("sum without (alertstate) (ALERTS{alertstate=\"firing\"", f);
        for (size_t i = 0; i < rule->n_match; i++) {
                fprintf(f, ",%s%s", rule->match[i].name, op[rule->match[i].op]);
                rv_label_quote(f, rule->match[i].value);
        }
        fputs("})", f);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

int rv_lab_alerts_server(const struct rv_config *config, size_t rule) {
        if (config->rules[rule].prometheus >= 0)
                return config->rules[rule].prometheus;
        return config->n_prometheus == 1 ? 0 : -1;
}
