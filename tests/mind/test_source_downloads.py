"""Stage `data` from a hub of our own on this machine."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import ready_python
from provided import check, provide
from web import Answer, hub_client, serving
from zips import PAGE, REPOSITORY, pinned, write_pins, write_zips

COMMIT = "0123456789abcdef0123456789abcdef01234567"


SCRIPT = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from huggingface_hub import constants
from replication.files.errors import StudyError
from replication.mind.source import provide_data
from replication.study.settings import Data
time.sleep = lambda _: None  # between attempts to reach the hub
constants.DOWNLOAD_CHUNK_SIZE = 64  # bytes, for files of 600
data = Data(path=sys.argv[1], release="small")
try:
    provide_data(SimpleNamespace(profile="mind", data=data), Path("out"))
except StudyError as error:
    sys.exit(f"error: {error}")
"""


@dataclass
class Hub:
    """A hub with one data set, whose files lie in `folder`; `asked` lists paths and ranges."""

    folder: Path
    tmp_path: Path
    status: int = 200
    code: str = ""
    cut: int | None = None
    closed: dict[str, tuple[int, str]] = field(default_factory=dict)
    commit: dict[str, str] = field(default_factory=lambda: {"X-Repo-Commit": COMMIT})
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, headers) -> Answer:
        self.asked.append((path, headers["Range"]))
        repository, _, name = path.removeprefix("/datasets/").partition("/resolve/main/")
        status, code = self.closed.get(repository, (self.status, self.code))
        if status != 200 or not name:
            return Answer(status, b"", {"X-Error-Code": code})
        body = (self.folder / name).read_bytes()
        common = self.commit | {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        start = int((headers["Range"] or "bytes=0-")[6:].partition("-")[0])
        if start:
            common["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        cut, self.cut = self.cut, None if headers["Range"] else self.cut
        return Answer(206 if start else 200, body[start:], common, cut)

    def fetch(self, pins: Path, **settings: str) -> subprocess.CompletedProcess:
        """In a process of its own: the hub's address is read on import."""
        return subprocess.run(
            [ready_python.python(), "-c", SCRIPT, str(pins)],
            env=hub_client(self.address, self.tmp_path) | settings,
            cwd=self.tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def error(self, pins: Path, **settings: str) -> str:
        done = self.fetch(pins, **settings)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert not (self.tmp_path / "out").exists()
        assert "set data.path to their folder" in done.stderr.strip().split("\n")[-1]
        return done.stderr.strip().split("\n")[-1]


@pytest.fixture
def hub(zips, tmp_path):
    hub = Hub(zips, tmp_path)
    with serving(hub.answer) as hub.address:
        yield hub


def test_the_pinned_downloads(hub, raw, pins, tmp_path):
    done = hub.fetch(pins)
    assert done.returncode == 0, done.stderr
    check(tmp_path / "out", raw)
    assert "non-commercial research" in done.stdout and PAGE in done.stdout  # the licence
    assert hub.fetch(pins, HF_HUB_OFFLINE="1").returncode == 0  # now from the hub's cache


def test_a_download_that_breaks_off(hub, raw, pins, tmp_path):
    hub.cut = 100
    done = hub.fetch(pins)
    assert done.returncode == 0, done.stderr
    check(tmp_path / "out", raw)
    assert "bytes=64-" in [span for _, span in hub.asked]  # it went on where it stopped


def test_other_bytes_than_the_pinned_ones(hub, zips, pins, tmp_path, raw):
    path = zips / "MINDsmall_train.zip"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"!")
    done = hub.fetch(pins)
    line = done.stderr.strip().split("\n")[-1]
    expected = hashlib.sha256(good).hexdigest()
    assert done.returncode == 1 and "MINDsmall_train.zip: sha256 " in line
    assert f"expected {expected}; " in line and line.endswith("the download is removed")
    path.write_bytes(good)
    assert hub.fetch(pins).returncode == 0  # it is asked for again
    check(tmp_path / "out", raw)


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, "GatedRepo", "is not open to you (HTTP 401): accept its terms on"),
        (403, "", "is not open to you (HTTP 403): accept its terms on"),
        (401, "", "set HF_TOKEN to a token of the account"),
        (404, "EntryNotFound", f"{REPOSITORY} has no such file (HTTP 404)"),
    ],
)
def test_a_refusal_says_what_to_do(hub, pins, status, code, told):
    hub.status, hub.code = status, code
    line = hub.error(pins)
    assert line.startswith("error: MINDsmall_train.zip: ") and told in line and PAGE in line


def test_offline(hub, pins):
    assert "HF_HUB_OFFLINE is set" in hub.error(pins, HF_HUB_OFFLINE="1")
    assert not hub.asked


def test_the_hub_cannot_be_reached(hub, pins):
    with serving(hub.answer) as address:
        pass
    hub.address = address  # nobody listens there any more
    line = hub.error(pins)
    assert "could not be had from the hub (" in line
    assert f"HF_ENDPOINT is {address}, which could not be reached: check that address" in line


def test_a_mirror_that_hides_the_commit_is_named(hub, pins):
    hub.commit = {}
    line = hub.error(pins)
    assert f"HF_ENDPOINT is {hub.address}, which does not say which commit it serves" in line
    assert "unset HF_ENDPOINT" in line and "check the network" not in line


@pytest.mark.parametrize("address", ["hf-mirror.example", "http:/mirror", "a b"])
def test_an_endpoint_that_is_no_address_is_named(hub, pins, address):
    done = hub.fetch(pins, HF_ENDPOINT=address)
    line = done.stderr.strip().split("\n")[-1]
    assert done.returncode == 1 and line.startswith(f"error: HF_ENDPOINT: {address!r} is not an ad")
    assert not hub.asked


def origin(tmp_path) -> dict:
    return json.loads((tmp_path / "out/source.json").read_text(encoding="utf-8"))["splits"]


def test_where_the_bytes_are_from_is_recorded(hub, raw, zips, pins, tmp_path):
    assert hub.fetch(pins).returncode == 0
    for split, found in origin(tmp_path).items():
        content = (zips / f"MINDsmall_{split}.zip").read_bytes()
        assert found == {
            "from": f"hub data set {REPOSITORY}",
            "file": f"MINDsmall_{split}.zip",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "verified": True,
            "tables": {
                name: hashlib.sha256((raw / split / name).read_bytes()).hexdigest()
                for name in ("news.tsv", "behaviors.tsv")
            },
        }


def test_sources_are_tried_in_order_and_each_says_why_it_was_left(hub, raw, zips, tmp_path):
    """The hub's open data set, then the gated one (here with a token), then what lies at hand."""
    also = [{"repository": "someone/gated", "page": "https://example.org/gated"}]
    pins = write_pins(tmp_path / "pins.yaml", pinned(zips, raw), also=also)
    hub.closed = {REPOSITORY: (404, "EntryNotFound"), "someone/gated": (401, "GatedRepo")}
    line = hub.error(pins)
    assert line.startswith(f"error: MINDsmall_train.zip: {REPOSITORY} has no such file (HTTP 404)")
    assert "; someone/gated is not open to you (HTTP 401): accept its terms on" in line
    del hub.closed["someone/gated"]
    done = hub.fetch(pins, HF_TOKEN="hf_mine")
    assert done.returncode == 0, done.stderr
    check(tmp_path / "out", raw)
    assert f"warning: MIND: data set {REPOSITORY} is left: {REPOSITORY} has no" in done.stderr
    assert {f["from"] for f in origin(tmp_path).values()} == {"hub data set someone/gated"}

    shutil.rmtree(tmp_path / "hub")
    hub.closed["someone/gated"] = (401, "GatedRepo")
    shutil.copytree(zips, tmp_path / "cache/downloads")
    done = hub.fetch(pins)
    assert done.returncode == 0 and done.stderr.count(" is left: ") == 2, done.stderr
    assert {f["from"] for f in origin(tmp_path).values()} == {"zips put there by hand"}


def test_zips_that_are_not_known_are_taken_where_figures_can_judge_them(raw, tmp_path, capsys):
    release = pinned(write_zips(raw, tmp_path / "first"), raw) | {"figures": {}}
    release["train"]["tables"]["news.tsv"] += 7  # sources do not agree on sizes
    zips = write_zips(raw, tmp_path / "again", inside="elsewhere/")
    provide(zips, write_pins(tmp_path / "pins.yaml", release))
    check(tmp_path / "out", raw)
    told = capsys.readouterr().err.strip().split("\n")
    assert len(told) == 3 and all(line.startswith("warning: ") for line in told)
    for split, line in zip(("train", "dev"), told, strict=False):
        path = zips / f"MINDsmall_{split}.zip"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        known = release[split]["hub"]
        assert f"{path}: {path.stat().st_size:,} bytes, expected {known['bytes']:,}; " in line
        assert f"is taken (sha256 {digest})" in line
        assert origin(tmp_path)[split]["sha256"] == digest
        assert origin(tmp_path)[split]["verified"] is False
    assert "it must show the release's figures all the same" in told[2]
