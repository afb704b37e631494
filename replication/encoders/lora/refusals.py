"""What an adapter cannot be trained with, told before its training begins."""

from typing import TYPE_CHECKING

from torch import nn

from replication.encoders.lora.questions import Questioner
from replication.files.errors import StudyError
from replication.study.encoders import Adapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def refuse_long(
    name: str, adapter: Adapter, questioner: Questioner, config: "PreTrainedConfig"
) -> None:
    """`StudyError` about questions that may be longer than a model can read.

    config  the model's, of transformers
    """
    most = getattr(config, "max_position_embeddings", None)
    longest = questioner.longest(adapter.clicks)
    if most is not None and longest > most:
        raise StudyError(
            f"adapters.{name}: {longest} tokens in one question; expected {most} at most, as the "
            f"config.json of {adapter.base} says: lower clicks or title_tokens"
        )


def refuse_shared(name: str, adapter: Adapter, model: nn.Module) -> None:
    """`StudyError` about a target whose weight another module has too.

    The adapter is trained beside one of them, and merging it would change the other as well.
    """
    owners: dict[int, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for p in module.parameters(recurse=False):
            owners.setdefault(id(p), []).append(path)
    for paths_ in owners.values():
        for path in paths_ if len(paths_) > 1 else ():
            for target in adapter.targets:
                if path == target or path.endswith(f".{target}"):
                    other = next((p for p in paths_ if p != path), path)
                    raise StudyError(
                        f"adapters.{name}.targets: {target} is not accepted: {other} has the same "
                        "weight, which merging would change as well; accepted: modules of the "
                        "layers, such as q_proj"
                    )
