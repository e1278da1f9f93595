#!/usr/bin/python3
"""git upload-pack, lying: what sshd runs in the place of what a client asks for (its ForceCommand).

usage: upload_pack.py FOLDER, with SSH_ORIGINAL_COMMAND

FOLDER/lie holds "NAME N": the N-th answer to a fetch in steps is spoilt as the function NAME says. FOLDER/steps counts
them, a byte each."""
import hashlib
import os
import pathlib
import shlex
import struct
import subprocess
import sys
import threading
import time

DRIP_SEC = 0.05
folder = pathlib.Path(sys.argv[1])
command, repository = shlex.split(os.environ["SSH_ORIGINAL_COMMAND"])
client = sys.stdin.buffer, sys.stdout.buffer


def packet(text):
    return b"%04x" % (len(text) + 4) + text


def band(n, text):
    return packet(bytes([n]) + text)


def send(data):
    client[1].write(data)
    client[1].flush()


def endless(data):
    while True:
        send(data)


def drip(data):
    for byte in data:
        send(bytes([byte]))
        time.sleep(DRIP_SEC)


class Answer:
    """ends: the lines that say where the history ends; head: ACK or NAK; pack: what the pack's packets carry."""

    def __init__(self, ends, packets):
        self.ends, self.head = ends, packets[0]
        self.pack = b"".join(p[1:] for p in packets[1:] if p[0] == 1)

    def send_ends(self, ends=None):
        for line in self.ends if ends is None else ends:
            send(packet(line))
        send(b"0000")

    def send_pack(self, pack=None):
        pack = self.pack if pack is None else pack
        send(packet(self.head))
        for at in range(0, len(pack), 60000):
            send(band(1, pack[at:at + 60000]))
        send(b"0000")


def a_pack(*revisions):
    """Of all that they have."""
    return subprocess.run(["git", "-C", repository, "pack-objects", "--revs", "--stdout", "-q"], check=True,
                          input="".join(r + "\n" for r in revisions).encode(), stdout=subprocess.PIPE).stdout


def closes_in_the_ends(answer):
    send(packet(b"shallow " + b"0" * 40)[:20])


def closes_after_the_ends(answer):
    answer.send_ends()


def closes_in_the_pack(answer):
    answer.send_ends()
    send(packet(answer.head) + band(1, answer.pack[:len(answer.pack) // 2]))


def drips_ends(answer):
    drip(packet(answer.ends[0]) * 10000)


def ends_without_end(answer):
    endless(packet(answer.ends[0]) * 1000)


def no_ends(answer):
    answer.send_ends([])
    answer.send_pack()


def all_ends_gone(answer):
    answer.send_ends([line.replace(b"shallow", b"unshallow") for line in answer.ends])
    answer.send_pack()


def ends_at_what_nobody_has(answer):
    answer.send_ends([b"shallow " + b"7" * 40])
    answer.send_pack()


def ends_in_nonsense(answer):
    send(packet(b"swallow\x1b[31m") + b"0000")


def progress_without_end(answer):
    answer.send_ends()
    send(packet(answer.head))
    endless(band(2, b"Counting\r" * 1000) * 10)


def drips_the_pack(answer):
    answer.send_ends()
    send(packet(answer.head))
    for byte in answer.pack:
        drip(band(1, bytes([byte])))


def more_than_asked(answer):
    answer.send_ends()
    answer.send_pack(a_pack("--all"))


def something_else(answer):
    answer.send_ends()
    answer.send_pack(a_pack("main~1^{tree}"))


def nothing(answer):
    answer.send_ends()
    answer.send_pack(b"")


def four_billion_objects(answer):
    answer.send_ends()
    answer.send_pack(b"PACK" + struct.pack(">II", 2, 0xffffffff) + answer.pack[12:])


def behind_the_pack(answer):
    answer.send_ends()
    answer.send_pack(answer.pack + bytes(100000))


def a_wrong_sum(answer):
    answer.send_ends()
    answer.send_pack(answer.pack[:-20] + hashlib.sha1(b"").digest())


def last_words(answer):
    answer.send_ends()
    send(packet(answer.head) + band(3, b"go away\x1b[31m\n"))


def read_packet(stream):
    """None: a flush."""
    n = int(stream.read(4), 16)
    return stream.read(n - 4) if n else None


def read_until_flush(stream):
    packets = []
    while (packet := read_packet(stream)) is not None:
        packets.append(packet)
    return packets


def listen(child, at):
    """What the client says goes on to upload-pack; where it is to be lied to, the answer is taken from there."""
    while data := os.read(client[0].fileno(), 65536):
        if b"deepen " in data:
            with (folder / "steps").open("ab") as f:
                f.write(b".")
                if f.tell() == at:
                    lying.set()
        child.stdin.write(data)
        child.stdin.flush()
    child.stdin.close()


def serve(lie, at):
    child = subprocess.Popen(["git", "upload-pack", repository], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=listen, args=(child, at), daemon=True).start()
    for line in read_until_flush(child.stdout):
        send(packet(line))
    send(b"0000")
    if not child.stdout.peek(1):
        return
    if lying.is_set():
        globals()[lie](Answer(read_until_flush(child.stdout), read_until_flush(child.stdout)))
        os._exit(0)
    while data := child.stdout.read1():
        send(data)


lying = threading.Event()
lie, at = (folder / "lie").read_text().split()
if command != "git-upload-pack" or os.environ.get("GIT_PROTOCOL"):
    os.execvp("git", ["git", command.removeprefix("git-"), repository])
serve(lie, int(at))
