/* Matchers of alert rules, as in amtool. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "revertd/rule.h"

#include <pcre2.h>
#include <string.h>

enum { MATCH_STEPS_MAX = 100000 }; /* a pattern that backtracks for longer decides nothing */

/* 1: matches, 0: does not, -1: cannot tell. */
static int match_regex(const pcre2_code *regex, const char *value) {
        pcre2_match_context *context = pcre2_match_context_create(NULL);
        pcre2_match_data *data = pcre2_match_data_create(1, NULL);
        int r = PCRE2_ERROR_NOMEMORY;

        if (context && data) {
                pcre2_set_match_limit(context, MATCH_STEPS_MAX);
                r = pcre2_match(regex, (PCRE2_SPTR)value, strlen(value), 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data,
                                context);
        }
        pcre2_match_data_free(data);
        pcre2_match_context_free(context);
        return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

static bool matches(const struct rv_matcher *matcher, const struct rv_labels *labels) {
        const char *value = rv_labels_get(labels, matcher->name);

        if (!value)
                value = "";
        switch (matcher->op) {
        case RV_MATCH_EQ:
                return strcmp(value, matcher->value) == 0;
        case RV_MATCH_NE:
                return strcmp(value, matcher->value) != 0;
        case RV_MATCH_RE:
                return match_regex(matcher->regex, value) == 1;
        case RV_MATCH_NRE:
                return match_regex(matcher->regex, value) == 0;
        case RV_MATCH_OP_MAX:
                break;
        }
        return false;
}

bool rv_rule_matches(const struct rv_rule_config *rule, const struct rv_labels *labels) {
        for (size_t i = 0; i < rule->n_match; i++)
                if (!matches(&rule->match[i], labels))
                        return false;
        return rule->n_match > 0;
}
