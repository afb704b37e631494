"""Whether prepared data show the figures that a release of MIND is known by."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError
from replication.mind.releases import PINS, load_pins


def check_statistics(meta: dict[str, Any], release: str | None, pins: Path = PINS) -> None:
    """StudyError naming the first figure of `meta` (meta.json) that is not the release's own.

    A number must agree to the decimals that the pinned one carries. Without a release, or for one
    without figures, there is nothing to hold against.
    """
    figures = getattr(load_pins(pins).releases, release).figures if release else None
    parts = {"train": meta["splits"]["train"], "test": meta["splits"]["test"], "both": meta}
    for part, expected in (figures or {}).items():
        among = parts if part == "any" else {part: parts[part]}
        for name, value in expected.items():
            found = {where: values[name] for where, values in among.items() if name in values}
            if not any(_agree(v, value) for v in found.values()):
                told = " and ".join(f"{v} in {where}" for where, v in found.items())
                raise StudyError(
                    f"{name} of MIND-{release} is {told or 'missing'}, expected {value} ({pins}); "
                    "the data are not that release: get them again, or set data.release=null"
                )


def _agree(found: int | float | str, expected: int | float | str) -> bool:
    if isinstance(expected, str):
        return found == expected
    unit = Decimal(1).scaleb(Decimal(repr(expected)).as_tuple().exponent)  # of the last decimal
    return abs(Decimal(repr(found)) - Decimal(repr(expected))) <= unit / 2
