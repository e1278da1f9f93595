"""revertd as a service: what the service manager is told, and the sockets it hands over."""
import os
import signal
import socket
import time

import parts
from conftest import PAGE, PROGRAMS


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, directory):
        self.path = str(directory / "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.messages = []

    def until(self, *lines, timeout=30):
        """The first message from now on that has each of the lines, or a line that begins so."""
        deadline = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            message = self.socket.recv(65536).decode().split("\n")
            self.messages.append(message)
            if all(any(have.startswith(want) for have in message) for want in lines):
                return message

    def stop(self):
        self.socket.close()


def test_the_service_manager_is_told(broken):
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE.replace("enforce", "approve"))
    broken.revertd.start(wait=False, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"})
    assert manager.until("READY=1")
    manager.until("STATUS=1 rule, 1 repository, no open incident")
    manager.until("WATCHDOG=1")
    broken.alert(alertname="Errors", app="checkout")
    manager.until("STATUS=1 rule, 1 repository, 1 open incident")
    broken.revertd.ctl("pause")
    while not manager.until("STATUS=")[0].endswith(", paused"):
        pass

    process = broken.revertd.part.process
    os.kill(process.pid, signal.SIGHUP)
    message = manager.until("RELOADING=1", "MONOTONIC_USEC=")
    assert len(message) == 2, "both in one message"
    manager.until("READY=1")

    broken.configure(PAGE.replace('window = "30m"', 'window = "thirty"'))
    os.kill(process.pid, signal.SIGHUP)
    manager.until("RELOADING=1")
    manager.until("READY=1")
    assert "not valid" in "".join(manager.until("STATUS="))
    manager.until("WATCHDOG=1")

    process.terminate()
    manager.until("STOPPING=1")
    assert process.wait(10) == 0


def test_a_bad_start_is_never_ready(broken):
    manager = broken.add(Manager(broken.directory))
    broken.configure(PAGE.replace('window = "30m"', 'window = "thirty"') + ', { nmae = "x"; }')
    broken.revertd.start(wait=False, env={"NOTIFY_SOCKET": manager.path})
    assert broken.revertd.part.process.wait(20) == 1
    log = broken.revertd.part.log()
    assert "thirty" in log and "nmae" in log and "revertd.conf:" in log
    manager.socket.settimeout(0.1)
    try:
        assert b"READY" not in manager.socket.recv(65536)
    except TimeoutError:
        pass


def test_sockets_that_were_handed_over(broken):
    broken.configure(PAGE)
    port, path = parts.free_port(), broken.directory / "activated.sock"
    part = broken.add(parts.Part("activated", [
        "systemd-socket-activate", "-l", f"127.0.0.1:{port}", "-l", path, PROGRAMS / "revertd",
        f"--config.file={broken.revertd.config}", f"--storage.path={broken.revertd.state}",
        f"--git.program={PROGRAMS / 'revertd-git'}"], broken.directory))
    url = f"http://127.0.0.1:{port}"
    parts.wait_until(lambda: parts.http_get(url + "/-/ready"), 30, "revertd to be activated")
    assert part.alive()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
        caller.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert caller.recv(65536).startswith(b"HTTP/1.1 200"), "the peer's credentials are enough"
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", broken.revertd.port)) != 0, "the configured address is not opened"
    part.process.terminate()
    part.process.wait(10)
    assert path.exists(), "the socket is the service manager's"
