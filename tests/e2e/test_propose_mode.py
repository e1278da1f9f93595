"""Mode propose, from the alert to the recovery: a pull request that people merge or close at the forge."""
import pytest

from conftest import PAGE
from forges import TOKEN, Forge

PROPOSE = PAGE.replace("enforce", "propose").replace('cooldown = "1s"', 'cooldown = "1s"; proposal_timeout = "5m"')


@pytest.fixture
def at_forge(broken):
    def start(kind, rules=PROPOSE):
        broken.forge = broken.add(Forge(kind, broken.repository.path))
        broken.revertd.credential("forge-token", TOKEN)
        broken.start(rules, **broken.forge.settings("forge-token"))
        assert broken.alert(alertname="Errors", app="checkout")[0] == 200
        incident = broken.until("proposed")
        assert incident["proposal"]["url"].startswith(broken.forge.root)
        assert broken.repository.head() != incident["plan"]["commit"]
        return incident
    return start


@pytest.mark.parametrize("kind, method", [("github", "squash"), ("gitlab", "merge"), ("gitea", "rebase")])
def test_merged_by_a_person_and_recovered(broken, at_forge, kind, method):
    incident = at_forge(kind)
    shown = broken.revertd.ctl("show", incident["id"]).stdout
    assert incident["proposal"]["url"] in shown and "when it is merged; to leave things as they are, close it" in shown
    broken.told(f"<{incident['proposal']['url']}|#{incident['proposal']['number']}>")
    merged = broken.forge.merge(incident["proposal"]["number"], method, message="Words of the forge")
    incident = broken.until("verifying")
    assert incident["proposal"]["state"] == "merged" and incident["proposal"]["merged"] == merged
    assert broken.alert(firing=False, alertname="Errors", app="checkout")[0] == 200
    incident = broken.until("recovered")
    times = incident["times"]
    assert times["decided_usec"] <= times["proposed_usec"] < times["pushed_usec"] <= times["recovered_usec"]
    assert f"Merged as   {merged}" in broken.revertd.ctl("show", incident["id"]).stdout

    # The words of the forge say nothing of it, but what was merged is known for a revert of revertd's.
    assert broken.alert(alertname="Errors", app="checkout")[0] == 200
    assert broken.until("declined", 2)["reason"] in ("is_ours", "already_reverted")


def test_closed_by_a_person(broken, at_forge):
    incident = at_forge("gitea")
    refused = broken.revertd.ctl("reject", incident["id"], check=False)
    assert refused.returncode == 1 and "close its pull request, " + incident["proposal"]["url"] in refused.stderr
    broken.forge.close(incident["proposal"]["number"])
    assert broken.until("rejected")["reason"] == "proposal_closed"
    assert broken.repository.head() == broken.repository.git("-C", broken.repository.path, "rev-parse", "main")


def test_killed_while_it_is_open(broken, at_forge):
    incident = at_forge("gitlab")
    broken.revertd.part.process.kill()
    broken.revertd.part.process.wait()
    merged = broken.forge.merge(incident["proposal"]["number"])
    broken.revertd.start()
    assert broken.until("verifying")["proposal"]["merged"] == merged
    assert len(broken.forge.proposals) == 1
