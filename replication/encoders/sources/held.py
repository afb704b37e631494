"""How the weights of a causal model are held while it is run: in 4 bits, spread over devices.

What is given are arguments of transformers' `from_pretrained`, which leaves the rounding to
bitsandbytes, and to accelerate which layers lie where.
"""

import importlib.util
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import torch

from replication.files.errors import StudyError
from replication.machine import processes
from replication.machine.environment import IN_4_BITS
from replication.machine.precision import computing_device

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig


def four_bits() -> "BitsAndBytesConfig":
    """Linear layers, but for the head's, in nf4, each dequantised to bfloat16 when it is used."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def in_four_bits(key: str, instead: str) -> dict[str, Any]:
    """Weights in nf4, all others in bfloat16.

    key      the parameter that asks for it; instead: what is accepted where it cannot be
    Errors: `StudyError` naming both where there is no GPU, or bitsandbytes is not installed.
    """
    if not torch.cuda.is_available() or importlib.util.find_spec(IN_4_BITS) is None:
        raise StudyError(
            f"{key}: nf4 needs a GPU and the package {IN_4_BITS} (`pip install {IN_4_BITS}`); "
            f"accepted without: {instead}"
        )
    return {"dtype": "bfloat16", "quantization_config": four_bits()}


def held_weights(name: str, held: Collection[str]) -> dict[str, Any]:
    """As `held` of the registry's entry `name` says (`study.encoders.Encoder`); nothing where it is
    empty. A model that is held so lies where it is run, and is not moved.

    Layers that are spread and do not fit on the GPUs lie in the machine's memory, and those that do
    not fit there are read from the checkpoint's own files: nothing more is written to disk.
    Errors: as of `in_four_bits`; and where one of several processes would spread its layers over
    the devices of all.
    """
    if not held:
        return {}
    key = f"encoders.{name}.held"
    found = in_four_bits(key, "[spread], or leave it out") if "nf4" in held else {}
    if "spread" not in held:
        return found | {"device_map": {"": computing_device()}}
    if processes.count() > 1:
        raise StudyError(
            f"{key}: spread is not accepted in {processes.count()} processes; accepted: one, over "
            "all devices that it sees: training.launch.processes and nodes: 1"
        )
    return found | {"device_map": "auto"}
