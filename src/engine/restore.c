/* Restore: the scope goes back to a commit, past all that touched it since. By hand to the one that a person names;
 * else to the last good one, or to the one before the oldest culprit where none is known. What it undoes, suspect or
 * not, is what the guards are asked about, and what the record, the message and the person who is asked are told. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool is_restore(const struct rv_incident *i) {
        return i->to || i->restore.hex[0];
}

void restore_forget(struct open *o) {
        o->i->restore = (struct rv_oid){0};
        free(o->i->conflict);
        o->i->conflict = NULL;
        o->is_restoring = false;
}

static int ask(struct turn *t, struct open *o, char *revision) {
        struct rv_git_request *request = revision ? request_history(o, 0) : NULL;

        if (!request) {
                free(revision);
                return -ENOMEM;
        }
        request->revision = revision;
        o->is_restoring = true;
        return ask_git(t, o, request);
}

int restore_by_hand(struct turn *t, struct open *o) {
        return ask(t, o, strdup(o->i->to));
}

int restore_past(struct turn *t, struct open *o, size_t n_culprits) {
        const struct good *good = o->good_is_late ? NULL : good_counting(t, o);
        char *revision;

        if (good)
                return ask(t, o, strdup(good->head.hex));
        if (asprintf(&revision, "%s~1", o->i->suspects[n_culprits - 1].commit.id.hex) < 0)
                return -ENOMEM;
        return ask(t, o, revision);
}

bool restore_is_fallback(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        return rule && rule->fallback != RV_FALLBACK_DECLINE && o->i->n_revisions == 0 && o->i->n_scope > 0 &&
               o->i->plan && !is_restore(o->i);
}

int restore_after_conflict(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;
        size_t n_culprits = i->plan->spec.n_commits;
        _cleanup_free_ char *text = NULL;

        if (failure_text(reply, &text) < 0 || !(i->conflict = rv_text_block(text, TEXT_BYTES_MAX)))
                return -ENOMEM;
        i->plan = rv_plan_free(i->plan);
        incident_touch(t, o);
        return restore_past(t, o, n_culprits);
}

/* -- what is undone -- */

static struct rv_suspect *find(struct rv_incident *i, const struct rv_oid *id) {
        for (size_t k = 0; k < i->n_suspects; k++)
                if (strcmp(i->suspects[k].commit.id.hex, id->hex) == 0)
                        return &i->suspects[k];
        return NULL;
}

/* What is known of it as a suspect; one that is none has nothing to be sure of. */
static int take_in(struct open *o, const struct rv_commit *commit, const struct rv_oid *reverted_by,
                   struct rv_suspect *ret) {
        const struct rv_suspect *known = find(o->i, &commit->id);

        *ret = (struct rv_suspect){.evidence = 1u << (o->i->to ? RV_EVIDENCE_BY_HAND : RV_EVIDENCE_PASSED),
                                   .confidence = o->i->to ? 1 : 0,
                                   .reverted = reverted_by != NULL};
        if (known) {
                ret->evidence = known->evidence;
                ret->confidence = known->confidence;
        }
        if (reverted_by)
                ret->reverted_by = *reverted_by;
        ret->live = known ? known->live : history_live(commit, o->repository);
        return rv_commit_copy(&ret->commit, known ? &known->commit : commit);
}

static int take_in_all(struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;
        struct rv_suspect *undone = calloc(reply->n_commits + 1, sizeof(*undone));
        struct rv_undone *reverted = NULL;
        int r = undone ? rv_undone_find(&reverted, reply->commits, reply->n_commits) : -ENOMEM;
        size_t n = 0;

        for (; r == 0 && n < reply->n_commits; n += r == 0)
                r = take_in(o, &reply->commits[n], rv_undone_by(reverted, &reply->commits[n].id), &undone[n]);
        rv_undone_free(reverted);
        for (size_t k = 0; k < i->n_suspects; k++)
                rv_suspect_done(&i->suspects[k]);
        free(i->suspects);
        i->suspects = undone;
        i->n_suspects = n;
        return r < 0 ? -ENOMEM : 0;
}

/* To undo a part of them would make a state that never was. */
static int decline_too_many(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        char detail[192];

        snprintf(detail, sizeof(detail), "%zu commits touched the scope since %s; at most %d are undone at once",
                 reply->n_commits, reply->commit.hex, RV_SUSPECTS_MAX);
        return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_TOO_LARGE, detail);
}

/* A person has seen a list, and something else touched the scope meanwhile. */
static bool is_as_seen(const struct rv_incident *i, const struct rv_git_reply *reply) {
        if (!i->to || i->n_revisions == 0)
                return true;
        if (i->n_revisions != reply->n_commits)
                return false;
        for (size_t k = 0; k < i->n_revisions; k++)
                if (strcmp(i->revisions[k], reply->commits[k].id.hex) != 0)
                        return false;
        return true;
}

static bool has_suspect(const struct rv_incident *i) {
        for (size_t k = 0; k < i->n_suspects; k++)
                if (!(i->suspects[k].evidence & 1u << RV_EVIDENCE_PASSED))
                        return true;
        return false;
}

int restore_on_history(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;
        int r = attribute_note(t, o, reply);

        if (r < 0)
                return r;
        if (!reply->commit.hex[0])
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED,
                                     "the worker does not say what commit that is");
        i->restore = reply->commit;
        incident_touch(t, o);
        if (reply->n_commits > RV_SUSPECTS_MAX)
                return decline_too_many(t, o, reply);
        if (reply->n_commits == 0)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_EMPTY,
                                     "no commit touched the scope since then");
        if (!is_as_seen(i, reply))
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_MOVED,
                                     "it would undo other commits than were shown; look again");
        r = take_in_all(o, reply);
        if (r < 0)
                return r;
        if (!has_suspect(i))
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NO_CANDIDATE,
                                     "nothing that touched the scope since the last good head could be the cause");
        return attribute_plan(t, o);
}
