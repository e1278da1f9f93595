"""The Git worker as a service of its own: the daemon has no key, only a socket."""
import os

import parts
from conftest import PAGE, PROGRAMS
from servers import GitSsh
from test_remotes import expect_revert


def worker_unit(world, socket, credentials):
    """As revertd-git@fleet.socket starts it: one process for each connection."""
    carry = [f"-E{name}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ]
    unit = world.add(parts.Part("worker", [
        "systemd-socket-activate", "--accept", *carry, f"-ECREDENTIALS_DIRECTORY={credentials}", "-l", socket,
        PROGRAMS / "revertd-git", f"--config.file={world.revertd.config}", "--repository=fleet",
        f"--storage.path={world.directory / 'worker-state'}"], world.directory))
    parts.wait_until(socket.exists, 10, "the worker's socket")
    return unit


def test_the_key_is_the_workers_alone(broken):
    server = broken.add(GitSsh(broken.directory))
    credentials = broken.directory / "worker-credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "deploy").write_text(server.key)
    (credentials / "deploy").chmod(0o600)
    broken.url = server.url(broken.repository)
    socket = broken.directory / "worker.sock"
    broken.configure(PAGE, credential="deploy", known_hosts=str(server.known_hosts), socket=str(socket))
    worker_unit(broken, socket, credentials)
    broken.revertd.start()
    expect_revert(broken)
    assert not (broken.revertd.state / "git").exists(), "the mirror is the worker's"
    assert (broken.directory / "worker-state" / "git" / "fleet.git").is_dir()


def test_a_worker_that_comes_late_is_waited_for(broken):
    socket = broken.directory / "worker.sock"
    broken.configure(PAGE, socket=str(socket))
    broken.revertd.start()
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    broken.until("attributing")
    parts.wait_until(lambda: broken.incident()["attempts"] >= 1, 30, "an attempt")
    unit = worker_unit(broken, socket, broken.directory)
    broken.until("verifying")
    unit.kill()
    socket.unlink()
    worker_unit(broken, socket, broken.directory)
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("recovered")
    assert len(broken.repository.reverts()) == 1
