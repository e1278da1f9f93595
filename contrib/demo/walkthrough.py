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
  { name = "page"; match = [ "severity=page", "app=~.+" ];
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
    """Prints lines with the time since the start."""

    def __init__(self):
        self.start = time.time()
        self.lock = threading.Lock()

    def tell(self, text, at=None):
        at = at or time.time()
        stamp = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"
        with self.lock:
            for line in text.splitlines():
                print(f"{stamp}  {line}", flush=True)

    def chapter(self, text):
        with self.lock:
            print(f"\n── {text}", flush=True)

    def show(self, text):
        with self.lock:
            for line in text.splitlines():
                print(f"              {line}", flush=True)


TOLD = {
    "confirming": "breach seen by revertd; incident {id}",
    "attributing": "looking for the commit that did it",
    "holding": "the plan is complete, and waits",
    "reverting": "culprit {culprit}; the revert is on its way",
    "converging": "pushed {revert}",
    "verifying": "the remote branch holds the revert; now the metric must recover",
    "recovered": "recovered",
}


def follow(story, revertd, rule, approve=None):
    """Tell of the rule's newest incident until it ends; the incident."""
    told, approved = 0, False
    while True:
        found = wait_until(lambda: revertd.incidents(f"?rule={rule}&limit=1"), 60, f"an incident of {rule}")
        full = revertd.get("/api/v1/incidents/" + found[0]["id"])
        incident, transitions = full["incident"], full["transitions"]
        for transition in transitions[told:]:
            plan = incident.get("plan") or {}
            suspects = incident.get("suspects") or []
            culprit = suspects[0]["commit"] if suspects else {}
            line = TOLD.get(transition["to"], transition["to"] + ": " + (transition.get("detail") or
                                                                       transition.get("reason", "")))
            story.tell(line.format(id=incident["id"], culprit=f"{culprit.get('id', '')[:10]} “{culprit.get('subject', '')}”",
                                   revert=(plan.get("commit") or "")[:10]), transition["at_usec"] / 1e6)
        told = len(transitions)
        if incident["state"] == "holding" and approve and not approved:
            approve(incident["id"])
            approved = True
        if incident["times"].get("ended_usec"):
            return incident
        time.sleep(0.1)


def seconds(times, start, end):
    return f"{(times[end] - times[start]) / 1e6:.1f} s"


def main():
    parser = argparse.ArgumentParser(description="show the main job on real parts")
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    programs = options.programs.resolve()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-demo-"))
    story, parts, failed = Story(), [], True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run(story, parts, directory, programs)
        failed = False
        if options.keep:
            keep(story, parts, directory, programs)
    except (TimeoutError, RuntimeError, OSError) as error:
        story.chapter("FAILED")
        print(error)
        for part in parts:
            process = getattr(part, "part", part)
            if process:
                print(f"\n{process.name}: the end of its log\n" + "\n".join(process.log().splitlines()[-15:]))
    except KeyboardInterrupt:
        print()
    finally:
        for part in reversed(parts):
            part.stop()
        if not failed:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            print(f"Its files are in {directory}")
    return 1 if failed else 0


def run(story, parts, directory, programs):
    story.chapter("Starting the parts, all on loopback")
    repository = Repository(directory)
    repository.commit({"apps/checkout/settings.json": settings(500), "apps/search/settings.json": settings(500),
                       "README.md": "What runs in production.\n"}, "Start the fleet")
    deployed = directory / "deployed"
    parts.append(operator(directory, repository, deployed))
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
    story.tell(f"repository {repository.path}\nPrometheus {server.url}   revertd {revertd.url}   "
               f"Alertmanager http://127.0.0.1:{alertmanager_port}")

    def healthy():
        rules = {r["name"]: r for r in revertd.get("/api/v1/rules")["rules"]}
        return any(s["verdict"] == "ok" for s in rules["http-error-ratio"]["series"])
    wait_until(healthy, 60, "the rule to see a healthy service")
    story.tell("revertd has seen checkout healthy")
    slack.on_line = story.show

    story.chapter("First path: revertd polls Prometheus, and reverts by itself (mode enforce)")
    bad = repository.commit({"apps/checkout/settings.json": settings(5)}, "Lower checkout's timeout to save memory",
                            "Bob Example <bob@example.com>")
    story.tell(f"bad commit {bad[:10]} “Lower checkout's timeout to save memory”: 500 ms becomes 5 ms")
    other = repository.commit({"apps/search/settings.json": settings(500, "tuned")}, "Note that search is tuned",
                              "Cleo Example <cleo@example.com>")
    story.tell(f"and a harmless one after it, {other[:10]}, so that the culprit is not the newest commit")
    incident = follow(story, revertd, "http-error-ratio")
    conclude(story, repository, incident, bad)

    story.chapter("Second path: Alertmanager's webhook, and a person approves (mode approve)")
    bad = repository.commit({"apps/search/settings.json": settings(30, "tuned")}, "Tighten search's timeout",
                            "Bob Example <bob@example.com>")
    story.tell(f"bad commit {bad[:10]} “Tighten search's timeout”: 500 ms becomes 30 ms")

    def approve(incident):
        story.tell(f"$ revertctl approve {incident[:8]} --reason 'seen in the demo'")
        revertd.ctl("approve", incident[:8], "--reason", "seen in the demo", "--no-wait")
    incident = follow(story, revertd, "page", approve)
    conclude(story, repository, incident, bad)

    story.chapter("$ revertctl incidents")
    print(revertd.ctl("incidents").stdout)
    print("Success: both bad commits were found, reverted, pushed and applied, and both services recovered.")


def conclude(story, repository, incident, bad):
    if incident["state"] != "recovered":
        raise RuntimeError(f"the incident ended as {incident['state']} ({incident.get('reason')}): {incident.get('detail')}")
    revert = incident["plan"]["commit"]
    if incident["suspects"][0]["commit"]["id"] != bad or repository.git("-C", repository.path, "rev-parse",
                                                                       revert + "^{tree}") == "":
        raise RuntimeError("the wrong commit was reverted")
    times = incident["times"]
    story.tell(f"onset to detected {seconds(times, 'onset_usec', 'detected_usec')}, detected to pushed "
               f"{seconds(times, 'detected_usec', 'pushed_usec')}, pushed to recovered "
               f"{seconds(times, 'pushed_usec', 'recovered_usec')}")
    story.show(repository.git("-C", repository.path, "show", "--stat", "--patch", "--format=medium", revert))


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
