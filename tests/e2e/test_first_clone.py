"""A first clone that takes a while: how far it is can be seen, and a worker that is killed in it is followed by another."""
import os
import signal
import time

import parts
from conftest import PAGE
from servers import GitHttp
from test_kills import workers
from test_service import Manager

LARGE = 8 << 20
RATE = "1m"  # a second
NOISE = 4096  # bytes of each commit


def sent(server):
    """The bytes of each answer to a fetch."""
    lines = [line.split('"') for line in server.access_log.read_text().splitlines()]
    return [int(line[2].split()[1]) for line in lines if line[1].startswith("POST") and "upload-pack" in line[1]]


def add_history(repository, n):
    """n commits of noise on top of the branch."""
    stream = repository.path / "stream"
    with stream.open("wb") as f:
        for i in range(n):
            parent = b"from refs/heads/main^0\n" if i == 0 else b""
            f.write(b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\n%sM 644 inline noise\ndata %d\n%s\n"
                    % (time.time(), parent, NOISE, os.urandom(NOISE)))
    repository.git("-C", repository.path, "fast-import", "--quiet", stdin=stream)


def test_progress_is_shown_and_a_killed_clone_is_made_anew(broken):
    repository = broken.repository
    (repository.clone / "large").write_bytes(os.urandom(LARGE))
    repository.commit({"note": "x\n"}, "Add what is large")
    repository.git("-C", repository.path, "config", "http.receivepack", "true")
    server = broken.add(GitHttp(broken.directory, broken.directory, rate=RATE))
    broken.url = server.url(repository)
    broken.revertd.credential("deploy", server.password)
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE, credential="deploy", username=server.user)
    broken.revertd.start(wait=False, env={"NOTIFY_SOCKET": manager.path})
    assert manager.until("READY=1")  # it does not wait for the clone
    while "; fleet: receiving: " not in manager.until("STATUS=")[0]:
        pass
    shown = broken.revertd.get("/api/v1/status")["repositories"][0]
    assert shown["progress"].startswith("receiving: ") and shown["last_sync"] is None
    assert "Fetching repository fleet: receiving: " in broken.revertd.ctl("status").stdout
    for pid in workers(broken.revertd.part.process.pid):
        os.kill(pid, signal.SIGKILL)
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("verifying")
    assert repository.head() == incident["plan"]["commit"]
    shown = broken.revertd.get("/api/v1/status")["repositories"][0]
    assert shown["progress"] is None and shown["last_sync"]
    assert "Fetching" not in broken.revertd.ctl("status").stdout

    # What the killed worker had of the pack is sent again.
    parts.wait_until(lambda: [n for n in sent(server) if n > LARGE], 10, "the access log to tell of the pack")
    assert [n for n in sent(server) if 1 << 20 < n < LARGE]


def test_a_killed_clone_keeps_the_steps_that_were_done(broken):
    """The newest commit, 500, then 4,000: the worker is killed in the third step, and the next one begins there."""
    repository = broken.repository
    add_history(repository, 900)
    repository.git("-C", repository.path, "config", "http.receivepack", "true")
    server = broken.add(GitHttp(broken.directory, broken.directory, rate=RATE))
    broken.url = server.url(repository)
    broken.revertd.credential("deploy", server.password)
    broken.configure(PAGE, credential="deploy", username=server.user)
    mirror = broken.directory / "state" / "git" / "fleet.git"
    broken.revertd.start(wait=False)

    def is_in_third_step():
        state = mirror / "revertd-clone"
        return state.exists() and state.read_text().startswith("500 ") and any(mirror.glob("objects/pack/pack_git2_*"))
    parts.wait_until(is_in_third_step, 60, "the third step of the clone")
    for pid in workers(broken.revertd.part.process.pid):
        os.kill(pid, signal.SIGKILL)
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("verifying")
    assert repository.head() == incident["plan"]["commit"]
    assert len([n for n in sent(server) if n > 490 * NOISE]) == 1  # the 500 of the second step; there are 400 behind them
    assert not (mirror / "revertd-clone").exists()
    assert int(repository.git(f"--git-dir={mirror}", "rev-list", "--count", "main")) > 900


def test_a_clone_that_was_put_there_is_taken(broken):
    repository = broken.repository
    repository.git("-C", repository.path, "config", "http.receivepack", "true")
    server = broken.add(GitHttp(broken.directory, broken.directory))
    broken.url = server.url(repository)
    broken.revertd.credential("deploy", server.password)
    broken.configure(PAGE, credential="deploy", username=server.user)
    mirror = broken.directory / "state" / "git" / "fleet.git"
    mirror.parent.mkdir(parents=True, mode=0o700)
    repository.git("clone", "--quiet", "--bare", "--single-branch", f"file://{repository.path}", mirror)
    repository.git(f"--git-dir={mirror}", "config", "revertd.url", broken.url)
    (mirror / "was-here").touch()
    broken.revertd.start()
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("verifying")
    assert repository.head() == incident["plan"]["commit"]
    assert (mirror / "was-here").exists()
    assert "fetched anew" not in broken.revertd.part.log()
