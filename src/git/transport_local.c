#include "git/libgit2.h"
#include "git/transport_process.h"
#include "git/transport_remote.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Its hooks would run as us, so libgit2 and git leave a repository of another user alone; libgit2 says so in words that
 * nobody understands. */
static bool is_of_another_user(const char *path, uid_t *ret_owner) {
        struct stat st;

        *ret_owner = geteuid();
        if (stat(path, &st) == 0)
                *ret_owner = st.st_uid;
        return *ret_owner != geteuid();
}

int rv_remote_local_repository(struct rv_remote *remote, git_repository **ret, struct rv_error *err) {
        int r = git_repository_open_ext(ret, remote->url.path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
        uid_t owner;

        if (r == 0)
                return 0;
        if (is_of_another_user(remote->url.path, &owner))
                return rv_error_set(
                        err, -EREMOTEIO,
                        "%s belongs to uid %u, and this is uid %u, which may not run its hooks: reach it by "
                        "ssh, or let it belong to uid %u",
                        remote->url.path, owner, geteuid(), geteuid());
        r = rv_libgit2_error(err, r, "%s", remote->url.path);
        return r == -ENOMEM ? r : -EREMOTEIO;
}

static int read_branch(git_repository *repository, const char *name, const char *branch, git_oid *ret,
                       struct rv_error *err) {
        int r = git_reference_name_to_id(ret, repository, name);

        if (r == GIT_ENOTFOUND)
                return rv_error_set(err, -ENOENT, "the remote has no branch %s", branch);
        if (r == 0)
                return 0;
        r = rv_libgit2_error(err, r, "read branch %s", branch);
        return r == -ENOMEM ? r : -EREMOTEIO;
}

int rv_remote_local_read_ref(struct rv_remote *remote, const char *branch, git_oid *ret, struct rv_error *err) {
        _cleanup_git_(repository) git_repository *repository = NULL;
        _cleanup_free_ char *name = NULL;

        int r = rv_remote_ref_name(branch, &name, err);
        if (r == 0)
                r = rv_remote_local_repository(remote, &repository, err);
        return r < 0 ? r : read_branch(repository, name, branch, ret, err);
}

static int write_file(const char *path, const char *text, struct rv_error *err) {
        _cleanup_free_ char *temporary = NULL;

        if (asprintf(&temporary, "%s.new", path) < 0) {
                temporary = NULL;
                return rv_error_oom(err);
        }
        _cleanup_close_ int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0)
                return rv_error_set(err, -EIO, "%s: %s", path, strerror(errno));
        return 0;
}

static bool file_holds(const char *path, const char *text) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!f || getline(&line, &size, f) < 0)
                return false;
        line[strcspn(line, "\n")] = 0;
        return strcmp(line, text) == 0;
}

/* The mirror reads the remote's objects where they are: a fetch copies nothing. Objects that the remote drops later
 * make the mirror a damaged one, which is rebuilt. */
static int share_objects(git_repository *mirror, git_repository *repository, struct rv_error *err) {
        _cleanup_free_ char *alternates = NULL, *objects = NULL, *real = NULL;
        _cleanup_git_(odb) git_odb *odb = NULL;

        if (asprintf(&objects, "%s/objects", git_repository_commondir(repository)) < 0) {
                objects = NULL;
                return rv_error_oom(err);
        }
        if (asprintf(&alternates, "%s/objects/info/alternates", git_repository_commondir(mirror)) < 0) {
                alternates = NULL;
                return rv_error_oom(err);
        }
        real = realpath(objects, NULL);
        if (!real)
                return rv_error_set(err, -EREMOTEIO, "%s: %s", objects, strerror(errno));
        if (strchr(real, '\n') || real[0] == '"' || real[0] == '#')
                return rv_error_set(err, -EINVAL, "the repository's path cannot be written to a file of alternates");
        if (file_holds(alternates, real))
                return 0;
        int r = git_repository_odb(&odb, mirror);
        if (r == 0)
                r = git_odb_add_disk_alternate(odb, real);
        return r < 0 ? rv_libgit2_error(err, r, "read the remote's objects") : write_file(alternates, real, err);
}

int rv_remote_local_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, git_oid *ret,
                          struct rv_error *err) {
        _cleanup_git_(repository) git_repository *repository = NULL;
        _cleanup_git_(reference) git_reference *reference = NULL;
        _cleanup_free_ char *name = NULL;
        git_oid head, before;

        int r = rv_remote_ref_name(branch, &name, err);
        if (r == 0)
                r = rv_remote_local_repository(remote, &repository, err);
        if (r == 0)
                r = read_branch(repository, name, branch, &head, err);
        if (r == 0)
                r = share_objects(mirror, repository, err);
        if (r < 0)
                return r;
        if (git_reference_name_to_id(&before, mirror, name) != 0 || !git_oid_equal(&before, &head)) {
                r = git_reference_create(&reference, mirror, name, &head, 1, NULL);
                if (r < 0)
                        return rv_libgit2_error(err, r, "set the mirror's branch");
        }
        *ret = head;
        return 0;
}

int rv_remote_local_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                         struct rv_error *err) {
        const char *argv[] = {"git", options->service == RV_SERVICE_RECEIVE_PACK ? "receive-pack" : "upload-pack",
                              remote->url.path, NULL};
        const struct rv_process_options process = {.argv = argv,
                                                   .deadline_usec = options->deadline_usec,
                                                   .idle_usec = remote->idle_usec,
                                                   .outlives = options->service == RV_SERVICE_RECEIVE_PACK};

        return rv_process_link(ret, &process, err);
}
