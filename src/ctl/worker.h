/* A Git worker of our own, asked one thing after the other. */
#pragma once

#include "ctl/args.h"
#include "revertd/config.h"
#include "revertd/gitclient.h"

struct worker;

/* The configuration that --config.file names. */
int ctl_load_config(const struct args *args, struct rv_config **ret, struct rv_error *err) RV_MUST_CHECK;

int worker_new(struct worker **ret, const struct args *args, const struct rv_repository_config *repository,
               bool is_read_only, struct rv_error *err) RV_MUST_CHECK;
struct worker *worker_free(struct worker *worker);

/* Takes request, waits for the answer, and says what it waits for where that takes long. */
int worker_ask(struct worker *worker, struct rv_git_request *request, struct rv_git_reply **ret,
               struct rv_error *err) RV_MUST_CHECK;
/* The same, and an outcome that is not OK is an error that says so. */
int worker_ask_ok(struct worker *worker, struct rv_git_request *request, struct rv_git_reply **ret,
                  struct rv_error *err) RV_MUST_CHECK;
/* What the outcome means, with what the worker said. Returns -EREMOTEIO. */
int worker_explain(const struct rv_git_reply *reply, struct rv_error *err);
