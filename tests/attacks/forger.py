"""Somebody with signing keys and no scruples: writes any metadata, document or object into a site.

Works on plain JSON, below every check of the publisher, so that it can make what no publisher would.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from securesystemslib.formats import encode_canonical

from sealcast.documents import encode
from sealcast.model.keys import key_id
from sealcast.packs import encoder, write_single
from sealcast.packs.pack import EncodedFrame, write_pack
from sealcast.packs.zstandard import compress
from sealcast.values import Content, content_of, object_path

Json = Any
Edit = Callable[[Json], object]
Spoil = Callable[[bytes], bytes]

ONLINE = ("snapshot", "timestamp")


def _nothing(_: Json) -> None:
    """Change nothing."""


def _as_is(data: bytes) -> bytes:
    return data


class Key:
    """A signing key, and how metadata lists it."""

    def __init__(self, private: Ed25519PrivateKey | None = None) -> None:
        self._private = private or Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        self.listed: dict[str, Any] = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
        self.keyid = key_id(self.listed)

    def sign(self, signed: Json, keyid: str | None = None) -> dict[str, str]:
        canonical = encode_canonical(signed) or ""
        return {"keyid": keyid or self.keyid, "sig": self._private.sign(canonical.encode()).hex()}


class Forger:
    """Signs into ``site`` with the keys in the folder ``keys``: ``root``, ``channel``, ``halt``, ``online``."""

    def __init__(self, site: Path, keys: Path, lowest: int = 0) -> None:
        """``lowest`` is the least version that is signed: no device takes one number twice."""
        self.site = site
        self._lowest = lowest
        self.keys = {path.stem: Key(_private(path)) for path in keys.glob("*.pem")}

    def new_key(self, name: str) -> Key:
        self.keys[name] = Key()
        return self.keys[name]

    # ------------------------------------------------------------------------------------------------- metadata

    def live(self, role: str) -> Json:
        """Return the live metadata of ``role``, whole."""
        if role == "root":
            return self._read(f"{self._newest_root()}.root.json")
        metadata = self._read("timestamp.json")
        for above in ("snapshot", role)[: 0 if role == "timestamp" else 1 if role == "snapshot" else 2]:
            metadata = self._read(f"{metadata['signed']['meta'][f'{above}.json']['version']}.{above}.json")
        return metadata

    def signed(self, signed: Json, *names: str) -> bytes:
        """Return ``signed`` with a signature of each of the named keys."""
        return encode({"signed": signed, "signatures": [self.keys[name].sign(signed) for name in names]})

    def publish(
        self, role: str, edit: Edit = _nothing, *, by: Iterable[str] | None = None, spoil: Spoil = _as_is
    ) -> None:
        """Sign the next version of ``role`` as ``edit`` leaves it, and the roles above it.

        ``spoil`` changes the bytes after they were signed; whoever lists them lists them so.
        """
        signed = self.live(role)["signed"]
        number = signed["version"] = signed["version"] + 1
        if role != "root":
            number = signed["version"] = max(number, self._lowest)
        edit(signed)
        if type(signed["version"]) is int:
            number = signed["version"]
        data = spoil(self.signed(signed, *(by or (_holder(role),))))
        name = f"{role}.json"
        self.write(f"metadata/{name if role == 'timestamp' else f'{number}.{name}'}", data)
        if role not in {"root", "timestamp"}:
            content = content_of(data)
            entry = {"version": number, "length": content.size, "hashes": {"sha256": content.sha256}}
            above = "timestamp" if role == "snapshot" else "snapshot"
            self.publish(above, lambda signed: signed["meta"].update({name: entry}))

    def publish_root(self, edit: Edit = _nothing, *, by: Iterable[str] = ("root",), **more: Any) -> None:
        """Sign the next root."""
        self.publish("root", edit, by=by, **more)

    def heal(self) -> None:
        """Sign everything again, as a publisher in trouble would."""
        for role in ("targets", "demo-stable", "demo-halt"):
            self.publish(role)

    # ------------------------------------------------------------------------------------- documents and objects

    def document(self, role: str, path: str) -> Json:
        """Return a live document that ``role`` lists as ``path``."""
        entry = self.live(role)["signed"]["targets"][path]
        folder, _, name = path.rpartition("/")
        return json.loads((self.site / "targets" / folder / f"{entry['hashes']['sha256']}.{name}").read_bytes())

    def target(self, role: str, path: str, data: bytes, **more: Any) -> None:
        """Publish ``data`` as the target ``path`` of ``role``."""
        content = content_of(data)
        folder, _, name = path.rpartition("/")
        self.write(f"targets/{folder}/{content.sha256}.{name}", data)
        entry = {"length": content.size, "hashes": {"sha256": content.sha256}}
        self.publish(role, lambda signed: signed["targets"].update({path: entry}), **more)

    def channel(self, edit: Edit = _nothing, *, spoil: Spoil = _as_is) -> None:
        """Publish the next channel document as ``edit`` leaves it."""
        document = self.document("demo-stable", "demo/stable/channel.json")
        document["revision"] += 1
        edit(document)
        self.target("demo-stable", "demo/stable/channel.json", spoil(encode(document)))

    def halt(self, data: Json, *, spoil: Spoil = _as_is) -> None:
        """Publish the halt document that says ``data`` of the channel ``stable``."""
        document = self.document("demo-halt", "demo/halt/halt.json")
        document["revision"] += 1
        document["channels"] = {"stable": data}
        self.target("demo-halt", "demo/halt/halt.json", spoil(encode(document)))

    def policy(self, edit: Edit) -> None:
        """Publish the next policy as ``edit`` leaves it."""
        document = self.document("targets", "demo/policy.json")
        edit(document)
        self.target("targets", "demo/policy.json", encode(document))

    def build(self, manifest: Json | bytes, *, carrier: bytes | None = None) -> Json:
        """Publish a manifest, whatever is wrong with it, and return the build that refers to it."""
        data = manifest if isinstance(manifest, bytes) else encode(manifest)
        pack, content = self.put(carrier if carrier is not None else write_single(data, 3)), content_of(data)
        named = {"sha256": content.sha256, "size": content.size, "pack": pack._asdict()}
        return {"manifest": named, "packs": {"count": 1, "size": 1_000_000}, "installed": 1000}

    def release(self, version: str, builds: Json, **more: Json) -> None:
        """Offer a release with these builds, by platform, as the stable one."""

        def offer(document: Json) -> None:
            number = document["last"] = document["last"] + 1
            document["releases"].append({"version": version, "sequence": number, "platforms": builds, **more})
            document["stable"] = number

        self.channel(offer)

    def ship(self, version: str, files: dict[str, bytes], **more: Json) -> None:
        """Offer a release that is in order, of these files, as the stable one."""
        contents = dict.fromkeys(data for _, data in sorted(files.items()) if data)
        pack = write_pack([EncodedFrame("zstd", compress(b"".join(contents), b"", 3), len(contents))])
        entry = {**self.put(pack)._asdict(), "holds": [[0, len(contents)]]}
        self.release(version, {"any": self.build(manifest_of(files, entry, version=version))}, **more)

    def put(self, data: bytes) -> Content:
        """Publish an object."""
        content = content_of(data)
        self.write(object_path(content.sha256), data)
        return content

    def write(self, path: str, data: bytes) -> Path:
        """Write a file of the site, whatever was there."""
        place = self.site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return place

    def _read(self, name: str) -> Json:
        return json.loads((self.site / "metadata" / name).read_bytes())

    def _newest_root(self) -> int:
        return max(int(path.name.partition(".")[0]) for path in (self.site / "metadata").glob("*.root.json"))


def manifest_of(files: dict[str, bytes] | list[tuple[str, bytes]], *packs: Json, version: str = "6.6.6") -> Json:
    """Return a manifest of ``files`` as plain JSON, in path order as all are."""
    listed = []
    for path, data in sorted(files.items() if isinstance(files, dict) else files):
        content = content_of(data)
        listed.append({"path": path, "size": content.size, "sha256": content.sha256})
    return {
        "type": "sealcast/manifest/1",
        "app": "demo",
        "version": version,
        "platform": "any",
        "encoder": encoder(3),
        "files": listed,
        "packs": copy.deepcopy(list(packs)),
    }


def _holder(role: str) -> str:
    if role in {"root", "targets"}:
        return "root"
    if role in ONLINE:
        return "online"
    return "halt" if role.endswith("-halt") else "channel"


def _private(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key
