"""Signing with the signers that are here, and saying who else must."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from tuf.api.metadata import Root, Targets

from sealcast.errors import SigningError
from sealcast.model.roles import EXTENSION, next_snapshot
from sealcast.publisher import Repository
from sealcast.publisher.signatory import Signatory, holder_names
from sealcast.publisher.state import State
from sealcast.signing import EnvironmentSecrets
from tests.unit.publisher.workshop import Time


@pytest.fixture
def state(repo: Repository) -> State:
    return repo.workspace.load()


@pytest.fixture
def uris(repo: Repository) -> dict[str, str]:
    return dict(repo.workspace.config.signers)


def signatory(folder: Path, uris: dict[str, str]) -> Signatory:
    return Signatory(uris, EnvironmentSecrets({}), folder)


def refusal(action: Any) -> SigningError:
    with pytest.raises(SigningError) as caught:
        action()
    return caught.value


def parts(state: State) -> tuple[Root, Targets]:
    return state.root.signed, state.targets


def test_a_role_is_signed_by_every_holder_at_hand(ws: Path, state: State, uris: dict[str, str], clock: Time) -> None:
    data = signatory(ws, uris).sign("snapshot", next_snapshot(2, {}, clock()), *parts(state))
    signed = json.loads(data)
    assert [one["keyid"] for one in signed["signatures"]] == state.root.signed.roles["snapshot"].keyids


def test_who_is_missing_is_named(ws: Path, state: State, uris: dict[str, str], clock: Time) -> None:
    for gone in ("not named", "not here"):
        if gone == "not named":
            here = signatory(ws, {keyid: uri for keyid, uri in uris.items() if "online" not in uri})
        else:
            (ws / "keys" / "online.pem").unlink()
            here = signatory(ws, uris)
        assert not here.can_sign("snapshot", *parts(state))
        for action in (
            lambda here=here: here.require(["targets", "snapshot"], *parts(state)),
            lambda here=here: here.sign("snapshot", next_snapshot(2, {}, clock()), *parts(state)),
        ):
            error = refusal(action)
            assert (error.code, error.data) == ("MISSING_SIGNERS", {"role": "snapshot"})
            assert "online" in error.hint
        here.require(["targets"], *parts(state))


def test_a_threshold_counts_what_is_at_hand(ws: Path, state: State, uris: dict[str, str], clock: Time) -> None:
    root = state.root.signed
    other = next(keyid for keyid in uris if keyid not in root.roles["snapshot"].keyids)
    root.keys.setdefault(other, state.targets.delegations.keys[other] if other not in root.keys else root.keys[other])  # type: ignore[union-attr]
    root.roles["snapshot"].keyids.append(other)
    root.roles["snapshot"].threshold = 2
    both = signatory(ws, uris).sign("snapshot", next_snapshot(2, {}, clock()), root, state.targets)
    assert len(json.loads(both)["signatures"]) == 2
    (ws / uris[other].removeprefix("file:")).unlink()
    assert not signatory(ws, uris).can_sign("snapshot", root, state.targets)
    root.roles["snapshot"].threshold = 1
    one = signatory(ws, uris).sign("snapshot", next_snapshot(2, {}, clock()), root, state.targets)
    assert len(json.loads(one)["signatures"]) == 1


def test_nobody_signs_what_nobody_delegates(ws: Path, state: State, uris: dict[str, str]) -> None:
    assert refusal(lambda: signatory(ws, uris).can_sign("demo-nightly", *parts(state))).code == "UNKNOWN_ROLE"
    state.targets.delegations = None
    assert refusal(lambda: signatory(ws, uris).can_sign("demo-stable", *parts(state))).code == "UNKNOWN_ROLE"


class Failing:
    """A signer whose hardware was pulled out."""

    def sign(self, payload: bytes) -> Signature:
        raise UnverifiedSignatureError("token removed")


class Lying(Failing):
    """A signer that answers with noise."""

    def __init__(self, keyid: str) -> None:
        self.keyid = keyid

    def sign(self, payload: bytes) -> Signature:
        return Signature(self.keyid, "00" * 64)


def test_a_signer_that_fails_or_lies_is_found_out(
    ws: Path, state: State, uris: dict[str, str], clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyid = state.root.signed.roles["snapshot"].keyids[0]
    for signer in (Failing(), Lying(keyid)):
        monkeypatch.setattr("sealcast.publisher.signatory.open_signer", lambda *_, signer=signer, **__: signer)
        error = refusal(lambda: signatory(ws, uris).sign("snapshot", next_snapshot(2, {}, clock()), *parts(state)))
        assert (error.code, error.data) == ("SIGNING_FAILED", {"role": "snapshot"})


def test_a_signer_is_opened_once(
    ws: Path, state: State, uris: dict[str, str], clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sealcast.publisher import signatory as module

    opened: list[str] = []
    real = module.open_signer
    monkeypatch.setattr(
        module, "open_signer", lambda uri, *rest, **named: opened.append(uri) or real(uri, *rest, **named)
    )
    one = signatory(ws, uris)
    one.unlock("snapshot", *parts(state))
    for number in (2, 3):
        one.sign("snapshot", next_snapshot(number, {}, clock()), *parts(state))
    assert opened == ["file:keys/online.pem"]


def test_unlocking_skips_what_is_elsewhere(ws: Path, state: State, uris: dict[str, str]) -> None:
    (ws / "keys" / "root.pem").unlink()
    signatory(ws, uris).unlock("root", *parts(state))
    (ws / "keys" / "online.pem").write_text("no key")
    (ws / "keys" / "online.pem").chmod(0o600)
    assert refusal(lambda: signatory(ws, uris).unlock("snapshot", *parts(state))).code == "BAD_KEY_FILE"


def test_a_signer_that_needs_a_package_is_elsewhere_until_it_is_installed(
    ws: Path, state: State, uris: dict[str, str], clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    keyid = state.root.signed.roles["snapshot"].keyids[0]
    here = signatory(ws, {**uris, keyid: "pkcs11:token?id=02"})
    assert not here.can_sign("snapshot", *parts(state))
    error = refusal(lambda: here.sign("snapshot", next_snapshot(2, {}, clock()), *parts(state)))
    assert error.code == "MISSING_SIGNERS"
    assert "pip install 'sealcast[pkcs11]'" in error.hint


def test_what_a_signer_says_of_its_failure_is_told(
    ws: Path, state: State, uris: dict[str, str], clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def sign(self, payload: bytes) -> Signature:
            raise SigningError("TOKEN_NOT_FOUND", "It was taken away.")

    monkeypatch.setattr("sealcast.publisher.signatory.open_signer", lambda *_, **__: Gone())
    error = refusal(lambda: signatory(ws, uris).sign("snapshot", next_snapshot(2, {}, clock()), *parts(state)))
    assert error.code == "TOKEN_NOT_FOUND"


def test_a_signer_is_found_by_its_record(ws: Path, state: State, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ws)
    for uri in ("file:keys/online.pem", f"file:{ws}/keys/online.pem"):
        here = signatory(ws.parent, {})
        here.add(uri)
        here.sign("snapshot", next_snapshot(2, {}, clock()), *parts(state))
    (ws / "keys" / "online.pem").rename(ws / "keys" / "online.v2.pem")
    (ws / "keys" / "online.pub.json").rename(ws / "keys" / "online.v2.pub.json")
    here = signatory(ws.parent, {})
    here.add("file:keys/online.v2.pem")
    assert here.can_sign("snapshot", *parts(state))


@pytest.mark.parametrize("uri", ["file:keys/nobody.pem", "pkcs12:token", "online.pem", "", "file:\x1b[2J"])
def test_a_signer_without_a_record(ws: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.chdir(ws)
    error = refusal(lambda: signatory(ws, {}).add(uri))
    assert error.code == "UNKNOWN_SIGNER"
    assert "\x1b" not in error.what


def test_holders_are_named_by_root_or_by_their_key(state: State) -> None:
    root = state.root.signed
    keyid = root.roles["root"].keyids[0]
    assert holder_names(root, [keyid, "f" * 64]) == ("root", "f" * 16)
    for strange in (None, [], {"holders": 3}, {}):
        root.unrecognized_fields[EXTENSION] = strange
        assert holder_names(root, [keyid]) == (keyid[:16],)


def test_the_clock_is_not_asked(ws: Path, state: State, uris: dict[str, str]) -> None:
    # What is signed says itself when it ends: signing again is the same bytes.
    snapshot = next_snapshot(2, {}, datetime.fromisoformat("2030-01-01T00:00:00+00:00"))
    one, two = (signatory(ws, uris).sign("snapshot", snapshot, *parts(state)) for _ in range(2))
    assert one == two
