#include "daemon.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

static int submit(const struct rv_event *event, struct rv_api_outcome *ret, struct rv_error *err, void *userdata) {
        return rv_daemon_handle(userdata, event, ret, err);
}

static int reload(char **ret_errors, void *userdata) {
        return rv_daemon_reload(userdata, ret_errors);
}

void rv_daemon_publish(struct rv_daemon *daemon) {
        const struct rv_parts *parts = daemon->parts;

        daemon->api.config = parts->config;
        daemon->api.prometheus = parts->prometheus;
        daemon->api.schedule = parts->schedule;
        daemon->api.operators = parts->operators;
        daemon->api.outbox = parts->outbox;
        daemon->api.signatures = parts->signatures;
        daemon->api.repositories = parts->shown;
        daemon->api.store = daemon->store;
        daemon->api.engine = daemon->engine;
        daemon->api.not_ready = daemon->not_ready[0] ? daemon->not_ready : NULL;
}

static int load_config(const char *path, struct rv_config **ret, struct rv_error *err) {
        struct rv_config_errors errors = {};

        int r = rv_config_load(ret, path, &errors);
        if (r < 0) {
                for (size_t i = 0; i < errors.n; i++)
                        rv_log(RV_LOG_ERROR, RV_EV_NONE, errors.text[i], NULL);
                rv_error_set(err, r, "the configuration %s has %zu error%s", path, errors.n, errors.n == 1 ? "" : "s");
        }
        rv_config_errors_done(&errors);
        return r;
}

static int open_store(struct rv_daemon *daemon, struct rv_error *err) {
        const char *path = daemon->options.storage_path;

        int r = rv_store_open(&daemon->store, path, err);
        if (r == -EUCLEAN)
                rv_log(RV_LOG_ERROR, RV_EV_STORE_FAILED,
                       "the store is damaged, or of a newer revertd; move it away or restore a backup, and start again",
                       "store", path, "error", err->text, NULL);
        return r;
}

/* The default socket is there where the service manager (or root) made its folder. Someone who tries revertd out has no
 * such folder, and has the address. */
static bool can_have_socket(const char *path) {
        static const char usual[] = "/run/revertd/revertd.sock", folder[] = "/run/revertd";

        if (!path || strcmp(path, usual) != 0 || mkdir(folder, 0755) == 0 || access(folder, W_OK | X_OK) == 0)
                return true;
        rv_log(RV_LOG_WARN, RV_EV_NONE, "there is no folder for the API's Unix socket; going without it", "socket",
               path, NULL);
        return false;
}

static bool has_local(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (sd_is_socket(fds[i], AF_UNIX, SOCK_STREAM, 1) > 0)
                        return true;
        return false;
}

static int listen_on(struct rv_daemon *daemon, struct rv_error *err) {
        struct rv_listen_config listen = daemon->parts->config->listen;
        _cleanup_free_ int *fds = NULL;
        size_t n_fds = 0;

        int r = rv_supervisor_sockets(&fds, &n_fds, err);
        if (r < 0)
                return r;
        if (daemon->options.listen_addresses)
                listen.addresses = daemon->options.listen_addresses;
        if (!has_local(fds, n_fds) && !can_have_socket(listen.socket))
                listen.socket = NULL;
        r = rv_http_server_new(&daemon->server, daemon->event, &listen, daemon->parts->config->credentials_directory,
                               fds, n_fds, rv_api_routes, rv_api_n_routes, &daemon->api, err);
        daemon->api.server = daemon->server;
        return r;
}

static int load_engine(struct rv_daemon *daemon, struct rv_error *err) {
        int r = rv_engine_from_store(&daemon->engine, daemon->store, daemon->parts->config, err);
        if (r < 0)
                return rv_error_prefix(err, r, "store");
        daemon->generation++;
        return 0;
}

/* A store that cannot be written is no reason to go: it may be again. */
static void resume(struct rv_daemon *daemon) {
        struct rv_event event = {.kind = RV_EVENT_START};

        daemon->not_ready[0] = '\0';
        rv_daemon_publish(daemon);
        rv_daemon_feed(daemon, &event);
        rv_outbox_wake(daemon->parts->outbox); /* what was queued before may be all there is to tell */
}

static int start(struct rv_daemon *daemon, struct rv_error *err) {
        struct rv_config *config = NULL;

        int r = load_config(daemon->options.config_file, &config, err);
        if (r < 0)
                return r;
        r = open_store(daemon, err);
        if (r >= 0)
                r = rv_http_client_new(&daemon->client, daemon->event, "revertd/" RV_VERSION);
        if (r >= 0)
                r = rv_parts_new(&daemon->parts, daemon, config, NULL, err);
        rv_config_unref(config);
        if (r < 0)
                return r;

        rv_daemon_publish(daemon);
        r = load_engine(daemon, err);
        if (r >= 0)
                r = listen_on(daemon, err);
        if (r >= 0)
                r = rv_supervisor_start(daemon, err);
        if (r >= 0)
                r = rv_retention_start(daemon);
        if (r < 0)
                return r;
        resume(daemon);
        return 0;
}

/* In a sandbox without /proc/sys each start counts as a boot: what was done to the clock before it is not known. */
static int name_boot(char ret[static RV_BOOT_ID_MAX], struct rv_error *err) {
        sd_id128_t boot;
        int r = sd_id128_get_boot(&boot);

        if (r < 0)
                r = sd_id128_randomize(&boot);
        if (r < 0)
                return rv_error_set(err, r, "no id for this boot: %s", strerror(-r));
        sd_id128_to_string(boot, ret);
        return 0;
}

int rv_daemon_new(struct rv_daemon **ret, const struct rv_options *options, struct rv_error *err) {
        struct rv_daemon *daemon = calloc(1, sizeof(*daemon));
        if (!daemon)
                return rv_error_oom(err);

        daemon->options = *options;
        daemon->counters.last_reload_ok = true;
        daemon->counters.last_reload_ok_usec = rv_clock_realtime_usec();
        snprintf(daemon->not_ready, sizeof(daemon->not_ready), "starting");

        int r = name_boot(daemon->boot_id, err);
        if (r >= 0 && (r = sd_event_new(&daemon->event)) < 0)
                rv_error_set(err, r, "the event loop cannot be made: %s", strerror(-r));
        else {
                daemon->api = (struct rv_api_context){.counters = &daemon->counters,
                                                      .started_usec = rv_clock_realtime_usec(),
                                                      .submit = submit,
                                                      .reload = reload,
                                                      .userdata = daemon};
                r = start(daemon, err);
        }
        if (r < 0) {
                rv_daemon_free(daemon);
                return r;
        }
        *ret = daemon;
        return 0;
}

int rv_daemon_run(struct rv_daemon *daemon) {
        rv_log(RV_LOG_INFO, RV_EV_STARTED, "revertd is ready", "version", RV_VERSION, "revision", RV_REVISION, "config",
               daemon->options.config_file, "store", daemon->options.storage_path, NULL);
        rv_supervisor_ready(daemon);
        rv_supervisor_status(daemon, NULL);
        return sd_event_loop(daemon->event);
}

/* What is under way is not waited for: the store knows of it, and the next start asks Git what is true. */
struct rv_daemon *rv_daemon_free(struct rv_daemon *daemon) {
        if (!daemon)
                return NULL;
        rv_http_server_free(daemon->server);
        rv_parts_free(daemon->parts);
        rv_effects_done(daemon);
        rv_engine_free(daemon->engine);
        rv_http_client_free(daemon->client);
        rv_store_close(daemon->store);
        sd_event_source_disable_unref(daemon->tick);
        sd_event_source_disable_unref(daemon->retry);
        sd_event_source_disable_unref(daemon->retention);
        sd_event_unref(daemon->event);
        free(daemon->status);
        free(daemon);
        return NULL;
}
