"""What a study downloads, by its parameters alone."""

from types import SimpleNamespace
from typing import Any

from replication.mind.releases import PINS, load_pins
from replication.pipeline.preflight.wanted import Mind, wanted
from replication.study.settings import Data


def study(path: str, demo: bool = False) -> Any:
    return SimpleNamespace(data=Data(path=path, release="mini"), demo=demo, encoders={})


def test_an_excerpt_is_taken_from_one_zip_and_a_folder_needs_none():
    assert list(wanted(study(str(PINS)))) == [mind := Mind("mini", load_pins())]
    assert mind.files == ["MINDsmall_train.zip"]
    assert mind.bytes == load_pins().releases.small.train.hub.bytes
    assert Mind("small", load_pins()).files == ["MINDsmall_train.zip", "MINDsmall_dev.zip"]
    assert list(wanted(study("."))) == list(wanted(study(str(PINS), demo=True))) == []
