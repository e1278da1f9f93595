/* The guards, in the order in which they are asked; the first that objects gives the reason. */
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"
#include "revertd/pathspec.h"

#include <fnmatch.h>
#include <string.h>

static bool is_paused(const struct rv_guard_facts *f) {
        return f->paused;
}

static bool has_no_candidate(const struct rv_guard_facts *f) {
        return !f->culprit && !f->only_after_onset;
}

static bool is_after_onset(const struct rv_guard_facts *f) {
        return !f->culprit && f->only_after_onset;
}

static bool is_amid_breach(const struct rv_guard_facts *f) {
        return f->amid_breach;
}

/* Where all candidates go back, none has to be chosen. */
static bool is_ambiguous(const struct rv_guard_facts *f) {
        double confidence = f->confidence > 0 ? f->confidence : f->culprit->confidence;

        return f->rule && f->rule->suspects != RV_SUSPECTS_ALL && confidence < f->rule->confidence - RV_RATIO_SAME;
}

/* A revert by someone else: undoing it would bring back what they took out. */
static bool is_revert(const struct rv_guard_facts *f) {
        return f->culprit->commit.n_reverts > 0 && !f->culprit->commit.incident;
}

static bool is_ours(const struct rv_guard_facts *f) {
        return f->culprit->commit.incident != NULL;
}

static bool is_opted_out(const struct rv_guard_facts *f) {
        return f->culprit->commit.skip;
}

/* The address or the name; NULL: neither matches. */
static const char *match_author(char *const *patterns, const struct rv_commit *commit) {
        for (char *const *p = patterns; p && *p; p++) {
                if (commit->author_email && fnmatch(*p, commit->author_email, FNM_CASEFOLD) == 0)
                        return commit->author_email;
                if (commit->author_name && fnmatch(*p, commit->author_name, FNM_CASEFOLD) == 0)
                        return commit->author_name;
        }
        return NULL;
}

static const char *match_path(char *const *patterns, const struct rv_commit *commit) {
        size_t n = 0;

        while (patterns && patterns[n])
                n++;
        for (size_t i = 0; n > 0 && i < commit->n_paths; i++)
                if (rv_pathspec_match_any((const char *const *)patterns, n, commit->paths[i]))
                        return commit->paths[i];
        return NULL;
}

struct rv_protection rv_protected_by(const struct rv_repository_config *repository, const struct rv_commit *commit) {
        return (struct rv_protection){match_author(repository->protect_authors, commit),
                                      match_path(repository->protect_paths, commit)};
}

/* Not all paths of a large commit are listed: those that are not could be any. */
static bool has_unknown_paths(char *const *patterns, const struct rv_commit *commit) {
        return patterns && *patterns && commit->n_inside > commit->n_paths;
}

static bool is_protected(const struct rv_guard_facts *f) {
        struct rv_protection by;

        if (!f->repository)
                return false;
        by = rv_protected_by(f->repository, &f->culprit->commit);
        return by.author || by.path || has_unknown_paths(f->repository->protect_paths, &f->culprit->commit);
}

/* Undone once more, it would be written once more. */
static bool is_reapplied(const struct rv_guard_facts *f) {
        return f->culprit->commit.reapplies.hex[0];
}

/* Argo CD Image Updater has a default name, Flux has one in its guides only; both have default subjects. */
bool rv_is_image_update(const struct rv_repository_config *repository, const struct rv_commit *commit) {
        static char *const names[] = {(char *)"argocd-image-updater", (char *)"fluxcdbot", NULL};
        static const char argocd[] = "build: automatic update of ", flux[] = "Update from image update automation";

        if (repository->image_updaters)
                return match_author(repository->image_updaters, commit);
        return match_author(names, commit) ||
               (commit->subject &&
                (strncmp(commit->subject, argocd, strlen(argocd)) == 0 || strcmp(commit->subject, flux) == 0));
}

static bool is_image_update(const struct rv_guard_facts *f) {
        return f->rule && f->repository && f->rule->image_updates == RV_IMAGE_UPDATES_DECLINE &&
               rv_is_image_update(f->repository, &f->culprit->commit);
}

static bool is_outside_scope(const struct rv_guard_facts *f) {
        return f->rule && f->rule->outside == RV_OUTSIDE_DECLINE && f->culprit->commit.n_outside > 0;
}

static bool is_too_large(const struct rv_guard_facts *f) {
        const struct rv_commit *commit = &f->culprit->commit;
        size_t n = commit->n_inside;

        if (!f->rule || f->rule->max_files == 0)
                return false;
        if (f->rule->outside == RV_OUTSIDE_WHOLE)
                n += commit->n_outside;
        return n > (size_t)f->rule->max_files;
}

static bool has_dependents(const struct rv_guard_facts *f) {
        return f->rule && f->rule->dependents == RV_DEPENDENTS_DECLINE && f->n_dependents > 0;
}

/* To an operator that prunes, an empty folder means that all of it is to be deleted. */
static bool empties_scope(const struct rv_guard_facts *f) {
        return f->rule && f->empties;
}

/* A change that touches this scope alone does not explain what happens in all the others. */
static bool has_shared_cause(const struct rv_guard_facts *f) {
        return f->rule && f->rule->shared_cause > 0 && f->n_scopes_breached >= (size_t)f->rule->shared_cause &&
               f->culprit->commit.n_outside == 0;
}

/* Whether a revert since the onset has mended it is not known before it is applied, and who made it is at it. In a
 * restore what reverted it goes too, and that is asked about as a revert. */
static bool is_already_reverted(const struct rv_guard_facts *f) {
        return f->answered || (f->culprit->reverted && !f->is_restore);
}

static bool is_in_progress(const struct rv_guard_facts *f) {
        return f->in_progress;
}

static bool is_too_old(const struct rv_guard_facts *f) {
        return f->max_age_usec > 0 && f->now_usec - f->culprit->live.seen_usec > f->max_age_usec;
}

/* A push that seems to lie in the future (the clock was set back) counts as recent. */
static bool is_cooling_down(const struct rv_guard_facts *f) {
        return f->cooldown_usec > 0 && f->scope_act_usec > 0 && f->now_usec - f->scope_act_usec < f->cooldown_usec;
}

static bool is_over_budget(const struct rv_guard_facts *f) {
        return f->acts_repository >= f->budget_repository || f->acts_all >= f->budget_all;
}

static const struct {
        enum rv_reason reason;
        bool (*objects)(const struct rv_guard_facts *facts);
        bool forceable;  /* by a person, with --force */
        bool is_general; /* asks nothing about the culprit */
        bool is_about_plan;
} guards[] = {
        {RV_REASON_PAUSED, is_paused, false, true},
        {RV_REASON_NO_CANDIDATE, has_no_candidate, false, true},
        {RV_REASON_AFTER_ONSET, is_after_onset, false, true},
        {RV_REASON_ALREADY_REVERTED, is_already_reverted, false, false},
        {RV_REASON_IN_PROGRESS, is_in_progress, false, false},
        {RV_REASON_AMBIGUOUS, is_ambiguous, true, false},
        {RV_REASON_IS_REVERT, is_revert, true, false},
        {RV_REASON_IS_OURS, is_ours, true, false},
        {RV_REASON_OPTED_OUT, is_opted_out, true, false},
        {RV_REASON_PROTECTED, is_protected, true, false},
        {RV_REASON_REAPPLIED, is_reapplied, true, false},
        {RV_REASON_IMAGE_UPDATER, is_image_update, true, false},
        {RV_REASON_AMID_BREACH, is_amid_breach, true, false},
        {RV_REASON_OUTSIDE_SCOPE, is_outside_scope, true, false},
        {RV_REASON_TOO_OLD, is_too_old, true, false},
        {RV_REASON_TOO_LARGE, is_too_large, true, false},
        {RV_REASON_DEPENDENTS, has_dependents, true, false, true},
        {RV_REASON_EMPTIES_SCOPE, empties_scope, true, false, true},
        {RV_REASON_SHARED_CAUSE, has_shared_cause, true, false},
        {RV_REASON_COOLDOWN, is_cooling_down, true, true},
        {RV_REASON_BUDGET, is_over_budget, true, true},
};

bool rv_guard_is_forceable(enum rv_reason reason) {
        for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
                if (guards[i].reason == reason)
                        return guards[i].forceable;
        return false;
}

enum rv_reason rv_guards_check(const struct rv_guard_facts *facts) {
        for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
                if (guards[i].forceable && facts->by_hand && facts->force)
                        continue;
                if (guards[i].objects(facts))
                        return guards[i].reason;
        }
        return RV_REASON_NONE;
}

void rv_guards_tell(const struct rv_guard_facts *facts, uint64_t *asked, uint64_t *objecting) {
        for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
                uint64_t bit = UINT64_C(1) << guards[i].reason;

                if ((!facts->culprit && !guards[i].is_general) || (!facts->has_plan && guards[i].is_about_plan))
                        continue;
                *asked |= bit;
                if (guards[i].objects(facts))
                        *objecting |= bit;
        }
}

enum rv_reason rv_guard_at(size_t i) {
        return i < sizeof(guards) / sizeof(guards[0]) ? guards[i].reason : RV_REASON_NONE;
}
