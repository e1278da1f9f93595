"""A repository with a million other refs: the revert is made as ever, and the worker's memory stays within its cap."""
import pathlib

import pytest

from conftest import PAGE
from test_kills import reach_by, workers

REFS = 1000000
MEMORY_MIB = 512


def peak_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} says nothing of its memory")


@pytest.mark.parametrize("transport", ["path", "http", "ssh"])
def test_a_million_refs(broken, transport):
    path = broken.repository.path
    with open(path / "packed-refs", "w", encoding="ascii") as packed:
        packed.write("# pack-refs with: peeled fully-peeled sorted \n")
        for n in range(REFS):
            packed.write(f"{broken.bad} refs/pull/{n:07}\n")
    broken.start(PAGE, **reach_by(broken, transport))
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("verifying", timeout=60)
    assert broken.repository.head() == incident["plan"]["commit"]
    pids = workers(broken.revertd.part.process.pid)
    assert pids
    for pid in pids:
        assert peak_mib(pid) < MEMORY_MIB
        print(f"{transport}: {peak_mib(pid):.0f} MiB")
