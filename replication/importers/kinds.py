"""The data sets that can be imported, a line each: name and address of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replication.study.registry import located

if TYPE_CHECKING:  # the command line lists the names, and starts without polars
    from replication.importers.base import Importer

IMPORTERS = {
    "ebnerd": "replication.importers.ebnerd:EbNerd",
    "xmind": "replication.importers.xmind:XMind",
    "adressa": "replication.importers.adressa:Adressa",
    "movielens": "replication.importers.movielens:MovieLens",
}


def importer(name: str) -> type[Importer]:
    """The class of that name."""
    found: type[Importer] = located(IMPORTERS[name])
    return found
