/* What a test expects of what happened, read from its group. */
#include "lab/lab.h"
#include "lab/members.h"

#include "revertd/number.h"

#include <string.h>

static int get_confidence(const struct lab_script *s, const config_setting_t *group, struct lab_expectation *e,
                          struct rv_error *err) {
        const char *text = NULL;
        int r = lab_get_text(s, group, "confidence", &text, err);

        if (r < 0 || !text)
                return r;
        size_t n = strspn(text, "<>=!");
        e->confidence_op = RV_BREACH_OP_MAX;
        for (enum rv_breach_op op = 0; op < RV_BREACH_OP_MAX; op++)
                if (strlen(rv_breach_op_to_string(op)) == n && strncmp(text, rv_breach_op_to_string(op), n) == 0)
                        e->confidence_op = op;
        if (e->confidence_op == RV_BREACH_OP_MAX ||
            rv_number_parse(text + n + strspn(text + n, " "), &e->confidence) < 0)
                return lab_fail(s, lab_member(group, "confidence"), err, "'%s' is no threshold: \">= 0.8\"", text);
        e->has_confidence = true;
        return 0;
}

/* Each with a space before it. */
#define X(NAME, str, ...) " " str
static const char state_words[] = RV_INCIDENT_STATES(X) " none";
static const char reason_words[] = RV_REASONS(X);
static const char evidence_words[] = RV_EVIDENCE(X);
#undef X

/* A word, or what the commit added as "label=value in path". */
static int check_evidence(const struct lab_script *s, const struct lab_expectation *e, struct rv_error *err) {
        for (int i = 0; i < lab_length(e->evidence); i++) {
                const char *item = lab_item(e->evidence, i);

                if (!strchr(item, '=') && !lab_is_word(item, evidence_words))
                        return lab_fail(s, e->evidence, err, "'%s' is no evidence, which is one of:%s", item,
                                        evidence_words);
        }
        return 0;
}

static int check_words(const struct lab_script *s, const config_setting_t *group, const struct lab_expectation *e,
                       struct rv_error *err) {
        if (e->state && !lab_is_word(e->state, state_words))
                return lab_fail(s, lab_member(group, "state"), err, "'%s' is no state, which is one of:%s", e->state,
                                state_words);
        if (e->reason && !lab_is_word(e->reason, reason_words))
                return lab_fail(s, lab_member(group, "reason"), err, "'%s' is no reason, which is one of:%s", e->reason,
                                reason_words);
        return check_evidence(s, e, err);
}

int lab_expectation_read(struct lab_script *s, const config_setting_t *group, void *element, struct rv_error *err) {
        struct lab_expectation *e = element;
        int r = lab_check_known(
                s, group,
                "at rule labels state reason culprit suspects evidence confidence detail incidents files pushed "
                "restored",
                err);

        *e = (struct lab_expectation){
                .line = group->line, .at_usec = s->end_usec, .rule = -1, .incidents = -1, .files = -1};
        if (r == 0)
                r = lab_get_time(s, group, "at", &e->at_usec, err);
        if (r == 0)
                r = lab_get_rule(s, group, false, &e->rule, err);
        if (r == 0)
                r = lab_get_labels(s, group, "labels", &e->labels, err);
        if (r == 0)
                r = lab_get_text(s, group, "state", &e->state, err);
        if (r == 0)
                r = lab_get_text(s, group, "reason", &e->reason, err);
        if (r == 0)
                r = lab_get_text(s, group, "culprit", &e->culprit, err);
        if (r == 0)
                r = lab_get_text(s, group, "restored", &e->restored, err);
        if (r == 0)
                r = lab_get_text(s, group, "detail", &e->detail, err);
        if (r == 0)
                r = lab_get_strings(s, group, "suspects", &e->suspects, err);
        if (r == 0)
                r = lab_get_strings(s, group, "evidence", &e->evidence, err);
        if (r == 0)
                r = lab_get_strings(s, group, "pushed", &e->pushed, err);
        if (r == 0)
                r = lab_get_number(s, group, "incidents", &e->incidents, err);
        if (r == 0)
                r = lab_get_number(s, group, "files", &e->files, err);
        if (r == 0)
                r = get_confidence(s, group, e, err);
        if (r == 0)
                r = check_words(s, group, e, err);
        if (r == 0 && e->at_usec > s->end_usec)
                return lab_fail(s, lab_member(group, "at"), err, "is after the end of the test");
        return r;
}
