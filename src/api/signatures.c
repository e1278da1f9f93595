/* Which webhooks are signed, and by what. */
#include "handlers.h"

#include "revertd/credential.h"

#include <string.h>

struct rv_signatures {
        const struct rv_signature_config *config; /* the names are its */
        struct rv_http_signature *signature;      /* as many */
        size_t n;
};

int rv_signatures_new(struct rv_signatures **ret, const struct rv_config *config, struct rv_error *err) {
        struct rv_signatures *signatures = calloc(1, sizeof(*signatures));

        if (!signatures)
                return rv_error_oom(err);
        signatures->config = config->signatures;
        signatures->signature = calloc(config->n_signatures + 1, sizeof(*signatures->signature));
        if (!signatures->signature) {
                rv_signatures_free(signatures);
                return rv_error_oom(err);
        }
        for (; signatures->n < config->n_signatures; signatures->n++) {
                const struct rv_signature_config *section = &config->signatures[signatures->n];
                char *secret = NULL;
                int r = rv_credential_read(config->credentials_directory, section->credential, &secret, err);
                if (r < 0) {
                        rv_signatures_free(signatures);
                        return rv_error_prefix(err, r, "signature of %s", section->name);
                }
                signatures->signature[signatures->n] = (struct rv_http_signature){
                        .secret = secret, .header = section->header, .time_header = section->time_header};
        }
        *ret = signatures;
        return 0;
}

struct rv_signatures *rv_signatures_free(struct rv_signatures *signatures) {
        if (!signatures)
                return NULL;
        for (size_t i = 0; i < signatures->n; i++)
                rv_credential_free((char *)signatures->signature[i].secret);
        free(signatures->signature);
        free(signatures);
        return NULL;
}

const struct rv_http_signature *rv_api_signature(const char *path, void *userdata) {
        static const char prefix[] = RV_API_WEBHOOKS_PATH;
        const struct rv_api_context *context = userdata;
        const struct rv_signatures *signatures = context->signatures;

        for (size_t i = 0; signatures && i < signatures->n; i++)
                if (strncmp(path, prefix, strlen(prefix)) == 0 &&
                    strcmp(path + strlen(prefix), signatures->config[i].name) == 0)
                        return &signatures->signature[i];
        return NULL;
}
