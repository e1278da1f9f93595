#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/incident.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        LIMIT_DEFAULT = 50,
        LIMIT_MAX = 500,
        SCANNED_MAX = 20000, /* records read for one list: the loop must go on */
        TRANSITIONS_MAX = 1000,
        STOP = 1,
};

struct query {
        int state; /* an enum rv_incident_state, or one of the below */
        const char *rule;
        size_t limit, scanned;
        json_t *found;
};
enum { ANY = -1, OPEN = -2, ENDED = -3 };

static bool parse_state(const char *text, int *ret) {
        enum rv_incident_state state;

        if (!text || text[0] == '\0')
                *ret = ANY;
        else if (strcmp(text, "open") == 0)
                *ret = OPEN;
        else if (strcmp(text, "ended") == 0)
                *ret = ENDED;
        else if (rv_incident_state_from_string(text, &state) == 0)
                *ret = (int)state;
        else
                return false;
        return true;
}

static bool parse_limit(const char *text, size_t *ret) {
        char *end;

        *ret = LIMIT_DEFAULT;
        if (!text)
                return true;
        errno = 0;
        unsigned long value = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno || value == 0 || value > LIMIT_MAX)
                return false;
        *ret = value;
        return true;
}

static bool is_wanted(const struct query *query, const json_t *incident) {
        enum rv_incident_state state;

        if (query->rule && strcmp(rv_json_string(incident, "rule", ""), query->rule) != 0)
                return false;
        if (query->state == ANY)
                return true;
        if (rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) < 0)
                return false;
        if (query->state == OPEN)
                return !rv_incident_state_is_end(state);
        if (query->state == ENDED)
                return rv_incident_state_is_end(state);
        return (int)state == query->state;
}

static int collect(const struct rv_record *record, void *userdata) {
        struct query *query = userdata;

        if (++query->scanned > SCANNED_MAX)
                return STOP;
        if (!is_wanted(query, record->value))
                return 0;
        if (json_array_append(query->found, record->value) < 0)
                return -ENOMEM;
        return json_array_size(query->found) >= query->limit ? STOP : 0;
}

void rv_api_incidents(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;
        struct query query = {.rule = rv_http_call_query(call, "rule")};
        struct rv_error err = {};

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (!parse_state(rv_http_call_query(call, "state"), &query.state)) {
                rv_api_reply_error(answer, 400, "\"state\" must be open, ended, or the name of a state");
                return;
        }
        if (!parse_limit(rv_http_call_query(call, "limit"), &query.limit)) {
                rv_api_reply_error(answer, 400, "\"limit\" must be a number from 1 to %d", LIMIT_MAX);
                return;
        }

        _cleanup_json_ json_t *found = query.found = json_array();
        if (!found) {
                rv_api_reply_unavailable(answer, "out of memory");
                return;
        }
        if (rv_store_list(context->store, RV_RECORD_INCIDENT, "", true, 0, collect, &query, &err) < 0) {
                rv_api_reply_unavailable(answer, err.text);
                return;
        }
        rv_api_reply_json(answer, 200, json_pack("{s:O}", "incidents", found));
}

struct lookup {
        size_t n;
        json_t *incident;
};

static int look_up(const struct rv_record *record, void *userdata) {
        struct lookup *lookup = userdata;

        if (lookup->n++ == 0)
                lookup->incident = json_incref(record->value);
        return 0;
}

/* The one incident whose id begins so. NULL: answered already. New reference. */
static json_t *find(struct rv_api_context *context, const char *prefix, struct rv_http_answer *answer) {
        struct lookup lookup = {};
        struct rv_error err = {};
        size_t n = strlen(prefix);

        int r = n == 0 || n >= RV_INCIDENT_ID_MAX || strspn(prefix, "0123456789abcdef") != n
                        ? -ENOENT
                        : rv_store_list(context->store, RV_RECORD_INCIDENT, prefix, false, 2, look_up, &lookup, &err);
        if (r == 0 && lookup.n == 1)
                return lookup.incident;

        json_decref(lookup.incident);
        if (lookup.n > 1)
                rv_api_reply_error(answer, 409, "more than one incident begins with \"%s\"", prefix);
        else if (r < 0 && r != -ENOENT)
                rv_api_reply_unavailable(answer, err.text);
        else
                rv_api_reply_error(answer, 404, "no incident begins with \"%s\"", prefix);
        return NULL;
}

static int append(const struct rv_record *record, void *userdata) {
        return json_array_append(userdata, record->value);
}

static void show(struct rv_api_context *context, const char *id, struct rv_http_answer *answer) {
        char prefix[RV_INCIDENT_ID_MAX + 1];
        struct rv_error err = {};

        _cleanup_json_ json_t *incident = find(context, id, answer);
        if (!incident)
                return;
        snprintf(prefix, sizeof(prefix), "%s/", rv_json_string(incident, "id", ""));

        _cleanup_json_ json_t *transitions = json_array();
        if (rv_store_list(context->store, RV_RECORD_TRANSITION, prefix, false, TRANSITIONS_MAX, append, transitions,
                          &err) < 0) {
                rv_api_reply_unavailable(answer, err.text);
                return;
        }
        rv_api_reply_json(answer, 200, json_pack("{s:O, s:O}", "incident", incident, "transitions", transitions));
}

static void judge(struct rv_api_context *context, const struct rv_http_call *call, enum rv_event_kind kind,
                  const char *id, struct rv_http_answer *answer) {
        static const struct rv_api_field fields[] = {{"note", RV_API_STRING, false}};
        struct rv_api_outcome outcome = {};

        _cleanup_json_ json_t *body = rv_api_body(call, fields, RV_ARRAY_SIZE(fields), answer);
        if (!body)
                return;
        _cleanup_json_ json_t *incident = find(context, id, answer);
        if (!incident)
                return;

        struct rv_event event = {
                .kind = kind,
                .person =
                        {
                                .incident = rv_json_string(incident, "id", ""),
                                .actor = call->actor,
                                .note = rv_json_string(body, "note", NULL),
                        },
        };
        /* It is in the store, so if the engine does not have it open, it has ended. */
        struct rv_error err = {};
        int r = context->submit(&event, &outcome, &err, context->userdata);
        if (r == 0)
                rv_api_reply_json(answer, 200, json_pack("{s:s}", "incident", outcome.incident));
        else if (r == -ENOENT || r == -EBUSY || r == -EINVAL)
                rv_api_reply_error(answer, 409, "%s",
                                   r == -ENOENT || !err.text[0] ? "the incident has ended" : err.text);
        else
                rv_api_reply_unavailable(answer, err.text[0] ? err.text : strerror(-r));
}

/* /api/v1/incidents/ID, …/ID/approve, …/ID/reject */
void rv_api_incident(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        static const char prefix[] = "/api/v1/incidents/";
        struct rv_api_context *context = userdata;
        char id[RV_INCIDENT_ID_MAX] = "";

        if (rv_api_is_foreign(context, call, answer))
                return;
        const char *rest = call->path + strlen(prefix);
        size_t n = strcspn(rest, "/");
        if (n < sizeof(id))
                memcpy(id, rest, n);
        const char *verb = rest[n] ? rest + n + 1 : NULL;
        bool is_post = strcmp(call->method, "POST") == 0;

        if (!verb && !is_post)
                show(context, id, answer);
        else if (!verb)
                rv_api_reply_method(answer, "GET, HEAD");
        else if (strcmp(verb, "approve") != 0 && strcmp(verb, "reject") != 0)
                rv_api_reply_error(answer, 404, "there is no such page");
        else if (!is_post)
                rv_api_reply_method(answer, "POST");
        else
                judge(context, call, strcmp(verb, "approve") == 0 ? RV_EVENT_APPROVE : RV_EVENT_REJECT, id, answer);
}
