"""What can be seen of the daemon from outside: its watchdog, its log, its metrics, its options."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import parts
from conftest import PAGE, PROGRAMS
from test_service import Manager


def test_a_loop_that_hangs_feeds_no_watchdog(broken):
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE)
    broken.revertd.start(wait=False, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"})
    manager.until("WATCHDOG=1")
    os.kill(broken.revertd.part.process.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        while True:  # what was said before it stopped comes first
            manager.until("WATCHDOG=1", timeout=1)
    os.kill(broken.revertd.part.process.pid, signal.SIGCONT)
    manager.until("WATCHDOG=1")


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


def test_relative_paths(broken, monkeypatch):
    monkeypatch.chdir(broken.directory)
    broken.configure(PAGE)
    broken.revertd.config, broken.revertd.state = (pathlib.Path(os.path.relpath(path, broken.directory))
                                                   for path in (broken.revertd.config, broken.revertd.state))
    broken.revertd.start()
    parts.wait_until(lambda: broken.revertd.get("/api/v1/status")["repositories"][0]["last_sync"], 30,
                     "the repository to be read")
    assert (broken.directory / broken.revertd.state / "git").is_dir()


def test_two_daemons_do_not_share_a_store(broken):
    broken.start(PAGE)
    other = parts.Part("other", [PROGRAMS / "revertd", f"--config.file={broken.revertd.config}",
                                 f"--storage.path={broken.revertd.state}",
                                 f"--web.listen-address=127.0.0.1:{parts.free_port()}"], broken.directory)
    broken.add(other)
    assert other.process.wait(20) == 1
    assert broken.revertd.ready()
