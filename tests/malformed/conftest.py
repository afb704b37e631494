import functools
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from contents import content
from word_vectors import zipped

from replication import __main__ as command_line
from replication.files.documents import read_yaml
from replication.mind import source
from replication.mind.releases import zip_name
from replication.paper import claims, compare, cross_checks, values

DATA_FILES = {
    "claims.yaml": claims.CLAIMS,
    "cross_checks.yaml": cross_checks.CROSS_CHECKS,
}


@pytest.fixture(scope="session")
def spoilable(made_project, tmp_path_factory) -> Iterator[Path]:
    """A tiny project that every case gets a copy of, but for conf/, to which a link leads. Its YAML
    is JSON, which is easily changed. In the end it is what it was."""
    folder = shutil.copytree(made_project, tmp_path_factory.mktemp("spoilable") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _as_json(Path("params.yaml"), read_yaml(Path("params.yaml")))
        for name, path in DATA_FILES.items():
            _as_json(Path(name), read_yaml(path))
        shutil.copy(values.VALUES, "values.csv")
        _write_zips(Path("zips"), Path("data/raw"))
    before = content(folder)
    yield folder
    assert content(folder) == before


@pytest.fixture
def own_data_files(monkeypatch) -> None:
    """The commands read the working directory's copies of the package's own data files."""
    for module, name, file in (
        (compare, "load_claims", "claims.yaml"),
        (compare, "load_cross_checks", "cross_checks.yaml"),
        (compare, "load_values", "values.csv"),
    ):
        monkeypatch.setattr(module, name, partial(getattr(module, name), Path(file)))
    imported = partial(values.import_values, target=Path("values.csv"))
    monkeypatch.setattr(values, "import_values", imported)
    provided = partial(source.provide_data, pins=Path("pins.yaml"))
    monkeypatch.setattr(source, "provide_data", provided)


parser = functools.cache(command_line.parser)


@pytest.fixture
def one_command_line(monkeypatch) -> None:
    """Made once, and not a thousand times."""
    monkeypatch.setattr(command_line, "parser", parser)


def _as_json(path: Path, value) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _write_zips(folder: Path, raw: Path) -> None:
    """MIND-small's zips, of the tiny data, and pins.yaml beside `folder` that pins them."""
    import hashlib

    folder.mkdir()
    release: dict = {"figures": None}
    for split in ("train", "dev"):
        tables = {n: (raw / split / n).read_bytes() for n in ("news.tsv", "behaviors.tsv")}
        content = zipped(tables)
        (folder / zip_name("small", split)).write_bytes(content)
        release[split] = {
            "hub": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
            "original": None,
            "tables": {name: len(table) for name, table in tables.items()},
        }
    pins = {"repository": "someone/news", "revision": None, "page": "https://example.org/news"}
    releases = dict.fromkeys(("demo", "small", "large"), release)
    _as_json(Path("pins.yaml"), {**pins, "ceiling": 10_000, "releases": releases})
