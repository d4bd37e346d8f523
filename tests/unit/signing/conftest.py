"""What the tests of signing keys share."""

from __future__ import annotations

import pytest

from sealcast.signing import pem


@pytest.fixture
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files whose passphrase costs nothing to try. What a real one costs, ``test_pem.py`` sees to."""
    monkeypatch.setattr(pem, "SCRYPT_COST", 16)
    monkeypatch.setattr(pem, "SCRYPT_LANES", 1)
