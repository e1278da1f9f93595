"""A store that cannot be written: nothing is promised, nothing is lost, and all goes on when it can be again."""
import resource

import parts
from conftest import PAGE


def limit_files(world, n_bytes):
    """No file of the daemon's may grow beyond; None: as before."""
    pid = world.revertd.part.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if n_bytes is None else n_bytes, hard))


def ready(world):
    try:
        return bool(parts.http_get(world.revertd.url + "/-/ready"))
    except OSError:
        return False


def metric(world, name):
    text = parts.http_get(world.revertd.url + "/metrics", parts.Revertd.TOKEN)
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def test_alerts_are_refused_until_they_can_be_kept(broken):
    broken.start(PAGE)
    limit_files(broken, 1)
    for _ in range(3):
        status, answer = broken.alert(alertname="Errors", app="checkout")
        assert status == 503 and answer["error"]
    assert not ready(broken)
    assert metric(broken, "revertd_ready") == 0
    assert metric(broken, "revertd_store_commit_failures_total") >= 1
    assert parts.http_get(broken.revertd.url + "/-/healthy")
    assert broken.revertd.incidents() == []

    limit_files(broken, None)
    parts.wait_until(lambda: ready(broken), 10, "the store to be used again")
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    broken.until("verifying")
    assert metric(broken, "revertd_ready") == 1


def test_an_incident_under_way_goes_on(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("holding")
    head = broken.repository.head()

    limit_files(broken, 1)
    path = f"/api/v1/incidents/{incident['id']}/approve"
    status, answer = broken.revertd.post(path, {})
    assert status == 503 and answer["error"]
    assert not ready(broken)
    assert broken.revertd.post("/api/v1/pauses", {})[0] == 503
    assert broken.repository.head() == head, "nothing is pushed that was not stored"

    limit_files(broken, None)
    parts.wait_until(lambda: ready(broken), 10, "the store to be used again")
    assert broken.revertd.post(path, {})[0] == 200
    broken.until("verifying")
    assert broken.repository.head() != head
    assert broken.revertd.get("/api/v1/pauses")["pauses"] == []
