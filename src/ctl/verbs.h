/* The verbs, each in a file of its name, and what they share. */
#pragma once

#include "ctl/args.h"
#include "revertd/json.h"
#include "revertd/number.h"

#include <stdio.h>

int verb_status(const struct args *args);
int verb_rules(const struct args *args);
int verb_incidents(const struct args *args);
int verb_show(const struct args *args);
int verb_revert(const struct args *args);
int verb_restore(const struct args *args);
int verb_approve(const struct args *args);
int verb_reject(const struct args *args);
int verb_pause(const struct args *args);
int verb_resume(const struct args *args);
int verb_check_config(const struct args *args);
int verb_test(const struct args *args);
int verb_backtest(const struct args *args);
int verb_explain(const struct args *args);
int verb_version(const struct args *args);

/* name=value are labels, the rest are revisions. What there is none of stays NULL. −1: done; else the exit status. */
int operands_sort(const struct args *args, int first, json_t **ret_labels, json_t **ret_revisions);

/* {app="checkout"}; caller frees; NULL: out of memory. */
char *labels_text(const json_t *object);

/* Of the API's list; NULL: no rule is named so. */
const json_t *rules_find(const json_t *rules, const char *name);

/* "errors app='checkout'", for a shell. */
void print_arguments(FILE *f, const char *rule, const json_t *labels);

/* Completes labels where a label set that the rule (as the API tells it) knows has these and more. −1: done, or nothing
 * to be done; else the exit status, for there are several, which were listed. */
int label_sets_complete(const json_t *rule, json_t *labels);
/* The same by what the daemon knows. */
int label_sets_ask(const struct args *args, const char *rule, json_t *labels);

void pauses_print(const json_t *pauses, int64_t now_usec);

/* Everything about an incident, for someone who was just woken up. breach: the rule's, as "> 0.05"; NULL: not known. */
void incident_print(FILE *f, const json_t *incident, const json_t *transitions, const char *breach, bool with_diff,
                    int64_t now_usec);
/* Of a look ({"rule", "incident"…}): what would be done; and what that stands on. */
void look_print(FILE *f, const json_t *look);
void look_print_rest(FILE *f, const json_t *look);
/* What can be done about one that ended without a recovery; nothing for the others. */
void incident_print_next(FILE *f, const json_t *incident);
/* As rv_suspects_together(): without a plan too, so many of the first are the culprits. */
size_t suspects_together(const json_t *suspects);
/* In words; a name that is not known stays as it is. */
const char *evidence_text(const char *name);
/* Of a suspect. Returns buf. */
char *confidence_text(const json_t *suspect, char buf[static RV_NUMBER_TEXT_MAX]);
/* What the plan changes, in one line and with its paths. */
void plan_print(FILE *f, const json_t *plan, const char *indent);

/* Tell of an incident's states as it reaches them, until it ends. seen: transitions that are no news. *ret is the last
 * answer, {"incident", "transitions"}. Returns the exit status: CTL_OK where the incident ended well. */
int incident_follow(const struct args *args, const char *id, size_t seen, bool is_quiet, json_t **ret);
/* What the daemon has taken: named, with the word before it, and then followed unless --no-wait says otherwise. */
int incident_follow_accepted(const struct args *args, const char *word, const json_t *accepted, size_t seen);

/* The report of a backtest, as rv_lab_backtest() makes it. */
void backtest_print_html(FILE *f, const json_t *report);

/* Without a daemon. */
int revert_locally(const struct args *args, const json_t *labels, const json_t *revisions);
