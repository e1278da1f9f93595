"""A disk that is full under the store: nothing that was acknowledged is lost, and it goes on when there is space."""
import subprocess

import pytest

import parts
from conftest import PAGE, alert, now_text, webhook


@pytest.fixture
def small_disk(broken):
    """The daemon's state on a file system of 16 MiB."""
    broken.revertd.state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "revertd-test", broken.revertd.state],
                             capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    yield broken
    broken.revertd.stop()
    subprocess.run(["umount", "--lazy", broken.revertd.state], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


def test_acknowledged_or_refused_but_never_lost(small_disk):
    world = small_disk
    world.start(PAGE.replace("enforce", "approve"))
    parts.wait_until(lambda: world.revertd.get("/api/v1/status")["repositories"][0].get("head"), 20, "the first look")
    fill(world.revertd.state / "filler")
    acknowledged, starts = [], now_text()

    def send(number):
        body = webhook([alert(True, starts, alertname="Errors", app=f"app{number}", padding="x" * 4000)])
        return world.revertd.post("/webhooks/alertmanager", body)[0]
    for number in range(499):
        status = send(number)
        if status != 200:
            break
        acknowledged.append(f"app{number}")
    assert status == 503, status
    assert world.revertd.post("/webhooks/alertmanager", webhook([]))[0] in (200, 503)
    assert parts.http_get(world.revertd.url + "/-/healthy")
    assert world.revertd.part.alive()
    (world.revertd.state / "filler").unlink()
    # Alertmanager sends again what was not taken; so does this.
    parts.wait_until(lambda: send(number) == 200, 30, "the alert to be taken")
    acknowledged.append(f"app{number}")
    parts.wait_until(lambda: world.revertd.get("/api/v1/status")["ready"], 30, "revertd to be ready")
    # Killed, so that what it says comes from the disk.
    world.revertd.kill()
    world.revertd.start()
    known = {i["labels"]["app"] for i in world.revertd.incidents("?limit=500")}
    assert set(acknowledged) <= known


def test_full_from_the_start(small_disk):
    world = small_disk
    world.start(PAGE)
    world.revertd.kill()
    fill(world.revertd.state / "filler")
    world.configure(PAGE)
    world.revertd.start(wait=False)
    parts.wait_until(lambda: parts.http_get(world.revertd.url + "/-/healthy"), 30, "revertd to be up")
    (world.revertd.state / "filler").unlink()
    parts.wait_until(world.revertd.ready, 30, "revertd to be ready")
    assert parts.wait_until(lambda: world.alert(alertname="Errors", app="checkout")[0] == 200, 30, "the alert to be taken")
    world.until("verifying")
    assert len(world.repository.reverts()) == 1
