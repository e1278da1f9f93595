#include "ctl/worker.h"

#include "revertd/build.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int ctl_load_config(const struct args *args, struct rv_config **ret, struct rv_error *err) {
        const char *file = args->config_file ? args->config_file : RV_SYSCONFDIR "/revertd.conf";
        struct rv_config_errors errors = {0};
        int r = rv_config_load(ret, file, &errors);

        if (r < 0)
                rv_error_set(err, r, "%s", errors.n > 0 ? errors.text[0] : strerror(-r));
        if (r < 0 && !args->config_file && access(file, F_OK) < 0 && errno == ENOENT)
                rv_error_set(err, r, "there is no configuration in %s; say where it is with --config.file", file);
        if (errors.n > 1)
                rv_error_set(err, r, "%s\nand %zu more; revertctl check-config %s", err->text, errors.n - 1, file);
        rv_config_errors_done(&errors);
        return r;
}
