"""A first clone in steps over SSH, from a git upload-pack that drips, breaks off, goes on without end, or lies: the real
worker and a real sshd. Whatever it was, it ends in time, costs no memory, and the next clone is whole."""
import os
import pathlib
import sys
import types

import pytest
from servers import GitSsh
from test_clone_steps import is_whole, mirror
from test_many_refs import MEMORY_MIB, peak_mib
from worker import World

RV_GITWIRE_EXIT_DEADLINE = 75
ADDRESS = "address" in os.environ.get("REVERTD_SANITIZE", "")  # then the worker's memory is not bounded


class Liar:
    """See upload_pack.py."""

    def __init__(self, repository):
        self.repository, self.folder = repository, pathlib.Path(repository).parent / "lies"
        self.folder.mkdir()
        self.tell("no_lie", 0)
        self.server = GitSsh(self.folder, command=f"{sys.executable} {pathlib.Path(__file__).parent}/upload_pack.py "
                                                  f"{self.folder}")
        self.remote, self.token = self.server.url(types.SimpleNamespace(path=repository)), self.server.key

    def settings(self, _):
        return {"known_hosts": str(self.server.known_hosts)}

    def tell(self, lie, at):
        (self.folder / "lie").write_text(f"{lie} {at}\n")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, forge=Liar)
    yield made
    made.stop()
    made.forge.server.stop()


def ask(world, timeout_sec=20, **request):
    """The reply, or the status with which the worker ended; the memory within bounds."""
    try:
        reply = world.ask(**{"op": "sync", **request}, timeout_usec=timeout_sec * 1000000)
        assert ADDRESS or peak_mib(world.process.pid) < MEMORY_MIB
    except ValueError:
        reply = world.stop()
        world.start()
    return reply


def expect_whole_clone(world):
    world.forge.tell("no_lie", 0)
    assert ask(world)["outcome"] == "ok"
    assert is_whole(world) and not (mirror(world) / "revertd-clone").exists()


@pytest.mark.parametrize("lie, at", [("drips_ends", 1), ("ends_without_end", 2), ("progress_without_end", 2),
                                     ("drips_the_pack", 1)])
def test_what_never_ends(world, lie, at):
    """Nothing of it is progress, so that the watchdog ends the worker."""
    world.forge.tell(lie, at)
    assert ask(world, timeout_sec=4) == RV_GITWIRE_EXIT_DEADLINE
    expect_whole_clone(world)


@pytest.mark.parametrize("lie, at, words", [
    ("closes_in_the_ends", 1, "ssh ended"), ("closes_after_the_ends", 2, "ssh ended"), ("closes_in_the_pack", 2, "ssh ended"),
    ("ends_in_nonsense", 1, "where its answer ends"), ("last_words", 2, "go away"),
    pytest.param("four_billion_objects", 1, "out of memory", marks=pytest.mark.skipif(ADDRESS, reason="see above"))])
def test_what_breaks_off(world, lie, at, words):
    world.forge.tell(lie, at)
    reply = ask(world)
    assert reply["outcome"] in ("unavailable", "failed") and words in reply["message"] and "\x1b" not in reply["message"]
    expect_whole_clone(world)


@pytest.mark.parametrize("lie, at", [
    ("no_ends", 1), ("all_ends_gone", 1), ("ends_at_what_nobody_has", 1), ("more_than_asked", 1), ("something_else", 2),
    ("nothing", 1), ("behind_the_pack", 2), ("a_wrong_sum", 1)])
def test_what_looks_like_an_answer(world, lie, at):
    """It is thrown away as soon as it shows: at once, with the next clone, or when the history is read."""
    world.forge.tell(lie, at)
    ask(world)
    assert (world.forge.folder / "steps").stat().st_size >= at
    reply = ask(world, op="history", scope=["apps/**"], since_usec=0, max_commits=100)
    assert reply["outcome"] == "ok" and len(reply["commits"]) == 5
    expect_whole_clone(world)
