/* The revert commit's message, and the plan around it.
 *
 * Much of the text comes from strangers: subjects, labels, notes. Nothing of it may read as one of our own lines, for
 * these are what tells a later reader, revertd among them, what was undone. So a stranger's text is one line, indented
 * (a trailer begins at the margin), never in the last paragraph (where trailers are looked for), and the words
 * "reverts commit" in it are broken. */
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/plan.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECT_BYTES_MAX = 200, LINE_BYTES_MAX = 1000 };

static char *clean(const char *text, size_t max_bytes) {
        static const char phrase[] = "reverts commit";
        char *line = rv_text_line(text ? text : "", max_bytes);

        for (char *at = line ? strcasestr(line, phrase) : NULL; at; at = strcasestr(at, phrase))
                at[strlen("reverts")] = '-';
        return line;
}

static bool is_restore(const struct rv_plan_facts *facts) {
        return facts->restore.hex[0];
}

static int put_subject(FILE *f, const struct rv_plan_facts *facts) {
        _cleanup_free_ char *subject =
                clean(is_restore(facts) ? facts->scope[0] : facts->commits[0]->subject, SUBJECT_BYTES_MAX);

        if (!subject)
                return -ENOMEM;
        if (is_restore(facts)) {
                fprintf(f, "Restore \"%s\"", subject);
                if (facts->n_scope > 1)
                        fprintf(f, " and %zu more", facts->n_scope - 1);
                fprintf(f, " to %.*s\n\n", RV_OID_SHORT, facts->restore.hex);
                return 0;
        }
        fprintf(f, "Revert \"%s\"", subject);
        if (facts->n_commits > 1)
                fprintf(f, " and %zu more", facts->n_commits - 1);
        fputs("\n\n", f);
        return 0;
}

static int put_indented(FILE *f, const char *text) {
        _cleanup_free_ char *line = NULL;

        if (!text || !*text)
                return 0;
        line = clean(text, LINE_BYTES_MAX);
        if (!line)
                return -ENOMEM;
        fprintf(f, "    %s\n", line);
        return 0;
}

static int put_rule(FILE *f, const struct rv_plan_facts *facts) {
        _cleanup_free_ char *labels = NULL;

        if (!facts->rule)
                return 0;
        if (facts->by_hand)
                fprintf(f, "A person asked for this %s, for the sake of a rule:\n",
                        is_restore(facts) ? "restore" : "revert");
        else if (is_restore(facts))
                fputs("revertd saw a rule in breach, and goes back to before what it took for the cause:\n", f);
        else if (facts->n_commits == 1)
                fputs("revertd saw a rule in breach, and took this change for the cause:\n", f);
        else
                fprintf(f, "revertd saw a rule in breach, and took these %zu changes%s for the cause:\n",
                        facts->n_commits, facts->arrived_together ? ", which cannot be told apart," : "");
        if (put_indented(f, facts->rule) < 0 || put_indented(f, facts->summary) < 0)
                return -ENOMEM;
        if (facts->labels && facts->labels->n > 0) {
                labels = rv_labels_format(facts->labels);
                if (!labels || put_indented(f, labels) < 0)
                        return -ENOMEM;
        }
        fputc('\n', f);
        return 0;
}

static int put_actor(FILE *f, const struct rv_plan_facts *facts) {
        if (!facts->actor && !facts->note)
                return 0;
        fputs(!facts->actor    ? "The reason given:\n"
              : facts->by_hand ? "A person asked for it:\n"
                               : "A person approved it:\n",
              f);
        if (put_indented(f, facts->actor) < 0 || put_indented(f, facts->note) < 0)
                return -ENOMEM;
        fputc('\n', f);
        return 0;
}

static int put_scope(FILE *f, const struct rv_plan_facts *facts) {
        if (facts->n_scope == 0)
                return 0;
        if (is_restore(facts))
                fprintf(f, "These paths are again as they were at %s:\n", facts->restore.hex);
        else
                fputs("Only these paths were looked at and put back:\n", f);
        for (size_t i = 0; i < facts->n_scope; i++)
                if (put_indented(f, facts->scope[i]) < 0)
                        return -ENOMEM;
        fputc('\n', f);
        return 0;
}

static int put_conflict(FILE *f, const struct rv_plan_facts *facts) {
        if (!facts->conflict)
                return 0;
        fputs("The cause could not be reverted alone:\n", f);
        if (put_indented(f, facts->conflict) < 0)
                return -ENOMEM;
        fputc('\n', f);
        return 0;
}

static int put_trailer(FILE *f, const char *name, const char *value) {
        _cleanup_free_ char *line = NULL;

        if (!value)
                return 0;
        line = clean(value, LINE_BYTES_MAX);
        if (!line)
                return -ENOMEM;
        fprintf(f, "%s: %s\n", name, line);
        return 0;
}

static int put_trailers(FILE *f, const struct rv_plan_facts *facts) {
        if (put_trailer(f, "Revertd-Incident", facts->incident) < 0 || put_trailer(f, "Revertd-Rule", facts->rule) < 0)
                return -ENOMEM;
        if (is_restore(facts))
                fprintf(f, "Revertd-Restores: %s\n", facts->restore.hex);
        for (size_t i = 0; i < facts->n_commits; i++)
                fprintf(f, "Revertd-Reverts: %s\n", facts->commits[i]->id.hex);
        return 0;
}

static int put_message(FILE *f, const struct rv_plan_facts *facts) {
        if (put_subject(f, facts) < 0 || put_rule(f, facts) < 0 || put_actor(f, facts) < 0 ||
            put_conflict(f, facts) < 0 || put_scope(f, facts) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < facts->n_commits; i++)
                fprintf(f, "This reverts commit %s.\n", facts->commits[i]->id.hex);
        fputc('\n', f);
        return put_trailers(f, facts);
}

static int make_message(char **ret, const struct rv_plan_facts *facts) {
        size_t n;
        FILE *f = open_memstream(ret, &n);
        int r;

        if (!f)
                return -ENOMEM;
        r = put_message(f, facts);
        if (ferror(f))
                r = -ENOMEM;
        if (fclose(f) != 0 || !*ret)
                r = -ENOMEM;
        if (r < 0) {
                free(*ret);
                *ret = NULL;
        }
        return r;
}

static int fill_spec(struct rv_revert_spec *spec, const struct rv_plan_facts *facts) {
        spec->base = facts->base;
        spec->restore = facts->restore;
        spec->time_usec = facts->time_usec - facts->time_usec % RV_USEC_PER_SEC;
        spec->commits = calloc(facts->n_commits, sizeof(*spec->commits));
        spec->scope = calloc(facts->n_scope + 1, sizeof(*spec->scope));
        if (!spec->commits || !spec->scope)
                return -ENOMEM;
        for (size_t i = 0; i < facts->n_commits; i++)
                spec->commits[spec->n_commits++] = facts->commits[i]->id;
        for (size_t i = 0; i < facts->n_scope; i++) {
                spec->scope[i] = strdup(facts->scope[i]);
                if (!spec->scope[i])
                        return -ENOMEM;
                spec->n_scope++;
        }
        return make_message(&spec->message, facts);
}

int rv_plan_new(struct rv_plan **ret, const struct rv_plan_facts *facts) {
        struct rv_plan *plan;

        if (facts->n_commits == 0 || facts->n_commits > RV_REVERT_COMMITS_MAX ||
            (is_restore(facts) && facts->n_scope == 0))
                return -EINVAL;
        plan = calloc(1, sizeof(*plan));
        if (!plan)
                return -ENOMEM;
        if (fill_spec(&plan->spec, facts) < 0) {
                rv_plan_free(plan);
                return -ENOMEM;
        }
        *ret = plan;
        return 0;
}
