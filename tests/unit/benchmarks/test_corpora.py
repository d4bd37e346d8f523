from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.benchmarks import corpora
from tests.benchmarks.corpora import CORPORA, Corpus, Part, command, digest, fetch
from tests.benchmarks.measure import BenchmarkError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALCAST_BENCH_CACHE", str(tmp_path / "cache"))


def made(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "pip":
        with zipfile.ZipFile(out, "w") as wheel:
            wheel.writestr("package/file", "hello")
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            member = tarfile.TarInfo("package/file")
            member.size = 5
            tar.addfile(member, io.BytesIO(b"hello"))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["npm", "pip"])
def test_a_package_is_fetched_once_and_checked(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, fetched = made(kind), []

    def bring(part: Part, side: int, folder: Path) -> Path:
        fetched.append(part.versions[side])
        (folder / "it").write_bytes(data)
        return folder / "it"

    monkeypatch.setattr(corpora, "fetch_file", bring)
    (tmp_path / "known").write_bytes(data)
    known = digest(tmp_path / "known")
    corpus = Corpus("it", (Part("it", ("1", "2"), (known, known), kind),))
    old, new = fetch(corpus)
    assert (old / "package" / "file").read_text() == (new / "package" / "file").read_text() == "hello"
    assert fetch(corpus) == (old, new)
    assert fetched == ["1"]  # the second has the same digest

    both = Corpus("two", (Part("a", ("1", "2"), (known, known), kind), Part("@b/c", ("1", "2"), (known, known), kind)))
    old, _ = fetch(both)
    assert (old / "a" / "package" / "file").exists()
    assert (old / "@b" / "c" / "package" / "file").exists()

    with pytest.raises(BenchmarkError, match=f"has the digest {known}, which is not listed"):
        fetch(Corpus("other", (Part("it", ("1", "2"), ("0" * 64, known), kind),)))


def test_what_is_fetched_does_not_depend_on_the_machine(tmp_path: Path) -> None:
    npm = command(Part("@a/b", ("1", "2"), ("", "")), 1, tmp_path)
    pip = command(Part("a", ("1", "2"), ("", ""), "pip"), 0, tmp_path)
    assert npm[-1] == "@a/b@2"
    assert pip[-1] == "a==1"
    assert {"--no-deps", "--only-binary=:all:", "manylinux2014_x86_64"} <= set(pip)


def test_a_missing_fetcher_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "command", lambda *_: ["no-such-fetcher"])
    with pytest.raises(BenchmarkError, match="no-such-fetcher is needed to fetch it"):
        corpora.fetch_file(CORPORA[0].parts[0].__class__("it", ("1", "2"), ("", "")), 0, tmp_path)


def test_the_table_names_each_corpus_once_and_every_file_by_its_digest() -> None:
    assert len({corpus.name for corpus in CORPORA}) == len(CORPORA)
    digests = {one for corpus in CORPORA for part in corpus.parts for one in part.sha256}
    assert all(len(one) == 64 for one in digests)
    assert len(digests) == 2 * len({part.package for corpus in CORPORA for part in corpus.parts})
