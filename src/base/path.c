#include "revertd/path.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int rv_path_absolute(const char *path, char **ret, struct rv_error *err) {
        _cleanup_free_ char *directory = NULL;

        if (path[0] == '\0')
                return rv_error_set(err, -EINVAL, "a path is empty");
        if (path[0] == '/')
                return (*ret = strdup(path)) ? 0 : rv_error_oom(err);
        directory = getcwd(NULL, 0);
        if (!directory)
                return rv_error_set(err, -errno, "working directory: %m");
        while (path[0] == '.' && path[1] == '/')
                path += 1 + strspn(path + 1, "/");
        if (asprintf(ret, "%s%s%s", directory, strcmp(directory, "/") == 0 ? "" : "/", path) < 0)
                return rv_error_oom(err);
        return 0;
}
