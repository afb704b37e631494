"""How a DVC that was forked writes one stage's entry into dvc.lock: without the rest of the file.

DVC reads the whole file in a way that keeps comments, of which it writes none, and then writes it
whole, which takes most of the second that it spends on a stage of a study of sixty. The bytes are
those that it would write.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

_HEAD = "schema: '2.0'\nstages:\n"
_STAGE = re.compile(r"^  (?=[^\s-])", re.MULTILINE)  # where an entry begins


def install() -> None:
    """In this process: DVC changes a lock file by `changed_alone` from now on."""
    import dvc.dvcfile

    dvc.dvcfile.modify_yaml = changed_alone


@contextmanager
def changed_alone(path: str, fs: Any) -> Iterator[dict[str, Any]]:
    """The content of a YAML file, to be changed: `dvc.utils.serialize.modify_yaml`, but that of a
    lock file only those stages are written anew that have been put into it, or put in its place.

    path  of dvc.lock, in which each stage begins as DVC writes it; another file is left to DVC
    fs    DVC's file system
    """
    from dvc.utils.serialize import modify_yaml, parse_yaml

    text = _text(path, fs)
    data = parse_yaml(text, path) if text.startswith(_HEAD) else {}
    entries = _entries(text, data["stages"]) if data.keys() == {"schema", "stages"} else None
    if entries is None:
        with modify_yaml(path, fs=fs) as data:
            yield data
        return
    before = dict(data["stages"])
    yield data
    for name, stage in data["stages"].items():
        if stage is not before.get(name):
            entries[name] = _written(name, stage)
    with fs.open(path, "w+", encoding="utf-8") as file:
        file.write(_HEAD + "".join(entries[name] for name in data["stages"]))


def _text(path: str, fs: Any) -> str:
    """Of a file; empty where there is none, or one that DVC is to refuse."""
    try:
        with fs.open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _entries(text: str, stages: dict[str, Any] | None) -> dict[str, str] | None:
    """The lines of each stage; None where they are not as many as there are stages."""
    names = list(stages or {})
    places = [found.start() for found in _STAGE.finditer(text)]
    if not names or len(places) != len(names):
        return None
    spans = pairwise([*places, len(text)])
    return dict(zip(names, (text[start:end] for start, end in spans), strict=True))


def _written(name: str, stage: Any) -> str:
    from dvc.utils.serialize import dumps_yaml

    return dumps_yaml({"stages": {name: stage}}).removeprefix("stages:\n")
