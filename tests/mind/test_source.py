"""Stage `data` from the user's own files, and from a hub of our own on this machine."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from provided import check, provide
from zips import pinned, write_pins, write_zips

from replication.files.errors import StudyError
from replication.mind.prepare import prepare
from replication.mind.source import named_as_given
from replication.study.settings import Data


def refusal(path: Path, pins: Path, release: str | None = "small") -> str:
    """The one line of an error, which left what was there before."""
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    (out / "before").touch()
    with pytest.raises(StudyError) as error:
        provide(path, pins, release)
    assert list(out.iterdir()) == [out / "before"] and "\n" not in str(error.value)
    assert not list(path.parent.glob(".*"))
    return str(error.value)


@pytest.mark.parametrize("inside", ["", "MINDsmall/"])
def test_the_users_zips(raw, pins, tmp_path, inside):
    zips = write_zips(raw, tmp_path / "own", inside=inside)
    write_pins(pins, pinned(zips, raw))
    provide(zips, pins)
    check(tmp_path / "out", raw)


def test_the_users_zips_in_their_original_variant(raw, zips, tmp_path):
    release = pinned(zips, raw)
    for split in ("train", "dev"):
        zipped = zips / f"MINDsmall_{split}.zip"
        digest = hashlib.md5(zipped.read_bytes()).hexdigest()
        release[split]["original"] = {"bytes": zipped.stat().st_size, "md5": digest}
        release[split]["hub"] = {"bytes": 1}
    provide(zips, write_pins(tmp_path / "pins.yaml", release))
    check(tmp_path / "out", raw)


@pytest.mark.parametrize("release", ["small", None])
def test_the_users_folder(raw, pins, tmp_path, release):
    provide(raw, pins, release)
    check(tmp_path / "out", raw)


def test_unzipped_folders_and_a_zip_beside_them(raw, zips, pins, tmp_path):
    (zips / "MINDsmall_train" / "inner").mkdir(parents=True)
    for name in ("news.tsv", "behaviors.tsv"):
        (zips / "MINDsmall_train" / "inner" / name).write_bytes((raw / "train" / name).read_bytes())
    (zips / "MINDsmall_train.zip").unlink()
    provide(zips, pins)
    check(tmp_path / "out", raw)


def test_any_folder_goes_without_a_release(raw, pins, tmp_path):
    (raw / "dev" / "news.tsv").write_text("anything\n")
    provide(raw, pins, None)
    check(tmp_path / "out", raw)


def test_a_folder_that_is_not_there(zips, pins, tmp_path):
    assert refusal(tmp_path / "no", pins) == f"data.path: {tmp_path}/no: no such folder or file"
    (zips / "MINDsmall_dev.zip").unlink()
    assert refusal(zips, pins) == (
        f"data.path: {zips} holds no dev and no MINDsmall_dev and no MINDsmall_dev.zip; "
        "expected one"
    )


@pytest.mark.parametrize("release", ["small", None])
def test_a_folder_without_a_table(raw, pins, release):
    (raw / "dev" / "news.tsv").unlink()
    message = refusal(raw, pins, release)
    assert message.startswith(f"data.path: {raw}/dev/news.tsv: no such file, here or in a subfold")


def test_a_table_of_another_size(raw, pins):
    table = raw / "dev" / "news.tsv"
    size = table.stat().st_size
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    message = refusal(raw, pins)
    assert message.startswith(f"{table}: {size + 2} bytes, expected {size}; ")


def test_a_zip_whose_table_is_of_another_size(raw, zips, tmp_path):
    release = pinned(zips, raw)
    size = release["dev"]["tables"]["news.tsv"]
    path = zips / "MINDsmall_dev.zip"
    release["dev"]["tables"]["news.tsv"] += 1
    message = refusal(zips, write_pins(tmp_path / "pins.yaml", release))
    assert message.startswith(f"{path}: news.tsv: {size} bytes, expected {size + 1}; ")
    release["dev"]["tables"]["news.tsv"] = size - 1
    message = refusal(zips, write_pins(tmp_path / "pins.yaml", release))
    assert message.startswith(f"{path}: news.tsv in it has more than {size - 1} bytes")


def test_a_zip_beyond_the_ceiling(zips, tmp_path):
    pins = write_pins(tmp_path / "pins.yaml", pinned(zips), ceiling=20)  # sizes not pinned
    assert "news.tsv in it has more than 20 bytes" in refusal(zips, pins)


def test_a_zip_of_other_bytes_is_not_opened(zips, pins):
    path = zips / "MINDsmall_train.zip"
    size = path.stat().st_size
    path.write_bytes(bytes(size))
    assert refusal(zips, pins).startswith(f"{path}: sha256 ")
    path.write_bytes(bytes(1200))
    assert refusal(zips, pins).startswith(f"{path}: 1,200 bytes, expected {size:,}; ")


def test_downloads_need_a_release(pins):
    message = refusal(pins, pins, None)
    assert (
        message.startswith("data.release: null is not accepted") and "demo, small, large" in message
    )


def test_a_checksum_of_grade_m_is_told_and_does_not_stop(raw, zips, tmp_path, capsys):
    release = pinned(zips, raw)
    for split in ("train", "dev"):
        release[split]["hub"] |= {"sha256": "0" * 64, "grade": "M"}
    provide(zips, write_pins(tmp_path / "pins.yaml", release))
    assert capsys.readouterr().err.count("nothing else vouches for it") == 2
    check(tmp_path / "out", raw)


def test_a_malformed_table_is_named_where_the_user_has_it(raw, pins, tmp_path):
    own = raw / "train/unpacked/news.tsv"
    own.parent.mkdir()
    shutil.move(raw / "train/news.tsv", own)
    whole = own.read_text(encoding="utf-8")
    own.write_text(
        whole.replace("\t[]\n", "\n", 1), encoding="utf-8"
    )  # the first line's last field
    provide(raw, pins, None)
    out, data = tmp_path / "out", Data(path=str(raw))
    params = SimpleNamespace(profile="mind", data=data)

    def told() -> str:
        with pytest.raises(StudyError) as error, named_as_given(params, out):
            prepare(out, tmp_path / "prepared")
        return str(error.value)

    copy, problem = out / "train/news.tsv", ", line 1, field abstract_entities: 7 fields; "
    assert told().startswith(f"{own} (copied to {copy}){problem}")
    shutil.rmtree(raw)
    assert told().startswith(f"{copy}{problem}")
