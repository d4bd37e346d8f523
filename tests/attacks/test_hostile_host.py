"""What a host, or somebody on the way to it, can send instead of files.

The client asks for plain bytes of a bounded size in bounded time, and hears nothing else.
"""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sealcast.values import object_path
from tests.attacks.conftest import Said
from tests.attacks.scene import QUICK, Device, Scene
from tests.servers import Behaviour, Exchange, answer, drip, endless, head, raw, reset_after, stalled

PAGE = b"<!DOCTYPE html><html><title>Sign in</title><form action='/login'></form></html>"
BOMB = gzip.compress(bytes(10_000_000))


def redirect(to: str, status: int = 302) -> Behaviour:
    return answer(b"over there", status, location=to)


METADATA: dict[str, tuple[Behaviour, tuple[str, ...]]] = {
    "a captive portal": (answer(PAGE, content_type="text/html"), ("NOT_A_REPOSITORY",)),
    "a captive portal that lies of its type": (answer(PAGE, content_type="application/json"), ("NOT_A_REPOSITORY",)),
    "a network that wants a sign-in": (answer(PAGE, 511), ("NOT_A_REPOSITORY",)),
    "a redirect to another host": (redirect("http://127.0.0.1:1/metadata/timestamp.json"), ("REDIRECT_REFUSED",)),
    "a redirect to the cloud's own address": (redirect("http://169.254.169.254/latest/"), ("REDIRECT_REFUSED",)),
    "a redirect to a file": (redirect("file:///etc/passwd"), ("REDIRECT_REFUSED",)),
    "a redirect to a portal": (redirect("https://portal.example.org/", 307), ("REDIRECT_REFUSED",)),
    "a redirect in a circle": (redirect("/metadata/timestamp.json"), ("REDIRECT_REFUSED",)),
    "a redirect to nowhere": (answer(b"", 302), ("REDIRECT_REFUSED",)),
    "gzip": (answer(BOMB, content_encoding="gzip"), ("BAD_ENCODING",)),
    "a brotli name": (answer(b"x", content_encoding="br"), ("BAD_ENCODING",)),
    "a coded transfer": (raw(head(200, transfer_encoding="gzip, chunked") + b"0\r\n\r\n"), ("BAD_ENCODING",)),
    "no end": (endless(head(200, connection="close"), b"x" * 65536), ("TOO_LARGE",)),
    "no end, in chunks": (
        endless(head(200, transfer_encoding="chunked"), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        ("TOO_LARGE",),
    ),
    "a length over the limit": (answer(b"{}", content_length=2**40), ("TOO_LARGE",)),
    "two lengths": (raw(head(200, content_length=["2", "3"]) + b"{}"), ("BAD_RESPONSE",)),
    "a length that is none": (raw(head(200, content_length="-5") + b"{}"), ("BAD_RESPONSE",)),
    "less than its length": (raw(head(200, content_length=900) + b"{}", close=True), ("TRUNCATED",)),
    "a part that nobody asked for": (answer(b"{}", 206, content_range="bytes 5-6/7"), ("BAD_RANGE",)),
    "a torn connection": (reset_after(head(200, content_length=900) + b"{"), ("NETWORK", "TRUNCATED")),
    "silence": (stalled(b""), ("TOO_SLOW", "NETWORK")),
    "silence in the middle": (stalled(head(200, content_length=900) + b"{"), ("TOO_SLOW", "NETWORK")),
    "a byte at a time": (drip(head(200, content_length=900) + b"{" * 900, 0.05), ("TOO_SLOW",)),
    "an endless header": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), ("BAD_RESPONSE", "NETWORK")),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), ("BAD_RESPONSE", "NETWORK")),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.9\r\n", close=True), ("BAD_RESPONSE", "NETWORK")),
    "come back in a week": (answer(b"", 503, retry_after="999999"), ("TRY_LATER",)),
    "come back before now": (answer(b"", 503, retry_after="-1"), ("TRY_LATER",)),
    "come back in another century": (
        answer(b"", 503, retry_after="Sun, 01 Jan 2106 00:00:00 GMT", date="Sat, 21 Nov 2026 08:00:00 GMT"),
        ("TRY_LATER",),
    ),
    "come back in ten to the four hundred": (answer(b"", 429, retry_after="9" * 400), ("TRY_LATER",)),
    "more than its length": (raw(head(200, content_length=2) + b"{}" + b"x" * 900, close=True), ("BAD_METADATA",)),
    "an error": (answer(b"oops", 500), ("HTTP_STATUS",)),
    "gone": (answer(b"", 404), ("NOT_A_REPOSITORY", "NOT_FOUND")),
}


def refused(scene: Scene, device: Device, codes: tuple[str, ...]) -> None:
    """Check that the device refuses what it gets, and in good time. Little patience only where slowness is the attack:
    a machine that is busy with other tests is no hostile host.
    """
    if "TOO_SLOW" in codes:
        device = replace(device, limits=QUICK)
    started = time.monotonic()
    scene.refused(device, *codes)
    assert time.monotonic() - started < 100, "a hostile host may not hold the client up"


@pytest.mark.parametrize("name", METADATA)
def test_metadata(scene: Scene, name: str) -> None:
    behaviour, codes = METADATA[name]
    device = scene.device(1)
    scene.server.script("/metadata/timestamp.json", behaviour)
    refused(scene, device, codes)
    scene.server.script("/metadata/timestamp.json")
    assert device.take().version == "2.0.0"


@pytest.mark.parametrize("name", ["a captive portal", "a redirect to another host", "gzip", "no end", "silence"])
def test_every_path_at_once(scene: Scene, name: str) -> None:
    behaviour, codes = METADATA[name]
    device = scene.device(1)
    scene.server.from_folder = behaviour  # type: ignore[method-assign, assignment]
    refused(scene, device, codes)
    del scene.server.from_folder
    assert device.take().version == "2.0.0"


def cut(data: bytes) -> Behaviour:
    return raw(head(200, content_length=len(data)) + data[: len(data) // 2], close=True)


def torn(data: bytes) -> Behaviour:
    return reset_after(head(200, content_length=len(data)) + data[: len(data) // 2])


def silent(data: bytes) -> Behaviour:
    return stalled(head(200, content_length=len(data)) + data[: len(data) // 2])


def longer(data: bytes) -> Behaviour:
    """A length that is right, of a body that is not."""
    return raw(head(200, content_length=len(data)) + b"x" * len(data) + data, close=True)


OBJECTS: dict[str, tuple[Callable[[bytes], Behaviour], tuple[str, ...]]] = {
    **{
        name: (lambda _, name=name: METADATA[name][0], METADATA[name][1])  # type: ignore[misc]
        for name in ("a redirect to a file", "gzip", "silence", "come back in a week", "an error", "two lengths")
    },
    "a torn connection": (torn, ("NETWORK", "TRUNCATED")),
    "less than its length": (cut, ("TRUNCATED",)),
    "silence in the middle": (silent, ("TOO_SLOW", "NETWORK")),
    "a captive portal": (lambda _: answer(PAGE, content_type="text/html"), ("HASH_MISMATCH",)),
    "no end": (lambda _: METADATA["no end"][0], ("HASH_MISMATCH",)),
    "a length over the limit": (lambda _: answer(b"", content_length=2**40), ("HASH_MISMATCH",)),
    "a part of something else": (lambda _: answer(b"{}", 206, content_range="bytes 5-6/7"), ("HASH_MISMATCH",)),
    "more than its length": (longer, ("HASH_MISMATCH",)),
    "gone": (lambda _: answer(b"", 404), ("INCOMPLETE_REPO",)),
    "forbidden": (lambda _: answer(b"", 403), ("INCOMPLETE_REPO",)),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects(scene: Scene, name: str) -> None:
    make, codes = OBJECTS[name]
    device = scene.device(1)
    device.check()
    objects = {f"/{path.relative_to(scene.site).as_posix()}": path for path in (scene.site / "objects").rglob("*/*")}
    for url, path in objects.items():
        scene.server.script(url, make(path.read_bytes()))
    refused(scene, device, codes)
    for url in objects:
        scene.server.script(url)
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []


def test_a_download_that_stopped_is_continued_and_proved_whole(scene: Scene) -> None:
    """A host that answers the second half with other bytes has spoilt nothing: once more from the start."""
    device = scene.device(1)
    found = device.client().outlook()
    assert found.plan is not None
    (step,) = found.plan.steps
    path = f"/{object_path(step.delta.sha256)}"
    data = (scene.site / path[1:]).read_bytes()
    half = len(data) // 2

    def lie(exchange: Exchange) -> None:
        wrong = bytes(len(data) - half)
        exchange.send(head(206, content_length=len(wrong), content_range=f"bytes {half}-{len(data) - 1}/{len(data)}"))
        exchange.send(wrong)

    broken = raw(head(200, content_length=len(data)) + data[:half], close=True)
    scene.server.script(path, broken, lie, scene.server.from_folder)
    assert device.take().version == "2.0.0"
    assert [request.headers.get("range") for request in scene.server.asked(path)] == [None, f"bytes={half}-", None]


def test_a_host_that_answers_a_range_with_everything_is_skipped_through(scene: Scene) -> None:
    device = scene.device(1)
    found = device.client().check()
    assert found is not None
    assert found.outlook.plan is not None
    (step,) = found.outlook.plan.steps
    path = f"/{object_path(step.delta.sha256)}"
    data = (scene.site / path[1:]).read_bytes()
    (device.folder / "downloads" / f"{step.delta.sha256}.part").write_bytes(data[: len(data) // 2])
    scene.server.script(path, answer(data))
    assert device.take().version == "2.0.0"
    assert [request.headers.get("range") for request in scene.server.asked(path)] == [f"bytes={len(data) // 2}-"]


def test_an_object_that_is_gone_is_looked_for_once_more_with_fresh_metadata(scene: Scene) -> None:
    """A publication may be under way: one more look, and then the repository is called what it is."""
    device = scene.device(1)
    client = device.client()
    found = client.check()
    assert found is not None
    for path in (scene.site / "objects").rglob("*/*"):
        scene.server.script(f"/{path.relative_to(scene.site).as_posix()}", answer(b"", 404))
    looks = len(scene.server.asked("/metadata/timestamp.json"))
    scene.refused(device, "INCOMPLETE_REPO", act=lambda: client.install(found))
    assert len(scene.server.asked("/metadata/timestamp.json")) == looks + 1
    scene.forger().ship("3.0.0", {"app.py": b"print('3.0.0')"})
    for path in (scene.site / "objects").rglob("*/*"):
        scene.server.script(f"/{path.relative_to(scene.site).as_posix()}")
    assert device.take().version == "3.0.0"


def test_a_name_that_nobody_knows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    device = scene.device(1)
    device.url = "https://updates.example.org"

    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "cannot be looked up" in str(scene.refused(device, "NETWORK"))


class BlackHole(socket.socket):
    """Connections come about to nobody."""

    waits: list[float | None] = []

    def connect(self, address: object) -> None:
        self.waits.append(self.gettimeout())
        raise TimeoutError("timed out")


def test_addresses_that_do_not_answer_cost_ten_seconds_each(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    device = scene.device(1)
    device.url = "https://updates.example.org"
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{number}", 443)) for number in range(100)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "socket", BlackHole)
    monkeypatch.setattr(BlackHole, "waits", [])
    scene.refused(device, "NETWORK")
    assert all(wait is not None and 0 < wait <= 10 for wait in BlackHole.waits)
    assert len(BlackHole.waits) == 6 * 3


MEASURED = """
import json, re, sys
from sealcast.client import Client
from sealcast.errors import SealcastError
from sealcast.fetch import HttpOptions
for line in sys.stdin:
    order = json.loads(line)
    code = ""
    try:
        client = Client(directory=order["folder"], url=order["url"], http=HttpOptions(proxy=""))
        found = client.check()
        if found is not None:
            client.install(found)
    except SealcastError as error:
        code = error.code
    with open("/proc/self/status") as status:  # not getrusage, in which the peak of the parent lives on
        peak = int(re.search(r"VmHWM:\\s*([0-9]+) kB", status.read())[1])
    print(json.dumps([code, peak]), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no peak of memory in this way")
def test_what_is_endless_takes_no_memory(scene: Scene) -> None:
    """A peak only rises, so each case is held against what an update in order took before it: 64 MiB at most."""
    good, bad = scene.device(1, "good"), scene.device(1)
    everything = {f"/{path.relative_to(scene.site).as_posix()}" for path in scene.site.rglob("*") if path.is_file()}
    objects = {path for path in everything if path.startswith("/objects/")}
    cases: list[tuple[set[str], Behaviour, str]] = [
        ({"/metadata/timestamp.json"}, METADATA["gzip"][0], "BAD_ENCODING"),
        ({"/metadata/timestamp.json"}, METADATA["no end"][0], "TOO_LARGE"),
        ({"/metadata/2.root.json"}, METADATA["no end, in chunks"][0], "TOO_LARGE"),
        (objects, METADATA["gzip"][0], "BAD_ENCODING"),
        (objects, METADATA["no end"][0], "HASH_MISMATCH"),
        (objects, METADATA["no end, in chunks"][0], "HASH_MISMATCH"),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", MEASURED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:

        def run(device: Device) -> tuple[str, int]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps({"folder": str(device.folder), "url": device.url}) + "\n")
            child.stdin.flush()
            code, peak = json.loads(child.stdout.readline())
            return code, peak

        _, normal = run(good)
        for paths, behaviour, code in cases:
            for path in everything | {"/metadata/2.root.json"}:
                scene.server.script(path, *([behaviour] if path in paths else []))
            with scene.unharmed(bad, floor="not lowered"):
                found, peak = run(bad)
            assert found == code
            print(f"{code} on {len(paths)} paths: {peak - normal} kB above the normal {normal} kB")
            assert peak - normal < 64 * 1024


def test_the_command_line_says_what_is_wrong(scene: Scene, sealcast: Callable[..., Said]) -> None:
    device = scene.device(1)
    for name, status in (("a captive portal", 9), ("a redirect to a file", 9), ("gzip", 9), ("no end", 9)):
        behaviour, codes = METADATA[name]
        scene.server.script("/metadata/timestamp.json", behaviour)
        with scene.unharmed(device):
            said = sealcast("client", "update", "--dir", device.folder)
        assert (said.status, said.code in codes) == (status, True), said.err
        assert "hint:" in said.err
    scene.server.script("/metadata/timestamp.json")
    assert sealcast("client", "update", "--dir", device.folder).status == 0


def test_text_from_a_hostile_publisher_is_shown_escaped(scene: Scene, sealcast: Callable[..., Said]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202etxt.exe\r\n\x9b31m"

    def shout(document: object) -> None:
        assert isinstance(document, dict)
        document["notice"] = {"text": {"en": evil, evil: "x"}, "url": evil}
        document["releases"][-1]["notes"] = evil
        document["releases"][-1]["version"] = evil

    device = scene.device(1)
    scene.forger().channel(shout)
    for words in (("check",), ("check", "--json"), ("update",), ("status",), ("events",), ("events", "--json")):
        said = sealcast("client", *words, "--dir", device.folder)
        assert said.status == 0, said.err
        for character in "\x1b\x07\u202e\x9b\r":
            assert character not in said.out + said.err, (words, character)
