from ipaddress import IPv4Address

import pytest

from sealcast.proquint import proquints


@pytest.mark.parametrize(
    ("address", "words"),
    [
        # The paper's own examples, which are IPv4 addresses.
        ("127.0.0.1", "lusab-babad"),
        ("63.84.220.193", "gutih-tugad"),
        ("63.118.7.35", "gutuk-bisog"),
        ("140.98.193.141", "mudof-sakat"),
        ("64.255.6.200", "haguz-biram"),
        ("128.30.52.45", "mabiv-gibot"),
        ("147.67.119.2", "natag-lisaf"),
        ("212.58.253.68", "tibup-zujah"),
        ("216.35.68.215", "tobog-higil"),
        ("216.68.232.21", "todah-vobij"),
        ("198.81.129.136", "sinid-makam"),
        ("12.110.110.204", "budov-kuras"),
    ],
)
def test_the_examples_of_the_paper(address: str, words: str) -> None:
    assert proquints(IPv4Address(address).packed) == words


def test_no_two_numbers_share_a_word() -> None:
    words = proquints(b"".join(number.to_bytes(2, "big") for number in range(1 << 16))).split("-")
    assert len(set(words)) == 1 << 16
    assert {len(word) for word in words} == {5}
    assert (words[0], words[-1]) == ("babab", "zuzuz")


def test_a_key_id_has_sixteen_words() -> None:
    assert proquints(bytes(32)) == "-".join(["babab"] * 16)


def test_nothing_has_no_words() -> None:
    assert proquints(b"") == ""


def test_half_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="two bytes"):
        proquints(b"\0\0\0")
