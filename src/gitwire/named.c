/* A reply's commits in its words. */
#include "revertd/cleanup.h"
#include "revertd/gitwire.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMED_MAX = 3, SHOWN_BYTES_MAX = 100 };

int rv_git_reply_name_commits(struct rv_git_reply *reply) {
        char *text = NULL;
        size_t n = 0;
        FILE *out;

        if (reply->n_commits == 0)
                return 0;
        out = open_memstream(&text, &n);
        if (!out)
                return -ENOMEM;
        fprintf(out, "%s, by ", reply->message ? reply->message : "");
        for (size_t i = 0; i < reply->n_commits && i < NAMED_MAX; i++) {
                const struct rv_commit *commit = &reply->commits[i];
                _cleanup_free_ char *author = rv_text_line(commit->author_name, SHOWN_BYTES_MAX);
                _cleanup_free_ char *subject = rv_text_line(commit->subject, SHOWN_BYTES_MAX);
                fprintf(out, "%s%.*s (%s: %s)", i > 0 ? ", " : "", RV_OID_SHORT, commit->id.hex, author ? author : "",
                        subject ? subject : "");
        }
        if (reply->n_commits > NAMED_MAX)
                fputs(" and others", out);
        if (fclose(out) != 0) {
                free(text);
                return -ENOMEM;
        }
        free(reply->message);
        reply->message = text;
        return 0;
}
