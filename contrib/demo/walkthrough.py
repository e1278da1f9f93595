#!/usr/bin/env python3
"""The main job, told step by step with the time of each: what contrib/quickstart shows.

usage: walkthrough.py --programs DIR [--keep]
"""
import argparse
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

from parts import (Repository, Revertd, alertmanager, demo_service, free_port, operator, prometheus, settings,
                   slack_receiver, wait_until)

ERROR_RATIO = ('(sum by (app) (rate(http_requests_total{code=~"5.."}[5s])) or 0 * sum by (app) '
               '(rate(http_requests_total[5s]))) / sum by (app) (rate(http_requests_total[5s]))')

CONFIG = """
repositories: ( { name = "fleet"; url = "%(repository)s"; branch = "main"; poll = "2s"; } );
prometheus:   ( { name = "demo"; url = "%(prometheus)s"; } );
receivers:    ( { name = "deploys"; type = "slack"; credential = "slack-token"; channel = "C024BE91L";
                  api_url = "%(slack)s"; } );
rules: (
  { name = "http-error-ratio";
    summary = "{{ $labels.app }} fails {{ $value | humanizePercentage }} of its requests";
    prometheus = "demo"; interval = "1s"; for = "3s";
    expr = %(expr)s;
    breach = "> 0.05";
    repository = "fleet"; paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m";
    recover = "5s"; verify_timeout = "2m"; cooldown = "1s";
    mode = "enforce"; receivers = [ "deploys" ]; },
  { name = "page"; match = [ "severity=page", "app=~.+" ]; for = "2s";
    summary = "{{ $labels.alertname }} fires for {{ $labels.app }}";
    repository = "fleet"; paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m";
    recover = "2s"; verify_timeout = "2m"; cooldown = "1s";
    mode = "approve"; receivers = [ "deploys" ]; }
);
"""

# Only checkout is polled, so that each path is seen alone.
POLLED = ERROR_RATIO.replace("http_requests_total{code", 'http_requests_total{app="checkout",code').replace(
    "http_requests_total[5s]", 'http_requests_total{app="checkout"}[5s]')

ALERTS = """groups:
- name: demo
  rules:
  - alert: SearchErrors
    expr: sum by (app) (rate(http_requests_total{app="search",code=~"5.."}[5s])) > 1
    for: 2s
    labels: {severity: page}
    annotations: {summary: "search answers with errors"}
"""


class Story:
    """Prints lines with their times, in the order in which things happened."""

    def __init__(self):
        self.lock = threading.Lock()
        self.heard = []  # (time, lines) of what the parts said of themselves, until told
        self.message = None

    def tell(self, text, at=None):
        at = at or time.time()
        stamp = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"
        first, *more = text.splitlines()
        print("\n".join([f"{stamp}  {first}"] + [(INDENT + line).rstrip() for line in more]), flush=True)

    def chapter(self, text):
        print(f"\n── {text}\n", flush=True)

    def hear(self, text):
        with self.lock:
            self.heard.append((time.time(), text))

    def hear_operator(self, line):
        self.hear("operator: " + line[:18])

    def hear_slack(self, line):
        """Messages in full, what follows in their threads as one line; updates repeat what the thread says."""
        if line.startswith("┌"):
            self.message = [line]
        elif line != "└" or not self.message:
            self.message = (self.message or []) + [line]
        elif self.message[0].endswith(": message"):
            self.hear("\n".join(self.message + [line]))
        elif self.message[0].endswith("thread"):
            self.hear("Slack, in the thread: " + self.message[1].lstrip("│ "))

    def tell_with(self, told):
        """What was heard up to now and what the caller has, by time. told: (time, text)."""
        with self.lock:
            heard, self.heard = self.heard, []
        for at, text in sorted(heard + told, key=lambda item: item[0]):
            self.tell(text, at)


INDENT = " " * 14

TOLD = {
    "attributing": "looking for the commit that did it",
    "holding": "the plan is complete, and waits for a person",
    "reverting": "culprit: {culprit}; the revert is being pushed",
    "converging": "pushed: {revert}",
    "verifying": "the remote branch holds the revert; now the metric must recover",
    "recovered": "recovered: it has been well for as long as the rule wants",
}


def tell_of(transition, incident):
    suspects, plan = incident.get("suspects") or [], incident.get("plan") or {}
    culprit = suspects[0]["commit"] if suspects else {"id": "", "subject": ""}
    otherwise = transition["to"] + ": " + (transition.get("detail") or transition.get("reason", ""))
    return TOLD.get(transition["to"], otherwise).format(
        culprit=f"{culprit['id'][:10]} “{culprit['subject']}”", revert=(plan.get("commit") or "")[:10])


def follow(story, revertd, rule, onset, approve=None):
    """Tell of the rule's incident until it ends; the incident."""
    told, approved = 0, False
    while True:
        found = revertd.incidents(f"?rule={rule}&limit=1")
        if not found:
            story.tell_with([])
            time.sleep(0.05)
            continue
        full = revertd.get("/api/v1/incidents/" + found[0]["id"])
        incident, transitions = full["incident"], full["transitions"]
        news = [(t["at_usec"] / 1e6, tell_of(t, incident)) for t in transitions[told:]]
        if told == 0:
            times = incident["times"]
            news.insert(0, (times["onset_usec"] / 1e6, onset))
            news.insert(1, (times["detected_usec"] / 1e6, f"breach seen: {incident['summary']}; incident {incident['id']}"))
        story.tell_with(news)
        told = len(transitions)
        if incident["state"] == "holding" and approve and not approved:
            approve(incident["id"])
            approved = True
        if incident["times"]["ended_usec"]:
            return incident
        time.sleep(0.05)


def seconds(times, start, end):
    return f"{(times[end] - times[start]) / 1e6:.1f} s"


def main():
    parser = argparse.ArgumentParser(description="show the main job on real parts")
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    programs = options.programs.resolve()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-demo-"))
    story, parts, status = Story(), [], 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGINT's own may be ignored, in the background
    try:
        run(story, parts, directory, programs)
        status = 0
        if options.keep:
            keep(story, parts, directory, programs)
    except (TimeoutError, RuntimeError, OSError) as error:
        status = 1
        tell_failure(story, parts, error, directory)
    except KeyboardInterrupt:
        print()
        status = status and 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for part in reversed(parts):
            part.stop()
        if status != 1:
            shutil.rmtree(directory, ignore_errors=True)
    return status


def tell_failure(story, parts, error, directory):
    story.tell_with([])
    story.chapter("How the logs end")
    for part in parts:
        process = getattr(part, "part", part)
        if process and process.log():
            print(f"{process.name}:\n  " + "\n  ".join(process.log().splitlines()[-8:]) + "\n")
    print(f"All logs and files are in {directory}\nFAILED: {error}", flush=True)


def run(story, parts, directory, programs):
    story.chapter("Starting the parts, all on loopback")
    repository = Repository(directory)
    repository.commit({"apps/checkout/settings.json": settings(500), "apps/search/settings.json": settings(500),
                       "apps/cart/settings.json": settings(500), "README.md": "What runs in production.\n"}, "Start the fleet")
    deployed = directory / "deployed"
    deployer = operator(directory, repository, deployed)
    parts.append(deployer)
    services = [demo_service(directory, app, deployed) for app in ("checkout", "search")]
    parts += services
    slack = slack_receiver(directory)
    parts.append(slack)
    alertmanager_port = free_port()
    server = prometheus(directory, [s.port for s in services], alertmanager_port, ALERTS)
    parts.append(server)
    revertd = Revertd(directory, programs)
    revertd.credential("slack-token", "xoxb-demo")
    revertd.write_config(CONFIG % {"repository": repository.path, "prometheus": server.url, "slack": slack.url,
                                   "expr": json.dumps(POLLED)})
    parts.append(revertd)
    revertd.start()
    parts.append(alertmanager(directory, revertd.url + "/webhooks/alertmanager", Revertd.TOKEN, alertmanager_port))
    story.tell(f"config repository  {repository.path}\noperator           applies it to two services, every 0.5 s\n"
               f"Prometheus         {server.url}\nAlertmanager       http://127.0.0.1:{alertmanager_port}\n"
               f"revertd            {revertd.url}")

    def healthy():
        rules = {r["name"]: r for r in revertd.get("/api/v1/rules")["rules"]}
        return any(s["verdict"] == "ok" for s in rules["http-error-ratio"]["series"])
    wait_until(healthy, 60, "the rule to see a healthy service")
    story.tell("revertd sees checkout healthy")
    slack.on_line = story.hear_slack
    deployer.on_line = story.hear_operator

    story.chapter("First path: revertd polls Prometheus, and reverts by itself (mode enforce)")
    bad = repository.commit({"apps/checkout/settings.json": settings(5)}, "Lower checkout's timeout to save memory",
                            "Bob Example <bob@example.com>")
    story.hear(f"bad commit {bad[:10]} “Lower checkout's timeout to save memory”: 500 ms becomes 5 ms")
    other = repository.commit({"apps/cart/settings.json": settings(500, "tuned")}, "Note that cart is tuned",
                              "Cleo Example <cleo@example.com>")
    story.hear(f"a harmless commit after it, {other[:10]}: the culprit is not the newest one")
    incident = follow(story, revertd, "http-error-ratio", "the breach begins")
    conclude(story, repository, incident, bad, "it began")

    story.chapter("Second path: Alertmanager's webhook, and a person approves (mode approve)")
    bad = repository.commit({"apps/search/settings.json": settings(30)}, "Tighten search's timeout",
                            "Bob Example <bob@example.com>")
    story.hear(f"bad commit {bad[:10]} “Tighten search's timeout”: 500 ms becomes 30 ms")

    def approve(incident):
        story.tell(f"$ revertctl approve {incident[:8]} --reason 'seen in the demo'")
        revertd.ctl("approve", incident[:8], "--reason", "seen in the demo", "--no-wait")
    incident = follow(story, revertd, "page", "the breach begins; the alert waits for 2 s before it fires", approve)
    conclude(story, repository, incident, bad, "it began")

    story.chapter("$ revertctl incidents")
    print(revertd.ctl("incidents").stdout)
    print("Success: both bad commits were found, reverted, pushed and applied, and both services recovered.")


def conclude(story, repository, incident, bad, began):
    if incident["state"] != "recovered":
        raise RuntimeError(f"the incident ended as {incident['state']} ({incident.get('reason')}): {incident.get('detail')}")
    revert = incident["plan"]["commit"]
    if incident["suspects"][0]["commit"]["id"] != bad or revert not in repository.reverts():
        raise RuntimeError("the wrong commit was reverted")
    times = incident["times"]
    story.tell(f"seen {seconds(times, 'onset_usec', 'detected_usec')} after {began}, pushed "
               f"{seconds(times, 'detected_usec', 'pushed_usec')} later, well again "
               f"{seconds(times, 'pushed_usec', 'recovered_usec')} after that. The revert:\n\n" +
               repository.git("-C", repository.path, "show", "--patch", "--format=medium",
                              "--color=" + ("always" if sys.stdout.isatty() else "never"), revert))


def keep(story, parts, directory, programs):
    revertd = next(p for p in parts if isinstance(p, Revertd))
    story.chapter("Everything goes on running; Ctrl-C ends it. To play with:")
    print(f"""
  export REVERTD_URL=unix:{revertd.socket}
  {programs}/revertctl status
  {programs}/revertctl incidents
  cd {directory}/fleet-clone      # break something: edit apps/checkout/settings.json, commit, push
""")
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
