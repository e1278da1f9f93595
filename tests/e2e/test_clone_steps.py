"""A first clone in steps, from servers that lie and change their mind, and after states that are not to be believed: the
real worker, with what `git upload-pack` says on its way to it."""
import http.server
import subprocess
import threading

import pytest
from worker import World, git

ENDS_MAX = 20000


def packet(text):
    return b"%04x" % (len(text) + 4) + text


class Server:
    """advertise(n, answer), fetch(n, answer): what is sent instead of the n-th answer; fetch None: it hangs up."""

    token = "t0ken"

    def __init__(self, repository):
        self.repository, self.n_advertised, self.n_fetched = repository, 0, 0
        self.advertise = self.fetch = lambda n, answer: answer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.remote = f"http://127.0.0.1:{self.server.server_port}/fleet.git"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def settings(self, _):
        return {}

    def run(self, *options, data=b""):
        return subprocess.run(["git", "upload-pack", "--stateless-rpc", *options, self.repository], input=data,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def handler(server):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def send(self, kind, answer):
                self.send_response(200)
                self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):
                server.n_advertised += 1
                said = packet(b"# service=git-upload-pack\n") + b"0000" + server.run("--advertise-refs")
                self.send("advertisement", server.advertise(server.n_advertised, said))

            def do_POST(self):
                server.n_fetched += 1
                said = server.run(data=self.rfile.read(int(self.headers["Content-Length"])))
                answer = server.fetch(server.n_fetched, said)
                if answer is not None:
                    self.send("result", answer)
        return Handler


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, forge=Server)
    yield made
    made.stop()
    made.forge.server.shutdown()
    made.forge.server.server_close()


def mirror(world):
    return world.folder / "state" / "git" / "fleet.git"


def is_whole(world):
    return git(mirror(world), "rev-list", "main") == git(world.remote, "rev-list", "main")


def too_many_ends(n_fetch):
    ends = b"".join(packet(b"shallow %040x\n" % i) for i in range(ENDS_MAX + 1)) + b"0000"
    return lambda n, answer: ends if n == n_fetch else answer


@pytest.mark.parametrize("n_fetch", [1, 2])
def test_a_history_that_ends_in_too_many_commits_comes_at_once(world, n_fetch):
    world.forge.fetch = too_many_ends(n_fetch)
    assert world.ask("sync")["outcome"] == "ok"
    assert is_whole(world) and world.forge.n_fetched == n_fetch + 1


def test_nothing_but_ends(world):
    world.forge.fetch = lambda n, answer: too_many_ends(n)(n, answer)
    reply = world.ask("sync")
    assert reply["outcome"] == "unavailable" and str(ENDS_MAX) in reply["message"], reply
    world.forge.fetch = lambda n, answer: answer
    assert world.ask("sync")["outcome"] == "ok" and is_whole(world)


def test_a_server_that_no_longer_knows_of_steps(world):
    """What came by then is not taken for whole."""
    world.forge.advertise = lambda n, answer: answer if n <= 2 else answer.replace(b" shallow ", b" shallox ")
    assert world.ask("sync")["outcome"] == "ok"
    assert world.forge.n_advertised > 2 and is_whole(world)


@pytest.mark.parametrize("spoil", [
    lambda text: text.split("\n")[0] + "\n",
    lambda text: " ".join(text.split()[:2]) + "\n",
    lambda text: text[:-1] + "0" * 5000,
    lambda text: "-" + text,
    lambda text: "\0" * 100,
    lambda text: "",
], ids=["no ends", "no count", "a long line", "no depth", "zeros", "empty"])
def test_a_state_that_is_not_to_be_believed(world, spoil):
    def die(n, answer):
        if n == 2:
            world.process.kill()
            world.process.wait()
        return answer
    world.forge.fetch = die
    with pytest.raises((ValueError, OSError)):
        world.ask("sync")
    world.stop()
    state = mirror(world) / "revertd-clone"
    assert state.read_text().startswith("1 ")
    state.write_text(spoil(state.read_text()))
    world.start()
    assert world.ask("sync")["outcome"] == "ok"
    assert is_whole(world) and world.forge.n_fetched == 4 and not state.exists()
