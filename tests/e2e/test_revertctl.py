"""revertctl where things are not as they should be: odd servers, nobody there, nobody to ask."""
import http.server
import json
import os
import pty
import socket
import subprocess
import threading

import pytest

from conftest import PAGE, PROGRAMS

CTL = str(PROGRAMS / "revertctl")


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in ("REVERTD_URL", "XDG_CACHE_HOME")}
    return {**kept, "TERM": "xterm", **more}


def ctl(*arguments, env=None):
    return subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=env or environment(), timeout=60)


def at_terminal(arguments, answer, env):
    """Exit status and all that a terminal showed; the question is answered when it is asked."""
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"there are no terminals here: {error}")
    if pid == 0:
        os.execve(CTL, [CTL, *map(str, arguments)], env)
    shown, asked = b"", False
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not asked and b"[y/N]" in shown:
            asked = True
            os.write(terminal, answer)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers every request with server.answer: (status, headers, body)."""

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture
def odd():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    server.seen = []
    server.url = f"--url=http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


ODD = {
    "not JSON": (200, {}, b"<html>", "no JSON object"),
    "an array": (200, {}, b"[]", "no JSON object"),
    "nothing": (200, {}, b"", "no JSON object"),
    "a bomb": (200, {}, b"[" * 100000, "nested"),
    "a page": (404, {}, b"not here", "is that a revertd?"),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/"}, b"", "status 302"),
    "not authenticated": (401, {}, b'{"error": "who are you"}', "--token-file"),
    "an error": (503, {}, b'{"error": "the disk is full\\u001b[2J"}', "the disk is full [2J"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_answers(odd, case):
    status, headers, body, text = ODD[case]
    odd.answer = (status, headers, body)
    for verb in (["status"], ["rules"], ["incidents"], ["show", "7f3c"], ["pause"], ["approve", "7f3c"],
                 ["revert", "-r", "fleet", "9c1e2ab"]):
        done = ctl(odd.url, *verb)
        assert done.returncode == 1, verb
        assert done.stderr.startswith("revertctl: error: ") and text in done.stderr
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("body", [b"{}", b'{"incidents": 7, "rules": {}, "incident": [], "pauses": "x"}',
                                  b'{"incidents": [null, {}], "rules": [null, {"series": [null]}], "transitions": 1}'])
def test_objects_without_what_is_looked_for(odd, body):
    odd.answer = (200, {}, body)
    for verb in (["status"], ["rules"], ["incidents"], ["show", "7f3c"], ["pause"], ["resume"], ["version"]):
        done = ctl(odd.url, *verb)
        assert done.returncode == 0, (verb, done.stderr)


def test_status_says_what_revertd_does_not_see(odd):
    well = {"version": "1", "ready": True, "budget": 10, "budget_used": 3, "rules": {"count": 10, "failing": 0, "failing_rule": None, "failing_error": None},
            "repositories": [{"name": "fleet", "error": None}], "receivers": [{"name": "deploys", "error": None}]}
    odd.answer = (200, {}, json.dumps(well).encode())
    shown = ctl(odd.url, "status").stdout
    assert "annot" not in shown and "All repositories together: 3 of 10 pushes in 24 hours used.\n" in shown
    odd.answer = (200, {}, json.dumps({**well, "rules": {
        "count": 10, "failing": 3, "failing_rule": "latency", "failing_error": "status 401"}, "repositories": [
            {"name": "fleet", "error": "no route"}], "receivers": [{"name": "deploys", "error": "no channel"}]}).encode())
    shown = ctl(odd.url, "status").stdout
    for line in ("3 of 10 rules cannot be evaluated: latency: status 401", "Cannot read repository fleet: no route",
                 "Cannot notify receiver deploys: no channel"):
        assert line in shown
    assert shown.index("cannot be evaluated") < shown.index("No incident is open")


def test_rules_show_all_label_sets_of_one(odd):
    """So that a person knows what explain can be asked about."""
    series = [{"labels": {"app": app}, "verdict": verdict, "value": 0, "state": state, "onset_usec": 0}
              for app, verdict, state in (("web", "breach", "firing"), ("api", "ok", "inactive"))]
    odd.answer = (200, {}, json.dumps({"rules": [
        {"name": "errors", "kind": "polled", "breach": "> 1", "verdicts": {"breach": 1, "ok": 101}, "n_series": 102,
         "series": series}]}).encode())
    some, one = ctl(odd.url, "rules").stdout, ctl(odd.url, "rules", "errors").stdout
    assert '{app="web"}' in some and '{app="api"}' not in some and "are shown" not in some
    assert '{app="web"}' in one and '{app="api"}  inactive  ok' in one
    assert one.endswith("\n2 of 102 label sets are shown.\n")


def test_help_names_the_formats_of_the_verb_alone():
    for verb in ("status", "rules", "explain", "test"):
        assert "html" not in ctl(verb, "--help").stdout
    assert "json or html" in ctl("backtest", "--help").stdout
    assert "none of table, json and html: pdf" in ctl("backtest", "-o", "pdf").stderr
    assert "neither table nor json: html" in ctl("status", "-o", "html").stderr


def test_a_configuration_that_is_not_there(tmp_path):
    """Where nobody said which it is, how to say so."""
    named = ctl("backtest", "--last=1d", f"--config.file={tmp_path}/none")
    assert named.returncode == 1 and "No such file" in named.stderr and "--config.file" not in named.stderr
    if not os.path.exists("/etc/revertd/revertd.conf"):
        assert "say where it is with --config.file" in ctl("backtest", "--last=1d").stderr


def test_hostile_texts_in_tables(odd):
    evil = "\x1b]0;owned\x07\u202e\n\x9b31m"
    odd.answer = (200, {}, json.dumps({
        "version": evil, "revision": evil, "reason": evil, "pauses": [{"scope": evil, "actor": evil, "note": evil}],
        "repositories": [{"name": evil, "branch": evil, "head": evil, "error": evil}], "incidents": [
            {"id": evil, "state": evil, "reason": evil, "rule": evil, "labels": {evil: evil},
             "suspects": [{"commit": {"id": evil, "subject": evil}}]}],
        "rules": [{"name": evil, "mode": evil, "match": [evil], "verdicts": {evil: 1}, "last_error": evil,
                   "series": [{"state": evil, "verdict": evil, "labels": {"a": evil}}]}]}).encode())
    for verb in (["status"], ["rules"], ["incidents"], ["resume"], ["version"]):
        for more in ([], ["-o", "json"]):
            done = ctl(odd.url, *verb, *more)
            assert done.returncode == 0, done.stderr
            assert not any(c in done.stdout + done.stderr for c in "\x1b\x07\u202e\x9b")


def test_tokens_and_names_reach_the_server(odd, tmp_path):
    odd.answer = (200, {}, b"{}")
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    assert ctl(odd.url + "/prefix/", "--token-file", token, "resume", "--rule=a b&c").returncode == 0
    command, path, headers = odd.seen[-1]
    assert (command, path) == ("DELETE", "/prefix/api/v1/pauses?scope=rule%3Aa%20b%26c")
    assert headers["Authorization"] == "Bearer s3cret"
    assert ctl(odd.url, "--token-file", token, "--username=ana", "status").returncode == 0
    assert odd.seen[-1][2]["Authorization"].startswith("Basic ")
    missing = ctl(odd.url, "--token-file", tmp_path / "none", "status")
    assert missing.returncode == 1 and "none" in missing.stderr
    token.write_text("a\nb\n")
    assert ctl(odd.url, "--token-file", token, "status").returncode == 1


def test_a_silent_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = ctl(f"--url=http://127.0.0.1:{silent.getsockname()[1]}", "--timeout=300ms", "status")
    assert done.returncode == 1 and "timed out" in done.stderr.lower()


def test_nobody_there(tmp_path):
    done = ctl("--socket", tmp_path / "nobody", "status")
    assert done.returncode == 1 and "No such file or directory" in done.stderr
    done = ctl("--socket", tmp_path / "nobody", "revert", "-r", "fleet", "9c1e2ab", "--yes")
    assert done.returncode == 1 and "--no-daemon" in done.stderr


def test_confirmation_without_a_daemon(broken, tmp_path):
    """--yes pushes only where the person chose to go without a daemon; at a terminal they are asked."""
    broken.configure(PAGE, receivers=False)
    broken.revertd.config.write_text(broken.revertd.config.read_text().replace(' receivers = [ "deploys" ];', ""))
    (tmp_path / "home").mkdir()
    env = environment(HOME=str(tmp_path / "home"))
    by_commit = ("--config.file", broken.revertd.config, "-r", "fleet", broken.bad[:9])
    if os.path.exists("/run/revertd/revertd.sock"):
        pytest.skip("a revertd runs on this machine")

    before = len(broken.repository.subjects())
    done = ctl("revert", *by_commit, "--yes", env=env)
    assert done.returncode == 1 and "--no-daemon --yes" in done.stderr
    assert ctl("revert", *by_commit, "--no-daemon", env=env).returncode == 1
    assert len(broken.repository.subjects()) == before
    status, shown = at_terminal(["revert", *by_commit], b"n\n", env)
    assert status == 1 and "nothing was pushed" in shown and "Not asked without a daemon" in shown
    assert "\x1b[32m" in shown  # colours, at a terminal
    status, shown = at_terminal(["revert", *by_commit], b"n\n", {**env, "NO_COLOR": "1"})
    assert "\x1b[32m" not in shown
    assert len(broken.repository.subjects()) == before
    status, shown = at_terminal(["revert", *by_commit, "--reason=at night"], b"y\n", env)
    assert status == 0 and "Pushed" in shown
    assert broken.repository.subjects()[0] == 'Revert "Lower checkout\'s timeout"'


def test_confirmation_with_a_daemon(broken):
    """At a terminal what would be pushed is shown, and asked for; --yes and programs are not asked."""
    broken.start(PAGE)
    env = environment(REVERTD_URL=f"unix:{broken.revertd.socket}")
    before = len(broken.repository.subjects())
    status, shown = at_terminal(["revert", "-r", "fleet", broken.bad[:9]], b"n\n", env)
    assert status == 1 and "nothing was pushed" in shown
    assert broken.bad[:10] in shown and '"timeout_ms": 500' in shown and "1 file changed" in shown
    assert len(broken.repository.subjects()) == before
    status, shown = at_terminal(["revert", "--rule", "page", "app=checkout", "alertname=Errors"], b"y\n", env)
    assert status == 0 and "[y/N]" in shown and "reverted" in shown, shown
    assert len(broken.repository.reverts()) == 1
    newest = [i for i in broken.revertd.incidents() if i["state"] == "reverted"]
    assert newest[0]["suspects"][0]["commit"]["id"] == broken.bad
    status, shown = at_terminal(["revert", "-r", "fleet", "HEAD", "--yes", "--force"], b"n\n", env)
    assert status == 0 and "[y/N]" not in shown
    assert len(broken.repository.subjects()) == before + 2


def test_by_rule_without_a_daemon(broken, tmp_path):
    broken.configure(PAGE, receivers=False)
    broken.revertd.config.write_text(broken.revertd.config.read_text().replace(' receivers = [ "deploys" ];', ""))
    common = ("--config.file", broken.revertd.config, "--storage.path", tmp_path / "own", "--no-daemon", "--rule=page")
    plan = json.loads(ctl("revert", *common, "app=checkout", "--dry-run", "-o", "json").stdout)
    assert plan["plan"]["spec"]["commits"] == [broken.bad] and plan["pushed"] is False
    assert plan["plan"]["spec"]["scope"] == ["apps/checkout/**"]
    outside = ctl("revert", *common, "app=../checkout", "--dry-run")
    assert outside.returncode == 1 and "cannot stand in a path" in outside.stderr
    nothing = ctl("revert", *common, "app=unknown", "--yes")
    assert nothing.returncode == 1 and "no commit touched the scope" in nothing.stderr
    assert not any(subject.startswith("Revert") for subject in broken.repository.subjects())
