/* A repository's part of the configuration, written out as a configuration of its own. */
#include "config/schema.h"

#include "revertd/clock.h"

#include <errno.h>
#include <libconfig.h>
#include <string.h>

static bool write_strings(config_setting_t *group, const char *name, char *const *value) {
        config_setting_t *array = config_setting_add(group, name, CONFIG_TYPE_ARRAY);
        bool ok = array;

        for (; ok && *value; value++)
                ok = config_setting_set_string_elem(array, -1, *value);
        return ok;
}

static bool write_string(config_setting_t *group, const char *name, const char *value) {
        config_setting_t *setting = config_setting_add(group, name, CONFIG_TYPE_STRING);
        return setting && config_setting_set_string(setting, value) == CONFIG_TRUE;
}

static bool write_key(config_setting_t *group, const struct rv_key *key, const void *base) {
        const void *field = (const char *)base + key->offset;
        char text[RV_DURATION_TEXT_MAX];

        if (key->type->integer) {
                config_setting_t *setting = config_setting_add(group, key->name, CONFIG_TYPE_INT);
                return setting && config_setting_set_int(setting, *(const int *)field) == CONFIG_TRUE;
        }
        if (key->type->boolean) {
                config_setting_t *setting = config_setting_add(group, key->name, CONFIG_TYPE_BOOL);
                return setting && config_setting_set_bool(setting, *(const bool *)field) == CONFIG_TRUE;
        }
        if (key->type->words)
                return write_string(group, key->name, key->type->words(*(const unsigned *)field));
        if (key->type == &rv_type_duration)
                return write_string(group, key->name, rv_duration_format(*(const int64_t *)field, text));
        if (!*(void *const *)field)
                return true;
        return key->type->list ? write_strings(group, key->name, *(char **const *)field)
                               : write_string(group, key->name, *(char *const *)field);
}

static bool write_repository(config_setting_t *root, const struct rv_config *config, size_t index) {
        config_setting_t *list = config_setting_add(root, "repositories", CONFIG_TYPE_LIST);
        config_setting_t *group = list ? config_setting_add(list, NULL, CONFIG_TYPE_GROUP) : NULL;
        bool ok = group;

        if (config->credentials_directory)
                ok = ok && write_string(root, "credentials_directory", config->credentials_directory);
        for (size_t i = 0; ok && i < rv_schema_n; i++)
                if (rv_schema[i].section == RV_SECTION_REPOSITORY)
                        ok = write_key(group, &rv_schema[i], &config->repositories[index]);
        return ok;
}

int rv_config_write_repository(const struct rv_config *config, size_t index, FILE *f) {
        config_t tree;

        config_init(&tree);
        bool ok = write_repository(config_root_setting(&tree), config, index);
        if (ok)
                config_write(&tree, f);
        config_destroy(&tree);
        if (!ok)
                return -ENOMEM;
        return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}
