"""Stage `data` from a path, and what it has to bring."""

from pathlib import Path
from types import SimpleNamespace

from replication.mind.source import provide_data
from replication.study.settings import Data

TABLES = [f"{split}/{name}.tsv" for split in ("train", "dev") for name in ("news", "behaviors")]


def provide(path: Path, pins: Path, release: str | None = "small") -> None:
    data = Data(path=str(path), release=release)
    provide_data(SimpleNamespace(profile="mind", data=data), path.parent / "out", pins)


def check(out: Path, raw: Path) -> None:
    found = {p.relative_to(out).as_posix() for p in out.rglob("*.*")}
    assert found - {"source.json"} == set(TABLES)
    assert all((out / table).read_bytes() == (raw / table).read_bytes() for table in TABLES)
