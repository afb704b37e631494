"""An entry of dvc.lock is written as DVC writes the whole file: the same bytes."""

import re
from pathlib import Path

import pytest
from dvc.fs import localfs
from dvc.utils.serialize import modify_yaml
from dvc.utils.serialize._yaml import YAMLFileCorruptedError

from replication.pipeline.grid import lock_entry
from replication.pipeline.grid.lock_entry import changed_alone

COMMITTED = Path(__file__).parents[3] / "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"
ENTRY = {
    "cmd": "python -m replication run",
    "params": {"params.yaml": {"a.b": None, "long": {"name": "x" * 90, "list": [1, None, "2.0"]}}},
    "outs": [{"path": "a: b", "hash": "md5", "md5": "0" * 32, "size": 3}],
}


def changed(how, path: Path, change) -> bytes:
    with how(str(path), fs=localfs) as data:
        change(data)
    return path.read_bytes()


def same(tmp_path: Path, text: str | None, change) -> bytes:
    """What both ways make of a file is the same, which is returned."""
    found = []
    for name, how in (("dvc", modify_yaml), ("ours", changed_alone)):
        path = tmp_path / f"{name}.lock"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        found.append(changed(how, path, change))
    assert found[0] == found[1]
    return found[0]


def replaced(name: str, **more):
    def change(data) -> None:
        data.setdefault("schema", "2.0")
        data["stages"] = data.get("stages") or {}
        data["stages"].update({name: ENTRY | more})

    return change


def few(text: str) -> str:
    """A lock with its entries of three stages alone; DVC takes most of a second for all."""
    head, *entries = re.split(r"^(?=  \S)", text, flags=re.MULTILINE)
    kept = [e for e in entries if e.startswith(("  check:", "  compare:", "  report:"))]
    assert len(kept) == 3 < len(entries)
    return "".join([head, *kept])


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        *(("compare", str), ("grid@new-s1", str)),
        *((name, few) for name in ("check", "report", "new", "a b", "'1'")),
    ],
)
def test_a_stage_of_the_studys_own_lock(tmp_path, name, cut):
    text = cut(COMMITTED.read_text(encoding="utf-8"))
    found = same(tmp_path, text, replaced(name))
    assert found != text.encode() and b"x" * 90 in found


def test_what_is_as_it_was_is_not_written_anew(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(lock_entry, "_written", lambda name, stage: written.append(name) or "")
    text = COMMITTED.read_text(encoding="utf-8")
    path = tmp_path / "dvc.lock"
    path.write_text(text, encoding="utf-8")
    assert changed(changed_alone, path, lambda data: None) == text.encode() and not written
    changed(changed_alone, path, replaced("compare"))
    assert written == ["compare"]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        HEAD,
        HEAD + "  a:\n    cmd: b\n# a comment\n  c:\n    cmd: d\n",
        HEAD + "  a: {cmd: b}\n",
        HEAD + "    a:\n      cmd: b\n",
        HEAD + "  a:\n    cmd: |\n      several\n      lines\n  b:\n    cmd: c\n",
        HEAD + "  a:\n    cmd: b\ndatasets:\n- name: d\n",
        "stages:\n  a:\n    cmd: b\nschema: '2.0'\n",
    ],
)
def test_files_that_are_not_as_dvc_writes_them(tmp_path, text):
    same(tmp_path, text, replaced("a"))


@pytest.mark.parametrize("text", [HEAD + "  a: [\n", HEAD + "\tb: 1\n"])
def test_a_file_that_dvc_refuses_is_refused(tmp_path, text):
    path = tmp_path / "dvc.lock"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(YAMLFileCorruptedError):
        changed(changed_alone, path, replaced("a"))
    assert path.read_text(encoding="utf-8") == text
