/* Alertmanager's webhooks, version 4, and those of Grafana, which are of the same shape and name version 1. Members that
 * are not known are ignored, as both add some with every release. */

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/source.h"

#include <errno.h>
#include <string.h>

enum { VALUES_MAX = 100000 }; /* of JSON; a body of 512 KiB in practice holds a tenth */

static bool is_absent(const json_t *value) {
        return !value || json_is_null(value);
}

/* A string that is there, or NULL. */
static int get_string(const json_t *object, const char *key, const char **ret, struct rv_error *err) {
        const json_t *value = json_object_get(object, key);

        if (!is_absent(value) && !json_is_string(value))
                return rv_error_set(err, -EINVAL, "%s: not a string", key);
        *ret = json_string_value(value);
        return 0;
}

static int copy_string(const json_t *object, const char *key, char **ret, struct rv_error *err) {
        const char *value = NULL;
        int r;

        r = get_string(object, key, &value, err);
        if (r < 0 || !value)
                return r;
        *ret = strdup(value);
        return *ret ? 0 : rv_error_oom(err);
}

static int get_time(const json_t *object, const char *key, int64_t *ret, struct rv_error *err) {
        const char *text = NULL;
        int r;

        r = get_string(object, key, &text, err);
        if (r < 0)
                return r;
        if (text && rv_time_parse(text, ret) < 0)
                return rv_error_set(err, -EINVAL, "%s: not a time", key);
        return 0;
}

static int get_labels(const json_t *object, const char *key, struct rv_labels **ret, struct rv_error *err) {
        const json_t *value = json_object_get(object, key);
        int r;

        if (is_absent(value))
                return rv_labels_new(ret, NULL, 0, err);
        r = rv_labels_from_json(ret, value, NULL, err);
        return r < 0 ? rv_error_prefix(err, r == -ENOMEM ? r : -EINVAL, "%s", key) : 0;
}

static int get_status(const json_t *object, bool *ret_firing, struct rv_error *err) {
        const char *status = NULL;
        int r;

        r = get_string(object, "status", &status, err);
        if (r < 0)
                return r;
        if (!status || (strcmp(status, "firing") != 0 && strcmp(status, "resolved") != 0))
                return rv_error_set(err, -EINVAL, "status: neither \"firing\" nor \"resolved\"");
        *ret_firing = status[0] == 'f';
        return 0;
}

/* Where Grafana has no data or its query failed, and the rule calls that alerting or normal, it sends the values that it
 * knew of, each as -1. A threshold has a value of its own, 0 or 1, so that a metric which is -1 is not taken for that. */
static bool has_no_value(const json_t *values) {
        const char *name;
        json_t *value;
        bool any = false;

        json_object_foreach ((json_t *)values, name, value) {
                if (json_is_null(value))
                        continue;
                if (!json_is_number(value) || json_number_value(value) < -1 || json_number_value(value) > -1)
                        return false;
                any = true;
        }
        return any;
}

/* Grafana also sends alerts when a query of its own has no data or fails, and resolves them when a series is missing, its
 * rule is paused or changed. The reason stands in an annotation, which it is known by where Grafana sends through an
 * Alertmanager too; so is such an alert of its own by the label with the rule's name. */
static bool is_undecided(const json_t *json, const struct rv_alert *alert, bool is_grafana) {
        const char *name = rv_labels_get(alert->labels, "alertname");
        const char *reason = rv_labels_get(alert->annotations, "grafana_state_reason");
        bool is_of_datasource = name && (strcmp(name, "DatasourceNoData") == 0 || strcmp(name, "DatasourceError") == 0);

        if (reason && reason[0])
                return true;
        if (is_of_datasource && (is_grafana || rv_labels_get(alert->labels, "rulename")))
                return true;
        return is_grafana && has_no_value(json_object_get(json, "values"));
}

/* Fills what it can; the caller releases it, also where it fails. */
static int parse_alert(const json_t *json, bool is_grafana, struct rv_alert *alert, struct rv_error *err) {
        int r;

        if (!json_is_object(json))
                return rv_error_set(err, -EINVAL, "not an object");
        r = get_status(json, &alert->firing, err);
        if (r >= 0)
                r = get_labels(json, "labels", &alert->labels, err);
        if (r >= 0)
                r = get_labels(json, "annotations", &alert->annotations, err);
        if (r >= 0)
                r = get_time(json, "startsAt", &alert->starts_usec, err);
        if (r >= 0)
                r = get_time(json, "endsAt", &alert->ends_usec, err);
        if (r >= 0)
                r = copy_string(json, "generatorURL", &alert->generator_url, err);
        if (r < 0)
                return r;
        if (alert->labels->n == 0)
                return rv_error_set(err, -EINVAL, "labels: there are none");
        if (alert->starts_usec == 0)
                return rv_error_set(err, -EINVAL, "startsAt: not a time");
        if (alert->firing)
                alert->ends_usec = 0; /* some senders put the time at which it would time out */
        alert->is_unlisted = is_grafana;
        alert->is_undecided = is_undecided(json, alert, is_grafana);
        return 0;
}

static int parse_alerts(const json_t *root, bool is_grafana, struct rv_alerts *alerts, struct rv_error *err) {
        const json_t *list = json_object_get(root, "alerts");
        size_t n = json_array_size(list);

        /* Never optional: a body of another shape must not be answered as if its alerts were taken. */
        if (is_absent(list))
                return rv_error_set(err, -EINVAL, "alerts: missing");
        if (!json_is_array(list))
                return rv_error_set(err, -EINVAL, "alerts: not an array");
        if (n > RV_ALERTS_MAX)
                return rv_error_set(err, -EINVAL, "alerts: %zu of them, over %d", n, RV_ALERTS_MAX);
        alerts->alert = calloc(n + 1, sizeof(*alerts->alert));
        if (!alerts->alert)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                alerts->n++;
                int r = parse_alert(json_array_get(list, i), is_grafana, &alerts->alert[i], err);
                if (r < 0)
                        return rv_error_prefix(err, r, "alerts[%zu]", i);
        }
        return 0;
}

static int check_version(const json_t *root, bool *ret_is_grafana, struct rv_error *err) {
        const char *version = NULL;
        int r;

        r = get_string(root, "version", &version, err);
        if (r < 0)
                return r;
        if (!version)
                return rv_error_set(err, -EINVAL, "version: missing");
        *ret_is_grafana = strcmp(version, "1") == 0 && json_object_get(root, "orgId");
        if (strcmp(version, "4") != 0 && !*ret_is_grafana)
                return rv_error_set(err, -EPROTONOSUPPORT,
                                    "version: only \"4\", and Grafana's \"1\" with an orgId, are understood");
        return 0;
}

static int parse_envelope(const json_t *root, bool is_grafana, struct rv_alerts *alerts, struct rv_error *err) {
        const json_t *truncated = json_object_get(root, "truncatedAlerts");
        int r;

        if (!is_absent(truncated)) {
                if (!json_is_integer(truncated) || json_integer_value(truncated) < 0)
                        return rv_error_set(err, -EINVAL, "truncatedAlerts: not a count");
                alerts->truncated = (uint64_t)json_integer_value(truncated);
        }
        r = copy_string(root, "receiver", &alerts->receiver, err);
        if (r >= 0)
                r = copy_string(root, "groupKey", &alerts->group_key, err);
        return r < 0 ? r : parse_alerts(root, is_grafana, alerts, err);
}

int rv_alertmanager_parse(const char *body, size_t n, struct rv_alerts *ret, struct rv_error *err) {
        struct rv_alerts alerts = {0};
        _cleanup_json_ json_t *root = NULL;
        bool is_grafana = false;
        int r;

        r = rv_json_parse(&root, body, n, VALUES_MAX, err);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (!json_is_object(root))
                return rv_error_set(err, -EINVAL, "not a JSON object");
        r = check_version(root, &is_grafana, err);
        if (r >= 0)
                r = parse_envelope(root, is_grafana, &alerts, err);
        if (r < 0) {
                rv_alerts_done(&alerts);
                return r;
        }
        *ret = alerts;
        return 0;
}
