"""The real parts around revertd, each started on loopback on a port that was free: what the demo and the end-to-end
tests are made of. Standard library only."""
import ctypes
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def free_port():
    """Of those that the kernel gives to no connection, so that none takes it before its server does."""
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, timeout, what, interval=0.05):
    """The first true value of condition(); it may raise OSError while a server is not up yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, http.client.HTTPException, urllib.error.URLError):
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout} s still waiting for {what}")
        time.sleep(interval)


def http_get(url, token=None, timeout=10):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
        return answer.read().decode()


def end_with_parent():
    """In the child: SIGTERM when the process that started it is gone, however that ended."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Part:
    """A child process with its log; in a process group of its own, ended with everything that it started."""

    def __init__(self, name, command, directory, env=None, first_line=False):
        self.name = name
        self.command = [str(c) for c in command]
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.first_line = self.on_line = None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if first_line else log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True, preexec_fn=end_with_parent)
        if first_line:
            self.first_line = self.process.stdout.readline().decode().strip()
            if not self.first_line:
                raise RuntimeError(f"{name} did not start:\n{self.log()}")
            threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        """What it prints goes to its log, and to on_line where somebody wants it."""
        with open(self.log_path, "ab", buffering=0) as log:
            for raw in self.process.stdout:
                log.write(raw)
                if self.on_line:
                    self.on_line(raw.decode(errors="replace").rstrip())

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL to it and all that it started; as a crash would."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self, timeout=10):
        """A graceful stop; its exit status."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        return self.process.returncode


class Repository:
    """A bare config repository, and a clone in which people commit."""

    ENV = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}

    def __init__(self, directory, name="fleet", branch="main"):
        self.branch = branch
        self.path = pathlib.Path(directory) / f"{name}.git"
        self.clone = pathlib.Path(directory) / f"{name}-clone"
        self.git("init", "--quiet", "--bare", f"--initial-branch={branch}", self.path)
        self.git("clone", "--quiet", self.path, self.clone)
        self.git("-C", self.clone, "checkout", "--quiet", "-B", branch)

    def git(self, *arguments, env=None, check=True, stdin=os.devnull):
        with open(stdin, "rb") as given:
            done = subprocess.run(["git", *map(str, arguments)], env={**os.environ, **self.ENV, **(env or {})},
                                  stdin=given, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"git {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout.strip()

    def commit(self, files, subject, author="Ana Example <ana@example.com>", body="", push=True):
        """Write files (a value of None deletes), commit, push; the new commit's id."""
        self.git("-C", self.clone, "pull", "--quiet", "--rebase", "origin", self.branch, check=False)
        for name, content in files.items():
            path = self.clone / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self.git("-C", self.clone, "add", "--all")
        name, _, email = author.partition(" <")
        identity = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email.rstrip(">"), "GIT_COMMITTER_NAME": name,
                    "GIT_COMMITTER_EMAIL": email.rstrip(">")}
        message = subject + ("\n\n" + body if body else "")
        self.git("-C", self.clone, "commit", "--quiet", "--allow-empty", "-m", message, env=identity)
        if push:
            self.git("-C", self.clone, "push", "--quiet", "origin", self.branch)
        return self.git("-C", self.clone, "rev-parse", "HEAD")

    def head(self):
        return self.git("-C", self.path, "rev-parse", f"refs/heads/{self.branch}")

    def read(self, name):
        return self.git("-C", self.path, "show", f"refs/heads/{self.branch}:{name}")

    def subjects(self):
        """Of the branch, newest first."""
        return self.git("-C", self.path, "log", "--first-parent", "--format=%s", f"refs/heads/{self.branch}").splitlines()

    def reverts(self):
        """Ids of the branch's commits that revertd made, newest first."""
        return self.git("-C", self.path, "log", "--format=%H", "--grep=^Revertd-Incident:",
                        f"refs/heads/{self.branch}").splitlines()


def settings(timeout_ms, note=""):
    return json.dumps({"timeout_ms": timeout_ms, "note": note}, indent=2) + "\n"


def demo_service(directory, app, deployed):
    part = Part(f"service-{app}", [HERE / "demo-service", "--app", app, "--deployed", deployed], directory,
                first_line=True)
    part.port = int(part.first_line)
    return part


def operator(directory, repository, deployed, interval=0.5):
    """part.on_line gets "applied <commit>"; the first is applied when this returns."""
    return Part("operator", [HERE / "operator", "--repository", repository.path, "--branch", repository.branch,
                             "--deployed", deployed, "--interval", interval], directory, first_line=True)


def prometheus(directory, targets, alertmanager_port=None, rules="", interval="1s"):
    """targets: ports to scrape. rules: the text of a rule file."""
    directory = pathlib.Path(directory)
    (directory / "prometheus-rules.yml").write_text(rules or "groups: []\n")
    alerting = ""
    if alertmanager_port:
        alerting = ("alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:%d']}]}]}\n"
                    % alertmanager_port)
    (directory / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
        "rule_files: [prometheus-rules.yml]\n" + alerting +
        "scrape_configs: [{job_name: apps, static_configs: [{targets: [%s]}]}]\n"
        % ", ".join(f"'127.0.0.1:{port}'" for port in targets))
    port = free_port()
    part = Part("prometheus", ["prometheus", f"--config.file={directory}/prometheus.yml",
                               f"--storage.tsdb.path={directory}/prometheus-data",
                               f"--web.listen-address=127.0.0.1:{port}"], directory)
    part.port = port
    part.url = f"http://127.0.0.1:{port}"
    wait_until(lambda: http_get(part.url + "/-/ready"), 30, "Prometheus")
    return part


def alertmanager(directory, webhook_url, token, port=None, extra=""):
    """extra: further sections of its configuration."""
    directory = pathlib.Path(directory)
    (directory / "alertmanager.yml").write_text(
        "route: {receiver: revertd, group_by: [alertname, app], group_wait: 0s, group_interval: 1s,"
        " repeat_interval: 1h}\n"
        "receivers:\n- name: revertd\n  webhook_configs:\n"
        f"  - url: {webhook_url}\n    send_resolved: true\n"
        f"    http_config: {{authorization: {{credentials: '{token}'}}}}\n" + extra)
    port = port or free_port()
    part = Part("alertmanager", ["prometheus-alertmanager", f"--config.file={directory}/alertmanager.yml",
                                 f"--storage.path={directory}/alertmanager-data",
                                 f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], directory)
    part.port = port
    part.url = f"http://127.0.0.1:{port}"
    wait_until(lambda: http_get(part.url + "/-/ready"), 30, "Alertmanager")
    return part


def slack_receiver(directory):
    """Its messages are in part.record, a line of JSON each; part.on_line gets what it prints."""
    record = pathlib.Path(directory) / "slack.jsonl"
    part = Part("slack", [HERE / "slack-receiver", "--record", record], directory, first_line=True)
    part.port = int(part.first_line)
    part.url = f"http://127.0.0.1:{part.port}"
    part.record = record
    return part


class Revertd:
    """The daemon, with its configuration, credentials and state in one folder; it can be killed and started again."""

    TOKEN = "demo-token"

    def __init__(self, directory, programs, port=None):
        self.directory = pathlib.Path(directory)
        self.programs = pathlib.Path(programs)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.directory / "revertd.conf"
        self.state = self.directory / "state"
        self.credentials = self.directory / "credentials"
        self.socket = self.directory / "api.sock"
        self.credentials.mkdir(mode=0o700, exist_ok=True)
        self.credential("api-token", self.TOKEN)
        self.part = None

    def credential(self, name, value):
        path = self.credentials / name
        path.write_text(value)
        path.chmod(0o600)

    def write_config(self, text, listen='credential = "api-token";'):
        """text: all but where to listen and where the credentials are."""
        self.config.write_text(
            f'credentials_directory = "{self.credentials}";\n'
            f'listen: {{ address = "127.0.0.1:{self.port}"; socket = "{self.socket}"; {listen} }};\n' + text)

    def start(self, *extra, wait=True, env=None, wrap=()):
        """wrap: a command that is given the daemon's as arguments."""
        self.part = Part("revertd", [*wrap, self.programs / "revertd", f"--config.file={self.config}",
                                     f"--storage.path={self.state}",
                                     f"--git.program={self.programs / 'revertd-git'}", *extra], self.directory, env=env)
        if wait:
            wait_until(self.ready, 30, f"revertd to be ready; its log:\n{self.part.log()}")
        return self

    def ready(self):
        if not self.part.alive():
            raise RuntimeError(f"revertd ended with status {self.part.process.returncode}:\n{self.part.log()}")
        return http_get(self.url + "/-/ready")

    def kill(self):
        self.part.kill()

    def stop(self):
        return self.part.stop() if self.part else None

    def get(self, path):
        return json.loads(http_get(self.url + path, self.TOKEN))

    def post(self, path, body, content_type="application/json", token=TOKEN, method="POST"):
        """Status and decoded answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=raw, method=method,
                                         headers={"Content-Type": content_type, "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, text = refusal.code, refusal.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode(errors="replace")

    def incidents(self, query=""):
        return self.get("/api/v1/incidents" + query)["incidents"]

    def ctl(self, *arguments, check=True):
        done = subprocess.run([str(self.programs / "revertctl"), *arguments], capture_output=True, text=True,
                              env={**os.environ, "REVERTD_URL": f"unix:{self.socket}"})
        if check and done.returncode:
            raise RuntimeError(f"revertctl {' '.join(arguments)}: {done.stderr}")
        return done
