"""What an editor or a file browser leaves is in no list of files, and DVC does not see it."""

import subprocess
from pathlib import Path

import pytest

from replication.files.listing import JUNK, files_below, files_in, is_junk

ROOT = Path(__file__).parents[2]
LEFT = (".DS_Store", "._a.py", "a.py~", "~$a.py", "#a.py#", ".a.py.swp", "a.py.swo", "a.py.orig",
        "a.py.bak", "a.py.rej", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/a-checkpoint.py",
        ".idea/a.py", "__MACOSX/a.py", "__pycache__/a.cpython-311.pyc", ".nfs0001")  # fmt: skip
OWN = ("a.py", "b/a.py", "b/c-~.yaml", "b/swp", "#1.csv")


@pytest.fixture
def folder(tmp_path):
    """In a hidden folder, as a project can lie in one."""
    found = tmp_path / ".hidden/study"
    for place in ("", "b/"):
        for name in (*LEFT, *OWN):
            path = found / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        (found / place / ".#a.py").symlink_to("user@host.123:456")  # Emacs' lock
        (found / place / "gone.py").symlink_to("nowhere.py")
    return found


def test_files_of_the_study_alone_are_listed(folder):
    wanted = sorted({*OWN, *(f"b/{name}" for name in OWN)})
    assert [p.relative_to(folder).as_posix() for p in files_below(folder)] == sorted(
        wanted, key=Path
    )
    assert [p.name for p in files_in(folder)] == ["#1.csv", "a.py"]
    assert [p.name for p in files_in(folder / "b", "*.py")] == ["a.py"]
    assert {p.name for p in files_below(folder, "*.yaml")} == {"c-~.yaml"}
    assert files_in(folder / "none") == files_below(folder / "none") == []


def test_dvc_ignores_what_we_do():
    lines = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert tuple(line for line in lines if not line.startswith("# ")) == JUNK


def test_git_neither_sees_it_nor_hides_a_file_of_the_study(folder):
    """`make archive` asks for a clean tree. `.*` is not for git: .github is ours."""
    (folder / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    asked = ["git", "status", "--porcelain", "--untracked-files=all"]
    told = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True).stdout
    seen = {line[3:].strip('"') for line in told.splitlines()}
    wanted = {*OWN, *(f"b/{name}" for name in OWN), "gone.py", "b/gone.py", ".gitignore"}
    assert wanted <= seen
    assert all(".idea" in name or "__MACOSX" in name for name in seen - wanted)


def test_no_tracked_file_is_taken_for_a_leftover():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = [Path(line) for line in done.stdout.splitlines()]
    below = [path for path in names if path.parts[0] in ("replication", "conf", "reports")]
    assert below and not [path for path in below if any(map(is_junk, path.parts))]
