from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from sealcast.errors import RepositoryError, TransferError
from sealcast.serve import Request, SiteServer

DIGITS = b"0123456789"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for path, data in {
        "metadata/timestamp.json": b"{}",
        "metadata/1.root.json": b"{}",
        "objects/ab/abcd": DIGITS,
        "targets/é ü.txt": b"text",
        "objects/empty": b"",
        "metadata/.lock": b"",
        "keys/root.pem": b"secret",
        "sealcast.toml": b"",
    }.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


@pytest.fixture
def seen() -> list[Request]:
    return []


@pytest.fixture
def server(site: Path, seen: list[Request]) -> Iterator[SiteServer]:
    with SiteServer(site, seen=seen.append) as made:
        thread = Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: SiteServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def wait_for(seen: list[Request], count: int) -> None:
    """A request is told of after its answer went out."""
    for _ in range(1000):
        if len(seen) >= count:
            return
        time.sleep(0.01)


def test_a_file_comes_with_the_cache_rule_that_it_needs(server: SiteServer) -> None:
    status, body, headers = ask(server, "/objects/ab/abcd")
    assert (status, body) == (200, DIGITS)
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Accept-Ranges"] == "bytes"
    _, _, headers = ask(server, "/metadata/timestamp.json")
    assert headers["Cache-Control"] == "max-age=60, must-revalidate"
    assert headers["Content-Type"] == "application/json"
    _, _, headers = ask(server, "/metadata/1.root.json?x=1")
    assert "immutable" in headers["Cache-Control"]


def test_names_are_decoded(server: SiteServer) -> None:
    assert ask(server, "/targets/%C3%A9%20%C3%BC.txt")[:2] == (200, b"text")


def test_the_first_page_is_the_index(server: SiteServer, site: Path) -> None:
    assert ask(server, "/")[0] == 404
    (site / "index.html").write_bytes(b"<p>")
    status, body, headers = ask(server, "/")
    assert (status, body, headers["Content-Type"]) == (200, b"<p>", "text/html; charset=utf-8")
    assert "must-revalidate" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/metadata/2.root.json",
        "/metadata",
        "/metadata/",
        "/objects/ab",
        "/metadata/.lock",
        "/keys/root.pem",
        "/sealcast.toml",
        "/metadata/../keys/root.pem",
        "/metadata/%2e%2e/keys/root.pem",
        "/metadata/%2E%2E%2Fkeys/root.pem",
        "/metadata%5C..%5Ckeys",
        "//etc/passwd",
        "/metadata/%00",
        "/metadata/%FF",
        "/metadata/" + "x" * 300,
    ],
)
def test_what_is_no_part_of_the_site_is_not_there(server: SiteServer, path: str) -> None:
    status, body, headers = ask(server, path)
    assert (status, body) == (404, b"")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are made the POSIX way")
def test_links_out_and_pipes_are_not_served(server: SiteServer, site: Path) -> None:
    (site / "metadata" / "link").symlink_to(site / "keys" / "root.pem")
    assert ask(server, "/metadata/link")[0] == 200  # still inside the folder: whoever made the link wanted that
    (site / "metadata" / "out").symlink_to("/etc/passwd")
    (site / "metadata" / "loop").symlink_to("loop")
    os.mkfifo(site / "metadata" / "pipe")
    for name in ("out", "loop", "pipe"):
        assert ask(server, f"/metadata/{name}")[0] == 404


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-", 206, DIGITS, "bytes 0-9/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=2-99", 206, b"23456789", "bytes 2-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, DIGITS, "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, DIGITS, None),
        ("bytes=-", 200, DIGITS, None),
        ("bytes=0-1,3-4", 200, DIGITS, None),
        ("lines=1-2", 200, DIGITS, None),
    ],
)
def test_ranges(server: SiteServer, asked: str, status: int, body: bytes, told: str | None) -> None:
    answer = ask(server, "/objects/ab/abcd", Range=asked)
    assert answer[:2] == (status, body)
    assert answer[2]["Content-Range"] == told


def test_an_empty_file_has_no_range(server: SiteServer) -> None:
    assert ask(server, "/objects/empty")[:2] == (200, b"")
    assert ask(server, "/objects/empty", Range="bytes=0-")[0] == 416


def test_head_tells_the_size_and_sends_nothing(server: SiteServer, seen: list[Request]) -> None:
    status, body, headers = ask(server, "/objects/ab/abcd", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "10")
    wait_for(seen, 1)
    assert seen == [Request("HEAD", "/objects/ab/abcd", 200, 0)]


def test_other_methods_are_not_known(server: SiteServer) -> None:
    assert ask(server, "/metadata/timestamp.json", "PUT")[0] == 501


def test_a_connection_is_used_again_and_each_request_is_told_of(server: SiteServer, seen: list[Request]) -> None:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    for path in ("/objects/ab/abcd", "/nothing", "/metadata/timestamp.json"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()
    wait_for(seen, 3)
    assert [(request.status, request.size) for request in seen] == [(200, 10), (404, 0), (200, 2)]


def test_a_reader_that_goes_away_harms_nobody(
    server: SiteServer, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "objects" / "large").write_bytes(bytes(8_000_000))
    with socket.create_connection(server.server_address[:2]) as connection:
        connection.sendall(b"GET /objects/large HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(10)
    with socket.create_connection(server.server_address[:2]) as connection:
        connection.sendall(b"GET")
    assert ask(server, "/objects/ab/abcd")[0] == 200
    assert "Traceback" not in capsys.readouterr().err


def test_the_server_is_for_this_machine_only(server: SiteServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_address[1]}"


def test_a_port_that_is_taken_and_a_folder_that_is_no_site(server: SiteServer, site: Path, tmp_path: Path) -> None:
    with pytest.raises(TransferError) as taken:
        SiteServer(site, port=server.server_address[1])
    assert taken.value.code == "PORT_TAKEN"
    with pytest.raises(RepositoryError) as nothing:
        SiteServer(tmp_path)
    assert nothing.value.code == "NO_SITE"


def test_our_own_mistakes_are_loud(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: Request) -> None:
        raise ZeroDivisionError

    with SiteServer(site, seen=fail) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        ask(server, "/nothing")
        server.shutdown()
        thread.join()
    said = ""
    for _ in range(6000):  # whoever answered the request may still be at it
        said += capsys.readouterr().err
        if "ZeroDivisionError" in said:
            return
        time.sleep(0.01)
    pytest.fail(f"all that was said: {said}")


def test_a_reader_that_broke_off_is_not_worth_a_word(server: SiteServer, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ConnectionResetError
    except ConnectionResetError:
        server.handle_error(None, None)
    assert capsys.readouterr().err == ""
