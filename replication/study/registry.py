"""What a study can choose among: a line each.

A line gives the address of the code, `module:name`, which is imported when it is first wanted. So
names are known where there is no torch, and this room imports none of those above it. Code may
also stand where an address would, as in `RECOMMENDERS["mine"] = Listed(Mine, ("title",))`:
docs/extending.md has an example of each kind.
"""

from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


class Lines(UserDict):
    """What stands in a line, by name; where that is an address, an instance of what is there."""

    def __getitem__(self, name: str) -> Any:
        line = super().__getitem__(name)
        return located(line)() if isinstance(line, str | type) else line


def located(code: Any) -> Any:
    """What stands at an address such as `replication.recommenders.nrms:NRMS`; code as it is."""
    if not isinstance(code, str):
        return code
    module, _, name = code.partition(":")
    return getattr(import_module(module), name)


# ------------------------------------------------------------------------------- recommenders


def convolution(filters: int, window: int) -> int:
    """Parameters that a token meets in a CNN from `filters` to `filters`."""
    return window * filters**2


def self_attention(filters: int, window: int) -> int:
    """Parameters that a token meets in self-attention: queries, keys and values."""
    return 3 * filters**2


def no_layer(filters: int) -> int:
    """Of a user encoder that only weighs what it reads."""
    return 0


def gru(filters: int) -> int:
    """Parameters of LSTUR's GRU, three times as wide as its filters: of a click and of a state."""
    return 2 * 3 * (3 * filters) ** 2


@dataclass(frozen=True)
class Listed:
    """A recommender, with what is asked about it where there is no torch. Called, it is built.

    code        subclass of `recommenders.Recommender`, or its address
    fields      the texts of an article that it reads: title, abstract
    reader      (filters, window) -> parameters that a token meets between head and pooling, by
                which its cost is estimated; clicks: (filters) -> those that a click of a history
                meets
    deviations  those of D1-D18 that touch it and not every recommender
    """

    code: Any
    fields: tuple[str, ...]
    reader: Callable[[int, int], int] = convolution
    clicks: Callable[[int], int] = no_layer
    deviations: tuple[str, ...] = ()

    def __call__(self, *args: Any, **options: Any) -> Any:
        return located(self.code)(*args, **options)


_ROOM = "replication.recommenders"
RECOMMENDERS = Lines(
    {
        "naml": Listed(f"{_ROOM}.naml:NAML", ("title", "abstract"), deviations=("D15",)),
        "nrms": Listed(f"{_ROOM}.nrms:NRMS", ("title",), self_attention, deviations=("D13",)),
        "lstur": Listed(
            f"{_ROOM}.lstur:LSTUR", ("title",), clicks=gru, deviations=("D3", "D9", "D15")
        ),
    }
)

# ----------------------------------------------------------------------------------- encoders

_FAMILIES = "replication.encoders.families"  # see families/base.py
FAMILIES = Lines(
    {
        "words": f"{_FAMILIES}.words:Words",
        "transformer": f"{_FAMILIES}.transformer:Transformer",
        "causal": f"{_FAMILIES}.causal:Causal",
    }
)

_KINDS = "replication.encoders.sources.kinds"  # see kinds/base.py
SOURCES = Lines(
    {
        "package": f"{_KINDS}.package:Package",
        "hub": f"{_KINDS}.hub:Hub",
        "folder": f"{_KINDS}.folder:Folder",
        "derived": f"{_KINDS}.derived:Derived",
        "gguf": f"{_KINDS}.gguf:Gguf",
        "glove": f"{_KINDS}.glove:Glove",
        "adapted": f"{_KINDS}.adapted:Adapted",
    }
)

# --------------------------------------------------------------------------------------- data

_IMPORTS = "replication.mind.imports"  # see imports/base.py
DATA_SETS = Lines(  # asked from the last line to the first
    {
        "folder": f"{_IMPORTS}.folder:Folder",
        "release": f"{_IMPORTS}.release:Release",
        "excerpt": f"{_IMPORTS}.excerpt:FromExcerpt",
        "demo": f"{_IMPORTS}.demo:Demo",
    }
)


def data_set(params: Any) -> Any:
    """The way to bring data that these parameters mean: the last in the list that takes them."""
    ways = (DATA_SETS[name] for name in reversed(list(DATA_SETS)))
    return next(way for way in ways if way.takes(params))
