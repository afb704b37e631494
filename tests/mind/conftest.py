"""The tiny data as a folder, as zips, and as a release that pins these; and an invented corpus."""

from pathlib import Path

import pytest
from files import write_tiny_mind
from zips import pinned, write_pins, write_zips

from replication.mind.demo.corpus import DemoSize, write_demo


@pytest.fixture(scope="session")
def demo_corpus(once) -> Path:
    """An invented corpus of the default size; tests must not change it."""

    def make(folder: Path) -> None:
        write_demo(folder / "demo", DemoSize(), 1)

    return once("demo_corpus", make) / "demo"


@pytest.fixture
def raw(tmp_path) -> Path:
    return write_tiny_mind(tmp_path / "raw")


@pytest.fixture
def zips(raw, tmp_path) -> Path:
    return write_zips(raw, tmp_path / "zips", inside="MINDsmall/")


@pytest.fixture
def pins(raw, zips, tmp_path) -> Path:
    return write_pins(tmp_path / "pins.yaml", pinned(zips, raw))
