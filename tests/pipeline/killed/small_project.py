"""A project of two stages under DVC and git, and what can be left of its files."""

import contextlib
import io
import sys
from pathlib import Path

from replication.__main__ import main

PIPELINE = """stages:
  one:
    cmd: cp params.yaml one.txt
    deps: [params.yaml]
    outs: [one.txt]
  two:
    cmd: cat one.txt > two.txt; cat one.txt > three.txt; while [ -e hold ]; do sleep 0.1; done
    deps: [one.txt]
    outs: [two.txt, three.txt]
"""
DVC = [sys.executable, "-m", "dvc"]
RWLOCK = Path(".dvc/tmp/rwlock")
EXPERIMENT = ".dvc/tmp/exps/run/workspace/workspace"


def dvc(*words: str) -> str:
    """Run DVC in this process, which has imported it already; what it prints."""
    from dvc.cli import main as run

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(list(words)) == 0, printed.getvalue()
    return printed.getvalue()


def damage(path: Path, how: str) -> None:
    """Leave `path` as `how` says; what was there is cut in its middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_bytes() if path.is_file() else b'{"write": {"/a": {"pid": 12, "cmd": "dvc"}}}'
    path.unlink(missing_ok=True)
    if how == "folder":
        path.mkdir()
    else:
        kinds = {"empty": b"", "cut": text[: len(text) // 2], "zeros": bytes(len(text))}
        path.write_bytes(kinds.get(how, how.encode() + b"\n"))


def mended(capsys) -> list[str]:
    """`mend` succeeds; the lines that it says."""
    assert main(["mend"]) == 0
    printed = capsys.readouterr()
    assert not printed.err
    return printed.out.splitlines()
