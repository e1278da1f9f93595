/* revertctl version */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"

#include <sys/utsname.h>

/* The daemon's too, where there is one: it is no failure that there is none. */
int verb_version(const struct args *args) {
        _cleanup_json_ json_t *status = NULL;
        struct rv_error err = {0};
        struct utsname host = {0};
        bool has_daemon = api_call(args, "GET", "/api/v1/status", NULL, &status, &err) == 0;
        const char *version = rv_json_string(status, "version", "?"),
                   *revision = rv_json_string(status, "revision", "?");

        if (args->output == CTL_JSON) {
                _cleanup_json_ json_t *json = json_pack(
                        "{s:{s:s, s:s, s:s}, s:o}", "revertctl", "version", RV_VERSION, "branch", RV_BRANCH, "revision",
                        RV_REVISION, "revertd",
                        has_daemon ? json_pack("{s:s, s:s}", "version", version, "revision", revision) : json_null());
                return json ? ctl_print_json(json) : ctl_oom();
        }
        uname(&host);
        printf("revertctl, version %s (branch: %s, revision: %s)\n  platform: %s/%s\n", RV_VERSION, RV_BRANCH,
               RV_REVISION, host.sysname, host.machine);
        if (has_daemon) {
                fputs("revertd, version ", stdout);
                paint_text(stdout, version);
                fputs(" (revision: ", stdout);
                paint_text(stdout, revision);
                puts(")");
        }
        return CTL_OK;
}
