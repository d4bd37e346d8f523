"""The order in which hosts are asked, and what each of their failures leads to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealcast.client.hosts import PATIENCE, Hosts
from sealcast.client.network import Network
from sealcast.documents import encode
from sealcast.errors import ConfigError, InstallError, SealcastError, TransferError, VerificationError
from sealcast.fetch import FolderSource, HttpOptions, HttpSource, Source
from sealcast.model import Policy
from sealcast.values import content_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, SOON, LATE = "2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z", "2099-01-01T00:00:00Z"
OWN, OTHER, THIRD = "https://own.example", "https://other.example", "https://third.example"


class Notes(list[tuple[str, str]]):
    def __call__(self, code: str, what: str) -> None:
        self.append((code, what))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def make(tmp_path: Path, notes: Notes) -> Callable[..., Hosts]:
    def make(
        own: Source | None = None,
        *,
        policy: Policy | None = None,
        options: HttpOptions | None = None,
        mirrors: tuple[str, ...] = (),
        pins: dict[str, dict[str, str]] | None = None,
    ) -> Hosts:
        """``policy`` is what the verifier keeps of the last look."""
        if policy is not None:
            remember(tmp_path, encode(policy))
        return Hosts(
            own or HttpSource(OWN),
            Network(mirrors=mirrors, pins=pins or {}),
            options or HttpOptions(),
            repository=tmp_path,
            app="demo",
            noted=notes,
        )

    return make


def remember(folder: Path, data: bytes) -> None:
    digest = content_of(data).sha256
    targets = {"signed": {"targets": {"demo/policy.json": {"hashes": {"sha256": digest}}}}}
    for name, contents in (("metadata/targets.json", json.dumps(targets).encode()), (f"documents/{digest}", data)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(contents)


def policy(*mirrors: str, pins: dict[str, dict[str, str]] | None = None) -> Policy:
    return Policy(app="demo", channels={}, mirrors=mirrors, pins=pins or {})


class Question:
    """Asked of one host after the other; fails as the script says, then answers with the host's place."""

    def __init__(self, *script: SealcastError) -> None:
        self.script = list(script)
        self.asked: list[str] = []

    def __call__(self, source: Source) -> str:
        self.asked.append(source.location)
        if self.script:
            raise self.script.pop(0)
        return source.location


def network(place: str = "x") -> TransferError:
    return TransferError("NETWORK", f"{place} is down.")


def test_a_host_that_answers_is_the_only_one_asked(make: Callable[..., Hosts], notes: Notes) -> None:
    question = Question()
    assert make(mirrors=(OTHER,), policy=policy(THIRD)).ask(question) == OWN
    assert question.asked == [OWN]
    assert notes == []


def test_mirrors_of_the_settings_come_before_those_of_the_policy(make: Callable[..., Hosts], notes: Notes) -> None:
    question = Question(network(OWN), VerificationError("ROLLBACK", "Old."))
    assert make(mirrors=(OTHER, OWN), policy=policy(OTHER, THIRD)).ask(question) == THIRD
    assert question.asked == [OWN, OTHER, THIRD]
    assert [code for code, _ in notes] == ["NETWORK", "ROLLBACK"]
    assert notes[0][1] == f"{OWN} is down. {THIRD} answered instead."


def test_without_an_answer_the_first_failure_counts_as_if_there_were_no_mirrors(
    make: Callable[..., Hosts], notes: Notes
) -> None:
    first = network(OWN)
    with pytest.raises(TransferError) as caught:
        make(mirrors=(OTHER,)).ask(Question(first, VerificationError("EXPIRED", "Over.")))
    assert caught.value is first
    assert notes == []


@pytest.mark.parametrize("code", ["CLOCK_AHEAD", "CLOCK_BACK", "STATE_DAMAGED", "UNKNOWN_CHANNEL", "UNKNOWN_DOCUMENT"])
def test_what_no_host_can_mend_is_asked_of_no_other(make: Callable[..., Hosts], code: str) -> None:
    question = Question(VerificationError(code, "So."))
    with pytest.raises(VerificationError) as caught:
        make(mirrors=(OTHER,)).ask(question)
    assert (caught.value.code, question.asked) == (code, [OWN])


@pytest.mark.parametrize("error", [ConfigError("BAD_PROXY", "No."), InstallError("NO_SPACE", "Full."), OSError(5, "x")])
def test_what_is_wrong_here_is_asked_of_no_other(make: Callable[..., Hosts], error: Exception) -> None:
    question = Question(error)  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        make(mirrors=(OTHER,)).ask(question)
    assert question.asked == [OWN]


def test_no_further_host_is_asked_when_patience_is_over(make: Callable[..., Hosts]) -> None:
    ticks = iter([0.0, PATIENCE, PATIENCE + 1])
    question = Question(*[network()] * 9)
    with pytest.raises(TransferError):
        make(mirrors=(OTHER, THIRD), options=HttpOptions(monotonic=lambda: next(ticks))).ask(question)
    assert question.asked == [OWN, OTHER]


@pytest.mark.parametrize("spoil", ["nothing", "targets", "document", "other", "json"])
def test_without_a_verified_policy_there_are_no_mirrors_of_it(
    make: Callable[..., Hosts], tmp_path: Path, spoil: str
) -> None:
    hosts = make(policy=policy(OTHER))
    match spoil:
        case "targets":
            (tmp_path / "metadata/targets.json").unlink()
        case "document":
            next((tmp_path / "documents").iterdir()).unlink()
        case "other":
            remember(tmp_path, encode(Policy(app="omed", channels={}, mirrors=(OTHER,))))
        case "json":
            (tmp_path / "metadata/targets.json").write_bytes(b'["signed"]')
    question = Question(network())
    if spoil == "nothing":
        assert hosts.ask(question) == OTHER
    else:
        with pytest.raises(TransferError):
            hosts.ask(question)


@pytest.mark.parametrize("place", ["/etc", "http://other.example", "ftp://x", "https://user:pw@[", "nonsense"])
def test_a_policy_names_hosts_of_the_web_and_no_folder_of_this_device(
    make: Callable[..., Hosts], notes: Notes, place: str
) -> None:
    question = Question(network())
    assert make(policy=policy(place, OTHER)).ask(question) == OTHER
    assert notes[0][0] in {"BAD_URL", "INSECURE_URL"}


def test_the_settings_may_name_a_folder(make: Callable[..., Hosts], tmp_path: Path) -> None:
    assert make(mirrors=(str(tmp_path),)).ask(Question(network())) == str(tmp_path)


# ---------------------------------------------------------------------------------------------------- for objects


def test_objects_come_from_the_host_that_answered_then_from_all_others(make: Callable[..., Hosts]) -> None:
    hosts = make(mirrors=(OTHER,), policy=policy(THIRD))
    assert [source.location for source in hosts.for_objects(policy(), NOW)] == [OWN, OTHER]
    assert [source.location for source in hosts.for_objects(None, NOW)] == [OWN, OTHER, THIRD]  # as it was last
    hosts.ask(Question(network(), network()))
    found = hosts.for_objects(policy(THIRD), NOW)
    assert [source.location for source in found] == [THIRD, OWN, OTHER]


def pins_of(source: Source) -> frozenset[str]:
    assert isinstance(source, HttpSource)
    return source._options.pins


def test_pins_bind_the_host_that_they_name_and_only_while_they_last(make: Callable[..., Hosts], notes: Notes) -> None:
    given = {"own.example": {"a" * 64: OLD, "b" * 64: SOON, "c" * 64: LATE}}
    own, other = make(mirrors=(OTHER,)).for_objects(policy(pins=given), NOW)
    assert pins_of(own) == {"b" * 64, "c" * 64}
    assert pins_of(other) == frozenset()
    assert notes == []


def test_pins_that_have_all_ended_are_off_and_it_is_told(make: Callable[..., Hosts], notes: Notes) -> None:
    ended = {"own.example": {"a" * 64: OLD, "b" * 64: OLD}}
    hosts = make(pins={"own.example": {"c" * 64: LATE, "d" * 64: LATE}})
    assert pins_of(hosts.for_objects(policy(pins=ended), NOW)[0]) == frozenset()
    assert [code for code, _ in notes] == ["pins-expired"]
    assert "own.example" in notes[0][1]


def test_pins_of_the_settings_hold_until_the_policy_pins_the_host_itself(make: Callable[..., Hosts]) -> None:
    hosts = make(pins={"own.example": {"c" * 64: LATE, "d" * 64: LATE}})
    assert pins_of(hosts.for_objects(policy(), NOW)[0]) == {"c" * 64, "d" * 64}
    assert pins_of(hosts.for_objects(None, NOW)[0]) == {"c" * 64, "d" * 64}
    newer = {"own.example": {"e" * 64: LATE, "f" * 64: LATE}}
    assert pins_of(hosts.for_objects(policy(pins=newer), NOW)[0]) == {"e" * 64, "f" * 64}


def test_metadata_is_read_without_pins(make: Callable[..., Hosts]) -> None:
    seen: list[Source] = []
    make(pins={"own.example": {"c" * 64: LATE, "d" * 64: LATE}}).ask(seen.append)
    assert pins_of(seen[0]) == frozenset()


def test_a_folder_has_no_keys_to_pin(make: Callable[..., Hosts], tmp_path: Path) -> None:
    folder = FolderSource(tmp_path)
    assert make(folder).for_objects(None, NOW) == (folder,)
