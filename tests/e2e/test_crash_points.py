"""The daemon, or its worker, dies right before each call that makes something durable or reaches somebody outside, one
after the other until a revert takes no further call. Whatever the call: what was acknowledged is not lost, there is one
revert, and people are told. REVERTD_CRASH_STEP=n tries every n-th call only."""
import ctypes
import mmap
import os
import pathlib
import subprocess

import parts
import pytest
from conftest import PAGE

CALLS_MAX = 400
STEP = int(os.environ.get("REVERTD_CRASH_STEP", "1"))


class Page(ctypes.Structure):
    _fields_ = [("armed", ctypes.c_int32), ("at", ctypes.c_int32), ("count", ctypes.c_int32),
                ("crashed", ctypes.c_int32), ("name", ctypes.c_char * 16)]


class Crashes:
    """.env for the daemon; .arm(n) lets the program die before its n-th call from then on."""

    def __init__(self, directory, program):
        library, page = directory / "crash.so", directory / "crash.page"
        source = pathlib.Path(__file__).with_name("crash.c")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        page.write_bytes(bytes(mmap.PAGESIZE))
        with open(page, "r+b") as f:
            self.page = Page.from_buffer(mmap.mmap(f.fileno(), mmap.PAGESIZE))
        self.env = {"LD_PRELOAD": str(library), "CRASH_PROGRAM": program, "CRASH_PAGE": str(page),
                    "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def arm(self, at):
        self.page.armed = self.page.count = self.page.crashed = 0
        self.page.at = at
        self.page.armed = 1


class Patient:
    """Deals with a daemon that may be down: starts it again, and asks again."""

    def __init__(self, world, crashes):
        self.world, self.crashes = world, crashes

    def start(self):
        self.world.revertd.start(env=self.crashes.env)

    def revive(self):
        if not self.world.revertd.part.alive():
            self.start()

    def deliver(self, **alert):
        """As Alertmanager does: again, until it is taken."""
        def taken():
            self.revive()
            try:
                return self.world.alert(**alert)[0] == 200
            except OSError:
                return False
        parts.wait_until(taken, 60, "the alert to be taken")

    def until(self, app, state):
        def reached():
            self.revive()
            try:
                found = [i for i in self.world.revertd.incidents() if i["labels"]["app"] == app]
            except (OSError, ValueError):
                return None
            assert len(found) == 1, "what was acknowledged is lost, or was taken twice"
            return found[0] if found[0]["state"] == state else None
        return parts.wait_until(reached, 60, f"the incident of {app} to be {state}")

    def ask(self, path):
        def answered():
            self.revive()
            return self.world.revertd.get(path)
        return parts.wait_until(answered, 60, f"an answer to {path}")

    def until_told(self, incident):
        def told():
            self.revive()
            return [t for t in self.world.slack.texts() if incident["id"][:8] in t and "ecovered" in t]
        parts.wait_until(told, 60, "Slack to be told of the recovery")


def reverts_of(repository, bad):
    log = repository.git("-C", repository.path, "log", "--format=%(trailers:key=Revertd-Reverts,valueonly,separator=)",
                         "main").split()
    return log.count(bad)


def check(world, whole, bad):
    assert reverts_of(world.repository, bad) == 1
    assert [t["number"] for t in whole["transitions"]] == list(range(1, len(whole["transitions"]) + 1))
    assert whole["incident"]["state"] == "recovered"


@pytest.mark.parametrize("program", ["revertd", "revertd-git"])
def test_each_call(world, tmp_path, program):
    crashes = Crashes(tmp_path, program)
    patient = Patient(world, crashes)
    repository = world.repository
    repository.commit({f"apps/a{n}/settings.json": parts.settings(500) for n in range(CALLS_MAX)}, "Start the fleet")
    world.configure(PAGE.replace('recover = "1s"', 'recover = "0"'), budget=1000)
    world.revertd.config.write_text(world.revertd.config.read_text() + "budget = 1000;\n")
    patient.start()
    calls = []
    for n in range(1, CALLS_MAX, STEP):
        app = f"a{n}"
        bad = repository.commit({f"apps/{app}/settings.json": parts.settings(5)}, f"Break {app}")
        crashes.arm(n)
        patient.deliver(alertname="Errors", app=app)
        patient.until(app, "verifying")
        patient.deliver(firing=False, alertname="Errors", app=app)
        incident = patient.until(app, "recovered")
        patient.until_told(incident)
        crashes.page.armed = 0
        check(world, patient.ask("/api/v1/incidents/" + incident["id"]), bad)
        crashed, name = crashes.page.crashed, crashes.page.name.decode()
        if not crashed:
            break
        calls.append(name)
    print(f"{program}: {len(calls)} calls: {' '.join(calls)}")
    assert len(calls) >= 10 / STEP and not crashed, "the calls were not seen, or never came to an end"
    repository.git("-C", repository.path, "fsck", "--strict", "--no-dangling")
    assert not list(repository.path.glob("**/*.lock"))
