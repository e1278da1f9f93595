#include "git/libgit2.h"
#include "git/push_send.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* A push to a repository on this machine is receive-pack's work, unless nothing in that repository would notice the
 * difference: then the objects and the ref are written here, under the same lock, and a process and its walk over the
 * edge of the history are saved. In doubt it is receive-pack's. */

enum { LOCK_RETRY_MSEC = 10, LOCKED_MSEC_MAX = 1000, LOCK_NOTE_SEC_MAX = 2 };

static const char *const hooks[] = {"pre-receive", "update",       "post-receive",
                                    "post-update", "proc-receive", "reference-transaction"};

static bool has_hooks(const char *folder) {
        for (size_t i = 0; i < RV_ARRAY_SIZE(hooks); i++) {
                _cleanup_free_ char *path = NULL;
                if (asprintf(&path, "%s/%s", folder, hooks[i]) < 0) {
                        path = NULL;
                        return true;
                }
                if (access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

static bool name_in(const char *name, const char *const *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(name, list[i]) == 0)
                        return true;
        return false;
}

/* Settings that a push cannot meet, or that do not bear on a fast-forward of a branch of a bare repository. */
static bool is_harmless(const char *name, const char *value) {
        static const char *const harmless[] = {"receive.denynonfastforwards",
                                               "receive.denydeletes",
                                               "receive.denycurrentbranch",
                                               "receive.denydeletecurrent",
                                               "receive.autogc",
                                               "receive.unpacklimit",
                                               "receive.keepalive",
                                               "receive.advertiseatomic",
                                               "receive.advertisepushoptions",
                                               "transfer.unpacklimit",
                                               "transfer.credentialsinurl",
                                               "transfer.advertisesid"};

        if (strncmp(name, "receive.", 8) == 0 || strncmp(name, "transfer.", 9) == 0)
                return name_in(name, harmless, RV_ARRAY_SIZE(harmless));
        if (strcmp(name, "core.sharedrepository") == 0)
                return value && (strcmp(value, "0") == 0 || strcmp(value, "umask") == 0 || strcmp(value, "false") == 0);
        return strcmp(name, "core.hookspath") != 0 && strcmp(name, "core.alternaterefscommand") != 0;
}

/* What receive-pack would read: the repository's configuration, and the user's and the system's, which the worker
 * otherwise takes no notice of. */
static bool add_outer_config(git_config *config, git_repository *repository) {
        const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
        _cleanup_free_ char *user = NULL, *more = NULL;

        if (asprintf(&user, "%s/.gitconfig", home ? home : "") < 0) {
                user = NULL;
                return false;
        }
        if (asprintf(&more, "%s%s/git/config", xdg ? xdg : home ? home : "", xdg ? "" : "/.config") < 0) {
                more = NULL;
                return false;
        }
        return git_config_add_file_ondisk(config, "/etc/gitconfig", GIT_CONFIG_LEVEL_SYSTEM, repository, 1) >= 0 &&
               git_config_add_file_ondisk(config, more, GIT_CONFIG_LEVEL_XDG, repository, 1) >= 0 &&
               git_config_add_file_ondisk(config, user, GIT_CONFIG_LEVEL_GLOBAL, repository, 1) >= 0;
}

static bool config_allows(git_repository *repository) {
        _cleanup_git_(config) git_config *config = NULL;
        git_config_iterator *iterator = NULL;
        git_config_entry *entry;
        bool allowed = true;
        int r;

        if (git_repository_config(&config, repository) < 0 || !add_outer_config(config, repository) ||
            git_config_iterator_new(&iterator, config) < 0)
                return false;
        while (allowed && (r = git_config_next(&entry, iterator)) == 0)
                allowed = is_harmless(entry->name, entry->value);
        if (allowed && r != GIT_ITEROVER)
                allowed = false;
        git_config_iterator_free(iterator);
        return allowed;
}

/* ret_mask: the umask under which new files get the permissions of those that are there. */
static bool is_ours_to_write(git_repository *repository, mode_t *ret_mask) {
        _cleanup_free_ char *objects = NULL;
        struct stat st;

        if (asprintf(&objects, "%s/objects", git_repository_commondir(repository)) < 0) {
                objects = NULL;
                return false;
        }
        if (stat(objects, &st) < 0 || st.st_uid != geteuid() || st.st_mode & (S_ISGID | S_IWGRP | S_IWOTH))
                return false;
        *ret_mask = ~st.st_mode & 0777;
        return true;
}

static bool is_eligible(git_repository *repository, mode_t *ret_mask) {
        _cleanup_free_ char *folder = NULL;

        if (!git_repository_is_bare(repository) || git_repository_is_shallow(repository))
                return false;
        if (asprintf(&folder, "%s/hooks", git_repository_commondir(repository)) < 0) {
                folder = NULL;
                return false;
        }
        return !has_hooks(folder) && is_ours_to_write(repository, ret_mask) && config_allows(repository);
}

static int copy_object(git_odb *to, git_odb *from, const git_oid *id, struct rv_error *err) {
        git_odb_object *object;
        git_oid written;

        int r = git_odb_read(&object, from, id);
        if (r < 0)
                return rv_libgit2_error(err, r, "read an object of the revert");
        r = git_odb_write(&written, to, git_odb_object_data(object), git_odb_object_size(object),
                          git_odb_object_type(object));
        git_odb_object_free(object);
        return r < 0 ? rv_error_set(err, -EREMOTEIO, "write an object of the revert: %s",
                                    git_error_last() ? git_error_last()->message : "unknown error")
                     : 0;
}

/* -ENOENT is no error: the repository had the object already, elsewhere. */
static int sync_path(const char *fmt, ...) RV_PRINTF(1, 2);
static int sync_path(const char *fmt, ...) {
        _cleanup_free_ char *path = NULL;
        va_list args;

        va_start(args, fmt);
        int n = vasprintf(&path, fmt, args);
        va_end(args);
        if (n < 0) {
                path = NULL;
                return -ENOMEM;
        }
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

/* All objects are written before the first is synced: the file system then does it at once for all of them. */
static int sync_objects(const struct rv_push *push, git_repository *repository, struct rv_error *err) {
        const char *folder = git_repository_commondir(repository);
        int r = 0;

        for (size_t i = 0; r == 0 && i < push->n_objects; i++) {
                char hex[GIT_OID_HEXSZ + 1];
                git_oid_tostr(hex, sizeof hex, &push->objects[i]);
                r = sync_path("%s/objects/%.2s/%s", folder, hex, hex + 2);
                if (r == 0)
                        r = sync_path("%s/objects/%.2s", folder, hex);
        }
        if (r == 0)
                r = sync_path("%s/objects", folder);
        return r < 0 ? rv_error_set(err, -EREMOTEIO, "write the objects of the revert: %s", strerror(-r)) : 0;
}

/* The branch has moved already, for all to see; a failure changes nothing of that. */
static void sync_ref(const struct rv_push *push, git_repository *repository) {
        const char *folder = git_repository_commondir(repository);
        const char *slash = strrchr(push->name, '/');

        (void)sync_path("%s/%s", folder, push->name);
        (void)sync_path("%s/%.*s", folder, (int)(slash - push->name), push->name);
}

static int copy_objects(const struct rv_push *push, git_repository *repository, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *from = NULL, *to = NULL;

        int r = git_repository_odb(&from, push->mirror);
        if (r == 0)
                r = git_repository_odb(&to, repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "open an object database");
        for (size_t i = 0; r == 0 && i < push->n_objects; i++)
                r = copy_object(to, from, &push->objects[i], err);
        return r < 0 ? r : sync_objects(push, repository, err);
}

/* A process that is killed while it holds the ref's lock leaves the lock behind, and nobody could push any more. So
 * what is about to be locked is noted first, beside the mirror: a note that is found is that of a process that died,
 * and a lock made right after it has no owner. */
struct lock_note {
        char *path, *lock;
};

static void lock_note_done(struct lock_note *note) {
        free(note->path);
        free(note->lock);
}

static int lock_note_init(struct lock_note *note, const struct rv_push *push, git_repository *repository) {
        *note = (struct lock_note){};
        if (asprintf(&note->path, "%s/locking", push->remote->state_directory) < 0 ||
            asprintf(&note->lock, "%s%s.lock", git_repository_commondir(repository), push->name) < 0)
                return -ENOMEM;
        return 0;
}

static bool is_right_after(const struct stat *lock, const struct stat *note) {
        int64_t seconds = (int64_t)lock->st_mtim.tv_sec - note->st_mtim.tv_sec;
        long nanoseconds = lock->st_mtim.tv_nsec - note->st_mtim.tv_nsec;

        return seconds == 0 ? nanoseconds >= 0 : seconds > 0 && seconds <= LOCK_NOTE_SEC_MAX;
}

static void remove_orphan(const struct lock_note *note) {
        _cleanup_fclose_ FILE *file = fopen(note->path, "re");
        _cleanup_free_ char *line = NULL;
        struct stat noted, locked;
        size_t size = 0;

        if (!file || getline(&line, &size, file) < 0 || strcmp(line, note->lock) != 0 ||
            fstat(fileno(file), &noted) < 0 || lstat(note->lock, &locked) < 0)
                return;
        if (locked.st_uid == geteuid() && is_right_after(&locked, &noted))
                (void)unlink(note->lock);
}

static int lock_note_write(const struct lock_note *note) {
        _cleanup_fclose_ FILE *file = fopen(note->path, "we");

        return file && fputs(note->lock, file) >= 0 && fflush(file) == 0 ? 0 : -EIO;
}

/* Compare and swap under git's lock of the ref. Another writer holds it for an instant only. */
static int swap_ref(const struct rv_push *push, git_repository *repository) {
        int64_t until_usec = rv_clock_monotonic_usec() + LOCKED_MSEC_MAX * RV_USEC_PER_MSEC;

        for (;;) {
                _cleanup_git_(reference) git_reference *reference = NULL;
                int r = git_reference_create_matching(&reference, repository, push->name, push->new_id, 1, push->old_id,
                                                      "push");
                if (r != GIT_ELOCKED || rv_clock_monotonic_usec() >= until_usec)
                        return r;
                poll(NULL, 0, LOCK_RETRY_MSEC);
        }
}

static int move_ref(const struct rv_push *push, git_repository *repository) {
        struct lock_note note;
        int r;

        r = lock_note_init(&note, push, repository);
        if (r == 0) {
                remove_orphan(&note);
                r = lock_note_write(&note);
        }
        if (r == 0) {
                r = swap_ref(push, repository);
                (void)unlink(note.path);
        }
        lock_note_done(&note);
        return r;
}

static int refuse(struct rv_push_result *result, struct rv_error *err) {
        const git_error *last = git_error_last();

        result->outcome = RV_PUSH_REFUSED;
        result->message = strdup(last && last->message ? last->message : "the branch could not be written");
        return result->message ? 0 : rv_error_oom(err);
}

static int write_to(const struct rv_push *push, git_repository *repository, struct rv_push_result *result,
                    struct rv_error *err) {
        git_oid head = {0}; /* a branch that is gone is at no commit */

        int r = git_reference_name_to_id(&head, repository, push->name);
        if (r < 0 && r != GIT_ENOTFOUND)
                return rv_error_set(err, -EREMOTEIO, "read branch %s", push->branch);
        if (!git_oid_equal(&head, push->old_id)) {
                result->outcome = git_oid_equal(&head, push->new_id) ? RV_PUSH_OK : RV_PUSH_MOVED;
                result->was_there = true;
                result->head = head;
                return 0;
        }
        r = copy_objects(push, repository, err);
        if (r < 0)
                return r;
        (void)git_repository_set_ident(repository, push->remote->config->committer_name,
                                       push->remote->config->committer_email);
        r = move_ref(push, repository);
        if (r == GIT_ELOCKED)
                return rv_error_set(err, -EREMOTEIO, "branch %s is locked by another writer", push->branch);
        if (r < 0)
                return refuse(result, err); /* the caller reads the ref: it may have moved */
        sync_ref(push, repository);
        result->outcome = RV_PUSH_OK;
        result->head = *push->new_id;
        return 0;
}

int rv_push_local(const struct rv_push *push, struct rv_push_result *ret, bool *ret_done, struct rv_error *err) {
        _cleanup_git_(repository) git_repository *repository = NULL;
        mode_t mask;

        *ret_done = false;
        if (git_oid_is_zero(push->old_id)) /* libgit2 looks before it locks: two could each make the branch */
                return 0;
        int r = rv_remote_local_repository(push->remote, &repository, err);
        if (r < 0)
                return r;
        if (!is_eligible(repository, &mask))
                return 0;
        mode_t before = umask(mask);
        r = write_to(push, repository, ret, err);
        umask(before);
        if (r == 0)
                *ret_done = true;
        return r;
}
