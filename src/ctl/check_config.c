/* revertctl check-config */
#include "ctl/verbs.h"

#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/config.h"
#include "revertd/credential.h"

#include <stdlib.h>
#include <string.h>

/* -- credentials: what the daemon will miss. They may be there only where it runs, so that is no error -- */

static void look_for(json_t *warnings, const struct rv_config *config, const char *kind, const char *owner,
                     const char *credential) {
        struct rv_error err = {0};
        char *secret = NULL;

        if (!credential)
                return;
        if (rv_credential_read(config->credentials_directory, credential, &secret, &err) < 0)
                json_array_append_new(warnings,
                                      json_sprintf("%s%s%s: %s", kind, owner ? " " : "", owner ? owner : "", err.text));
        rv_credential_free(secret);
}

static bool has_credential(const struct rv_endpoint *endpoint) {
        return endpoint->credential || endpoint->key_credential;
}

static void look_for_endpoints(json_t *warnings, const struct rv_config *config, const char *kind, const char *owner,
                               const struct rv_endpoint *endpoint) {
        look_for(warnings, config, kind, owner, endpoint->credential);
        look_for(warnings, config, kind, owner, endpoint->key_credential);
}

static bool names_any(const struct rv_config *config) {
        bool any = config->listen.credential || config->listen.key_credential;

        for (size_t i = 0; i < config->n_repositories; i++)
                any = any || ((config->repositories[i].credential || config->repositories[i].forge_credential) &&
                              !config->repositories[i].socket);
        for (size_t i = 0; i < config->n_prometheus; i++)
                any = any || has_credential(&config->prometheus[i].endpoint);
        for (size_t i = 0; i < config->n_alertmanagers; i++)
                any = any || has_credential(&config->alertmanagers[i].endpoint);
        for (size_t i = 0; i < config->n_operators; i++)
                any = any || has_credential(&config->operators[i].endpoint);
        any = any || config->n_signatures > 0;
        for (size_t i = 0; i < config->n_receivers; i++)
                any = any || config->receivers[i].credential;
        return any;
}

static void look_for_workers(json_t *warnings, const struct rv_config *config,
                             const struct rv_repository_config *repository) {
        const char *const credentials[] = {repository->credential,  repository->forge_credential,
                                           repository->passphrase,  repository->proxy_login,
                                           repository->signing_key, repository->signing_passphrase};

        for (size_t i = 0; i < RV_ARRAY_SIZE(credentials); i++)
                look_for(warnings, config, "repository", repository->name, credentials[i]);
}

/* NULL: out of memory. */
static json_t *find_warnings(const struct rv_config *config) {
        json_t *warnings = json_array();

        if (!warnings || !config || !names_any(config))
                return warnings;
        if (!config->credentials_directory && !getenv("CREDENTIALS_DIRECTORY")) {
                json_array_append_new(warnings, json_string("the credentials cannot be looked for: neither "
                                                            "$CREDENTIALS_DIRECTORY nor credentials_directory is set"));
                return warnings;
        }
        look_for(warnings, config, "listen", NULL, config->listen.credential);
        look_for(warnings, config, "listen", NULL, config->listen.key_credential);
        for (size_t i = 0; i < config->n_repositories; i++)
                if (!config->repositories[i].socket) /* else its worker has its own */
                        look_for_workers(warnings, config, &config->repositories[i]);
        for (size_t i = 0; i < config->n_prometheus; i++)
                look_for_endpoints(warnings, config, "prometheus", config->prometheus[i].name,
                                   &config->prometheus[i].endpoint);
        for (size_t i = 0; i < config->n_alertmanagers; i++)
                look_for_endpoints(warnings, config, "alertmanager", config->alertmanagers[i].name,
                                   &config->alertmanagers[i].endpoint);
        for (size_t i = 0; i < config->n_operators; i++)
                look_for_endpoints(warnings, config, "operator", config->operators[i].name,
                                   &config->operators[i].endpoint);
        for (size_t i = 0; i < config->n_signatures; i++)
                look_for(warnings, config, "signature", config->signatures[i].name, config->signatures[i].credential);
        for (size_t i = 0; i < config->n_receivers; i++)
                look_for(warnings, config, "receiver", config->receivers[i].name, config->receivers[i].credential);
        return warnings;
}

static void print_warnings(const json_t *warnings) {
        const json_t *warning;
        size_t i;

        json_array_foreach (warnings, i, warning) {
                printf("  %swarning%s: ", paint_begin(stdout, YELLOW), paint_end(stdout, YELLOW));
                paint_text(stdout, json_string_value(warning));
                putchar('\n');
        }
}

static void print_count(size_t n, const char *one, const char *many) {
        printf(" - %zu %s", n, n == 1 ? one : many);
}

static void print_found(const struct rv_config *config) {
        size_t n_mode[RV_MODE_MAX] = {0};
        const char *separator = ": ";

        for (size_t i = 0; i < config->n_rules; i++)
                n_mode[config->rules[i].mode]++;
        puts("Found:");
        print_count(config->n_repositories, "repository\n", "repositories\n");
        print_count(config->n_prometheus, "Prometheus server\n", "Prometheus servers\n");
        if (config->n_operators > 0)
                print_count(config->n_operators, "operator\n", "operators\n");
        if (config->n_events > 0)
                print_count(config->n_events, "source of events\n", "sources of events\n");
        print_count(config->n_receivers, "receiver\n", "receivers\n");
        print_count(config->n_rules, "rule", "rules");
        for (unsigned mode = 0; mode < RV_MODE_MAX; mode++)
                if (n_mode[mode] > 0) {
                        printf("%s%zu %s", separator, n_mode[mode], rv_mode_to_string(mode));
                        separator = ", ";
                }
        putchar('\n');
}

static json_t *to_json(const char *file, const struct rv_config *config, const struct rv_config_errors *errors,
                       const json_t *warnings) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < errors->n; i++)
                json_array_append_new(list, json_string(errors->text[i]));
        return json_pack("{s:s, s:b, s:o, s:O, s:I, s:I, s:I, s:I}", "file", file, "valid", config != NULL, "errors",
                         list, "warnings", warnings, "repositories", (json_int_t)(config ? config->n_repositories : 0),
                         "prometheus", (json_int_t)(config ? config->n_prometheus : 0), "receivers",
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
        _cleanup_json_ json_t *warnings = find_warnings(r == 0 ? config : NULL);

        if (all) {
                json_array_append_new(all, to_json(file, config, &errors, warnings));
        } else {
                fputs("Checking '", stdout);
                paint_text(stdout, file);
                fputs("'  ", stdout);
                if (r < 0)
                        print_errors(file, r, &errors);
                else {
                        printf("%sSUCCESS%s\n", paint_begin(stdout, GREEN), paint_end(stdout, GREEN));
                        print_warnings(warnings);
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

        if (args->output == CTL_JSON && !all)
                return ctl_oom();
        for (int i = 0; i < n; i++)
                n_bad += !check(file[i], all);
        return ctl_end_files(all, n_bad, n, "not valid");
}
