"""Credentials as systemd hands them over (LoadCredential=): files in $CREDENTIALS_DIRECTORY that can only be read."""
import os
import shutil

import pytest

import parts
from conftest import PAGE
from servers import GitSsh
from test_remotes import expect_revert

# Root may read everything; the service may not.
AS_A_SERVICE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []


class HandedOver:
    """What systemd makes of LoadCredential= lines: a folder of mode 0500, and the configuration names no other."""

    def __init__(self, world):
        self.world = world
        self.directory = world.directory / "handed-over"
        self.directory.mkdir()
        self.server = world.add(GitSsh(world.directory))
        world.url = self.server.url(world.repository)
        self.put("api-token", parts.Revertd.TOKEN + "\n")
        self.put("slack-token", "xoxb-handed-over\n")
        self.put("deploy", self.server.key)

    def put(self, name, text, mode=0o400):
        path = self.directory / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def start(self, wait=True):
        world = self.world
        world.configure(PAGE, credential="deploy", known_hosts=str(self.server.known_hosts))
        config = world.revertd.config.read_text()
        assert config.startswith("credentials_directory")
        world.revertd.config.write_text(config.partition("\n")[2])
        shutil.rmtree(world.revertd.credentials, ignore_errors=True)
        self.directory.chmod(0o500)
        world.revertd.start(wait=wait, wrap=AS_A_SERVICE, env={"CREDENTIALS_DIRECTORY": str(self.directory)})

    def refused(self):
        """The log of a daemon that did not start."""
        self.start(wait=False)
        assert self.world.revertd.part.process.wait(20) == 1
        return self.world.revertd.part.log()


@pytest.mark.parametrize("mode, end", [(0o400, "\n"), (0o440, "\n"), (0o400, "")],
                         ids=["as it should be", "for our group too", "without its newline"])
def test_the_daemon_and_its_worker_read_them(broken, mode, end):
    """OpenSSH takes no key of ours that others may read, nor one without a newline at its end: it is given a copy."""
    handed = HandedOver(broken)
    handed.put("deploy", handed.server.key.rstrip("\n") + end, mode)
    handed.start()
    assert broken.revertd.post("/api/v1/pauses", {}, token="wrong")[0] == 401
    expect_revert(broken)
    parts.wait_until(lambda: broken.slack.requests, 20, "a message")
    assert {r["authorization"] for r in broken.slack.requests} == {"Bearer xoxb-handed-over"}
    log = broken.revertd.part.log()
    assert "xoxb-handed-over" not in log and parts.Revertd.TOKEN not in log


def test_what_is_not_handed_over_is_looked_for_in_the_configured_directory(broken):
    handed = HandedOver(broken)
    (handed.directory / "slack-token").unlink()
    broken.revertd.credential("api-token", "the one handed over comes first")
    broken.revertd.credential("slack-token", "xoxb-configured")
    broken.configure(PAGE, credential="deploy", known_hosts=str(handed.server.known_hosts))
    broken.revertd.start(env={"CREDENTIALS_DIRECTORY": str(handed.directory)})
    expect_revert(broken)
    parts.wait_until(lambda: broken.slack.requests, 20, "a message")
    assert broken.slack.requests[0]["authorization"] == "Bearer xoxb-configured"


def test_one_that_the_daemon_cannot_use_is_named(broken):
    handed = HandedOver(broken)
    where = str(handed.directory / "slack-token")
    (handed.directory / "slack-token").unlink()
    log = handed.refused()
    assert f"credential slack-token: not found in {handed.directory}" in log
    for text, mode, why in (("", 0o400, "empty"), ("\n", 0o400, "empty"), ("xoxb\0", 0o400, "has a NUL byte"),
                            ("xoxb", 0o000, "Permission denied")):
        handed.directory.chmod(0o700)
        handed.put("slack-token", text, mode)
        log = handed.refused()
        assert f"credential slack-token: {where}: {why}" in log, log


@pytest.mark.parametrize("text, mode, why", [
    (None, 0, "credential deploy: not found in {directory}"), ("", 0o400, "credential deploy: {directory}/deploy: empty"),
    ("no key\n", 0o400, "Load key \\\"{directory}/deploy\\\""),
    ("no key\n", 0o000, "credential deploy: {directory}/deploy: Permission denied")],
    ids=["missing", "empty", "no key", "not readable"])
def test_a_key_that_the_worker_cannot_use_is_named(broken, text, mode, why):
    handed = HandedOver(broken)
    if text is None:
        (handed.directory / "deploy").unlink()
    else:
        handed.put("deploy", text, mode)
    handed.start()
    why = why.format(directory=handed.directory)
    parts.wait_until(lambda: why in broken.revertd.part.log(), 30, f"the log to say: {why}")
    handed.directory.chmod(0o700)
    handed.put("deploy", handed.server.key)
    expect_revert(broken)
