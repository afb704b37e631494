"""What a folder holds, to be compared with what it holds later."""

import hashlib
from pathlib import Path


def content(folder: Path) -> dict[str, str]:
    """Every file by its digest, and every folder that is deeper than the project's own ones; but
    for locks, whose empty files stay. What a link leads to is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith("cache/locks"):
            continue
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif "/" in name or name.startswith("."):
            found[name] = "folder"
    return found
