"""Peers that serve a release as pieces, whole or by ranges, and fetch the pieces that changed over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tests.benchmarks.measure import run
from tests.benchmarks.peers.peer import Outcome, Peer, scratch
from tests.benchmarks.trees import Pair, prove_file, prove_tree
from tests.benchmarks.web import Web

DIRECT = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"))
"""Variables that would lead away from loopback, unset: zsync takes an empty one for a proxy."""


def _casync(pair: Pair) -> Outcome:
    """A chunk store; the device has the old tree as seed, and an empty cache."""
    site, out = scratch(pair) / "site", scratch(pair) / "out"
    site.mkdir()
    make = ["casync", "make", "--without=all", "--with=permissions", f"--store={site}/store"]
    run([*make, site / "old.caidx", pair.old])
    made = run([*make, site / "new.caidx", pair.new]).usage
    with Web(site) as web:
        get = ["casync", "extract", f"--store={web.url}/store", f"--seed={pair.old}", "--seed-output=no"]
        applied = run([*get, f"{web.url}/new.caidx", out], env=DIRECT).usage
        traffic = web.taken()
        prove_tree(out, pair.after)
        shutil.rmtree(out)
        run(["casync", "extract", f"--store={web.url}/store", f"{web.url}/new.caidx", out], env=DIRECT)
        return Outcome(traffic.wire, traffic.requests, made, applied, web.taken().wire)


def _zchunk(pair: Pair) -> Outcome:
    """A tar in chunks by content; the device has the old one, and asks for ranges."""
    site, device = scratch(pair) / "site", scratch(pair) / "device"
    site.mkdir()
    device.mkdir()
    run(["zck", pair.old_tar, "-o", device / "old.zck"])
    made = run(["zck", pair.new_tar, "-o", site / "new.zck"]).usage
    with Web(site) as web:
        applied = run(["zckdl", "-s", "old.zck", f"{web.url}/new.zck"], cwd=device, env=DIRECT).usage
        traffic = web.taken()
    applied += run(["unzck", "new.zck"], cwd=device).usage
    prove_file(device / "new", pair.new_tar)
    return Outcome(traffic.wire, traffic.requests, made, applied, (site / "new.zck").stat().st_size)


def _zsync(pair: Pair) -> Outcome:
    """A tar that was compressed in a way that suits zsync; the device has the old tar."""
    site, device = scratch(pair) / "site", scratch(pair) / "device"
    site.mkdir()
    device.mkdir()
    shutil.copy(pair.new_tar, site / "new.tar")
    made = run(["zsyncmake", "-z", "-u", "new.tar.gz", "-o", "new.zsync", "new.tar"], cwd=site).usage
    with Web(site) as web:
        get = ["zsync", "-q", "-i", pair.old_tar, "-o", "new.tar", f"{web.url}/new.zsync"]
        applied = run(get, cwd=device, env=DIRECT).usage
        traffic = web.taken()
    result = device / "new.tar"
    prove_file(result, pair.new_tar)
    return Outcome(traffic.wire, traffic.requests, made, applied, (site / "new.tar.gz").stat().st_size)


def _ostree(pair: Pair) -> Outcome:
    """A repository with a static delta; the device pulls it and checks the release out.

    Where the delta brings many small files, the pull scans the new tree before it has applied all of the delta, and
    fetches loose objects that are in it: this is what `pull` does, and is counted as it comes.
    """
    site, device, out = (scratch(pair) / name for name in ("site", "device", "out"))
    run(["ostree", f"--repo={site}", "init", "--mode=archive"])
    commit = ["ostree", f"--repo={site}", "commit", "--branch=main", "--canonical-permissions", "--no-xattrs"]
    old = _commit([*commit, f"--tree=dir={pair.old}"])
    run(["ostree", f"--repo={site}", "summary", "--update"])
    with Web(site) as web:
        run(["ostree", f"--repo={device}", "init", "--mode=bare-user"])
        run(["ostree", f"--repo={device}", "remote", "add", "--no-gpg-verify", "site", web.url])
        pull = ["ostree", f"--repo={device}", "pull", "site", "main"]
        run(pull, env=DIRECT)
        new = _commit([*commit, f"--tree=dir={pair.new}"])
        made = run(["ostree", f"--repo={site}", "static-delta", "generate", f"--from={old}", f"--to={new}"]).usage
        run(["ostree", f"--repo={site}", "summary", "--update"])
        web.taken()
        applied = run(pull, env=DIRECT).usage
        traffic = web.taken()
    applied += run(["ostree", f"--repo={device}", "checkout", "--user-mode", "--fsync=true", new, out]).usage
    prove_tree(out, pair.after)
    patch = sum(path.stat().st_size for path in (site / "deltas").rglob("*") if path.is_file())
    return Outcome(traffic.wire, traffic.requests, made, applied, patch=patch)


def _commit(command: Sequence[str]) -> str:
    """Commit a tree and return the commit."""
    return run(command).output.strip()


PEERS = (
    Peer("casync", "casync make and extract, the old tree as seed", _casync, ("casync",), "casync", whole=True),
    Peer("zchunk", "zck of a tar, zckdl with the old one", _zchunk, ("zck", "zckdl", "unzck"), "zchunk", whole=True),
    Peer("zsync", "zsyncmake -z of a tar, zsync with the old one", _zsync, ("zsyncmake", "zsync"), "zsync", whole=True),
    Peer("ostree", "ostree static-delta, pull and checkout", _ostree, ("ostree",), "ostree", whole=True),
)
