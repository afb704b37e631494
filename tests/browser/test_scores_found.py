"""Which file holds the per-impression scores of a run."""

import hashlib
from pathlib import Path

import pytest

from replication.browser.content.scores import find_scores

MD5 = hashlib.md5(b"scores").hexdigest()
CACHED = f".dvc/cache/files/md5/{MD5[:2]}/{MD5[2:]}"


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Writes a file of a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(path: str, content: str = "scores") -> Path:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
        return Path(path)

    return write


def test_scores_are_those_that_the_lock_records(put):
    path = Path("runs/experiment.parquet")
    assert find_scores(path, MD5) is None
    put(path, "those of a later run")
    assert find_scores(path, MD5) is None
    put(path)
    assert find_scores(path, MD5) == path
    assert find_scores(None, MD5) is None
    cached = put(CACHED)
    put(path, "those of a later run")
    assert find_scores(path, MD5) == find_scores(None, MD5) == cached
    put(CACHED, "scores with a wrong bit")
    assert find_scores(path, MD5) is None


def test_without_a_record_it_is_the_file_as_it_is(put):
    path = put("runs/experiment.parquet", "anything")
    assert find_scores(path, None) == path
    assert find_scores(None, None) is None
    assert find_scores(Path("runs"), None) is None
    assert find_scores(Path("gone"), None) is None


@pytest.mark.parametrize("digest", ["", "../../..", f"{MD5}.dir", MD5.upper(), MD5 + "\n"])
def test_what_is_no_digest_leads_nowhere(put, digest):
    put(CACHED)
    path = put("runs/experiment.parquet")
    assert find_scores(path, digest) is None


@pytest.mark.parametrize(
    ("config", "local", "place"),
    [
        ("[cache]\n    dir = ../elsewhere\n", None, "elsewhere"),
        ("[cache]\n    dir = ../elsewhere\n", "[cache]\n    dir = ../mine\n", "mine"),
        ("['remote \"a\"']\n    url = %(x\n[cache]\ndir = 'of mine'\n", None, ".dvc/of mine"),
        ("[core]\n    analytics = false\n", "[cache]\n    type = copy\n", ".dvc/cache"),
        ("no section", "[cache", ".dvc/cache"),
    ],
)
def test_the_cache_that_the_configuration_names(put, config, local, place):
    cached = put(f"{place}/files/md5/{MD5[:2]}/{MD5[2:]}")
    put(".dvc/config", config)
    if local:
        put(".dvc/config.local", local)
    assert find_scores(None, MD5).resolve() == cached.resolve()
