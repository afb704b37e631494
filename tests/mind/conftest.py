"""The tiny data as a folder, as zips, and as a release that pins these."""

from pathlib import Path

import pytest
from files import write_tiny_mind
from zips import pinned, write_pins, write_zips


@pytest.fixture
def raw(tmp_path) -> Path:
    return write_tiny_mind(tmp_path / "raw")


@pytest.fixture
def zips(raw, tmp_path) -> Path:
    return write_zips(raw, tmp_path / "zips", inside="MINDsmall/")


@pytest.fixture
def pins(raw, zips, tmp_path) -> Path:
    return write_pins(tmp_path / "pins.yaml", pinned(zips, raw))
