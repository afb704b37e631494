"""The protocol: each deviation D1-D18 of the released code is a key that can be flipped alone."""

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
    encoder_dropout: Literal["from_start", "after_validation"]
    tune_embeddings: bool
    head: Literal["same", "by_tuning"]
    prompt: Literal["kept", "truncated"]
    user_cache: Literal["user", "history"]
    groups: Literal["users", "histories"]
    seeded: bool
    negatives: int
    negatives_drawn: Literal["each_epoch", "once"]
    initialisation: Literal["torch", "xavier"]
    unknown_words: Literal["mean", "own_rows"]
    labels: Literal["all", "training"]
    last_batch: Literal["kept", "dropped"]
    letter_case: Literal["kept", "lowered"]
    empty_slots: Literal["zeros", "article"]


DEVIATIONS: dict[str, tuple[str, ...]] = {
    "D1": ("selection",),
    "D2": ("history_order",),
    "D3": ("gru_reads",),
    "D4": ("attention_masks",),
    "D5": ("frozen_dropout", "encoder_dropout"),
    "D6": ("tune_embeddings",),
    "D7": ("head",),
    "D8": ("prompt",),
    "D9": ("user_cache",),
    "D10": ("groups",),
    "D11": ("seeded",),
    "D12": ("negatives", "negatives_drawn"),
    "D13": ("initialisation",),
    "D14": ("unknown_words",),
    "D15": ("labels",),
    "D16": ("last_batch",),
    "D17": ("letter_case",),
    "D18": ("empty_slots",),
}
