"""Zips made by hand: honest, hostile and broken ones."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zipped import zipped

from replication.files.archives import read_member
from replication.files.errors import StudyError

TEXT = b"one\ttwo\n" * 1000


@pytest.fixture
def archive(tmp_path) -> Path:
    return tmp_path / "a.zip"


def read(archive: Path, content: bytes, limit: int = len(TEXT)) -> bytes:
    archive.write_bytes(content)
    return b"".join(read_member(archive, "news.tsv", limit))


def refusal(archive: Path, content: bytes, limit: int = len(TEXT)) -> str:
    with pytest.raises(StudyError) as caught:
        read(archive, content, limit)
    assert str(caught.value).startswith(f"{archive}: ") and "\n" not in str(caught.value)
    assert list(archive.parent.iterdir()) == [archive]
    return str(caught.value).removeprefix(f"{archive}: ")


@pytest.mark.parametrize("folder", ["", "MINDsmall_train/", "a/b/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_file_is_found_by_its_name(archive, folder, method):
    others = {f"{folder}behaviors.tsv": b"x", "news.tsv/": b"", "xnews.tsv": b"y"}
    assert read(archive, zipped({**others, f"{folder}news.tsv": TEXT}, method)) == TEXT


def test_none_or_several_of_that_name(archive):
    assert refusal(archive, zipped({"old.tsv": TEXT})).startswith("no file called news.tsv")
    two = zipped({"a/news.tsv": TEXT, "b/news.tsv": TEXT})
    assert refusal(archive, two).startswith("2 files called news.tsv")


def test_files_of_one_name_are_told_apart_by_their_folders(archive):
    archive.write_bytes(zipped({"x/a/n": b"one", "x/b/n": b"two", "x/ba/n": b"three", "x/bn": b""}))
    assert b"".join(read_member(archive, "b/n", 10)) == b"two"
    assert b"".join(read_member(archive, "x/ba/n", 10)) == b"three"
    for name in ("c/n", "a/b/n", "/n", "../n"):
        with pytest.raises(StudyError, match=f"no file called {name} in it"):
            list(read_member(archive, name, 10))


@pytest.mark.parametrize(
    "name",
    ["/etc/x", "../x", "a/../../x", "a/..", "..\\x", "\\x", "C:\\x", "c:x", "//host/share/x"],
)
@pytest.mark.parametrize("last", ["", "/news.tsv"])
def test_a_path_that_leads_out(archive, name, last):
    content = zipped({name + last: TEXT} if last else {name: b"", "news.tsv": TEXT})
    assert refusal(archive, content).startswith("refused, for a path in it leads out: ")


def test_a_symbolic_link(archive):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        link = zipfile.ZipInfo("news.tsv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    assert refusal(archive, stream.getvalue()) == "refused, for it holds a link: 'news.tsv'"


def test_more_than_the_limit(archive):
    content = zipped({"news.tsv": TEXT})
    assert read(archive, content, len(TEXT)) == TEXT
    message = refusal(archive, content, len(TEXT) - 1)
    assert message.startswith("news.tsv in it has more than 7,999 bytes")


def test_a_bomb_is_stopped_on_its_way(archive):
    archive.write_bytes(zipped({"news.tsv": bytes(200_000_000)}))
    chunks = read_member(archive, "news.tsv", 10_000_000)
    received = 0
    with pytest.raises(StudyError, match="more than 10,000,000 bytes"):
        for chunk in chunks:
            received += len(chunk)
    assert received <= 10_000_000


def test_a_header_that_tells_a_smaller_size(archive):
    content = zipped({"news.tsv": TEXT})
    size = len(TEXT).to_bytes(4, "little")
    assert content.count(size) == 2  # local and central header
    assert "broken zip" in refusal(archive, content.replace(size, (10).to_bytes(4, "little")))


def test_an_encrypted_zip(archive):
    content = bytearray(zipped({"news.tsv": TEXT}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    assert refusal(archive, bytes(content)).startswith("encrypted")


def test_no_zip_at_all(archive):
    assert "broken zip" in refusal(archive, b"<html>not here</html>")
    assert "broken zip" in refusal(archive, zipped({"news.tsv": TEXT})[:-30])
    archive.unlink()
    with pytest.raises(StudyError, match="no such file"):
        list(read_member(archive, "news.tsv", 10))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "a.zip"


ANY = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
PARTS = st.sampled_from(["..", ".", "", "a", "news.tsv", "C:", "\\", "~", "\x00", "é", "NEWS.TSV"])


@ANY
@given(names=st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=3))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_names_give_the_file_or_one_line(scratch, names):
    contents = {name: bytes([65 + i]) for i, name in enumerate(names)}
    try:
        found = read(scratch, zipped(contents))
    except StudyError as error:
        assert "\n" not in str(error)
    else:
        assert found in [c for name, c in contents.items() if "news.tsv" in name]
        assert not any(".." in name.partition("\x00")[0].split("/") for name in names)
    assert list(scratch.parent.iterdir()) == [scratch]


@ANY
@given(st.data())
def test_any_damage_is_told_in_one_line_or_does_no_harm(scratch, data):
    content = bytearray(zipped({"a/news.tsv": TEXT, "b": b"x"}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert read(scratch, bytes(content)) == TEXT
    except StudyError as error:
        assert "\n" not in str(error)
