/* The table of verbs, and what the help says about each. */
#include "ctl/verbs.h"

/* clang-format off */
const struct verb verbs[] = {
        {
                .name = "status", .operands = "", .takes = "", .run = verb_status,
                .summary = "is it well, is it paused, what is open",
                .text = "Show whether the daemon is ready, what is paused and by whom, how many incidents are open, and how\n"
                        "the repositories and the receivers of notices fare.",
                .examples = "  revertctl status\n"
                            "  revertctl status --url=https://revertd.example.com --token-file=/etc/revertd/token\n",
        },
        {
                .name = "rules", .operands = "[RULE]", .takes = "", .max_operands = 1, .run = verb_rules,
                .summary = "the rules, and what they see now",
                .text = "Show each rule with its threshold, its verdicts over all label sets, and when it was last evaluated;\n"
                        "below, the label sets that are pending or firing. Of a rule that is named all label sets are shown,\n"
                        "those that are well too: 'revertctl explain' takes their labels.",
                .examples = "  revertctl rules\n"
                            "  revertctl rules http-error-ratio\n"
                            "  revertctl rules -o json | jq '.rules[] | select(.last_error)'\n",
        },
        {
                .name = "incidents", .operands = "", .takes = "sRl", .run = verb_incidents,
                .summary = "what happened, newest first",
                .text = "List incidents with their state, and the reason where nothing (more) was done.",
                .examples = "  revertctl incidents\n"
                            "  revertctl incidents --state=open\n"
                            "  revertctl incidents --state=declined --rule=http-error-ratio --limit=100\n",
        },
        {
                .name = "show", .operands = "INCIDENT", .takes = "d", .min_operands = 1, .max_operands = 1, .run = verb_show,
                .summary = "everything about one incident",
                .text = "Show what an incident is about, the value against the threshold, its times, the culprit with the\n"
                        "evidence against it, the plan, and the record of who decided what. The beginning of an incident's\n"
                        "id is enough.",
                .examples = "  revertctl show 7f3c\n"
                            "  revertctl show --diff 7f3c      # with the lines that the revert changes\n"
                            "  revertctl show -o json 7f3c\n",
        },
        {
                .name = "explain", .operands = "RULE [LABEL=VALUE…]", .takes = "LCDG", .min_operands = 1, .max_operands = -1,
                .run = verb_explain,
                .summary = "what a rule would do now, and why",
                .text = "Show what would be done about a label set of a rule if it fired now: its verdict and value, the\n"
                        "commits that could be the cause with the evidence against each, what each guard says, and the diff\n"
                        "of the revert. Nothing is pushed and nobody is told.\n"
                        "\n"
                        "Without a daemon the Git worker is run from here; then what only a daemon knows is left out.",
                .examples = "  revertctl explain http-error-ratio app=checkout\n"
                            "  revertctl explain -o json http-error-ratio app=checkout\n"
                            "  revertctl explain --no-daemon http-error-ratio app=checkout\n",
        },
        {
                .name = "revert", .operands = "[COMMIT…] [LABEL=VALUE…]", .takes = "rRpmfnywLCDG", .max_operands = -1,
                .run = verb_revert,
                .summary = "revert by hand, with the same guards",
                .text = "Revert commits, named by their full or short ids; or, with --rule and labels, the commit that the rule\n"
                        "would hold to be the cause. Several commits become one revert commit. The guards are asked as for an\n"
                        "automatic revert, of which --force overrides some. At a terminal the diff is shown and the push is\n"
                        "confirmed, unless --yes is given. What becomes of it is followed until it ends.\n"
                        "\n"
                        "Without a daemon the Git worker is run from here, with the daemon's configuration. It is said which\n"
                        "guards could not be asked, and the diff is shown before the push is confirmed.",
                .examples = "  revertctl revert -r fleet 9c1e2ab --dry-run\n"
                            "  revertctl revert -r fleet 9c1e2ab --reason='bad deploy'\n"
                            "  revertctl revert -r fleet 9c1e2ab 77d0f3e --path='apps/checkout/**'\n"
                            "  revertctl revert --rule=http-error-ratio app=checkout\n"
                            "  revertctl revert --no-daemon -r fleet 9c1e2ab\n",
        },
        {
                .name = "restore", .operands = "[LABEL=VALUE…]", .takes = "OrRpmfnywLCDG", .max_operands = -1,
                .run = verb_restore,
                .summary = "put paths back to what they were",
                .text = "Put paths back to what they were at an earlier commit of the branch, in one new commit. Everything that\n"
                        "touched them since is undone, and is listed; other paths stay. The paths are those given, or with --rule\n"
                        "and labels the rule's. The guards are asked about each commit that is undone, as for a revert. At a\n"
                        "terminal the diff is shown and the push is confirmed, unless --yes is given; what is not shown there is\n"
                        "not undone.\n"
                        "\n"
                        "Across a revert by revertd it goes with --force, as long as what that took away is undone too and does\n"
                        "not come back. At most 32 commits are undone, none older than 7 days.\n"
                        "\n"
                        "Without a daemon the Git worker is run from here, as for a revert.",
                .examples = "  revertctl restore -r fleet --to=9c1e2ab --path='apps/checkout/**' --dry-run\n"
                            "  revertctl restore -r fleet --to=HEAD~3 --path='apps/checkout/**' --reason='back to Friday'\n"
                            "  revertctl restore --rule=http-error-ratio --to=9c1e2ab~1 app=checkout\n",
        },
        {
                .name = "approve", .operands = "INCIDENT", .takes = "mw", .min_operands = 1, .max_operands = 1,
                .run = verb_approve,
                .summary = "let an incident's revert be pushed",
                .text = "Approve the revert of an incident that waits for a person, or that holds before its push. What becomes\n"
                        "of it is followed until it ends.",
                .examples = "  revertctl show 7f3c\n"
                            "  revertctl approve 7f3c --reason='seen in the graphs'\n"
                            "  revertctl approve 7f3c --no-wait\n",
        },
        {
                .name = "reject", .operands = "INCIDENT", .takes = "m", .min_operands = 1, .max_operands = 1,
                .run = verb_reject,
                .summary = "keep an incident's revert from being pushed",
                .text = "Say no to the revert of an incident that is not pushed yet. The incident ends as rejected.",
                .examples = "  revertctl reject 7f3c --reason='known, being fixed'\n",
        },
        {
                .name = "pause", .operands = "", .takes = "FmRr", .run = verb_pause,
                .summary = "push nothing until told otherwise",
                .text = "Pause everything, one rule or one repository. Rules are evaluated and incidents opened as before, but\n"
                        "nothing is pushed. A pause survives a restart.",
                .examples = "  revertctl pause --for=2h --reason=migration\n"
                            "  revertctl pause --rule=http-error-ratio\n"
                            "  revertctl pause --repository=fleet\n",
        },
        {
                .name = "resume", .operands = "", .takes = "Rr", .run = verb_resume,
                .summary = "end a pause",
                .text = "End the pause of everything, of one rule or of one repository, and show what is still paused.",
                .examples = "  revertctl resume\n"
                            "  revertctl resume --rule=http-error-ratio\n",
        },
        {
                .name = "check-config", .operands = "[FILE…]", .takes = "", .max_operands = -1, .is_local = true,
                .run = verb_check_config,
                .summary = "read a configuration as revertd would",
                .text = "Read configurations with the rule files that they name, and tell all that is wrong with them, each with\n"
                        "its file and line.",
                .examples = "  revertctl check-config\n"
                            "  revertctl check-config ./revertd.conf\n",
        },
        {
                .name = "test", .operands = "FILE…", .takes = "id", .min_operands = 1, .max_operands = -1, .is_local = true,
                .run = verb_test,
                .summary = "try rules in a made-up world",
                .text = "Run the tests of rules that stand in files: results of queries over time, commits, alerts, and what\n"
                        "revertd is expected to do about them. The daemon's own engine decides, under a clock of its own, and\n"
                        "neither server nor repository is needed. What people would read of each incident at its end is\n"
                        "shown with --show.",
                .examples = "  revertctl test rules/http-error-ratio.test\n"
                            "  revertctl test --show rules/http-error-ratio.test\n"
                            "  revertctl test -o json rules/*.test\n",
        },
        {
                .name = "backtest", .operands = "[RULE…]", .takes = "BEZIYWPCDG", .max_operands = -1, .is_local = true,
                .run = verb_backtest,
                .summary = "what would have been reverted in the past",
                .text = "Run rules over a past range of Prometheus's data and of the repository's history, by the daemon's own\n"
                        "engine under a clock of its own: which commits would have been reverted, when and how surely, what\n"
                        "would have been declined and why, and how long each breach really lasted. Every rule is run as if\n"
                        "its mode were enforce. Nothing can be pushed: the worker is started to read only. Of rules\n"
                        "that are fed by alerts, the alerts are those that Prometheus has in ALERTS.",
                .examples = "  revertctl backtest --last=30d\n"
                            "  revertctl backtest http-error-ratio --from=2026-03-01 --to=2026-04-01 --step=1m\n"
                            "  revertctl backtest --last=7d -o html --file=report.html\n",
        },
        {
                .name = "version", .operands = "", .takes = "", .run = verb_version,
                .summary = "the version of revertctl, and of the daemon",
                .text = "Show both versions; the daemon's where one answers.",
                .examples = "  revertctl version\n",
        },
        {0},
};
/* clang-format on */
