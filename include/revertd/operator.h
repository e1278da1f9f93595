/* The operators that apply a repository: Argo CD by its own API or by Kubernetes's, Flux by Kubernetes's. They are asked
 * what is applied, and told that there is something new. */
#pragma once

#include "revertd/applied.h"
#include "revertd/http_client.h"

struct rv_operators; /* the configured ones */

/* What became of telling one that there is something new; err NULL: it took it. From the loop. */
typedef void (*rv_nudged_callback)(size_t index, const char *application, const struct rv_error *err, void *userdata);
int rv_operators_new(struct rv_operators **ret, const struct rv_config *config, struct rv_http_client *client,
                     rv_nudged_callback nudged, void *userdata, struct rv_error *err) RV_MUST_CHECK;
struct rv_operators *rv_operators_free(struct rv_operators *operators); /* drops what is under way */

/* The callback comes exactly once, from the loop. applied NULL: there is no answer, and err says why. Both lent.
 * space: the application's namespace; NULL: the operator's own. With nudge, and where the operator's section asks for
 * it, the operator is told too, once it has answered. */
typedef void (*rv_applied_callback)(const struct rv_applied *applied, const struct rv_error *err, void *userdata);
int rv_operator_ask(struct rv_operators *operators, size_t index, const char *space, const char *name, bool nudge,
                    rv_applied_callback callback, void *userdata, struct rv_error *err) RV_MUST_CHECK;

struct rv_operator_metrics {
        uint64_t questions, failures;
        double seconds_sum;
        uint64_t nudges, nudge_failures;
};
const struct rv_operator_metrics *rv_operator_get_metrics(const struct rv_operators *operators, size_t index);

/* -- What they answer -- */

/* An Application (argoproj.io/v1alpha1), from either API. */
int rv_argocd_parse(const struct rv_http_response *response, struct rv_applied *ret,
                    struct rv_error *err) RV_MUST_CHECK;

/* A Kustomization (kustomize.toolkit.fluxcd.io/v1), and where it comes from. */
struct rv_flux_source {
        char space[254], name[254]; /* of a GitRepository; "": it is none */
};
int rv_flux_parse(const struct rv_http_response *response, struct rv_applied *ret, struct rv_flux_source *ret_source,
                  struct rv_error *err) RV_MUST_CHECK;
