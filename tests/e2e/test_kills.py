"""The worker, or the daemon with it, is killed at random moments while it reverts, over every kind of remote.

Whatever the moment: one revert for each incident, a branch that only ever moves forward, a repository that fsck finds
whole, no lock that keeps others from pushing, and a mirror that serves the next revert. REVERTD_KILLS_SEED repeats a
run."""
import os
import pathlib
import random
import signal
import time

import pytest

import parts
from conftest import PAGE
from servers import GitHttp, GitSsh

ROUNDS = 5
KILLS = 4
SPREAD_SEC = {"path": 0.06, "hook": 0.15, "http": 0.3, "ssh": 0.4}  # about what a revert takes


def reach_by(world, transport):
    """Let the repository be reached so; what its configuration needs for it."""
    if transport == "http":
        world.repository.git("-C", world.repository.path, "config", "http.receivepack", "true")
        server = world.add(GitHttp(world.directory, world.directory))
        world.url = server.url(world.repository)
        world.revertd.credential("deploy", server.password)
        return {"credential": "deploy", "username": server.user}
    if transport == "ssh":
        server = world.add(GitSsh(world.directory))
        world.url = server.url(world.repository)
        world.revertd.credential("deploy", server.key)
        return {"credential": "deploy", "known_hosts": str(server.known_hosts)}
    if transport == "hook":  # then the push is receive-pack's
        hook = world.repository.path / "hooks" / "update"
        hook.write_text("#!/bin/sh\nexit 0\n")
        hook.chmod(0o755)
    return {}


def workers(daemon):
    """The daemon's children that are workers."""
    found = []
    for task in pathlib.Path(f"/proc/{daemon}/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "revertd-git":
                    found.append(int(pid))
            except OSError:
                pass  # it has ended meanwhile
    return found


def kill(world, victim):
    if victim == "daemon":
        world.revertd.kill()
        world.revertd.start()
        return
    for pid in workers(world.revertd.part.process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def expect_forward_only(repository, heads):
    for older, newer in zip(heads, heads[1:]):
        repository.git("-C", repository.path, "merge-base", "--is-ancestor", older, newer)


@pytest.mark.parametrize("victim", ["worker", "daemon"])
@pytest.mark.parametrize("transport", ["path", "hook", "http", "ssh"])
def test_killed_while_reverting(world, transport, victim):
    seed = os.environ.get("REVERTD_KILLS_SEED") or str(time.time_ns())
    print(f"REVERTD_KILLS_SEED={seed}")
    chance, repository = random.Random(seed), world.repository
    repository.commit({f"apps/a{n}/settings.json": parts.settings(500) for n in range(ROUNDS)}, "Start the fleet")
    bad = [repository.commit({f"apps/a{n}/settings.json": parts.settings(5)}, f"Break a{n}") for n in range(ROUNDS)]
    options = reach_by(world, transport)
    world.configure(PAGE, budget=100, **options)
    world.revertd.config.write_text(world.revertd.config.read_text() + "budget = 100;\n")
    world.revertd.start()
    heads = [repository.head()]
    for n in range(ROUNDS):
        assert world.alert(alertname="Errors", app=f"a{n}")[0] == 200
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, SPREAD_SEC[transport]))  # the moment is what is tried, nothing is waited for
            kill(world, victim)
            heads.append(repository.head())
        world.until("verifying", n + 1, timeout=90)
        heads.append(repository.head())
        assert world.alert(firing=False, alertname="Errors", app=f"a{n}")[0] == 200
        incident = world.until("recovered", n + 1)
        assert repository.reverts()[0] == incident["plan"]["commit"]
        heads.append(repository.commit({f"people/{n}": "x\n"}, "A person pushes too"))
    assert len(repository.reverts()) == len(world.revertd.incidents()) == ROUNDS
    undone = repository.git("-C", repository.path, "log", "--reverse", "--format=%(trailers:key=Revertd-Reverts,valueonly)",
                            "--grep=^Revertd-Incident:", "main").split()
    assert undone == bad
    expect_forward_only(repository, heads)
    repository.git("-C", repository.path, "fsck", "--strict", "--no-dangling")
    assert not list(repository.path.glob("**/*.lock"))
