/* Any bytes as a line of the protocol between daemon and worker: refused with a reason, or a message that is written
 * and read back as it was. The first byte says which kind. */
#include "fuzz.h"

#include "revertd/cleanup.h"
#include "revertd/gitwire.h"

#include <errno.h>
#include <string.h>

static void must_be_error(int r, const struct rv_error *err) {
        must(r == -EINVAL || r == -E2BIG);
        must(err->text[0] != '\0');
}

static void try_request(const char *line, size_t n) {
        struct rv_git_request *request = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL, *second = NULL;
        struct rv_error err = {};
        int r;

        r = rv_git_request_decode(&request, line, n, &err);
        if (r < 0) {
                must_be_error(r, &err);
                must(!request);
                return;
        }
        must(request->op < RV_GIT_OP_MAX && request->max_commits <= RV_COMMITS_MAX);
        must(request->spec.n_commits <= RV_REVERT_COMMITS_MAX);
        must(rv_git_request_encode(request, &text) == 0);
        must(!strchr(text, '\n'));
        must(rv_git_request_decode(&again, text, strlen(text), &err) == 0);
        must(rv_git_request_encode(again, &second) == 0);
        must(strcmp(text, second) == 0);
        rv_git_request_free(request);
        rv_git_request_free(again);
}

static void try_reply(const char *line, size_t n) {
        struct rv_git_reply *reply = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL, *second = NULL;
        struct rv_error err = {};
        int r;

        r = rv_git_reply_decode(&reply, line, n, &err);
        if (r < 0) {
                must_be_error(r, &err);
                must(!reply);
                return;
        }
        must(reply->outcome < RV_GIT_OUTCOME_MAX);
        must(reply->n_commits <= RV_COMMITS_MAX && reply->n_paths <= RV_COMMIT_PATHS_MAX);
        for (size_t i = 0; i < reply->n_commits; i++)
                must(reply->commits[i].id.hex[0] && reply->commits[i].subject && reply->commits[i].author_name);
        must(rv_git_reply_encode(reply, &text) == 0);
        must(!strchr(text, '\n'));
        must(rv_git_reply_decode(&again, text, strlen(text), &err) == 0);
        must(rv_git_reply_encode(again, &second) == 0);
        must(strcmp(text, second) == 0);
        rv_git_reply_free(reply);
        rv_git_reply_free(again);
}

static void try_hello(const char *line, size_t n) {
        struct rv_git_hello hello = {};
        struct rv_error err = {};
        int r;

        r = rv_git_hello_decode(&hello, line, n, &err);
        if (r < 0)
                must_be_error(r, &err);
        else
                must(hello.version == RV_GITWIRE_VERSION || hello.version == -1);
        rv_git_hello_done(&hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        const char *line = (const char *)data + 1;

        if (n == 0)
                return 0;
        switch (data[0]) {
        case 'q':
                try_request(line, n - 1);
                break;
        case 'r':
                try_reply(line, n - 1);
                break;
        default:
                try_hello(line, n - 1);
                break;
        }
        return 0;
}
