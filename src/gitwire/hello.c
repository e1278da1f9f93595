#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>

void rv_git_hello_done(struct rv_git_hello *hello) {
        free(hello->worker);
        free(hello->libgit2);
        free(hello->repository);
        free(hello->error);
        *hello = (struct rv_git_hello){};
}

int rv_git_hello_encode(const struct rv_git_hello *hello, char **ret) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_int(json, "version", hello->version);
        r |= wire_set_string(json, "worker", hello->worker);
        r |= wire_set_string(json, "libgit2", hello->libgit2);
        r |= wire_set_string(json, "repository", hello->repository);
        r |= wire_set_string(json, "error", hello->error);
        if (r < 0)
                return -ENOMEM;
        return wire_dump(RV_TAKE(json), ret);
}

int rv_git_hello_decode(struct rv_git_hello *ret, const char *line, size_t n, struct rv_error *err) {
        _cleanup_json_ json_t *json = NULL;
        struct rv_git_hello hello = {};
        int64_t version = 0;
        int r;

        r = wire_parse(&json, line, n, err);
        if (r < 0)
                return rv_error_prefix(err, r, "hello");
        if ((r = wire_get_int(json, "version", &version, err)) < 0 ||
            (r = wire_get_string(json, "worker", &hello.worker, err)) < 0 ||
            (r = wire_get_string(json, "libgit2", &hello.libgit2, err)) < 0 ||
            (r = wire_get_string(json, "repository", &hello.repository, err)) < 0 ||
            (r = wire_get_string(json, "error", &hello.error, err)) < 0) {
                rv_git_hello_done(&hello);
                return rv_error_prefix(err, r, "hello");
        }
        hello.version = version == RV_GITWIRE_VERSION ? RV_GITWIRE_VERSION : -1;
        *ret = hello;
        return 0;
}
