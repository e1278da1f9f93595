/* Requests: sent at once while the target has a free slot, else queued; each ends by its deadline. */

#include "http/client_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

enum { DEADLINE_ACCURACY_MSEC = 50 };

static int64_t deadline_usec(const struct rv_http_transfer *transfer) {
        return transfer->sent_usec + transfer->target->timeout_usec;
}

/* -- a transfer's life -- */

static struct rv_http_transfer *transfer_new(const struct rv_http_request *request) {
        size_t path = strlen(request->path) + 1;
        size_t type = request->content_type ? strlen(request->content_type) + 1 : 0;
        struct rv_http_transfer *t = malloc(sizeof(*t) + path + type + request->body_bytes + 1);

        if (!t)
                return NULL;
        *t = (struct rv_http_transfer){
                .path = t->text,
                .method = request->method,
                .body_bytes = request->body_bytes,
                .response_bytes_max = request->response_bytes_max,
        };
        memcpy(t->text, request->path, path);
        if (type)
                t->content_type = memcpy(t->text + path, request->content_type, type);
        if (request->body) {
                t->body = t->text + path + type;
                memcpy(t->text + path + type, request->body, request->body_bytes);
                t->text[path + type + request->body_bytes] = '\0';
        }
        return t;
}

static void transfer_free(struct rv_http_transfer *transfer) {
        struct rv_http_target *target = transfer->target;

        /* Bodies and paths may hold what is not to be left in memory. */
        if (transfer->body_bytes)
                explicit_bzero((char *)transfer->body, transfer->body_bytes);
        explicit_bzero((char *)transfer->path, strlen(transfer->path));
        free(transfer);
        rv_http_target_unref(target);
}

/* Out of the target's lists and out of curl. Its slot stays with it. */
static void transfer_unlink(struct rv_http_client *client, struct rv_http_transfer *transfer) {
        struct rv_http_target *target = transfer->target;

        DL_DELETE2(target->live, transfer, live_prev, live_next);
        client->n_live--;
        if (transfer->slot)
                curl_multi_remove_handle(client->multi, transfer->slot->easy);
        else {
                DL_DELETE2(target->waiting, transfer, wait_prev, wait_next);
                client->n_waiting--;
        }
}

static int start(struct rv_http_client *client, struct rv_http_transfer *transfer) {
        struct slot *slot;
        int r;

        r = target_take_slot(transfer->target, &slot);
        if (r < 0)
                return r;
        r = slot_prepare(slot, transfer->target, transfer);
        if (r >= 0 && curl_multi_add_handle(client->multi, slot->easy) != CURLM_OK)
                r = -ENOMEM;
        if (r < 0) {
                target_give_slot(transfer->target, slot);
                return r;
        }
        transfer->slot = slot;
        return 0;
}

static void complete(struct rv_http_client *client, struct rv_http_transfer *transfer,
                     struct rv_http_response *response);

static void start_waiting(struct rv_http_client *client, struct rv_http_target *target) {
        while (target->waiting) {
                struct rv_http_transfer *next = target->waiting;
                int r = start(client, next);
                if (r == -EAGAIN)
                        return;
                if (r < 0) {
                        complete(client, next, &(struct rv_http_response){.result = r, .error = "out of memory"});
                        continue;
                }
                DL_DELETE2(target->waiting, next, wait_prev, wait_next);
                client->n_waiting--;
        }
}

static void complete(struct rv_http_client *client, struct rv_http_transfer *transfer,
                     struct rv_http_response *response) {
        struct slot *slot = transfer->slot;

        transfer_unlink(client, transfer);
        response->duration_usec = rv_clock_monotonic_usec() - transfer->sent_usec;
        if (!response->body)
                response->body = "";
        transfer->callback(response, transfer->userdata);
        if (slot) {
                target_give_slot(transfer->target, slot);
                start_waiting(client, transfer->target);
        }
        transfer_free(transfer);
}

/* -- how it ended -- */

static int code_to_errno(CURLcode code) {
        switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return -EHOSTUNREACH;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
                return -EPROTO;
        default:
                return -EIO;
        }
}

static void fill_failure(struct rv_http_response *response, const struct slot *slot, CURLcode code,
                         struct rv_error *text) {
        const char *why = slot->error[0] ? slot->error : curl_easy_strerror(code);

        response->result = code_to_errno(code);
        if (slot->is_too_large) {
                response->result = -E2BIG;
                why = "the answer is too large";
        } else if (slot->is_oom) {
                response->result = -ENOMEM;
                why = "out of memory";
        }
        rv_error_set(text, response->result, "%s: %s", slot->transfer->target->host, why);
        response->error = text->text;
}

static int64_t get_date_usec(CURL *easy) {
        struct curl_header *header;
        time_t date = -1;

        if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
                date = curl_getdate(header->value, NULL);
        return date > 0 ? date * RV_USEC_PER_SEC : 0;
}

static void fill_answer(struct rv_http_response *response, struct slot *slot) {
        long status = 0;
        char *content_type = NULL;
        curl_off_t retry_after_sec = 0;

        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_TYPE, &content_type);
        if (status >= 300) {
                curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after_sec);
                if (retry_after_sec > RV_USEC_PER_DAY / RV_USEC_PER_SEC)
                        retry_after_sec = RV_USEC_PER_DAY / RV_USEC_PER_SEC;
        }
        response->status = (int)status;
        response->content_type = content_type;
        response->retry_after_usec = retry_after_sec > 0 ? retry_after_sec * RV_USEC_PER_SEC : 0;
        response->date_usec = get_date_usec(slot->easy);
        response->body = slot->body;
        response->body_bytes = slot->body_bytes;
}

void client_finish(struct rv_http_client *client, CURL *easy, CURLcode code) {
        struct slot *slot;
        struct rv_http_response response = {0};
        struct rv_error text;

        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&slot);
        if (code == CURLE_OK)
                fill_answer(&response, slot);
        else
                fill_failure(&response, slot, code, &text);
        complete(client, slot->transfer, &response);
}

/* -- deadlines: in each target's list the oldest is the first to end -- */

static int set_deadlines(struct rv_http_client *client, int64_t usec) {
        client->deadlines_usec = usec;
        if (usec == RV_USEC_INFINITY)
                return sd_event_source_set_enabled(client->deadlines, SD_EVENT_OFF);
        int r = sd_event_source_set_time(client->deadlines, (uint64_t)usec);
        return r < 0 ? r : sd_event_source_set_enabled(client->deadlines, SD_EVENT_ONESHOT);
}

static void expire(struct rv_http_client *client, struct rv_http_transfer *transfer) {
        const struct rv_http_target *target = transfer->target;
        char timeout[RV_DURATION_TEXT_MAX];
        const char *what = "no connection was free";
        struct rv_error text;

        if (transfer->slot) {
                curl_off_t sent_after_usec = 0;
                curl_easy_getinfo(transfer->slot->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_after_usec);
                what = sent_after_usec > 0 ? "no whole answer" : "no connection";
        }
        rv_error_set(&text, -ETIMEDOUT, "%s: %s within %s", target->host, what,
                     rv_duration_humanize(target->timeout_usec, timeout));
        complete(client, transfer, &(struct rv_http_response){.result = -ETIMEDOUT, .error = text.text});
}

static struct rv_http_transfer *find_expired(struct rv_http_client *client, int64_t now_usec, int64_t *ret_next_usec) {
        struct rv_http_target *target;

        *ret_next_usec = RV_USEC_INFINITY;
        DL_FOREACH (client->targets, target) {
                if (!target->live)
                        continue;
                if (deadline_usec(target->live) <= now_usec)
                        return target->live;
                if (deadline_usec(target->live) < *ret_next_usec)
                        *ret_next_usec = deadline_usec(target->live);
        }
        return NULL;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_http_client *client = userdata;
        int64_t now_usec = rv_clock_monotonic_usec(), next_usec;

        (void)source;
        (void)usec;
        /* A callback may send, cancel and drop targets: look anew each time. */
        for (struct rv_http_transfer *t; (t = find_expired(client, now_usec, &next_usec));)
                expire(client, t);
        return set_deadlines(client, next_usec);
}

/* -- for users -- */

static int bind_target(struct rv_http_client *client, struct rv_http_target *target, struct rv_error *err) {
        if (target->client == client)
                return 0;
        if (target->client)
                return rv_error_set(err, -EINVAL, "%s: the target belongs to another client", target->host);
        target->client = client;
        DL_APPEND(client->targets, target);
        return 0;
}

int rv_http_send(struct rv_http_client *client, struct rv_http_target *target, const struct rv_http_request *request,
                 rv_http_callback callback, void *userdata, struct rv_http_transfer **ret_handle,
                 struct rv_error *err) {
        int r;

        r = bind_target(client, target, err);
        if (r < 0)
                return r;
        if (client->n_waiting >= RV_HTTP_QUEUE_MAX)
                return rv_error_set(err, -EBUSY, "%s: too many requests are waiting", target->host);
        struct rv_http_transfer *transfer = transfer_new(request);
        if (!transfer)
                return rv_error_oom(err);
        transfer->target = target;
        target->refs++;
        transfer->callback = callback;
        transfer->userdata = userdata;
        transfer->sent_usec = rv_clock_monotonic_usec();

        r = start(client, transfer);
        if (r < 0 && r != -EAGAIN) {
                transfer_free(transfer);
                return rv_error_oom(err);
        }
        if (r == -EAGAIN) {
                DL_APPEND2(target->waiting, transfer, wait_prev, wait_next);
                client->n_waiting++;
        }
        DL_APPEND2(target->live, transfer, live_prev, live_next);
        client->n_live++;
        if (deadline_usec(transfer) < client->deadlines_usec)
                (void)set_deadlines(client, deadline_usec(transfer));
        if (ret_handle)
                *ret_handle = transfer;
        return 0;
}

void rv_http_cancel(struct rv_http_transfer *transfer) {
        struct rv_http_target *target = transfer->target;
        struct rv_http_client *client = target->client;
        struct slot *slot = transfer->slot;

        transfer_unlink(client, transfer);
        if (slot) {
                target_give_slot(target, slot);
                /* Who waits for it is started by the loop: nobody's callback is to come from in here. */
                if (target->waiting)
                        client_loop_kick(client);
        }
        transfer_free(transfer);
}

static struct rv_http_target *find_startable(struct rv_http_client *client) {
        struct rv_http_target *target;

        DL_FOREACH (client->targets, target)
                if (target->waiting && (target->free_slots || target->n_slots < RV_HTTP_PARALLEL_MAX))
                        return target;
        return NULL;
}

void client_start_waiting(struct rv_http_client *client) {
        for (struct rv_http_target *target; (target = find_startable(client));) {
                target->refs++;
                start_waiting(client, target);
                rv_http_target_unref(target);
        }
}

size_t rv_http_client_active(const struct rv_http_client *client) {
        return client->n_live;
}

int rv_http_client_new(struct rv_http_client **ret, sd_event *event, const char *user_agent) {
        struct rv_http_client *client;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        client = calloc(1, sizeof(*client));
        if (!client) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        client->event = sd_event_ref(event);
        client->deadlines_usec = RV_USEC_INFINITY;
        client->user_agent = strdup(user_agent);
        r = client->user_agent ? client_loop_init(client) : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time(event, &client->deadlines, CLOCK_MONOTONIC, UINT64_MAX,
                                      DEADLINE_ACCURACY_MSEC * RV_USEC_PER_MSEC, on_deadline, client);
        if (r < 0) {
                rv_http_client_free(client);
                return r;
        }
        *ret = client;
        return 0;
}

static void drop_transfers(struct rv_http_client *client, struct rv_http_target *target) {
        while (target->live) {
                struct rv_http_transfer *transfer = target->live;
                transfer_unlink(client, transfer);
                if (transfer->slot)
                        target_give_slot(target, transfer->slot);
                transfer_free(transfer);
        }
}

struct rv_http_client *rv_http_client_free(struct rv_http_client *client) {
        if (!client)
                return NULL;
        while (client->targets) {
                struct rv_http_target *target = client->targets;
                target->refs++;
                drop_transfers(client, target);
                target_drop_slots(target);
                DL_DELETE(client->targets, target);
                target->client = NULL;
                rv_http_target_unref(target);
        }
        client_loop_done(client);
        sd_event_source_disable_unref(client->deadlines);
        sd_event_unref(client->event);
        free(client->user_agent);
        free(client);
        curl_global_cleanup();
        return NULL;
}
