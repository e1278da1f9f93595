/* By hand: a person names commits, or a rule with labels to attribute by. The same guards, of which --force overrides
 * some; no mode, no hold. */
#include "core.h"

#include "revertd/pathspec.h"
#include "revertd/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REVISION_BYTES_MAX = 256, SCOPE_MAX = 64, PERSON_BYTES_MAX = 1000 };

/* -- the request -- */

static int check_revision(const char *revision, struct rv_error *err) {
        size_t n = strlen(revision);

        if (n == 0 || n > REVISION_BYTES_MAX || revision[0] == '-' || !rv_text_is_utf8(revision, n))
                return rv_error_set(err, -EINVAL, "that is no revision");
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)revision[i] <= ' ' || revision[i] == 0x7f)
                        return rv_error_set(err, -EINVAL, "a revision has no spaces and no control characters");
        return 0;
}

static int check_to(struct turn *t, const struct rv_event *event) {
        if (event->revert.n_scope == 0 && event->revert.rule < 0)
                return rv_error_set(t->err, -EINVAL, "a restore must name its paths, or a rule with labels");
        return check_revision(event->revert.to, t->err);
}

static int check_rule(struct turn *t, const struct rv_event *event) {
        const struct rv_config *config = t->engine->config;
        int rule = event->revert.rule;

        if (rule < -1 || (rule >= 0 && (size_t)rule >= config->n_rules))
                return rv_error_set(t->err, -EINVAL, "there is no such rule");
        if (rule < 0 && event->revert.n_revisions == 0 && !event->revert.to)
                return rv_error_set(t->err, -EINVAL, "name a revision, or a rule to find the change by");
        if (rule >= 0 && (size_t)config->rules[rule].repository != event->revert.repository)
                return rv_error_set(t->err, -EINVAL, "rule %s is about another repository", config->rules[rule].name);
        return event->revert.to ? check_to(t, event) : 0;
}

static int check(struct turn *t, const struct rv_event *event) {
        int r;

        if (event->revert.repository >= t->engine->config->n_repositories)
                return rv_error_set(t->err, -EINVAL, "there is no such repository");
        if (event->revert.n_revisions > RV_SUSPECTS_MAX || event->revert.n_scope > SCOPE_MAX)
                return rv_error_set(t->err, -EINVAL, "at most %d revisions and %d paths", RV_SUSPECTS_MAX, SCOPE_MAX);
        for (size_t i = 0; i < event->revert.n_revisions; i++) {
                r = check_revision(event->revert.revisions[i], t->err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < event->revert.n_scope; i++) {
                const char *pattern = event->revert.scope[i];

                r = rv_pathspec_check(pattern, t->err);
                if (r < 0)
                        return r;
                if (!rv_text_is_utf8(pattern, strlen(pattern)))
                        return rv_error_set(t->err, -EINVAL, "the path is not UTF-8");
        }
        if (event->revert.is_look && (r = look_check(t)) < 0)
                return r;
        if (HASH_COUNT(t->engine->open) >= RV_INCIDENTS_OPEN_MAX)
                return rv_error_set(t->err, -EBUSY, "%d incidents are open", RV_INCIDENTS_OPEN_MAX);
        return check_rule(t, event);
}

static int clean_line(const char *text, char **ret) {
        if (!text || !*text)
                return 0;
        *ret = rv_text_line(text, PERSON_BYTES_MAX);
        return *ret ? 0 : -ENOMEM;
}

/* The newest value known; and for a dry run the onset, for what would be done about a breach depends on when it began. */
static int take_breach(struct turn *t, const struct rv_event *event, struct rv_incident *i) {
        const struct series *series;

        series = series_find(t->engine, t->engine->rule[event->revert.rule], i->labels);
        if (!series)
                return 0;
        i->value = i->last_value = series->s.value;
        if (event->revert.n_revisions == 0 && !event->revert.to && series->s.onset_usec > 0 &&
            series->s.onset_usec < t->now_usec) {
                earlier_tell(series, &t->engine->config->rules[event->revert.rule], series->s.onset_usec, &i->times);
                if (i->mode == RV_MODE_OBSERVE)
                        i->times.onset_usec = series->s.onset_usec;
        }
        return recent_tell(series, i);
}

/* Also -EINVAL: the labels give no safe path. */
static int fill(struct turn *t, const struct rv_event *event, struct rv_incident *i) {
        const struct rv_config *config = t->engine->config;
        const struct rv_rule_config *rule = event->revert.rule >= 0 ? &config->rules[event->revert.rule] : NULL;
        int r;

        i->by_hand = true;
        i->force = event->revert.force;
        i->mode = event->revert.dry_run || event->revert.is_look ? RV_MODE_OBSERVE : RV_MODE_ENFORCE;
        i->value = i->last_value = NAN;
        i->times.onset_usec = t->now_usec;
        i->repository = strdup(config->repositories[event->revert.repository].name);
        if (!i->repository || clean_line(event->revert.actor, &i->actor) < 0 ||
            clean_line(event->revert.note, &i->note) < 0)
                return -ENOMEM;
        if (event->revert.labels)
                i->labels = rv_labels_ref((struct rv_labels *)event->revert.labels);
        else if (rv_labels_new(&i->labels, NULL, 0, NULL) < 0)
                return -ENOMEM;
        if (event->revert.to && !(i->to = strdup(event->revert.to)))
                return -ENOMEM;
        if (copy_strings(&i->revisions, &i->n_revisions, event->revert.revisions, event->revert.n_revisions) < 0)
                return -ENOMEM;
        if (rule && take_breach(t, event, i) < 0)
                return -ENOMEM;
        if (rule) {
                r = incident_describe(i, rule, event->revert.n_scope == 0, t->err);
                if (r == 0)
                        r = incident_find_application(t->engine, i, rule, t->err);
                if (r < 0)
                        return r;
        }
        if (event->revert.n_scope == 0)
                return 0;
        return copy_strings(&i->scope, &i->n_scope, event->revert.scope, event->revert.n_scope);
}

/* The label set through which recovery will be proven. A dry run is in nobody's way. Also -EBUSY. */
static int bind(struct turn *t, const struct rv_incident *i, struct rule *rule, struct series **ret) {
        int r;

        *ret = NULL;
        if (!rule || i->mode == RV_MODE_OBSERVE)
                return 0;
        *ret = series_find(t->engine, rule, i->labels);
        if (*ret && (*ret)->open)
                return rv_error_set(t->err, -EBUSY, "incident %s is open for the same labels", (*ret)->open->i->id);
        r = series_get(t->engine, rule, i->labels, ret);
        return r == -ENOSPC ? rv_error_set(t->err, -EBUSY, "the rule has too many label sets") : r;
}

int manual_revert(struct turn *t, const struct rv_event *event) {
        struct repository *repository;
        struct rule *rule;
        struct series *series;
        struct rv_incident *i;
        struct open *o;
        int r = check(t, event);

        if (r < 0)
                return r;
        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        repository = t->engine->repository[event->revert.repository];
        rule = event->revert.rule >= 0 ? t->engine->rule[event->revert.rule] : NULL;
        r = fill(t, event, i);
        if (r == 0)
                r = bind(t, i, rule, &series);
        if (r < 0) {
                rv_incident_free(i);
                return r;
        }
        r = incident_add(t, i, rule, repository, series, &o);
        if (r < 0)
                return r;
        o->is_look = event->revert.is_look;
        memcpy(t->step->incident, i->id, sizeof(i->id));
        t->actor = i->actor;
        r = incident_begin(t, o, RV_INCIDENT_ATTRIBUTING);
        return r < 0 ? r : attribute_enter(t, o);
}

/* -- the commits that were named, one after the other -- */

int manual_show(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_SHOW);

        if (!request)
                return -ENOMEM;
        request->revision = strdup(o->i->revisions[o->i->n_suspects]);
        if (!request->revision) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        return ask_git(t, o, request);
}

static bool is_known(const struct rv_incident *i, const struct rv_commit *commit) {
        for (size_t k = 0; k < i->n_suspects; k++)
                if (strcmp(i->suspects[k].commit.id.hex, commit->id.hex) == 0)
                        return true;
        return false;
}

static void drop_revision(struct rv_incident *i, size_t at) {
        free(i->revisions[at]);
        memmove(&i->revisions[at], &i->revisions[at + 1], (i->n_revisions - at - 1) * sizeof(char *));
        i->n_revisions--;
}

static int add_suspect(struct turn *t, struct open *o, const struct rv_commit *commit) {
        struct rv_incident *i = o->i;
        struct rv_suspect *grown = reallocarray(i->suspects, i->n_suspects + 1, sizeof(*grown));
        struct rv_suspect *s;

        if (grown)
                i->suspects = grown;
        if (!grown)
                return -ENOMEM;
        s = &grown[i->n_suspects];
        *s = (struct rv_suspect){.evidence = 1u << RV_EVIDENCE_BY_HAND, .confidence = 1};
        if (rv_commit_copy(&s->commit, commit) < 0)
                return -ENOMEM;
        s->live = history_live(&s->commit, o->repository);
        i->n_suspects++;
        incident_touch(t, o);
        return 0;
}

/* With a request under way afterwards: not all are known yet. */
int manual_shown(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;
        int r = 0;

        if (reply->n_commits == 0)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, "the worker showed no commit");
        if (is_known(i, &reply->commits[0]))
                drop_revision(i, i->n_suspects); /* two names of one commit */
        else
                r = add_suspect(t, o, &reply->commits[0]);
        return r < 0 || i->n_suspects == i->n_revisions ? r : manual_show(t, o);
}

/* -- what became of them -- */

static size_t place(const struct rv_git_reply *history, const struct rv_commit *commit) {
        for (size_t k = 0; k < history->n_commits; k++)
                if (strcmp(history->commits[k].id.hex, commit->id.hex) == 0)
                        return k;
        return SIZE_MAX;
}

static bool is_newer(const struct rv_git_reply *history, const struct rv_suspect *a, const struct rv_suspect *b) {
        size_t place_a = place(history, &a->commit), place_b = place(history, &b->commit);

        if (place_a != SIZE_MAX && place_b != SIZE_MAX)
                return place_a < place_b;
        return a->commit.commit_usec > b->commit.commit_usec;
}

static void sort_newest_first(struct rv_incident *i, const struct rv_git_reply *history) {
        for (size_t k = 1; k < i->n_suspects; k++)
                for (size_t m = k; m > 0 && is_newer(history, &i->suspects[m], &i->suspects[m - 1]); m--) {
                        struct rv_suspect swap = i->suspects[m];

                        i->suspects[m] = i->suspects[m - 1];
                        i->suspects[m - 1] = swap;
                }
}

/* Newest first, as a plan wants them, and marked where a later commit has reverted them. */
int manual_order(struct open *o, const struct rv_git_reply *history) {
        struct rv_undone *undone;
        int r = rv_undone_find(&undone, history->commits, history->n_commits);

        if (r < 0)
                return r;
        for (size_t k = 0; k < o->i->n_suspects; k++) {
                struct rv_suspect *s = &o->i->suspects[k];
                const struct rv_oid *by = rv_undone_by(undone, &s->commit.id);
                size_t at = place(history, &s->commit);

                s->reverted = by != NULL;
                if (by)
                        s->reverted_by = *by;
                if (at != SIZE_MAX)
                        s->commit.reapplies = history->commits[at].reapplies;
        }
        rv_undone_free(undone);
        sort_newest_first(o->i, history);
        return 0;
}
