/* A repository: its worker, and the look at its branch every now and then, by which it is known when commits went
 * live. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"
#include "revertd/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_POLL_MSEC = 10, ERROR_BYTES_MAX = 1024 };

static const char *name_of(const struct rv_repository *repository) {
        return repository->daemon->parts->config->repositories[repository->index].name;
}

/* Told when it changes, not at every look. text NULL: it is well. */
static void set_condition(struct rv_repository *repository, const char *text) {
        _cleanup_free_ char *line = text ? rv_text_line(text, ERROR_BYTES_MAX) : NULL;

        if (line && (!repository->error || strcmp(line, repository->error) != 0))
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the branch cannot be read", "repository", name_of(repository), "error",
                       line, NULL);
        else if (!line && repository->error)
                rv_log(RV_LOG_INFO, RV_EV_NONE, "the branch can be read again", "repository", name_of(repository),
                       NULL);
        free(repository->error);
        repository->error = RV_TAKE(line);
}

static void publish(struct rv_repository *repository) {
        struct rv_api_repository *shown = &repository->daemon->parts->shown[repository->index];
        shown->synced_usec = repository->synced_usec;
        shown->error = repository->error;
}

static void on_synced(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct rv_repository *repository = userdata;
        struct rv_daemon *daemon = repository->daemon;

        repository->is_syncing = false;
        if (!reply || reply->outcome != RV_GIT_OK) {
                const char *text = !reply ? err->text : reply->message;
                set_condition(repository, text ? text : rv_git_outcome_to_string(reply->outcome));
                publish(repository);
                return;
        }

        repository->synced_usec = rv_clock_realtime_usec();
        set_condition(repository, NULL);
        publish(repository);

        struct rv_error error = {};
        struct rv_event event = {.kind = RV_EVENT_SYNCED, .synced = {repository->index, reply}};
        int r = rv_daemon_handle(daemon, &event, NULL, &error);
        if (r < 0 && r != -EAGAIN)
                rv_log(RV_LOG_ERROR, RV_EV_NONE, "what is new on the branch could not be handled", "repository",
                       name_of(repository), "error", error.text, NULL);
}

static int ask(struct rv_repository *repository, struct rv_error *err) {
        struct rv_git_request *request = calloc(1, sizeof(*request));
        if (!request)
                return rv_error_oom(err);

        const struct rv_config *config = repository->daemon->parts->config;
        request->op = RV_GIT_SYNC;
        request->timeout_usec = config->repositories[repository->index].timeout_usec;
        request->known = rv_engine_head(repository->daemon->engine, repository->index);
        return rv_gitclient_ask(repository->client, request, false, on_synced, repository, err);
}

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_repository *repository = userdata;
        struct rv_error err = {};
        (void)usec;

        int r = sd_event_source_set_time_relative(source, (uint64_t)repository->poll_usec);
        if (r < 0)
                return r;
        /* The worker's answer is late, or there is no engine to hand it to: the next look will do. */
        if (repository->is_syncing || !repository->daemon->engine)
                return 0;
        if (ask(repository, &err) >= 0)
                repository->is_syncing = true;
        else {
                set_condition(repository, err.text);
                publish(repository);
        }
        return 0;
}

/* The worker gets the configuration that is in force, not the file, which someone may be in the middle of changing: a
 * worker that must be started anew goes on with what holds. */
static int freeze_config(struct rv_repository *repository, const struct rv_config *config, char **ret_path,
                         struct rv_error *err) {
        repository->config_fd = memfd_create("revertd-git.conf", MFD_CLOEXEC);
        _cleanup_close_ int copy = repository->config_fd < 0 ? -1 : fcntl(repository->config_fd, F_DUPFD_CLOEXEC, 3);
        _cleanup_fclose_ FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

        if (!f)
                return rv_error_set(err, -errno, "the worker's configuration: %s", strerror(errno));
        (void)RV_TAKE_FD(copy); /* f has it */
        int r = rv_config_write_repository(config, repository->index, f);
        if (r < 0)
                return rv_error_set(err, r, "the worker's configuration: %s", strerror(-r));
        return asprintf(ret_path, "/proc/%d/fd/%d", getpid(), repository->config_fd) < 0 ? rv_error_oom(err) : 0;
}

static void on_progress(void *userdata) {
        const struct rv_repository *repository = userdata;

        rv_supervisor_status(repository->daemon, NULL);
}

static int start(struct rv_repository *repository, const struct rv_config *config, struct rv_error *err) {
        const struct rv_daemon *daemon = repository->daemon;
        const struct rv_repository_config *section = &config->repositories[repository->index];
        _cleanup_free_ char *config_file = NULL;

        int r = freeze_config(repository, config, &config_file, err);
        if (r < 0)
                return r;
        struct rv_gitclient_options options = {
                .program = daemon->options.git_program,
                .config_file = config_file,
                .repository = section->name,
                .state_directory = daemon->options.storage_path,
                .socket = section->socket,
                .timeout_usec = section->timeout_usec,
                .on_progress = on_progress,
                .userdata = repository,
        };
        r = rv_gitclient_new(&repository->client, daemon->event, &options, err);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(daemon->event, &repository->timer, CLOCK_BOOTTIME,
                                       FIRST_POLL_MSEC * (uint64_t)RV_USEC_PER_MSEC, 0, on_poll, repository);
        if (r >= 0)
                r = sd_event_source_set_enabled(repository->timer, SD_EVENT_ON);
        return r < 0 ? rv_error_set(err, r, "no timer could be set") : 0;
}

int rv_repository_new(struct rv_repository **ret, struct rv_daemon *daemon, const struct rv_config *config,
                      size_t index, struct rv_error *err) {
        struct rv_repository *repository = calloc(1, sizeof(*repository));
        if (!repository)
                return rv_error_oom(err);

        *repository = (struct rv_repository){
                .daemon = daemon,
                .index = index,
                .config_fd = -1,
                .poll_usec = config->repositories[index].poll_usec,
        };
        int r = start(repository, config, err);
        if (r < 0) {
                rv_repository_free(repository);
                return rv_error_prefix(err, r, "repository %s", config->repositories[index].name);
        }
        *ret = repository;
        return 0;
}

struct rv_repository *rv_repository_free(struct rv_repository *repository) {
        if (!repository)
                return NULL;
        repository->timer = sd_event_source_disable_unref(repository->timer);
        rv_gitclient_free(repository->client);
        if (repository->config_fd >= 0)
                close(repository->config_fd);
        free(repository->error);
        free(repository);
        return NULL;
}

static bool same(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* NULL is as empty. */
static bool same_all(char *const *a, char *const *b) {
        for (; a && *a && b && *b; a++, b++)
                if (strcmp(*a, *b) != 0)
                        return false;
        return (!a || !*a) && (!b || !*b);
}

static bool same_section(const struct rv_repository_config *a, const struct rv_repository_config *b) {
        return same(a->name, b->name) && same(a->url, b->url) && same(a->branch, b->branch) &&
               same(a->credential, b->credential) && same(a->username, b->username) &&
               same(a->known_hosts, b->known_hosts) && same(a->ca_file, b->ca_file) &&
               same(a->passphrase, b->passphrase) && same(a->ssh_agent, b->ssh_agent) &&
               same(a->ssh_config, b->ssh_config) && same(a->proxy, b->proxy) && same(a->proxy_login, b->proxy_login) &&
               same(a->signing_key, b->signing_key) && same(a->gpg_home, b->gpg_home) && same(a->gpg_key, b->gpg_key) &&
               same(a->signing_passphrase, b->signing_passphrase) && same_all(a->allow_paths, b->allow_paths) &&
               a->poll_usec == b->poll_usec && a->timeout_usec == b->timeout_usec && a->budget == b->budget &&
               same(a->committer_name, b->committer_name) && same(a->committer_email, b->committer_email) &&
               a->forge == b->forge && same(a->forge_url, b->forge_url) && same(a->forge_project, b->forge_project) &&
               same(a->forge_credential, b->forge_credential) && a->auto_merge == b->auto_merge &&
               a->merge_method == b->merge_method && same(a->socket, b->socket);
}

/* What the worker was started with: all but how commits are linked. */
bool rv_repository_is_unchanged(const struct rv_config *a, size_t i, const struct rv_config *b, size_t k) {
        return same(a->credentials_directory, b->credentials_directory) &&
               same_section(&a->repositories[i], &b->repositories[k]);
}
