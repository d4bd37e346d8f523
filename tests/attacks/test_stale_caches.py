"""Caches that keep an answer too long, and copies of a host that are behind: asked past once, and never believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.attacks.scene import Scene
from tests.attacks.test_power_of_a_thief import rotate_online
from tests.servers import Behaviour, Exchange, answer

ROOT, TIMESTAMP = "/metadata/2.root.json", "/metadata/timestamp.json"


def cached(stale: Behaviour, fresh: Behaviour) -> Behaviour:
    """Return a cache that answers ``stale`` unless it is told to ask the host."""

    def behave(exchange: Exchange) -> None:
        told = exchange.request.headers.get("cache-control") == "no-cache"
        (fresh if told else stale)(exchange)

    return behave


def asked(scene: Scene, path: str) -> list[str]:
    """Return what was said to caches, request by request."""
    return [request.headers.get("cache-control", "") for request in scene.server.asked(path)]


def test_the_404_of_a_root_that_is_there_by_now(scene: Scene) -> None:
    """The timestamp's key is already the new one: without that root nothing could be believed."""
    device = scene.device(1)
    rotate_online(scene).publish("snapshot")
    scene.server.script(ROOT, cached(answer(b"", 404), scene.server.from_folder))
    assert device.take().version == "2.0.0"
    assert device.heights()["root"] == 2
    assert asked(scene, ROOT)[:2] == ["", "no-cache"]


def test_a_cache_that_does_not_listen_is_asked_twice_and_no_more(scene: Scene) -> None:
    device = scene.device(1)
    rotate_online(scene).publish("snapshot")
    scene.server.script(ROOT, answer(b"", 404))
    scene.refused(device, "THRESHOLD")
    assert asked(scene, ROOT) == ["", "no-cache"]


def test_good_answers_are_never_asked_for_twice(scene: Scene) -> None:
    device = scene.device(1)
    device.take()
    said = [request.headers.get("cache-control", "") for request in scene.server.requests]
    assert set(said) == {""}


@pytest.mark.parametrize("listens", [True, False])
def test_stale_then_fresh_then_stale(scene: Scene, listens: bool) -> None:
    """The newest that was seen stays; an older one is no news, and an error only where the host insists on it."""
    stale = (scene.site / TIMESTAMP[1:]).read_bytes()
    scene.forger().publish("timestamp")
    device = scene.device(2)
    serve: Callable[[], None] = lambda: scene.server.script(  # noqa: E731 - one line, twice
        TIMESTAMP, cached(answer(stale), scene.server.from_folder if listens else answer(stale))
    )
    serve()
    assert device.check() is None  # it has seen nothing newer yet
    scene.server.script(TIMESTAMP)
    assert device.check() is None
    heights = device.heights()
    serve()
    if listens:
        assert device.check() is None
    else:
        scene.refused(device, "ROLLBACK")
    assert device.heights() == heights
    scene.server.script(TIMESTAMP)
    assert device.check() is None
    assert device.heights() == heights


def test_an_equal_timestamp_is_no_error(scene: Scene) -> None:
    device = scene.device(2)
    for _ in range(3):
        assert device.check() is None
    assert set(asked(scene, TIMESTAMP)) == {""}


def test_a_host_of_several_copies_some_of_them_behind(scene: Scene) -> None:
    """What was seen stays seen, whichever copy answers next and whatever was lost of the cache."""
    device = scene.device(1)
    scene.host(2)
    assert device.take().version == "2.0.0"
    scene.host(1)
    scene.refused(device, "ROLLBACK")
    shutil.rmtree(device.folder / "repository")
    scene.refused(device, "ROLLBACK")
    scene.host(2)
    assert not device.update()
    assert device.running() == "2.0.0"
