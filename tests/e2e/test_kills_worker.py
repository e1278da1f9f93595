"""The worker alone is killed at random moments while it pushes a revert, a restore or a proposal: over every kind of
remote, and at a real Gitea over both of its servers where there is one. Whatever the moment: nothing or exactly the one
commit, one proposal, no lock that others stumble over; and the next worker's answer settles it."""
import json
import os
import pathlib
import random
import time
import types

import parts
import pytest
from forges import Forge, Gitea
from servers import GitHttp, GitSsh
from worker import World, git

ROUNDS = int(os.environ.get("REVERTD_KILLS_ROUNDS", "3"))
REAL = os.environ.get("REVERTD_TEST_GITEA")
GITEA = pytest.mark.skipif(not REAL, reason="REVERTD_TEST_GITEA names no Gitea")


class Served:
    """A remote of git's own servers, in the place of a forge."""

    def __init__(self, repository, transport):
        self.repository = pathlib.Path(repository)
        holder = types.SimpleNamespace(path=self.repository)
        self.more = {}
        if transport == "http":
            git(repository, "config", "http.receivepack", "true")
            self.server = GitHttp(self.repository.parent, self.repository.parent)
            self.more, self.token = {"username": self.server.user}, self.server.password
        else:
            self.server = GitSsh(self.repository.parent)
            self.more, self.token = {"known_hosts": str(self.server.known_hosts)}, self.server.key
        self.remote, self.proposals = self.server.url(holder), []

    def settings(self, _):
        return self.more

    def stop(self):
        self.server.stop()


def forge_of(kind, folder):
    if kind in ("http", "ssh"):
        return lambda remote: Served(remote, kind)
    if kind.startswith("gitea"):
        return lambda remote: Gitea(REAL, folder / "gitea", folder / "work", ssh=kind.endswith("ssh"))
    if kind == "path":
        return None
    return lambda remote: Forge(kind.split()[1], remote)


KINDS = ["path", "http", "ssh", "stand-in github", "stand-in gitlab", "stand-in gitea",
         pytest.param("gitea http", marks=GITEA), pytest.param("gitea ssh", marks=GITEA)]


@pytest.fixture
def make(tmp_path):
    made = []

    def one(kind):
        op = "propose" if kind.startswith(("stand-in", "gitea")) else "push"
        made.append(World(tmp_path, op, forge_of(kind, tmp_path), budget=1000))
        return made[-1]
    yield one
    for world in made:
        world.stop()
        if world.forge:
            world.forge.stop()


def break_again(world, n):
    """A bad commit and a later one; the ids of the one before, and of the bad one."""
    git(world.work, "fetch", "-q", world.origin, "main")
    git(world.work, "reset", "-q", "--hard", "FETCH_HEAD")
    good = world.commit({f"apps/r{n}": f"{n} good", f"lib/r{n}": "x"})
    bad = world.commit({f"apps/r{n}": f"{n} bad"})
    world.commit({f"people/{n}": "x"})
    git(world.work, "push", "-q", world.origin, "main")
    return good, bad


def plan(world, what, n, good, bad):
    message = f"Undo\n\nRevertd-Incident: kill-{n}\nRevertd-Reverts: {bad}\n"
    more = {}
    if what == "restore":
        message += f"Revertd-Restores: {good}\n"
        more = {"restore": good, "scope": [f"apps/r{n}"]}
    spec = world.spec([bad], message=message, **more)
    reply = world.ask("plan", spec=spec)
    if reply["outcome"] != "ok":
        assert world.ask("sync")["outcome"] == "ok"
        reply = world.ask("plan", spec=spec)
    assert reply["outcome"] == "ok", reply
    return {"spec": spec, "commit": reply["commit"]}


def send(world, op, request):
    world.number += 1
    world.stream.write(json.dumps({"op": op, "id": world.number, "timeout_usec": 20000000, **request}).encode() + b"\n")
    world.stream.flush()


def kill(world):
    world.process.kill()
    world.process.wait()
    try:
        world.stop()
    except OSError:
        pass
    world.start()


def branches(world):
    listed = git(world.remote, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    return dict(line.split() for line in listed.splitlines())


@pytest.mark.parametrize("what", ["revert", "restore", "propose"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_pushing(make, kind, what):
    if what == "propose" and kind in ("path", "http", "ssh") or what != "propose" and kind.startswith("stand-in"):
        pytest.skip("proposals go to forges, and pushes need none")
    seed = os.environ.get("REVERTD_KILLS_SEED") or str(time.time_ns())
    print(f"REVERTD_KILLS_SEED={seed}")
    chance, world = random.Random(seed), make(kind)
    op = "propose" if what == "propose" else "push"
    took, tally = 0.3, {"before": 0, "after": 0}
    for n in range(ROUNDS):
        good, bad = break_again(world, n)
        request = plan(world, what, n, good, bad)
        base, commit = request["spec"]["base"], request["commit"]
        start = time.monotonic()
        if n == 0:  # undisturbed: how long one takes
            reply = world.ask(op, **request)
            assert reply["outcome"] == "ok", reply
            took = time.monotonic() - start
        else:
            for _ in range(chance.randint(1, 2)):
                send(world, op, request)
                time.sleep(chance.uniform(0, 1.3 * took))  # the moment is what is tried
                kill(world)
                assert world.head() in (base, commit)
                tally["before" if world.head() == base else "after"] += 1
        reply = parts.wait_until(lambda: (lambda r: r["outcome"] not in ("unavailable",) and r)(world.ask(op, **request)),
                                 30, "an answer")
        assert reply["outcome"] in ("ok", "already") and reply["commit"] == commit, reply
        if op == "push":
            assert world.head() == commit and git(world.remote, "rev-parse", f"{commit}~1") == base
        else:
            assert world.head() == base
            assert branches(world)[f"revertd/kill-{n}-{commit[:12]}"] == commit
            assert len(world.forge.proposals) == n + 1
        again = world.ask(op, **request)
        assert again["outcome"] in ("ok", "already") and again["commit"] == commit
        assert len(branches(world)) == (2 if op == "push" else n + 3) - (0 if "other" in branches(world) else 1)
        git(world.work, "push", "-q", world.origin, f"{bad}:refs/heads/probe")  # nobody holds a lock
        git(world.work, "push", "-q", world.origin, ":refs/heads/probe")
    log = git(world.remote, "log", "--format=%(trailers:key=Revertd-Incident,valueonly,separator=)", "main").split()
    assert len(log) == len(set(log)) == (ROUNDS if op == "push" else 0)
    git(world.remote, "fsck", "--strict", "--no-dangling")
    assert not list(pathlib.Path(world.remote).glob("**/*.lock"))
    print(kind, what, f"{took:.3f} s", tally)
