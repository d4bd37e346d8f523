"""The published JSON Schemas are those of the code, and accept what it accepts."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.ceremony import Proposal, Statement
from sealcast.documents import convert, encode
from sealcast.errors import VerificationError
from sealcast.model import (
    CarriedChannel,
    CarriedFloor,
    ChannelDocument,
    ChannelHalt,
    ChannelPolicy,
    Delta,
    HaltDocument,
    Notice,
    Pack,
    Policy,
)
from sealcast.packs.delta import DeltaFrame, DeltaHeader, SkeletonBody
from sealcast.packs.pack import PackFrame, PackHeader
from sealcast.signing import PublicRecord
from sealcast.signing.records import KeyValue
from tests import schemas
from tests.samples import SALT, at, build, channel, digest, file, manifest, release, rollout

NAMES = sorted(schemas.PUBLIC)

EXAMPLES: dict[str, list[Any]] = {
    "carried-floor": [
        CarriedFloor(repository="a1", root=1, timestamp=2, snapshot=3, issued=at(0), channels={}),
        CarriedFloor(
            repository="a1",
            root=1,
            timestamp=2,
            snapshot=3,
            issued=at(0),
            channels={"demo/stable": CarriedChannel(revision=4), "demo/beta": CarriedChannel(revision=4, lowest=2)},
        ),
    ],
    "channel": [
        ChannelDocument(app="demo", channel="stable", revision=1),
        channel(
            release(
                3,
                platforms={
                    "any": build(3, deltas=(Delta(base=digest(1), sha256=digest(2), size=3, codecs=("zstd",)),))
                },
            ),
            release(4, version="4.0.0-beta.1", retry=2, notes="What is new: ü", mandatory=True),
            stable=3,
            candidate=4,
            recall=(1, 2),
            floor=2,
            rollout=rollout((0, 100), (24, 10_000), paused=True, devices=(digest("phone"),)),
            notice=Notice(text={"en": "Sorry"}, until=at(48), url="https://example.org"),
            must_understand=("rollout",),
        ),
    ],
    "delta": [
        DeltaHeader(manifest=SkeletonBody(size=1, length=1)),
        DeltaHeader(
            manifest=SkeletonBody(codec="zstd", size=5, length=9),
            makes=((0, 2), (3, 0, 5)),
            frames=(DeltaFrame(size=3, pieces=3, inputs=((0, 7),)), DeltaFrame(codec="bsdiff", size=1)),
        ),
    ],
    "halt": [
        HaltDocument(app="demo", revision=1),
        HaltDocument(app="demo", revision=7, channels={"stable": ChannelHalt(paused=True, cap=5, recall=(3,))}),
    ],
    "manifest": [
        manifest(),
        manifest(
            file("a b/ü", b"1"),
            file("run", b"2", executable=True),
            encoder={"zstd": "1.5.7"},
            packs=(Pack(sha256=digest(1), size=3, holds=((0, 2), (1, 0, 5))),),
        ),
    ],
    "pack": [PackHeader(frames=(PackFrame(size=3), PackFrame(codec="zstd", size=9, pieces=7)))],
    "policy": [
        Policy(
            app="demo",
            channels={"stable": ChannelPolicy(sealed=True), "beta": ChannelPolicy()},
            mirrors=("https://a",),
            pins={"a": {digest(1): at(0), digest(2): at(9)}},
        ),
    ],
    "proposal": [
        Proposal(repository="00" * 16, root={"version": 1}),
        Proposal(
            repository="00" * 16,
            roots=({"signed": {}},),
            current={"signed": {}},
            root={"version": 2},
            targets={"version": 2},
            files={"demo/policy.json": "{}"},
        ),
    ],
    "public-key": [
        PublicRecord(name="alice", keyid=digest(1), keytype="ed25519", scheme="ed25519", keyval=KeyValue(public="00")),
        PublicRecord(
            name="alice",
            keyid=digest(1),
            keytype="ed25519",
            scheme="ed25519",
            keyval=KeyValue(public="00"),
            uri="pkcs11:token?id=02",
            created=at(0),
        ),
    ],
    "statement": [
        Statement(proposal=digest(1), keyid=digest(2), signatures={"root": "00ff", "targets": "ab"}, time=at(0)),
    ],
}


def refusals(name: str, value: Any) -> list[str]:
    return schemas.faults(value, schemas.schema(name))


def is_read(name: str, value: Any) -> bool:
    try:
        convert(value, schemas.PUBLIC[name].kind, what="The example")
    except VerificationError:
        return False
    return True


# ---------------------------------------------------------------------------------------------------- the files


@pytest.mark.parametrize("name", NAMES)
def test_the_published_schema_is_not_stale(name: str) -> None:
    assert schemas.path_of(name).read_text("utf-8") == schemas.text_of(name), "run `make docs`"


def test_every_public_document_has_its_schema_and_no_other() -> None:
    assert {path.name for path in schemas.FOLDER.iterdir()} == {f"{name}.schema.json" for name in NAMES}
    for name in NAMES:
        assert schemas.PUBLIC[name].kind.__struct_fields__[0] == "type"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_says_what_it_is(name: str) -> None:
    made = schemas.schema(name)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["$id"].startswith("urn:sealcast:")
    assert made["title"].endswith(", version 1")
    assert made["properties"]["type"] == {"const": f"sealcast/{name}/1"}
    assert made["required"][0] == "type"
    for part in (made, *made.get("$defs", {}).values()):
        assert part["description"].endswith(".")
        assert "``" not in part["description"]
        assert "\n" not in part["description"]
    assert len({schemas.schema(other)["$id"] for other in NAMES}) == len(NAMES)


# ---------------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize(("name", "document"), [(name, document) for name in NAMES for document in EXAMPLES[name]])
def test_what_the_code_writes_satisfies_the_schema(name: str, document: Any) -> None:
    value = json.loads(encode(document))
    assert refusals(name, value) == []
    assert is_read(name, value)
    assert refusals(name, value | {"later": {"unknown": [1]}}) == []  # unknown fields are ignored


def test_the_examples_use_every_field() -> None:
    for name in NAMES:
        used = set().union(*(json.loads(encode(document)) for document in EXAMPLES[name]))
        missing = set(schemas.schema(name)["properties"]) - used
        assert missing <= {"must_understand"}, name


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("channel", "type", "sealcast/channel/2"),
        ("channel", "app", "Demo"),
        ("channel", "app", "demo\n"),
        ("channel", "revision", 0),
        ("channel", "revision", True),
        ("channel", "releases.0.platforms", {"Any": {}}),
        ("channel", "releases.0.platforms.any.manifest.sha256", "x"),
        ("channel", "rollout.salt", SALT[1:]),
        ("channel", "rollout.steps.0.permyriad", 10_001),
        ("channel", "notice.until", "soon"),
        ("delta", "makes.0", [1]),
        ("delta", "frames.0.size", 0),
        ("halt", "channels.stable.cap", -1),
        ("manifest", "files.0.size", -1),
        ("manifest", "files.0.executable", 1),
        ("manifest", "packs.0.holds.0", [1, 2, 3, 4]),
        ("pack", "frames", []),
        ("policy", "channels", ["stable"]),
        ("proposal", "roots", [1]),
        ("proposal", "files", {"demo/policy.json": 1}),
        ("public-key", "keyval", {"public": "00", "x": 1}),
        ("statement", "signatures", {"root": "0"}),
    ],
)
def test_what_the_code_refuses_the_schema_refuses(name: str, path: str, value: Any) -> None:
    document = json.loads(encode(EXAMPLES[name][-1]))
    node: Any = document
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in above:
        node = node[part]
    node[last] = value
    assert not is_read(name, document)
    assert refusals(name, document)


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a document."""
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        found += _nodes(child, (*path, key))
    return found


_VALUES = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 2, 5, 10_001, 2**53, "", "a", "A", "a\n", "x" * 20_000),
        *(digest(1), digest(1) + "\n", at(0), at(0) + "\n"),
        *([], [1], [1, 2], [-1, 2], [True, 1], ["a"], {}, {"a": {}}, {"A": {}}, {"public": "x"}),
    ]
)


@given(st.data())
def test_code_and_schema_agree_on_every_change(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    document = copy.deepcopy(json.loads(encode(data.draw(st.sampled_from(EXAMPLES[name])))))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(_nodes(document)))
        node: Any = document
        for key in path[:-1]:
            node = node[key]
        if data.draw(st.booleans()):
            node[path[-1]] = data.draw(_VALUES)
        else:
            del node[path[-1]]
        if not document:
            break
    if isinstance(document.get("must_understand"), list):
        del document["must_understand"]  # which names are known, a schema cannot say
    assert is_read(name, document) == (not refusals(name, document)), refusals(name, document)


def test_the_validator_knows_every_keyword_or_says_so() -> None:
    with pytest.raises(KeyError):
        schemas.faults(1, {"exclusiveMinimum": 0})
    assert schemas.faults("a\n", {"pattern": "^a$"})  # as JavaScript reads it


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_patterns_are_read_alike_by_javascript(tmp_path: Path) -> None:
    patterns = sorted(set(_patterns({name: schemas.schema(name) for name in NAMES})))
    texts = [
        "demo",
        "demo\n",
        "\ndemo",
        "a-b",
        "a-",
        "-a",
        "",
        digest(1),
        digest(1) + "\n",
        SALT,
        SALT + "\n",
        at(0),
        at(0) + "\n",
    ]
    script = tmp_path / "patterns.js"
    script.write_text(
        f"const found = {json.dumps(patterns)}.map(p => {json.dumps(texts)}.map(t => new RegExp(p, 'u').test(t)));"
        "console.log(JSON.stringify(found))"
    )
    answer = subprocess.run(["node", script], capture_output=True, check=True, text=True, timeout=600)
    expected = [[not schemas.faults(text, {"pattern": pattern}) for text in texts] for pattern in patterns]
    assert json.loads(answer.stdout) == expected
    assert len(patterns) >= 4


def _patterns(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["pattern"]] if isinstance(value.get("pattern"), str) else []
        return own + [pattern for child in value.values() for pattern in _patterns(child)]
    return [pattern for child in value for pattern in _patterns(child)] if isinstance(value, list) else []
