/* The configuration, typed. Read whole or not at all; immutable afterwards; shared by reference.
 *
 * Every key, with type, range, default and documentation, stands once in src/config/schema.c; revertd.conf(5) and
 * revertd.rules(5) are held to it by a test. Pointers are never NULL unless the comment says so. */
#pragma once

#include "revertd/error.h"
#include "revertd/number.h"
#include "revertd/template.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* By what may be done without a person. */
enum rv_mode { RV_MODE_OBSERVE, RV_MODE_APPROVE, RV_MODE_PROPOSE, RV_MODE_ENFORCE, RV_MODE_MAX };
const char *rv_mode_to_string(enum rv_mode mode);
int rv_mode_from_string(const char *s, enum rv_mode *ret) RV_MUST_CHECK;

/* What becomes of a culprit that an image updater made, which may write it again. */
enum rv_image_updates { RV_IMAGE_UPDATES_DECLINE, RV_IMAGE_UPDATES_REVERT, RV_IMAGE_UPDATES_MAX };
const char *rv_image_updates_to_string(enum rv_image_updates image_updates);

/* What becomes of a revert beside whose lines later commits changed others. */
enum rv_dependents { RV_DEPENDENTS_DECLINE, RV_DEPENDENTS_ALLOW, RV_DEPENDENTS_MAX };
const char *rv_dependents_to_string(enum rv_dependents dependents);

/* What becomes of the paths outside of the scope that a culprit touched too. */
enum rv_outside { RV_OUTSIDE_LEAVE, RV_OUTSIDE_WHOLE, RV_OUTSIDE_DECLINE, RV_OUTSIDE_MAX };
const char *rv_outside_to_string(enum rv_outside outside);

/* Which of several candidates are reverted; RESTORE: the scope goes back to before all of them. */
enum rv_suspects { RV_SUSPECTS_NEWEST, RV_SUSPECTS_ALL, RV_SUSPECTS_RESTORE, RV_SUSPECTS_POLICY_MAX };
const char *rv_suspects_to_string(enum rv_suspects suspects);

/* What is done where later changes stand in the revert's way. PROPOSE: the restore is not pushed, but proposed. */
enum rv_fallback { RV_FALLBACK_DECLINE, RV_FALLBACK_RESTORE, RV_FALLBACK_PROPOSE, RV_FALLBACK_MAX };
const char *rv_fallback_to_string(enum rv_fallback fallback);

/* What is done where the metric did not recover from a revert. */
enum rv_unrecovered { RV_UNRECOVERED_STOP, RV_UNRECOVERED_FURTHER_BACK, RV_UNRECOVERED_MAX };
const char *rv_unrecovered_to_string(enum rv_unrecovered unrecovered);

/* Where a repository's pull requests are made. GITEA: Forgejo too. */
enum rv_forge { RV_FORGE_NONE, RV_FORGE_GITHUB, RV_FORGE_GITLAB, RV_FORGE_GITEA, RV_FORGE_MAX };
const char *rv_forge_to_string(enum rv_forge forge);

enum rv_merge_method { RV_MERGE_COMMIT, RV_MERGE_SQUASH, RV_MERGE_REBASE, RV_MERGE_METHOD_MAX };
const char *rv_merge_method_to_string(enum rv_merge_method method); /* "merge", "squash", "rebase" */

enum rv_breach_op {
        RV_BREACH_GT,
        RV_BREACH_GE,
        RV_BREACH_LT,
        RV_BREACH_LE,
        RV_BREACH_EQ,
        RV_BREACH_NE,
        RV_BREACH_OP_MAX
};
const char *rv_breach_op_to_string(enum rv_breach_op op); /* ">", ">=", … */

enum { RV_CONDITION_TEXT_MAX = RV_NUMBER_TEXT_MAX + 4 };
/* "> 0.05". Returns buf. */
char *rv_condition_format(enum rv_breach_op op, double value, char buf[static RV_CONDITION_TEXT_MAX]);

enum { RV_BREACHES_OF_MAX = 60 }; /* evaluations that `breaches` looks back on */

enum rv_match_op { RV_MATCH_EQ, RV_MATCH_NE, RV_MATCH_RE, RV_MATCH_NRE, RV_MATCH_OP_MAX };

/* One matcher of `match`, as in amtool: name=value, name!=value, name=~regex, name!~regex; regexes are anchored at
 * both ends; a label that is missing counts as "". */
struct rv_matcher {
        char *name;
        enum rv_match_op op;
        char *value;
        void *regex; /* compiled (pcre2_code *) for RE and NRE, else NULL */
};

/* Where a definition stands, for messages. */
struct rv_location {
        const char *file; /* owned by the configuration */
        unsigned line;
};

/* How to reach an HTTP API. */
struct rv_endpoint {
        char *url;            /* base, without a trailing slash */
        char *credential;     /* NULL: none. Bearer token, or with `username`: the password */
        char *username;       /* NULL: bearer. Else basic auth */
        char **headers;       /* "Name: value"; NULL-terminated; NULL: none */
        char *ca_file;        /* NULL: the system's */
        char *cert_file;      /* client certificate; NULL: none */
        char *key_credential; /* its private key, a credential's name; NULL: none */
        int64_t timeout_usec;
};

struct rv_prometheus_config {
        struct rv_location at;
        char *name;
        struct rv_endpoint endpoint;
        int64_t delay_usec;    /* evaluate this much in the past */
        char *healthy;         /* PromQL: while it has no series, or one that is 0, all else is an error; NULL: none */
        int64_t max_skew_usec; /* of its clock against ours; more is an error; 0: any */
};

/* Asked whether an alert is silenced or inhibited. */
struct rv_alertmanager_config {
        struct rv_location at;
        char *name;
        struct rv_endpoint endpoint;
};

struct rv_repository_config {
        struct rv_location at;
        char *name;
        char *url;                /* local path, http(s)://, ssh://, or scp form */
        char *branch;             /* short name */
        char *credential;         /* NULL: none. SSH private key, or HTTP password or token */
        char *username;           /* HTTP user name; NULL: "git" */
        char *known_hosts;        /* file; NULL for remotes that are not SSH */
        char *ca_file;            /* NULL: the system's */
        char *passphrase;         /* credential: of the SSH key; NULL: it has none */
        char *ssh_agent;          /* socket of an agent that holds the key; NULL: none */
        char *ssh_config;         /* file of ssh_config(5): jump hosts, ciphers; NULL: none */
        char *proxy;              /* URL; NULL: as the environment says */
        char *proxy_login;        /* credential: "user:password"; NULL: none */
        char *signing_key;        /* credential: SSH key that signs the commits; NULL: none */
        char *gpg_home;           /* folder of GnuPG; NULL: none */
        char *gpg_key;            /* which of its keys signs the commits */
        char *signing_passphrase; /* credential: of that key; NULL: it has none */
        char **protect_paths;     /* a culprit that touches them is left to people; NULL-terminated; NULL: none */
        char **protect_authors;   /* so is one of theirs: patterns of names and addresses; NULL: none */
        char **image_updaters;    /* whose commits an image updater's are: such patterns; NULL: its defaults */
        char **allow_paths;       /* what the worker may ever touch; NULL-terminated; NULL: all */
        int64_t poll_usec;        /* how often the branch is looked at */
        int64_t timeout_usec;     /* one attempt at the remote */
        int budget;               /* pushes in 24 h */
        char *committer_name;
        char *committer_email;
        char *web_commit_url; /* "https://git.example.com/fleet/commit/{}"; NULL: commits are not linked */
        enum rv_forge forge;
        char *forge_url;                   /* base of the API; NULL: no forge */
        char *forge_project;               /* "owner/name"; GitLab also the number; NULL: no forge */
        char *forge_credential;            /* token; NULL: no forge */
        bool auto_merge;                   /* ask the forge to merge what is proposed as soon as it may be */
        enum rv_merge_method merge_method; /* of auto_merge */
        char *socket;                      /* the worker's socket unit; NULL: revertd spawns the worker */
};

/* A label of what an event source tells. */
struct rv_event_label {
        char *name;
        char *value;     /* as it is, or a JSON pointer into the item */
        bool is_pointer; /* begins with a slash */
};

/* What posts JSON of its own kind to /webhooks/event/NAME, and how that is read. Pointers are RFC 6901. */
struct rv_event_config {
        struct rv_location at;
        char *name;
        char *items;                         /* in the body: an object, or an array of them; NULL: the body is it */
        char *verdict;                       /* in an item; NULL: each item fires */
        char **firing, **ok, **inconclusive; /* the words that it may be; NULL-terminated; NULL: none */
        struct rv_event_label *labels;       /* by them an episode is known */
        size_t n_labels;
        char *start;                /* in an item: when it was so; NULL: when it comes in */
        int64_t resolve_after_usec; /* what fires is over that long after it was last heard of; 0: only `ok` ends it */
};

/* A webhook whose bodies are signed (HMAC-SHA256), which stands for the credential. */
struct rv_signature_config {
        struct rv_location at;
        char *name;        /* "alertmanager", "grafana", "event/NAME" */
        char *credential;  /* the key */
        char *header;      /* where the signature stands, in hexadecimal, with or without "sha256=" */
        char *time_header; /* a Unix time that is signed before the body, with a colon between; NULL: the body alone */
};

/* What applies a repository, and by which API it is read. */
enum rv_operator_type {
        RV_OPERATOR_ARGOCD,            /* Argo CD's own */
        RV_OPERATOR_ARGOCD_KUBERNETES, /* the same objects, by Kubernetes's */
        RV_OPERATOR_FLUX,              /* Kubernetes's: there is no other */
        RV_OPERATOR_TYPE_MAX
};
const char *rv_operator_type_to_string(enum rv_operator_type type);

struct rv_operator_config {
        struct rv_location at;
        char *name;
        enum rv_operator_type type;
        struct rv_endpoint endpoint;
        bool nudge; /* it is told after a push */
};

enum rv_receiver_type { RV_RECEIVER_SLACK, RV_RECEIVER_TYPE_MAX };
const char *rv_receiver_type_to_string(enum rv_receiver_type type);

struct rv_receiver_config {
        struct rv_location at;
        char *name;
        enum rv_receiver_type type;
        char *credential; /* with a channel: a bot token. Without: an incoming webhook's URL */
        char *channel;    /* NULL: incoming webhook */
        char *api_url;    /* default https://slack.com/api */
        char *ca_file;    /* NULL: the system's */
        int64_t timeout_usec;
};

struct rv_rule_config {
        struct rv_location at;
        char *name;
        struct rv_template *summary;
        char *runbook; /* URL; NULL: none */

        /* Polled (expr set) or fed by alerts (n_match > 0); exactly one of the two. */
        int prometheus; /* index; −1: none (alerts without confirm) */
        char *expr;     /* NULL: alerts */
        enum rv_breach_op breach_op;
        double breach_value;
        bool has_clear; /* polled: a value that is neither in breach nor clear decides nothing once it fired */
        enum rv_breach_op clear_op;
        double clear_value;
        char *require; /* NULL: none */
        int64_t interval_usec;
        int64_t for_usec; /* 0 for alerts, and where `breaches` is given */
        struct rv_breaches {
                unsigned needed, of;
        } breaches;               /* polled: of the newest evaluations; 0 of 0: by `for` */
        int64_t keep_firing_usec; /* polled: over only when that long not in breach */
        struct rv_matcher *match;
        size_t n_match;
        int alertmanager;            /* alerts: index; −1: none is asked */
        struct rv_template *confirm; /* alerts: expression that must be in breach (breach_op is set); NULL: none */

        int repository; /* index */
        int applied_by; /* index of an operator; −1: none is asked, and application is NULL */
        struct rv_template *application;
        struct rv_template *space; /* its namespace; NULL: the operator's own */
        struct rv_template **paths;
        size_t n_paths;
        int64_t window_usec;     /* how far before the onset a cause may lie */
        int64_t max_age_usec;    /* a culprit older than this at decision time is left alone */
        int64_t good_after_usec; /* ok for this long with a head makes that the last good one; 0: window_usec */
        enum rv_suspects suspects;
        enum rv_fallback fallback;
        enum rv_unrecovered unrecovered;
        double confidence; /* a culprit less sure than this is left alone */
        enum rv_outside outside;
        enum rv_image_updates image_updates;
        enum rv_dependents dependents;
        int max_files;    /* a culprit that touches more is left alone; 0: no bound */
        int shared_cause; /* so many other scopes in breach at once have another cause; 0: never */
        enum rv_mode mode;
        int64_t proposal_timeout_usec; /* a pull request that is not merged by then is no longer followed */
        int64_t hold_usec;             /* wait this long before the push; cleared in between: nothing is done */
        int64_t approval_timeout_usec; /* approve: the question ends */
        int64_t cooldown_usec;         /* for the scope, after a push */
        int64_t apply_timeout_usec;    /* by then the operator must have applied the revert */
        int64_t recover_usec;          /* ok for this long proves recovery */
        int64_t verify_timeout_usec;   /* and by then it must be proven */
        int *receivers;                /* indices */
        size_t n_receivers;
};

struct rv_listen_config {
        char **addresses; /* "127.0.0.1:9798", "[::1]:9798", "localhost:9798", ":9798" (all); NULL-terminated; NULL: none */
        char *socket;     /* Unix socket of the API; NULL: none */
        char *credential; /* bearer token, or with `username` a password; NULL: loopback only */
        char *username;   /* NULL: bearer */
        char *cert_file;  /* NULL: plain HTTP */
        char *key_credential;
        char *client_ca_file; /* NULL: no client certificates asked for */
};

struct rv_config {
        unsigned refs;
        char *file;   /* as named to rv_config_load() */
        char *text;   /* what stood in it; NULL where it was not read from a file */
        char **files; /* all that were read, that one first */
        size_t n_files;
        char **rule_files;           /* the patterns; NULL-terminated; NULL: none */
        char *credentials_directory; /* NULL: $CREDENTIALS_DIRECTORY only */
        char *external_url;          /* for links in notices; NULL: none */
        int budget;                  /* pushes in 24 h, all repositories together */
        int64_t retention_usec;      /* ended incidents are kept this long */
        struct rv_listen_config listen;
        struct rv_repository_config *repositories;
        size_t n_repositories;
        struct rv_prometheus_config *prometheus;
        size_t n_prometheus;
        struct rv_alertmanager_config *alertmanagers;
        size_t n_alertmanagers;
        struct rv_event_config *events;
        size_t n_events;
        struct rv_signature_config *signatures;
        size_t n_signatures;
        struct rv_operator_config *operators;
        size_t n_operators;
        struct rv_receiver_config *receivers;
        size_t n_receivers;
        struct rv_rule_config *rules;
        size_t n_rules;
        unsigned *rules_by_name; /* for rv_config_find_rule() */
};

/* Errors of one reading, each "file:line: text", in the order of files and lines. */
struct rv_config_errors {
        char **text;
        size_t n; /* at most RV_CONFIG_ERRORS_MAX are kept, then one line says how many more */
};
enum { RV_CONFIG_ERRORS_MAX = 100 };
void rv_config_errors_done(struct rv_config_errors *errors);

/* Read the file and the rule files that it names. -EINVAL: errors has at least one line. */
int rv_config_load(struct rv_config **ret, const char *path, struct rv_config_errors *errors) RV_MUST_CHECK;

/* The same for a file in which another key stands at the top level beside the configuration's, which is left alone. */
int rv_config_load_beside(struct rv_config **ret, const char *path, const char *other,
                          struct rv_config_errors *errors) RV_MUST_CHECK;

/* The file's text from a descriptor, as if it stood at path, and without the rule files: what a worker is handed, so
 * that it serves what the daemon accepted and not what has come to stand in the file since. */
int rv_config_load_fd(struct rv_config **ret, const char *path, int fd, struct rv_config_errors *errors) RV_MUST_CHECK;

/* A configuration with nothing but that repository and where the credentials are: what a worker needs. Read back, it
 * gives the same section. */
int rv_config_write_repository(const struct rv_config *config, size_t index, FILE *f) RV_MUST_CHECK;

struct rv_config *rv_config_ref(struct rv_config *config);
struct rv_config *rv_config_unref(struct rv_config *config);

/* Whether Kubernetes takes it for the name of an object or a namespace: at most 253 lower-case letters, digits, '-' and
 * '.', with a letter or digit at both ends. */
bool rv_config_is_object_name(const char *s);

/* −1: no such name. */
int rv_config_find_rule(const struct rv_config *config, const char *name);
int rv_config_find_repository(const struct rv_config *config, const char *name);
int rv_config_find_event(const struct rv_config *config, const char *name);
