"""What people do by hand: revertctl with a daemon and without one."""
import json
import os
import pathlib
import subprocess
import tempfile

import parts
from conftest import PAGE, PROGRAMS
from servers import GitSsh


def test_revert_by_commit(broken):
    broken.start(PAGE)
    dry = broken.revertd.ctl("revert", "-r", "fleet", broken.bad[:10], "--dry-run").stdout
    assert '+  "timeout_ms": 500' in dry and '-  "timeout_ms": 5,' in dry
    assert broken.repository.reverts() == []
    broken.revertd.ctl("revert", "-r", "fleet", broken.bad[:10], "--reason", "bad deploy", "--yes")
    assert len(broken.repository.reverts()) == 1
    message = broken.repository.git("-C", broken.repository.path, "log", "-1", "--format=%B", "main")
    assert "bad deploy" in message
    again = broken.revertd.ctl("revert", "-r", "fleet", broken.bad[:10], "--yes", check=False)
    assert again.returncode == 1 and "already" in again.stdout + again.stderr
    assert len(broken.repository.reverts()) == 1


def test_revert_by_rule(broken):
    """No alert fires for it, so none can resolve: it ends as reverted, and no recovery is claimed."""
    broken.start(PAGE)
    broken.revertd.ctl("revert", "--rule", "page", "app=checkout", "alertname=Errors", "--yes", "--no-wait")
    incident = broken.until("reverted")
    assert incident["suspects"][0]["commit"]["id"] == broken.bad and incident["by_hand"]
    assert broken.repository.reverts() == [incident["plan"]["commit"]]
    assert "uid" in incident["actor"]


def test_several_commits_are_one_revert(broken):
    second = broken.repository.commit({"apps/checkout/more.json": "{}\n"}, "Add more")
    broken.start(PAGE)
    broken.revertd.ctl("revert", "-r", "fleet", broken.bad, second, "--yes")
    assert len(broken.repository.reverts()) == 1
    assert broken.repository.read("apps/checkout/settings.json") == parts.settings(500).strip()
    files = broken.repository.git("-C", broken.repository.path, "ls-tree", "-r", "--name-only", "main").split()
    assert "apps/checkout/more.json" not in files


def test_approve_reject_pause_resume(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("holding")
    broken.revertd.ctl("reject", incident["id"][:6], "--reason", "known, being fixed")
    rejected = broken.until("rejected")
    assert rejected["note"] == "known, being fixed" and "uid" in rejected["actor"]
    assert broken.revertd.ctl("approve", incident["id"], "--no-wait", check=False).returncode == 1
    assert broken.repository.reverts() == []
    broken.revertd.ctl("pause", "--for", "2h", "--reason", "migration")
    assert "migration" in broken.revertd.ctl("status").stdout
    broken.alert(alertname="Errors", app="search")
    assert broken.until("declined", number=2)["reason"] == "paused"
    broken.revertd.ctl("resume")
    assert broken.revertd.get("/api/v1/pauses")["pauses"] == []


def test_a_conflict_is_declined_with_its_paths(broken):
    broken.repository.commit({"apps/checkout/settings.json": parts.settings(50)}, "Raise it somewhat")
    broken.start(PAGE)
    done = broken.revertd.ctl("revert", "-r", "fleet", broken.bad, "--yes", check=False)
    assert done.returncode == 1 and "apps/checkout/settings.json" in done.stdout + done.stderr
    assert broken.repository.reverts() == []


def test_what_people_read(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("verifying")
    for verb in ("status", "rules", "incidents"):
        assert broken.revertd.ctl(verb).stdout
        json.loads(broken.revertd.ctl(verb, "-o", "json").stdout)
    shown = broken.revertd.ctl("show", incident["id"][:8]).stdout
    for wanted in ("page", "checkout", "Lower checkout's timeout", "Bob Example", "verifying",
                   "apps/checkout/settings.json"):
        assert wanted in shown, wanted
    assert json.loads(broken.revertd.ctl("show", incident["id"], "-o", "json").stdout)["incident"]["id"] == incident["id"]
    missing = broken.revertd.ctl("show", "ffffffffffff", check=False)
    assert missing.returncode == 1 and missing.stderr.startswith("revertctl: error: ")
    assert broken.revertd.ctl("no-such-verb", check=False).returncode == 2


def test_without_a_daemon(broken, tmp_path):
    broken.configure(PAGE, receivers=False)
    text = broken.revertd.config.read_text().replace(' receivers = [ "deploys" ];', "")
    broken.revertd.config.write_text(text)

    def ctl(*arguments):
        return subprocess.run([PROGRAMS / "revertctl", *arguments], capture_output=True, text=True)
    common = ("--config.file", str(broken.revertd.config), "--storage.path", str(tmp_path / "own"), "--no-daemon")
    dry = ctl("revert", *common, "-r", "fleet", broken.bad, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert '+  "timeout_ms": 500' in dry.stdout
    assert broken.repository.reverts() == [] and len(broken.repository.subjects()) == 3
    done = ctl("revert", *common, "-r", "fleet", broken.bad, "--reason", "by hand", "--yes")
    assert done.returncode == 0, done.stderr
    assert broken.repository.subjects()[0] == 'Revert "Lower checkout\'s timeout"'
    again = ctl("revert", *common, "-r", "fleet", broken.bad, "--yes")
    assert again.returncode == 1 and "already" in again.stdout + again.stderr


def test_over_ssh_nothing_stays_behind(broken):
    """Neither the copy of the key, which ssh wants as a file, nor the connection that is kept for what comes next."""
    server = broken.add(GitSsh(broken.directory))
    broken.url = server.url(broken.repository)
    broken.revertd.credential("deploy", server.key.rstrip())
    broken.configure(PAGE, credential="deploy", known_hosts=str(server.known_hosts))
    with tempfile.TemporaryDirectory() as storage:  # ssh's socket needs a short path
        done = subprocess.run([PROGRAMS / "revertctl", "revert", "--config.file", broken.revertd.config, "--storage.path",
                               storage, "--no-daemon", "-r", "fleet", broken.bad, "--yes"],
                              capture_output=True, text=True)
        left = list(pathlib.Path(storage, "git", "fleet.run").iterdir())
    assert done.returncode == 0, done.stderr
    assert broken.repository.subjects()[0] == 'Revert "Lower checkout\'s timeout"'
    assert left == []


def test_without_a_daemon_in_a_relative_folder(broken, tmp_path):
    broken.configure(PAGE)
    done = subprocess.run([PROGRAMS / "revertctl", "revert", "--config.file", os.path.relpath(broken.revertd.config, tmp_path),
                           "--storage.path", "own", "--no-daemon", "-r", "fleet", broken.bad, "--yes"],
                          capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert broken.repository.subjects()[0] == 'Revert "Lower checkout\'s timeout"'


def test_check_config(broken):
    broken.configure(PAGE)
    good = subprocess.run([PROGRAMS / "revertctl", "check-config", broken.revertd.config], capture_output=True, text=True)
    assert good.returncode == 0 and "SUCCESS" in good.stdout
    assert " - 1 repository\n" in good.stdout and "warning" not in good.stdout
    secret = broken.revertd.credentials / "slack-token"
    secret.rename(broken.directory / "elsewhere")
    missing = subprocess.run([PROGRAMS / "revertctl", "check-config", broken.revertd.config], capture_output=True, text=True)
    assert missing.returncode == 0 and "SUCCESS" in missing.stdout
    assert "warning: receiver deploys: credential slack-token: not found in" in missing.stdout
    secret.write_text("")
    empty = subprocess.run([PROGRAMS / "revertctl", "check-config", "-o", "json", broken.revertd.config],
                           capture_output=True, text=True)
    found = json.loads(empty.stdout)["files"][0]
    assert empty.returncode == 0 and found["valid"] and "slack-token" in found["warnings"][0] and "empty" in found["warnings"][0]
    broken.configure(PAGE.replace('"30m"', '"x"'))
    bad = subprocess.run([PROGRAMS / "revertctl", "check-config", broken.revertd.config], capture_output=True, text=True)
    assert bad.returncode == 1 and "revertd.conf:" in bad.stdout + bad.stderr
