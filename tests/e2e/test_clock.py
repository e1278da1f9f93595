"""The wall clock is set while a revert is held: it waits for the time that really passes, also over a restart."""
import os
import pathlib
import subprocess

import parts
import pytest
from conftest import PAGE

TEN_YEARS = 10 * 365 * 86400


@pytest.fixture
def clock(tmp_path):
    """.env for the daemon; .set(seconds) puts its clock ahead by so many."""
    library, ahead = tmp_path / "clock.so", tmp_path / "ahead"
    source = pathlib.Path(__file__).with_name("clock.c")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)

    class Clock:
        env = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_AHEAD": str(ahead),
               "ASAN_OPTIONS": "verify_asan_link_order=0"}

        @staticmethod
        def set(seconds):
            new = tmp_path / "ahead.new"
            new.write_text(f"{seconds}\n")
            new.replace(ahead)

    Clock.set(0)
    return Clock


def steps(world):
    metrics = parts.http_get(world.revertd.url + "/metrics", parts.Revertd.TOKEN)
    return next(line for line in metrics.splitlines() if line.startswith("revertd_clock_steps_total ")).split()[1]


@pytest.mark.parametrize("ahead", [3700, TEN_YEARS, -TEN_YEARS])
def test_a_hold_is_not_over(broken, clock, ahead):
    broken.configure(PAGE.replace('mode = "enforce"', 'mode = "enforce"; hold = "1h"'))
    broken.revertd.start(env=clock.env)
    broken.alert(alertname="Errors", app="checkout")
    deadline = broken.until("holding")["deadline_usec"]
    clock.set(ahead)
    parts.wait_until(lambda: steps(broken) == "1", 30, "the step to be seen")
    moved = broken.until("holding")["deadline_usec"]
    assert abs(moved - deadline - ahead * 10**6) < 2 * 10**6

    broken.revertd.kill()
    clock.set(0)
    broken.revertd.start(env=clock.env)
    parts.wait_until(lambda: steps(broken) == "1", 30, "the step back to be seen")
    back = broken.until("holding")["deadline_usec"]
    assert abs(back - deadline) < 2 * 10**6
    assert broken.repository.reverts() == []


def test_it_starts_without_proc_sys(broken, clock):
    """As the shipped unit has it: ProcSubset=pid."""
    inside = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o subset=pid proc /proc && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("needs the right to mount")
    broken.configure(PAGE.replace('mode = "enforce"', 'mode = "enforce"; hold = "1h"'))
    broken.revertd.start(env=clock.env, wrap=inside)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("holding")
    clock.set(TEN_YEARS)
    parts.wait_until(lambda: steps(broken) == "1", 30, "the step to be seen")
    broken.until("holding")
