"""kill -9 at every state, and at arbitrary moments: nothing doubled, nothing lost."""
import pytest

import parts
from conftest import ENDS, PAGE, alert, now_text, webhook
from servers import Silent


def settle(world, number=1):
    """Resolve the alert and wait for the end; the incident, with exactly one revert on the branch."""
    world.until({"verifying"}, number)
    world.alert(firing=False, alertname="Errors", app="checkout")
    incident = world.until("recovered", number)
    assert world.repository.reverts() == [incident["plan"]["commit"]]
    assert len(world.revertd.incidents()) == number
    transitions = world.revertd.get("/api/v1/incidents/" + incident["id"])["transitions"]
    assert [t["number"] for t in transitions] == list(range(1, len(transitions) + 1))
    world.told("recovered")
    return incident


def test_while_attributing(broken):
    """The remote is silent when the alert comes; after the crash it answers."""
    silent = broken.add(Silent())
    good, broken.url = broken.url, f"http://127.0.0.1:{silent.port}/fleet.git"
    broken.start(PAGE, timeout="5s")
    broken.alert(alertname="Errors", app="checkout")
    broken.until("attributing")
    broken.revertd.kill()
    broken.url = good
    broken.start(PAGE, timeout="5s")
    settle(broken)


def test_while_holding(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("holding")
    broken.revertd.kill()
    broken.revertd.start()
    assert broken.incident()["state"] == "holding"
    broken.revertd.ctl("approve", incident["id"], "--no-wait")
    settle(broken)


@pytest.mark.parametrize("applied", [False, True])
def test_while_reverting(broken, applied):
    """The server sits in a hook, before or after the ref has moved, when revertd is killed."""
    go, there = broken.directory / "go", broken.directory / "there"
    hook = broken.repository.path / "hooks" / ("post-receive" if applied else "pre-receive")
    hook.write_text(f"#!/bin/sh\n: > {there}\nwhile [ ! -e {go} ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    parts.wait_until(there.exists, 30, "the server's hook")
    assert broken.incident()["state"] == "reverting"
    broken.revertd.kill()
    go.touch()
    broken.revertd.start()
    settle(broken)


def test_while_verifying(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.revertd.kill()
    broken.revertd.start()
    settle(broken)


def test_the_worker_alone_is_killed(broken):
    """The daemon outlives its worker, and asks another."""
    go, there = broken.directory / "go", broken.directory / "there"
    hook = broken.repository.path / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\n: > {there}\nwhile [ ! -e {go} ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    parts.wait_until(there.exists, 30, "the server's hook")
    worker = [int(p) for p in children(broken.revertd.part.process.pid) if "revertd-git" in command(p)]
    assert worker
    import os
    import signal
    os.kill(worker[0], signal.SIGKILL)
    go.touch()
    settle(broken)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def command(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
        return f.read()


def test_killed_again_and_again(broken):
    """Killed at growing delays after each acknowledged alert; each alert ends in one incident and one revert."""
    apps = [f"app{n}" for n in range(3)]
    broken.repository.commit({f"apps/{app}/settings.json": parts.settings(500) for app in apps}, "Start them")
    broken.start(PAGE)
    for app in apps:
        broken.repository.commit({f"apps/{app}/settings.json": parts.settings(5)}, f"Break {app}")
    delay = 0.0
    for number, app in enumerate(apps, 1):
        status, _ = broken.revertd.post("/webhooks/alertmanager",
                                        webhook([alert(True, now_text(), alertname="Errors", app=app)]))
        assert status == 200
        for _ in range(6):
            # Waiting for an event that never comes is how the crash lands at an arbitrary moment.
            try:
                parts.wait_until(lambda: False, delay, "nothing", interval=0.001)
            except TimeoutError:
                pass
            broken.revertd.kill()
            broken.revertd.start()
            delay += 0.004
        broken.until("verifying", number)
        broken.alert(firing=False, alertname="Errors", app=app)
        broken.until("recovered", number)
    incidents = broken.revertd.incidents()
    assert len(incidents) == len(apps) and all(i["state"] in ENDS for i in incidents)
    assert sorted(broken.repository.reverts()) == sorted(i["plan"]["commit"] for i in incidents)


def test_a_graceful_stop_ends_with_zero_and_resumes(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("holding")
    assert broken.revertd.stop() == 0
    broken.revertd.start()
    broken.revertd.ctl("approve", incident["id"][:8], "--no-wait")
    settle(broken)
