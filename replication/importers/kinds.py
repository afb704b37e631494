"""The data sets that can be imported, a line each: name and address of the code."""

from replication.importers.base import Importer
from replication.study.registry import located

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
