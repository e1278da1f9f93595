#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/labels.h"

#include <string.h>
#include <strings.h>

bool rv_api_is_json(const struct rv_http_call *call) {
        const char *type = rv_http_call_header(call, "Content-Type");
        if (!type)
                return false;
        static const char json[] = "application/json", family[] = "application/", suffix[] = "+json";
        size_t n = strcspn(type, "; \t"), suffix_bytes = strlen(suffix);
        if (n == strlen(json) && strncasecmp(type, json, n) == 0)
                return true;
        return n > strlen(family) + suffix_bytes && strncasecmp(type, family, strlen(family)) == 0 &&
               strncasecmp(type + n - suffix_bytes, suffix, suffix_bytes) == 0;
}

/* The host of "name:port", "[::1]:port" or either without a port, into buf; "" if it does not fit. */
static const char *host_only(const char *host, char *buf, size_t size) {
        size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
        if (n >= size || n > strlen(host))
                n = 0;
        memcpy(buf, host, n);
        buf[n] = '\0';
        return buf;
}

/* Without a credential the loopback interface is trusted. The browser of someone at this machine can reach it too, so
 * a name that another site made to point here must not do. */
static bool is_loopback_host(const char *host) {
        char name[256];
        host_only(host, name, sizeof(name));
        return strcasecmp(name, "localhost") == 0 || strncmp(name, "127.", 4) == 0 || strcmp(name, "[::1]") == 0;
}

bool rv_api_is_foreign(const struct rv_api_context *context, const struct rv_http_call *call,
                       struct rv_http_answer *answer) {
        if (call->is_local)
                return false;

        const struct rv_listen_config *listen = &context->config->listen;
        const char *host = rv_http_call_header(call, "Host"), *origin = rv_http_call_header(call, "Origin");
        const char *origin_host = origin ? strstr(origin, "://") : NULL;

        bool is_same = !origin || (origin_host && host && strcasecmp(origin_host + 3, host) == 0);
        bool is_named = listen->credential || listen->client_ca_file || !host || is_loopback_host(host);
        if (is_same && is_named)
                return false;
        rv_api_reply_error(answer, 403,
                           is_same ? "without a credential the Host must be a loopback address"
                                   : "requests from pages of another origin are refused");
        return true;
}

static const char *string_error(const json_t *value) {
        if (!json_is_string(value))
                return "must be a string";
        if (json_string_length(value) > RV_API_TEXT_BYTES_MAX)
                return "must not be longer than 1024 bytes";
        return NULL;
}

static const char *strings_error(const json_t *value) {
        if (!json_is_array(value))
                return "must be an array of strings";
        if (json_array_size(value) > RV_API_LIST_MAX)
                return "must not have more than 64 elements";
        size_t i;
        json_t *element;
        json_array_foreach (value, i, element) {
                if (!json_is_string(element))
                        return "must be an array of strings";
                if (json_string_length(element) == 0 || string_error(element))
                        return "has an element that is empty or longer than 1024 bytes";
        }
        return NULL;
}

/* NULL: the value is of the type. */
static const char *type_error(enum rv_api_type type, const json_t *value) {
        switch (type) {
        case RV_API_STRING:
                return string_error(value);
        case RV_API_BOOL:
                return json_is_boolean(value) ? NULL : "must be true or false";
        case RV_API_STRINGS:
                return strings_error(value);
        case RV_API_LABELS:
                return json_is_object(value) ? NULL : "must be an object of strings";
        }
        return "is of an unknown type";
}

static const struct rv_api_field *find_field(const struct rv_api_field *field, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(field[i].name, name) == 0)
                        return &field[i];
        return NULL;
}

/* Nulls are as absent, so they are taken out. */
static bool check_members(json_t *object, const struct rv_api_field *field, size_t n, struct rv_http_answer *answer) {
        const char *name;
        json_t *value;
        void *next;

        json_object_foreach_safe (object, next, name, value) {
                const struct rv_api_field *f = find_field(field, n, name);
                if (!f) {
                        rv_api_reply_error(answer, 400, "unknown member \"%.100s\"", name);
                        return false;
                }
                if (json_is_null(value)) {
                        json_object_del(object, f->name);
                        continue;
                }
                const char *error = type_error(f->type, value);
                if (error) {
                        rv_api_reply_error(answer, 400, "\"%s\" %s", f->name, error);
                        return false;
                }
        }
        for (size_t i = 0; i < n; i++)
                if (field[i].is_required && !json_object_get(object, field[i].name)) {
                        rv_api_reply_error(answer, 400, "\"%s\" is required", field[i].name);
                        return false;
                }
        return true;
}

json_t *rv_api_body(const struct rv_http_call *call, const struct rv_api_field *field, size_t n,
                    struct rv_http_answer *answer) {
        _cleanup_json_ json_t *body = NULL;
        struct rv_error err = {};

        if (call->body_bytes == 0)
                body = json_object();
        else if (!rv_api_is_json(call)) {
                rv_api_reply_error(answer, 415, "the Content-Type must be application/json");
                return NULL;
        } else if (rv_json_parse(&body, call->body, call->body_bytes, RV_API_VALUES_MAX, &err) < 0) {
                rv_api_reply_error(answer, 400, "%s", err.text);
                return NULL;
        }
        if (!json_is_object(body)) {
                rv_api_reply_error(answer, 400, "the body must be a JSON object");
                return NULL;
        }
        if (!check_members(body, field, n, answer))
                return NULL;
        return RV_TAKE(body);
}
