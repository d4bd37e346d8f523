"""Where a site may be, and what of it may be shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealcast.errors import TransferError
from sealcast.fetch import FolderSource, HttpSource, open_source
from sealcast.fetch.location import parse_location, shown


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://updates.example.org", "https://updates.example.org", "/"),
        ("HTTPS://Updates.Example.org:443/App/", "https://updates.example.org", "/App/"),
        ("https://h:8443/a%20b/@c", "https://h:8443", "/a%20b/@c/"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1", "/x/"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1", "/"),
        ("http://localhost:8000", "http://localhost:8000", "/"),
        ("http://[0:0::1]:8000/", "http://[::1]:8000", "/"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]", "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, origin: str, prefix: str) -> None:
    location = parse_location(url)
    assert (location.origin, location.prefix, location.credentials) == (origin, prefix, "")


@pytest.mark.parametrize(
    "url",
    [
        "http://updates.example.org",
        "http://169.254.169.254",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://127.1",
        "http://2130706433",
        "http://0x7f.1",
        "http://[::ffff:10.0.0.1]",
        "http://127.0.0.1@evil.example",
    ],
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(TransferError) as caught:
        parse_location(url)
    assert caught.value.code == "INSECURE_URL"


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:/h",
        "https://h/?q=1",
        "https://h/#f",
        "https://h?",
        "https://h/a/../b",
        "https://h/%2e%2e/b",
        "https://h/a b",
        "https://h/a\nb",
        "https://h\\evil",
        "https://bücher.example",
        "https://h:port",
        "https://h:0",
        "https://h:99999",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[v1.x]",
        "https://a..b",
        "https://" + "a" * 64 + ".b",
        "https://" + "a." * 130 + "b",
        "https://-h",
        "https://h" + "/x" * 5000,
        "file:///srv/site",
        "ftp://h/",
        "gopher://127.0.0.1",
    ],
)
def test_what_is_no_url_of_a_site_is_refused(url: str) -> None:
    with pytest.raises(TransferError) as caught:
        open_source(url)
    assert caught.value.code == "BAD_URL"
    assert len(caught.value.what) < 600


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@h.example/x",
        "https://user:hunter2@h.example:bad/x",
        "https://user:hunter2/more@h.example/?q=1",
        "https://user:hun#hunter2@h.example/",
        "https://user:hunter2 @h.example",
    ],
)
def test_credentials_are_never_shown(url: str) -> None:
    with pytest.raises(TransferError) as caught:
        parse_location(url)
    assert "hunter2" not in str(caught.value.as_dict())


def test_credentials_are_kept_for_the_request_alone() -> None:
    location = parse_location("https://user:hunter2%40@h.example/x")
    assert location.credentials == "user:hunter2@"
    assert "hunter2" not in repr(location) + location.origin


def test_a_url_is_shown_without_what_a_terminal_obeys() -> None:
    assert shown("https://u:p@h/a\x1b[31m\u202e?token=s") == "https://h/a\\x1b[31m\\u202e"
    assert len(shown("https://h/" + "x" * 100_000)) <= 300


def test_a_source_is_opened_by_what_its_place_looks_like(tmp_path: Path) -> None:
    assert isinstance(open_source("https://h.example"), HttpSource)
    assert isinstance(open_source(str(tmp_path)), FolderSource)
    assert isinstance(open_source(tmp_path), FolderSource)
    assert isinstance(open_source("C:\\site"), FolderSource)
    assert isinstance(open_source("relative/folder"), FolderSource)
    for nothing in ("", "a\0b"):
        with pytest.raises(TransferError) as caught:
            open_source(nothing)
        assert caught.value.code == "BAD_URL"


@given(st.text(max_size=40))
@example("https://[")
@example("http://\udcff")
def test_any_text_opens_or_is_refused_in_our_words(text: str) -> None:
    for url in (text, f"https://{text}", f"http://127.0.0.1{text}"):
        code = None
        try:
            open_source(url)
        except TransferError as error:
            code = error.code
        assert code in {None, "BAD_URL", "INSECURE_URL"}


@given(st.text(max_size=60), st.sampled_from(["", "/", "//", "http://127.0.0.1:80", "http://127.0.0.1:80/", "http:"]))
def test_no_redirect_leaves_the_origin(to: str, start: str) -> None:
    location = parse_location("http://127.0.0.1:80/site")
    target, code = "/", ""
    try:
        target = location.redirected("/site/a.json", start + to)
    except TransferError as error:
        code = error.code
    assert code in {"", "REDIRECT_REFUSED"}
    assert re.fullmatch("/[!-~]*", target)
