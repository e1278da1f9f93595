/* Declining: what a guard has to say beyond its reason, with names and numbers. It is stored, shown and told. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPENDENTS_TOLD_MAX = 3, SUBJECT_TOLD_MAX = 80 /* bytes */ };

/* What the guard is about. */
struct objection {
        struct turn *t;
        struct open *o;
        const struct rv_rule_config *rule; /* NULL: by hand without one */
        const struct rv_suspect *culprit;  /* the first that it objects to; NULL: it is about none */
        FILE *f;
};

/* -- words -- */

/* "9c1e2ab77d (Ana: Raise the pool size)" */
static void put_commit(FILE *f, const struct rv_commit *commit) {
        _cleanup_free_ char *subject = rv_text_line(commit->subject, SUBJECT_TOLD_MAX);

        fprintf(f, "%.*s (%s: %s)", RV_OID_SHORT, commit->id.hex, commit->author_name, subject ? subject : "");
}

static void put_time(FILE *f, int64_t usec) {
        char text[RV_TIME_TEXT_MAX];

        rv_time_format(usec, text);
        if (strchr(text, '.')) /* seconds will do */
                memcpy(strchr(text, '.'), "Z", sizeof("Z"));
        fputs(text, f);
}

static void put_span(FILE *f, int64_t usec) {
        char text[RV_DURATION_TEXT_MAX];

        fputs(rv_duration_humanize(usec, text), f);
}

/* One that was compared to a limit. */
static void put_span_beyond(FILE *f, int64_t usec, int64_t limit_usec) {
        char text[RV_DURATION_TEXT_MAX], limit[RV_DURATION_TEXT_MAX];

        if (strcmp(rv_duration_humanize(usec, text), rv_duration_humanize(limit_usec, limit)) == 0 &&
            usec != limit_usec)
                rv_duration_format(usec, text);
        fputs(text, f);
}

static void put_scope(FILE *f, const struct rv_incident *i) {
        for (size_t k = 0; k < i->n_scope; k++)
                fprintf(f, "%s%s", k > 0 ? ", " : "", i->scope[k]);
        if (i->n_scope == 0)
                fputs("the repository", f);
}

int text_close(FILE *f, char **text) {
        if (fclose(f) != 0 || !*text) {
                free(RV_TAKE(*text));
                return -ENOMEM;
        }
        return 0;
}

/* -- no culprit -- */

/* What the history holds that is no candidate, but that a person would ask about; NULL: nothing. */
static const struct rv_commit *find_aside(const struct rv_attribution *a) {
        return a->answer ? a->answer : a->n_suspects > 0 ? NULL : a->after ? a->after : a->inert ? a->inert : a->before;
}

static void put_aside(const struct rv_attribution *a, int64_t onset_usec, int64_t window_usec, FILE *f) {
        const struct rv_commit *aside = find_aside(a);

        if (!aside)
                return;
        if (aside == a->answer) {
                put_commit(f, aside);
                fputs(" came since the onset, and ", f);
                if (aside->n_reverts > 0)
                        fprintf(f, "reverts %.*s", RV_OID_SHORT, aside->reverts[0].hex);
                else
                        fputs("is itself a revert", f);
        } else if (aside == a->after) {
                fputs("the first of them, ", f);
                put_commit(f, aside);
                fputs(", went live ", f);
                put_span(f, a->after_usec - onset_usec);
                fputs(" after the onset, or is not live yet", f);
        } else if (aside == a->inert) {
                fputs("only what nothing applies (documentation, owners) was changed there, by ", f);
                put_commit(f, aside);
        } else {
                fputs("the newest change there before that, ", f);
                put_commit(f, aside);
                fputs(", went live ", f);
                put_span_beyond(f, onset_usec - a->before_usec, window_usec);
                fputs(" before the onset", f);
        }
}

int decline_note(struct turn *t, struct open *o, const struct rv_attribution *a) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        put_aside(a, o->i->times.onset_usec, rule ? rule->window_usec : 0, f);
        if (text_close(f, &text) < 0)
                return -ENOMEM;
        free(o->aside);
        o->aside = text;
        o->i->aside = find_aside(a) ? find_aside(a)->id : (struct rv_oid){0};
        return 0;
}

static void no_candidate(const struct objection *x) {
        const struct rv_incident *i = x->o->i;

        if (!x->rule)
                return;
        fputs("nothing went live in ", x->f);
        put_scope(x->f, i);
        fputs(" from ", x->f);
        put_time(x->f, i->times.onset_usec - x->rule->window_usec);
        fputs(" to ", x->f);
        put_time(x->f, i->times.onset_usec);
        fputs(", the window of ", x->f);
        put_span(x->f, x->rule->window_usec);
        if (*i->ruled_out.hex)
                fprintf(x->f, ", but for %.*s and what came after it", RV_OID_SHORT, i->ruled_out.hex);
        if (x->o->aside && *x->o->aside)
                fprintf(x->f, "\n%s", x->o->aside);
        others_put_line(x->o, x->f);
}

static void aside(const struct objection *x) {
        if (x->o->aside)
                fputs(x->o->aside, x->f);
}

/* -- the culprit -- */

static void culprit(const struct objection *x) {
        put_commit(x->f, &x->culprit->commit);
}

static void amid_breach(const struct objection *x) {
        const struct rv_incident_times *times = &x->o->i->times;

        culprit(x);
        fputs(" went live amid the breach before this one, or shortly after (", x->f);
        put_time(x->f, times->earlier_usec);
        if (times->earlier_end_usec < times->onset_usec) {
                fputs(" to ", x->f);
                put_time(x->f, times->earlier_end_usec);
        } else
                fputs(" until now, but for a short ok", x->f);
        fputs("): likely it was made against that", x->f);
}

static void ambiguous(const struct objection *x) {
        double confidence = confidence_in(x->o->i, x->culprit);
        char has[RV_NUMBER_TEXT_MAX], wants[RV_NUMBER_TEXT_MAX];

        if (is_restore(x->o->i))
                fputs("all that would be undone has", x->f);
        else {
                culprit(x);
                fputs(" has", x->f);
        }
        fprintf(x->f, " a confidence of %s, and the rule wants %s",
                rv_percent_format(confidence, x->rule->confidence, has),
                rv_percent_format(x->rule->confidence, confidence, wants));
}

static void is_revert(const struct objection *x) {
        const struct rv_commit *commit = &x->culprit->commit;

        culprit(x);
        if (commit->n_reverts > 0)
                fprintf(x->f, " says that it reverts %.*s", RV_OID_SHORT, commit->reverts[0].hex);
}

static void is_ours(const struct objection *x) {
        culprit(x);
        fprintf(x->f, " was made for incident %s", x->culprit->commit.incident);
}

static void protected(const struct objection *x) {
        const struct rv_commit *commit = &x->culprit->commit;
        const struct rv_protection by = rv_protected_by(repository_config(x->t->engine, x->o->repository), commit);

        culprit(x);
        if (by.author)
                fprintf(x->f, ": its author %s is among protect_authors", by.author);
        else if (by.path)
                fprintf(x->f, ": %s is among protect_paths", by.path);
        else
                fprintf(x->f, " touches so many files (%zu) that not all are known, and there are protect_paths",
                        commit->n_inside);
}

static void reapplied(const struct objection *x) {
        reapplied_put(x->f, repository_config(x->t->engine, x->o->repository), &x->culprit->commit);
}

static void image_updater(const struct objection *x) {
        const struct rv_commit *commit = &x->culprit->commit;

        fprintf(x->f,
                "%.*s is by %s, which would write the same image again; pin the version there, or suspend it, before "
                "this is reverted by hand",
                RV_OID_SHORT, commit->id.hex, commit->author_name);
}

static void already_reverted(const struct objection *x) {
        if (!x->culprit->reverted) {
                aside(x);
                return;
        }
        culprit(x);
        fprintf(x->f, " was reverted by %.*s", RV_OID_SHORT, x->culprit->reverted_by.hex);
        for (size_t k = x->t->engine->n_acts; k > 0; k--) {
                const struct rv_act *act = &x->t->engine->act[k - 1];

                if (strcmp(act->culprit.hex, x->culprit->commit.id.hex) == 0) {
                        fprintf(x->f, ", for incident %s", act->incident);
                        break;
                }
        }
}

static void in_progress(const struct objection *x) {
        const struct rv_incident *ahead = incident_ahead(x->t->engine, x->o, &x->culprit->commit);

        if (ahead && x->culprit->commit.incident && strcmp(ahead->id, x->culprit->commit.incident) == 0) {
                culprit(x);
                fprintf(x->f, ", of incident %s", ahead->id);
                if (ahead->times.pushed_usec > 0 && ahead->times.pushed_usec < x->o->i->times.onset_usec) {
                        fputs(", was pushed ", x->f);
                        put_span(x->f, x->o->i->times.onset_usec - ahead->times.pushed_usec);
                        fputs(" before this began", x->f);
                }
                fputs(" and is not proven yet: most likely this is the same breach", x->f);
        } else if (ahead)
                fprintf(x->f, "incident %s%s%s is %s", ahead->id, ahead->rule ? " of rule " : "",
                        ahead->rule ? ahead->rule : "", rv_incident_state_to_string(ahead->state));
}

static void outside_scope(const struct objection *x) {
        size_t n = x->culprit->commit.n_outside;

        culprit(x);
        fprintf(x->f, " touches %zu path%s outside of ", n, n == 1 ? "" : "s");
        put_scope(x->f, x->o->i);
}

static void too_old(const struct objection *x) {
        int64_t since_usec = x->culprit->live.seen_usec;

        culprit(x);
        fputs(" has been live since ", x->f);
        put_time(x->f, since_usec);
        fputs(", for ", x->f);
        put_span_beyond(x->f, x->t->now_usec - since_usec, x->rule->max_age_usec);
        fputs("; max_age is ", x->f);
        put_span(x->f, x->rule->max_age_usec);
}

static void too_large(const struct objection *x) {
        const struct rv_commit *commit = &x->culprit->commit;

        culprit(x);
        if (commit->n_inside >= RV_COMMIT_INSIDE_UNKNOWN)
                fputs(" touches files that cannot all be read", x->f);
        else
                fprintf(x->f, " touches %zu files in the scope, and %zu outside", commit->n_inside, commit->n_outside);
        fprintf(x->f, "; max_files is %d", x->rule->max_files);
}

static void dependents(const struct objection *x) {
        const struct rv_plan *plan = x->o->i->plan;

        for (size_t k = 0; k < plan->n_dependents && k < DEPENDENTS_TOLD_MAX; k++) {
                const struct rv_commit *commit = &plan->dependents[k];

                fputs(k > 0 ? "; " : "", x->f);
                put_commit(x->f, commit);
                fprintf(x->f, " changed lines beside in %s", commit->n_paths > 0 ? commit->paths[0] : "a file");
        }
        if (plan->n_dependents > DEPENDENTS_TOLD_MAX)
                fprintf(x->f, "; and %zu more", plan->n_dependents - DEPENDENTS_TOLD_MAX);
}

static void empties_scope(const struct objection *x) {
        const struct rv_commit *commit = &x->o->i->suspects[0].commit;
        size_t n = x->o->i->plan->spec.n_commits;

        put_commit(x->f, commit);
        if (n > 1)
                fprintf(x->f, " and %zu more", n - 1);
        fputs(" brought all there is in ", x->f);
        put_scope(x->f, x->o->i);
        if (commit->n_outside > 0)
                fprintf(x->f, ", and touches %zu path%s elsewhere: was it moved?", commit->n_outside,
                        commit->n_outside == 1 ? "" : "s");
        fputs("\nwithout it an operator that prunes deletes what runs from there", x->f);
}

static void shared_cause(const struct objection *x) {
        culprit(x);
        fputs(" touches none of what is in breach since about the same time: ", x->f);
        others_put(x->o, x->f);
}

/* -- what was done before -- */

static void paused(const struct objection *x) {
        char *text = NULL;

        if (pause_detail(x->t, x->o, &text) == 0 && text)
                fputs(text, x->f);
        free(text);
}

static void cooldown(const struct objection *x) {
        _cleanup_free_ char *scope = rv_act_scope(x->o->i->scope, x->o->i->n_scope);
        const struct rv_act *act = scope ? newest_act(x->t->engine, x->o, scope) : NULL;

        if (!act)
                return;
        fprintf(x->f, "incident %s pushed for this scope at ", act->incident);
        put_time(x->f, act->at_usec);
        fputs("; the cooldown ends at ", x->f);
        put_time(x->f, act->at_usec + x->rule->cooldown_usec);
}

static void put_budget(const struct objection *x, const char *repository, int budget) {
        const struct rv_engine *engine = x->t->engine;
        int used = ledger_count(engine, repository, x->o->i->id, x->t->now_usec);
        int64_t free_usec = ledger_free_usec(engine, repository, x->o->i->id, budget, x->t->now_usec);

        if (used < budget)
                return;
        fprintf(x->f, "%s%s%s: %d of %d pushes in 24 hours are used", ftell(x->f) > 0 ? "; " : "",
                repository ? "repository " : "all repositories together", repository ? repository : "", used, budget);
        if (free_usec > 0) {
                fputs(", the next is free at ", x->f);
                put_time(x->f, free_usec);
        }
}

/* Of two budgets, which one is used up, and until when. */
static void budget(const struct objection *x) {
        put_budget(x, x->o->i->repository, repository_config(x->t->engine, x->o->repository)->budget);
        put_budget(x, NULL, x->t->engine->config->budget);
}

/* -- all of them -- */

static const struct {
        void (*put)(const struct objection *objection);
        bool about_culprit;
} details[RV_REASON_MAX] = {
        [RV_REASON_PAUSED] = {paused, false},
        [RV_REASON_NO_CANDIDATE] = {no_candidate, false},
        [RV_REASON_AFTER_ONSET] = {aside, false},
        [RV_REASON_AMID_BREACH] = {amid_breach, true},
        [RV_REASON_AMBIGUOUS] = {ambiguous, true},
        [RV_REASON_IS_REVERT] = {is_revert, true},
        [RV_REASON_IS_OURS] = {is_ours, true},
        [RV_REASON_OPTED_OUT] = {culprit, true},
        [RV_REASON_PROTECTED] = {protected, true},
        [RV_REASON_REAPPLIED] = {reapplied, true},
        [RV_REASON_IMAGE_UPDATER] = {image_updater, true},
        [RV_REASON_ALREADY_REVERTED] = {already_reverted, true},
        [RV_REASON_IN_PROGRESS] = {in_progress, true},
        [RV_REASON_OUTSIDE_SCOPE] = {outside_scope, true},
        [RV_REASON_TOO_OLD] = {too_old, true},
        [RV_REASON_TOO_LARGE] = {too_large, true},
        [RV_REASON_DEPENDENTS] = {dependents, false},
        [RV_REASON_EMPTIES_SCOPE] = {empties_scope, false},
        [RV_REASON_SHARED_CAUSE] = {shared_cause, true},
        [RV_REASON_COOLDOWN] = {cooldown, false},
        [RV_REASON_BUDGET] = {budget, false},
};

int incident_decline(struct turn *t, struct open *o, enum rv_reason guard) {
        _cleanup_free_ char *detail = NULL;
        struct objection x = {.t = t, .o = o, .rule = rule_config(t->engine, o->rule)};
        size_t size;

        if (details[guard].about_culprit && guard_culprit(t, o, guard, &x.culprit) < 0)
                return -ENOMEM;
        x.f = open_memstream(&detail, &size);
        if (!x.f)
                return -ENOMEM;
        if (details[guard].put && (x.culprit || !details[guard].about_culprit))
                details[guard].put(&x);
        if (text_close(x.f, &detail) < 0)
                return -ENOMEM;
        return incident_move(t, o, RV_INCIDENT_DECLINED, guard, detail);
}
