/* What a test says happens, read from its group. */
#include "lab/lab.h"
#include "lab/members.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- Lists -- */

/* Calls fn with each group of a list; *ret is an array of as many elements, *ret_n counts those begun. */
static int each(struct lab_script *s, const config_setting_t *test, const char *key, size_t size, void **ret,
                size_t *ret_n,
                int (*fn)(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err),
                struct rv_error *err) {
        const config_setting_t *list = lab_member(test, key);
        int n = list ? config_setting_length(list) : 0;

        if (list && config_setting_type(list) != CONFIG_TYPE_LIST)
                return lab_fail(s, list, err, "a list of groups is wanted: ( { }, … )");
        if ((size_t)n + *ret_n > LAB_ITEMS_MAX)
                return lab_fail(s, list, err, "more than %d", LAB_ITEMS_MAX);
        void *grown = reallocarray(*ret, *ret_n + (size_t)n + 1, size);
        if (!grown)
                return rv_error_oom(err);
        *ret = grown;
        for (int i = 0; i < n; i++) {
                void *element = (char *)grown + *ret_n * size;

                memset(element, 0, size);
                ++*ret_n;
                int r = fn(s, config_setting_get_elem(list, (unsigned)i), element, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const char *const query_words[] = {[LAB_EXPR] = "expr", [LAB_REQUIRE] = "require", [LAB_CONFIRM] = "confirm"};

static int check_query(const struct lab_script *s, const config_setting_t *group, const struct lab_series *series,
                       struct rv_error *err) {
        const struct rv_rule_config *rule = &s->config->rules[series->rule];
        bool has = series->query == LAB_EXPR      ? rule->expr != NULL
                   : series->query == LAB_REQUIRE ? rule->require != NULL
                                                  : rule->confirm != NULL;

        return has ? 0 : lab_fail(s, group, err, "rule %s has no %s", rule->name, query_words[series->query]);
}

static int read_points(const struct lab_script *s, const config_setting_t *group, const char *key,
                       struct lab_points *ret, struct rv_error *err) {
        const char *text = NULL;
        struct rv_error why = {0};
        int r = lab_get_text(s, group, key, &text, err);

        if (r < 0 || !text)
                return r;
        r = lab_points_parse(text, ret, &why);
        return r < 0 ? lab_fail(s, lab_member(group, key), err, "%s", why.text) : 0;
}

static int read_series(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err) {
        struct lab_series *series = element;
        const char *query = NULL;
        int rule = 0;
        int r = lab_check_known(s, group, "rule query labels values then", err);

        if (r == 0)
                r = lab_get_rule(s, group, true, &rule, err);
        if (r == 0)
                r = lab_get_text(s, group, "query", &query, err);
        if (r < 0)
                return r;
        series->rule = (size_t)rule;
        series->query = s->config->rules[rule].expr ? LAB_EXPR : LAB_CONFIRM;
        for (unsigned i = 0; query && i < RV_ARRAY_SIZE(query_words); i++)
                if (strcmp(query, query_words[i]) == 0) {
                        series->query = i;
                        query = NULL;
                }
        if (query)
                return lab_fail(s, lab_member(group, "query"), err, "'%s' is none of: expr, require, confirm", query);
        r = check_query(s, group, series, err);
        if (r == 0)
                r = lab_get_labels(s, group, "labels", &series->labels, err);
        if (r == 0)
                r = read_points(s, group, "values", &series->values, err);
        if (r == 0)
                r = read_points(s, group, "then", &series->then, err);
        if (r == 0 && series->values.n == 0)
                return lab_fail(s, group, err, "values is missing");
        return r;
}

/* A name that could be an id is one, so that labels can name it; any other is made one. */
static void make_id(const char *name, struct rv_oid *ret) {
        size_t n = strlen(name);
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        if (n >= 7 && n <= 40 && strspn(name, "0123456789abcdef") == n) {
                snprintf(ret->hex, sizeof(ret->hex), "%s%0*d", name, (int)(40 - n), 0);
                ret->hex[40] = '\0';
                return;
        }
        for (const char *p = name; *p; p++)
                hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
        hash = (hash ^ (hash >> 32)) * UINT64_C(0xbf58476d1ce4e5b9);
        snprintf(ret->hex, sizeof(ret->hex), "%016" PRIx64 "%024d", hash, 0);
}

static int get_repository(const struct lab_script *s, const config_setting_t *group, size_t *ret,
                          struct rv_error *err) {
        const char *name = NULL;
        int r = lab_get_text(s, group, "repository", &name, err);
        int index = name ? rv_config_find_repository(s->config, name) : 0;

        if (r == 0 && index < 0)
                return lab_fail(s, lab_member(group, "repository"), err, "there is no repository named '%s'", name);
        *ret = (size_t)(index < 0 ? 0 : index);
        return r;
}

static int read_commit(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err) {
        struct lab_commit *c = element;
        const char *name = NULL;
        int r = lab_check_known(s, group,
                                "id repository at committed subject author email content paths lines near adds removes "
                                "reverts skip merge creates",
                                err);

        *c = (struct lab_commit){
                .at_usec = s->start_usec, .subject = "Change something", .author = "Ana", .email = "ana@example.com"};
        if (r == 0)
                r = lab_get_text(s, group, "id", &name, err);
        if (r == 0 && !name)
                return lab_fail(s, group, err, "id is missing");
        c->name = name;
        if (r == 0)
                r = get_repository(s, group, &c->repository, err);
        if (r == 0)
                r = lab_get_time(s, group, "at", &c->at_usec, err);
        c->made_usec = c->at_usec;
        if (r == 0)
                r = lab_get_time(s, group, "committed", &c->made_usec, err);
        c->made_usec -= c->made_usec % RV_USEC_PER_SEC; /* as Git keeps it */
        if (r == 0)
                r = lab_get_text(s, group, "subject", &c->subject, err);
        if (r == 0)
                r = lab_get_text(s, group, "author", &c->author, err);
        if (r == 0)
                r = lab_get_text(s, group, "email", &c->email, err);
        if (r == 0)
                r = lab_get_text(s, group, "content", &c->content, err);
        if (r == 0)
                r = lab_get_strings(s, group, "paths", &c->paths, err);
        if (r == 0)
                r = lab_get_strings(s, group, "lines", &c->lines, err);
        if (r == 0)
                r = lab_get_strings(s, group, "near", &c->near, err);
        if (r == 0)
                r = lab_get_strings(s, group, "adds", &c->adds, err);
        if (r == 0)
                r = lab_get_strings(s, group, "removes", &c->removes, err);
        if (r == 0)
                r = lab_get_strings(s, group, "reverts", &c->reverts, err);
        if (r == 0)
                r = lab_get_bool(s, group, "skip", &c->skip, err);
        if (r == 0)
                r = lab_get_bool(s, group, "creates", &c->creates, err);
        if (r == 0)
                r = lab_get_bool(s, group, "merge", &c->is_merge, err);
        if (r == 0)
                make_id(c->name, &c->id);
        return r;
}

static int read_alert(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err) {
        struct lab_event *e = element;
        int r = lab_check_known(s, group, "at starts labels resolved", err);

        *e = (struct lab_event){.kind = LAB_ALERT, .line = group->line, .at_usec = s->start_usec, .rule = -1};
        if (r == 0)
                r = lab_get_time(s, group, "at", &e->at_usec, err);
        e->starts_usec = e->at_usec;
        if (r == 0)
                r = lab_get_time(s, group, "starts", &e->starts_usec, err);
        if (r == 0)
                r = lab_get_bool(s, group, "resolved", &e->resolved, err);
        return r < 0 ? r : lab_get_labels(s, group, "labels", &e->labels, err);
}

static const struct {
        const char *word, *keys;
} event_words[LAB_EVENT_MAX] = {
        [LAB_PAUSE] = {"pause", "at do scope for"},
        [LAB_RESUME] = {"resume", "at do scope"},
        [LAB_APPROVE] = {"approve", "at do rule labels"},
        [LAB_REJECT] = {"reject", "at do rule labels"},
        [LAB_MERGE] = {"merge", "at do rule labels"},
        [LAB_CLOSE] = {"close", "at do rule labels"},
        [LAB_REVERT] = {"revert", "at do rule labels commit force dry_run"},
        [LAB_RESTORE] = {"restore", "at do rule labels commit force dry_run"},
        [LAB_RESTART] = {"restart", "at do"},
        [LAB_GIT] = {"git", "at do answers"},
        [LAB_LOSE_REVERT] = {"lose-revert", "at do"},
};

static int find_event(const struct lab_script *s, const config_setting_t *group, enum lab_event_kind *ret,
                      struct rv_error *err) {
        const char *word = NULL;
        int r = config_setting_type(group) == CONFIG_TYPE_GROUP ? lab_get_text(s, group, "do", &word, err)
                                                                : lab_fail(s, group, err, "a group { } is wanted");

        for (unsigned i = 0; r == 0 && word && i < LAB_EVENT_MAX; i++)
                if (event_words[i].word && strcmp(word, event_words[i].word) == 0) {
                        *ret = i;
                        return 0;
                }
        return r < 0 ? r
                     : lab_fail(s, group, err,
                                "do is one of: pause, resume, approve, reject, merge, close, revert, restore, restart, "
                                "git, "
                                "lose-revert");
}

static int read_event(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err) {
        struct lab_event *e = element;
        const char *answers = "ok";
        enum lab_event_kind kind = LAB_EVENT_MAX;
        int r = find_event(s, group, &kind, err);

        *e = (struct lab_event){.kind = kind, .line = group->line, .at_usec = s->start_usec, .rule = -1, .scope = ""};
        if (r == 0)
                r = lab_check_known(s, group, event_words[kind].keys, err);
        if (r == 0)
                r = lab_get_time(s, group, "at", &e->at_usec, err);
        if (r == 0)
                r = lab_get_text(s, group, "scope", &e->scope, err);
        if (r == 0)
                r = lab_get_span(s, group, "for", &e->duration_usec, err);
        if (r == 0)
                r = lab_get_rule(s, group, false, &e->rule, err);
        if (r == 0)
                r = lab_get_labels(s, group, "labels", &e->labels, err);
        if (r == 0)
                r = lab_get_text(s, group, "commit", &e->commit, err);
        if (r == 0)
                r = lab_get_bool(s, group, "force", &e->force, err);
        if (r == 0)
                r = lab_get_bool(s, group, "dry_run", &e->dry_run, err);
        if (r == 0)
                r = lab_get_text(s, group, "answers", &answers, err);
        if (r == 0 && (rv_git_outcome_from_string(answers, &e->outcome) < 0 || e->outcome == RV_GIT_ALREADY ||
                       e->outcome == RV_GIT_MOVED))
                return lab_fail(s, lab_member(group, "answers"), err,
                                "'%s' is nothing that the worker says by itself, which is one of: ok conflict empty "
                                "refused policy not_found unavailable failed",
                                answers);
        return r;
}

/* -- The whole -- */

static int compare_times(int64_t a, int64_t b) {
        return (a > b) - (a < b);
}
static int compare_commits(const void *a, const void *b) {
        const struct lab_commit *x = a, *y = b;
        int r = compare_times(x->at_usec, y->at_usec);
        return r ? r : compare_times(x->made_usec, y->made_usec);
}
static int compare_events(const void *a, const void *b) {
        const struct lab_event *x = a, *y = b;
        int r = compare_times(x->at_usec, y->at_usec);
        return r ? r : compare_times(x->line, y->line);
}
static int compare_expectations(const void *a, const void *b) {
        const struct lab_expectation *x = a, *y = b;
        return compare_times(x->at_usec, y->at_usec);
}

static int read_head(struct lab_script *s, const config_setting_t *test, struct rv_error *err) {
        const char *start = NULL;
        int64_t duration_usec = LAB_DURATION_USEC;
        int r = lab_check_known(s, test, "name thread start duration series commits alerts events expect", err);

        s->start_usec = LAB_START_USEC;
        if (r == 0)
                r = lab_get_text(s, test, "name", &s->name, err);
        if (r == 0 && !s->name)
                return lab_fail(s, test, err, "name is missing");
        if (r == 0)
                r = lab_get_text(s, test, "thread", &s->thread, err);
        if (r == 0)
                r = lab_get_text(s, test, "start", &start, err);
        if (r == 0 && start && rv_time_parse(start, &s->start_usec) < 0)
                return lab_fail(s, lab_member(test, "start"), err, "'%s' is no time as in RFC 3339", start);
        if (r == 0)
                r = lab_get_span(s, test, "duration", &duration_usec, err);
        if (r == 0 && (duration_usec <= 0 || duration_usec > LAB_DURATION_USEC_MAX))
                return lab_fail(s, lab_member(test, "duration"), err, "is out of range: up to 60d");
        s->end_usec = s->start_usec + duration_usec;
        return r;
}

int lab_script_read(struct lab_script *ret, struct rv_config *config, const char *file, const config_setting_t *test,
                    struct rv_error *err) {
        struct lab_script s = {.file = file, .config = config, .line = test->line};
        int r = read_head(&s, test, err);

        if (r == 0)
                r = each(&s, test, "series", sizeof(*s.series), (void **)&s.series, &s.n_series, read_series, err);
        if (r == 0)
                r = each(&s, test, "commits", sizeof(*s.commit), (void **)&s.commit, &s.n_commits, read_commit, err);
        if (r == 0)
                r = each(&s, test, "alerts", sizeof(*s.event), (void **)&s.event, &s.n_events, read_alert, err);
        if (r == 0)
                r = each(&s, test, "events", sizeof(*s.event), (void **)&s.event, &s.n_events, read_event, err);
        if (r == 0)
                r = each(&s, test, "expect", sizeof(*s.expectation), (void **)&s.expectation, &s.n_expectations,
                         lab_expectation_read, err);
        if (r == 0 && s.n_expectations == 0)
                r = lab_fail(&s, test, err, "%s: expects nothing", s.name);
        if (r < 0) {
                lab_script_done(&s);
                return r;
        }
        qsort(s.commit, s.n_commits, sizeof(*s.commit), compare_commits);
        qsort(s.event, s.n_events, sizeof(*s.event), compare_events);
        qsort(s.expectation, s.n_expectations, sizeof(*s.expectation), compare_expectations);
        *ret = s;
        return 0;
}

void lab_script_done(struct lab_script *s) {
        for (size_t i = 0; i < s->n_series; i++) {
                rv_labels_unref(s->series[i].labels);
                lab_points_done(&s->series[i].values);
                lab_points_done(&s->series[i].then);
        }
        for (size_t i = 0; i < s->n_events; i++)
                rv_labels_unref(s->event[i].labels);
        for (size_t i = 0; i < s->n_expectations; i++)
                rv_labels_unref(s->expectation[i].labels);
        free(s->series);
        free(s->commit);
        free(s->event);
        free(s->expectation);
        *s = (struct lab_script){0};
}
