/* Delivery to Slack. A webhook takes one message a notice. A bot posts one message an incident, remembers where, keeps
 * it up to date, and says what is new in its thread. */
#include "notify/sender.h"

#include "revertd/cleanup.h"
#include "revertd/credential.h"
#include "revertd/incident.h"
#include "revertd/json.h"
#include "revertd/outbox.h"

#include <errno.h>
#include <string.h>

enum {
        ANSWER_BYTES_MAX = 256 << 10,
        ANSWER_VALUES_MAX = 10000,
};

/* What is being done about a notice. */
enum slack_step {
        STEP_WEBHOOK,
        STEP_POST,   /* the incident's message; from then on there is a thread */
        STEP_UPDATE, /* the incident's message, as it is now */
        STEP_REPLY,  /* in its thread */
};

struct slack {
        struct rv_config *config;
        const struct rv_receiver_config *receiver;
        struct rv_http_client *client;
        struct rv_store *store;
        struct rv_http_target *target;
        send_callback callback;
        void *userdata;

        /* Of the notice under way. */
        struct rv_http_transfer *transfer;
        enum slack_step step;
        json_t *notice;
        char *thread_key;
        json_t *thread; /* {"channel", "ts"}; NULL: none yet */
};

/* -- Beginning and end -- */

static int open_target(struct slack *slack, struct rv_error *err) {
        const struct rv_receiver_config *receiver = slack->receiver;
        const char *directory = slack->config->credentials_directory;
        struct rv_endpoint endpoint = {.ca_file = receiver->ca_file, .timeout_usec = receiver->timeout_usec};
        if (receiver->channel) {
                endpoint.url = receiver->api_url;
                endpoint.credential = receiver->credential;
                return rv_http_target_new(&slack->target, &endpoint, directory, err);
        }
        /* The address of a webhook is its secret. */
        int r = rv_credential_read(directory, receiver->credential, &endpoint.url, err);
        if (r < 0)
                return r;
        r = rv_http_target_new(&slack->target, &endpoint, directory, err);
        rv_credential_free(endpoint.url);
        if (r < 0)
                return rv_error_prefix(err, r, "credential %s", receiver->credential);
        return 0;
}

int slack_new(struct slack **ret, struct rv_config *config, size_t receiver, struct rv_http_client *client,
              struct rv_store *store, send_callback callback, void *userdata, struct rv_error *err) {
        struct slack *slack = calloc(1, sizeof(*slack));
        if (!slack)
                return rv_error_oom(err);
        *slack = (struct slack){
                .config = rv_config_ref(config),
                .receiver = &config->receivers[receiver],
                .client = client,
                .store = store,
                .callback = callback,
                .userdata = userdata,
        };
        int r = open_target(slack, err);
        if (r < 0) {
                slack_free(slack);
                return r;
        }
        *ret = slack;
        return 0;
}

static void forget_notice(struct slack *slack) {
        json_decref(slack->notice);
        json_decref(slack->thread);
        free(slack->thread_key);
        slack->notice = slack->thread = NULL;
        slack->thread_key = NULL;
}

struct slack *slack_free(struct slack *slack) {
        if (!slack)
                return NULL;
        if (slack->transfer)
                rv_http_cancel(slack->transfer);
        forget_notice(slack);
        rv_http_target_unref(slack->target);
        rv_config_unref(slack->config);
        free(slack);
        return NULL;
}

/* -- Sending -- */

static void on_answer(const struct rv_http_response *response, void *userdata);

static int add_address(struct slack *slack, json_t *message) {
        const char *channel = slack->thread ? rv_json_string(slack->thread, "channel", "") : slack->receiver->channel;
        const char *ts = rv_json_string(slack->thread, "ts", "");
        int r = json_object_set_new(message, "channel", json_string(channel));
        if (r == 0 && slack->step == STEP_UPDATE)
                r = json_object_set_new(message, "ts", json_string(ts));
        if (r == 0 && slack->step == STEP_REPLY)
                r = json_object_set_new(message, "thread_ts", json_string(ts));
        return r;
}

static char *compose(struct slack *slack) {
        _cleanup_json_ json_t *message =
                rv_slack_render(slack->notice, slack->step == STEP_REPLY, slack->config->external_url);
        if (!message)
                return NULL;
        int r = slack->step == STEP_WEBHOOK ? 0 : add_address(slack, message);
        if (r == 0)
                r = json_object_set_new(message, "link_names", json_false());
        if (r == 0 && slack->step != STEP_UPDATE)
                r = json_object_set_new(message, "unfurl_links", json_false());
        return r == 0 ? rv_json_dump(message) : NULL;
}

static int send_step(struct slack *slack, struct rv_error *err) {
        static const char *const path[] = {[STEP_WEBHOOK] = "",
                                           [STEP_POST] = "/chat.postMessage",
                                           [STEP_UPDATE] = "/chat.update",
                                           [STEP_REPLY] = "/chat.postMessage"};
        _cleanup_free_ char *body = compose(slack);
        if (!body)
                return rv_error_set(err, -EINVAL, "the notice cannot be shown");
        struct rv_http_request request = {
                .path = path[slack->step],
                .content_type = "application/json; charset=utf-8",
                .body = body,
                .body_bytes = strlen(body),
                .response_bytes_max = ANSWER_BYTES_MAX,
        };
        return rv_http_send(slack->client, slack->target, &request, on_answer, slack, &slack->transfer, err);
}

static int find_thread(struct slack *slack, struct rv_error *err) {
        const char *incident = rv_json_string(json_object_get(slack->notice, "incident"), "id", "");
        if (asprintf(&slack->thread_key, "%s/%s", slack->receiver->name, incident) < 0) {
                slack->thread_key = NULL;
                return rv_error_oom(err);
        }
        struct rv_record record;
        int r = rv_store_get(slack->store, RV_RECORD_THREAD, slack->thread_key, &record, err);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        slack->thread = json_incref(record.value);
        rv_record_done(&record);
        return 0;
}

int slack_send(struct slack *slack, const struct rv_record *notice, struct rv_error *err) {
        forget_notice(slack);
        slack->notice = json_incref(notice->value);
        slack->step = STEP_WEBHOOK;
        int r = 0;
        if (slack->receiver->channel) {
                r = find_thread(slack, err);
                slack->step = slack->thread ? STEP_UPDATE : STEP_POST;
        }
        if (r == 0)
                r = send_step(slack, err);
        if (r < 0)
                forget_notice(slack);
        return r;
}

/* -- Answers -- */

/* One answer, understood. */
struct answer {
        enum send_outcome outcome;
        const char *word;      /* Slack's error; "" for none */
        struct rv_error error; /* the same for people */
        json_t *json;          /* of the Web API; NULL: none */
};

static bool is_among(const char *word, const char *const *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(word, list[i]) == 0)
                        return true;
        return false;
}

/* Those that pass by themselves. internal_error and fatal_error may have done part of the work: a message twice is
 * better than none. Source: https://docs.slack.dev/reference/methods/chat.postMessage (errors). */
static bool is_passing(const char *word) {
        static const char *const words[] = {"rate_limited", "ratelimited",     "internal_error",
                                            "fatal_error",  "request_timeout", "service_unavailable"};
        return is_among(word, words, RV_ARRAY_SIZE(words));
}

/* The message that the thread hangs on was deleted. */
static bool is_lost(const char *word) {
        static const char *const words[] = {"message_not_found", "thread_not_found"};
        return is_among(word, words, RV_ARRAY_SIZE(words));
}

static bool is_passing_status(int status) {
        return status == 408 || status == 429 || status < 400 || status >= 500;
}

/* {"ok": true, …} or {"ok": false, "error": "…"}, whatever the status; anything else was said by something in between. */
static void read_api_answer(struct answer *answer, const struct rv_http_response *response) {
        if (rv_json_parse(&answer->json, response->body, response->body_bytes, ANSWER_VALUES_MAX, NULL) < 0 ||
            !json_is_boolean(json_object_get(answer->json, "ok"))) {
                answer->outcome = is_passing_status(response->status) ? SEND_RETRY : SEND_PERMANENT;
                rv_error_set(&answer->error, 0, "HTTP %d without an answer of Slack's", response->status);
                return;
        }
        if (rv_json_bool(answer->json, "ok", false))
                return;
        answer->word = rv_json_string(answer->json, "error", "unknown error");
        answer->outcome = response->status == 429 || is_passing(answer->word) ? SEND_RETRY : SEND_PERMANENT;
        const char *needed = rv_json_string(answer->json, "needed", NULL);
        rv_error_set(&answer->error, 0, "Slack: %s%s%s", answer->word, needed ? ", needed: " : "",
                     needed ? needed : "");
}

/* A webhook says "ok"; what is compatible with it may say something else, but a proxy's page is no delivery. */
static void read_webhook_answer(struct answer *answer, const struct rv_http_response *response) {
        bool is_page = response->content_type && strncasecmp(response->content_type, "text/html", 9) == 0;
        if (response->status / 100 == 2 && !is_page)
                return;
        answer->outcome = is_passing_status(response->status) ? SEND_RETRY : SEND_PERMANENT;
        rv_error_set(&answer->error, 0, "HTTP %d: %.200s", response->status, is_page ? "a web page" : response->body);
}

static void read_answer(struct answer *answer, enum slack_step step, const struct rv_http_response *response) {
        *answer = (struct answer){.outcome = SEND_DONE, .word = ""};
        if (response->result < 0) {
                answer->outcome = SEND_RETRY;
                rv_error_set(&answer->error, 0, "%s", response->error ? response->error : strerror(-response->result));
        } else if (step == STEP_WEBHOOK) {
                read_webhook_answer(answer, response);
        } else {
                read_api_answer(answer, response);
        }
}

/* Where the incident's message stands, kept for the next notice; an ended incident has no next. */
static int keep_thread(struct slack *slack, const struct answer *answer, struct rv_batch *batch) {
        if (slack->step == STEP_WEBHOOK)
                return 0;
        enum rv_incident_state state;
        const char *text = rv_json_string(json_object_get(slack->notice, "incident"), "state", "");
        if (rv_incident_state_from_string(text, &state) == 0 && rv_incident_state_is_end(state))
                return rv_batch_delete(batch, RV_RECORD_THREAD, slack->thread_key);
        if (slack->step != STEP_POST)
                return 0;
        const char *channel = rv_json_string(answer->json, "channel", slack->receiver->channel);
        const char *ts = rv_json_string(answer->json, "ts", "");
        return rv_batch_put(batch, RV_RECORD_THREAD, slack->thread_key, rv_json_int(slack->notice, "queued_usec", 0),
                            -1, json_pack("{s:s, s:s}", "channel", channel, "ts", ts));
}

/* Whether there is another step after this one. */
static bool next_step(struct slack *slack, const struct answer *answer) {
        if (answer->outcome == SEND_RETRY || slack->step == STEP_WEBHOOK || slack->step == STEP_POST)
                return false;
        if (answer->outcome == SEND_PERMANENT && is_lost(answer->word)) {
                json_decref(slack->thread);
                slack->thread = NULL;
                slack->step = STEP_POST;
                return true;
        }
        /* A message that can no longer be changed still has its thread. */
        if (slack->step == STEP_UPDATE) {
                slack->step = STEP_REPLY;
                return true;
        }
        return false;
}

static void finish(struct slack *slack, const struct answer *answer, int64_t retry_after_usec) {
        struct rv_batch batch = {0};
        struct send_result result = {
                .outcome = answer->outcome,
                .error = answer->outcome == SEND_DONE ? NULL : answer->error.text,
                .retry_after_usec = retry_after_usec,
                .batch = &batch,
        };
        if (result.outcome == SEND_DONE && keep_thread(slack, answer, &batch) < 0) {
                result.outcome = SEND_RETRY;
                result.error = "out of memory";
        }
        forget_notice(slack);
        slack->callback(&result, slack->userdata);
        rv_batch_done(&batch);
}

static void on_answer(const struct rv_http_response *response, void *userdata) {
        struct slack *slack = userdata;
        struct answer answer;
        slack->transfer = NULL;
        read_answer(&answer, slack->step, response);
        bool goes_on = next_step(slack, &answer);
        if (goes_on && send_step(slack, &answer.error) < 0) {
                answer.outcome = SEND_RETRY;
                goes_on = false;
        }
        if (!goes_on)
                finish(slack, &answer, response->retry_after_usec);
        json_decref(answer.json);
}
