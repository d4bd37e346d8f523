from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Run


@pytest.fixture
def site(run: Run, place: Path) -> Path:
    assert run("-C", "ws", "publish", "site", "--yes").status == 0
    return place / "site"


def test_build_writes_and_verifies(run: Run, place: Path) -> None:
    said = run("-C", "ws", "build", "site")
    assert said.status == 0
    assert said.out.startswith("Built the site site.\nVerified as a new client: 7 roles, 2 releases, ")
    assert "every byte hashed" in said.out
    assert said.out.endswith("Next: sealcast serve site\n")
    document = run("-C", "ws", "build", "site", "--json").document
    assert document["site"] == "site"
    assert document["report"]["findings"] == []
    assert document["report"]["deep"] is True


def test_a_dry_run_shows_every_file_and_does_nothing(run: Run, place: Path) -> None:
    said = run("-C", "ws", "publish", "site", "--dry-run")
    assert said.status == 0
    assert "  create metadata/1.root.json" in said.out
    assert "  switch metadata/timestamp.json" in said.out
    assert not (place / "site").exists()
    document = run("-C", "ws", "publish", "site", "--dry-run", "--json").document
    assert document["uploads"][-1]["path"] == "metadata/timestamp.json"
    assert (document["dry_run"], document["report"], document["kept"]) == (True, None, 0)


def test_publish_asks_first(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("-C", "ws", "publish", "site")
    assert (said.status, said.code) == (2, "NO_TERMINAL")
    assert not (place / "site").exists()
    questions: list[str] = []
    monkeypatch.setattr("sealcast.cli.publishing.confirm", lambda _, question, **__: questions.append(question))
    said = run("-C", "ws", "publish", "site")
    assert said.status == 0
    assert questions[0].startswith("Publish ")
    assert questions[0].endswith(" files to site?")
    assert "Live at site.\nVerified as a new client" in said.out
    assert "metadata (" in said.out
    assert f"Next: sealcast verify site --root {place / 'ws'}/metadata/1.root.json --deep" in said.out


def test_publishing_twice_asks_nothing(run: Run, site: Path) -> None:
    said = run("-C", "ws", "publish", "site")
    assert said.status == 0
    assert said.out.startswith("Nothing is new: site is up to date.\n")
    document = run("-C", "ws", "publish", "site", "--json").document
    assert (document["uploads"], document["size"]) == ([], 0)
    assert document["report"]["findings"] == []


def test_the_configured_destination_is_seen_from_the_workspace(run: Run, place: Path) -> None:
    assert run("-C", "ws", "publish", "--yes").code == "NO_DESTINATION"
    config = place / "ws" / "sealcast.toml"
    config.write_text(config.read_text().replace('destination = ""', 'destination = "../www"'))
    assert run("-C", "ws", "publish", "--yes").status == 0
    assert (place / "www" / "metadata" / "timestamp.json").is_file()
    config.write_text(config.read_text().replace('"../www"', '"s3://bucket"'))
    assert run("-C", "ws", "publish", "--yes").code == "UNKNOWN_DESTINATION"


def test_verify_a_good_site(run: Run, site: Path) -> None:
    said = run("verify", "site", "--root", "ws/metadata/1.root.json")
    assert said.status == 0
    assert "Verified as a new client: 7 roles" in said.out
    document = run("verify", "site", "--root", "ws/metadata/1.root.json", "--deep", "--json").document
    assert (document["ok"], document["report"]["deep"]) == (True, True)


def test_verify_reports_everything_that_is_wrong(run: Run, site: Path) -> None:
    spoilt = [path for path in (site / "objects").rglob("*") if path.is_file()][:2]
    for path in spoilt:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    said = run("verify", "site", "--root", "ws/metadata/1.root.json", "--deep")
    assert said.status == 6
    assert said.out.count("error[HASH_MISMATCH]") >= 2
    assert "  where: " in said.out
    assert "Clients refuse what is wrong" in said.out
    said = run("verify", "site", "--root", "ws/metadata/1.root.json", "--deep", "--json")
    assert said.status == 6
    assert said.document["ok"] is False
    assert len(said.document["report"]["findings"]) >= 2


def test_verify_what_is_no_site(run: Run, place: Path) -> None:
    assert run("verify", "nothing", "--root", "ws/metadata/1.root.json").status in {6, 9}
    assert run("verify", "nothing", "--root", "missing.json").code == "USAGE"
    (place / "big.json").write_bytes(b" " * 600_000)
    assert run("verify", "nothing", "--root", "big.json").code == "TOO_LARGE"
    assert run("verify", "http://example.org", "--root", "ws/metadata/1.root.json").code == "INSECURE_URL"


def test_verify_with_anothers_root(run: Run, site: Path, place: Path) -> None:
    assert run("init", "other", "--app", "demo", "--solo", "--no-passphrase").status == 0
    said = run("verify", "site", "--root", "other/metadata/1.root.json", "--json")
    assert said.status == 6
    assert said.document["error"]["code"] == "THRESHOLD"


def test_a_damaged_workspace_is_not_published(run: Run, place: Path) -> None:
    shutil.rmtree(place / "ws" / "objects")
    said = run("-C", "ws", "publish", "site", "--yes")
    assert said.status in {3, 8}
    assert not (place / "site" / "metadata" / "timestamp.json").exists()
