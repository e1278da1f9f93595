#include "git/mirror.h"

#include "git/mirror_files.h"
#include "git/mirror_packs.h"
#include "git/object_files.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"
#include "revertd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum {
        LOCK_POLL_NSEC = 20 * 1000 * 1000,
        PROGRESS_BYTES = 1 << 20, /* so much must have come for it to count */
        PROGRESS_DELTAS = 100,
        PROGRESS_TEXT_MAX = 128,
        REF_BYTES_MAX = 1200,
};

struct rv_mirror {
        struct rv_mirror_options options;
        char *folder; /* <storage>/git */
        char *path;   /* <folder>/<name>.git */
        char *lock_path;
        char *run_path; /* the remote's sockets and keys */
        char ref[REF_BYTES_MAX];
        struct rv_remote *remote;
        git_repository *repo; /* NULL: not open */
        unsigned generation;
        ino_t inode; /* of path when it was opened */
        int lock_fd; /* −1: not acquired */
        size_t seen_bytes, seen_deltas;
        bool moved;   /* the last fetch made progress */
        bool fetched; /* something came since the mirror was acquired */
};

static int make_paths(struct rv_mirror *mirror) {
        const char *storage = mirror->options.storage_path, *name = mirror->options.config->name;
        int n;

        if (asprintf(&mirror->folder, "%s/git", storage) < 0 ||
            asprintf(&mirror->path, "%s/git/%s.git", storage, name) < 0 ||
            asprintf(&mirror->lock_path, "%s/git/%s.lock", storage, name) < 0 ||
            asprintf(&mirror->run_path, "%s/git/%s.run", storage, name) < 0)
                return -ENOMEM;
        n = snprintf(mirror->ref, sizeof(mirror->ref), "refs/heads/%s", mirror->options.config->branch);
        return n >= (int)sizeof(mirror->ref) ? -ENAMETOOLONG : 0;
}

int rv_mirror_new(struct rv_mirror **ret, const struct rv_mirror_options *options, struct rv_error *err) {
        struct rv_mirror *mirror;
        int r;

        /* It becomes a file's name. */
        r = rv_credential_check_name(options->config->name, err);
        if (r < 0)
                return rv_error_prefix(err, r, "repository's name");
        mirror = calloc(1, sizeof(*mirror));
        if (!mirror)
                return rv_error_oom(err);
        mirror->options = *options;
        mirror->lock_fd = -1;
        r = make_paths(mirror);
        if (r < 0)
                rv_error_set(err, r, "paths of the mirror: %s", strerror(-r));
        else if (mkdir(options->storage_path, 0700) < 0 && errno != EEXIST)
                r = rv_error_set(err, -errno, "%s: %s", options->storage_path, strerror(errno));
        else if (mkdir(mirror->folder, 0700) < 0 && errno != EEXIST)
                r = rv_error_set(err, -errno, "%s: %s", mirror->folder, strerror(errno));
        else if (mkdir(mirror->run_path, 0700) < 0 && errno != EEXIST)
                r = rv_error_set(err, -errno, "%s: %s", mirror->run_path, strerror(errno));
        else
                r = rv_remote_new(&mirror->remote, options->config, options->credentials_directory, mirror->run_path,
                                  err);
        if (r < 0) {
                rv_mirror_free(mirror);
                return r;
        }
        *ret = mirror;
        return 0;
}

struct rv_mirror *rv_mirror_free(struct rv_mirror *mirror) {
        if (!mirror)
                return NULL;
        rv_mirror_release(mirror);
        rv_remote_free(mirror->remote);
        git_repository_free(mirror->repo);
        free(mirror->folder);
        free(mirror->path);
        free(mirror->lock_path);
        free(mirror->run_path);
        free(mirror);
        return NULL;
}

static int lock(const char *path, int64_t deadline_usec, int *ret, struct rv_error *err) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
                if (rv_clock_monotonic_usec() >= deadline_usec)
                        return rv_error_set(err, -EBUSY, "another worker is using the mirror");
                nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_NSEC}, NULL);
        }
        *ret = RV_TAKE_FD(fd);
        return 0;
}

static bool is_url(git_repository *repo, const char *url) {
        _cleanup_git_(config) git_config *config = NULL;
        git_buf value = {};
        bool equal;

        if (git_repository_config(&config, repo) < 0 || git_config_get_string_buf(&value, config, "revertd.url") < 0)
                return false;
        equal = strcmp(value.ptr, url) == 0;
        git_buf_dispose(&value);
        return equal;
}

static int create(struct rv_mirror *mirror, struct rv_error *err) {
        git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
        _cleanup_git_(repository) git_repository *repo = NULL;
        _cleanup_git_(config) git_config *config = NULL;
        int r;

        options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT | GIT_REPOSITORY_INIT_MKDIR;
        options.initial_head = mirror->options.config->branch;
        r = git_repository_init_ext(&repo, mirror->path, &options);
        if (r == 0)
                r = git_repository_config(&config, repo);
        if (r == 0)
                r = git_config_set_string(config, "revertd.url", mirror->options.config->url);
        if (r == 0)
                r = git_config_set_bool(config, "core.logAllRefUpdates", 0);
        if (r < 0)
                return rv_libgit2_error(err, r, "mirror %s", mirror->path);
        mirror->repo = RV_TAKE(repo);
        return 0;
}

static int note_opened(struct rv_mirror *mirror, struct rv_error *err) {
        struct stat st;
        int r;

        if (stat(mirror->path, &st) < 0)
                return rv_error_set(err, -errno, "%s: %s", mirror->path, strerror(errno));
        r = rv_object_files_use(mirror->repo, err);
        if (r < 0)
                return r;
        mirror->inode = st.st_ino;
        mirror->generation++;
        return 0;
}

int rv_mirror_rebuild(struct rv_mirror *mirror, struct rv_error *err) {
        int r;

        git_repository_free(RV_TAKE(mirror->repo));
        r = rv_mirror_files_remove(mirror->path, err);
        if (r == 0)
                r = create(mirror, err);
        if (r == 0)
                r = note_opened(mirror, err);
        return r;
}

/* The mirror as it stands, unless it cannot be opened or is that of another remote. */
static int open_mirror(struct rv_mirror *mirror, struct rv_error *err) {
        const char *name = mirror->options.config->name;
        int r;

        r = rv_mirror_files_clean(mirror->path, err);
        if (r < 0)
                return r;
        if (access(mirror->path, F_OK) < 0)
                return rv_mirror_rebuild(mirror, err);
        r = git_repository_open_bare(&mirror->repo, mirror->path);
        if (r < 0) {
                (void)rv_libgit2_error(err, r, "opening it");
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the mirror is damaged and is fetched anew", "repository", name,
                       "error", err->text, NULL);
                return rv_mirror_rebuild(mirror, err);
        }
        if (!rv_mirror_is_complete(mirror)) {
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the mirror lacks folders and is fetched anew", "repository", name,
                       NULL);
                return rv_mirror_rebuild(mirror, err);
        }
        if (!is_url(mirror->repo, mirror->options.config->url)) {
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the mirror is that of another remote and is fetched anew",
                       "repository", name, NULL);
                return rv_mirror_rebuild(mirror, err);
        }
        return note_opened(mirror, err);
}

int rv_mirror_acquire(struct rv_mirror *mirror, int64_t deadline_usec, struct rv_error *err) {
        struct stat st;
        int r;

        r = lock(mirror->lock_path, deadline_usec, &mirror->lock_fd, err);
        if (r < 0)
                return r;
        /* Another worker may have rebuilt it since, or somebody cleared it away in part. */
        if (mirror->repo &&
            (stat(mirror->path, &st) < 0 || st.st_ino != mirror->inode || !rv_mirror_is_complete(mirror)))
                git_repository_free(RV_TAKE(mirror->repo));
        r = mirror->repo ? 0 : open_mirror(mirror, err);
        if (r < 0)
                rv_mirror_release(mirror);
        return r;
}

/* An opened repository does not expect packs to go. */
static void join_packs(struct rv_mirror *mirror) {
        struct rv_error err;
        int r;

        r = rv_mirror_packs_join(mirror->repo, &err);
        if (r < 0)
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the mirror's packs could not be joined", "repository",
                       mirror->options.config->name, "error", err.text, NULL);
        else if (r > 0)
                git_repository_free(RV_TAKE(mirror->repo));
}

void rv_mirror_release(struct rv_mirror *mirror) {
        if (mirror->fetched && mirror->repo)
                join_packs(mirror);
        mirror->fetched = false;
        if (mirror->lock_fd >= 0)
                close(RV_TAKE_FD(mirror->lock_fd));
}

git_repository *rv_mirror_repository(const struct rv_mirror *mirror) {
        return mirror->repo;
}

unsigned rv_mirror_generation(const struct rv_mirror *mirror) {
        return mirror->generation;
}

bool rv_mirror_is_complete(const struct rv_mirror *mirror) {
        return rv_mirror_files_are_complete(mirror->path);
}

struct rv_remote *rv_mirror_remote(const struct rv_mirror *mirror) {
        return mirror->remote;
}

int rv_mirror_head(const struct rv_mirror *mirror, git_oid *ret) {
        return git_reference_name_to_id(ret, mirror->repo, mirror->ref) < 0 ? -ENOENT : 0;
}

static void describe(const git_indexer_progress *progress, char text[static PROGRESS_TEXT_MAX]) {
        if (progress->received_objects < progress->total_objects)
                snprintf(text, PROGRESS_TEXT_MAX, "receiving: %u of %u objects, %zu MiB", progress->received_objects,
                         progress->total_objects, progress->received_bytes >> 20);
        else
                snprintf(text, PROGRESS_TEXT_MAX, "resolving: %u of %u deltas", progress->indexed_deltas,
                         progress->total_deltas);
}

static void note_progress(void *userdata, const git_indexer_progress *progress) {
        struct rv_mirror *mirror = userdata;
        char text[PROGRESS_TEXT_MAX];

        if (progress->indexed_deltas < mirror->seen_deltas)
                mirror->seen_deltas = 0; /* those of another pack */
        if (progress->received_bytes < mirror->seen_bytes + PROGRESS_BYTES &&
            progress->indexed_deltas < mirror->seen_deltas + PROGRESS_DELTAS)
                return;
        mirror->seen_bytes = progress->received_bytes;
        mirror->seen_deltas = progress->indexed_deltas;
        mirror->moved = true;
        describe(progress, text);
        if (mirror->options.progress)
                mirror->options.progress(text, mirror->options.userdata);
}

static int fetch(struct rv_mirror *mirror, int64_t deadline_usec, git_oid *ret_head, struct rv_error *err) {
        mirror->seen_bytes = mirror->seen_deltas = 0;
        mirror->moved = false;
        return rv_remote_fetch(mirror->remote, mirror->repo, mirror->options.config->branch, deadline_usec,
                               note_progress, mirror, ret_head, err);
}

int rv_mirror_sync(struct rv_mirror *mirror, int64_t deadline_usec, git_oid *ret_head, struct rv_error *err) {
        int64_t clone_deadline_usec = rv_clock_monotonic_usec() + RV_MIRROR_CLONE_SEC_MAX * RV_USEC_PER_SEC;
        git_oid before = {};
        bool first = rv_mirror_head(mirror, &before) == -ENOENT;
        int r;

        /* A first fetch may take long: whoever called holds a watchdog against silence and moves it as progress is
         * reported. That the remote answers at all is asked before, within the deadline. */
        if (first && mirror->options.progress) {
                r = rv_remote_read_ref(mirror->remote, mirror->options.config->branch, deadline_usec, ret_head, err);
                if (r < 0)
                        return r;
                deadline_usec = clone_deadline_usec;
        }
        r = fetch(mirror, deadline_usec, ret_head, err);
        if (r == -ETIMEDOUT && mirror->moved && mirror->options.progress)
                r = fetch(mirror, clone_deadline_usec, ret_head, err);
        if (r == 0 && !git_oid_equal(&before, ret_head))
                mirror->fetched = true;
        return r;
}

int rv_mirror_set_head(struct rv_mirror *mirror, const git_oid *head, struct rv_error *err) {
        _cleanup_git_(reference) git_reference *reference = NULL;
        int r;

        r = git_reference_create(&reference, mirror->repo, mirror->ref, head, 1, NULL);
        if (r < 0)
                return rv_libgit2_error(err, r, "%s", mirror->ref);
        return 0;
}
