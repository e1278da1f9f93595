#!/usr/bin/env python3
"""An alert storm: a bad commit in each of a few services, then 100,000 alerts for them at once.

Several senders deliver as Alertmanager does (a 5xx is sent again, after a pause), while revertd evaluates a rule every
second against a local responder. Two storms: every alert comes ten times (replicas, short repeat intervals), and every
alert is another one. Printed: the reverts for each service, how late evaluations were, the slowest answer to a delivery,
how many were refused, and resident memory. Every kind of alert has a label of its own, so each is a series of the rule.

usage: storm.py --programs DIR [--alerts N] [--services N] [--senders N]
"""
import argparse
import http.server
import json
import pathlib
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "contrib" / "demo"))
import parts  # noqa: E402

PER_DELIVERY = 1000
INTERVAL = 1.0  # of the polled rule
RULES = """rules: (
  {{ name = "page"; match = [ "alertname=Errors" ]; repository = "fleet"; paths = [ "apps/{{{{ $labels.app }}}}/**" ];
     window = "30m"; mode = "enforce"; shared_cause = 0; verify_timeout = "1h"; }},
  {{ name = "polled"; prometheus = "prod"; expr = "up"; breach = "> 5"; interval = "1s"; repository = "fleet";
     paths = [ "other/**" ]; }} );"""


class Responder:
    """Answers queries at once with one healthy sample, and keeps when each came."""

    def __init__(self):
        times = self.times = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                times.append(time.monotonic())
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [
                    {"metric": {}, "value": [time.time(), "1"]}]}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def latest_delay(self, since, until):
        """The longest gap between two evaluations, over their interval."""
        times = [since, *[at for at in self.times if since <= at <= until], until]
        return max(0.0, max(b - a for a, b in zip(times, times[1:])) - INTERVAL)


def resident_mb(pid, key="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {key}")


def delivery(first, services, distinct, started):
    alerts = [{"status": "firing", "labels": {"alertname": "Errors", "app": f"app-{n % services}",
                                              "pod": f"pod-{n % distinct:06d}"},
               "annotations": {"summary": "fails"}, "startsAt": started, "endsAt": "0001-01-01T00:00:00Z"}
              for n in range(first, first + PER_DELIVERY)]
    return json.dumps({"version": "4", "groupKey": "{}", "status": "firing", "receiver": "r", "alerts": alerts}).encode()


class Senders:
    def __init__(self, revertd, bodies, count):
        self.revertd, self.bodies, self.lock = revertd, bodies, threading.Lock()
        self.slowest, self.refused, self.given_up, self.taken = 0.0, 0, 0, 0
        self.threads = [threading.Thread(target=self.work) for _ in range(count)]

    def run(self):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()

    def work(self):
        while True:
            with self.lock:
                if not self.bodies:
                    return
                body = self.bodies.pop()
            self.deliver(body)

    def deliver(self, body):
        for _ in range(3):
            request = urllib.request.Request(self.revertd.url + "/webhooks/alertmanager", data=body, headers={
                "Content-Type": "application/json", "Authorization": f"Bearer {self.revertd.TOKEN}"})
            start = time.perf_counter()
            try:
                urllib.request.urlopen(request, timeout=60).close()
                status = 200
            except urllib.error.HTTPError as error:
                status = error.code
                error.close()
            with self.lock:
                self.slowest = max(self.slowest, time.perf_counter() - start)
                self.refused += status != 200
                self.taken += status == 200
            if status == 200:
                return
            time.sleep(0.2)
        with self.lock:
            self.given_up += 1


def storm(programs, alerts, distinct, services, senders):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-bench-"))
    revertd = None
    try:
        responder = Responder()
        repository = parts.Repository(directory)
        repository.commit({f"apps/app-{n}/config.json": parts.settings(500) for n in range(services)}, "start")
        revertd = parts.Revertd(directory, programs)
        revertd.write_config(f"""budget = 1000;
repositories: ( {{ name = "fleet"; url = "{repository.path}"; branch = "main"; poll = "1s"; budget = 1000; }} );
prometheus: ( {{ name = "prod"; url = "{responder.url}"; }} );
{RULES.format()}""")
        revertd.start()
        parts.wait_until(lambda: len(responder.times) > 2, 30, "evaluations")
        for n in range(services):
            repository.commit({f"apps/app-{n}/config.json": parts.settings(1)}, f"Break app-{n}")
        bad = repository.head()
        pid = revertd.part.process.pid
        before = resident_mb(pid)
        parts.wait_until(lambda: bad in json.dumps(revertd.get("/api/v1/status")), 30, "the commits")
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        bodies = [delivery(first, services, distinct, at) for first in range(0, alerts, PER_DELIVERY)]
        sent = Senders(revertd, bodies, senders)
        since = time.monotonic()
        sent.run()
        over = time.monotonic()
        parts.wait_until(lambda: len(repository.reverts()) >= services, 60, "the reverts")
        parts.wait_until(lambda: responder.times[-1] > over + 2, 30, "evaluations after it")
        reverts = repository.reverts()
        late = responder.latest_delay(since, time.monotonic())
        subjects = repository.subjects()
        each = [sum(f'Revert "Break app-{n}"' in s for s in subjects) for n in range(services)]
        peak = resident_mb(pid, "VmHWM")
        revertd.kill()
        start = time.perf_counter()
        revertd.start()
        again = time.perf_counter() - start
        print(f"| {alerts:,} | {distinct:,} | {services} | {len(reverts)} ({min(each)}–{max(each)}) | {late:.2f} s "
              f"| {sent.slowest:.2f} s | {sent.refused} | {over - since:.1f} s | {before:.1f} → {peak:.1f} MB "
              f"| {again:.2f} s |",
              flush=True)
    finally:
        if revertd:
            revertd.stop()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--alerts", type=int, default=100000)
    parser.add_argument("--services", type=int, default=10)
    parser.add_argument("--senders", type=int, default=4)
    options = parser.parse_args()
    print("| alerts | different ones | services | reverts (for each) | evaluation late by | slowest answer "
          "| deliveries refused | all sent after | resident, peak | ready again after kill -9 |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    for distinct in (options.alerts // 10, options.alerts):
        storm(options.programs.resolve(), options.alerts, distinct, options.services, options.senders)


if __name__ == "__main__":
    main()
