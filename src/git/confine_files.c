#include "git/confine.h"
#include "git/transport_url.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernels before it cannot rename from one folder to another, which the mirror needs. */
enum { ABI_MIN = 2, ABI_TRUNCATE = 3 };

/* Newer than the headers of Linux 6.1. */
#define ACCESS_TRUNCATE (1ULL << 14)

#define READ_FILES ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define EXECUTE ((uint64_t)LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE                                                                                                          \
        ((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |   \
                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |         \
                    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |            \
                    ACCESS_TRUNCATE))
#define HANDLED                                                                                                        \
        (READ_FILES | EXECUTE | WRITE | (uint64_t)(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))
#define OF_A_FILE ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE) | EXECUTE | ACCESS_TRUNCATE)

struct ruleset {
        int fd;
        uint64_t handled;
        struct rv_error *err;
};

/* What is not there needs no leave. */
static int allow(struct ruleset *set, const char *path, uint64_t access) {
        struct landlock_path_beneath_attr rule = {.allowed_access = access & set->handled};
        struct stat st;
        _cleanup_close_ int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;

        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0)
                return rv_error_set(set->err, -errno, "%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                rule.allowed_access &= OF_A_FILE;
        rule.parent_fd = fd;
        if (syscall(SYS_landlock_add_rule, set->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return rv_error_set(set->err, -errno, "%s: landlock: %s", path, strerror(errno));
        return 0;
}

/* The folder, for a file that is replaced is another one. */
static int allow_folder_of(struct ruleset *set, const char *path, uint64_t access) {
        const char *slash = path ? strrchr(path, '/') : NULL;
        _cleanup_free_ char *folder = NULL;

        if (!slash)
                return 0;
        folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
        return folder ? allow(set, folder, access) : rv_error_oom(set->err);
}

static int allow_system(struct ruleset *set) {
        static const char *const programs[] = {"/usr",   "/bin", "/sbin", "/lib",      "/lib32",
                                               "/lib64", "/opt", "/nix",  "/gnu/store"};
        static const char *const files[] = {"/etc", "/proc", "/sys", "/dev", "/run"};
        static const char *const devices[] = {"/dev/null", "/dev/tty"};
        char self[PATH_MAX];
        int r = 0;

        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(programs); i++)
                r = allow(set, programs[i], READ_FILES | EXECUTE);
        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(files); i++)
                r = allow(set, files[i], READ_FILES);
        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(devices); i++)
                r = allow(set, devices[i], READ_FILES | LANDLOCK_ACCESS_FS_WRITE_FILE);
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1); /* ssh starts us to ask for a passphrase */
        if (r < 0 || n < 0)
                return r;
        self[n] = 0;
        return allow_folder_of(set, self, READ_FILES | EXECUTE);
}

static int allow_config(struct ruleset *set, const struct rv_repository_config *config,
                        const char *credentials_directory) {
        const char *const files[] = {config->known_hosts, config->ca_file, config->ssh_config, config->ssh_agent};
        int r = allow(set, getenv("CREDENTIALS_DIRECTORY"), READ_FILES);

        if (r == 0)
                r = allow(set, credentials_directory, READ_FILES);
        for (size_t i = 0; r == 0 && i < RV_ARRAY_SIZE(files); i++)
                r = allow_folder_of(set, files[i], READ_FILES);
        if (r == 0 && config->gpg_home) {
                char sockets[64];
                snprintf(sockets, sizeof sockets, "/run/user/%u/gnupg", (unsigned)geteuid());
                r = allow(set, config->gpg_home, READ_FILES | WRITE);
                if (r == 0)
                        r = allow(set, sockets, READ_FILES | WRITE);
        }
        return r;
}

static int allow_storage(struct ruleset *set, const char *storage_path) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/git", storage_path) < 0) {
                path = NULL;
                return rv_error_oom(set->err);
        }
        if ((mkdir(storage_path, 0700) < 0 && errno != EEXIST) || (mkdir(path, 0700) < 0 && errno != EEXIST))
                return rv_error_set(set->err, -errno, "%s: %s", path, strerror(errno));
        return allow(set, path, READ_FILES | WRITE);
}

static int is_local(const struct rv_repository_config *config, bool *ret, struct rv_error *err) {
        struct rv_remote_url url;
        int r = rv_remote_url_parse(&url, config->url, err);

        if (r < 0)
                return r;
        *ret = url.kind == RV_REMOTE_LOCAL;
        rv_remote_url_done(&url);
        return 0;
}

int rv_confine_files(const struct rv_repository_config *config, const char *credentials_directory,
                     const char *storage_path, struct rv_error *err) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        struct landlock_ruleset_attr attributes = {.handled_access_fs = HANDLED};
        bool local;

        int r = is_local(config, &local, err);
        if (r < 0)
                return r;
        if (abi < ABI_MIN)
                return 0;
        if (local)
                return 1;
        if (abi < ABI_TRUNCATE)
                attributes.handled_access_fs &= ~ACCESS_TRUNCATE;
        _cleanup_close_ int fd =
                (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
        if (fd < 0)
                return rv_error_set(err, -errno, "landlock: %s", strerror(errno));
        struct ruleset set = {.fd = fd, .handled = attributes.handled_access_fs, .err = err};
        r = allow_system(&set);
        if (r == 0)
                r = allow_config(&set, config, credentials_directory);
        if (r == 0)
                r = allow_storage(&set, storage_path);
        if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                r = rv_error_set(err, -errno, "landlock: %s", strerror(errno));
        return r < 0 ? r : 1;
}
