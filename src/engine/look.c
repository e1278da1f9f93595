/* Looks: what would be done now, found out by the states as for any incident, and remembered for who asked; nothing of
 * it is stored, counted or told. */
#include "core.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { UNDER_WAY_MAX = 8, KEPT_MAX = 32 };

struct look {
        char id[RV_INCIDENT_ID_MAX];
        struct rv_incident *i;
        struct look *next;
};

int look_check(struct turn *t) {
        struct open *o, *next;
        size_t n = 0;

        HASH_ITER (hh, t->engine->open, o, next)
                n += o->is_look;
        return n < UNDER_WAY_MAX ? 0 : rv_error_set(t->err, -EBUSY, "%d looks are under way", UNDER_WAY_MAX);
}

static void look_free(struct look *look) {
        rv_incident_free(look->i);
        free(look);
}

/* The incident itself is about to be freed: its record is the copy. */
int look_keep(struct rv_engine *engine, const struct open *o) {
        struct look *look = calloc(1, sizeof(*look)), *old;
        json_t *json = rv_incident_to_json(o->i);
        int r = look && json ? rv_incident_from_json(&look->i, json, NULL) : -ENOMEM;

        json_decref(json);
        if (r < 0) {
                free(look);
                return -ENOMEM;
        }
        memcpy(look->id, o->i->id, sizeof(look->id));
        LL_PREPEND(engine->looks, look);
        old = engine->looks;
        for (size_t n = 1; old->next && n < KEPT_MAX; n++)
                old = old->next;
        if (old->next) {
                look_free(old->next);
                old->next = NULL;
        }
        return 0;
}

void looks_done(struct rv_engine *engine) {
        struct look *look, *next;

        LL_FOREACH_SAFE(engine->looks, look, next)
        look_free(look);
        engine->looks = NULL;
}

static const struct rv_incident *find(const struct rv_engine *engine, const char *id, bool *ret_done) {
        const struct look *look;
        struct open *o;

        HASH_FIND_STR(engine->open, id, o);
        *ret_done = false;
        if (o)
                return o->is_look ? o->i : NULL;
        *ret_done = true;
        LL_FOREACH (engine->looks, look)
                if (strcmp(look->id, id) == 0)
                        return look->i;
        return NULL;
}

json_t *rv_engine_explain_json(const struct rv_engine *engine, const char *id, int64_t now_usec) {
        bool is_done;
        const struct rv_incident *i = find(engine, id, &is_done);
        const struct rule *rule = i && i->rule ? rule_find(engine, i->rule) : NULL;
        const struct series *series;

        if (!i)
                return NULL;
        if (rule && rule->index < 0)
                rule = NULL;
        series = rule ? series_find(engine, rule, i->labels) : NULL;
        return json_pack("{s:s, s:b, s:o, s:o, s:o}", "id", i->id, "done", is_done, "rule",
                         rule ? view_rule(engine, rule, false, now_usec) : json_null(), "series",
                         series ? view_series(series) : json_null(), "incident", rv_incident_to_json(i));
}
