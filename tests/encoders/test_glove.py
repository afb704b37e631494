"""GloVe's archive: which rows are taken out of it, and from where it may come."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import WORDS
from web import Answer, serving

from replication.encoders.sources import glove
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.encoders.sources.glove import glove_rows
from replication.encoders.sources.words import read_vectors
from replication.files import archives, downloads
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.encoders import Encoder

WIDTH = 3
# 840B is cased, and holds words with spaces: ". ." is no row of "."; "the x" is none of "the".
TEXT = """\
, -0.1 0.2 0.3
. . 9 9 9
The 8 8 8
the -0.082752 0.67204 -0.14987
nothing 7 7 7
the x 6 6 6
é 5 5 5
: 0.1 0.2 0.3
vote 0.5 -0.5 1e-05
"""
KEPT = ", -0.1 0.2 0.3\nthe -0.082752 0.67204 -0.14987\n: 0.1 0.2 0.3\nvote 0.5 -0.5 1e-05\n"


def write_zip(path: Path, text: str = TEXT, inside: str = "glove.3d.txt") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(inside, text)
    return path


def encoder(path: Path | str, **sha256: str) -> Encoder:
    return Encoder(
        family="words",
        source="glove",
        name=str(path),
        layers=0,
        width=WIDTH,
        finetune_layers=0,
        sha256={name.replace("_", "."): digest for name, digest in sha256.items()},
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def archive(params, tmp_path) -> Path:
    """GloVe in small, in a project whose texts hold `the`, `vote`, `:` and a comma."""
    return write_zip(tmp_path / "glove.3d.zip")


def rows(entry: Encoder, tmp_path: Path) -> str:
    glove_rows("glove", entry, paths.PREPARED, tmp_path / "vectors.txt")
    return (tmp_path / "vectors.txt").read_text(encoding="utf-8")


def error(entry: Encoder, tmp_path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        rows(entry, tmp_path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("chunk", [1 << 22, 7, 1])
@pytest.mark.parametrize("end", ["\n", ""])
def test_the_rows_of_the_corpus_whatever_the_chunks(archive, tmp_path, monkeypatch, chunk, end):
    monkeypatch.setattr(archives, "_CHUNK", chunk)
    monkeypatch.setattr(glove, "_CHUNK", chunk)
    text = TEXT.removesuffix("\n") + end
    (tmp_path / "glove.3d.txt").write_text(text, encoding="utf-8")
    assert rows(encoder(write_zip(archive, text)), tmp_path) == KEPT
    assert rows(encoder(tmp_path / "glove.3d.txt"), tmp_path) == KEPT


def test_the_rows_read_as_the_whole_file_does(archive, tmp_path):
    (tmp_path / "whole.txt").write_text(TEXT, encoding="utf-8")
    rows(encoder(archive), tmp_path)
    wanted = [*WORDS, ",", ":", "."]
    whole, kept = (read_vectors(tmp_path / f"{n}.txt", wanted, WIDTH) for n in ("whole", "vectors"))
    assert whole[0] == kept[0] == {",": 2, "the": 3, ":": 4, "vote": 5}
    np.testing.assert_array_equal(whole[1], kept[1])


def test_the_checkpoint_says_where_it_came_from(archive, params):
    entry = encoder(archive, glove_3d_zip=sha256(archive))
    fetch_checkpoint("glove", replace(params, encoders={**params.encoders, "glove": entry}))
    assert (paths.CHECKPOINTS / "glove/vectors.txt").read_text() == KEPT
    found = {path.name for path in (paths.CHECKPOINTS / "glove").iterdir()}
    assert found == {"vectors.txt", "source.json"}


def test_another_zip_than_the_pinned_one(archive, tmp_path):
    entry = encoder(archive, glove_3d_zip="0" * 64)
    assert error(entry, tmp_path) == (
        f"encoders.glove.sha256: {archive} has sha256 {sha256(archive)}, expected {'0' * 64}; "
        "it is not the pinned file: get it again"
    )


def test_no_such_file(archive, tmp_path):
    message = error(encoder(tmp_path / "none.zip"), tmp_path)
    assert message.startswith(f"encoders.glove.name: {tmp_path}/none.zip: no such file; expected")


def test_a_zip_without_the_text(archive, tmp_path):
    write_zip(archive, inside="other.txt")
    assert "no file called glove.3d.txt in it" in error(encoder(archive), tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [("short 1 2", "2 numbers after the word"), ("", "0 numbers"), ("10 3", "1 numbers")],
)
def test_a_malformed_line_is_named(archive, tmp_path, monkeypatch, line, told):
    monkeypatch.setattr(archives, "_CHUNK", 16)
    write_zip(archive, TEXT + line + "\n" + TEXT)
    message = error(encoder(archive), tmp_path)
    assert message.startswith(f"{archive}, line 10: {told}") and message.endswith("expected 3")


def test_a_file_of_other_words(archive, tmp_path):
    message = error(encoder(write_zip(archive, "THE 1 2 3\n")), tmp_path)
    assert message == f"encoders.glove: {archive} holds no word of the corpus; wrong file?"


@pytest.fixture
def server(archive, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(downloads, "PAUSE", 0)
    asked = []

    def answer(path: str, headers) -> Answer:
        asked.append(path)
        cut = 100 if len(asked) == 1 else None
        return Answer(200, archive.read_bytes(), cut=cut)

    with serving(answer) as address:
        yield address, asked


def test_a_download(archive, tmp_path, server):
    address, asked = server
    entry = encoder(f"{address}/a/glove.3d.zip?download=true", glove_3d_zip=sha256(archive))
    assert rows(entry, tmp_path) == KEPT
    assert (paths.DOWNLOADS / "glove.3d.zip").read_bytes() == archive.read_bytes()
    assert len(asked) == 2  # the first one broke off
    assert rows(entry, tmp_path) == KEPT and len(asked) == 2  # it is kept


def test_a_download_must_be_pinned(archive, tmp_path, server):
    address, asked = server
    message = error(encoder(f"{address}/glove.3d.zip"), tmp_path)
    assert message.startswith("encoders.glove.sha256: has no glove.3d.zip") and not asked
