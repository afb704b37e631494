"""The protocol: each deviation D1-D12 of the released code is a key that can be flipped alone."""

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Protocol:
    """One choice per deviation; the groups `released` and `clean` in conf/protocol set them all."""

    name: str
    selection: Literal["last_day", "test"]
    history_order: Literal["newest", "oldest"]
    gru_reads: Literal["clicks", "first_slots"]
    attention_masks: bool
    frozen_dropout: bool
    tune_embeddings: bool
    head: Literal["same", "by_tuning"]
    prompt: Literal["kept", "truncated"]
    user_cache: Literal["user", "history"]
    groups: Literal["users", "histories"]
    seeded: bool
    negatives: int
    negatives_drawn: Literal["each_epoch", "once"]


DEVIATIONS: dict[str, tuple[str, ...]] = {
    "D1": ("selection",),
    "D2": ("history_order",),
    "D3": ("gru_reads",),
    "D4": ("attention_masks",),
    "D5": ("frozen_dropout",),
    "D6": ("tune_embeddings",),
    "D7": ("head",),
    "D8": ("prompt",),
    "D9": ("user_cache",),
    "D10": ("groups",),
    "D11": ("seeded",),
    "D12": ("negatives", "negatives_drawn"),
}
