/* A small world around the engine: a clock, a store in memory, a branch, and a Prometheus that answers the confirm
 * queries. Effects pile up in `asked` until the test lets the world answer them. */
#pragma once

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/engine.h"
#include "revertd/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEC RV_USEC_PER_SEC
#define MINUTE RV_USEC_PER_MINUTE
#define HOUR RV_USEC_PER_HOUR
#define START_USEC (INT64_C(1772359200) * SEC) /* 2026-03-01T10:00:00Z */

enum { ASKED_MAX = 64, COMMITS_MAX = 64 };

struct commit {
        struct rv_oid id;
        int64_t commit_usec;
        bool skip;
        char *incident;
        struct rv_oid reverts, reapplies;
        const char *author;  /* NULL: Ana */
        const char *subject; /* NULL: Change something */
        char *scope;         /* the pattern whose paths it touched; NULL: all */
};

struct world {
        struct rv_config *config;
        struct rv_engine *engine;
        struct rv_store *store;
        int64_t now_usec;

        struct rv_effect asked[ASKED_MAX];
        size_t n_asked;

        struct commit branch[COMMITS_MAX]; /* oldest first */
        size_t n_commits;
        enum rv_git_outcome outcome[RV_GIT_OP_MAX]; /* other than RV_GIT_OK: what the next requests get */
        int64_t wait_usec;                          /* and how long they are to wait with the next */
        bool lost[RV_GIT_OP_MAX];
        bool reply_lost_after_push;
        bool ref_lost; /* CHECK: not contained */
        bool move_under_push;
        struct rv_oid proposed; /* the plan's commit of the pull request, whose number is 7; none: there is none */
        struct rv_revert_spec proposed_spec;
        enum rv_proposal_state proposal_state;
        struct rv_oid merged; /* the commit that it was merged as */
        size_t n_proposals_asked;
        bool history_cut;       /* there is more than HISTORY tells */
        bool has_dependent;     /* the newest commit changed lines beside those of the plan */
        const char *pause_file; /* what .revertd/pause says; NULL: there is none */
        size_t n_pushes, n_push_requests;

        double query_value; /* NaN: an empty answer */
        bool query_fails;

        enum rv_incident_state state; /* of the newest transition */
        enum rv_reason reason;
        char incident[RV_INCIDENT_ID_MAX];
        char *detail, *actor;
        size_t n_transitions, n_opened;
        size_t n_alerts_matched, n_alerts_late;
        enum rv_alert_state alert_state; /* as Alertmanager has it */
        size_t n_lookups;
        struct rv_applied applied; /* what the operator says; words NULL: it does not answer */
        size_t n_applied_asked, n_nudges;
        bool alerts_decide_nothing; /* is_undecided, of those that world_alert() delivers */
        struct rv_error err;
};

static const char world_head[] =
        "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; budget = 2; forge = \"github\";\n"
        "                  forge_project = \"platform/fleet\"; forge_credential = \"token\"; },\n"
        "                { name = \"other\"; url = \"/srv/other.git\"; } );\n"
        "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"
        "alertmanagers: ( { name = \"am\"; url = \"http://127.0.0.1:9093\"; } );\n"
        "operators: ( { name = \"argo\"; type = \"argocd\"; url = \"http://127.0.0.1:8080\"; } );\n"
        "receivers: ( { name = \"deploys\"; type = \"slack\"; credential = \"slack\"; channel = \"C1\"; } );\n"
        "budget = 3;\n"
        "defaults: { repository = \"fleet\"; prometheus = \"prod\"; interval = \"15s\"; for = \"0\"; cooldown = "
        "\"0\";\n"
        "            recover = \"30s\"; };\n";

/* A polled rule, and an alert rule; each test adds what it is about. */
#define PATHS "paths = [ \"apps/{{ $labels.app }}/**\" ]; "
#define POLLED(name, more) "{ name = \"" name "\"; expr = \"up\"; breach = \"> 0.05\"; " PATHS more " }"
#define ALERTS(name, more) "{ name = \"" name "\"; match = [ \"severity=page\" ]; alertmanager = \"\"; " PATHS more " }"
/* The same, with Alertmanager asked about them. */
#define LOOKED_UP(name, more) "{ name = \"" name "\"; match = [ \"severity=page\" ]; " PATHS more " }"

static inline struct rv_config *world_config(const char *rules) {
        char path[] = "/tmp/revertd-test-XXXXXX";
        int fd = mkstemp(path);
        FILE *f = fdopen(fd, "w");
        struct rv_config_errors errors = {0};
        struct rv_config *config = NULL;
        int r;

        fprintf(f, "%srules: ( %s );\n", world_head, rules);
        fclose(f);
        r = rv_config_load(&config, path, &errors);
        unlink(path);
        for (size_t i = 0; r < 0 && i < errors.n; i++)
                print_error("%s\n", errors.text[i]);
        rv_config_errors_done(&errors);
        assert_int_equal(r, 0);
        return config;
}

static inline void world_take_effects(struct world *w, struct rv_step *step) {
        for (size_t i = 0; i < step->n_effects; i++) {
                assert_true(w->n_asked < ASKED_MAX);
                w->asked[w->n_asked++] = step->effect[i];
        }
        free(step->effect);
        step->effect = NULL;
        step->n_effects = 0;
}

static inline void world_take_transitions(struct world *w, const struct rv_step *step) {
        for (size_t i = 0; i < step->n_transitions; i++) {
                const struct rv_transition *t = &step->transition[i];

                w->state = t->to;
                w->reason = t->reason;
                memcpy(w->incident, t->incident, sizeof(w->incident));
                free(w->detail);
                w->detail = t->detail ? strdup(t->detail) : NULL;
                free(w->actor);
                w->actor = strdup(t->actor);
                w->n_transitions++;
                w->n_opened += t->number == 1;
        }
}

static inline int world_try(struct world *w, const struct rv_event *event) {
        struct rv_step step = {0};
        int r = rv_engine_handle(w->engine, event, w->now_usec, &step, &w->err);

        if (r < 0) {
                assert_int_equal(step.batch.n, 0);
                return r;
        }
        assert_int_equal(rv_store_commit(w->store, &step.batch, &w->err), 0);
        world_take_transitions(w, &step);
        world_take_effects(w, &step);
        w->n_alerts_matched = step.n_alerts_matched;
        w->n_alerts_late += step.n_alerts_late;
        if (*step.incident)
                memcpy(w->incident, step.incident, sizeof(w->incident));
        rv_step_done(&step);
        return 0;
}

static inline void world_do(struct world *w, const struct rv_event *event) {
        if (world_try(w, event) < 0)
                fail_msg("%s", w->err.text);
}

static inline void world_forget_asked(struct world *w) {
        for (size_t i = 0; i < w->n_asked; i++)
                rv_effect_done(&w->asked[i]);
        w->n_asked = 0;
}

static inline int world_load(const struct rv_record *record, void *userdata) {
        struct world *w = userdata;

        return rv_engine_load(w->engine, record, &w->err);
}

/* What was under way is forgotten, what was stored is loaded. */
static inline void world_reload(struct world *w) {
        world_forget_asked(w);
        rv_engine_free(w->engine);
        assert_int_equal(rv_engine_new(&w->engine, w->config), 0);
        for (unsigned kind = 0; kind < RV_RECORD_KIND_MAX; kind++)
                if (rv_store_list(w->store, kind, "", false, 0, world_load, w, &w->err) != 0)
                        fail_msg("%s", w->err.text);
}

/* As after a crash. */
static inline void world_restart(struct world *w) {
        world_reload(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_START});
}

static inline struct world *world_new(const char *rules) {
        struct world *w = calloc(1, sizeof(*w));

        w->now_usec = START_USEC;
        w->query_value = NAN;
        w->config = world_config(rules);
        assert_int_equal(rv_store_open_memory(&w->store, &w->err), 0);
        world_restart(w);
        return w;
}

static inline void world_free(struct world *w) {
        world_forget_asked(w);
        for (size_t i = 0; i < w->n_commits; i++) {
                free(w->branch[i].incident);
                free(w->branch[i].scope);
        }
        rv_engine_free(w->engine);
        rv_store_close(w->store);
        rv_config_unref(w->config);
        rv_revert_spec_done(&w->proposed_spec);
        free(w->detail);
        free(w->actor);
        free(w);
}

/* -- the branch -- */

static inline struct rv_oid world_oid(unsigned n) {
        struct rv_oid oid = {{0}};

        snprintf(oid.hex, sizeof(oid.hex), "%08x%032x", n * 2654435761u, n);
        return oid;
}

static inline struct commit *world_commit(struct world *w) {
        struct commit *c = &w->branch[w->n_commits];

        assert_true(w->n_commits < COMMITS_MAX);
        *c = (struct commit){.id = world_oid((unsigned)++w->n_commits), .commit_usec = w->now_usec};
        c->commit_usec -= c->commit_usec % SEC;
        return c;
}

static inline struct rv_oid world_head_oid(const struct world *w) {
        return w->n_commits > 0 ? w->branch[w->n_commits - 1].id : (struct rv_oid){{0}};
}

static inline ssize_t world_find(const struct world *w, const struct rv_oid *id) {
        for (size_t i = 0; i < w->n_commits; i++)
                if (strcmp(w->branch[i].id.hex, id->hex) == 0)
                        return (ssize_t)i;
        return -1;
}

/* Somebody forces it off the branch. */
static inline void world_drop_newest(struct world *w) {
        struct commit *c = &w->branch[--w->n_commits];

        free(c->incident);
        free(c->scope);
        memset(c, 0, sizeof(*c));
}

static inline void world_describe(const struct commit *c, struct rv_commit *ret) {
        *ret = (struct rv_commit){
                .id = c->id,
                .n_parents = 1,
                .author_name = strdup(c->author ? c->author : "Ana"),
                .author_email = strdup("ana@example.com"),
                .subject = strdup(c->subject ? c->subject : "Change something"),
                .author_usec = c->commit_usec,
                .commit_usec = c->commit_usec,
                .skip = c->skip,
                .incident = c->incident ? strdup(c->incident) : NULL,
                .reapplies = c->reapplies,
                .n_inside = 1,
        };
        if (*c->reverts.hex) {
                ret->reverts = calloc(1, sizeof(*ret->reverts));
                ret->reverts[0] = c->reverts;
                ret->n_reverts = 1;
        }
}

static inline void world_reply_sync(const struct world *w, const struct rv_git_request *request,
                                    struct rv_git_reply *reply) {
        ssize_t known = world_find(w, &request->known);

        reply->pause = w->pause_file ? strdup(w->pause_file) : NULL;
        if (known < 0)
                return;
        reply->fresh = calloc(COMMITS_MAX, sizeof(*reply->fresh));
        for (size_t i = w->n_commits; i-- > (size_t)known + 1;)
                reply->fresh[reply->n_fresh++] = w->branch[i].id;
}

static inline void world_reply_history(const struct world *w, const struct rv_git_request *request,
                                       struct rv_git_reply *reply) {
        ssize_t last = -1;

        world_reply_sync(w, request, reply);
        if (request->revision) {
                struct rv_oid id = {{0}};

                memcpy(id.hex, request->revision, strcspn(request->revision, "~"));
                last = world_find(w, &id) - (strchr(request->revision, '~') != NULL);
                reply->outcome = last < 0 ? RV_GIT_NOT_FOUND : RV_GIT_OK;
                if (last < 0)
                        return;
                reply->commit = w->branch[last].id;
        }
        reply->truncated = w->history_cut;
        reply->commits = calloc(COMMITS_MAX, sizeof(*reply->commits));
        for (size_t i = w->n_commits; i-- > (size_t)(last + 1);)
                if ((request->revision || w->branch[i].commit_usec >= request->since_usec) &&
                    (!w->branch[i].scope || request->n_scope == 0 ||
                     strcmp(w->branch[i].scope, request->scope[0]) == 0))
                        world_describe(&w->branch[i], &reply->commits[reply->n_commits++]);
        reply->above = calloc(request->n_deployed + 1, sizeof(*reply->above));
        for (; reply->n_above < request->n_deployed; reply->n_above++) {
                ssize_t at = world_find(w, &request->deployed[reply->n_above]);
                size_t *above = &reply->above[reply->n_above];

                *above = at < 0 ? SIZE_MAX : 0;
                while (at >= 0 && *above < reply->n_commits && world_find(w, &reply->commits[*above].id) > at)
                        ++*above;
        }
}

/* The commit is a function of the spec alone. */
static inline struct rv_oid world_plan_oid(const struct rv_revert_spec *spec) {
        struct rv_oid oid = {{0}};
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (const char *c = spec->base.hex; *c; c++)
                hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        for (const char *c = spec->message; *c; c++)
                hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        snprintf(oid.hex, sizeof(oid.hex), "%016llx%024llx", (unsigned long long)hash,
                 (unsigned long long)spec->time_usec);
        return oid;
}

static inline void world_reply_push(struct world *w, const struct rv_git_request *request, struct rv_git_reply *reply) {
        struct rv_oid head = world_head_oid(w);
        struct commit *c;

        w->n_push_requests++;
        reply->commit = world_plan_oid(&request->spec);
        assert_string_equal(reply->commit.hex, request->commit.hex);
        if (w->move_under_push) {
                w->now_usec += SEC;
                world_commit(w)->commit_usec = w->now_usec;
                head = world_head_oid(w);
        }
        if (world_find(w, &reply->commit) >= 0) {
                reply->outcome = RV_GIT_ALREADY;
        } else if (strcmp(head.hex, request->spec.base.hex) != 0) {
                reply->outcome = RV_GIT_MOVED;
        } else {
                c = world_commit(w);
                c->id = reply->commit;
                c->reverts = request->spec.commits[0];
                c->incident = strndup(strstr(request->spec.message, "Revertd-Incident: ") + 18, 16);
                c->scope = request->spec.n_scope > 0 ? strdup(request->spec.scope[0]) : NULL;
                w->n_pushes++;
        }
        reply->head = world_head_oid(w);
}

/* The same one, however often it is asked for. */
static inline void world_reply_propose(struct world *w, const struct rv_git_request *request,
                                       struct rv_git_reply *reply) {
        reply->commit = world_plan_oid(&request->spec);
        assert_string_equal(reply->commit.hex, request->commit.hex);
        reply->head = world_head_oid(w);
        if (*w->merged.hex) {
                reply->outcome = RV_GIT_ALREADY;
                reply->commit = w->merged;
                return;
        }
        if (*w->proposed.hex)
                assert_string_equal(w->proposed.hex, request->commit.hex);
        else
                assert_int_equal(rv_revert_spec_copy(&w->proposed_spec, &request->spec), 0);
        w->proposed = request->commit;
        reply->proposal = (struct rv_proposal){.number = 7, .url = strdup("https://forge.example.com/7")};
}

static inline void world_reply_proposal(struct world *w, const struct rv_git_request *request,
                                        struct rv_git_reply *reply) {
        assert_int_equal(request->number, 7);
        assert_string_equal(request->commit.hex, w->proposed.hex);
        w->n_proposals_asked++;
        reply->head = world_head_oid(w);
        reply->proposal = (struct rv_proposal){.number = 7,
                                               .url = strdup("https://forge.example.com/7"),
                                               .state = w->proposal_state,
                                               .merged = w->merged};
}

/* As a forge does it that says nothing of what it merges. */
static inline void world_merge(struct world *w) {
        struct commit *c = world_commit(w);

        c->scope = w->proposed_spec.n_scope > 0 ? strdup(w->proposed_spec.scope[0]) : NULL;
        w->merged = c->id;
        w->proposal_state = RV_PROPOSAL_MERGED;
}

static inline void world_reply_show(const struct world *w, const struct rv_git_request *request,
                                    struct rv_git_reply *reply) {
        for (size_t i = 0; i < w->n_commits; i++)
                if (strncmp(w->branch[i].id.hex, request->revision, strlen(request->revision)) == 0) {
                        reply->commits = calloc(1, sizeof(*reply->commits));
                        world_describe(&w->branch[i], &reply->commits[reply->n_commits++]);
                        return;
                }
        reply->outcome = RV_GIT_NOT_FOUND;
}

static inline struct rv_git_reply *world_reply(struct world *w, const struct rv_git_request *request) {
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));

        reply->outcome = w->outcome[request->op];
        if (reply->outcome == RV_GIT_CONFLICT && request->spec.restore.hex[0])
                reply->outcome = RV_GIT_OK; /* nothing stands in its way */
        reply->head = world_head_oid(w);
        if (reply->outcome != RV_GIT_OK) {
                reply->message = strdup("said the world");
                reply->wait_usec = w->wait_usec;
                reply->paths = calloc(1, sizeof(char *));
                if (reply->outcome == RV_GIT_CONFLICT)
                        reply->paths[reply->n_paths++] = strdup("apps/web/values.yaml");
                return reply;
        }
        switch (request->op) {
        case RV_GIT_SYNC:
                world_reply_sync(w, request, reply);
                break;
        case RV_GIT_HISTORY:
                world_reply_history(w, request, reply);
                break;
        case RV_GIT_PLAN:
                reply->commit = world_plan_oid(&request->spec);
                reply->n_files = 1;
                reply->diff = strdup("-bad\n+good\n");
                reply->paths = calloc(1, sizeof(char *));
                reply->paths[reply->n_paths++] = strdup("apps/web/values.yaml");
                if (w->has_dependent) {
                        reply->commits = calloc(1, sizeof(*reply->commits));
                        world_describe(&w->branch[w->n_commits - 1], &reply->commits[reply->n_commits++]);
                }
                break;
        case RV_GIT_PUSH:
                world_reply_push(w, request, reply);
                break;
        case RV_GIT_PROPOSE:
                world_reply_propose(w, request, reply);
                break;
        case RV_GIT_PROPOSAL:
                world_reply_proposal(w, request, reply);
                break;
        case RV_GIT_CHECK:
                reply->contained = !w->ref_lost && world_find(w, &request->commit) >= 0;
                for (size_t i = 0; i < request->n_deployed; i++)
                        reply->deployed |= world_find(w, &request->deployed[i]) >= world_find(w, &request->commit);
                break;
        default:
                world_reply_show(w, request, reply);
                break;
        }
        return reply;
}

static inline struct rv_samples world_samples(const struct rv_labels *labels, double value) {
        struct rv_samples samples = {0};

        if (isnan(value) && !labels)
                return samples;
        samples.sample = calloc(1, sizeof(*samples.sample));
        samples.n = 1;
        samples.sample[0].value = value;
        if (labels)
                samples.sample[0].labels = rv_labels_ref((struct rv_labels *)labels);
        else
                assert_int_equal(rv_labels_new(&samples.sample[0].labels, NULL, 0, NULL), 0);
        return samples;
}

/* Answers the oldest effect. */
static inline void world_answer(struct world *w) {
        struct rv_effect effect = w->asked[0];
        struct rv_event event = {.kind = effect.kind == RV_EFFECT_GIT ? RV_EVENT_GIT : RV_EVENT_QUERIED};
        struct rv_git_reply *reply = NULL;
        struct rv_samples samples = {0};

        assert_true(w->n_asked > 0);
        memmove(&w->asked[0], &w->asked[1], --w->n_asked * sizeof(w->asked[0]));
        if (effect.kind == RV_EFFECT_GIT) {
                bool lost = w->lost[effect.request->op];

                if (!lost || w->reply_lost_after_push)
                        reply = world_reply(w, effect.request);
                event.git.token = effect.token;
                event.git.reply = lost ? NULL : reply;
        } else if (effect.kind == RV_EFFECT_LOOK_UP) {
                event.kind = RV_EVENT_LOOKED_UP;
                event.looked_up.token = effect.token;
                event.looked_up.state = w->alert_state;
                event.looked_up.words = w->alert_state >= RV_ALERT_SILENCED ? "by the world" : NULL;
                w->n_lookups++;
        } else if (effect.kind == RV_EFFECT_APPLIED) {
                event.kind = RV_EVENT_APPLIED;
                event.applied.token = effect.token;
                event.applied.applied = w->applied.words ? &w->applied : NULL;
                event.applied.error = w->applied.words ? NULL : "operator argo: status 503";
                w->n_applied_asked++;
                w->n_nudges += effect.nudge;
        } else {
                samples = world_samples(NULL, w->query_value);
                event.queried.token = effect.token;
                event.queried.samples = w->query_fails ? NULL : &samples;
        }
        world_do(w, &event);
        rv_git_reply_free(reply);
        rv_samples_done(&samples);
        rv_effect_done(&effect);
}

static inline void world_settle(struct world *w) {
        for (int i = 0; w->n_asked > 0; i++) {
                assert_true(i < 200);
                world_answer(w);
        }
}

/* Answers until the incident has got there. */
static inline void world_settle_to(struct world *w, enum rv_incident_state state) {
        for (int i = 0; w->state != state; i++) {
                assert_true(i < 200);
                world_answer(w);
        }
}

/* -- time and signals -- */

static inline void world_tick(struct world *w) {
        world_do(w, &(struct rv_event){.kind = RV_EVENT_TICK});
}

/* Lets time pass as the shell would: TICK at each deadline; what is asked on the way is answered. */
static inline void world_pass(struct world *w, int64_t usec) {
        int64_t end_usec = w->now_usec + usec;

        for (int i = 0;; i++) {
                int64_t deadline_usec = rv_engine_deadline(w->engine);

                assert_true(i < 5000);
                if (deadline_usec > end_usec)
                        break;
                if (deadline_usec > w->now_usec)
                        w->now_usec = deadline_usec;
                world_tick(w);
                world_settle(w);
        }
        if (end_usec > w->now_usec)
                w->now_usec = end_usec;
}

static inline struct rv_labels *world_labels(const char *app, const char *more) {
        struct rv_labels *labels;
        struct rv_label label[] = {{"app", app}, {"severity", "page"}, {"more", more ? more : ""}};

        assert_int_equal(rv_labels_new(&labels, label, 3, NULL), 0);
        return labels;
}

static inline void world_evaluate_at(struct world *w, size_t rule, const char *app, double value, int64_t at_usec) {
        struct rv_labels *labels = world_labels(app, NULL);
        struct rv_samples samples = world_samples(labels, value);

        world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                       .evaluated = {.rule = rule, .at_usec = at_usec, .samples = &samples}});
        rv_samples_done(&samples);
        rv_labels_unref(labels);
}

static inline void world_evaluate(struct world *w, double value) {
        world_evaluate_at(w, 0, "web", value, w->now_usec);
}

/* One evaluation every 15 seconds, with what is asked on the way answered. */
static inline void world_evaluate_for(struct world *w, double value, int64_t usec) {
        for (int64_t end_usec = w->now_usec + usec; w->now_usec < end_usec;) {
                world_pass(w, 15 * SEC);
                world_evaluate(w, value);
        }
}

static inline int world_try_alert(struct world *w, const char *app, bool firing, int64_t starts_usec) {
        struct rv_labels *labels = world_labels(app, NULL);
        struct rv_alert alert = {.labels = labels,
                                 .firing = firing,
                                 .is_undecided = w->alerts_decide_nothing,
                                 .starts_usec = starts_usec};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};
        int r;

        if (!firing)
                alert.ends_usec = w->now_usec;
        r = world_try(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        rv_labels_unref(labels);
        return r;
}

static inline void world_alert(struct world *w, const char *app, bool firing, int64_t starts_usec) {
        assert_int_equal(world_try_alert(w, app, firing, starts_usec), 0);
}

/* A look at the branch, as the daemon's poll. */
static inline void world_poll(struct world *w) {
        struct rv_git_request request = {.op = RV_GIT_SYNC};
        json_t *repositories = rv_engine_repositories_json(w->engine, w->now_usec);
        struct rv_git_reply *reply;

        strcpy(request.known.hex, rv_json_string(json_array_get(repositories, 0), "head", ""));
        json_decref(repositories);
        reply = world_reply(w, &request);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_SYNCED, .synced = {.repository = 0, .reply = reply}});
        rv_git_reply_free(reply);
}

/* An old commit, a look at the branch, a bad commit a minute ago that a poll saw. */
static inline struct commit *world_bad_commit(struct world *w) {
        struct commit *bad;

        w->now_usec -= HOUR;
        world_commit(w);
        w->now_usec += HOUR - MINUTE - 15 * SEC;
        world_poll(w);
        w->now_usec += 15 * SEC;
        bad = world_commit(w);
        world_poll(w);
        w->now_usec += MINUTE;
        return bad;
}

/* -- looking -- */

static inline void world_count_one(size_t *n) {
        (*n)++;
}

static inline int world_counter(const struct rv_record *record, void *userdata) {
        (void)record;
        world_count_one(userdata);
        return 0;
}

static inline size_t world_count(struct world *w, enum rv_record_kind kind) {
        size_t n = 0;

        assert_int_equal(rv_store_list(w->store, kind, "", false, 0, world_counter, &n, &w->err), 0);
        return n;
}

static inline json_t *world_record(struct world *w, enum rv_record_kind kind, const char *key) {
        struct rv_record record = {0};
        json_t *value;

        if (rv_store_get(w->store, kind, key, &record, &w->err) < 0)
                fail_msg("%s", w->err.text);
        value = json_incref(record.value);
        rv_record_done(&record);
        return value;
}

static inline const struct rv_incident *world_open(struct world *w) {
        return rv_engine_incident(w->engine, w->incident);
}

#define assert_ended(w, to, why)                                                                                       \
        do {                                                                                                           \
                assert_string_equal(rv_incident_state_to_string((w)->state),                                           \
                                    rv_incident_state_to_string(RV_INCIDENT_##to));                                    \
                assert_string_equal(rv_reason_to_string((w)->reason), rv_reason_to_string(RV_REASON_##why));           \
        } while (0)
#define assert_state(w, to) assert_ended(w, to, NONE)
