/* What one key alone cannot say: checks of whole groups, and of the whole. */
#include "config/reader.h"
#include "config/values.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

/* A certificate and its key come together. */
static void check_pair(struct rv_reader *reader, const char *cert_file, const char *key_credential) {
        if (cert_file && !key_credential)
                rv_reader_problem(reader, "cert_file", "needs key_credential, its private key");
        if (key_credential && !cert_file)
                rv_reader_problem(reader, "key_credential", "needs cert_file, its certificate");
}

static void check_listen(struct rv_reader *reader, const struct rv_listen_config *listen) {
        check_pair(reader, listen->cert_file, listen->key_credential);
        if (listen->username && !listen->credential)
                rv_reader_problem(reader, "username", "needs credential, its password");
        if (listen->client_ca_file && !listen->cert_file)
                rv_reader_problem(reader, "client_ca_file",
                                  "needs cert_file: there are client certificates only in TLS");
        for (char **a = listen->addresses; a && *a; a++)
                if (!rv_address_is_loopback(*a) && !listen->credential && !listen->client_ca_file)
                        rv_reader_problem(reader, "address",
                                          "'%s' is reachable from other machines: that needs credential or "
                                          "client_ca_file",
                                          *a);
}

static void check_ssh(struct rv_reader *reader, const struct rv_repository_config *repository) {
        bool ssh = !repository->url || rv_remote_is_ssh(repository->url);

        if (repository->passphrase && !repository->credential)
                rv_reader_problem(reader, "passphrase", "needs credential, the key that it opens");
        else if (repository->passphrase && !ssh)
                rv_reader_problem(reader, "passphrase", "is for SSH remotes");
        if (repository->ssh_agent && !ssh && !repository->signing_key)
                rv_reader_problem(reader, "ssh_agent", "is for SSH remotes and for signing_key");
        if (repository->ssh_config && !ssh)
                rv_reader_problem(reader, "ssh_config", "is for SSH remotes");
        if (repository->proxy && repository->url && strncmp(repository->url, "http", 4) != 0 && !repository->forge)
                rv_reader_problem(reader, "proxy", "is for HTTP remotes; for SSH there is ssh_config");
        if (repository->proxy_login && !repository->proxy)
                rv_reader_problem(reader, "proxy_login", "needs proxy");
}

static void check_signing(struct rv_reader *reader, const struct rv_repository_config *repository) {
        if (repository->gpg_home && !repository->gpg_key)
                rv_reader_problem(reader, "gpg_home", "needs gpg_key, which of its keys signs");
        if (repository->gpg_key && !repository->gpg_home)
                rv_reader_problem(reader, "gpg_key", "needs gpg_home, where it is");
        if (repository->gpg_home && repository->signing_key)
                rv_reader_problem(reader, "gpg_home", "a commit is signed by signing_key or by gpg_key, not both");
        if (repository->signing_passphrase && !repository->signing_key && !repository->gpg_key)
                rv_reader_problem(reader, "signing_passphrase", "needs signing_key or gpg_key");
}

static void check_without_forge(struct rv_reader *reader, const struct rv_repository_config *repository) {
        const char *key = repository->forge_url                         ? "forge_url"
                          : repository->forge_project                   ? "forge_project"
                          : repository->forge_credential                ? "forge_credential"
                          : repository->auto_merge                      ? "auto_merge"
                          : repository->merge_method != RV_MERGE_COMMIT ? "merge_method"
                                                                        : NULL;

        if (key)
                rv_reader_problem(reader, key, "needs forge, which one it is of");
}

/* The API itself, and not the pages beside it. */
static void check_forge_url(struct rv_reader *reader, const struct rv_repository_config *repository) {
        const char *end = repository->forge == RV_FORGE_GITEA    ? "/api/v1"
                          : repository->forge == RV_FORGE_GITLAB ? "/api/v4"
                                                                 : "";
        size_t n = repository->forge_url ? strlen(repository->forge_url) : 0;

        if (repository->forge_url && (n < strlen(end) || strcmp(repository->forge_url + n - strlen(end), end) != 0))
                rv_reader_problem(reader, "forge_url", "is not the base of its API, which ends in %s", end);
}

/* GitHub is where GitHub is; the others are somebody's own. */
static int check_forge(struct rv_reader *reader, struct rv_repository_config *repository) {
        const char *slash = repository->forge_project ? strchr(repository->forge_project, '/') : NULL;

        if (repository->forge == RV_FORGE_NONE) {
                check_without_forge(reader, repository);
                return 0;
        }
        if (!rv_reader_given(reader, "forge_project"))
                rv_reader_problem(reader, "forge", "needs forge_project, which repository there it is");
        else if (repository->forge != RV_FORGE_GITLAB && repository->forge_project &&
                 (!slash || strchr(slash + 1, '/')))
                rv_reader_problem(reader, "forge_project", "is no OWNER/NAME");
        if (!rv_reader_given(reader, "forge_credential"))
                rv_reader_problem(reader, "forge", "needs forge_credential, a token");
        if (repository->forge == RV_FORGE_GITLAB && repository->merge_method == RV_MERGE_REBASE)
                rv_reader_problem(reader, "merge_method",
                                  "GitLab rebases where the project's own settings say so: merge or squash");
        if (!rv_reader_given(reader, "forge_url") && repository->forge != RV_FORGE_GITHUB)
                rv_reader_problem(reader, "forge", "needs forge_url, the base of its API");
        check_forge_url(reader, repository);
        if (repository->forge_url)
                return 0;
        repository->forge_url = strdup("https://api.github.com");
        return repository->forge_url ? 0 : -ENOMEM;
}

static int check_repository(struct rv_reader *reader, struct rv_repository_config *repository) {
        if (repository->url && rv_remote_is_ssh(repository->url) && !repository->known_hosts &&
            !rv_reader_given(reader, "known_hosts"))
                rv_reader_problem(reader, "known_hosts", "is missing: an SSH remote is known by its host key");
        check_ssh(reader, repository);
        check_signing(reader, repository);
        return check_forge(reader, repository);
}

/* The path of the API is put behind it, and would stand there twice. */
static void check_base(struct rv_reader *reader, const struct rv_endpoint *endpoint, const char *path) {
        size_t n = endpoint->url ? strlen(endpoint->url) : 0, n_path = strlen(path);

        if (n > n_path && strcmp(endpoint->url + n - n_path, path) == 0)
                rv_reader_problem(reader, "url", "the address is wanted without %s, which is added to it", path);
}

static void check_endpoint(struct rv_reader *reader, const struct rv_endpoint *endpoint, const char *path) {
        check_base(reader, endpoint, path);
        check_pair(reader, endpoint->cert_file, endpoint->key_credential);
        if (endpoint->username && !endpoint->credential)
                rv_reader_problem(reader, "username", "needs credential, its password");
}

static void check_operator_address(struct rv_reader *reader, const struct rv_operator_config *config) {
        check_endpoint(reader, &config->endpoint, config->type == RV_OPERATOR_ARGOCD ? "/api/v1" : "/apis");
}

/* -- Rules -- */

static bool is_absent(const struct rv_reader *reader, const char *key) {
        return !rv_reader_given(reader, key) && !(reader->defaults && config_setting_get_member(reader->defaults, key));
}

/* A key that refers to something of which there is but one needs not be written. */
static void choose_only_one(struct rv_reader *reader, const char *key, size_t n, int *index) {
        if (*index >= 0 || !is_absent(reader, key))
                return;
        if (n == 1)
                *index = 0;
        else
                rv_reader_problem(reader, key,
                                  n == 0 ? "is missing, and there is none" : "is missing, and there are several");
}

/* A value is never both; and an edge makes sense only where bad and good lie on two sides. */
static void check_clear(struct rv_reader *reader, struct rv_rule_config *rule) {
        bool up = rule->breach_op == RV_BREACH_GT || rule->breach_op == RV_BREACH_GE;
        bool down = rule->breach_op == RV_BREACH_LT || rule->breach_op == RV_BREACH_LE;
        bool faces = up     ? rule->clear_op == RV_BREACH_LT || rule->clear_op == RV_BREACH_LE
                     : down ? rule->clear_op == RV_BREACH_GT || rule->clear_op == RV_BREACH_GE
                            : false;
        bool both_at_edge = (rule->breach_op == RV_BREACH_GE || rule->breach_op == RV_BREACH_LE) &&
                            (rule->clear_op == RV_BREACH_GE || rule->clear_op == RV_BREACH_LE);
        double apart = up ? rule->breach_value - rule->clear_value : rule->clear_value - rule->breach_value;

        rule->has_clear = rv_reader_given(reader, "clear");
        if (!rule->has_clear)
                return;
        if (!faces)
                rv_reader_problem(reader, "clear", "does not face breach: < or <= where that has > or >=, and so on");
        else if (apart < 0 || (!(apart > 0) && both_at_edge))
                rv_reader_problem(reader, "clear", "has values in common with breach");
}

static void check_firing(struct rv_reader *reader, struct rv_rule_config *rule) {
        if (rv_reader_given(reader, "breaches")) {
                if (rv_reader_given(reader, "for"))
                        rv_reader_problem(reader, "breaches", "a rule has for or breaches, not both");
                rule->for_usec = 0;
        }
        check_clear(reader, rule);
}

static void check_signal(struct rv_reader *reader, struct rv_rule_config *rule) {
        bool polled = rv_reader_given(reader, "expr"), alerts = rv_reader_given(reader, "match");
        bool confirm = rv_reader_given(reader, "confirm");

        if (polled && alerts)
                rv_reader_problem(reader, "match", "a rule has expr or match, not both");
        else if (!polled && !alerts)
                rv_reader_problem(reader, NULL, "has neither expr nor match");
        else if (polled && confirm)
                rv_reader_problem(reader, "confirm", "is for rules with match");
        if (alerts && !polled) {
                static const char *const polled_only[] = {"require", "breaches", "keep_firing_for", "clear"};
                for (size_t i = 0; i < RV_ARRAY_SIZE(polled_only); i++)
                        if (rv_reader_given(reader, polled_only[i]))
                                rv_reader_problem(reader, polled_only[i], "is for rules with expr");
                rule->keep_firing_usec = 0;
                if (!rv_reader_given(reader, "for")) /* a polled rule's default says nothing of an alert's */
                        rule->for_usec = 0;
        }
        if (polled)
                check_firing(reader, rule);
        bool asks = polled || confirm;
        if (asks && !rv_reader_given(reader, "breach"))
                rv_reader_problem(reader, "breach", "is missing: %s needs it", polled ? "expr" : "confirm");
        if (!asks && alerts && rv_reader_given(reader, "breach"))
                rv_reader_problem(reader, "breach", "is for rules with expr or confirm");
        if (alerts && reader->config->n_alertmanagers > 0)
                choose_only_one(reader, "alertmanager", reader->config->n_alertmanagers, &rule->alertmanager);
        else if (!alerts && rv_reader_given(reader, "alertmanager"))
                rv_reader_problem(reader, "alertmanager", "is for rules with match");
        if (asks)
                choose_only_one(reader, "prometheus", reader->config->n_prometheus, &rule->prometheus);
        else
                rule->prometheus = -1;
}

static void check_longer(struct rv_reader *reader, const char *key, int64_t usec, const char *other,
                         int64_t other_usec) {
        char a[RV_DURATION_TEXT_MAX], b[RV_DURATION_TEXT_MAX];
        if (usec > other_usec)
                rv_reader_problem(reader, rv_reader_given(reader, key) ? key : other, "%s (%s) is longer than %s (%s)",
                                  key, rv_duration_format(usec, a), other, rv_duration_format(other_usec, b));
}

static int tell_all(const struct rv_config *config, struct rv_rule_config *rule) {
        if (config->n_receivers == 0)
                return 0;
        rule->receivers = calloc(config->n_receivers, sizeof(*rule->receivers));
        if (!rule->receivers)
                return -ENOMEM;
        for (; rule->n_receivers < config->n_receivers; rule->n_receivers++)
                rule->receivers[rule->n_receivers] = (int)rule->n_receivers;
        return 0;
}

/* Changes elsewhere cannot go back to a state of the scope. */
static void check_restore(struct rv_reader *reader, const struct rv_rule_config *rule) {
        const char *key = rule->suspects == RV_SUSPECTS_RESTORE   ? "suspects"
                          : rule->fallback != RV_FALLBACK_DECLINE ? "fallback"
                                                                  : NULL;

        if (key && rule->outside == RV_OUTSIDE_WHOLE)
                rv_reader_problem(reader, rv_reader_given(reader, key) ? key : "outside",
                                  "a restore puts back the rule's paths alone, which outside = \"whole\" forbids");
}

/* A pull request is made somewhere. */
static void check_proposal(struct rv_reader *reader, const struct rv_rule_config *rule) {
        const char *key = rule->mode == RV_MODE_PROPOSE           ? "mode"
                          : rule->fallback == RV_FALLBACK_PROPOSE ? "fallback"
                                                                  : NULL;

        if (key && rule->repository >= 0 && reader->config->repositories[rule->repository].forge == RV_FORGE_NONE)
                rv_reader_problem(reader, key, "repository %s has no forge, where a pull request could be made",
                                  reader->config->repositories[rule->repository].name);
}

/* An operator is asked for an application: one that stands in the defaults alone is for the rules that have one. */
static void check_operator(struct rv_reader *reader, struct rv_rule_config *rule) {
        const struct rv_operator_config *operators = reader->config->operators;

        if (rule->application)
                choose_only_one(reader, "operator", reader->config->n_operators, &rule->applied_by);
        else if (rule->applied_by >= 0 && rv_reader_given(reader, "operator") && is_absent(reader, "application"))
                rv_reader_problem(reader, "operator",
                                  "needs application, what the operator calls that which it applies");
        if (rv_reader_given(reader, "namespace") && is_absent(reader, "application"))
                rv_reader_problem(reader, "namespace", "needs application");
        if (rule->application && rule->applied_by >= 0) {
                if (operators[rule->applied_by].type != RV_OPERATOR_ARGOCD && is_absent(reader, "namespace"))
                        rv_reader_problem(reader, "namespace",
                                          "is missing: Kubernetes knows the application by it too");
                return;
        }
        rule->applied_by = -1;
        rule->application = rv_template_free(rule->application);
        rule->space = rv_template_free(rule->space);
}

static int check_rule(struct rv_reader *reader, struct rv_rule_config *rule) {
        check_signal(reader, rule);
        choose_only_one(reader, "repository", reader->config->n_repositories, &rule->repository);
        check_restore(reader, rule);
        check_proposal(reader, rule);
        check_operator(reader, rule);
        check_longer(reader, "window", rule->window_usec, "max_age", rule->max_age_usec);
        check_longer(reader, "recover", rule->recover_usec, "verify_timeout", rule->verify_timeout_usec);
        return is_absent(reader, "receivers") ? tell_all(reader->config, rule) : 0;
}

int rv_check_section(struct rv_reader *reader, enum rv_section section, void *base) {
        switch (section) {
        case RV_SECTION_LISTEN:
                check_listen(reader, base);
                return 0;
        case RV_SECTION_REPOSITORY:
                return check_repository(reader, base);
        case RV_SECTION_PROMETHEUS:
                check_endpoint(reader, &((const struct rv_prometheus_config *)base)->endpoint, "/api/v1");
                return 0;
        case RV_SECTION_ALERTMANAGER:
                check_endpoint(reader, &((const struct rv_alertmanager_config *)base)->endpoint, "/api/v2");
                return 0;
        case RV_SECTION_EVENT:
                rv_check_event(reader, base);
                return 0;
        case RV_SECTION_OPERATOR:
                check_operator_address(reader, base);
                return 0;
        case RV_SECTION_RULE:
                return check_rule(reader, base);
        default:
                return 0;
        }
}

/* -- Names, over all files -- */

struct named {
        const char *name;
        const struct rv_location *at;
        unsigned index;
};

static int compare_names(const void *x, const void *y) {
        const struct named *a = x, *b = y;
        int r = strcmp(a->name, b->name);
        return r != 0 ? r : (a->index > b->index) - (a->index < b->index);
}

/* The named ones in the order of their names. *ret_n: those that have one. */
static struct named *sort_names(const struct rv_config *config, enum rv_section section, size_t *ret_n) {
        const struct rv_section_info *info = rv_section_info(section);
        const char *array = *(char *const *)((const char *)config + info->offset);
        size_t n = *(const size_t *)((const char *)config + info->offset_n), named = 0;
        struct named *sorted = calloc(n + 1, sizeof(*sorted));

        for (size_t i = 0; i < n && sorted; i++) {
                const char *base = array + i * info->size;
                const char *name = *(char *const *)(base + info->offset_name);
                if (name)
                        sorted[named++] = (struct named){name, (const void *)(base + info->offset_at), (unsigned)i};
        }
        if (sorted)
                qsort(sorted, named, sizeof(*sorted), compare_names);
        *ret_n = named;
        return sorted;
}

static int index_rules(struct rv_config *config, const struct named *sorted, size_t n) {
        config->rules_by_name = calloc(n + 1, sizeof(*config->rules_by_name));
        if (!config->rules_by_name)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                config->rules_by_name[i] = sorted[i].index;
        return 0;
}

int rv_check_whole(struct rv_reader *reader) {
        for (enum rv_section section = 0; section < RV_SECTION_MAX; section++) {
                const struct rv_section_info *info = rv_section_info(section);
                size_t n;
                if (!info->list)
                        continue;
                _cleanup_free_ struct named *sorted = sort_names(reader->config, section, &n);
                if (!sorted)
                        return -ENOMEM;
                for (size_t i = 1; i < n; i++)
                        if (strcmp(sorted[i].name, sorted[i - 1].name) == 0)
                                rv_problems_add(reader->problems, sorted[i].at->file, sorted[i].at->line,
                                                "%s %s: the name is taken: %s:%u has it", info->one, sorted[i].name,
                                                sorted[i - 1].at->file, sorted[i - 1].at->line);
                if (section == RV_SECTION_RULE && index_rules(reader->config, sorted, n) < 0)
                        return -ENOMEM;
        }
        return 0;
}
