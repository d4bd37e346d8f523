"""Keys in tokens, with SoftHSM: the path that a YubiKey takes. What can go wrong is told in one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import SSlibKey

from sealcast.errors import SigningError
from sealcast.signing import KEY_TYPES, EnvironmentSecrets, absent, locate, make_in_token, open_signer
from sealcast.signing.token import session, told
from tests.tokens import PIN, Tokens, tokens

__all__ = ["tokens"]

P256 = KEY_TYPES["ecdsa-p256"]
ANSWERS = EnvironmentSecrets({"SEALCAST_PIN": PIN})
NOBODY = EnvironmentSecrets({})
HERE = Path()


class Person:
    """Types PINs, one after the other, and counts how often somebody asked."""

    def __init__(self, *pins: str) -> None:
        self._pins = list(pins)
        self.asked: list[str] = []

    def pin(self, token: str) -> str:
        self.asked.append(token)
        return self._pins.pop(0)

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        raise AssertionError(f"a token has no passphrase, {name} {confirm}")


def refusal(action: Any) -> SigningError:
    with pytest.raises(SigningError) as caught:
        action()
    assert PIN not in str(caught.value.as_dict())
    return caught.value


def make(uri: str, kind: str = "ecdsa-p256") -> SSlibKey:
    return make_in_token(uri, KEY_TYPES[kind], ANSWERS, label="carol").key


def private_key(folder: Path, key: Any) -> Path:
    place = folder / "private.pem"
    place.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return place


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384"])
def test_a_key_is_made_found_and_signs(tokens: Tokens, kind: str) -> None:
    uri = tokens.make("root-b")
    key = make(uri, kind)
    assert key.scheme == KEY_TYPES[kind].scheme
    located = locate(uri, NOBODY, folder=HERE)  # a public key needs no PIN
    assert (located.uri, located.key) == (uri, key)
    signer = open_signer(uri, key, ANSWERS, folder=HERE)
    assert signer.public_key == key
    for payload in (b"", b"metadata"):
        key.verify_signature(signer.sign(payload), payload)


def test_a_key_that_was_made_cannot_leave(tokens: Tokens) -> None:
    make(tokens.make("root-b"))
    pkcs11: Any = importlib.import_module("pkcs11")
    token = pkcs11.lib(tokens.module).get_token(token_label="root-b")
    with session(token, PIN) as opened:
        private = opened.get_key(pkcs11.ObjectClass.PRIVATE_KEY, id=b"\x02")
        wanted = {"SENSITIVE": True, "EXTRACTABLE": False, "SIGN": True, "DECRYPT": False, "UNWRAP": False}
        assert {name: private[pkcs11.Attribute[name]] for name in wanted} == wanted
        assert private[pkcs11.Attribute.LABEL] == "carol"
        with pytest.raises(pkcs11.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]


def test_every_way_to_name_a_key(tokens: Tokens) -> None:
    key = make(tokens.make("root-b"))
    tokens.make("root-c")
    pkcs11: Any = importlib.import_module("pkcs11")
    serial = pkcs11.lib(tokens.module).get_token(token_label="root-b").serial.decode()
    for uri in (
        "pkcs11:root-b?object=carol",
        "pkcs11:token=root-b;id=%02",
        f"pkcs11:serial={serial};object=carol;type=private",
        f"pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial={serial};token=root-b;id=%02;object=carol",
    ):
        assert locate(uri, NOBODY, folder=HERE).key == key
        key.verify_signature(open_signer(uri, key, ANSWERS, folder=HERE).sign(b"x"), b"x")
    for uri in ("pkcs11:token=root-b;model=YubiKey?id=02", "pkcs11:token=root-b;serial=1?id=02"):
        assert refusal(lambda uri=uri: locate(uri, NOBODY, folder=HERE)).code == "TOKEN_NOT_FOUND"


def test_a_key_from_elsewhere(tokens: Tokens, tmp_path: Path) -> None:
    uri = tokens.make("root-b")
    private = ec.generate_private_key(ec.SECP384R1())
    tokens.bring("root-b", "02", private_key(tmp_path, private))
    key = locate(uri, NOBODY, folder=HERE).key
    assert key == SSlibKey.from_crypto(private.public_key())
    key.verify_signature(open_signer(uri, key, ANSWERS, folder=HERE).sign(b"x"), b"x")


def test_a_wrong_pin_is_sent_once(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = tokens.make("root-b")
    key = make(uri)
    person = Person("000000", "000000", PIN, PIN)
    pkcs11: Any = importlib.import_module("pkcs11")
    for _ in range(2):
        error = refusal(lambda: open_signer(uri, key, person, folder=HERE))
        assert error.code == "WRONG_PIN"
        assert "000000" not in str(error.as_dict())
        # The second time the token is not told: three wrong ones lock a YubiKey.
        unused = SimpleNamespace(
            serial=pkcs11.lib(tokens.module).get_token(token_label="root-b").serial, label="root-b"
        )
        monkeypatch.setattr(unused, "open", lambda **_: pytest.fail("the token was asked"), raising=False)
        with pytest.raises(SigningError, match="refuses the PIN"), session(unused, "000000"):  # type: ignore[arg-type]
            pass
    signer = open_signer(uri, key, person, folder=HERE)
    key.verify_signature(signer.sign(b"x"), b"x")
    key.verify_signature(signer.sign(b"y"), b"y")
    assert person.asked == ["root-b"] * 3


@pytest.mark.parametrize("pin", ["", "\x00", "\udc80", "9" * 300])
def test_a_pin_that_none_can_be(tokens: Tokens, pin: str) -> None:
    uri = tokens.make("root-b")
    key = make(uri)
    error = refusal(lambda: open_signer(uri, key, Person(pin), folder=HERE))
    assert error.code == "WRONG_PIN"


def test_nobody_to_ask(tokens: Tokens) -> None:
    uri = tokens.make("My Token #1").replace(" ", "%20").replace("#", "%23")
    key = make(uri)
    error = refusal(lambda: open_signer(uri, key, NOBODY, folder=HERE))
    assert error.code == "NO_PIN"
    assert "SEALCAST_PIN_MY_TOKEN__1 or SEALCAST_PIN" in error.hint


def test_the_last_try_is_not_taken(tokens: Tokens) -> None:
    assert tokens
    pkcs11: Any = importlib.import_module("pkcs11")
    token: Any = SimpleNamespace(serial=b"1", label="root-b", flags=pkcs11.TokenFlag.USER_PIN_FINAL_TRY)
    with pytest.raises(SigningError, match="one try left") as caught, session(token, PIN):
        pass
    assert caught.value.code == "PIN_LOCKED"


def test_a_missing_token(tokens: Tokens) -> None:
    key = make(tokens.make("root-b"))
    for action in (
        lambda: locate("pkcs11:root-c?id=02", ANSWERS, folder=HERE),
        lambda: open_signer("pkcs11:root-c?id=02", key, ANSWERS, folder=HERE),
        lambda: make("pkcs11:root-c?id=02"),
    ):
        error = refusal(action)
        assert error.code == "TOKEN_NOT_FOUND"
        assert "root-b" in error.hint
    assert absent("pkcs11:root-b?id=02", NOBODY, folder=HERE) is None
    for uri, code in (("pkcs11:root-c?id=02", "TOKEN_NOT_FOUND"), ("pkcs11:root-b", "BAD_SIGNER")):
        error_ = absent(uri, NOBODY, folder=HERE)
        assert error_ is not None
        assert error_.code == code


def test_a_missing_key(tokens: Tokens, tmp_path: Path) -> None:
    key = make(tokens.make("root-b"))
    for name in ("id=03", "object=dave", "id=02&object=dave"):
        uri = f"pkcs11:root-b?{name}"
        for action in (
            lambda uri=uri: locate(uri, ANSWERS, folder=HERE),
            lambda uri=uri: open_signer(uri, key, ANSWERS, folder=HERE),
        ):
            assert refusal(action).code == "KEY_NOT_FOUND"
    tokens.bring("root-b", "05", private_key(tmp_path, rsa.generate_private_key(65537, 2048)))
    assert refusal(lambda: locate("pkcs11:root-b?id=05", ANSWERS, folder=HERE)).code == "KEY_NOT_FOUND"


def test_another_key(tokens: Tokens) -> None:
    make(tokens.make("root-b"))
    other = make("pkcs11:root-b?id=03")
    error = refusal(lambda: open_signer("pkcs11:root-b?id=02", other, ANSWERS, folder=HERE))
    assert (error.code, error.data["keyid"]) == ("KEY_MISMATCH", other.keyid)


def test_a_key_of_a_kind_that_no_token_holds(tokens: Tokens) -> None:
    uri = tokens.make("root-b")
    assert refusal(lambda: make(uri, "ed25519")).code == "UNKNOWN_KEY_TYPE"
    ed25519 = SSlibKey.from_crypto(KEY_TYPES["ed25519"].generate().public_key())  # type: ignore[arg-type]
    assert refusal(lambda: open_signer(uri, ed25519, ANSWERS, folder=HERE)).code == "UNKNOWN_KEY_TYPE"


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1(), ec.BrainpoolP256R1()], ids=lambda curve: curve.name)
def test_a_curve_that_is_not_ours(tokens: Tokens, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    uri = tokens.make("root-b")
    tokens.bring("root-b", "02", private_key(tmp_path, ec.generate_private_key(curve)))
    error = refusal(lambda: locate(uri, ANSWERS, folder=HERE))
    assert error.code == "UNKNOWN_KEY_TYPE"


def test_nothing_is_overwritten(tokens: Tokens) -> None:
    uri = tokens.make("root-b")
    key = make(uri)
    assert refusal(lambda: make(uri)).code == "KEY_EXISTS"
    assert locate(uri, NOBODY, folder=HERE).key == key


def test_a_new_key_needs_an_id_and_a_token(tokens: Tokens) -> None:
    tokens.make("root-b")
    assert refusal(lambda: make("pkcs11:root-b?object=carol")).code == "BAD_SIGNER"
    for uri in ("file:keys/x.pem", "awskms:alias/x"):
        assert refusal(lambda uri=uri: make(uri)).code == "UNKNOWN_SIGNER"


def test_a_token_that_lets_nobody_make_keys(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = tokens.make("root-b")
    pkcs11: Any = importlib.import_module("pkcs11")

    class Parameters:
        def generate_keypair(self, **_: object) -> None:
            raise pkcs11.UserNotLoggedIn  # a YubiKey wants its management key

    from sealcast.signing import pkcs11 as ours

    monkeypatch.setattr(ours, "_refuse_taken", lambda *_: None)
    opened = SimpleNamespace(create_domain_parameters=lambda *_, **__: Parameters())
    error = refusal(lambda: ours._generate(opened, b"\x02", "carol", "secp256r1"))
    assert error.code == "TOKEN_FAILED"
    assert "ykman piv keys generate" in error.hint
    assert absent(uri, NOBODY, folder=HERE) is None


def test_two_of_one_name(tokens: Tokens, tmp_path: Path) -> None:
    uri = tokens.make("root-b")
    key = make(uri)
    tokens.bring("root-b", "03", private_key(tmp_path, ec.generate_private_key(ec.SECP256R1())), "carol")
    assert refusal(lambda: locate("pkcs11:root-b?object=carol", ANSWERS, folder=HERE)).code == "AMBIGUOUS_SIGNER"
    assert refusal(lambda: open_signer("pkcs11:root-b?object=carol", key, ANSWERS, folder=HERE)).code == (
        "AMBIGUOUS_SIGNER"
    )
    tokens.make("root-b")
    assert refusal(lambda: locate(uri, ANSWERS, folder=HERE)).code == "AMBIGUOUS_SIGNER"


def test_an_id_that_cannot_be_addressed(tokens: Tokens, tmp_path: Path) -> None:
    tokens.make("root-b")
    private = ec.generate_private_key(ec.SECP256R1())
    tokens.bring("root-b", "0002", private_key(tmp_path, private), "zero")
    key = locate("pkcs11:root-b?object=zero", NOBODY, folder=HERE).key
    error = refusal(lambda: open_signer("pkcs11:root-b?object=zero", key, ANSWERS, folder=HERE))
    assert error.code == "BAD_SIGNER"
    assert "0002 starts with a zero byte" in error.what


def test_a_token_that_goes_away_before_it_signs(tokens: Tokens) -> None:
    uri = tokens.make("root-b")
    signer = open_signer(uri, make(uri), ANSWERS, folder=HERE)
    tokens.take_away()
    error = refusal(lambda: signer.sign(b"x"))
    assert error.code in {"TOKEN_NOT_FOUND", "TOKEN_FAILED"}
    assert "root-b" in error.what
    for action in (
        lambda: locate(uri, ANSWERS, folder=HERE),
        lambda: open_signer(uri, signer.public_key, ANSWERS, folder=HERE),
    ):
        assert refusal(action).code in {"TOKEN_NOT_FOUND", "TOKEN_FAILED"}


def test_a_key_that_is_replaced_before_it_signs(tokens: Tokens, tmp_path: Path) -> None:
    """The signature is good, and of another key: it is refused when it is made."""
    uri = tokens.make("root-b")
    signer = open_signer(uri, make(uri), ANSWERS, folder=HERE)
    pkcs11: Any = importlib.import_module("pkcs11")
    token = pkcs11.lib(tokens.module).get_token(token_label="root-b")
    with session(token, PIN, write=True) as opened:
        for found in list(opened.get_objects({pkcs11.Attribute.ID: b"\x02"})):
            found.destroy()
    assert refusal(lambda: signer.sign(b"x")).code == "TOKEN_FAILED"
    make(uri)
    error = refusal(lambda: signer.sign(b"x"))
    assert error.code == "SIGNING_FAILED"
    assert "does not verify" in error.what


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    error = refusal(lambda: locate("pkcs11:root-b?id=02", ANSWERS, folder=HERE))
    assert error.code == "MISSING_PACKAGE"
    assert error.hint == "Run: python3 -m pip install 'sealcast[pkcs11]'"


def test_a_missing_module(tokens: Tokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uri = tokens.make("root-b")
    monkeypatch.delenv("SEALCAST_PKCS11_MODULE")
    monkeypatch.setattr("sealcast.signing.token._USUAL_MODULES", (tokens.module, "/nowhere.so"))
    error = refusal(lambda: locate(uri, ANSWERS, folder=HERE))
    assert error.code == "NO_PKCS11_MODULE"
    assert f"here perhaps {tokens.module}." in error.hint
    monkeypatch.setattr("sealcast.signing.token._USUAL_MODULES", ())
    assert refusal(lambda: locate(uri, ANSWERS, folder=HERE)).hint.endswith("to its path.")
    (tmp_path / "text.so").write_text("no library")
    for path in (tmp_path / "nothing.so", tmp_path / "text.so"):
        monkeypatch.setenv("SEALCAST_PKCS11_MODULE", str(path))
        error = refusal(lambda: locate(uri, ANSWERS, folder=HERE))
        assert error.code == "NO_PKCS11_MODULE"
        assert str(path) in error.what


def test_the_librarys_own_variable_serves_too(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = tokens.make("root-b")
    monkeypatch.delenv("SEALCAST_PKCS11_MODULE")
    monkeypatch.setenv("PYKCS11LIB", tokens.module)
    assert absent(uri, NOBODY, folder=HERE) is None
    assert os.environ["PYKCS11LIB"] == tokens.module


def test_failures_are_told_by_their_names() -> None:
    class PinLocked(RuntimeError):  # noqa: N818 - as python-pkcs11 calls it
        pass

    assert told(PinLocked(), "root-b").code == "PIN_LOCKED"
    assert told(ValueError("No PKCS#11 token found for label root-b"), "root-b").code == "TOKEN_NOT_FOUND"
    odd = told(RuntimeError("{0} \x1b[2J\nsecond line"), "root-b")
    assert (odd.code, odd.what) == ("TOKEN_FAILED", "The token root-b failed: (0) \\x1b[2J.")
    assert told(odd, "root-b") is odd
