"""A file or folder appears whole or not at all."""

from pathlib import Path

import pytest

from replication.atomic import new_file, new_folder, write_json


def test_a_failed_block_leaves_what_was_there(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), new_file(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_what_was_there(tmp_path: Path):
    target = tmp_path / "out"
    with new_folder(target) as temporary:
        (temporary / "one").write_text("1", encoding="utf-8")
    with pytest.raises(RuntimeError), new_folder(target) as temporary:
        (temporary / "two").write_text("2", encoding="utf-8")
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["one"]
    with new_folder(target) as temporary:
        (temporary / "three").write_text("3", encoding="utf-8")
    assert [p.name for p in target.iterdir()] == ["three"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_refuses_what_is_no_number(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())
