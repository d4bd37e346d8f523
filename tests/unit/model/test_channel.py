"""The channel document: what a channel offers, read whole or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealcast.documents import encode
from sealcast.errors import VerificationError
from sealcast.model import ChannelDocument, Delta, Notice, channel_flaw, read_channel
from sealcast.model.channel import CHANNEL_LIMIT
from tests.samples import SALT, at, build, channel, digest, release, rollout

DELTA = Delta(base=digest("old"), sha256=digest("delta"), size=9, codecs=("zstd-from",))
FULL = channel(
    release(3, platforms={"any": build(3, deltas=(DELTA,)), "linux-x64": build("3l", native=">=1.0.0")}),
    release(4, version="4.0.0-beta.1", retry=2, notes="What is new: ü", mandatory=True),
    stable=3,
    candidate=4,
    last=9,
    recall=(1, 2),
    floor=2,
    rollout=rollout((0, 100), (24, 10_000), paused=True, devices=(digest("phone"),)),
    notice=Notice(text={"en": "Sorry", "de": "Entschuldigung"}, until=at(48), url="https://example.org"),
)


def read(data: bytes) -> ChannelDocument:
    return read_channel(data, app="demo", channel="stable")


def changed(path: str, value: Any) -> bytes:
    """The full document with the field at ``path`` (dots and indices) replaced, or removed with ``...``."""
    document = json.loads(encode(FULL))
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    node = document
    for part in above:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document).encode()


def refused(data: bytes) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        read(data)
    return caught.value


def test_a_document_is_read_as_it_was_written() -> None:
    assert read(encode(FULL)) == FULL
    assert b'"from":"' in encode(FULL)  # what a delta starts from is called so outside Python
    assert FULL.releases[0].platforms["any"].deltas == (DELTA,)


def test_an_empty_channel_is_fine() -> None:
    empty = channel()
    assert encode(empty) == b'{"app":"demo","channel":"stable","revision":1,"type":"sealcast/channel/1"}'
    assert read(encode(empty)) == empty


def test_what_is_left_out_means_what_it_always_meant() -> None:
    # A published document says nothing about fields at their default: changing one would change old documents.
    empty = read(b'{"type":"sealcast/channel/1","app":"demo","channel":"stable","revision":1}')
    assert (empty.last, empty.floor, empty.releases, empty.recall, empty.must_understand) == (0, 0, (), (), ())
    assert [empty.stable, empty.candidate, empty.rollout, empty.notice] == [None] * 4
    bare = json.loads(encode(channel(release(3), rollout=rollout((0, 1)), notice=Notice(text={"en": "Sorry"}))))
    read_back = read(json.dumps(bare).encode())
    assert read_back.rollout is not None
    assert read_back.notice is not None
    found = read_back.releases[0]
    assert (found.retry, found.notes, found.mandatory) == (0, "", False)
    assert (found.platforms["any"].native, found.platforms["any"].deltas) == ("", ())
    assert (read_back.rollout.paused, read_back.rollout.devices) == (False, ())
    assert (read_back.notice.until, read_back.notice.url) == (None, "")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("last", 2**53 - 1), ("floor", 0), ("revision", 1), ("revision", 2**53 - 1)),
        *(("releases.0.retry", 0), ("releases.0.version", "1"), ("releases.0.version", "v" * 128)),
        *(("releases.0.notes", "x" * 16_384), ("releases.0.platforms.any.native", "x" * 256)),
        *(("rollout.steps.0.permyriad", 0), ("rollout.steps.0.permyriad", 10_000)),
        ("releases.0.platforms", {"d" * 64: json.loads(encode(build(3)))}),
        ("releases.0.platforms.any.manifest.size", 0),
    ],
)
def test_the_last_that_is_allowed_is_accepted(path: str, value: Any) -> None:
    assert read(changed(path, value))


def test_another_channels_document_is_refused() -> None:
    for app, name in (("demo", "beta"), ("other", "stable")):
        with pytest.raises(VerificationError) as caught:
            read_channel(encode(FULL), app=app, channel=name)
        assert caught.value.code == "BAD_METADATA"
        assert caught.value.what == (
            f"The channel document of {app}/{name} cannot be read: it is the document of demo/stable."
        )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("app", bad) for bad in ("", "Demo", "de mo", "demo\n", "-demo", "demo-", "d" * 65, "../demo", None, 1, ...)),
        *(("channel", bad) for bad in ("stable\n", "sta_ble", ...)),
        *(("revision", bad) for bad in (0, -1, 2**53, True, "1", None, ...)),
        *(("last", bad) for bad in (-1, 2**53, None)),
        *(("stable", bad) for bad in (0, -1, "3", True)),
        *(("floor", bad) for bad in (-1, None, "x")),
        *(("recall", bad) for bad in ([0], [-1], ["1"], [True], 1, None)),
        *(("releases", bad) for bad in ({}, [1], None)),
        *(("releases.0.version", bad) for bad in ("", "v" * 129, 1, ...)),
        *(("releases.0.sequence", bad) for bad in (0, 2**53, True, ...)),
        *(("releases.0.retry", bad) for bad in (-1, "0")),
        *(("releases.0.mandatory", bad) for bad in (1, "true", None)),
        *(("releases.0.notes", bad) for bad in ("x" * 16_385, None)),
        *(("releases.0.platforms", bad) for bad in ([], ..., {"Linux": {}}, {"any\n": {}}, {"any": None})),
        ("releases.0.platforms", {"d" * 65: json.loads(encode(build(3)))}),
        *(("releases.0.platforms.any.manifest", bad) for bad in (..., None, {}, digest(1))),
        *(
            ("releases.0.platforms.any.manifest.sha256", bad)
            for bad in (digest(1) + "\n", digest(1).upper(), "..", ...)
        ),
        *(("releases.0.platforms.any.manifest.size", bad) for bad in (-1, 2**53, ...)),
        *(("releases.0.platforms.any.manifest.pack", bad) for bad in (None, {"sha256": digest(1)}, ...)),
        *(("releases.0.platforms.any.packs", bad) for bad in (None, {"count": 1}, {"count": -1, "size": 1}, ...)),
        *(("releases.0.platforms.any.installed", bad) for bad in (-1, ...)),
        *(("releases.0.platforms.any.native", bad) for bad in ("x" * 257, 1)),
        *(("releases.0.platforms.any.deltas.0.from", bad) for bad in ("", digest(1)[1:], ...)),
        *(("releases.0.platforms.any.deltas.0.codecs", bad) for bad in ("zstd", [1], ...)),
        *(("rollout.salt", bad) for bad in (SALT[1:], SALT + "0", SALT.upper() + "A", SALT + "\n", "zz" * 16, ...)),
        *(("rollout.steps", bad) for bad in (..., [{}], [{"at": at(0), "permyriad": 10_001}], None)),
        *(("rollout.steps.0.permyriad", bad) for bad in (-1, 1.5, "1", True)),
        *(("rollout.steps.0.at", bad) for bad in ("", "2026-01-01", at(0) + "\n", at(0)[:-1], "٢٠٢٦-01-01T00:00:00Z")),
        *(("rollout.steps.0.at", bad) for bad in ("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z")),
        *(("rollout.devices", bad) for bad in (["phone"], [digest(1)[1:]], digest(1))),
        *(("rollout.paused", bad) for bad in (0, None)),
        *(("notice.text", bad) for bad in ("Sorry", {"en": 1}, ...)),
        *(("notice.until", bad) for bad in ("soon", "2026-02-30T00:00:00Z", at(0) + "\n", 1)),
    ],
)
def test_a_wrong_field_is_refused(path: str, value: Any) -> None:
    assert refused(changed(path, value)).code == "BAD_METADATA"


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"last": 3}, "a release has a sequence beyond the last one given"),
        ({"stable": 5}, "its stable release is not listed"),
        ({"candidate": 5}, "its candidate release is not listed"),
        ({"releases": [], "candidate": None}, "its stable release is not listed"),
        ({"rollout": None}, "it has a candidate and no rollout"),
        (
            {"rollout": {"salt": SALT, "steps": [{"at": at(1), "permyriad": 1}, {"at": at(0), "permyriad": 2}]}},
            "the steps of its rollout are out of order",
        ),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(changes: dict[str, Any], flaw: str) -> None:
    data = json.dumps(json.loads(encode(FULL)) | changes).encode()
    assert refused(data).what == f"The channel document of demo/stable cannot be read: {flaw}."


def test_two_releases_cannot_have_one_sequence() -> None:
    twice = channel(release(3), release(3, version="3.0.1"))
    assert channel_flaw(twice) == "two releases have one sequence"
    assert "two releases have one sequence" in refused(encode(twice)).what


def test_what_is_no_contradiction_is_accepted() -> None:
    for fine in (
        channel(release(3), stable=None),
        channel(release(3), candidate=3, rollout=rollout()),
        channel(release(3), rollout=rollout((0, 5), (0, 6))),
        channel(release(3), recall=(3,), floor=99, last=3),
        channel(release(9), release(4), stable=4, candidate=9, rollout=rollout()),
    ):
        assert channel_flaw(fine) is None
        assert read(encode(fine)) == fine


def test_kind_version_and_demands_are_checked() -> None:
    assert refused(changed("type", "sealcast/channel/2")).code == "UNKNOWN_DOCUMENT"
    assert refused(changed("must_understand", ["sealed"])).code == "UNKNOWN_DOCUMENT"
    assert read(changed("must_understand", ["rollout", "recall"])).releases == FULL.releases
    assert read(changed("later", {"a": [1]})) == FULL
    assert read(changed("releases.0.later", 1)) == FULL


def test_size_is_bounded() -> None:
    assert CHANNEL_LIMIT == 2 * 1024 * 1024
    data = encode(FULL)
    assert read(data + b" " * (CHANNEL_LIMIT - len(data))) == FULL
    assert refused(data + b" " * (CHANNEL_LIMIT - len(data) + 1)).code == "TOO_LARGE"


# ---------------------------------------------------------------------------------------------------- lookups


def test_a_device_takes_the_build_for_its_platform_else_the_one_for_any() -> None:
    exact, other = FULL.releases[0], release(5, platforms={"linux-x64": build(5)})
    assert exact.build_for("linux-x64") is exact.platforms["linux-x64"]
    assert exact.build_for("windows-x64") is exact.platforms["any"]
    assert exact.build_for("any") is exact.platforms["any"]
    assert other.build_for("windows-x64") is None
    assert other.build_for("any") is None


def test_releases_are_found_by_sequence_version_and_manifest() -> None:
    first, second = FULL.releases
    assert [FULL.release(number) for number in (3, 4, 5, None)] == [first, second, None, None]
    assert [FULL.by_version(text) for text in ("3.0.0", "4.0.0-beta.1", "4.0.0", "")] == [first, second, None, None]
    assert [FULL.by_manifest(digest(name)) for name in (3, "3l", 4, "pack of 3")] == [first, first, second, None]


def test_contents_are_digest_and_size() -> None:
    entry = FULL.releases[0].platforms["any"].manifest
    assert entry.pack.content == (digest("pack of 3"), 50)
