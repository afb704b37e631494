"""What a model can read: tokens that it has a row for, and no more of them than it has places."""

from pathlib import Path
from typing import TYPE_CHECKING

from replication.encoders.architectures import ARCHITECTURES
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def refuse_unfit(
    tokens: Ragged, length: int | None, config: "PreTrainedConfig", checkpoint: Path, label: str
) -> None:
    """`StudyError` about tokens that a model has no row for, or more of them than it can read.

    length  every text is padded to so many; None: to as many as the longest has
    config  the model's, of transformers
    label   what the tokens are of, for messages
    """
    largest = int(tokens.values.max(initial=0))
    if largest >= config.vocab_size:
        raise StudyError(
            f"{checkpoint}/tokenizer.json: gives token {largest} for {label}; expected less than "
            f"{config.vocab_size}, the vocab_size of its config.json: not this model's tokenizer"
        )
    longest = length or int(tokens.lengths.max(initial=0))
    most = longest_text(config)
    if most is not None and longest > most:
        raise StudyError(
            f"{checkpoint}: {longest} tokens in one text for {label}; expected {most} at most, as "
            "its config.json says: lower text.title_tokens or text.abstract_tokens"
        )


def longest_text(config: "PreTrainedConfig") -> int | None:
    """Tokens of the longest text that a model can read, special ones included; None: any.

    Where positions count from the padding token's number on, so many fewer than positions: of 514,
    RoBERTa and its like read 512.
    """
    most = getattr(config, "max_position_embeddings", None)
    if most is not None and ARCHITECTURES[config.model_type].after_padding:
        most -= (config.pad_token_id or 0) + 1
    return most
