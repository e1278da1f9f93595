#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdio.h>

int ctl_fail(const struct rv_error *err) {
        _cleanup_free_ char *text = rv_text_block(err->text, sizeof(err->text));

        fprintf(stderr, "revertctl: error: %s\n", text && text[0] ? text : "out of memory");
        return CTL_FAILED;
}

int ctl_oom(void) {
        fputs("revertctl: error: out of memory\n", stderr);
        return CTL_FAILED;
}

bool ctl_confirm(const char *question) {
        char answer[16] = "";

        fprintf(stderr, "\n%s [y/N] ", question);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int ctl_print_json(const json_t *json) {
        if (json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) < 0)
                return ctl_oom();
        putchar('\n');
        return CTL_OK;
}

int ctl_end_files(const json_t *all, int n_bad, int n, const char *what) {
        struct rv_error err = {0};

        if (all) {
                _cleanup_json_ json_t *object = json_pack("{s:O}", "files", all);
                if (!object || ctl_print_json(object) != CTL_OK)
                        return ctl_oom();
        }
        if (n_bad == 0)
                return CTL_OK;
        fflush(stdout);
        rv_error_set(&err, -EINVAL, "%d of %d %s", n_bad, n, what);
        return ctl_fail(&err);
}
