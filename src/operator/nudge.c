#include "operator/nudge.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { ANSWER_BYTES_MAX = 8 * 1024 * 1024 };

struct running {
        struct nudger *nudger;
        struct nudge nudge;
        size_t at; /* the step that is asked */
        struct rv_http_transfer *transfer;
        struct running *prev, *next;
};

struct nudger {
        struct rv_http_client *client;
        rv_nudged_callback nudged;
        void *userdata;
        struct running *running;
};

void nudge_done(struct nudge *nudge) {
        for (size_t i = 0; i < NUDGE_STEPS_MAX; i++) {
                free(nudge->step[i].path);
                free(nudge->step[i].body);
        }
        free(nudge->application);
        *nudge = (struct nudge){0};
}

static void running_free(struct running *running) {
        DL_DELETE(running->nudger->running, running);
        nudge_done(&running->nudge);
        free(running);
}

static void tell(struct nudger *nudger, const struct nudge *nudge, const struct rv_error *err) {
        if (err)
                nudge->metrics->nudge_failures++;
        nudger->nudged(nudge->index, nudge->application, err, nudger->userdata);
}

static int send(struct running *running, struct rv_error *err);

static void on_response(const struct rv_http_response *response, void *userdata) {
        struct running *running = userdata;
        struct rv_error err = {0};
        int r = 0;

        running->transfer = NULL;
        if (response->result < 0)
                r = rv_error_set(&err, response->result, "%s", response->error);
        else if (response->status / 100 != 2)
                r = rv_error_set(&err, -EIO, "status %d", response->status);
        else if (++running->at < running->nudge.n_steps) {
                r = send(running, &err);
                if (r == 0)
                        return;
        }
        tell(running->nudger, &running->nudge, r < 0 ? &err : NULL);
        running_free(running);
}

static int send(struct running *running, struct rv_error *err) {
        const struct nudge_step *step = &running->nudge.step[running->at];
        struct rv_http_request request = {.method = step->method,
                                          .path = step->path,
                                          .content_type = "application/merge-patch+json",
                                          .body = step->body,
                                          .body_bytes = step->body ? strlen(step->body) : 0,
                                          .response_bytes_max = ANSWER_BYTES_MAX};

        return rv_http_send(running->nudger->client, running->nudge.target, &request, on_response, running,
                            &running->transfer, err);
}

void nudge_start(struct nudger *nudger, struct nudge *nudge) {
        struct running *running = calloc(1, sizeof(*running));
        struct rv_error err = {0};

        nudge->metrics->nudges++;
        if (!running) {
                (void)rv_error_oom(&err);
                tell(nudger, nudge, &err);
                nudge_done(nudge);
                return;
        }
        *running = (struct running){.nudger = nudger, .nudge = *nudge};
        *nudge = (struct nudge){0};
        DL_APPEND(nudger->running, running);
        if (send(running, &err) == 0)
                return;
        tell(nudger, &running->nudge, &err);
        running_free(running);
}

int nudger_new(struct nudger **ret, struct rv_http_client *client, rv_nudged_callback nudged, void *userdata) {
        struct nudger *nudger = calloc(1, sizeof(*nudger));

        if (!nudger)
                return -ENOMEM;
        *nudger = (struct nudger){.client = client, .nudged = nudged, .userdata = userdata};
        *ret = nudger;
        return 0;
}

struct nudger *nudger_free(struct nudger *nudger) {
        if (!nudger)
                return NULL;
        while (nudger->running) {
                if (nudger->running->transfer)
                        rv_http_cancel(nudger->running->transfer);
                running_free(nudger->running);
        }
        free(nudger);
        return NULL;
}
