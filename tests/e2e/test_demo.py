"""The demo ends as it should, however it was started."""
import pathlib
import signal
import subprocess

import parts
from conftest import PROGRAMS


def started_from(directory):
    """Ids of the processes whose command names the folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            pass
    return found


def test_the_walkthrough_ends_by_sigterm_where_sigint_is_ignored():
    demo = subprocess.Popen(
        ["/usr/bin/python3", "-B", parts.SOURCE / "contrib" / "demo" / "walkthrough.py", "--programs", PROGRAMS],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    directory, told = None, []
    try:
        for line in demo.stdout:
            told.append(line)
            if "config repository" in line:
                directory = pathlib.Path(line.split()[-1]).parent
                break
        assert directory, "".join(told)
        assert started_from(directory)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 130
    assert started_from(directory) == [] and not directory.exists()
