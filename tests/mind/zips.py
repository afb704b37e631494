"""Zips of tiny data sets, and lists of downloads that pin them."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from replication.mind.releases import zip_name

REPOSITORY, PAGE = "someone/news", "https://example.org/news"


def write_zips(raw: Path, folder: Path, release: str = "small", inside: str = "") -> Path:
    """``raw/{train,dev}`` as zips; `inside` is the folder within them. Returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        with zipfile.ZipFile(folder / zip_name(release, split), "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(f"{inside}entity_embedding.vec", "Q1\t0.5\n")
            for name in ("behaviors.tsv", "news.tsv"):
                made.write(raw / split / name, f"{inside}{name}")
    return folder


def pinned(zips: Path, raw: Path | None = None, release: str = "small") -> dict[str, Any]:
    """A release as pins.yaml has it; with `raw`, the tables are pinned by their sizes too."""
    made: dict[str, Any] = {"figures": None}
    for split in ("train", "dev"):
        content = (zips / zip_name(release, split)).read_bytes()
        made[split] = {
            "hub": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
            "original": None,
            "tables": {
                name: raw and (raw / split / name).stat().st_size
                for name in ("news.tsv", "behaviors.tsv")
            },
        }
    return made


def write_pins(path: Path, small: dict[str, Any], **changes: Any) -> Path:
    """A pins.yaml (JSON is YAML) whose three releases are all `small`; returns `path`."""
    pins = {
        "repository": REPOSITORY,
        "revision": None,
        "page": PAGE,
        "ceiling": 10_000,
        "releases": dict.fromkeys(("demo", "small", "large"), small),
    }
    path.write_text(json.dumps(pins | changes), encoding="utf-8")
    return path
