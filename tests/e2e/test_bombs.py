"""Repositories whose few bytes swell: what the worker makes of them over HTTP, and that it stays within its memory."""
import hashlib
import os
import struct
import zlib

import pytest

import parts
from conftest import PAGE
from test_kills import reach_by, workers
from test_many_refs import MEMORY_MIB, peak_mib

SWOLLEN = 600 << 20  # more than the worker may have
COPY = 0xffff  # what one instruction of a delta copies at most here


def varint(n):
    out = bytearray()
    while True:
        out.append((n & 0x7f) | (0x80 if n > 0x7f else 0))
        n >>= 7
        if not n:
            return bytes(out)


def packed(kind, size, data, base=b""):
    head = bytearray([(kind << 4) | (size & 0xf)])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7f)
        size >>= 7
    return bytes(head) + base + zlib.compress(data)


def delta_bomb():
    """A pack of a blob of 64 KiB and a delta upon it that makes SWOLLEN of it; the ids of both."""
    base = bytes(COPY)
    copies = SWOLLEN // COPY
    delta = varint(COPY) + varint(copies * COPY) + b"\xb0\xff\xff" * copies
    base_id = hashlib.sha1(b"blob %d\0" % len(base) + base)
    swollen = hashlib.sha1(b"blob %d\0" % (copies * COPY))
    for _ in range(copies):
        swollen.update(base)
    pack = (b"PACK" + struct.pack(">II", 2, 2) + packed(3, len(base), base)
            + packed(7, len(delta), delta, base_id.digest()))
    return pack + hashlib.sha1(pack).digest(), base_id.hexdigest(), swollen.hexdigest()


@pytest.mark.skipif("address" in os.environ.get("REVERTD_SANITIZE", ""),
                    reason="AddressSanitizer takes more address space than the worker may have, which is not bounded then")
@pytest.mark.parametrize("transport", ["http", "ssh"])
def test_a_delta_bomb_costs_an_attempt_and_not_the_memory(broken, transport):
    repository = broken.repository
    pack, base, blob = delta_bomb()
    assert len(pack) < 1 << 20
    repository.git("-C", repository.path, "config", "core.bigFileThreshold", "2g")
    (broken.directory / "bomb.pack").write_bytes(pack)
    repository.git("-C", repository.path, "index-pack", "--stdin", stdin=broken.directory / "bomb.pack")
    tree = repository.git("-C", repository.path, "ls-tree", "main")
    (broken.directory / "tree").write_text(f"{tree}\n100644 blob {base}\tbase\n100644 blob {blob}\tbomb\n")
    made = repository.git("-C", repository.path, "mktree", stdin=broken.directory / "tree")
    identity = {f"GIT_{who}_{what}": "m@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    commit = repository.git("-C", repository.path, "commit-tree", "-p", "main", "-m", "swell", made, env=identity)
    repository.git("-C", repository.path, "update-ref", "refs/heads/main", commit)
    broken.start(PAGE, **reach_by(broken, transport))
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    parts.wait_until(lambda: "out of memory" in broken.revertd.part.log(), 120, "the bomb to arrive")
    parts.wait_until(lambda: broken.incident()["attempts"] >= 1, 120, "an attempt")
    for pid in workers(broken.revertd.part.process.pid):
        assert peak_mib(pid) < MEMORY_MIB
    assert repository.head() == commit
