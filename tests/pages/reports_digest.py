"""Which reports a picture of the app shows."""

import hashlib
from pathlib import Path

# Not on these pages: times of benchmarks, what was found on real clicks, and a list of all files
# that follows from the others.
_BESIDE = ("reports/benchmarks/", "reports/real-clicks/", "reports/inventory.json")


def digest(root: Path) -> str:
    """SHA-256 over the JSON files of `root`'s reports/ that the app shows: names and contents."""
    whole = hashlib.sha256()
    for path in sorted((root / "reports").rglob("*.json")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(_BESIDE):
            whole.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
