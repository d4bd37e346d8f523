from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from sealcast.errors import SealcastError, TransferError, VerificationError
from sealcast.serve import Request, SiteServer
from sealcast.tuf_client import TufClient, initialise

LATER = datetime(2999, 1, 1, tzinfo=UTC)


class Repository:
    """A small TUF repository that is not Sealcast's: other key ids, no lengths, a delegation with an odd name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = CryptoSigner.generate_ecdsa()
        self.root = Root(expires=LATER)
        for role in ("root", "timestamp", "snapshot", "targets"):
            self.root.add_key(self.signer.public_key, role)
        self.targets = Targets(expires=LATER)
        self.odd = Targets(expires=LATER)
        delegated = DelegatedRole("odd/ärole", [self.signer.public_key.keyid], 1, False, paths=["odd/*"])
        keys = {self.signer.public_key.keyid: self.signer.public_key}
        self.targets.delegations = Delegations(keys, {"odd/ärole": delegated})
        self.snapshot = Snapshot(expires=LATER)
        self.timestamp = Timestamp(expires=LATER)
        self.add_target("file.txt", b"content")
        self.add_target("odd/sp ace ü.txt", b"odd content", self.odd)
        self.write_root()
        self.publish()

    def add_target(self, path: str, data: bytes, role: Targets | None = None) -> None:
        (role or self.targets).targets[path] = TargetFile.from_data(path, data, ["sha256"])
        parent, _, name = path.rpartition("/")
        place = self.folder / "targets" / parent / f"{hashlib.sha256(data).hexdigest()}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def write(self, name: str, signed: Signed) -> None:
        metadata: Metadata[Any] = Metadata(signed)
        metadata.sign(self.signer)
        place = self.folder / "metadata" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        metadata.to_file(str(place))

    def write_root(self) -> None:
        self.write(f"{self.root.version}.root.json", self.root)

    def publish(self) -> None:
        version = self.snapshot.version
        self.targets.version = self.odd.version = self.timestamp.version = version
        self.snapshot.meta = {"targets.json": MetaFile(version), "odd/ärole.json": MetaFile(version)}
        self.timestamp.snapshot_meta = MetaFile(version)
        self.write(f"{version}.targets.json", self.targets)
        self.write(f"{version}.odd/ärole.json", self.odd)  # as a web server finds it
        self.write(f"{version}.snapshot.json", self.snapshot)
        self.write("timestamp.json", self.timestamp)
        self.snapshot.version += 1

    @property
    def first_root(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "site")


@pytest.fixture
def seen() -> list[Request]:
    return []


@pytest.fixture
def url(repository: Repository, seen: list[Request], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with SiteServer(repository.folder, seen=seen.append) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, repository: Repository) -> Path:
    initialise(tmp_path / "metadata", repository.first_root)
    return tmp_path / "metadata"


Open = Callable[[], TufClient]


@pytest.fixture
def client(folder: Path, url: str) -> Open:
    return lambda: TufClient(folder, f"{url}/metadata/")


def refused(action: Callable[[], object], code: str, kind: type[SealcastError] = VerificationError) -> SealcastError:
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.code == code
    return caught.value


def test_init_stores_the_root_and_asks_nobody(folder: Path, repository: Repository) -> None:
    assert (folder / "root.json").read_bytes() == repository.first_root


def test_refresh_asks_for_each_role_once(client: Open, folder: Path, seen: list[Request]) -> None:
    assert client().refresh() == {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}
    assert [request.path.removeprefix("/metadata/") for request in seen] == [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
    ]
    assert {path.name for path in folder.glob("*.json")} == {
        "root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
    }


def test_a_second_refresh_follows_the_repository(client: Open, repository: Repository) -> None:
    client().refresh()
    repository.root.version = 2
    repository.write_root()
    repository.publish()
    assert client().refresh() == {"root": 2, "timestamp": 2, "snapshot": 2, "targets": 2}


def test_a_root_that_got_lost_is_found_in_the_history(client: Open, folder: Path, repository: Repository) -> None:
    repository.root.version = 2
    repository.write_root()
    client().refresh()
    (folder / "root.json").unlink()
    assert client().refresh()["root"] == 2


def test_a_repository_without_consistent_snapshots(client: Open, repository: Repository) -> None:
    repository.root.version, repository.root.consistent_snapshot = 2, False
    repository.write_root()
    for role in ("snapshot", "targets"):
        metadata = repository.folder / "metadata"
        (metadata / f"1.{role}.json").rename(metadata / f"{role}.json")
    assert client().refresh()["targets"] == 1


def test_a_target_appears_whole_and_is_not_asked_for_again(
    client: Open, url: str, tmp_path: Path, seen: list[Request]
) -> None:
    there = client().download("file.txt", tmp_path / "in" / "here", f"{url}/targets")
    assert there.read_bytes() == b"content"
    assert [path.name for path in there.parent.iterdir()] == ["file.txt"]
    asked = len([request for request in seen if "targets/" in request.path])
    assert client().download("file.txt", there.parent, f"{url}/targets/") == there
    assert len([request for request in seen if "targets/" in request.path]) == asked == 1


def test_several_targets_and_odd_names(client: Open, url: str, tmp_path: Path, folder: Path) -> None:
    opened = client()
    one = opened.download("odd/sp ace ü.txt", tmp_path, f"{url}/targets/")
    two = opened.download("file.txt", tmp_path, f"{url}/targets/")
    assert one.name == "odd%2Fsp%20ace%20%C3%BC.txt"
    assert (one.read_bytes(), two.read_bytes()) == (b"odd content", b"content")
    assert (folder / "odd%2F%C3%A4role.json").exists()


def test_a_new_content_takes_the_place_of_the_old(
    client: Open, url: str, tmp_path: Path, repository: Repository
) -> None:
    client().download("file.txt", tmp_path, f"{url}/targets/")
    repository.add_target("file.txt", b"newer")
    repository.publish()
    assert client().download("file.txt", tmp_path, f"{url}/targets/").read_bytes() == b"newer"


@pytest.mark.parametrize("wrong", [b"CONTENT", b"content and more", b"cont"])
def test_a_target_that_is_not_the_signed_one_is_not_kept(
    client: Open, url: str, tmp_path: Path, repository: Repository, wrong: bytes
) -> None:
    (place,) = (repository.folder / "targets").glob("*.file.txt")
    place.write_bytes(wrong)
    kept = tmp_path / "kept"
    with pytest.raises(SealcastError) as caught:
        client().download("file.txt", kept, f"{url}/targets/")
    assert caught.value.code in {"HASH_MISMATCH", "TOO_LARGE"}
    assert list(kept.iterdir()) == []


def test_a_target_that_is_missing(client: Open, url: str, tmp_path: Path, repository: Repository) -> None:
    next((repository.folder / "targets").glob("*.file.txt")).unlink()
    refused(lambda: client().download("file.txt", tmp_path, f"{url}/targets/"), "NOT_FOUND", TransferError)


def test_a_target_that_nobody_signs(client: Open, url: str, tmp_path: Path) -> None:
    refused(lambda: client().download("other\x1b.txt", tmp_path, f"{url}/targets/"), "UNKNOWN_TARGET")


@pytest.mark.parametrize("name", ["..", ".", "con", "trailing."])
def test_a_name_that_means_something_to_a_file_system(
    client: Open, url: str, tmp_path: Path, repository: Repository, name: str
) -> None:
    repository.targets.targets[name] = TargetFile.from_data(name, b"x", ["sha256"])
    repository.publish()
    refused(lambda: client().download(name, tmp_path / "here", f"{url}/targets/"), "UNSAFE_NAME")


def test_a_target_elsewhere_than_below_its_base(client: Open, url: str, tmp_path: Path, repository: Repository) -> None:
    repository.targets.targets["a/../../b"] = TargetFile.from_data("a/../../b", b"x", ["sha256"])
    repository.publish()
    refused(lambda: client().download("a/../../b", tmp_path, f"{url}/targets/"), "UNSAFE_PATH", TransferError)


def spoil(repository: Repository, name: str, change: Callable[[str], str]) -> None:
    place = repository.folder / "metadata" / name
    place.write_text(change(place.read_text()))


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("timestamp.json", lambda text: text.replace('"version":1', '"version":1,"version":1', 1), "BAD_METADATA"),
        ("timestamp.json", lambda text: text.replace('"version":1', '"version":1.0', 1), "BAD_METADATA"),
        ("timestamp.json", lambda _: "[]", "BAD_METADATA"),
        ("timestamp.json", lambda _: "{}", "BAD_METADATA"),
        ("timestamp.json", lambda text: text[:-20], "BAD_METADATA"),
        ("1.snapshot.json", lambda text: text.replace("2999", "2998"), "THRESHOLD"),
        ("1.targets.json", lambda text: text.replace('"_type":"targets"', '"_type":"snapshot"'), "BAD_METADATA"),
    ],
)
def test_metadata_that_is_spoilt_is_refused(
    client: Open, repository: Repository, name: str, change: Callable[[str], str], code: str
) -> None:
    spoil(repository, name, change)
    refused(client().refresh, code)


def test_metadata_without_end_is_cut_off(client: Open, repository: Repository) -> None:
    spoil(repository, "timestamp.json", lambda text: text + " " * 20_000)
    refused(client().refresh, "TOO_LARGE", TransferError)


def test_an_old_timestamp_is_refused(client: Open, repository: Repository) -> None:
    old = (repository.folder / "metadata" / "timestamp.json").read_bytes()
    repository.publish()
    client().refresh()
    (repository.folder / "metadata" / "timestamp.json").write_bytes(old)
    refused(client().refresh, "ROLLBACK")


def test_an_expired_timestamp_is_refused(client: Open, repository: Repository) -> None:
    repository.timestamp.expires = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    repository.publish()
    refused(client().refresh, "EXPIRED")


def test_a_role_that_is_gone(client: Open, repository: Repository) -> None:
    (repository.folder / "metadata" / "1.snapshot.json").unlink()
    refused(client().refresh, "NOT_FOUND", TransferError)


def test_one_key_under_two_ids_is_refused(client: Open, repository: Repository) -> None:
    key = repository.signer.public_key.to_dict()
    twin = type(repository.signer.public_key).from_dict("f" * 64, key)
    repository.root.add_key(twin, "snapshot")
    repository.root.version = 2
    repository.write_root()
    refused(client().refresh, "DUPLICATE_KEY")


def test_one_key_under_two_ids_is_refused_in_a_delegation(client: Open, repository: Repository) -> None:
    twin = type(repository.signer.public_key).from_dict("f" * 64, repository.signer.public_key.to_dict())
    assert repository.targets.delegations is not None
    repository.targets.delegations.keys["f" * 64] = twin
    repository.publish()
    refused(client().refresh, "DUPLICATE_KEY")


def test_a_threshold_that_cannot_be_met_is_roots_right(client: Open, repository: Repository, folder: Path) -> None:
    repository.root.roles["snapshot"].threshold = 2
    repository.root.version = 2
    repository.write_root()
    refused(client().refresh, "THRESHOLD")
    assert json.loads((folder / "root.json").read_bytes())["signed"]["version"] == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "BAD_METADATA"),
        (b"{}", "BAD_METADATA"),
        (b'{"signed": {}, "signatures": []}', "BAD_METADATA"),
        (b" " * 600_000, "TOO_LARGE"),
    ],
)
def test_init_refuses_what_is_no_root(tmp_path: Path, data: bytes, code: str) -> None:
    refused(lambda: initialise(tmp_path / "new", data), code)
    assert not (tmp_path / "new").exists()


def test_init_refuses_another_role_and_a_root_that_its_holders_did_not_sign(
    tmp_path: Path, repository: Repository
) -> None:
    timestamp = (repository.folder / "metadata" / "timestamp.json").read_bytes()
    refused(lambda: initialise(tmp_path / "new", timestamp), "BAD_METADATA")
    refused(lambda: initialise(tmp_path / "new", repository.first_root.replace(b"2999", b"2998")), "THRESHOLD")


def test_a_client_that_was_not_initialised(tmp_path: Path, url: str) -> None:
    refused(lambda: TufClient(tmp_path / "nothing", f"{url}/metadata/"), "NOT_INITIALISED")


@pytest.mark.parametrize("data", [b"x" * 600_000, b"{}", b'{"signed": {}, "signatures": []}'])
def test_a_trusted_root_that_was_spoilt(client: Open, folder: Path, data: bytes, seen: list[Request]) -> None:
    (folder / "root.json").write_bytes(data)
    with pytest.raises(VerificationError):
        client()
    assert seen == []


def test_plain_http_elsewhere_is_refused(folder: Path) -> None:
    refused(lambda: TufClient(folder, "http://updates.example.org/metadata"), "INSECURE_URL", TransferError)


def test_a_full_disk_leaves_no_torn_target(
    client: Open, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealcast.tuf_client.sync_file", full)
    kept = tmp_path / "kept"
    with pytest.raises(OSError, match="No space"):
        client().download("file.txt", kept, f"{url}/targets/")
    assert list(kept.iterdir()) == []
