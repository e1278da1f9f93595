/* What a Slack message about an incident says, section by section. */
#pragma once

#include "notify/mrkdwn.h"
#include "revertd/incident.h"

struct slack_notice {
        struct rv_incident *incident;
        struct rv_transition transition;
        const char *threshold;  /* NULL: none */
        const char *runbook;    /* NULL: none */
        const char *commit_url; /* NULL: none */
        const char *external_url;
};

/* Of the main message. */
void slack_header(struct mrkdwn *m, const struct slack_notice *notice);
void slack_facts(struct mrkdwn *m, const struct slack_notice *notice);
void slack_culprit(struct mrkdwn *m, const struct slack_notice *notice);
void slack_revert(struct mrkdwn *m, const struct slack_notice *notice);
void slack_reason(struct mrkdwn *m, const struct slack_notice *notice);
void slack_ask(struct mrkdwn *m, const struct slack_notice *notice);
void slack_times(struct mrkdwn *m, const struct slack_notice *notice);
/* In the thread: what has just happened, for those who follow it. */
void slack_reply(struct mrkdwn *m, const struct slack_notice *notice);
/* For notifications: one line. */
void slack_text(struct mrkdwn *m, const struct slack_notice *notice);
