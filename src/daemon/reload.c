/* Reload: a whole valid configuration, or none. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void config_unrefp(struct rv_config **config) {
        rv_config_unref(*config);
}

static bool same(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* All of `listen` but which files TLS is made of. */
static bool needs_restart(const struct rv_listen_config *a, const struct rv_listen_config *b) {
        char **x = a->addresses, **y = b->addresses;
        for (; x && *x && y && *y; x++, y++)
                if (strcmp(*x, *y) != 0)
                        return true;
        return (x && *x) || (y && *y) || !same(a->socket, b->socket) || !same(a->credential, b->credential) ||
               !same(a->username, b->username) || !a->cert_file != !b->cert_file ||
               !a->client_ca_file != !b->client_ca_file;
}

/* Everything is built before anything is replaced; from the swap on nothing can fail. */
static int apply(struct rv_daemon *daemon, struct rv_config *config, struct rv_error *err) {
        struct rv_parts *before = daemon->parts, *parts = NULL;

        int r = rv_parts_new(&parts, daemon, config, before, err);
        if (r < 0)
                return r;
        r = rv_http_server_read_certificate(daemon->server, &config->listen, config->credentials_directory, err);
        if (r >= 0 && daemon->engine && (r = rv_engine_reconfigure(daemon->engine, config)) < 0)
                rv_error_set(err, r, "the engine could not be reconfigured: %s", strerror(-r));
        if (r < 0) {
                rv_parts_free(parts);
                return r;
        }
        rv_parts_adopt(parts, before);
        daemon->parts = parts;
        rv_daemon_publish(daemon);
        rv_effects_abandon(daemon);

        const struct rv_schedule_metrics *m = rv_schedule_get_metrics(before->schedule);
        daemon->counters.evaluations += m->evaluations;
        daemon->counters.evaluation_failures += m->failures;
        daemon->counters.evaluations_missed += m->missed;
        daemon->counters.evaluation_seconds += m->seconds_sum;
        if (needs_restart(&before->config->listen, &config->listen))
                rv_log(RV_LOG_WARN, RV_EV_NONE, "changes of `listen` need a restart", NULL);
        if (rv_http_server_use_certificate(daemon->server))
                rv_log(RV_LOG_INFO, RV_EV_NONE, "new connections get the certificate as it is now", "cert_file",
                       config->listen.cert_file, NULL);
        rv_parts_free(before);

        rv_outbox_wake(parts->outbox);
        struct rv_event event = {.kind = RV_EVENT_TICK}; /* incidents whose rule is gone end at the next event */
        rv_daemon_feed(daemon, &event);
        return 0;
}

static char *join(const struct rv_config_errors *errors) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        if (!f)
                return NULL;
        for (size_t i = 0; i < errors->n; i++)
                fprintf(f, "%s\n", errors->text[i]);
        return fclose(f) == 0 ? text : NULL;
}

static void log_lines(const char *text) {
        for (const char *line = text; line && *line;) {
                size_t n = strcspn(line, "\n");
                _cleanup_free_ char *one = strndup(line, n);
                rv_log(RV_LOG_ERROR, RV_EV_RELOAD_FAILED, "the configuration was not reloaded", "error", one, NULL);
                line += n + (line[n] == '\n');
        }
}

static int load_and_apply(struct rv_daemon *daemon, char **ret_errors) {
        __attribute__((cleanup(config_unrefp))) struct rv_config *config = NULL;
        struct rv_config_errors errors = {};
        struct rv_error err = {};

        int r = rv_config_load(&config, daemon->options.config_file, &errors);
        if (r < 0) {
                *ret_errors = join(&errors);
                rv_config_errors_done(&errors);
                return r;
        }
        r = apply(daemon, config, &err);
        if (r < 0 && asprintf(ret_errors, "%s\n", err.text) < 0)
                *ret_errors = NULL;
        return r;
}

int rv_daemon_reload(struct rv_daemon *daemon, char **ret_errors) {
        _cleanup_free_ char *errors = NULL;

        rv_supervisor_reloading();
        int r = load_and_apply(daemon, &errors);
        daemon->counters.last_reload_ok = r >= 0;
        if (r >= 0) {
                daemon->counters.last_reload_ok_usec = rv_clock_realtime_usec();
                rv_log(RV_LOG_INFO, RV_EV_RELOADED, "the configuration was reloaded", NULL);
        } else
                log_lines(errors ? errors : "out of memory");

        rv_supervisor_ready(daemon);
        rv_supervisor_status(daemon,
                             r < 0 ? "the newest configuration is not valid; the one before is in force" : NULL);
        *ret_errors = RV_TAKE(errors);
        return r < 0 ? -EINVAL : 0;
}
