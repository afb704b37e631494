"""The data sets that can be imported, a line each: name and address of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replication.files.errors import StudyError
from replication.study.registry import located

if TYPE_CHECKING:  # a name is refused before polars is imported
    from replication.importers.base import Importer

IMPORTERS = {
    "ebnerd": "replication.importers.ebnerd:EbNerd",
    "xmind": "replication.importers.xmind:XMind",
    "adressa": "replication.importers.adressa:Adressa",
    "movielens": "replication.importers.movielens:MovieLens",
}


def importer(name: str) -> type[Importer]:
    """The class of that name. `StudyError` where there is none."""
    if name not in IMPORTERS:
        raise StudyError(f"import: no data set is called {name!r}; expected {', '.join(IMPORTERS)}")
    found: type[Importer] = located(IMPORTERS[name])
    return found
