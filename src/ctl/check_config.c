/* revertctl check-config */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/config.h"

#include <errno.h>
#include <string.h>

static void print_found(const struct rv_config *config) {
        size_t n_mode[RV_MODE_MAX] = {0};
        const char *separator = ": ";

        for (size_t i = 0; i < config->n_rules; i++)
                n_mode[config->rules[i].mode]++;
        puts("Found:");
        printf(" - %zu repositories\n", config->n_repositories);
        printf(" - %zu Prometheus servers\n", config->n_prometheus);
        printf(" - %zu receivers\n", config->n_receivers);
        printf(" - %zu rules", config->n_rules);
        for (unsigned mode = 0; mode < RV_MODE_MAX; mode++)
                if (n_mode[mode] > 0) {
                        printf("%s%zu %s", separator, n_mode[mode], rv_mode_to_string(mode));
                        separator = ", ";
                }
        putchar('\n');
}

static json_t *to_json(const char *file, const struct rv_config *config, const struct rv_config_errors *errors) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < errors->n; i++)
                json_array_append_new(list, json_string(errors->text[i]));
        return json_pack("{s:s, s:b, s:o, s:I, s:I, s:I, s:I}", "file", file, "valid", config != NULL, "errors", list,
                         "repositories", (json_int_t)(config ? config->n_repositories : 0), "prometheus",
                         (json_int_t)(config ? config->n_prometheus : 0), "receivers",
                         (json_int_t)(config ? config->n_receivers : 0), "rules",
                         (json_int_t)(config ? config->n_rules : 0));
}

static void print_errors(const char *file, int code, const struct rv_config_errors *errors) {
        printf("%sFAILED%s\n", paint_begin(stdout, RED), paint_end(stdout, RED));
        if (errors->n == 0)
                printf("  %s: %s\n", file, strerror(-code));
        for (size_t i = 0; i < errors->n; i++) {
                fputs("  ", stdout);
                paint_text(stdout, errors->text[i]);
                putchar('\n');
        }
}

static bool check(const char *file, json_t *all) {
        struct rv_config_errors errors = {0};
        struct rv_config *config = NULL;
        int r = rv_config_load(&config, file, &errors);

        if (all) {
                json_array_append_new(all, to_json(file, config, &errors));
        } else {
                fputs("Checking '", stdout);
                paint_text(stdout, file);
                fputs("'  ", stdout);
                if (r < 0)
                        print_errors(file, r, &errors);
                else {
                        printf("%sSUCCESS%s\n", paint_begin(stdout, GREEN), paint_end(stdout, GREEN));
                        print_found(config);
                }
        }
        rv_config_errors_done(&errors);
        if (r == 0)
                rv_config_unref(config);
        return r == 0;
}

int verb_check_config(const struct args *args) {
        static char *const standard[] = {(char *)RV_SYSCONFDIR "/revertd.conf"};
        char *const *file = args->n_operands > 0 ? args->operand : standard;
        int n = args->n_operands > 0 ? args->n_operands : 1, n_bad = 0;
        _cleanup_json_ json_t *all = args->output == CTL_JSON ? json_array() : NULL;
        struct rv_error err = {0};

        if (args->output == CTL_JSON && !all)
                return ctl_oom();
        for (int i = 0; i < n; i++)
                n_bad += !check(file[i], all);
        if (all) {
                _cleanup_json_ json_t *object = json_pack("{s:O}", "files", all);
                if (!object || ctl_print_json(object) != CTL_OK)
                        return ctl_oom();
        }
        if (n_bad == 0)
                return CTL_OK;
        fflush(stdout);
        rv_error_set(&err, -EINVAL, "%d of %d not valid", n_bad, n);
        return ctl_fail(&err);
}
