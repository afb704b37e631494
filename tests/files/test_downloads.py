"""A download against a server that breaks off, changes its mind, lies or refuses."""

import hashlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from web import Answer, serving

from replication.files import downloads
from replication.files.downloads import download
from replication.files.errors import StudyError

CONTENT, OTHER = (random.Random(seed).randbytes(300_000) for seed in (1, 2))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Server:
    """One file under /file, at /moved after a redirect; `cuts` are taken one per request."""

    content: bytes = CONTENT
    etag: str = '"one"'
    ranges: bool = True
    if_range: bool = True
    status: int = 200
    cuts: list[int | None] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, headers) -> Answer:
        span, condition = headers["Range"], headers["If-Range"]
        self.asked.append((path, span, condition))
        if path == "/moved":
            return Answer(302, headers={"Location": f"{self.address}/file"})
        if self.status != 200:
            status, self.status = self.status, self.status if self.status < 500 else 200
            return Answer(status, b"no")
        cut = self.cuts.pop(0) if self.cuts else None
        tag = {"ETag": self.etag} if self.etag else {}
        unchanged = not self.if_range or condition in (None, self.etag)
        if not (span and self.ranges and unchanged):
            return Answer(200, self.content, tag, cut)
        start, size = int(span.removeprefix("bytes=").removesuffix("-")), len(self.content)
        if start >= size:
            return Answer(416, b"", {"Content-Range": f"bytes */{size}"})
        tag["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return Answer(206, self.content[start:], tag, cut)


@pytest.fixture
def server(monkeypatch) -> Server:
    monkeypatch.setattr(downloads, "PAUSE", 0)
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    with serving(server.answer) as server.address:
        yield server


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "new" / "file.zip"


def error(server: Server, path: Path, where: str = "/file", content: bytes = CONTENT) -> str:
    with pytest.raises(StudyError) as caught:
        download(server.address + where, path, digest(content))
    assert "\n" not in str(caught.value) and not path.exists()
    return str(caught.value)


def check(server: Server, path: Path, content: bytes = CONTENT, where: str = "/file") -> list[int]:
    """Download; the offset of each request for the file."""
    download(server.address + where, path, digest(content))
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]
    spans = [span for asked, span, _ in server.asked if asked == "/file"]
    return [int(span[6:-1]) if span else 0 for span in spans]


def test_a_whole_file(server, path):
    assert check(server, path) == [0]
    server.asked.clear()
    assert check(server, path) == []  # a second time: nothing is asked


def test_a_connection_that_breaks_off_goes_on_where_it_stopped(server, path):
    server.cuts = [100_000, 100_000]
    first, second, third = check(server, path)
    assert first == 0 and 0 < second <= 100_000 and second < third <= second + 100_000
    assert server.asked[1][2] == '"one"'  # If-Range


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_etag_the_range_alone_is_asked(server, path, etag):
    server.cuts, server.etag = [100_000], etag
    assert check(server, path)[1] > 0
    assert server.asked[1][2] is None


def test_breaks_without_end_are_given_up_and_the_next_run_goes_on(server, path):
    server.cuts = [100_000] + [0] * downloads.ATTEMPTS
    message = error(server, path)
    assert message.startswith(f"{server.address}/file: could not be downloaded (")
    assert len(server.asked) == downloads.ATTEMPTS
    server.cuts, kept = [], path.with_name("file.zip.part").stat().st_size
    server.asked.clear()
    assert kept > 0 and check(server, path) == [kept]


def test_attempts_that_bring_something_do_not_count(server, path):
    server.cuts = [70_000, 0, 0, 0, 70_000, 0, 0, 0, 70_000, 0, 0, 0]
    assert len(check(server, path)) == 13


def test_a_server_that_ignores_ranges(server, path):
    server.cuts, server.ranges = [100_000], False
    assert len(check(server, path)) == 2


@pytest.mark.parametrize("if_range", [True, False], ids=["says so", "goes on regardless"])
def test_a_file_that_changes_between_tries(server, path, if_range):
    server.cuts, server.if_range = [100_000, 0, 0, 0, 0], if_range
    error(server, path, content=OTHER)
    server.content, server.etag = OTHER, '"two"'
    check(server, path, OTHER)


def test_a_redirect_keeps_the_range(server, path):
    server.cuts = [100_000]
    assert check(server, path, where="/moved")[1] > 0
    assert [asked for asked, *_ in server.asked] == ["/moved", "/file", "/moved", "/file"]


@pytest.mark.parametrize("size", [300_000, 300_001])
def test_a_part_that_is_complete_or_too_long(server, path, size):
    path.parent.mkdir()
    path.with_name("file.zip.part").write_bytes((CONTENT + b"!")[:size])
    assert check(server, path) == ([300_000] if size == 300_000 else [300_001, 0])


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "not open to you (HTTP 401)"), (403, "not open"), (404, "no such file at the server")],
)
def test_a_refusal_is_final(server, path, status, told):
    server.status = status
    assert told in error(server, path) and len(server.asked) == 1
    assert not list(path.parent.iterdir())


def test_a_busy_server_is_asked_again(server, path):
    server.status = 503
    assert check(server, path) == [0, 0]


def test_other_bytes_than_the_pinned_ones_are_removed(server, path):
    server.content = OTHER
    message = error(server, path)
    assert f"sha256 {digest(OTHER)}, expected {digest(CONTENT)}; removed" in message
    assert not list(path.parent.iterdir())


def test_a_file_that_is_there_is_checked_too(server, path):
    path.parent.mkdir()
    path.write_bytes(OTHER)
    assert "removed" in error(server, path) and not server.asked


def test_no_network(server, path):
    with serving(server.answer) as address:
        pass
    server.address = address  # nobody listens there any more
    message = error(server, path)
    assert message.startswith(f"{address}/file: could not be downloaded (") and "network" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always-full device")
def test_a_full_disk(server, path):
    path.parent.mkdir()
    path.with_name("file.zip.part").symlink_to("/dev/full")
    assert "No space left on device; make room" in error(server, path)
