from __future__ import annotations

from typing import cast

from sealcast.client.holdings import Holdings
from sealcast.client.plan import Archive, Route, make_plan
from sealcast.model import Build, ChannelDocument, Delta, ManifestEntry, Object, PackTotal, Release
from sealcast.values import Content

Edge = tuple[int, int]


def digest(number: int) -> str:
    return f"{number:064x}"


def build(number: int, deltas: list[Edge], packs: int = 1000, codecs: tuple[str, ...] = ("zstd-from",)) -> Build:
    return Build(
        manifest=ManifestEntry(sha256=digest(number), size=10, pack=Object(sha256=digest(90 + number), size=10)),
        packs=PackTotal(count=3, size=packs),
        installed=5000,
        deltas=tuple(
            Delta(base=digest(base), sha256=digest(1000 * number + base), size=size, codecs=codecs)
            for base, size in deltas
        ),
    )


def document(*builds: Build) -> ChannelDocument:
    releases = tuple(
        Release(version=str(number), sequence=number, platforms={"any": one}) for number, one in enumerate(builds, 1)
    )
    return ChannelDocument(app="demo", channel="stable", revision=1, last=9, releases=releases)


def held(*numbers: int) -> Holdings:
    return cast(Holdings, [digest(number) for number in numbers])


def test_what_is_held_costs_nothing() -> None:
    only = build(1, [])
    plan = make_plan(document(only), "any", only, held(1))
    assert (plan.route, plan.size, plan.requests) == (Route.HELD, 0, 0)


def test_with_nothing_held_the_packs_come() -> None:
    new = build(2, [(1, 50)])
    plan = make_plan(document(build(1, []), new), "any", new, held())
    assert (plan.route, plan.size, plan.requests) == (Route.PACKS, 1010, 4)


def test_from_a_held_base_a_delta_is_one_request() -> None:
    new = build(2, [(1, 50)])
    plan = make_plan(document(build(1, []), new), "any", new, held(1))
    assert (plan.route, plan.size, plan.requests, plan.base) == (Route.DELTA, 50, 1, digest(1))


def test_a_delta_that_is_no_smaller_is_not_taken() -> None:
    new = build(2, [(1, 1010)])
    assert make_plan(document(build(1, []), new), "any", new, held(1)).route is Route.PACKS
    new = build(2, [(1, 1009)])
    assert make_plan(document(build(1, []), new), "any", new, held(1)).route is Route.DELTA


def test_the_cheapest_of_several_bases_is_taken() -> None:
    new = build(3, [(1, 80), (2, 20)])
    plan = make_plan(document(build(1, []), build(2, []), new), "any", new, held(1, 2))
    assert (plan.base, plan.size) == (digest(2), 20)


def test_deltas_are_chained_where_that_is_cheaper() -> None:
    middle, new = build(2, [(1, 30)]), build(3, [(1, 500), (2, 40)])
    plan = make_plan(document(build(1, []), middle, new), "any", new, held(1))
    assert (plan.route, plan.size, plan.requests) == (Route.DELTA, 70, 2)
    assert [step.to.sha256 for step in plan.steps] == [digest(2), digest(3)]


def test_deltas_in_a_circle_lead_nowhere() -> None:
    one, two, new = build(1, [(2, 1)]), build(2, [(1, 1)]), build(3, [])
    assert make_plan(document(one, two, new), "any", new, held(1)).route is Route.PACKS


def test_a_delta_of_an_unknown_codec_is_passed_over() -> None:
    new = build(2, [(1, 50)], codecs=("zstd-from", "bsdiff/9"))
    assert make_plan(document(build(1, []), new), "any", new, held(1)).route is Route.PACKS


def test_deltas_of_another_platform_are_passed_over() -> None:
    new = build(2, [(1, 50)])
    other = Release(version="2", sequence=2, platforms={"macos-arm64": new})
    channel = ChannelDocument(app="demo", channel="stable", revision=1, last=9, releases=(other,))
    assert make_plan(channel, "linux-x86-64", new, held(1)).route is Route.PACKS


def archive(size: int) -> Archive:
    return Archive(Content("a" * 64, size), "targets/demo/stable/x.tar.zst")


def test_a_smaller_archive_is_for_a_device_that_has_nothing() -> None:
    new = build(2, [(1, 50)])
    channel = document(build(1, []), new)
    plan = make_plan(channel, "any", new, held(), archive(1009))
    assert (plan.route, plan.size, plan.requests, plan.archive) == (Route.ARCHIVE, 1009, 1, archive(1009))
    assert make_plan(channel, "any", new, held(), archive(1010)).route is Route.PACKS
    assert make_plan(channel, "any", new, held(1), archive(1)).route is Route.DELTA
    assert make_plan(channel, "any", new, held(5), archive(1)).route is Route.PACKS
    assert make_plan(channel, "any", new, held(2), archive(1)).route is Route.HELD
