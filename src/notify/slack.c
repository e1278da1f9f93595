/* A notice as a Slack message. Each section has a bound of its own, and the bounds together stay under what Slack takes
 * (about 11,000 characters over all blocks, whatever a single one may hold). */
#include "revertd/outbox.h"

#include "notify/slack_sections.h"
#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <string.h>

enum {
        TEXT_BYTES_MAX = 1500, /* the fallback, for notifications */
        FACTS_BYTES_MAX = 2500,
        CULPRIT_BYTES_MAX = 2000,
        REVERT_BYTES_MAX = 1700,
        REASON_BYTES_MAX = 1300,
        ASK_BYTES_MAX = 500,
        TIMES_BYTES_MAX = 800,
        MESSAGE_BYTES_MAX = 9000,
};
_Static_assert(MRKDWN_HEADER_BYTES_MAX + FACTS_BYTES_MAX + CULPRIT_BYTES_MAX + REVERT_BYTES_MAX + REASON_BYTES_MAX +
                               ASK_BYTES_MAX + TIMES_BYTES_MAX <=
                       MESSAGE_BYTES_MAX,
               "the sections together must fit");

typedef void (*render_fn)(struct mrkdwn *m, const struct slack_notice *notice);

/* verbatim: Slack makes no links, mentions or channels of what merely looks like one. */
static json_t *text_object(const char *type, const char *text) {
        if (strcmp(type, "plain_text") == 0)
                return json_pack("{s:s, s:s, s:b}", "type", type, "text", text, "emoji", 0);
        return json_pack("{s:s, s:s, s:b}", "type", type, "text", text, "verbatim", 1);
}

static int add_section(json_t *blocks, const struct slack_notice *notice, render_fn render, size_t max) {
        struct mrkdwn m;
        mrkdwn_init(&m, max);
        render(&m, notice);
        while (m.n > 0 && (m.text[m.n - 1] == '\n' || m.text[m.n - 1] == ' '))
                m.text[--m.n] = '\0';
        if (m.n == 0)
                return 0;
        return json_array_append_new(blocks, json_pack("{s:s, s:o}", "type", "section", "text",
                                                       text_object("mrkdwn", m.text + strspn(m.text, "\n"))));
}

static int add_header(json_t *blocks, const struct slack_notice *notice) {
        struct mrkdwn m;
        mrkdwn_init(&m, MRKDWN_HEADER_BYTES_MAX);
        slack_header(&m, notice);
        return json_array_append_new(
                blocks, json_pack("{s:s, s:o}", "type", "header", "text", text_object("plain_text", m.text)));
}

static int add_times(json_t *blocks, const struct slack_notice *notice) {
        struct mrkdwn m;
        mrkdwn_init(&m, TIMES_BYTES_MAX);
        slack_times(&m, notice);
        return json_array_append_new(
                blocks, json_pack("{s:s, s:[o]}", "type", "context", "elements", text_object("mrkdwn", m.text)));
}

static int add_main(json_t *blocks, const struct slack_notice *notice) {
        static const struct {
                render_fn render;
                size_t max;
        } section[] = {{slack_facts, FACTS_BYTES_MAX},
                       {slack_culprit, CULPRIT_BYTES_MAX},
                       {slack_revert, REVERT_BYTES_MAX},
                       {slack_reason, REASON_BYTES_MAX},
                       {slack_ask, ASK_BYTES_MAX}};
        int r = add_header(blocks, notice);
        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(section); i++)
                r = add_section(blocks, notice, section[i].render, section[i].max);
        return r == 0 ? add_times(blocks, notice) : r;
}

static json_t *render(const struct slack_notice *notice, bool is_thread_reply) {
        _cleanup_json_ json_t *blocks = json_array();
        if (!blocks)
                return NULL;
        int r = is_thread_reply ? add_section(blocks, notice, slack_reply, REASON_BYTES_MAX) : add_main(blocks, notice);
        if (r < 0)
                return NULL;
        struct mrkdwn text;
        mrkdwn_init(&text, TEXT_BYTES_MAX);
        slack_text(&text, notice);
        return json_pack("{s:s, s:O}", "text", text.text, "blocks", blocks);
}

json_t *rv_slack_render(const json_t *value, bool is_thread_reply, const char *external_url) {
        const json_t *rule = json_object_get(value, "rule");
        struct slack_notice notice = {
                .threshold = rv_json_string(rule, "threshold", NULL),
                .runbook = rv_json_string(rule, "runbook", NULL),
                .commit_url = rv_json_string(value, "commit_url", NULL),
                .external_url = external_url,
        };
        if (rv_incident_from_json(&notice.incident, json_object_get(value, "incident"), NULL) < 0)
                return NULL;
        json_t *message = NULL;
        if (rv_transition_from_json(&notice.transition, json_object_get(value, "transition"), NULL) == 0) {
                message = render(&notice, is_thread_reply);
                rv_transition_done(&notice.transition);
        }
        rv_incident_free(notice.incident);
        return message;
}
