/* The service manager: what it is told, what it hands over, and the signals it sends. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        struct rv_daemon *daemon = userdata;
        (void)source;

        rv_log(RV_LOG_INFO, RV_EV_STOPPING, "stopping", "signal", info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT",
               NULL);
        rv_supervisor_stopping();
        return sd_event_exit(daemon->event, 0);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        _cleanup_free_ char *errors = NULL;
        (void)source;
        (void)info;

        /* Told to the log and to the service manager already. */
        (void)rv_daemon_reload(userdata, &errors);
        return 0;
}

int rv_supervisor_start(struct rv_daemon *daemon, struct rv_error *err) {
        static const int stops[] = {SIGTERM, SIGINT};
        int r = 0;

        for (size_t i = 0; i < RV_ARRAY_SIZE(stops) && r >= 0; i++)
                r = sd_event_add_signal(daemon->event, NULL, stops[i], on_stop, daemon);
        if (r >= 0)
                r = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_hangup, daemon);
        if (r < 0)
                return rv_error_set(err, r, "signals cannot be received: %s", strerror(-r));
        r = sd_event_set_watchdog(daemon->event, true);
        return r < 0 ? rv_error_set(err, r, "the watchdog cannot be served: %s", strerror(-r)) : 0;
}

int rv_supervisor_sockets(int **ret, size_t *ret_n, struct rv_error *err) {
        int n = sd_listen_fds(true);
        if (n < 0)
                return rv_error_set(err, n, "sockets of the service manager: %s", strerror(-n));

        int *fds = calloc((size_t)n + 1, sizeof(*fds));
        if (!fds)
                return rv_error_oom(err);
        for (int i = 0; i < n; i++)
                fds[i] = SD_LISTEN_FDS_START + i;
        *ret = fds;
        *ret_n = (size_t)n;
        return 0;
}

void rv_supervisor_ready(struct rv_daemon *daemon) {
        sd_notify(0, "READY=1");
        free(RV_TAKE(daemon->status));
}

void rv_supervisor_reloading(void) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, rv_clock_monotonic_usec());
}

void rv_supervisor_stopping(void) {
        sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

static const char *plural(size_t n) {
        return n == 1 ? "" : "s";
}

/* "; fleet: receiving: 5 of 9 objects, 2 MiB"; of several the first, as they come in the configuration. */
static int describe_progress(const struct rv_parts *parts, char **ret) {
        for (size_t i = 0; i < parts->config->n_repositories; i++) {
                const struct rv_repository *repository = parts->repositories[i];
                const char *progress = repository ? rv_gitclient_progress(repository->client) : NULL;

                if (progress)
                        return asprintf(ret, "; %s: %s", parts->config->repositories[i].name, progress) < 0 ? -ENOMEM
                                                                                                            : 0;
        }
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

static char *describe(const struct rv_daemon *daemon, const char *error) {
        const struct rv_config *config = daemon->parts->config;
        char incidents[64] = "no open incident";
        _cleanup_free_ char *progress = NULL;
        char *text = NULL;
        size_t open = 0;

        if (!daemon->engine)
                return strdup(daemon->not_ready);
        open = rv_engine_open_count(daemon->engine);
        if (open > 0)
                snprintf(incidents, sizeof(incidents), "%zu open incident%s", open, plural(open));

        if (describe_progress(daemon->parts, &progress) < 0)
                return NULL;
        bool paused = rv_engine_paused(daemon->engine, -1, rv_clock_realtime_usec());
        if (asprintf(&text, "%zu rule%s, %zu repositor%s, %s%s%s%s%s", config->n_rules, plural(config->n_rules),
                     config->n_repositories, config->n_repositories == 1 ? "y" : "ies", incidents,
                     paused ? ", paused" : "", progress, error ? "; " : "", error ? error : "") < 0)
                return NULL;
        return text;
}

void rv_supervisor_status(struct rv_daemon *daemon, const char *error) {
        _cleanup_free_ char *text = describe(daemon, error);

        if (!text || (daemon->status && strcmp(text, daemon->status) == 0))
                return;
        sd_notifyf(0, "STATUS=%s", text);
        free(daemon->status);
        daemon->status = RV_TAKE(text);
}
