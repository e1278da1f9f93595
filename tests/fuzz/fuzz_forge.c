/* Any bytes as a forge's answer, to any question: a verdict, and nothing that could not be shown to people. The first
 * two bytes say which forge, which question and which status. */
#include "fuzz.h"

#include "revertd/forge.h"
#include "revertd/text.h"

#include <string.h>

static void must_be_shown(const struct rv_forge_pull *pull) {
        const struct rv_proposal *proposal = &pull->proposal;

        must(proposal->number > 0 && proposal->state < RV_PROPOSAL_STATE_MAX);
        must(!proposal->url || strncmp(proposal->url, "http", 4) == 0);
        must(proposal->state == RV_PROPOSAL_MERGED || !proposal->merged.hex[0]);
        must(strspn(pull->head.hex, "0123456789abcdef") == strlen(pull->head.hex));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const long statuses[] = {200, 201, 204, 302, 400, 401, 403, 404, 405, 409, 422, 429, 500};
        struct rv_repository_config config = {.branch = (char *)"main",
                                              .forge_url = (char *)"https://git.example.com/api/v1",
                                              .forge_project = (char *)"acme/fleet"};
        const struct rv_forge_subject subject = {.branch = "revertd/7f3c"};
        enum rv_forge_verdict verdict = RV_FORGE_VERDICT_MAX;
        struct rv_error words = {};
        struct rv_forge_pull pull;

        if (n < 2)
                return 0;
        config.forge = RV_FORGE_GITHUB + data[0] % (RV_FORGE_MAX - RV_FORGE_GITHUB);
        const enum rv_forge_question question = data[0] / 16 % RV_FORGE_QUESTION_MAX;
        const struct rv_forge_answer answer = {.status = statuses[data[1] % (sizeof statuses / sizeof *statuses)],
                                               .body = (const char *)data + 2,
                                               .n = n - 2};
        must(rv_forge_judge(&config, question, &subject, &answer, &pull, &verdict, &words) == 0);
        must(verdict < RV_FORGE_VERDICT_MAX);
        must(rv_text_is_utf8(words.text, strlen(words.text)) && !strpbrk(words.text, "\r\n\033"));
        if (pull.proposal.number > 0 || (verdict == RV_FORGE_DONE && question <= RV_FORGE_READ))
                must_be_shown(&pull);
        rv_forge_pull_done(&pull);
        return 0;
}
