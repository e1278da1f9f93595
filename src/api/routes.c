#include "handlers.h"

/* clang-format off */
const struct rv_http_route rv_api_routes[] = {
        /* path                      methods            authentication         body, bytes            handler, signature */
        { "/",                       "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_landing },
        { "/metrics",                "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_metrics },
        { "/-/healthy",              "GET",             RV_HTTP_AUTH_NONE,     0,                     rv_api_healthy },
        { "/-/ready",                "GET",             RV_HTTP_AUTH_NONE,     0,                     rv_api_ready },
        { "/-/reload",               "POST,PUT",        RV_HTTP_AUTH_REQUIRED, RV_API_BODY_BYTES_MAX, rv_api_reload },
        { "/webhooks/alertmanager",  "POST",            RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_alerts, rv_api_signature },
        { "/webhooks/grafana",       "POST,PUT",        RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_alerts, rv_api_signature },
        { RV_API_EVENTS_PATH,        "POST,PUT",        RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_events, rv_api_signature },
        { "/api/v1/status",          "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_status },
        { "/api/v1/rules",           "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_rules },
        { "/api/v1/incidents",       "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_incidents },
        { "/api/v1/incidents/",      "GET,POST",        RV_HTTP_AUTH_REQUIRED, RV_API_BODY_BYTES_MAX, rv_api_incident },
        { "/api/v1/pauses",          "GET,POST,DELETE", RV_HTTP_AUTH_REQUIRED, RV_API_BODY_BYTES_MAX, rv_api_pauses },
        { "/api/v1/explain",         "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_explain },
        { "/api/v1/explain/",        "GET",             RV_HTTP_AUTH_REQUIRED, 0,                     rv_api_explained },
        { "/api/v1/reverts",         "POST",            RV_HTTP_AUTH_REQUIRED, RV_API_BODY_BYTES_MAX, rv_api_reverts },
        { "/api/v1/restores",        "POST",            RV_HTTP_AUTH_REQUIRED, RV_API_BODY_BYTES_MAX, rv_api_restores },
};
/* clang-format on */
const size_t rv_api_n_routes = sizeof(rv_api_routes) / sizeof(rv_api_routes[0]);
