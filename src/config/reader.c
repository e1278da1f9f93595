#include "config/reader.h"

#include "config/values.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void *at_offset(void *base, size_t offset) {
        return (char *)base + offset;
}

static config_setting_t *member(config_setting_t *group, const char *name) {
        return group ? config_setting_get_member(group, name) : NULL;
}

static unsigned line_of(const config_setting_t *setting) {
        return setting ? setting->line : 0;
}

/* "rule http-error-ratio: interval", "listen: socket", "budget". Caller frees; NULL: out of memory. */
static char *describe(const struct rv_reader *reader, const char *key) {
        bool defaults = reader->in_defaults || reader->from_defaults;
        const char *one = defaults ? "defaults" : rv_section_info(reader->section)->one;
        const char *name = defaults ? NULL : reader->name;
        char *text = NULL;
        if (asprintf(&text, "%s%s%s%s%s", one, name ? " " : "", name ? name : "", *one && key ? ": " : "",
                     key ? key : "") < 0)
                return NULL;
        return text;
}

static void problem(struct rv_reader *reader, const char *file, unsigned line, const char *key, const char *text) {
        _cleanup_free_ char *where = describe(reader, key);
        if (!where)
                reader->problems->out_of_memory = true;
        else
                rv_problems_add(reader->problems, file, line, "%s%s%s", where, *where ? ": " : "", text);
}

bool rv_reader_given(const struct rv_reader *reader, const char *key) {
        return reader->given[rv_schema_find(reader->section, key) - rv_schema];
}

void rv_reader_problem(struct rv_reader *reader, const char *key, const char *fmt, ...) {
        config_setting_t *setting = key ? member(reader->group, key) : NULL;
        _cleanup_free_ char *text = NULL;
        va_list ap;
        va_start(ap, fmt);
        int r = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                reader->problems->out_of_memory = true;
                return;
        }
        problem(reader, reader->file, line_of(setting ? setting : reader->group), key, text);
}

/* -- One key -- */

static const char *kind_of(const config_setting_t *setting) {
        switch (config_setting_type(setting)) {
        case CONFIG_TYPE_GROUP:
                return "a group { }";
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
        case CONFIG_TYPE_FLOAT:
                return "a number";
        case CONFIG_TYPE_BOOL:
                return "true or false";
        case CONFIG_TYPE_ARRAY:
                return "an array [ ]";
        case CONFIG_TYPE_LIST:
                return "a list ( )";
        default:
                return "a string";
        }
}

/* One value of the key, as text. Says what is wrong with it; -ENOMEM. */
static int take(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                const char *text, void *base) {
        struct rv_error err = {0};
        int r = key->type->take(reader, key, text, base, &err);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                problem(reader, file, line_of(setting), key->name, err.text);
        return 0;
}

static int read_string(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                       void *base) {
        char text[RV_KEY_TEXT_MAX];
        if (config_setting_type(setting) == CONFIG_TYPE_STRING)
                return take(reader, key, setting, file, config_setting_get_string(setting), base);
        snprintf(text, sizeof(text), "a string in quotes (%s) is wanted, not %s", key->type->name, kind_of(setting));
        problem(reader, file, line_of(setting), key->name, text);
        return 0;
}

static int read_integer(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                        void *base) {
        char text[RV_KEY_TEXT_MAX];
        int type = config_setting_type(setting);
        if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) {
                snprintf(text, sizeof(text), "%lld", config_setting_get_int64(setting));
                return take(reader, key, setting, file, text, base);
        }
        snprintf(text, sizeof(text), "a whole number is wanted, not %s", kind_of(setting));
        problem(reader, file, line_of(setting), key->name, text);
        return 0;
}

static int read_boolean(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                        void *base) {
        char text[RV_KEY_TEXT_MAX];
        if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
                return take(reader, key, setting, file, config_setting_get_bool(setting) ? "true" : "false", base);
        snprintf(text, sizeof(text), "true or false is wanted, not %s", kind_of(setting));
        problem(reader, file, line_of(setting), key->name, text);
        return 0;
}

static int read_strings(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                        void *base) {
        int type = config_setting_type(setting);
        if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
                return read_string(reader, key, setting, file, base);
        int n = config_setting_length(setting);
        if (n == 0 && (key->flags & RV_KEY_NONEMPTY))
                problem(reader, file, line_of(setting), key->name, "is empty");
        for (int i = 0; i < n; i++) {
                int r = read_string(reader, key, config_setting_get_elem(setting, (unsigned)i), file, base);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_setting(struct rv_reader *reader, const struct rv_key *key, config_setting_t *setting, const char *file,
                        void *base) {
        if (key->type->list)
                return read_strings(reader, key, setting, file, base);
        if (key->type->integer)
                return read_integer(reader, key, setting, file, base);
        if (key->type->boolean)
                return read_boolean(reader, key, setting, file, base);
        return read_string(reader, key, setting, file, base);
}

/* -- One group -- */

static void check_known(struct rv_reader *reader) {
        for (int i = 0, n = reader->group ? config_setting_length(reader->group) : 0; i < n; i++) {
                config_setting_t *setting = config_setting_get_elem(reader->group, (unsigned)i);
                const struct rv_key *key = rv_schema_find(reader->section, setting->name);
                char text[RV_KEY_TEXT_MAX] = "unknown key";
                if (key && (!reader->in_defaults || (key->flags & RV_KEY_IN_DEFAULTS)))
                        continue;
                if (reader->section == RV_SECTION_ROOT) {
                        bool known = strcmp(setting->name, "defaults") == 0 ||
                                     (reader->other && strcmp(setting->name, reader->other) == 0);
                        for (enum rv_section s = RV_SECTION_LISTEN; s < RV_SECTION_MAX && !known; s++)
                                known = strcmp(setting->name, rv_section_info(s)->name) == 0;
                        if (known)
                                continue;
                }
                const char *like = rv_schema_suggest(reader->section, setting->name);
                if (key)
                        snprintf(text, sizeof(text), "belongs in a rule, not in defaults");
                else if (like)
                        snprintf(text, sizeof(text), "unknown key; did you mean %s?", like);
                problem(reader, reader->file, line_of(setting), setting->name, text);
        }
}

static int read_key(struct rv_reader *reader, const struct rv_key *key, void *base) {
        config_setting_t *setting = member(reader->group, key->name);

        reader->given[key - rv_schema] = setting != NULL;
        if (setting)
                return read_setting(reader, key, setting, reader->file, base);
        if (key->section == RV_SECTION_RULE && (key->flags & RV_KEY_IN_DEFAULTS))
                setting = member(reader->defaults, key->name);
        if (setting) {
                reader->from_defaults = true;
                int r = read_setting(reader, key, setting, reader->main_file, base);
                reader->from_defaults = false;
                return r;
        }
        if (reader->in_defaults)
                return 0;
        if (key->flags & RV_KEY_REQUIRED)
                problem(reader, reader->file, line_of(reader->group), key->name, "is missing");
        return key->fallback ? take(reader, key, reader->group, reader->file, key->fallback, base) : 0;
}

/* group NULL: it is not there, all keys have their defaults. */
static int read_group(struct rv_reader *reader, enum rv_section section, config_setting_t *group, void *base) {
        config_setting_t *name = member(group, "name");
        struct rv_error ignored;
        int r = 0;

        reader->section = section;
        reader->group = group;
        reader->name = NULL;
        if (rv_section_info(section)->list && name && config_setting_type(name) == CONFIG_TYPE_STRING &&
            rv_value_check_name(config_setting_get_string(name), &ignored) == 0)
                reader->name = config_setting_get_string(name);
        check_known(reader);
        for (size_t i = 0; i < rv_schema_n && r == 0; i++)
                if (rv_schema[i].section == section)
                        r = read_key(reader, &rv_schema[i], base);
        return r < 0 || reader->in_defaults ? r : rv_check_section(reader, section, base);
}

void rv_section_done(enum rv_section section, void *base) {
        for (size_t i = 0; i < rv_schema_n; i++)
                if (rv_schema[i].section == section && rv_schema[i].type->done)
                        rv_schema[i].type->done(&rv_schema[i], base);
}

/* -- Groups and lists of groups -- */

static void reject(struct rv_reader *reader, enum rv_section section, const config_setting_t *setting,
                   const char *wanted) {
        char text[RV_KEY_TEXT_MAX];
        reader->section = section;
        reader->name = NULL;
        snprintf(text, sizeof(text), "%s is wanted, not %s", wanted, kind_of(setting));
        problem(reader, reader->file, line_of(setting), NULL, text);
}

static int read_single(struct rv_reader *reader, enum rv_section section, config_setting_t *root) {
        const struct rv_section_info *info = rv_section_info(section);
        config_setting_t *group = member(root, info->name);
        if (group && config_setting_type(group) != CONFIG_TYPE_GROUP) {
                reject(reader, section, group, "a group { }");
                return 0;
        }
        return read_group(reader, section, group, at_offset(reader->config, info->offset));
}

static int read_element(struct rv_reader *reader, enum rv_section section, config_setting_t *group) {
        const struct rv_section_info *info = rv_section_info(section);
        void **array = at_offset(reader->config, info->offset);
        size_t *n = at_offset(reader->config, info->offset_n);

        /* Doubles at each power of two, so that 10,000 rules cost no more than their bytes. */
        if ((*n & (*n - 1)) == 0) {
                void *grown = reallocarray(*array, *n > 0 ? 2 * *n : 1, info->size);
                if (!grown)
                        return -ENOMEM;
                *array = grown;
        }
        void *base = at_offset(*array, *n * info->size);
        memset(base, 0, info->size);
        *(struct rv_location *)at_offset(base, info->offset_at) = (struct rv_location){reader->file, group->line};
        ++*n;
        if (section == RV_SECTION_RULE) {
                struct rv_rule_config *rule = base;
                rule->prometheus = rule->repository = rule->alertmanager = rule->applied_by = -1;
        }
        return read_group(reader, section, group, base);
}

static int read_list(struct rv_reader *reader, enum rv_section section, config_setting_t *root) {
        config_setting_t *list = member(root, rv_section_info(section)->name);
        if (!list)
                return 0;
        if (config_setting_type(list) != CONFIG_TYPE_LIST) {
                reject(reader, section, list, "a list of groups ( { }, … )");
                return 0;
        }
        for (int i = 0, n = config_setting_length(list); i < n; i++) {
                config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
                if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
                        reject(reader, section, group, "a group { }");
                        continue;
                }
                int r = read_element(reader, section, group);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Read once for its own sake, so that what is wrong in it is said even where no rule uses it. */
static int read_defaults(struct rv_reader *reader, config_setting_t *root) {
        struct rv_rule_config scratch = {.prometheus = -1, .repository = -1, .alertmanager = -1, .applied_by = -1};
        config_setting_t *group = member(root, "defaults");
        if (!group)
                return 0;
        reader->in_defaults = true;
        if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
                reject(reader, RV_SECTION_RULE, group, "a group { }");
                group = NULL;
        }
        int r = group ? read_group(reader, RV_SECTION_RULE, group, &scratch) : 0;
        reader->in_defaults = false;
        reader->defaults = group;
        rv_section_done(RV_SECTION_RULE, &scratch);
        return r;
}

int rv_reader_main(struct rv_reader *reader, config_setting_t *root) {
        int r = read_group(reader, RV_SECTION_ROOT, root, reader->config);
        if (r == 0)
                r = read_single(reader, RV_SECTION_LISTEN, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_REPOSITORY, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_PROMETHEUS, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_ALERTMANAGER, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_EVENT, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_SIGNATURE, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_OPERATOR, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_RECEIVER, root);
        if (r == 0)
                r = read_defaults(reader, root);
        if (r == 0)
                r = read_list(reader, RV_SECTION_RULE, root);
        return r;
}

int rv_reader_rules(struct rv_reader *reader, config_setting_t *root) {
        reader->section = RV_SECTION_ROOT;
        reader->name = NULL;
        for (int i = 0, n = config_setting_length(root); i < n; i++) {
                config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);
                if (strcmp(setting->name, "rules") != 0)
                        problem(reader, reader->file, line_of(setting), setting->name,
                                "does not belong in a rule file, which holds only rules");
        }
        return read_list(reader, RV_SECTION_RULE, root);
}
