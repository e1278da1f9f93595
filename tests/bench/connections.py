#!/usr/bin/env python3
"""What 10,000 connections cost that send slowly: revertd's memory, and how long an honest request takes meanwhile.

Each connection sends the head of a request, or a head and a fourth of a body, and then a byte now and then. Between
them /-/healthy is asked on a connection of its own.

usage: connections.py --programs DIR [--connections N]
"""
import argparse
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

KINDS = {
    "heads": b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "bodies": b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
              b"Content-Length: 400000\r\n\r\n" + b" " * 100000,
}
ROUNDS = 10
BETWEEN = 500  # connections between two honest requests


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Watch:
    def __init__(self, port, pid):
        self.port, self.pid, self.peak_mb, self.worst_ms = port, pid, 0, 0

    def resident_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    def look(self):
        start = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthy", timeout=30) as answer:
            answer.read()
        self.worst_ms = max(self.worst_ms, (time.perf_counter() - start) * 1000)
        self.peak_mb = max(self.peak_mb, self.resident_mb())


def send(connection, data):
    try:
        connection.send(data)
    except OSError:
        pass  # full, or closed by the server


def attack(data, count, watch):
    connections = []
    for n in range(count):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", watch.port))
        connections.append(connection)
        if n % BETWEEN == BETWEEN - 1:
            for fresh in connections[-BETWEEN:]:
                send(fresh, data)
            watch.look()
    for _ in range(ROUNDS):
        for connection in connections:
            send(connection, b" ")
        watch.look()
    for connection in connections:
        connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--connections", type=int, default=10000)
    arguments = parser.parse_args()
    programs = arguments.programs.resolve()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for kind, data in KINDS.items():
        directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-bench-"))
        port = free_port()
        subprocess.run(["git", "init", "-q", "--bare", directory / "fleet.git"], check=True)
        (directory / "revertd.conf").write_text(f"""
listen: {{ address = "127.0.0.1:{port}"; socket = "{directory}/revertd.sock"; }};
repositories: ( {{ name = "fleet"; url = "{directory}/fleet.git"; branch = "main"; }} );
""")
        process = subprocess.Popen([programs / "revertd", "--config.file", directory / "revertd.conf", "--storage.path",
                                    directory / "state", "--git.program", programs / "revertd-git", "--log.level",
                                    "error"])
        try:
            watch = Watch(port, process.pid)
            for _ in range(100):
                if (directory / "revertd.sock").exists():
                    break
                time.sleep(0.1)
            watch.look()
            before = watch.resident_mb()
            attack(data, arguments.connections, watch)
            print(f"{arguments.connections} slow {kind:6}  {before:5.1f} MB before, {watch.peak_mb:5.1f} MB at most; "
                  f"an honest request took at most {watch.worst_ms:.0f} ms", flush=True)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
