"""What a kill, a power cut or a full disk can leave is written, mended, and DVC runs again."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_project import EXPERIMENT, damage, dvc, mended

from replication.__main__ import main
from replication.pipeline import dvc_state
from replication.pipeline.dvc_lock import LOCK
from replication.study import paths

HOW = ("empty", "cut", "zeros", "[]", "null", "folder")
MORE = ("first line", "outs: []", "cmd: cp\nouts:")
STATES = [
    *((path, how) for path in (".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock") for how in HOW),
    *((path, "folder") for path in (".dvc/tmp/lock", ".dvc/tmp/rwlock.lock", ".dvc/tmp/btime",
                                    ".dvc/tmp/exps/rwlock.lock", ".dvc/tmp/repro.dat")),
    *((f"{EXPERIMENT}.run", how) for how in HOW),
    *((f"{EXPERIMENT}.json", how) for how in HOW),
    *((path, "empty") for path in (".dvc/tmp", ".dvc/tmp/exps", ".dvc/tmp/exps/run")),
]  # fmt: skip
NOT_READ = [
    (path, how)
    for path in (".dvc/tmp/lock", ".dvc/tmp/rwlock.lock", ".dvc/tmp/btime", ".dvc/tmp/repro.dat")
    for how in ("empty", "cut", "[]")
]


def leave(path: str, how: str) -> None:
    if Path(path).is_dir():
        shutil.rmtree(path)
    damage(Path(path), how)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "how"), STATES)
def test_what_dvc_keeps_for_a_while_is_removed(project, capsys, path, how):
    leave(path, how)
    assert mended(capsys) == [f"{path}: could not be read, and is removed"]
    assert mended(capsys) == []
    if "exps" in path:
        dvc("exp", "run", "-S", "a=2")
    else:
        dvc("repro", "--force", "one")


@pytest.mark.parametrize(("path", "how"), NOT_READ)
def test_what_dvc_does_not_read_stays(project, capsys, path, how):
    damage(Path(path), how)
    before = Path(path).read_bytes()
    assert mended(capsys) == [] and Path(path).read_bytes() == before
    dvc("repro", "--force", "one")


def entries() -> list[Path]:
    return sorted(path for path in Path(".dvc/cache/runs").glob("*/*/*"))


def first_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def forget() -> None:
    """Nothing is recorded any more: only the cache of runs knows."""
    for path in (LOCK, Path("one.txt"), Path("two.txt"), Path("three.txt")):
        path.unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "how"),
    [
        *((place, how) for place in (".m_1-a.tmp", "entry") for how in (*HOW, *MORE)),
        ("key", "empty"),
        ("prefix", "empty"),
    ],
)
def test_a_half_entry_of_the_cache_of_runs_is_removed(project, capsys, monkeypatch, place, how):
    monkeypatch.setattr(dvc_state, "_STILL", 0.02)  # nobody writes
    whole = {path: path.read_bytes() for path in entries()}
    one = next(path for path in whole if b"params.yaml" in whole[path])
    path = {"entry": one, "key": one.parent, "prefix": one.parent.parent}.get(
        place, one.with_name(place)
    )
    if place in ("key", "prefix"):
        shutil.rmtree(path)
    elif place != "entry":
        path.write_bytes(whole[one])
    if how == "first line":
        first_line(path)
    else:
        damage(path, how)
    future = time.time() + 1000  # DVC takes the newest
    os.utime(path, (future, future))
    told = mended(capsys)
    assert told == [".dvc/cache/runs: 1 of its entries had not been written to their end: removed"]
    others = {p: text for p, text in whole.items() if p != one}
    assert all(p.read_bytes() == text for p, text in others.items())
    assert place.startswith(".m") == one.exists()
    forget()
    dvc("repro")
    assert dvc("status") == "Data and pipelines are up to date.\n"


def test_a_key_without_an_entry_is_removed(project, capsys):
    """DVC makes its folder first, and was killed then."""
    entry = entries()[0]
    entry.unlink()
    assert len(mended(capsys)) == 1 and not entry.parent.exists()
    forget()
    dvc("repro")


def test_finished_entries_stay_however_they_are_written(project, capsys):
    """In the form of DVC's own, and in any other that it reads."""
    import yaml
    from dvc.utils.serialize import load_yaml

    one, two = entries()
    one.write_text(yaml.safe_dump(dict(load_yaml(one)), sort_keys=True), encoding="utf-8")
    before = [one.read_bytes(), two.read_bytes()]
    assert mended(capsys) == [] and [one.read_bytes(), two.read_bytes()] == before


def test_an_entry_that_is_being_written_is_left_to_its_writer(project, capsys):
    """Also of another project with this cache, whose locks nobody here holds."""
    one = entries()[0]
    path = one.with_name(".b-2.tmp")
    write = (
        "import sys, time\nwith open(sys.argv[1], 'wb', 0) as file:\n"
        "  for byte in open(sys.argv[2], 'rb').read()[:30]:\n"
        "    file.write(bytes([byte])); time.sleep(0.05)\n"
        "import os; os.replace(sys.argv[1], sys.argv[2] + '.done')"
    )
    with subprocess.Popen([sys.executable, "-c", write, str(path), str(one)]) as writer:
        while not path.exists():
            time.sleep(0.01)
        list(dvc_state._mend_runs(Path()))
        assert writer.wait() == 0  # its file had not been taken away
    assert not path.exists()


# ---------------------------------------------------------------- dvc.lock, git


@pytest.mark.parametrize("how", HOW)
def test_a_lock_file_that_cannot_be_read_is_put_back(project, capsys, how):
    committed = LOCK.read_bytes()
    if how == "cut":  # elsewhere it may end where a shorter one would
        LOCK.write_bytes(committed[: committed.index(b"deps") + 2])
    else:
        damage(LOCK, how)
    if how == "folder":
        assert main(["mend"]) == 1
        assert capsys.readouterr().err == "error: dvc.lock: is a folder; move it away\n"
        return
    assert mended(capsys) == ["dvc.lock: was half written, and is again as it was committed"]
    assert LOCK.read_bytes() == committed and "up to date" in dvc("status")


def test_a_conflict_is_named_and_left_alone(project, capsys):
    text = LOCK.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines(keepends=True) if "size" in line)
    both = f"<<<<<<< HEAD\n{line}=======\n    size: 7\n>>>>>>> other\n"
    LOCK.write_text(text.replace(line, both, 1), encoding="utf-8")
    before = LOCK.read_bytes()
    assert main(["mend"]) == 1 and LOCK.read_bytes() == before
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("error: dvc.lock: line ") and "conflict" in told.err


def test_a_lock_of_git_is_named(project, capsys):
    Path("params.yaml").write_text("a: 3\n", encoding="utf-8")
    subprocess.run(["git", "add", "params.yaml"], check=True)
    Path(".git/index.lock").touch()
    assert main(["mend"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith("error: params.yaml: still staged: fatal: ")
    assert "index.lock" in told
    Path(".git/index.lock").unlink()
    assert mended(capsys) == ["params.yaml: no longer staged"]
    assert "Ran experiment" in dvc("exp", "run", "-S", "a=4")


def test_a_link_to_data_that_are_gone_is_removed(project, capsys):
    """As where the whole project was moved: the link names the folder that it was in."""
    link = paths.SOURCE
    link.parent.mkdir(parents=True)
    link.symlink_to("elsewhere/data")
    [told] = mended(capsys)
    assert told.startswith(f"{link}: led to elsewhere/data, which is not there")
    assert not link.parent.exists()  # all of the output, or stage `check` is not run again
    link.parent.mkdir()
    link.symlink_to(Path.cwd())
    assert mended(capsys) == [] and link.exists()
