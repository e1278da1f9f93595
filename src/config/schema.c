#include "config/schema.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <stdio.h>
#include <string.h>

#define MSEC RV_USEC_PER_MSEC
#define SEC RV_USEC_PER_SEC
#define MINUTE RV_USEC_PER_MINUTE
#define HOUR RV_USEC_PER_HOUR
#define DAY RV_USEC_PER_DAY

#define REQUIRED RV_KEY_REQUIRED
#define NONEMPTY RV_KEY_NONEMPTY
#define MAY_CLEAR RV_KEY_MAY_CLEAR
#define IN_DEFAULTS RV_KEY_IN_DEFAULTS

/* ROW(section, struct, key, type, field, documentation, more…) */
#define ROW(sec, str, key, typ, field, text, ...)                                                                      \
        {                                                                                                              \
                .section = RV_SECTION_##sec, .name = key, .type = &rv_type_##typ,                                      \
                .offset = offsetof(struct str, field), .doc = text, __VA_ARGS__                                        \
        }
#define ROOT(key, type, field, ...) ROW(ROOT, rv_config, key, type, field, __VA_ARGS__)
#define LISTEN(key, type, field, ...) ROW(LISTEN, rv_listen_config, key, type, field, __VA_ARGS__)
#define REPOSITORY(key, type, field, ...) ROW(REPOSITORY, rv_repository_config, key, type, field, __VA_ARGS__)
#define PROMETHEUS(key, type, field, ...) ROW(PROMETHEUS, rv_prometheus_config, key, type, field, __VA_ARGS__)
#define ALERTMANAGER(key, type, field, ...) ROW(ALERTMANAGER, rv_alertmanager_config, key, type, field, __VA_ARGS__)
#define EVENT(key, type, field, ...) ROW(EVENT, rv_event_config, key, type, field, __VA_ARGS__)
#define SIGNATURE(key, type, field, ...) ROW(SIGNATURE, rv_signature_config, key, type, field, __VA_ARGS__)
#define OPERATOR(key, type, field, ...) ROW(OPERATOR, rv_operator_config, key, type, field, __VA_ARGS__)
#define RECEIVER(key, type, field, ...) ROW(RECEIVER, rv_receiver_config, key, type, field, __VA_ARGS__)
#define RULE(key, type, field, ...) ROW(RULE, rv_rule_config, key, type, field, __VA_ARGS__)

/* clang-format off */
/* How to reach a server, for the sections that have an rv_endpoint. */
#define ENDPOINT(SECTION)                                                                                              \
        SECTION("credential", credential, endpoint.credential, "bearer token, or with username the password",          \
                .absent = "none"),                                                                                     \
        SECTION("username", text, endpoint.username, "basic authentication", .absent = "none"),                        \
        SECTION("headers", headers, endpoint.headers, "sent with each request", .absent = "none"),                     \
        SECTION("ca_file", file, endpoint.ca_file, "CA of the server, PEM", .absent = "the system's"),                 \
        SECTION("cert_file", file, endpoint.cert_file, "client certificate, PEM", .absent = "none"),                   \
        SECTION("key_credential", credential, endpoint.key_credential, "private key of cert_file", .absent = "none"),  \
        SECTION("timeout", duration, endpoint.timeout_usec, "one request",                                             \
                .min = 100 * MSEC, .max = 5 * MINUTE, .fallback = "10s")

const struct rv_key rv_schema[] = {
        ROOT("budget", integer, budget, "pushes in 24 hours, all repositories together",
             .min = 0, .max = 1000, .fallback = "4"),
        ROOT("retention", duration, retention_usec, "how long ended incidents are kept",
             .min = DAY, .max = 3650 * DAY, .fallback = "90d"),
        ROOT("credentials_directory", file, credentials_directory,
             "where credentials are looked for that are not in $CREDENTIALS_DIRECTORY", .absent = "none"),
        ROOT("external_url", url, external_url, "where people reach revertd, for links in notices", .absent = "none"),
        ROOT("rule_files", globs, rule_files, "further files with rules", .absent = "none"),

        LISTEN("address", addresses, addresses, "where HTTP is served",
               .fallback = "127.0.0.1:9798"),
        LISTEN("socket", file, socket, "Unix socket of the API; \"\" for none",
               .fallback = "/run/revertd/revertd.sock", .flags = MAY_CLEAR),
        LISTEN("credential", credential, credential, "bearer token that callers show, or with username the password",
               .absent = "none"),
        LISTEN("username", text, username, "basic authentication instead of a bearer token", .absent = "none"),
        LISTEN("cert_file", file, cert_file, "TLS certificate with its chain, PEM", .absent = "plain HTTP"),
        LISTEN("key_credential", credential, key_credential, "private key of cert_file", .absent = "none"),
        LISTEN("client_ca_file", file, client_ca_file, "CA that callers' certificates must come from",
               .absent = "none"),

        REPOSITORY("name", name, name, "what rules call it", .flags = REQUIRED),
        REPOSITORY("url", remote, url, "the remote", .flags = REQUIRED),
        REPOSITORY("branch", branch, branch, "the branch that is deployed", .fallback = "main"),
        REPOSITORY("credential", credential, credential, "SSH private key, or password or token of HTTP",
                   .absent = "none"),
        REPOSITORY("username", text, username, "user name of HTTP", .absent = "git"),
        REPOSITORY("known_hosts", file, known_hosts, "host keys of an SSH remote", .absent = "none"),
        REPOSITORY("ca_file", file, ca_file, "CA of an HTTPS remote, PEM", .absent = "the system's"),
        REPOSITORY("passphrase", credential, passphrase, "passphrase of the SSH key", .absent = "none"),
        REPOSITORY("ssh_agent", file, ssh_agent, "socket of the SSH agent that holds the key", .absent = "none"),
        REPOSITORY("ssh_config", file, ssh_config, "further settings of the SSH client: jump hosts, ciphers",
                   .absent = "none"),
        REPOSITORY("proxy", url, proxy, "HTTP proxy of an HTTP remote", .absent = "the environment's"),
        REPOSITORY("proxy_login", credential, proxy_login, "user:password at the proxy", .absent = "none"),
        REPOSITORY("signing_key", credential, signing_key, "SSH key that signs the commits", .absent = "none"),
        REPOSITORY("gpg_home", file, gpg_home, "folder of the GnuPG that signs the commits", .absent = "none"),
        REPOSITORY("gpg_key", text, gpg_key, "which key of gpg_home signs", .absent = "none"),
        REPOSITORY("signing_passphrase", credential, signing_passphrase, "passphrase of the key that signs",
                   .absent = "none"),
        REPOSITORY("allow_paths", patterns, allow_paths, "what may ever be touched", .absent = "all"),
        REPOSITORY("protect_paths", patterns, protect_paths, "a change to these is left to people", .absent = "none"),
        REPOSITORY("protect_authors", authors, protect_authors, "a change of theirs is left to people",
                   .absent = "none"),
        REPOSITORY("image_updaters", authors, image_updaters, "whose commits an image updater may write again",
                   .absent = "those of Argo CD Image Updater and Flux"),
        REPOSITORY("poll", duration, poll_usec, "how often the branch is looked at",
                   .min = SEC, .max = HOUR, .fallback = "15s"),
        REPOSITORY("timeout", duration, timeout_usec, "one attempt at the remote",
                   .min = SEC, .max = HOUR, .fallback = "60s"),
        REPOSITORY("budget", integer, budget, "pushes in 24 hours", .min = 0, .max = 1000, .fallback = "4"),
        REPOSITORY("committer_name", text, committer_name, "name in the commits", .fallback = "revertd"),
        REPOSITORY("committer_email", text, committer_email, "address in the commits",
                   .fallback = "revertd@localhost"),
        REPOSITORY("web_commit_url", link, web_commit_url, "a commit's page, {} where its id stands",
                   .absent = "none"),
        REPOSITORY("forge", forge, forge, "what serves its pull requests", .fallback = "none"),
        REPOSITORY("forge_url", url, forge_url, "base of the forge's API", .absent = "GitHub's"),
        REPOSITORY("forge_project", project, forge_project, "the repository, as the forge calls it", .absent = "none"),
        REPOSITORY("forge_credential", credential, forge_credential, "token of the forge's API", .absent = "none"),
        REPOSITORY("auto_merge", boolean, auto_merge, "have the forge merge what is proposed once it may be",
                   .fallback = "false"),
        REPOSITORY("merge_method", merge_method, merge_method, "how it is merged then", .fallback = "merge"),
        REPOSITORY("socket", file, socket, "socket of a worker that runs as a unit of its own",
                   .absent = "revertd starts the worker"),

        PROMETHEUS("name", name, name, "what rules call it", .flags = REQUIRED),
        PROMETHEUS("url", url, endpoint.url, "without /api/v1", .flags = REQUIRED),
        ENDPOINT(PROMETHEUS),
        PROMETHEUS("delay", duration, delay_usec, "evaluate this much in the past",
                   .min = 0, .max = 10 * MINUTE, .fallback = "1s"),
        PROMETHEUS("healthy", expression, healthy, "what must be true of the server for its answers to count",
                   .absent = "its answers count whenever it gives them"),
        PROMETHEUS("max_skew", duration, max_skew_usec, "how far its clock may be from this machine's; 0 is any",
                   .min = 0, .max = HOUR, .fallback = "30s"),

        ALERTMANAGER("name", name, name, "what rules call it", .flags = REQUIRED),
        ALERTMANAGER("url", url, endpoint.url, "without /api/v2", .flags = REQUIRED),
        ENDPOINT(ALERTMANAGER),

        EVENT("name", name, name, "what stands in its path: /webhooks/event/NAME", .flags = REQUIRED),
        EVENT("items", pointer, items, "where in the body the items are: one object, or an array of them",
              .absent = "the body"),
        EVENT("verdict", pointer, verdict, "where in an item its verdict is", .absent = "each item fires"),
        EVENT("firing", verdicts, firing, "verdicts that are a breach", .absent = "none"),
        EVENT("ok", verdicts, ok, "verdicts that end it", .absent = "none"),
        EVENT("inconclusive", verdicts, inconclusive, "verdicts that say nothing", .absent = "none"),
        EVENT("labels", event_labels, labels, "its labels, name=value or name=/pointer",
              .offset_n = offsetof(struct rv_event_config, n_labels), .flags = REQUIRED | NONEMPTY),
        EVENT("start", pointer, start, "where in an item the time is at which it was so",
              .absent = "when it comes in"),
        EVENT("resolve_after", duration, resolve_after_usec, "what fires is over that long after it was last heard of",
              .min = SEC, .max = 30 * DAY, .absent = "never"),

        SIGNATURE("webhook", webhook, name, "whose bodies are signed: alertmanager, grafana, event/NAME",
                  .flags = REQUIRED),
        SIGNATURE("credential", credential, credential, "the key", .flags = REQUIRED),
        SIGNATURE("header", header_name, header, "where the signature stands", .fallback = "X-Hub-Signature-256"),
        SIGNATURE("time_header", header_name, time_header, "where the time stands that is signed with the body",
                  .absent = "the body alone is signed"),

        OPERATOR("name", name, name, "what rules call it", .flags = REQUIRED),
        OPERATOR("type", operator_type, type, "what it is, and by which API it is read", .flags = REQUIRED),
        OPERATOR("url", url, endpoint.url, "of Argo CD, or of the Kubernetes API", .flags = REQUIRED),
        ENDPOINT(OPERATOR),
        OPERATOR("nudge", boolean, nudge, "tell it after a push that there is something new", .fallback = "false"),

        RECEIVER("name", name, name, "what rules call it", .flags = REQUIRED),
        RECEIVER("type", receiver_type, type, "what it is", .flags = REQUIRED),
        RECEIVER("credential", credential, credential, "with channel a bot token, else the URL of an incoming webhook",
                 .flags = REQUIRED),
        RECEIVER("channel", text, channel, "channel id", .absent = "that of the webhook"),
        RECEIVER("api_url", url, api_url, "the Web API", .fallback = "https://slack.com/api"),
        RECEIVER("ca_file", file, ca_file, "CA of the server, PEM", .absent = "the system's"),
        RECEIVER("timeout", duration, timeout_usec, "one request",
                 .min = 100 * MSEC, .max = 5 * MINUTE, .fallback = "10s"),

        RULE("name", name, name, "what people and metrics call it", .flags = REQUIRED),
        RULE("summary", template, summary, "one line that says what is wrong", .fallback = "in breach"),
        RULE("runbook", page, runbook, "page that helps", .absent = "none"),
        RULE("prometheus", prometheus, prometheus, "where expr, require and confirm are evaluated",
             .absent = "the only one", .flags = IN_DEFAULTS),
        RULE("expr", expression, expr, "PromQL, one series for each thing watched", .absent = "none"),
        RULE("breach", threshold, breach_op, "when a value is bad",
             .offset_n = offsetof(struct rv_rule_config, breach_value), .absent = "none"),
        RULE("clear", threshold, clear_op, "when a value is good again, once it was bad",
             .offset_n = offsetof(struct rv_rule_config, clear_value), .absent = "all that is not in breach"),
        RULE("require", expression, require, "PromQL that must hold for a value to count", .absent = "none"),
        RULE("interval", duration, interval_usec, "how often it is evaluated",
             .min = SEC, .max = HOUR, .fallback = "15s", .flags = IN_DEFAULTS),
        RULE("for", duration, for_usec, "how long a breach must last",
             .min = 0, .max = DAY, .fallback = "1m", .flags = IN_DEFAULTS),
        RULE("breaches", breaches, breaches, "how many evaluations must be in breach, instead of for",
             .absent = "by for"),
        RULE("keep_firing_for", duration, keep_firing_usec, "how long it must be well to be over",
             .min = 0, .max = DAY, .fallback = "0", .flags = IN_DEFAULTS),
        RULE("alertmanager", alertmanager, alertmanager, "where it is asked whether an alert is silenced; \"\" for none",
             .absent = "the only one", .flags = MAY_CLEAR),
        RULE("match", matchers, match, "the alerts that it takes", .offset_n = offsetof(struct rv_rule_config, n_match),
             .absent = "none", .flags = NONEMPTY),
        RULE("confirm", query_template, confirm, "PromQL that must be in breach too", .absent = "none"),
        RULE("repository", repository, repository, "where the cause is looked for",
             .absent = "the only one", .flags = IN_DEFAULTS),
        RULE("operator", applied_by, applied_by, "what applies the repository; \"\" for none",
             .absent = "the only one, with application", .flags = IN_DEFAULTS | MAY_CLEAR),
        RULE("application", object, application, "what the operator calls that which it applies", .absent = "none",
             .flags = IN_DEFAULTS),
        RULE("namespace", object, space, "where the application is", .absent = "the operator's own",
             .flags = IN_DEFAULTS),
        RULE("paths", paths, paths, "the scope", .offset_n = offsetof(struct rv_rule_config, n_paths),
             .flags = REQUIRED | NONEMPTY | IN_DEFAULTS),
        RULE("window", duration, window_usec, "how far before the onset a cause may lie",
             .min = SEC, .max = 30 * DAY, .fallback = "30m", .flags = IN_DEFAULTS),
        RULE("max_age", duration, max_age_usec, "a culprit older than this is left alone",
             .min = SEC, .max = 30 * DAY, .fallback = "6h", .flags = IN_DEFAULTS),
        RULE("good_after", duration, good_after_usec, "ok for this long with a head of the branch makes that the last good one",
             .min = SEC, .max = 30 * DAY, .absent = "as window", .flags = IN_DEFAULTS),
        RULE("suspects", suspects, suspects, "which of several candidates are reverted", .fallback = "newest",
             .flags = IN_DEFAULTS),
        RULE("fallback", fallback, fallback, "what is done where later changes stand in the revert's way",
             .fallback = "decline", .flags = IN_DEFAULTS),
        RULE("confidence", ratio, confidence, "a culprit less sure than this is left alone", .fallback = "0",
             .flags = IN_DEFAULTS),
        RULE("outside", outside, outside, "what becomes of a culprit's changes outside of the scope",
             .fallback = "leave", .flags = IN_DEFAULTS),
        RULE("image_updates", image_updates, image_updates, "what becomes of a culprit that an image updater made",
             .fallback = "decline", .flags = IN_DEFAULTS),
        RULE("dependents", dependents, dependents, "what becomes of a revert where later commits changed lines beside it",
             .fallback = "decline", .flags = IN_DEFAULTS),
        RULE("max_files", integer, max_files, "a culprit that touches more is left alone; 0 for no bound",
             .min = 0, .max = 1000000, .fallback = "1000", .flags = IN_DEFAULTS),
        RULE("shared_cause", integer, shared_cause, "so many other scopes in breach have another cause; 0 for never",
             .min = 0, .max = 100, .fallback = "5", .flags = IN_DEFAULTS),
        RULE("mode", mode, mode, "what is done", .fallback = "observe", .flags = IN_DEFAULTS),
        RULE("hold", duration, hold_usec, "wait before the push", .min = 0, .max = DAY, .fallback = "0",
             .flags = IN_DEFAULTS),
        RULE("approval_timeout", duration, approval_timeout_usec, "how long the question stands",
             .min = SEC, .max = 7 * DAY, .fallback = "1h", .flags = IN_DEFAULTS),
        RULE("proposal_timeout", duration, proposal_timeout_usec, "how long a pull request is followed",
             .min = MINUTE, .max = 90 * DAY, .fallback = "7d", .flags = IN_DEFAULTS),
        RULE("cooldown", duration, cooldown_usec, "no second push for the scope within this time",
             .min = 0, .max = 30 * DAY, .fallback = "30m", .flags = IN_DEFAULTS),
        RULE("apply_timeout", duration, apply_timeout_usec, "by then the operator must have applied the revert",
             .min = SEC, .max = DAY, .fallback = "10m", .flags = IN_DEFAULTS),
        RULE("recover", duration, recover_usec, "ok for this long proves recovery",
             .min = 0, .max = DAY, .fallback = "2m", .flags = IN_DEFAULTS),
        RULE("verify_timeout", duration, verify_timeout_usec, "by then recovery must be proven",
             .min = SEC, .max = DAY, .fallback = "15m", .flags = IN_DEFAULTS),
        RULE("unrecovered", unrecovered, unrecovered, "what is done where a revert did not help", .fallback = "stop",
             .flags = IN_DEFAULTS),
        RULE("receivers", receivers, receivers, "who is told", .offset_n = offsetof(struct rv_rule_config, n_receivers),
             .absent = "all", .flags = IN_DEFAULTS),
};
/* clang-format on */
const size_t rv_schema_n = RV_ARRAY_SIZE(rv_schema);
_Static_assert(RV_ARRAY_SIZE(rv_schema) <= RV_SCHEMA_MAX, "RV_SCHEMA_MAX");

#define LIST(str, field)                                                                                               \
        .list = true, .size = sizeof(struct str), .offset = offsetof(struct rv_config, field),                         \
        .offset_n = offsetof(struct rv_config, n_##field), .offset_at = offsetof(struct str, at),                      \
        .offset_name = offsetof(struct str, name)

const struct rv_section_info *rv_section_info(enum rv_section section) {
        static const struct rv_section_info sections[RV_SECTION_MAX] = {
                [RV_SECTION_ROOT] = {"", "", .size = sizeof(struct rv_config)},
                [RV_SECTION_LISTEN] = {"listen", "listen", .size = sizeof(struct rv_listen_config),
                                       .offset = offsetof(struct rv_config, listen)},
                [RV_SECTION_REPOSITORY] = {"repositories", "repository", LIST(rv_repository_config, repositories)},
                [RV_SECTION_PROMETHEUS] = {"prometheus", "prometheus", LIST(rv_prometheus_config, prometheus)},
                [RV_SECTION_ALERTMANAGER] = {"alertmanagers", "alertmanager",
                                             LIST(rv_alertmanager_config, alertmanagers)},
                [RV_SECTION_EVENT] = {"events", "event", LIST(rv_event_config, events)},
                [RV_SECTION_SIGNATURE] = {"signatures", "signature", LIST(rv_signature_config, signatures)},
                [RV_SECTION_OPERATOR] = {"operators", "operator", LIST(rv_operator_config, operators)},
                [RV_SECTION_RECEIVER] = {"receivers", "receiver", LIST(rv_receiver_config, receivers)},
                [RV_SECTION_RULE] = {"rules", "rule", LIST(rv_rule_config, rules)},
        };
        return &sections[section];
}

const struct rv_key *rv_schema_find(enum rv_section section, const char *name) {
        for (size_t i = 0; i < rv_schema_n; i++)
                if (rv_schema[i].section == section && strcmp(rv_schema[i].name, name) == 0)
                        return &rv_schema[i];
        return NULL;
}

enum { SUGGEST_BYTES_MAX = 32, SUGGEST_EDITS_MAX = 2 };

/* Insertions, deletions, substitutions and swaps of neighbours between two short words (optimal string alignment). */
static unsigned edit_distance(const char *a, const char *b) {
        unsigned d[SUGGEST_BYTES_MAX + 1][SUGGEST_BYTES_MAX + 1];
        size_t n = strlen(a), m = strlen(b);
        if (n > SUGGEST_BYTES_MAX || m > SUGGEST_BYTES_MAX)
                return SUGGEST_BYTES_MAX;
        for (size_t i = 0; i <= n; i++)
                d[i][0] = (unsigned)i;
        for (size_t k = 0; k <= m; k++)
                d[0][k] = (unsigned)k;
        for (size_t i = 1; i <= n; i++)
                for (size_t k = 1; k <= m; k++) {
                        unsigned best = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
                        if (d[i - 1][k] + 1 < best)
                                best = d[i - 1][k] + 1;
                        if (d[i][k - 1] + 1 < best)
                                best = d[i][k - 1] + 1;
                        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                            d[i - 2][k - 2] + 1 < best)
                                best = d[i - 2][k - 2] + 1;
                        d[i][k] = best;
                }
        return d[n][m];
}

static void consider(const char *candidate, const char *name, const char **best, unsigned *best_distance) {
        unsigned distance = edit_distance(candidate, name);
        if (distance < *best_distance && distance < strlen(candidate)) {
                *best = candidate;
                *best_distance = distance;
        }
}

const char *rv_schema_suggest(enum rv_section section, const char *name) {
        const char *best = NULL;
        unsigned distance = SUGGEST_EDITS_MAX + 1;
        for (size_t i = 0; i < rv_schema_n; i++)
                if (rv_schema[i].section == section)
                        consider(rv_schema[i].name, name, &best, &distance);
        if (section == RV_SECTION_ROOT) {
                for (enum rv_section s = RV_SECTION_LISTEN; s < RV_SECTION_MAX; s++)
                        consider(rv_section_info(s)->name, name, &best, &distance);
                consider("defaults", name, &best, &distance);
        }
        return best;
}

char *rv_key_range(const struct rv_key *key, char buf[static RV_KEY_TEXT_MAX]) {
        buf[0] = '\0';
        if (key->type->words) {
                for (unsigned i = 0; key->type->words(i); i++) {
                        size_t n = strlen(buf);
                        snprintf(buf + n, RV_KEY_TEXT_MAX - n, "%s%s", i > 0 ? ", " : "", key->type->words(i));
                }
        } else if (key->type == &rv_type_duration) {
                char min[RV_DURATION_TEXT_MAX], max[RV_DURATION_TEXT_MAX];
                snprintf(buf, RV_KEY_TEXT_MAX, "%s to %s", rv_duration_format(key->min, min),
                         rv_duration_format(key->max, max));
        } else if (key->type == &rv_type_integer) {
                snprintf(buf, RV_KEY_TEXT_MAX, "%lld to %lld", (long long)key->min, (long long)key->max);
        }
        return buf;
}

char *rv_key_default(const struct rv_key *key, char buf[static RV_KEY_TEXT_MAX]) {
        snprintf(buf, RV_KEY_TEXT_MAX, "%s",
                 key->flags & RV_KEY_REQUIRED ? "required"
                 : key->fallback              ? key->fallback
                                              : key->absent);
        return buf;
}
