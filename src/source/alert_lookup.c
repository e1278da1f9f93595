/* What Alertmanager makes of an alert: its API v2, /api/v2/alerts, asked for exactly these labels. */

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/source.h"
#include "source/prometheus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        ANSWER_BYTES_MAX = 4 * 1024 * 1024,
        VALUES_MAX = 200000, /* of JSON */
        PATH_BYTES_MAX = 16 * 1024,
};

struct rv_alertmanagers {
        struct rv_http_client *client;
        char **name;
        struct rv_http_target **target;
        size_t n;
        struct lookup *lookups;
};

struct lookup {
        struct rv_alertmanagers *alertmanagers;
        size_t index;
        struct rv_labels *labels;
        struct rv_alert_standing standing;
        struct rv_http_transfer *transfer;
        rv_alert_callback callback;
        void *userdata;
        struct lookup *next;
};

/* -- the answer -- */

/* And by the first of them, if that is said. */
static bool has_any(const json_t *status, const char *key, const char **ret_by) {
        const json_t *list = json_object_get(status, key);

        *ret_by = json_string_value(json_array_get(list, 0));
        return json_array_size(list) > 0;
}

static int read_status(const json_t *status, struct rv_alert_standing *ret, struct rv_error *err) {
        const char *by;

        if (has_any(status, "silencedBy", &by))
                ret->state = RV_ALERT_SILENCED;
        else if (has_any(status, "mutedBy", &by)) {
                ret->state = RV_ALERT_SILENCED;
                ret->is_muted = true;
        } else if (has_any(status, "inhibitedBy", &by))
                ret->state = RV_ALERT_INHIBITED;
        else if (strcmp(rv_json_string(status, "state", ""), "active") == 0)
                ret->state = RV_ALERT_ACTIVE;
        else
                ret->state = RV_ALERT_UNKNOWN; /* "unprocessed", or what is not known here */
        ret->by = by ? strdup(by) : NULL;
        return by && !ret->by ? rv_error_oom(err) : 0;
}

/* The filters also let alerts through that have more labels. */
static int find(const json_t *list, const struct rv_labels *labels, struct rv_alert_standing *ret,
                struct rv_error *err) {
        ret->state = RV_ALERT_ABSENT;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *alert = json_array_get(list, i);
                struct rv_labels *theirs;
                bool is_it;
                int r = rv_labels_from_json(&theirs, json_object_get(alert, "labels"), NULL, err);

                if (r < 0)
                        return rv_error_prefix(err, r, "alert %zu", i);
                is_it = rv_labels_equal(theirs, labels);
                rv_labels_unref(theirs);
                if (is_it)
                        return read_status(json_object_get(alert, "status"), ret, err);
        }
        return 0;
}

int rv_alert_lookup_parse(const struct rv_http_response *response, const struct rv_labels *labels,
                          struct rv_alert_standing *ret, struct rv_error *err) {
        _cleanup_json_ json_t *root = NULL;
        int r;

        *ret = (struct rv_alert_standing){.state = RV_ALERT_UNKNOWN};
        if (response->result < 0)
                return rv_error_set(err, response->result, "%s", response->error);
        if (response->status != 200)
                return rv_error_set(err, -EIO, "status %d", response->status);
        r = rv_json_parse(&root, response->body, response->body_bytes, VALUES_MAX, err);
        if (r < 0)
                return r;
        if (!json_is_array(root))
                return rv_error_set(err, -EINVAL, "not a list of alerts");
        r = find(root, labels, ret, err);
        if (r < 0)
                ret->state = RV_ALERT_UNKNOWN;
        return r;
}

/* -- the question -- */

static void forget(struct lookup *lookup) {
        struct lookup **at = &lookup->alertmanagers->lookups;

        while (*at != lookup)
                at = &(*at)->next;
        *at = lookup->next;
        rv_labels_unref(lookup->labels);
        rv_alert_standing_done(&lookup->standing);
        free(lookup);
}

static int send_question(struct lookup *lookup, const char *path, rv_http_callback callback, struct rv_error *err) {
        return rv_http_send(lookup->alertmanagers->client, lookup->alertmanagers->target[lookup->index],
                            &(struct rv_http_request){.path = path, .response_bytes_max = ANSWER_BYTES_MAX}, callback,
                            lookup, &lookup->transfer, err);
}

/* response: of the second question; NULL: it was not asked. */
static void answer(struct lookup *lookup, const struct rv_http_response *response, const struct rv_error *err) {
        _cleanup_free_ char *words = rv_alert_words(&lookup->standing, response);
        enum rv_alert_state state = lookup->standing.state;
        rv_alert_callback callback = lookup->callback;
        void *theirs = lookup->userdata;

        forget(lookup);
        callback(state, words, err, theirs);
}

static void on_words(const struct rv_http_response *response, void *userdata) {
        answer(userdata, response, NULL);
}

static void on_response(const struct rv_http_response *response, void *userdata) {
        struct lookup *lookup = userdata;
        _cleanup_free_ char *path = NULL;
        struct rv_error err = {0};
        int r = rv_alert_lookup_parse(response, lookup->labels, &lookup->standing, &err);

        if (r < 0)
                rv_error_prefix(&err, r, "alertmanager %s", lookup->alertmanagers->name[lookup->index]);
        else
                path = rv_alert_words_path(&lookup->standing);
        if (!path || send_question(lookup, path, on_words, NULL) < 0)
                answer(lookup, NULL, r < 0 ? &err : NULL);
}

/* "name=\"value\"", the quotes and backslashes of the value escaped, and all of it percent-encoded. */
static int write_filter(FILE *f, const struct rv_label *label) {
        _cleanup_free_ char *plain = NULL, *encoded = NULL;
        char *to;

        plain = malloc(strlen(label->name) + 2 * strlen(label->value) + sizeof("=\"\""));
        if (!plain)
                return -ENOMEM;
        to = stpcpy(stpcpy(plain, label->name), "=\"");
        for (const char *s = label->value; *s; s++) {
                if (*s == '"' || *s == '\\')
                        *to++ = '\\';
                if (*s == '\n')
                        to = stpcpy(to, "\\n");
                else
                        *to++ = *s;
        }
        memcpy(to, "\"", sizeof("\""));
        encoded = malloc(3 * strlen(plain) + 1);
        if (!encoded)
                return -ENOMEM;
        *prometheus_encode(encoded, plain) = '\0';
        fprintf(f, "&filter=%s", encoded);
        return 0;
}

static int write_path(const struct rv_labels *labels, char **ret, struct rv_error *err) {
        size_t size;
        FILE *f = open_memstream(ret, &size);
        int r = 0;

        if (!f)
                return rv_error_oom(err);
        fputs("/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true", f);
        for (size_t i = 0; i < labels->n && r == 0; i++)
                r = write_filter(f, &labels->label[i]);
        if (fclose(f) != 0 || r < 0 || !*ret)
                return rv_error_oom(err);
        return size > PATH_BYTES_MAX ? rv_error_set(err, -E2BIG, "the labels are too long to be asked for") : 0;
}

int rv_alert_lookup(struct rv_alertmanagers *alertmanagers, size_t index, struct rv_labels *labels,
                    rv_alert_callback callback, void *userdata, struct rv_error *err) {
        _cleanup_free_ char *path = NULL;
        struct lookup *lookup;
        int r = write_path(labels, &path, err);

        if (r < 0)
                return r;
        lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return rv_error_oom(err);
        *lookup = (struct lookup){.alertmanagers = alertmanagers,
                                  .index = index,
                                  .labels = rv_labels_ref(labels),
                                  .callback = callback,
                                  .userdata = userdata,
                                  .next = alertmanagers->lookups};
        alertmanagers->lookups = lookup;
        r = send_question(lookup, path, on_response, err);
        if (r < 0)
                forget(lookup);
        return r;
}

/* -- the servers -- */

int rv_alertmanagers_new(struct rv_alertmanagers **ret, const struct rv_config *config, struct rv_http_client *client,
                         struct rv_error *err) {
        struct rv_alertmanagers *a = calloc(1, sizeof(*a));

        if (!a)
                return rv_error_oom(err);
        a->client = client;
        a->name = calloc(config->n_alertmanagers + 1, sizeof(*a->name));
        a->target = calloc(config->n_alertmanagers + 1, sizeof(struct rv_http_target *));
        for (; a->name && a->target && a->n < config->n_alertmanagers; a->n++) {
                const struct rv_alertmanager_config *one = &config->alertmanagers[a->n];
                int r;

                a->name[a->n] = strdup(one->name);
                if (!a->name[a->n])
                        break;
                r = rv_http_target_new(&a->target[a->n], &one->endpoint, config->credentials_directory, err);
                if (r < 0) {
                        rv_error_prefix(err, r, "alertmanager %s", one->name);
                        free(a->name[a->n]);
                        rv_alertmanagers_free(a);
                        return r;
                }
        }
        if (a->n < config->n_alertmanagers) {
                rv_alertmanagers_free(a);
                return rv_error_oom(err);
        }
        *ret = a;
        return 0;
}

struct rv_alertmanagers *rv_alertmanagers_free(struct rv_alertmanagers *alertmanagers) {
        if (!alertmanagers)
                return NULL;
        while (alertmanagers->lookups) {
                rv_http_cancel(alertmanagers->lookups->transfer);
                forget(alertmanagers->lookups);
        }
        for (size_t i = 0; i < alertmanagers->n; i++) {
                rv_http_target_unref(alertmanagers->target[i]);
                free(alertmanagers->name[i]);
        }
        free(alertmanagers->name);
        free(alertmanagers->target);
        free(alertmanagers);
        return NULL;
}
