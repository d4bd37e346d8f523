"""Reports of how updates end: what is sent, to whom, and that nobody waits for it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from sealcast.client import Launcher, deliver, init_directory, read_settings, report
from sealcast.client.events import Event, Kind
from sealcast.client.report import OUTCOMES, Reporter, body_of, hand_over
from sealcast.client.settings import Reporting, Settings
from sealcast.errors import SealcastError
from tests.unit.client.sites import Site

ROOT = json.dumps({"signed": {"x-sealcast": {"repository": "r1"}}}).encode()
SETTINGS = Settings(
    url="https://user:password@updates.example.org",
    app="demo",
    channel="stable",
    platform="linux-x86-64",
    device="kiosk-17",
    report=Reporting(secret="5" * 32, url="https://collect.example.org"),
)
PATIENCE = 60
"""Seconds: longer than any busy machine takes; nothing is measured by it."""


def event(kind: Kind = Kind.STAGED, **details: Any) -> Event:
    return Event(event=kind, at="2026-03-01T12:34:56Z", **details)


def body(one: Event, settings: Settings = SETTINGS, root: bytes = ROOT) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body_of(one, settings, root))
    return found


class Collector:
    """A server on this machine that notes what is posted to it."""

    def __init__(self, status: int = 200, **headers: str) -> None:
        self.posted: Queue[tuple[str, dict[str, Any], bytes]] = Queue()
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                posted.put((self.path, dict(self.headers), data))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def job(**more: object) -> dict[str, object]:
    return {"url": "", "command": [], "body": "{}", **more}


def ended(process: subprocess.Popen[bytes] | None) -> int:
    assert process is not None
    return process.wait(PATIENCE)


# ----------------------------------------------------------------------------------------------------- what is sent


def test_this_is_all_that_is_sent() -> None:
    found = body(event(version="2.0.0", why="delta", detail="/home/jo/x"))
    device = found.pop("device")
    assert found == {
        "type": "sealcast/report/1",
        "app": "demo",
        "channel": "stable",
        "platform": "linux-x86-64",
        "day": "2026-03-01",
        "event": "staged",
        "version": "2.0.0",
        "why": "delta",
    }
    assert len(device) == 32
    for canary in ("kiosk-17", "5" * 32, "password", "updates.example", "/home", "12:34"):
        assert canary.encode() not in body_of(event(version="2.0.0", detail="/home/jo/x"), SETTINGS, ROOT)


def test_a_device_can_be_counted_for_a_day_and_not_be_followed() -> None:
    def device(at: str = "2026-03-01T00:00:00Z", root: bytes = ROOT, secret: str = "5" * 32) -> str:
        own = Settings(
            url="/", app="demo", channel="stable", platform="any", device="d", report=Reporting(secret=secret)
        )
        return str(body(Event(event=Kind.READY, at=at), own, root)["device"])

    assert device() == device("2026-03-01T23:59:59Z"), "one day, one device"
    others = {
        device("2026-03-02T00:00:00Z"),
        device(root=ROOT.replace(b"r1", b"r2")),
        device(root=b'{"signed":{}}'),
        device(secret="6" * 32),
    }
    assert len(others | {device()}) == 5


@pytest.mark.parametrize(
    ("why", "sent"),
    [
        ("not-ready", "not-ready"),
        ("HASH_MISMATCH", "HASH_MISMATCH"),
        ("no_database", "no_database"),
        ("", ""),
        ("no database for jo@example.org", "other"),
        ("x" * 65, "other"),
        ("line\nbreak", "other"),
    ],
)
def test_reasons_are_single_words(why: str, sent: str) -> None:
    assert body(event(Kind.ROLLED_BACK, why=why))["why"] == sent


def test_only_outcomes_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(ROOT)
    handed: list[str] = []
    monkeypatch.setattr(report, "hand_over", lambda one: handed.append(json.loads(one["body"])["event"]))
    tell = Reporter(SETTINGS, tmp_path / "root.json")
    for kind in Kind:
        tell(event(kind))
    tell(event(Kind.DOWNLOAD_FAILED, recovered=True))
    assert sorted(handed) == sorted(OUTCOMES)
    Reporter(Settings(url="/", app="a", channel="b", platform="c", device="d"), tmp_path / "root.json")(event())
    assert len(handed) == len(OUTCOMES)


# --------------------------------------------------------------------------------------------------------- delivery


def test_a_report_reaches_a_url(collector: Collector) -> None:
    assert ended(hand_over(job(url=f"{collector.url}/v1", body='{"a":1}'))) == 0
    path, headers, data = collector.posted.get(timeout=PATIENCE)
    assert (path, data) == ("/v1", b'{"a":1}')
    assert headers["Content-Type"] == "application/json"
    assert set(headers) <= {"Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Host", "User-Agent"}


def test_a_report_reaches_a_command(tmp_path: Path, collector: Collector) -> None:
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    assert ended(hand_over(job(url=collector.url, command=command, body="hello"))) == 0
    assert (tmp_path / "out").read_text() == "hello"
    assert collector.posted.get(timeout=PATIENCE)[2] == b"hello", "both, where both are named"


def test_a_redirect_is_not_followed(collector: Collector) -> None:
    other = Collector(302, Location=collector.url)
    with pytest.raises(urllib.error.HTTPError) as caught:
        deliver.post(other.url, b"", PATIENCE)
    caught.value.close()
    assert (caught.value.code, other.posted.qsize()) == (302, 1)
    assert collector.posted.empty()
    other.close()


def test_a_host_that_stalls_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = hand_over(job(url=url), seconds=0.5)
        accepted, _ = server.accept()
        with accepted:
            assert ended(process) == 1


def test_a_command_that_hangs_is_given_up() -> None:
    process = hand_over(job(command=[sys.executable, "-c", "import time; time.sleep(30)"]), seconds=0.5)
    started = time.monotonic()
    ended(process)
    assert time.monotonic() - started < 25


def test_what_cannot_be_delivered_is_nothing_to_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert ended(hand_over(job(url=gone, command=["/no/such/program"]))) == 0
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert hand_over(job(url=gone)) is None
    monkeypatch.setattr(sys, "frozen", False, raising=False)
    monkeypatch.setattr(sys, "executable", None)  # Python inside another program
    assert hand_over(job(url=gone)) is None


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/passwd", "ftp://127.0.0.1/", "http:///x"])
def test_only_https_and_this_machine_are_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver.urllib.request, "build_opener", lambda *_: pytest.fail(f"{url} was asked"))
    deliver.post(url, b"", 1)


def test_https_goes_by_the_systems_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Any, ...]] = []

    class Opener:
        def open(self, request: Any, timeout: float) -> Any:
            opened.append((request.full_url, request.get_method(), request.data, timeout))
            return contextlib.nullcontext()

    handlers: list[Any] = []
    monkeypatch.setattr(deliver.urllib.request, "build_opener", lambda *found: handlers.extend(found) or Opener())
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    deliver.post("https://collect.example.org/", b"x", 3)
    assert opened == [("https://collect.example.org/", "POST", b"x", 3)]
    assert handlers[0].proxies["https"] == "http://127.0.0.1:3128"
    handlers.clear()
    deliver.post("http://localhost:1/", b"x", 3)
    assert handlers[0].proxies == {}, "this machine is asked directly"


@pytest.mark.parametrize("to", ["url", "command"])
def test_one_way_of_delivery_is_enough(collector: Collector, tmp_path: Path, to: str) -> None:
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    ways = {"url": collector.url, "command": [sys.executable, "-c", script, str(tmp_path / "out")]}
    deliver.deliver({**job(body="x", **{to: ways[to]}), "seconds": PATIENCE})
    if to == "url":
        assert collector.posted.get(timeout=PATIENCE)[2] == b"x"
    assert (tmp_path / "out").exists() is (to == "command")


# ---------------------------------------------------------------------------------------------------- in the client


def test_nobody_is_told_unless_it_was_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.subprocess, "Popen", lambda *_, **__: pytest.fail("somebody is told"))
    client = site.client()
    client.install(client.check())  # type: ignore[arg-type]
    assert "report" not in json.loads((site.folder / "device" / "client.json").read_bytes())


def test_a_client_reports_its_whole_way(site: Site, collector: Collector) -> None:
    place = site.folder / "device"
    init_directory(place, url=site.url, root=site.root, app="demo", channel="stable", report=collector.url)
    client = site.client()
    client.install(client.check())  # type: ignore[arg-type]
    launcher = Launcher(place, clock=site.clock)
    launcher.ready(launcher.start().nonce)
    posted = [json.loads(collector.posted.get(timeout=PATIENCE)[2]) for _ in range(2)]
    assert sorted(one["event"] for one in posted) == ["ready", "staged"]
    assert len({one["device"] for one in posted}) == 1
    secret = read_settings(place).report
    assert secret is not None
    assert secret.secret != read_settings(place).device


def test_an_error_that_stops_a_report_stops_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    place = site.folder / "device"
    init_directory(place, url=site.url, root=site.root, app="demo", channel="stable", report="http://127.0.0.1:1")

    def refused(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(report.subprocess, "Popen", refused)
    client = site.client()
    client.install(client.check())  # type: ignore[arg-type]
    assert client.status().phase == "pending"


@pytest.mark.skipif(sys.platform == "win32", reason="the app is a shell script")
def test_a_start_that_reports_waits_for_nobody_and_loads_no_network(site: Site) -> None:
    """A server that never answers, and a release on trial that is given up at this very start."""
    place = site.folder / "device"
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        init_directory(place, url=site.url, root=site.root, app="demo", channel="stable", report=url, boot_limit=1)
        client = site.client()
        client.install(client.check())  # type: ignore[arg-type]
        Launcher(place, clock=site.clock).start()
        code = (
            "import sys\n"
            "from sealcast.cli.app import run\n"
            f"run(['client', 'run', '--dir', {str(place)!r}, '--', 'true'])\n"
            "heavy = {'ssl', 'http.client', 'urllib.request', 'urllib3', 'sealcast.fetch', 'sealcast.client.deliver'}\n"
            "print('loaded', 'sealcast.client.report' in sys.modules, sorted(heavy & set(sys.modules)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        assert "SAFE_MODE" in done.stderr
        assert "loaded True []" in done.stdout
        told, _ = server.accept()  # the report, of which nobody waited for the end
        told.close()


def test_a_command_alone_is_enough(site: Site) -> None:
    place = site.folder / "d"
    init_directory(place, url=site.url, root=site.root, app="demo", channel="stable", report_command=("logger", "-t"))
    found = read_settings(place).report
    assert found is not None
    assert (found.url, found.command) == ("", ("logger", "-t"))


@pytest.mark.parametrize(
    ("url", "code"), [("http://example.org", "INSECURE_URL"), ("example.org", "BAD_URL"), ("https://x/?a=b", "BAD_URL")]
)
def test_where_reports_go_is_checked_when_it_is_said(site: Site, url: str, code: str) -> None:
    with pytest.raises(SealcastError) as caught:
        init_directory(site.folder / "d", url=site.url, root=site.root, app="demo", channel="stable", report=url)
    assert caught.value.code == code
    assert not (site.folder / "d").exists()
