"""Which parameters of a transformer's layers train: whole layers, biases and norms, or LoRA."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from replication.encoders.architectures import ARCHITECTURES
from replication.encoders.models.layouts import layers_of
from replication.files.errors import StudyError
from replication.study.parts import Lora, Part

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LORA = "lora_"  # in the names of the parameters that peft adds


def tune(top: "PreTrainedModel", part: Part, number: int, lora: Lora) -> None:
    """Let a part of the layers train, and nothing else; in place, all of them train before.

    top   the layers from the lowest tuned one on (`study.parts.cut_below`)
    part, number: as in `study.parts`
    LoRA is drawn from the seed that torch was given, whose generator stays where it is. Its second
    factor is zero, so that the model is at first what it was without.
    Errors: `StudyError` where layers share weights, so that none of them can be tuned by itself, or
    where a layer has no linear module of the names in `lora.targets`.
    """
    layers = layers_of(top)
    if part == "top":
        return
    if ARCHITECTURES[top.config.model_type].shared:
        raise StudyError(
            f"tuned_parts: {part} is not accepted; accepted: top, for layers of model_type "
            f"{top.config.model_type} share their weights"
        )
    if part == "lora":
        _add_lora(top, lora)
    for i, layer in enumerate(layers.children()):
        below_the_end = part != "bottom" or i < number
        first_alone = part != "layer" or i == 0
        for name, parameter in layer.named_parameters():
            of_kind = {"biases": parameter.ndim == 1, "lora": LORA in name}.get(part, True)
            parameter.requires_grad_(below_the_end and first_alone and of_kind)


def _add_lora(top: "PreTrainedModel", lora: Lora) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    known = linear_modules(top)
    targets = set(lora.targets) or known
    if unknown := targets - known:
        raise StudyError(
            f"lora.targets: {', '.join(sorted(unknown))}: no linear module of a layer of "
            f"model_type {top.config.model_type}; accepted: {', '.join(sorted(known))}"
        )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=sorted(targets),
        fan_in_fan_out=top.config.model_type == "gpt2",
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
        torch.manual_seed(torch.initial_seed())
        inject_adapter_in_model(config, top)
    for name, parameter in top.named_parameters():
        if LORA in name:  # of the base's format, in which small steps would be lost
            parameter.data = parameter.data.float()


def linear_modules(top: "PreTrainedModel") -> set[str]:
    """Names, within a layer, of the modules that LoRA can be added to."""
    from transformers.pytorch_utils import Conv1D

    return {
        name.rpartition(".")[2]
        for name, module in layers_of(top).named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    }


def idle_layers(top: "PreTrainedModel") -> Iterator[nn.Module]:
    """Layers of which nothing trains, though gradients pass through them."""
    for layer in layers_of(top).children():
        if not any(parameter.requires_grad for parameter in layer.parameters()):
            yield layer


def published(module: nn.Module) -> Iterator[Tensor]:
    """Parameters of the language model itself, without those that LoRA has added."""
    for name, parameter in module.named_parameters():
        if LORA not in name:
            yield parameter
