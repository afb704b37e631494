import hashlib
from pathlib import Path

import pytest
from dvc.repo import Repo

from replication.browser.workspace import digests
from replication.browser.workspace.digests import Digest, Disk


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder such as DVC meets: nested, with names to sort, ignored and linked files."""
    monkeypatch.chdir(tmp_path)
    Path(".dvcignore").write_text("# compiled\n\n__pycache__/\n*.pyc\n", encoding="utf-8")
    for name in ("b.txt", "a/z.txt", "a.txt", "a/b/é ü.txt", "a-b", "__pycache__/x", "a/c.pyc",
                 "a/__pycache__/y", "empty", ".git/config", "a/pyc"):  # fmt: skip
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name if name != "empty" else "", encoding="utf-8")
    Path("in/void").mkdir()
    Path("elsewhere").mkdir()
    Path("elsewhere/file").write_text("linked", encoding="utf-8")
    Path("in/linked").symlink_to("../elsewhere")
    Path("in/link").symlink_to("../elsewhere/file")
    Path("in/broken").symlink_to("../nowhere")
    return tmp_path


def test_a_digest_is_dvcs(folder):
    Path("in/broken").unlink()  # DVC stops at it
    Repo.init(str(folder), no_scm=True).close()
    with Repo(str(folder)) as repo:
        repo.stage.add(name="s", cmd="true", deps=["in", "in/a.txt", "elsewhere"])
        repo.reproduce()
        (stage,) = repo.stage.collect("s")
        recorded = {
            str(d): Digest(d.hash_info.value, d.meta.size, d.meta.nfiles) for d in stage.deps
        }
    assert set(recorded) == {"in", "in/a.txt", "elsewhere"}
    assert {path: Disk({}).digest(path) for path in recorded} == recorded


def test_a_file_is_read_again_only_when_it_has_changed(folder):
    before = Disk({}).digest("in/a.txt")
    known = digests._md5.cache_info()
    assert Disk({}).digest("in/a.txt") == before
    assert digests._md5.cache_info().misses == known.misses
    Path("in/a.txt").write_text("longer than before", encoding="utf-8")
    assert Disk({}).digest("in/a.txt").md5 == hashlib.md5(b"longer than before").hexdigest()


@pytest.mark.parametrize("path", ["nowhere", "in/broken", "in/a.txt/x", "a\0b", "x" * 5000])
def test_where_nothing_lies_there_is_no_digest(folder, path):
    assert Disk({}).digest(path) is None


def test_an_absent_output_counts_as_recorded(folder):
    """Alone, as part of a folder that is there, and as all that is known of a folder."""
    whole = Disk({}).digest("elsewhere")
    outs = {path: Disk({}).digest(path) for path in ("elsewhere/file", "in/b.txt")}
    complete = Disk({}).digest("in")
    for path in outs:
        Path(path).unlink()
    assert Disk({}).digest("in") != complete
    Path("elsewhere").rmdir()
    Path("in/link").unlink()  # it pointed there
    Path("in/link").write_text("linked", encoding="utf-8")
    disk = Disk(outs)
    assert disk.digest("elsewhere/file") == outs["elsewhere/file"]
    assert disk.digest("elsewhere") == whole
    assert disk.digest("in") == complete


def test_an_absent_output_that_is_in_git_is_missing(folder):
    outs = {"reports/claims.json": Digest("0" * 32, 2)}
    assert Disk(outs).digest("reports/claims.json") is None
    assert Disk(outs).digest("reports") is None


def test_a_large_file_is_taken_for_the_recorded_one_of_its_size(folder):
    with Path("in/b.txt").open("wb") as file:
        file.truncate(digests.LARGE + 1)
    found = Disk({}).digest("in/b.txt")
    assert found == Digest(None, digests.LARGE + 1)
    recorded = Digest("0" * 32, digests.LARGE + 1)
    assert found.agrees(recorded)
    assert not found.agrees(Digest("0" * 32, digests.LARGE))
    assert Disk({"in/b.txt": recorded}).digest("in/b.txt") == recorded
    assert Disk({}).digest("in").md5 is None
    assert Disk({"in/b.txt": recorded}).digest("in").md5.endswith(".dir")
