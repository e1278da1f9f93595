"""One alert, one revert, over every kind of remote; and remotes that refuse, stay silent or show a wrong key."""
import os
import pathlib
import random
import subprocess

import pytest

import parts
from conftest import PAGE
from servers import GitHttp, GitSsh, Silent


def expect_revert(world):
    """Alert, then everything that must be true of the revert."""
    assert world.alert(alertname="Errors", app="checkout")[0] == 200
    incident = world.until("verifying")
    repository = world.repository
    assert repository.head() == incident["plan"]["commit"]
    assert repository.reverts() == [repository.head()]
    message = repository.git("-C", repository.path, "log", "-1", "--format=%B", repository.head())
    assert message.startswith('Revert "Lower checkout\'s timeout"')
    assert f"This reverts commit {world.bad}." in message
    trailers = repository.git("-C", repository.path, "log", "-1", "--format=%(trailers:only,unfold)", repository.head())
    assert trailers.splitlines() == [f"Revertd-Incident: {incident['id']}", "Revertd-Rule: page",
                                     f"Revertd-Reverts: {world.bad}"]
    changed = repository.git("-C", repository.path, "diff", "--name-only", "HEAD~1", repository.head())
    assert changed == "apps/checkout/settings.json"
    assert repository.read("apps/checkout/settings.json") == parts.settings(500).strip()
    assert repository.read("apps/search/settings.json") == parts.settings(400).strip()
    repository.git("-C", repository.path, "fsck", "--strict")
    assert world.alert(firing=False, alertname="Errors", app="checkout")[0] == 200
    world.until("recovered")
    world.told("recovered")


def test_local_path(broken):
    broken.start(PAGE)
    expect_revert(broken)


def test_local_path_with_a_hook_runs_the_hook(broken):
    hook = broken.repository.path / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\ncat > {broken.directory}/hook-ran\n")
    hook.chmod(0o755)
    broken.start(PAGE)
    expect_revert(broken)
    assert "refs/heads/main" in pathlib.Path(broken.directory / "hook-ran").read_text()


@pytest.mark.parametrize("tls", [False, True])
def test_http(broken, tls):
    broken.repository.git("-C", broken.repository.path, "config", "http.receivepack", "true")
    server = broken.add(GitHttp(broken.directory, broken.directory, tls=tls))
    broken.url = server.url(broken.repository)
    broken.revertd.credential("deploy", server.password)
    extra = {"ca_file": server.certificate} if tls else {}
    broken.start(PAGE, credential="deploy", username=server.user, **extra)
    expect_revert(broken)
    assert server.password not in broken.revertd.part.log()


def test_https_with_an_unknown_certificate_is_refused(broken):
    broken.repository.git("-C", broken.repository.path, "config", "http.receivepack", "true")
    server = broken.add(GitHttp(broken.directory, broken.directory, tls=True))
    broken.url = server.url(broken.repository)
    broken.revertd.credential("deploy", server.password)
    head = broken.repository.head()
    broken.start(PAGE, credential="deploy", username=server.user)
    parts.wait_until(lambda: "certificate" in broken.revertd.part.log(), 30, "the log to name the certificate")
    assert broken.repository.head() == head


@pytest.mark.parametrize("key_type", ["ed25519", "ecdsa", "rsa"])
def test_ssh(broken, key_type):
    server = broken.add(GitSsh(broken.directory, key_type))
    broken.url = server.url(broken.repository)
    broken.revertd.credential("deploy", server.key)
    broken.start(PAGE, credential="deploy", known_hosts=str(server.known_hosts))
    expect_revert(broken)


@pytest.mark.skipif(os.getuid() != 0, reason="the scp form has no port, and port 22 is root's")
def test_ssh_in_scp_form(broken):
    own = f"127.{os.getpid() % 250 + 2}.{random.randrange(2, 250)}.{random.randrange(2, 250)}"
    server = broken.add(GitSsh(broken.directory, address=own, port=22))
    broken.url = server.scp_form(broken.repository)
    broken.revertd.credential("deploy", server.key)
    broken.start(PAGE, credential="deploy", known_hosts=str(server.known_hosts))
    expect_revert(broken)


def test_ssh_with_another_host_key_is_refused(broken):
    server = broken.add(GitSsh(broken.directory))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", broken.directory / "other"], check=True)
    other = " ".join((broken.directory / "other.pub").read_text().split()[:2])
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {other}\n")
    broken.url = server.url(broken.repository)
    broken.revertd.credential("deploy", server.key)
    head = broken.repository.head()
    broken.start(PAGE, credential="deploy", known_hosts=str(server.known_hosts))
    parts.wait_until(lambda: "ost key" in broken.revertd.part.log(), 30, "the log to name the host key")
    assert broken.repository.head() == head


@pytest.mark.parametrize("transport", ["local", "http", "ssh"])
def test_a_hook_that_refuses_is_quoted(broken, transport):
    hook = broken.repository.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'change freeze until Monday: ask release@example.com' >&2\nexit 1\n")
    hook.chmod(0o755)
    options = {}
    if transport == "http":
        broken.repository.git("-C", broken.repository.path, "config", "http.receivepack", "true")
        server = broken.add(GitHttp(broken.directory, broken.directory))
        broken.revertd.credential("deploy", server.password)
        options = {"credential": "deploy", "username": server.user}
        broken.url = server.url(broken.repository)
    elif transport == "ssh":
        server = broken.add(GitSsh(broken.directory))
        broken.revertd.credential("deploy", server.key)
        options = {"credential": "deploy", "known_hosts": str(server.known_hosts)}
        broken.url = server.url(broken.repository)
    head = broken.repository.head()
    broken.start(PAGE, **options)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("failed")
    assert incident["reason"] == "push_refused"
    assert "change freeze until Monday" in incident["detail"]
    broken.told("change freeze until Monday")
    assert broken.repository.head() == head


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
def test_a_silent_remote_costs_one_attempt_and_not_the_daemon(broken, scheme):
    silent = broken.add(Silent())
    broken.url = f"{scheme}://127.0.0.1:{silent.port}/fleet.git"
    known_hosts = broken.directory / "known_hosts"
    known_hosts.write_text("")
    broken.revertd.credential("deploy", "x")
    extra = {"known_hosts": str(known_hosts)} if scheme == "ssh" else {}
    broken.start(PAGE, credential="deploy", timeout="2s", **extra)
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("attributing")
    parts.wait_until(lambda: broken.incident()["attempts"] >= 2, 60, "a second attempt")
    assert broken.revertd.get("/api/v1/status")["ready"]
    assert broken.alert(firing=False, alertname="Errors", app="checkout")[0] == 200
    assert broken.until("cleared")["id"] == incident["id"]


def test_a_branch_that_moves_is_planned_anew(broken):
    """Somebody pushes between the look at the history and the push; nothing of theirs is lost."""
    marker = broken.directory / "moved"
    theirs = broken.repository.commit({"apps/search/settings.json": parts.settings(450)}, "Tune search again", push=False)
    broken.repository.git("-C", broken.repository.clone, "push", "--quiet", "origin", "HEAD:refs/heads/theirs")
    hook = broken.repository.path / "hooks" / "pre-receive"
    hook.write_text(f"""#!/bin/sh
[ -e {marker} ] && exit 0
: > {marker}
unset GIT_QUARANTINE_PATH
git update-ref refs/heads/main {theirs}
""")
    hook.chmod(0o755)
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("verifying")
    assert marker.exists()
    assert broken.repository.subjects()[:2] == ['Revert "Lower checkout\'s timeout"', "Tune search again"]
    assert broken.repository.reverts() == [incident["plan"]["commit"]]
    assert broken.repository.read("apps/search/settings.json") == parts.settings(450).strip()
