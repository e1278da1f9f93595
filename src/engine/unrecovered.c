/* Reverted, and not recovered in time: what was seen of it last, in words. It is stored, shown and told. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static int well_too_shortly(const struct open *o, const struct rv_rule_config *rule, int64_t now_usec, char **ret) {
        char well[RV_DURATION_TEXT_MAX], wanted[RV_DURATION_TEXT_MAX];

        return asprintf(ret, "it was well for the last %s; recover is %s",
                        rv_duration_humanize(now_usec - o->i->ok_usec, well),
                        rv_duration_humanize(rule->recover_usec, wanted));
}

static bool is_between(const struct rv_rule_config *rule, double value) {
        return rv_rule_settle(rule, rv_rule_judge(rule, value), value, true) == RV_VERDICT_INCONCLUSIVE;
}

/* A metric: of a rule with expr, or the second look of one that goes by alerts. */
static int metric(const struct open *o, const struct rv_rule_config *rule, char **ret) {
        const char *what = rule->expr ? "the metric" : "the metric of confirm";
        char condition[RV_CONDITION_TEXT_MAX], value[RV_NUMBER_TEXT_MAX];

        rv_condition_format(rule->breach_op, rule->breach_value, condition);
        if (isnan(o->i->last_value))
                return asprintf(ret, "%s has no value", what);
        if (is_between(rule, o->i->last_value)) {
                rv_condition_format(rule->clear_op, rule->clear_value, condition);
                return asprintf(ret, "%s was %s when it was looked at last, and is well again only when %s", what,
                                rv_number_format_judged(o->i->last_value, condition, value), condition);
        }
        if (rule->expr && (!o->series || o->series->s.verdict != RV_VERDICT_BREACH))
                return asprintf(ret, "%s was not seen to be well (%s); its last value was %s", what,
                                o->series ? rv_verdict_to_string(o->series->s.verdict) : "the series is gone",
                                rv_number_format_judged(o->i->last_value, condition, value));
        return asprintf(ret, "%s was %s when it was looked at last, and is bad when %s", what,
                        rv_number_format_judged(o->i->last_value, condition, value), condition);
}

static int alert(const struct open *o, char **ret) {
        const char *text = !o->series            ? "what became of the alert is not known since the restart"
                           : o->series->is_event ? "no event has said that it is over"
                                                 : "the alert still fires: nobody has sent that it is resolved";

        return asprintf(ret, "%s", text);
}

int unrecovered_detail(const struct turn *t, const struct open *o, char **ret) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        _cleanup_free_ char *seen = NULL;
        size_t size;
        FILE *f;
        int r = o->i->ok_usec > 0             ? well_too_shortly(o, rule, t->now_usec, &seen)
                : rule->expr || rule->confirm ? metric(o, rule, &seen)
                                              : alert(o, &seen);

        *ret = NULL;
        if (r < 0)
                seen = NULL;
        f = seen ? open_memstream(ret, &size) : NULL;
        if (!f)
                return -ENOMEM;
        fputs(seen, f);
        others_put_line(o, f);
        return text_close(f, ret);
}
