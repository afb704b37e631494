"""Which parts of a transformer's layers a recommender tunes, as they stand in the name of a run.

`k4` are the top four layers; `bottom4` the first four; `layer4` the fourth alone; `biases4` biases
and norms of the top four; `lora4` low-rank additions (LoRA) to linear modules of the top four.
"""

import re
from typing import Literal, get_args

from replication.study.strict import strict

Part = Literal["top", "bottom", "layer", "biases", "lora"]
PARTS: tuple[Part, ...] = get_args(Part)
# In the name of a run, before the number of layers, or of the layer.
LETTERS: dict[str, Part] = {("k" if part == "top" else part): part for part in PARTS}
FORM = f"({'|'.join(LETTERS)})(\\d+)"


@strict
class Lora:
    """LoRA in a recommender's own training; in step 1 of two steps an adapter has its own.

    targets  names of linear modules of a layer; none: all of them
    encoder_learning_rate  in the place of the schedule's; a list is searched, as there
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ()
    encoder_learning_rate: float | tuple[float, ...] = (0.0001, 0.001)


@strict
class Parts:
    """Runs beside the grid that tune other parts than the top layers: every combination of these,
    with every seed of the grid; tuned: such as `bottom2`, as in the names of runs."""

    recommenders: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


def part_named(text: str) -> tuple[Part, int] | None:
    """The part and its number of `bottom2`; None where it is no such name."""
    found = re.fullmatch(FORM, text)
    return None if found is None else (LETTERS[found[1]], int(found[2]))


def part_called(text: str) -> tuple[Part, int]:
    """The same of a name that `checks.check` has accepted."""
    found = part_named(text)
    assert found is not None, text
    return found


def part_name(part: str, number: int) -> str:
    """`bottom2`, or `k2` of the top layers."""
    [letters] = [letters for letters, known in LETTERS.items() if known == part]
    return f"{letters}{number}"


def cut_below(part: str, number: int, layers: int) -> int:
    """How many layers at the bottom, of `layers`, lie below all that is tuned."""
    if part == "bottom":
        return 0
    return number - 1 if part == "layer" else layers - number
