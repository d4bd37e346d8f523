"""``pkcs11:`` URIs: what names a key in a token, and what is refused."""

from __future__ import annotations

import pytest

from sealcast.errors import SigningError
from sealcast.signing.token_uri import TokenKey, parse


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("root-b?id=02", TokenKey(token="root-b", id=b"\x02")),
        ("YubiKey%20PIV%20%231?id=02", TokenKey(token="YubiKey PIV #1", id=b"\x02")),
        ("root-b?object=root", TokenKey(token="root-b", label="root")),
        ("token=root-b;id=%02", TokenKey(token="root-b", id=b"\x02")),
        ("token=root-b?id=a1B2", TokenKey(token="root-b", id=b"\xa1\xb2")),
        ("serial=af12;object=root;type=private", TokenKey(serial="af12", label="root")),
        ("token=a%3Bb%3Dc?id=02", TokenKey(token="a;b=c", id=b"\x02")),
        (
            # As `p11tool --list-all` and `pkcs11-tool` print it.
            "model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=af12;token=root-b;id=%01%FF;object=x;type=public",
            TokenKey("root-b", "af12", "SoftHSM project", "SoftHSM v2", b"\x01\xff", "x"),
        ),
    ],
)
def test_what_names_a_key(rest: str, key: TokenKey) -> None:
    assert parse(rest) == key


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("?id=02", "no token"),
        ("root-b", "no key"),
        ("root-b?id=", "no hex"),
        ("token=;id=%02", "no token"),
        ("root-b?id=2", "no hex"),
        ("root-b?id=0x02", "no hex"),
        ("token=root-b;id=02", "not escaped"),
        ("root-b?id=00", "zero byte"),
        ("root-b?id=0002", "zero byte"),
        ("token=root-b;id=%00%02", "zero byte"),
        ("root-b?id=" + "01" * 65, "64 bytes"),
        ("root-b?id=02&id=02", "id twice"),
        ("token=root-b;id=%02?id=02", "id twice"),
        ("token=a;token=b?id=02", "token twice"),
        ("root-b;id=%02", "not known"),
        ("root-b?slot=1", "not known"),
        ("token=root-b;slot-id=1;id=%02", "not known"),
        ("token=root-b;type=cert;id=%02", "type"),
        ("%ff?id=02", "UTF-8"),
        ("root-b?id=02&pin-value=canary-passphrase-5f0c9", "pin-value"),
        ("root-b?id=02&pin-source=file:/x", "pin-source"),
        ("root-b?id=02&module-path=/tmp/evil.so", "module-path"),
        ("root-b?id=02&module-name=evil", "module-name"),
        ("token=root-b;\x1b[2J=1;id=%02", "x1b"),
    ],
)
def test_what_is_refused(rest: str, why: str) -> None:
    with pytest.raises(SigningError, match=why) as caught:
        parse(rest)
    assert caught.value.code == "BAD_SIGNER"
    assert "canary" not in str(caught.value.as_dict())
    assert "\x1b" not in caught.value.what


def test_where_secrets_and_modules_belong_is_said() -> None:
    for attribute, belongs in (("pin-value=1", "SEALCAST_PIN"), ("module-path=/x", "SEALCAST_PKCS11_MODULE")):
        with pytest.raises(SigningError) as caught:
            parse(f"root-b?id=02&{attribute}")
        assert belongs in caught.value.hint


def test_a_key_is_named_by_what_was_asked_for() -> None:
    assert str(parse("root-b?id=02&object=x%1b")) == "id 02 and label x\\x1b"
    assert parse("serial=af12?id=02").token_name == "with the serial number af12"
