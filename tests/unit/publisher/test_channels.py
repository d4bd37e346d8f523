"""A channel's next document, from what the publisher does to it."""

from __future__ import annotations

import msgspec
import pytest

from sealcast.errors import RepositoryError
from sealcast.model import Build, ChannelDocument, ManifestEntry, Object, PackTotal, Rollout, Step
from sealcast.publisher import channels

SALT = "5a" * 16


def build(digit: str, native: str = "") -> Build:
    return Build(
        manifest=ManifestEntry(sha256=digit * 64, size=10, pack=Object(sha256=digit * 64, size=5)),
        packs=PackTotal(count=1, size=100),
        installed=200,
        native=native,
    )


EMPTY = ChannelDocument(app="demo", channel="stable", revision=1)


def with_versions(*versions: str, stable: int | None = None, candidate: int | None = None) -> ChannelDocument:
    document = EMPTY
    for number, version in enumerate(versions, 1):
        document, _ = channels.enter(document, version, {"any": build(str(number))})
    rollout = Rollout(salt=SALT, steps=()) if candidate else None
    return msgspec.structs.replace(document, stable=stable, candidate=candidate, rollout=rollout)


def code(caught: pytest.ExceptionInfo[RepositoryError]) -> str:
    assert caught.value.hint
    return caught.value.code


def test_a_release_enters_under_the_next_sequence_and_is_offered_to_nobody() -> None:
    document, sequence = channels.enter(EMPTY, "1.0.0", {"any": build("1")}, notes="first")
    assert (sequence, document.last, document.stable, document.candidate) == (1, 1, None, None)
    assert document.releases[0].notes == "first"


def test_a_sequence_is_never_given_twice() -> None:
    document = with_versions("1.0.0", "1.1.0", stable=1)
    document = channels.remove(document, "1.1.0")
    document, sequence = channels.enter(document, "1.1.0", {"any": build("2")})
    assert sequence == 3


def test_a_version_gains_platforms_and_keeps_its_sequence() -> None:
    document, sequence = channels.enter(with_versions("1.0.0", "1.1.0"), "1.0.0", {"linux-x64": build("3")})
    assert sequence == 1
    assert set(document.releases[0].platforms) == {"any", "linux-x64"}
    assert document.releases[1] == with_versions("1.0.0", "1.1.0").releases[1]


def test_a_version_never_gets_other_files() -> None:
    with pytest.raises(RepositoryError) as caught:
        channels.enter(with_versions("1.0.0"), "1.0.0", {"any": build("2")})
    assert code(caught) == "VERSION_EXISTS"


def test_entering_again_takes_what_is_said_now_and_keeps_what_is_not() -> None:
    document = with_versions("1.0.0")
    document, _ = channels.enter(document, "1.0.0", {"any": build("1", ">=3.0.0")}, notes="new")
    assert (document.releases[0].notes, document.releases[0].platforms["any"].native) == ("new", ">=3.0.0")
    again, _ = channels.enter(document, "1.0.0", {"any": build("1")})
    assert again == document


@pytest.mark.parametrize(("keep", "left"), [(1, (3, 4)), (2, (2, 3, 4)), (9, (1, 2, 3, 4))])
def test_stable_keeps_the_last_releases_before_it(keep: int, left: tuple[int, ...]) -> None:
    document = channels.make_stable(with_versions("1.0.0", "1.1.0", "1.2.0", "1.3.0", stable=3), 4, keep)
    assert document.stable == 4
    assert tuple(release.sequence for release in document.releases) == left


def test_the_candidate_is_kept_whatever_is_pruned() -> None:
    document = with_versions("1.0.0", "1.1.0", "1.2.0", "1.3.0", stable=1, candidate=4)
    document = channels.make_stable(document, 3, 1)
    assert (document.candidate, document.rollout) == (4, Rollout(salt=SALT, steps=()))
    assert [release.sequence for release in document.releases] == [2, 3, 4]


@pytest.mark.parametrize("sequence", [2, 3])
def test_a_candidate_ends_when_it_or_a_later_release_becomes_stable(sequence: int) -> None:
    document = with_versions("1.0.0", "1.1.0", "1.2.0", stable=1, candidate=2)
    document = channels.make_stable(document, sequence, 3)
    assert (document.stable, document.candidate, document.rollout) == (sequence, None, None)


def test_stable_never_goes_back() -> None:
    with pytest.raises(RepositoryError) as caught:
        channels.make_stable(with_versions("1.0.0", "1.1.0", stable=2), 1, 3)
    assert code(caught) == "NOT_NEWER"


def test_a_candidate_is_offered_to_nobody_at_first() -> None:
    document = channels.make_candidate(with_versions("1.0.0", "1.1.0", stable=1), 2, SALT)
    assert (document.stable, document.candidate, document.rollout) == (1, 2, Rollout(salt=SALT, steps=()))


def test_a_candidate_named_again_keeps_its_rollout() -> None:
    # A new salt would show the release to other devices, and no steps to none.
    running = Rollout(salt=SALT, steps=(Step(at="2026-01-01T00:00:00Z", permyriad=1000),))
    document = msgspec.structs.replace(with_versions("1.0.0", "1.1.0", stable=1, candidate=2), rollout=running)
    assert channels.make_candidate(document, 2, "77" * 16) == document


def test_one_candidate_at_a_time() -> None:
    with pytest.raises(RepositoryError) as caught:
        channels.make_candidate(with_versions("1.0.0", "1.1.0", "1.2.0", stable=1, candidate=2), 3, SALT)
    assert code(caught) == "ROLLOUT_RUNNING"


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_candidate_is_newer_than_stable(sequence: int) -> None:
    with pytest.raises(RepositoryError) as caught:
        channels.make_candidate(with_versions("1.0.0", "1.1.0", stable=2), sequence, SALT)
    assert code(caught) == "NOT_NEWER"


def test_what_was_recalled_does_not_come_back() -> None:
    document = msgspec.structs.replace(with_versions("1.0.0", "1.1.0", stable=1), recall=(2,))
    with pytest.raises(RepositoryError) as caught:
        channels.make_stable(document, 2, 3)
    assert code(caught) == "RELEASE_RECALLED"
    with pytest.raises(RepositoryError) as caught:
        channels.make_candidate(document, 2, SALT)
    assert code(caught) == "RELEASE_RECALLED"
    with pytest.raises(RepositoryError) as caught:
        channels.offered(document, "1.1.0")
    assert code(caught) == "UNKNOWN_RELEASE"


def test_what_a_channel_offers() -> None:
    document = with_versions("1.0.0", "1.1.0", stable=2)
    assert channels.offered(document, None).version == "1.1.0"
    assert channels.offered(document, "1.0.0").version == "1.0.0"
    for version, shown in ((EMPTY, "none"), (document, "1.0.0, 1.1.0")):
        with pytest.raises(RepositoryError) as caught:
            channels.offered(version, "9.9.9" if version is document else None)
        assert code(caught) == "UNKNOWN_RELEASE"
        assert shown in caught.value.hint


def test_only_a_kept_release_can_be_removed() -> None:
    document = with_versions("1.0.0", "1.1.0", "1.2.0", stable=2, candidate=3)
    assert [release.version for release in channels.remove(document, "1.0.0").releases] == ["1.1.0", "1.2.0"]
    assert channels.remove(document, "7.0.0") == document
    for version in ("1.1.0", "1.2.0"):
        with pytest.raises(RepositoryError) as caught:
            channels.remove(document, version)
        assert code(caught) == "RELEASE_LIVE"


def test_lower_is_what_semver_says() -> None:
    document = with_versions("1.9.0", "1.10.0-rc.1", stable=1)
    with pytest.raises(RepositoryError) as caught:
        channels.check_not_lower("1.9.5", document, hint="…")
    assert code(caught) == "VERSION_LOWER"
    for fine in ("1.10.0", "1.10.0-rc.2", "1.10.0-rc.1+other", "1.9.0", "2.0.0"):
        channels.check_not_lower(fine, document, hint="…")
    channels.check_not_lower("0.0.1", EMPTY, hint="…")
