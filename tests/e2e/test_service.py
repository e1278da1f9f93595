"""The daemon as a service: what it tells its manager, its log, its metrics, its end."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

import parts
from conftest import PAGE, PROGRAMS


class Manager:
    """Listens on a NOTIFY_SOCKET as systemd does. .messages are what it was told, each a dict."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.messages = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                raw = self.socket.recv(65536)
            except OSError:
                return
            self.messages.append(dict(line.split("=", 1) for line in raw.decode().splitlines()))

    def told(self, key, count=1, timeout=20):
        """Wait for the count-th message with the key; that message."""
        return parts.wait_until(lambda: (lambda m: len(m) >= count and m)([m for m in self.messages if key in m]),
                                timeout, f"{key} to be told {count} times")[count - 1]

    def stop(self):
        self.socket.close()


def test_the_service_manager_is_told(broken):
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE)
    broken.revertd.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"})
    manager.told("READY")
    assert "1 rule" in manager.told("STATUS")["STATUS"]
    manager.told("WATCHDOG", 3)
    broken.alert(alertname="Errors", app="checkout")
    parts.wait_until(lambda: any("1 open incident" in m.get("STATUS", "") for m in manager.messages), 20,
                     "the status to speak of the incident")
    os.kill(broken.revertd.part.process.pid, signal.SIGHUP)
    assert int(manager.told("RELOADING")["MONOTONIC_USEC"]) > 0
    manager.told("READY", 2)
    broken.revertd.config.write_text("rules: (")
    os.kill(broken.revertd.part.process.pid, signal.SIGHUP)
    manager.told("RELOADING", 2)
    manager.told("READY", 3)
    parts.wait_until(lambda: "not valid" in [m for m in manager.messages if "STATUS" in m][-1]["STATUS"], 20,
                     "the status to speak of the bad configuration")
    assert broken.revertd.stop() == 0
    manager.told("STOPPING")


def test_a_loop_that_hangs_feeds_no_watchdog(broken):
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE)
    broken.revertd.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"})
    manager.told("WATCHDOG", 2)
    os.kill(broken.revertd.part.process.pid, signal.SIGSTOP)
    before = sum("WATCHDOG" in m for m in manager.messages)
    with pytest.raises(TimeoutError):
        manager.told("WATCHDOG", before + 2, timeout=1)
    os.kill(broken.revertd.part.process.pid, signal.SIGCONT)
    manager.told("WATCHDOG", before + 2)


LOGFMT = re.compile(r'ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warn|info|debug) msg=("([^"\\]|\\.)*"|[^ "]+)'
                    r'( [a-z_]+=("([^"\\]|\\.)*"|[^ "]*))*')


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_every_line_of_the_log_is_of_its_form(broken, form):
    hostile = "x\"}\n\x1b[31m\\ =\u202e"
    broken.repository.commit({"apps/checkout/settings.json": parts.settings(1)}, hostile.replace("\n", " "))
    broken.configure(PAGE)
    broken.revertd.start(f"--log.format={form}", "--log.level=debug")
    broken.alert(alertname="Errors", app="checkout", evil=hostile)
    broken.until("verifying")
    assert broken.revertd.stop() == 0
    lines = broken.revertd.part.log().splitlines()
    assert len(lines) > 4
    for line in lines:
        if form == "json":
            said = json.loads(line)
            assert said["ts"] and said["level"] in ("error", "warn", "info", "debug") and said["msg"]
        else:
            assert LOGFMT.fullmatch(line), line
        assert "\x1b" not in line and "\u202e" not in line
    assert any("verifying" in line and "checkout" in line for line in lines)


def test_metrics_that_promtool_accepts(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("recovered")
    scrape = parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN)
    checked = subprocess.run(["promtool", "check", "metrics"], input=scrape, capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr
    families = set(re.findall(r"^# TYPE (\S+)", scrape, re.M))
    for wanted in ("revertd_build_info", "revertd_config_last_reload_successful", "process_resident_memory_bytes",
                   "process_open_fds", "process_cpu_seconds_total"):
        assert wanted in families, wanted
    assert re.search(r'^revertd_incidents_ended_total\{[^}]*state="recovered"[^}]*\} 1$', scrape, re.M), scrape


def test_healthy_and_ready_need_no_credential(broken):
    broken.start(PAGE)
    assert parts.http_get(broken.revertd.url + "/-/healthy")
    assert parts.http_get(broken.revertd.url + "/-/ready")


@pytest.mark.parametrize("program", ["revertd", "revertd-git", "revertctl"])
def test_help_version_and_usage(program):
    def run(*arguments):
        return subprocess.run([PROGRAMS / program, *arguments], capture_output=True, text=True, timeout=10)
    assert run("--help").returncode == 0 and "--help" in run("--help").stdout
    assert run("--version").returncode == 0 and re.search(r"\d+\.\d+\.\d+", run("--version").stdout)
    wrong = run("--no-such-option")
    assert wrong.returncode == 2 and "no-such-option" in wrong.stderr


def test_two_daemons_do_not_share_a_store(broken):
    broken.start(PAGE)
    other = parts.Part("other", [PROGRAMS / "revertd", f"--config.file={broken.revertd.config}",
                                 f"--storage.path={broken.revertd.state}",
                                 f"--web.listen-address=127.0.0.1:{parts.free_port()}"], broken.directory)
    broken.add(other)
    assert other.process.wait(20) == 1
    assert broken.revertd.ready()
