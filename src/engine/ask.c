/* Effects: what is asked of the outside, and what becomes of no answer. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int copy_strings(char ***ret, size_t *ret_n, const char *const *strings, size_t n) {
        char **copy = calloc(n + 1, sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(strings[i]);
                if (copy[i])
                        continue;
                while (i-- > 0)
                        free(copy[i]);
                free(copy);
                return -ENOMEM;
        }
        *ret = copy;
        *ret_n = n;
        return 0;
}

struct rv_git_request *request_new(enum rv_git_op op) {
        struct rv_git_request *request = calloc(1, sizeof(*request));

        if (request)
                request->op = op;
        return request;
}

static struct rv_effect *effect_new(struct turn *t, struct open *o, enum rv_effect_kind kind) {
        struct rv_step *step = t->step;
        struct rv_effect *grown = reallocarray(step->effect, step->n_effects + 1, sizeof(*grown)), *effect;

        if (!grown)
                return NULL;
        step->effect = grown;
        effect = &grown[step->n_effects++];
        *effect = (struct rv_effect){.kind = kind, .token = ++t->engine->token};
        memcpy(effect->incident, o->i->id, sizeof(effect->incident));
        o->i->token = effect->token;
        o->i->retry_usec = 0;
        o->asked_usec = t->now_usec;
        return effect;
}

int ask_git(struct turn *t, struct open *o, struct rv_git_request *request) {
        struct rv_effect *effect = request ? effect_new(t, o, RV_EFFECT_GIT) : NULL;

        if (!effect) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        request->timeout_usec = repository_config(t->engine, o->repository)->timeout_usec;
        effect->repository = (size_t)o->repository->index;
        effect->request = request;
        o->asked = request->op;
        return 0;
}

int ask_query(struct turn *t, struct open *o, int prometheus, char *expr) {
        struct rv_effect *effect = expr ? effect_new(t, o, RV_EFFECT_QUERY) : NULL;

        if (!effect) {
                free(expr);
                return -ENOMEM;
        }
        effect->prometheus = (size_t)prometheus;
        effect->expr = expr;
        o->asked = RV_GIT_OP_MAX;
        return 0;
}

int ask_look_up(struct turn *t, struct open *o) {
        struct rv_effect *effect = effect_new(t, o, RV_EFFECT_LOOK_UP);

        if (!effect)
                return -ENOMEM;
        effect->alertmanager = (size_t)rule_config(t->engine, o->rule)->alertmanager;
        effect->labels = rv_labels_ref(o->i->labels);
        return 0;
}

bool applied_is_wanted(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return rule && rule->applied_by >= 0 && o->i->application;
}

int ask_applied(struct turn *t, struct open *o, bool nudge) {
        struct rv_effect *effect = effect_new(t, o, RV_EFFECT_APPLIED);

        if (!effect)
                return -ENOMEM;
        effect->applied_by = (size_t)rule_config(t->engine, o->rule)->applied_by;
        effect->nudge = nudge;
        effect->application = strdup(o->i->application);
        effect->space = o->i->space ? strdup(o->i->space) : NULL;
        return effect->application && (effect->space || !o->i->space) ? 0 : -ENOMEM;
}

int retry_later(struct turn *t, struct open *o) {
        return retry_after(t, o, RV_USEC_PER_SEC, RETRY_USEC_MAX);
}

int retry_after(struct turn *t, struct open *o, int64_t first_usec, int64_t max_usec) {
        struct rv_incident *i = o->i;
        int64_t delay = first_usec << (i->attempts < 10 ? i->attempts : 10);

        if (i->deadline_usec > 0 && t->now_usec >= i->deadline_usec)
                return state_of(o)->expired(t, o);
        if (delay > max_usec)
                delay = max_usec;
        i->attempts++;
        i->retry_usec = t->now_usec + delay;
        if (i->deadline_usec > 0 && i->retry_usec > i->deadline_usec)
                i->retry_usec = i->deadline_usec;
        incident_touch(t, o);
        return 0;
}

void wait_as_asked(const struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;
        int64_t until_usec = t->now_usec + reply->wait_usec;

        if (i->deadline_usec > 0 && until_usec > i->deadline_usec)
                until_usec = i->deadline_usec;
        if (i->retry_usec > 0 && i->retry_usec < until_usec)
                i->retry_usec = until_usec;
}

int failure_text(const struct rv_git_reply *reply, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        if (reply->message)
                fputs(reply->message, f);
        for (size_t i = 0; i < reply->n_paths; i++)
                fprintf(f, "%s%s", i > 0 ? ", " : reply->message ? ": " : "", reply->paths[i]);
        return fclose(f) == 0 && *ret ? 0 : -ENOMEM;
}

static int end_with_paths(struct turn *t, struct open *o, enum rv_incident_state to, enum rv_reason reason,
                          const struct rv_git_reply *reply) {
        _cleanup_free_ char *text = NULL;

        return failure_text(reply, &text) < 0 ? -ENOMEM : incident_move(t, o, to, reason, text);
}

int end_unavailable(struct turn *t, struct open *o, const char *meaning) {
        const char *said = o->i->detail;
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s%s%s", meaning, said && *meaning ? ": " : "", said ? said : "") < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_REMOTE_UNAVAILABLE, text);
}

/* Until then people see why it has not gone on. */
static int retry_and_say(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        int r = reply->message ? incident_note(t, o, reply->message) : 0;

        if (r == 0)
                r = retry_later(t, o);
        if (r == 0)
                wait_as_asked(t, o, reply);
        return r;
}

int handle_failure(struct turn *t, struct open *o, const struct rv_git_reply *reply, bool *ret_handled) {
        *ret_handled = true;
        if (!reply)
                return retry_later(t, o);
        switch (reply->outcome) {
        case RV_GIT_UNAVAILABLE:
                return retry_and_say(t, o, reply);
        case RV_GIT_FAILED:
                if (++o->failures < FAILURES_MAX)
                        return retry_and_say(t, o, reply);
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, reply->message);
        case RV_GIT_POLICY:
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_POLICY, reply->message);
        case RV_GIT_NOT_FOUND:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_FOUND, reply->message);
        case RV_GIT_CONFLICT:
                return end_with_paths(t, o, RV_INCIDENT_DECLINED, RV_REASON_CONFLICT, reply);
        case RV_GIT_EMPTY:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_EMPTY, reply->message);
        default:
                *ret_handled = false;
                return 0;
        }
}
