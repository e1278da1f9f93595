/* A look in words: what would be done now. */
#include "ctl/incident_text.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/config.h"
#include "revertd/incident.h"

#include <string.h>

/* What each mode makes of a plan that no guard objects to. */
static const char *would_do(const char *mode, bool is_restore) {
        enum rv_mode known;

        if (rv_mode_from_string(mode, &known) < 0)
                return "would act by its mode";
        switch (known) {
        case RV_MODE_ENFORCE:
                return is_restore ? "would put the scope back and push" : "would revert and push";
        case RV_MODE_PROPOSE:
                return is_restore ? "would open a pull request that puts the scope back"
                                  : "would open a pull request with the revert";
        case RV_MODE_APPROVE:
                return "would ask a person, and push once approved";
        case RV_MODE_OBSERVE:
                return "would only say so: its mode is observe";
        default:
                return "would act by its mode";
        }
}

/* What a conflict leads to may be for people to merge, whatever the rule's mode. */
static const char *mode_of_look(const json_t *look) {
        const json_t *rule = json_object_get(look, "rule");
        const char *mode = rv_json_string(rule, "mode", ""), *fallback = rv_json_string(rule, "fallback", "");
        bool is_proposed = string(json_object_get(look, "incident"), "conflict") &&
                           strcmp(fallback, rv_fallback_to_string(RV_FALLBACK_PROPOSE)) == 0 &&
                           strcmp(mode, rv_mode_to_string(RV_MODE_OBSERVE)) != 0;

        return is_proposed ? rv_mode_to_string(RV_MODE_PROPOSE) : mode;
}

void look_print(FILE *f, const json_t *look) {
        const json_t *incident = json_object_get(look, "incident"), *commit;
        const json_t *commits = json_object_get(json_object_get(json_object_get(incident, "plan"), "spec"), "commits");
        const char *name = rv_json_string(incident, "reason", "none");
        size_t i;

        incident_print_rule(f, incident);
        fprintf(f, "\n%sIf it fired now%s, ", paint_begin(f, BOLD), paint_end(f, BOLD));
        if (strcmp(name, rv_reason_to_string(RV_REASON_OBSERVE)) != 0) {
                fputs("nothing would be reverted: ", f);
                incident_print_reason(f, name);
                paint_block(f, string(incident, "detail"), "  ");
                return;
        }
        fprintf(f, "it %s:\n", would_do(mode_of_look(look), *rv_json_string(incident, "restore", "")));
        json_array_foreach (commits, i, commit) {
                fputs("  ", f);
                incident_print_suspect(f, incident, json_array_get(json_object_get(incident, "suspects"), i), 0);
        }
}
