#include "notify/slack_sections.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/number.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
        SUMMARY_SHOWN_MAX = 600,
        NAME_SHOWN_MAX = 120,
        SUBJECT_SHOWN_MAX = 300,
        NOTE_SHOWN_MAX = 500,
        LABEL_SHOWN_MAX = 160,
        LABELS_SHOWN_BYTES = 1000, /* no further label is begun after so much */
        LIST_SHOWN_BYTES = 900,
        COMMITS_SHOWN_MAX = 4,
        LINK_SHOWN_MAX = 20,
};

static bool awaits_approval(const struct rv_incident *incident) {
        return incident->state == RV_INCIDENT_HOLDING && incident->mode == RV_MODE_APPROVE && !incident->actor;
}

/* The detail names what in its scope was still in breach. */
static bool is_recovered_in_part(const struct rv_incident *incident) {
        return incident->state == RV_INCIDENT_RECOVERED && incident->detail && incident->detail[0];
}

static const char *title(const struct rv_incident *incident) {
        switch (incident->state) {
        case RV_INCIDENT_CONFIRMING:
                return "Breach";
        case RV_INCIDENT_ATTRIBUTING:
                return "Breach, looking for the cause";
        case RV_INCIDENT_HOLDING:
                return awaits_approval(incident) ? "Approval needed" : "Revert planned";
        case RV_INCIDENT_REVERTING:
                return incident->mode == RV_MODE_PROPOSE ? "Opening a pull request" : "Reverting";
        case RV_INCIDENT_PROPOSED:
                return "Pull request open";
        case RV_INCIDENT_CONVERGING:
                return incident->proposal.number > 0 ? "Pull request merged" : "Revert pushed";
        case RV_INCIDENT_VERIFYING:
                return "Reverted, waiting for recovery";
        case RV_INCIDENT_RECOVERED:
                return is_recovered_in_part(incident) ? "Recovered, but not all of its scope" : "Recovered";
        case RV_INCIDENT_REVERTED:
                return "Reverted";
        case RV_INCIDENT_CLEARED:
                return "Cleared by itself";
        case RV_INCIDENT_DECLINED:
                return incident->reason == RV_REASON_OBSERVE ? "Would revert" : "Not reverted";
        case RV_INCIDENT_REJECTED:
                return "Rejected";
        case RV_INCIDENT_UNRECOVERED:
                return "Reverted, but not recovered";
        case RV_INCIDENT_FAILED:
                return incident->reason == RV_REASON_NOT_APPLIED ? "Reverted, but not applied" : "Revert failed";
        case RV_INCIDENT_STATE_MAX:
                break;
        }
        return "Incident";
}

/* "rule label=value …", as far as it goes. */
static void append_labels(struct mrkdwn *m, const struct rv_labels *labels) {
        size_t end = m->n + LABELS_SHOWN_BYTES;
        for (size_t i = 0; labels && i < labels->n; i++) {
                if (m->n > end) {
                        mrkdwn_markup(m, " and %zu more", labels->n - i);
                        return;
                }
                _cleanup_free_ char *pair = NULL;
                if (asprintf(&pair, "%s=%s", labels->label[i].name, labels->label[i].value) < 0)
                        return;
                mrkdwn_markup(m, " ");
                mrkdwn_code(m, pair, LABEL_SHOWN_MAX);
        }
}

static void append_list(struct mrkdwn *m, char *const *item, size_t n) {
        size_t end = m->n + LIST_SHOWN_BYTES;
        for (size_t i = 0; i < n; i++) {
                if (m->n > end) {
                        mrkdwn_markup(m, " and %zu more", n - i);
                        return;
                }
                mrkdwn_markup(m, i > 0 ? ", " : " ");
                mrkdwn_code(m, item[i], LABEL_SHOWN_MAX);
        }
}

static void append_commit(struct mrkdwn *m, const struct slack_notice *notice, const struct rv_oid *id,
                          bool is_public) {
        _cleanup_free_ char *url = NULL;
        const char *hole = notice->commit_url ? strstr(notice->commit_url, "{}") : NULL;
        if (is_public && hole &&
            asprintf(&url, "%.*s%s%s", (int)(hole - notice->commit_url), notice->commit_url, id->hex, hole + 2) < 0)
                url = NULL;
        char shown[RV_OID_SHORT + 1];
        snprintf(shown, sizeof(shown), "%.*s", RV_OID_SHORT, id->hex);
        mrkdwn_link(m, url, shown, RV_OID_SHORT);
}

static void append_number(struct mrkdwn *m, double value, const char *threshold) {
        char text[RV_NUMBER_TEXT_MAX];
        mrkdwn_code(m, rv_number_format_judged(value, threshold, text), sizeof(text));
}

static void append_reason(struct mrkdwn *m, const struct rv_incident *incident) {
        mrkdwn_text(m, rv_reason_explain(incident->reason), NOTE_SHOWN_MAX);
        mrkdwn_markup(m, " (`%s`)", rv_reason_to_string(incident->reason));
}

static void append_proposal(struct mrkdwn *m, const struct rv_incident *incident) {
        char name[32];

        snprintf(name, sizeof(name), "#%" PRIu64, incident->proposal.number);
        mrkdwn_link(m, incident->proposal.url, name, sizeof(name));
}

/* Ended, and the breach was not, or not everywhere. Which command helps is a matter of the reason, of paths and of guards: it is told there. */
static bool is_for_people(const struct rv_incident *incident) {
        return incident->state == RV_INCIDENT_DECLINED || incident->state == RV_INCIDENT_UNRECOVERED ||
               incident->state == RV_INCIDENT_FAILED || is_recovered_in_part(incident);
}

static void append_how_to_answer(struct mrkdwn *m, const struct rv_incident *incident) {
        if (awaits_approval(incident)) {
                mrkdwn_markup(m, "To revert: `revertctl approve %s`\nTo leave it: `revertctl reject %s`", incident->id,
                              incident->id);
                if (incident->deadline_usec > 0) {
                        mrkdwn_markup(m, "\nThe question ends at ");
                        mrkdwn_time(m, incident->deadline_usec);
                }
        } else if (incident->state == RV_INCIDENT_PROPOSED) {
                mrkdwn_markup(m, "To revert, merge it; to leave it, close it: ");
                append_proposal(m, incident);
        } else if (incident->state == RV_INCIDENT_HOLDING) {
                mrkdwn_markup(m,
                              "It is %s when its hold time is over, unless the breach clears. To stop it: "
                              "`revertctl reject %s`",
                              incident->mode == RV_MODE_PROPOSE ? "proposed" : "pushed", incident->id);
        } else if (is_for_people(incident)) {
                mrkdwn_markup(m, "What can be done: `revertctl show %s`", incident->id);
        }
}

void slack_header(struct mrkdwn *m, const struct slack_notice *notice) {
        mrkdwn_markup(m, "%s: ", title(notice->incident));
        mrkdwn_text(m, notice->incident->rule ? notice->incident->rule : "by hand", NAME_SHOWN_MAX);
}

static void render_value(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        if (!isnan(incident->value)) {
                mrkdwn_markup(m, "\n*Value* ");
                append_number(m, incident->value, notice->threshold);
                if (!isnan(incident->last_value) && incident->last_value != incident->value) {
                        mrkdwn_markup(m, ", now ");
                        append_number(m, incident->last_value, notice->threshold);
                }
                if (notice->threshold)
                        mrkdwn_markup(m, ", bad when ");
        } else if (notice->threshold) {
                mrkdwn_markup(m, "\n*Bad when* ");
        }
        mrkdwn_code(m, notice->threshold, NAME_SHOWN_MAX);
        if (incident->times.onset_usec > 0) {
                mrkdwn_markup(m, isnan(incident->value) && !notice->threshold ? "\n*Since* " : ", since ");
                mrkdwn_time(m, incident->times.onset_usec);
        }
}

void slack_facts(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        if (incident->summary && incident->summary[0]) {
                mrkdwn_text(m, incident->summary, SUMMARY_SHOWN_MAX);
                mrkdwn_markup(m, "\n");
        }
        if (incident->rule) {
                mrkdwn_markup(m, "*Rule* ");
                mrkdwn_code(m, incident->rule, NAME_SHOWN_MAX);
                append_labels(m, incident->labels);
                render_value(m, notice);
                mrkdwn_markup(m, "\n");
        }
        if (incident->by_hand) {
                mrkdwn_markup(m, "*Asked for by* ");
                mrkdwn_code(m, incident->actor ? incident->actor : "a person", NAME_SHOWN_MAX);
                if (incident->note) {
                        mrkdwn_markup(m, ": ");
                        mrkdwn_text(m, incident->note, NOTE_SHOWN_MAX);
                }
                mrkdwn_markup(m, "\n");
        }
        if (*incident->after)
                mrkdwn_markup(m, "*After* `%s`, whose revert did not help\n", incident->after);
        mrkdwn_markup(m, "*Repository* ");
        mrkdwn_code(m, incident->repository, NAME_SHOWN_MAX);
        append_list(m, incident->scope, incident->n_scope);
}

static const struct rv_suspect *find_suspect(const struct rv_incident *incident, const struct rv_oid *id) {
        for (size_t i = 0; i < incident->n_suspects; i++)
                if (strcmp(incident->suspects[i].commit.id.hex, id->hex) == 0)
                        return &incident->suspects[i];
        return NULL;
}

static void render_added(struct mrkdwn *m, const struct rv_commit *commit) {
        const char *separator = ": ";
        for (size_t i = 0; i < commit->n_values; i++)
                if (rv_value_is_added(&commit->values[i])) {
                        mrkdwn_markup(m, "%s", separator);
                        mrkdwn_code(m, commit->values[i].label, LABEL_SHOWN_MAX);
                        mrkdwn_markup(m, " ");
                        mrkdwn_code(m, commit->values[i].value, LABEL_SHOWN_MAX);
                        mrkdwn_markup(m, " in ");
                        mrkdwn_code(m, commit->values[i].path, LABEL_SHOWN_MAX);
                        separator = ", ";
                }
}

static void render_suspect(struct mrkdwn *m, const struct slack_notice *notice, const struct rv_suspect *suspect) {
        const struct rv_commit *commit = &suspect->commit;
        append_commit(m, notice, &commit->id, true);
        mrkdwn_markup(m, " ");
        mrkdwn_code(m, commit->subject, SUBJECT_SHOWN_MAX);
        mrkdwn_markup(m, "\nby ");
        mrkdwn_code(m, commit->author_name, NAME_SHOWN_MAX);
        bool is_late = suspect->live.seen_usec > notice->incident->times.onset_usec && !notice->incident->by_hand;
        mrkdwn_markup(m, suspect->live.applied     ? ", applied "
                         : !suspect->live.observed ? ", committed "
                         : is_late                 ? ", arrived by "
                                                   : ", arrived ");
        mrkdwn_time(m, suspect->live.observed ? suspect->live.seen_usec : commit->commit_usec);
        const char *separator = "\nEvidence: ";
        char number[RV_NUMBER_TEXT_MAX];
        for (int i = 0; i < RV_EVIDENCE_MAX; i++)
                if (suspect->evidence & (1U << i)) {
                        mrkdwn_markup(m, "%s%s", separator, rv_evidence_explain((enum rv_evidence)i));
                        separator = ", ";
                }
        render_added(m, commit);
        if (!notice->incident->by_hand)
                mrkdwn_markup(m, " (confidence %s)", rv_percent_format(suspect->confidence, NAN, number));
        mrkdwn_markup(m, "\n");
}

void slack_culprit(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        if (incident->n_suspects == 0)
                return;
        if (incident->restore.hex[0])
                mrkdwn_markup(m, "*Undone*, to go back to `%.*s` ", RV_OID_SHORT, incident->restore.hex);
        else
                mrkdwn_markup(m, "*%s* ", rv_suspect_title(incident->times.pushed_usec > 0, incident->by_hand));
        size_t together = incident->n_revisions > 0 || incident->restore.hex[0]
                                  ? 0
                                  : rv_suspects_together(incident->suspects, incident->n_suspects);
        if (together > 1)
                mrkdwn_markup(m, "%zu commits that cannot be told apart\n", together);
        const struct rv_revert_spec *spec = incident->plan ? &incident->plan->spec : NULL;
        size_t shown = 0;
        for (size_t i = 0; spec && i < spec->n_commits && shown < COMMITS_SHOWN_MAX; i++) {
                const struct rv_suspect *suspect = find_suspect(incident, &spec->commits[i]);
                if (!suspect)
                        continue;
                render_suspect(m, notice, suspect);
                shown++;
        }
        if (shown == 0) {
                render_suspect(m, notice, &incident->suspects[0]);
                shown = 1;
        }
        size_t others = incident->n_suspects - shown;
        if (others > 0)
                mrkdwn_markup(m, "%zu other %s", others,
                              incident->restore.hex[0] ? "undone"
                              : others == 1            ? "candidate"
                                                       : "candidates");
}

void slack_revert(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_plan *plan = notice->incident->plan;
        if (!plan || plan->commit.hex[0] == '\0')
                return;
        bool is_pushed = notice->incident->times.pushed_usec > 0;
        mrkdwn_markup(m, "*%s* ", is_pushed ? "Revert" : "The revert would be");
        append_commit(m, notice, rv_incident_revert(notice->incident), is_pushed);
        mrkdwn_markup(m, ": %zu %s changed, +%zu -%zu\n", plan->n_files, plan->n_files == 1 ? "file" : "files",
                      plan->n_insertions, plan->n_deletions);
        append_list(m, plan->paths, plan->n_paths);
}

/* The page of a pull request that is open stands in the link to it. */
static bool has_detail(const struct rv_incident *incident, const char *detail) {
        return detail && detail[0] &&
               !(incident->state == RV_INCIDENT_PROPOSED && incident->proposal.url &&
                 strcmp(detail, incident->proposal.url) == 0);
}

void slack_reason(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        if (incident->reason != RV_REASON_NONE) {
                mrkdwn_markup(m, "*Why* ");
                append_reason(m, incident);
        }
        if (has_detail(incident, incident->detail)) {
                mrkdwn_markup(m, "\n");
                mrkdwn_text(m, incident->detail, NOTE_SHOWN_MAX);
        }
        if (!incident->by_hand && incident->actor) {
                mrkdwn_markup(m, "\n*Decided by* ");
                mrkdwn_code(m, incident->actor, NAME_SHOWN_MAX);
                if (incident->note) {
                        mrkdwn_markup(m, ": ");
                        mrkdwn_text(m, incident->note, NOTE_SHOWN_MAX);
                }
        }
}

void slack_ask(struct mrkdwn *m, const struct slack_notice *notice) {
        append_how_to_answer(m, notice->incident);
}

static void append_phase(struct mrkdwn *m, const char *name, int64_t usec, int64_t from_usec) {
        if (usec == 0)
                return;
        char text[RV_DURATION_TEXT_MAX];
        mrkdwn_markup(m, ", %s +%s", name, rv_duration_humanize(usec > from_usec ? usec - from_usec : 0, text));
}

void slack_times(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        const struct rv_incident_times *times = &incident->times;
        mrkdwn_markup(m, "Incident `%s`", incident->id);
        if (notice->external_url) {
                _cleanup_free_ char *url = NULL;
                if (asprintf(&url, "%s/api/v1/incidents/%s", notice->external_url, incident->id) >= 0) {
                        mrkdwn_markup(m, " ");
                        mrkdwn_link(m, url, "record", LINK_SHOWN_MAX);
                }
        }
        if (notice->runbook) {
                mrkdwn_markup(m, " ");
                mrkdwn_link(m, notice->runbook, "runbook", LINK_SHOWN_MAX);
        }
        mrkdwn_markup(m, "\nDetected ");
        mrkdwn_time(m, times->detected_usec);
        append_phase(m, "decided", times->decided_usec, times->detected_usec);
        append_phase(m, "proposed", times->proposed_usec, times->detected_usec);
        append_phase(m, times->proposed_usec > 0 ? "merged" : "pushed", times->pushed_usec, times->detected_usec);
        append_phase(m, "on the branch", times->landed_usec, times->detected_usec);
        if (incident->application)
                append_phase(m, "applied", times->applied_usec, times->detected_usec);
        append_phase(m, "recovered", times->recovered_usec, times->detected_usec);
}

void slack_reply(struct mrkdwn *m, const struct slack_notice *notice) {
        const struct rv_incident *incident = notice->incident;
        const struct rv_transition *transition = &notice->transition;
        mrkdwn_markup(m, "*%s*", title(incident));
        if (incident->plan && incident->times.pushed_usec > 0 && !rv_incident_state_is_end(incident->state)) {
                mrkdwn_markup(m, " ");
                append_commit(m, notice, rv_incident_revert(incident), true);
        }
        if (incident->reason != RV_REASON_NONE) {
                mrkdwn_markup(m, ": ");
                append_reason(m, incident);
        }
        if (transition->actor && strcmp(transition->actor, "revertd") != 0) {
                mrkdwn_markup(m, " by ");
                mrkdwn_code(m, transition->actor, NAME_SHOWN_MAX);
        }
        if (has_detail(incident, transition->detail)) {
                mrkdwn_markup(m, "\n");
                mrkdwn_text(m, transition->detail, NOTE_SHOWN_MAX);
        }
        mrkdwn_markup(m, "\n");
        append_how_to_answer(m, incident);
}

void slack_text(struct mrkdwn *m, const struct slack_notice *notice) {
        slack_header(m, notice);
        append_labels(m, notice->incident->labels);
        if (notice->incident->summary && notice->incident->summary[0]) {
                mrkdwn_markup(m, ": ");
                mrkdwn_text(m, notice->incident->summary, SUMMARY_SHOWN_MAX / 2);
        }
        if (notice->incident->reason != RV_REASON_NONE) {
                mrkdwn_markup(m, ": ");
                mrkdwn_text(m, rv_reason_explain(notice->incident->reason), NOTE_SHOWN_MAX);
        }
}
