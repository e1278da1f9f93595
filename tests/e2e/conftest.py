"""What the end-to-end tests share: a world of real parts in a folder of its own, ended after each test."""
import datetime
import http.server
import json
import os
import pathlib
import shutil
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "contrib" / "demo"))
import parts  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("REVERTD_PROGRAMS", parts.SOURCE / "build" / "dev"))
ENDS = {"recovered", "reverted", "cleared", "declined", "rejected", "unrecovered", "failed"}


class Slack:
    """A Slack that a test can script: each item of `script` answers one request, then all goes well.

    An item is (status, body, headers) or a callable of the handler."""

    def __init__(self):
        self.requests = []
        self.script = []
        self.stamps = 0
        slack = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                method = self.path.rsplit("/", 1)[-1]
                slack.requests.append({"method": method, "message": message, "at": time.monotonic(),
                                       "authorization": self.headers.get("Authorization")})
                status, body, headers = slack.script.pop(0) if slack.script else (200, None, {})
                if body is None:
                    slack.stamps += 1
                    stamp = message.get("ts") or f"1700000000.{slack.stamps:06d}"
                    body = json.dumps({"ok": True, "channel": message.get("channel", ""), "ts": stamp})
                raw = body.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)),
                                    **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def texts(self):
        return [json.dumps(r["message"], ensure_ascii=False) for r in self.requests]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    """A repository, a revertd and whatever else a test starts."""

    def __init__(self, directory):
        self.directory = directory
        self.parts = []
        self.repository = parts.Repository(directory)
        self.revertd = parts.Revertd(directory, PROGRAMS)
        self.slack = self.add(Slack())
        self.revertd.credential("slack-token", "xoxb-test")
        self.url = str(self.repository.path)
        self.repository_extra = ""

    def add(self, part):
        self.parts.append(part)
        return part

    def start(self, rules, prometheus_url=None, receivers=True, wait=True, **repository):
        """Write the configuration and start the daemon."""
        self.configure(rules, prometheus_url, receivers, **repository)
        return self.revertd.start(wait=wait)

    def configure(self, rules, prometheus_url=None, receivers=True, poll="1s", listen='credential = "api-token";',
                  prometheus_extra="", **repository):
        extra = " ".join(f"{k} = {json.dumps(v)};" for k, v in repository.items())
        text = (f'repositories: ( {{ name = "fleet"; url = "{self.url}"; branch = "main"; poll = "{poll}";'
                f" {extra} {self.repository_extra} }} );\n")
        if prometheus_url:
            text += f'prometheus: ( {{ name = "prod"; url = "{prometheus_url}"; {prometheus_extra} }} );\n'
        if receivers:
            text += ('receivers: ( { name = "deploys"; type = "slack"; credential = "slack-token"; channel = "C1";'
                     f' api_url = "{self.slack.url}"; }} );\n')
        self.revertd.write_config(text + f"rules: ( {rules} );\n", listen)

    def alert(self, firing=True, starts=None, **labels):
        """Deliver one alert as Alertmanager would; the answer's status and body."""
        return self.revertd.post("/webhooks/alertmanager", webhook([alert(firing, starts, **labels)]))

    def incident(self, number=1, timeout=30):
        """The number-th incident, oldest first, as soon as there is one."""
        found = parts.wait_until(lambda: (lambda i: len(i) >= number and i)(self.revertd.incidents()), timeout,
                                 f"incident {number}")
        return sorted(found, key=lambda i: i["times"]["detected_usec"])[number - 1]

    def until(self, states, number=1, timeout=60):
        """The number-th incident, when it is in one of the states (a name, or several)."""
        states = {states} if isinstance(states, str) else set(states)

        def reached():
            incident = self.incident(number, timeout)
            if incident["state"] in states:
                return incident
            if incident["state"] in ENDS:
                raise AssertionError(f"wanted {states}, ended {incident['state']} ({incident.get('reason')}): "
                                     f"{incident.get('detail')}\n{self.revertd.part.log()}")
            return None
        try:
            return parts.wait_until(reached, timeout, f"incident {number} to be {states}")
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.revertd.part.log()}") from late

    def told(self, text, timeout=30):
        """Wait until Slack was sent something with this text in it."""
        return parts.wait_until(lambda: [t for t in self.slack.texts() if text in t], timeout,
                                f"Slack to hear {text!r}")

    def stop(self):
        self.revertd.stop()
        for part in reversed(self.parts):
            part.stop()


def now_text(offset=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return at.isoformat().replace("+00:00", "Z")


def alert(firing=True, starts=None, **labels):
    return {"status": "firing" if firing else "resolved", "labels": labels, "annotations": {},
            "startsAt": starts or now_text(), "endsAt": "0001-01-01T00:00:00Z" if firing else now_text(),
            "generatorURL": "", "fingerprint": "0123456789abcdef"}


def webhook(alerts, **fields):
    firing = any(a["status"] == "firing" for a in alerts)
    return {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing" if firing else "resolved",
            "receiver": "revertd", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "http://alertmanager.example", "alerts": alerts, **fields}


PAGE = """{ name = "page"; match = [ "alertname=Errors", "app=~.+" ]; summary = "{{ $labels.app }} has errors";
  repository = "fleet"; paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m"; recover = "1s"; verify_timeout = "1m";
  cooldown = "1s"; mode = "enforce"; receivers = [ "deploys" ]; }"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    item.failed = getattr(item, "failed", False) or outcome.get_result().failed


@pytest.fixture
def world(tmp_path, request):
    """Its folder stays where the test failed."""
    made = World(tmp_path)
    yield made
    made.stop()
    log = made.revertd.part.log() if made.revertd.part else ""
    if "Sanitizer" in log or "runtime error:" in log:
        pytest.fail("a sanitizer spoke up in revertd's log:\n" + log)
    if not request.node.failed:
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def broken(world):
    """A world whose repository has a bad commit for checkout, and harmless ones around it. .bad is its id."""
    world.repository.commit({"apps/checkout/settings.json": parts.settings(500),
                             "apps/search/settings.json": parts.settings(500)}, "Start the fleet")
    world.bad = world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout",
                                        "Bob Example <bob@example.com>")
    world.repository.commit({"apps/search/settings.json": parts.settings(400)}, "Tune search")
    return world
