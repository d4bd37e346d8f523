"""Mirrors and pins: from sealcast.toml into the policy, which the targets role signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import ConfigError
from sealcast.model import Policy
from sealcast.publisher import Repository
from sealcast.publisher.current import policies
from tests.unit.publisher.workshop import V1, Files

Setting = Callable[[str, str], None]
Reopen = Callable[[], Repository]
HOST = '[apps.demo.pins."updates.example.org"]'
PINS = f'{HOST}\n"{"a" * 64}" = 2027-12-31\n"{"b" * 64}" = "2028-06-30"\n'
MIRROR = 'mirrors = ["https://mirror.example.net/app"]'


def policy(repository: Repository) -> Policy:
    return policies(repository.workspace, repository.workspace.load())["demo"]


@pytest.fixture
def wanting(setting: Setting, reopen: Reopen) -> Repository:
    setting("mirrors = []", MIRROR)
    setting("[signers]", f"{PINS}\n[signers]")
    return reopen()


def test_a_new_workspace_has_neither_and_nothing_is_due(repo: Repository) -> None:
    assert (policy(repo).mirrors, policy(repo).pins) == ((), {})
    assert repo.refresh().signed == ()


def test_what_changed_makes_targets_due_and_is_signed_once(wanting: Repository) -> None:
    now = wanting.workspace.load().issued
    assert [role.role for role in wanting.status() if role.is_due(now)] == ["targets"]
    dry = wanting.refresh(dry_run=True)
    assert (dry.signed, dry.policies) == (("targets", "snapshot", "timestamp"), ("demo",))
    assert policy(wanting).mirrors == ()
    before = wanting.workspace.load()
    assert wanting.refresh() == dry
    signed = policy(wanting)
    assert signed.mirrors == ("https://mirror.example.net/app",)
    assert signed.pins == {"updates.example.org": {"a" * 64: "2027-12-31T00:00:00Z", "b" * 64: "2028-06-30T00:00:00Z"}}
    assert signed.channels == {"stable": signed.channels["stable"], "beta": signed.channels["beta"]}
    after = wanting.workspace.load()
    assert after.targets.version == before.targets.version + 1
    assert after.targets.delegations == before.targets.delegations
    assert wanting.refresh().signed == ()


def test_they_reach_a_site_that_verifies(
    wanting: Repository, tree: Callable[[str, Files], Path], tmp_path: Path
) -> None:
    wanting.add_release(tree("in", V1), version="1.0.0", channel="stable")
    wanting.refresh()
    wanting.plan_publish(tmp_path / "site").run(deep=True)
    found = [path.read_bytes() for path in (tmp_path / "site" / "targets" / "demo").glob("*.policy.json")]
    assert sum(b"mirror.example.net" in data for data in found) == 1


def test_they_can_be_taken_out_again(wanting: Repository, setting: Setting, reopen: Reopen) -> None:
    wanting.refresh()
    setting(MIRROR, "mirrors = []")
    setting(PINS, "")
    repo = reopen()
    assert repo.refresh().policies == ("demo",)
    assert (policy(repo).mirrors, policy(repo).pins) == ((), {})


def test_a_machine_without_the_signer_says_so_and_changes_nothing(
    wanting: Repository, ws: Path, reopen: Reopen
) -> None:
    (ws / "keys" / "root.pem").unlink()
    done = reopen().refresh()
    assert (done.signed, done.elsewhere, done.policies) == ((), ("targets",), ())
    assert policy(wanting).mirrors == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mirrors = []", 'mirrors = ["http://mirror.example.net"]'),
        ("mirrors = []", 'mirrors = ["/srv/mirror"]'),
        ("mirrors = []", f"mirrors = {['https://m.example'] * 9}"),
        ("[signers]", f'{HOST}\n"{"a" * 64}" = 2027-12-31\n[signers]'),
        ("[signers]", f'{HOST}\n"{"a" * 64}" = 2027-12-31\n"{"B" * 64}" = 2027-12-31\n[signers]'),
        ("[signers]", PINS.replace("updates.example.org", "https://updates.example.org") + "[signers]"),
    ],
)
def test_what_clients_would_refuse_is_not_signed(setting: Setting, reopen: Reopen, old: str, new: str) -> None:
    setting(old, new)
    with pytest.raises(ConfigError, match="of the mirrors and pins of demo") as caught:
        reopen().refresh()
    assert caught.value.code == "BAD_CONFIG"


def test_a_day_that_is_none_is_found_in_the_file(setting: Setting, reopen: Reopen) -> None:
    setting("[signers]", f'{HOST}\n"{"a" * 64}" = "soon"\n[signers]')
    with pytest.raises(ConfigError) as caught:
        reopen()
    assert caught.value.code == "BAD_CONFIG"
