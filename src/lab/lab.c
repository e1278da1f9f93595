/* A test file, from its path to its report. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

struct running {
        json_t *failures;
        size_t n_expectations;
};

static int check(struct lab_world *world, const struct lab_expectation *e, void *userdata) {
        struct running *running = userdata;

        running->n_expectations++;
        return lab_expect(world, e, running->failures);
}

static int append_text(json_t *array, const char *text) {
        return json_array_append_new(array, json_string(text)) < 0 ? -ENOMEM : 0;
}

static int run_script(const struct lab_script *script, json_t *tests, bool *ret_passed) {
        _cleanup_json_ json_t *failures = json_array(), *story = json_array(), *incidents = json_array();
        struct running running = {.failures = failures};
        struct rv_error err = {0};
        int r = failures && story && incidents ? lab_world_run(script, story, incidents, check, &running, &err)
                                               : -ENOMEM;

        if (r < 0 && r != -ENOMEM) {
                _cleanup_free_ char *text = NULL;
                if (asprintf(&text, "%s:%u: %s", script->file, script->line, err.text) < 0)
                        text = NULL;
                r = text ? append_text(failures, text) : -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret_passed = json_array_size(failures) == 0;
        return json_array_append_new(tests,
                                     json_pack("{s:s, s:i, s:s?, s:I, s:O, s:O, s:O, s:I}", "name", script->name,
                                               "line", (int)script->line, "thread", script->thread, "expectations",
                                               (json_int_t)running.n_expectations, "failures", failures, "story", story,
                                               "incidents", incidents, "end_usec", (json_int_t)script->end_usec)) < 0
                       ? -ENOMEM
                       : 0;
}

/* All are read before the first is run: a file with a mistake proves nothing. */
static int run_tests(struct rv_config *config, const char *path, const config_setting_t *list, json_t *report,
                     struct rv_error *err) {
        json_t *tests = json_object_get(report, "tests"), *errors = json_object_get(report, "errors");
        size_t n = (size_t)config_setting_length(list), n_read = 0;
        json_int_t passed = 0, failed = 0;
        struct lab_script *script = calloc(n + 1, sizeof(*script));
        int r = script ? 0 : -ENOMEM;

        for (; r == 0 && n_read < n; n_read++) {
                r = lab_script_read(&script[n_read], config, path, config_setting_get_elem(list, (unsigned)n_read),
                                    err);
                if (r < 0)
                        break;
        }
        if (r == -EINVAL)
                r = append_text(errors, err->text);
        else
                for (size_t i = 0; r == 0 && i < n_read; i++) {
                        bool ok = false;
                        r = run_script(&script[i], tests, &ok);
                        *(ok ? &passed : &failed) += 1;
                }
        for (size_t i = 0; i < n_read; i++)
                lab_script_done(&script[i]);
        free(script);
        if (r == 0 && (json_object_set_new(report, "passed", json_integer(passed)) < 0 ||
                       json_object_set_new(report, "failed", json_integer(failed)) < 0))
                r = -ENOMEM;
        return r < 0 ? rv_error_oom(err) : 0;
}

static int read_tests(struct rv_config *config, const char *path, json_t *report, struct rv_error *err) {
        json_t *errors = json_object_get(report, "errors");
        const config_setting_t *list;
        config_t tree; /* the reader of the configuration has been through the same text */
        int r;

        config_init(&tree);
        if (config_read_string(&tree, config->text) != CONFIG_TRUE) {
                config_destroy(&tree);
                return rv_error_set(err, -EIO, "%s cannot be read again", path);
        }
        list = config_lookup(&tree, "tests");
        if (!list || config_setting_type(list) != CONFIG_TYPE_LIST || config_setting_length(list) == 0) {
                _cleanup_free_ char *text = NULL;
                if (asprintf(&text, "%s:%u: tests: a list of groups is wanted: ( { }, … )", path,
                             list ? list->line : 0) < 0)
                        text = NULL;
                r = text && append_text(errors, text) == 0 ? 0 : rv_error_oom(err);
        } else
                r = run_tests(config, path, list, report, err);
        config_destroy(&tree);
        return r;
}

int rv_lab_test_file(const char *path, json_t **ret, struct rv_error *err) {
        _cleanup_json_ json_t *report =
                json_pack("{s:s, s:[], s:i, s:i, s:[]}", "file", path, "errors", "passed", 0, "failed", 0, "tests");
        struct rv_config_errors errors = {0};
        struct rv_config *config = NULL;
        int r;

        if (!report)
                return rv_error_oom(err);
        r = rv_config_load_beside(&config, path, "tests", &errors);
        for (size_t i = 0; i < errors.n; i++)
                if (append_text(json_object_get(report, "errors"), errors.text[i]) < 0)
                        r = -ENOMEM;
        rv_config_errors_done(&errors);
        if (r == 0)
                r = read_tests(config, path, report, err);
        else if (json_array_size(json_object_get(report, "errors")) > 0 && r != -ENOMEM)
                r = 0;
        else
                rv_error_set(err, r, "%s: %s", path, strerror(-r));
        rv_config_unref(config);
        if (r < 0)
                return r;
        *ret = RV_TAKE(report);
        return 0;
}
