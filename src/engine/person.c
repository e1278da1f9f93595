/* A person approves or rejects. */
#include "core.h"

#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PERSON_BYTES_MAX = 1000 };

static int find(struct turn *t, const char *prefix, struct open **ret) {
        struct open *o, *next, *found = NULL;
        size_t n = strlen(prefix);

        HASH_ITER (hh, t->engine->open, o, next) {
                if (strncmp(o->i->id, prefix, n) != 0)
                        continue;
                if (found)
                        return rv_error_set(t->err, -EINVAL, "several incidents begin with these digits");
                found = o;
        }
        if (n == 0 || !found)
                return rv_error_set(t->err, -ENOENT, "there is no such open incident");
        *ret = found;
        return 0;
}

static int set_line(char **text, const char *value) {
        char *line;

        if (!value || !*value)
                return 0;
        line = rv_text_line(value, PERSON_BYTES_MAX);
        if (!line)
                return -ENOMEM;
        free(*text);
        *text = line;
        return 0;
}

static int sign(struct turn *t, struct open *o, const struct rv_event *event) {
        if (set_line(&o->i->actor, event->person.actor) < 0 || set_line(&o->i->note, event->person.note) < 0)
                return -ENOMEM;
        t->actor = o->i->actor;
        memcpy(t->step->incident, o->i->id, sizeof(o->i->id));
        incident_touch(t, o);
        return 0;
}

/* In mode enforce too: then the rest of the hold time is not waited for. */
int approve(struct turn *t, const struct rv_event *event) {
        struct open *o;
        int r = find(t, event->person.incident, &o);

        if (r < 0)
                return r;
        if (o->i->state == RV_INCIDENT_PROPOSED)
                return rv_error_set(t->err, -EBUSY, "the incident is proposed: merge its pull request%s%s",
                                    o->i->proposal.url ? ", " : "", o->i->proposal.url ? o->i->proposal.url : "");
        if (o->i->state != RV_INCIDENT_HOLDING)
                return rv_error_set(t->err, -EBUSY, "the incident is %s and waits for nobody",
                                    rv_incident_state_to_string(o->i->state));
        if (sign(t, o, event) < 0)
                return -ENOMEM;
        o->i->released = o->i->suspects[0].commit.id;
        return hold_end(t, o);
}

int reject(struct turn *t, const struct rv_event *event) {
        struct open *o;
        int r = find(t, event->person.incident, &o);

        if (r < 0)
                return r;
        if (o->i->state == RV_INCIDENT_PROPOSED)
                return rv_error_set(t->err, -EBUSY, "the incident is proposed: close its pull request%s%s",
                                    o->i->proposal.url ? ", " : "", o->i->proposal.url ? o->i->proposal.url : "");
        if (o->i->state >= RV_INCIDENT_REVERTING)
                return rv_error_set(t->err, -EBUSY, "the incident is %s: it is too late to reject it",
                                    rv_incident_state_to_string(o->i->state));
        if (sign(t, o, event) < 0)
                return -ENOMEM;
        return incident_move(t, o, RV_INCIDENT_REJECTED, RV_REASON_REJECTED_BY_PERSON, event->person.note);
}
