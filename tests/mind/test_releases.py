import hashlib
import json
from pathlib import Path

import pytest
from files import write_tiny_mind
from zips import pinned, write_pins, write_zips

from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.mind.prepare import prepare
from replication.mind.releases import Split, Zip, check_table, check_zip, load_pins

ONE, TWO = b"the hub's", b"as it was first served"


@pytest.fixture
def release(tmp_path) -> dict:
    return pinned(write_zips(write_tiny_mind(tmp_path / "raw"), tmp_path))


def test_the_pinned_figures_of_mind_small_agree_with_each_other():
    figures = load_pins().releases.small.figures
    train, test, both = (figures[part] for part in ("train", "test", "both"))
    for name in ("impressions", "candidates", "clicks"):
        assert train[name] + test[name] == both[name]
    assert train["news"] + both["test_only_articles"] == both["articles"]
    unseen = both["users"] - both["train_users"]
    assert unseen == 44_057  # as published, beside the share
    assert round(unseen / test["users"], 3) == both["test_users_unseen_share"]
    assert train["impressions"] - train["last_day_impressions"] == 126_695
    assert both["train_users"] == train["users"]


def test_what_is_pinned_of_the_three_releases():
    pins = load_pins()
    for release in ("demo", "small", "large"):
        for split in ("train", "dev"):
            found = pins.split(release, split)
            assert set(found.tables) == {"news.tsv", "behaviors.tsv"}
            assert (found.hub.sha256 is None) == (release == "large")
            assert all(size is None or size < pins.ceiling for size in found.tables.values())
            for variant in filter(None, (found.hub, found.original)):
                assert variant.sha256 is None or len(bytes.fromhex(variant.sha256)) == 32


def test_every_pinned_figure_is_one_that_prepare_finds(tmp_path):
    prepare(write_tiny_mind(tmp_path / "raw"), tmp_path / "out")
    meta = load_prepared(tmp_path / "out").meta
    parts = {**meta["splits"], "both": meta}
    for part, figures in load_pins().releases.small.figures.items():
        for name in figures:
            assert any(name in parts[p] for p in (parts if part == "any" else [part])), name


def without_page(pins: dict) -> None:
    pins["pages"] = pins.pop("page")


def more_keys(pins: dict) -> None:
    pins["releases"]["small"]["train"]["bytes"] = 1


def size_as_text(pins: dict) -> None:
    pins["releases"]["small"]["train"]["hub"]["bytes"] = "1"


def no_large(pins: dict) -> None:
    del pins["releases"]["large"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_page, "page: is missing"),
        (
            more_keys,
            "unknown key releases.small.train.bytes; accepted: digests, hub, original, others, "
            "tables",
        ),
        (
            size_as_text,
            "releases.small.train.hub.bytes: Input should be a valid integer (given: '1')",
        ),
        (no_large, "releases.large: is missing"),
    ],
)
def test_a_malformed_list_is_named(release, tmp_path, spoil, told):
    path = write_pins(tmp_path / "pins.yaml", release)
    pins = json.loads(path.read_text())
    spoil(pins)
    path.write_text(json.dumps(pins))
    with pytest.raises(StudyError) as error:
        load_pins(path)
    assert str(error.value) == f"{path}: {told}"


def test_a_date_without_quotes_is_told(release, tmp_path):
    path = write_pins(tmp_path / "pins.yaml", release)
    path.write_text(
        path.read_text().replace('"figures": null', '"figures": {"a": {"b": 2019-11-09}}')
    )
    with pytest.raises(StudyError, match=r"figures\.a\.b: 2019-11-09: expected text; quote it"):
        load_pins(path)


@pytest.fixture
def split() -> Split:
    hub = Zip(bytes=len(ONE), sha256=hashlib.sha256(ONE).hexdigest())
    original = Zip(bytes=len(TWO), md5=hashlib.md5(TWO).hexdigest())
    return Split(hub=hub, original=original, tables={})


@pytest.mark.parametrize("content", [ONE, TWO])
def test_both_byte_variants_are_accepted(tmp_path, split, content):
    (tmp_path / "a.zip").write_bytes(content)
    check_zip(tmp_path / "a.zip", split)


def test_a_variant_without_a_checksum_is_known_by_its_size(tmp_path, split):
    (tmp_path / "a.zip").write_bytes(b"1234")
    check_zip(tmp_path / "a.zip", Split(hub=split.hub, original=Zip(bytes=4), tables={}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ONE[:-1], "8 bytes, expected 9 or 22; "),
        (ONE.upper(), f"sha256 {hashlib.sha256(ONE.upper()).hexdigest()}, expected "),
        (TWO.upper(), f"md5 {hashlib.md5(TWO.upper()).hexdigest()}, expected "),
    ],
)
def test_other_bytes_are_told(tmp_path: Path, split, content, told):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(StudyError) as error:
        check_zip(path, split)
    assert str(error.value).startswith(f"{path}: {told}")
    assert str(error.value).endswith("get it again") and "\n" not in str(error.value)


def test_the_size_of_a_table():
    check_table("news.tsv", 1000, 1000)
    check_table("news.tsv", 1000, None)
    with pytest.raises(StudyError, match=r"^news.tsv: 1,000 bytes, expected 999; .*line ends"):
        check_table("news.tsv", 1000, 999)
