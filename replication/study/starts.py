"""What training begins from, where that is a recommender learned over the frozen encoder.

Such a start is a piece of work of its own: trained once, by the frozen run that leaves it or by the
first run that wants it, for all runs that begin from it.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from replication.study.params import Params
from replication.study.registry import FAMILIES
from replication.study.runs import run_id


def by_tuning(params: Params) -> dict[str, Any]:
    """What a recommender has beside its text encoder that may hang on whether this is tuned."""
    protocol, tuned = params.protocol, params.tuning == "finetuned"
    family = FAMILIES[params.registry[params.encoder].family]
    return {
        "head": family.head if protocol.head == "by_tuning" and tuned else "token",
        # The release multiplies empty slots by zero where a PLM is tuned, and nowhere else.
        "zero_padded": (tuned and family.trains_layers) or protocol.empty_slots == "zeros",
    }


def deciding(params: Params) -> dict[str, Any]:
    """What of `by_tuning` a start is another by."""
    found = by_tuning(params)
    # Masks leave empty slots out, whatever is in them.
    return found | {"zero_padded": True} if params.protocol.attention_masks else found


def start_name(params: Params) -> str | None:
    """The start that a tuned run begins from, or that a frozen one leaves for such; None: neither.

    Within a study the same name is the same start. Of a protocol without a seed each tuned run has
    its own, and a frozen run leaves none.
    """
    schedule = FAMILIES[params.registry[params.encoder].family].schedule
    if getattr(params.training, schedule).start == "fresh":
        return None
    frozen = replace(params, tuning="frozen")
    if not params.protocol.seeded:
        return run_id(params) if params.tuning == "finetuned" else None
    other = deciding(params) != deciding(frozen)
    return f"{run_id(frozen)}-to-tune" if other else run_id(frozen)


def starts(runs: Iterable[Params]) -> dict[str, Params]:
    """By name the starts that some of these runs begin from and none of them leaves, each with the
    frozen run that would train it."""
    runs = list(runs)
    left = {start_name(run) for run in runs if run.tuning == "frozen"} | {None}
    names = {start_name(run): replace(run, tuning="frozen") for run in runs}
    return {name: frozen for name, frozen in names.items() if name is not None and name not in left}
