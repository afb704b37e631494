"""A causal model out of a GGUF file: de-quantised by transformers, and written as safetensors.

GGUF holds sizes, tokenizer and (mostly quantised) weights in one file. A checkpoint is made of it
once, so that all that comes after reads plain files in 32 bits and needs no package `gguf`. The
first layers alone are made where the registry's entry says fewer than the file has; the norm that
stands behind the file's last layer, and the head, then stand behind the last of those.
"""

import re
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.files.atomic import write_json
from replication.files.documents import read_json
from replication.files.errors import StudyError, shown
from replication.study.encoders import Encoder

if TYPE_CHECKING:
    from gguf import GGUFReader

ACCEPTED = "llama"  # what GGUF calls the architecture of Llama and SmolLM
BLOCKS, WORDS = f"{ACCEPTED}.block_count", f"{ACCEPTED}.vocab_size"
OF_LAYERS = "gguf_layers"  # key in config.json: so many layers the file has

_LAYER = re.compile(r"blk\.(\d+)\.(attn_(norm|q|k|v|output)|ffn_(norm|gate|up|down))\.weight")
_OTHERS = ("token_embd.weight", "output_norm.weight", "output.weight")


def dequantise(name: str, encoder: Encoder, path: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json and model.safetensors (float32) of the first
    `encoder.layers` layers of the GGUF file `path` to `folder`.

    config.json says under `gguf_layers` how many layers the file has.
    Errors: `StudyError` naming the file and what is accepted, where the file is cut short, of
    another architecture or size, or quantised in a way that cannot be read.
    """
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    reader = _opened(name, path)
    blocks = _check(name, encoder, reader, path)
    if blocks > encoder.layers:
        print(f"encoders.{name}: the first {encoder.layers} of {blocks} layers", file=sys.stderr)
    # transformers reads all layers, and the words of the tokenizer with every part of the file; a
    # copy without the rest spares it both.
    try:
        with tempfile.TemporaryDirectory() as temporary:
            _copy(reader, encoder.layers, Path(temporary) / path.name)
            model: Any = LlamaForCausalLM.from_pretrained(
                temporary, gguf_file=path.name, dtype="float32", local_files_only=True
            )
        tokenizer = PreTrainedTokenizerFast.from_pretrained(
            path.parent, gguf_file=path.name, local_files_only=True
        )
    except MemoryError:
        raise
    except Exception as error:  # whatever the libraries make of what is missing or odd
        raise _unreadable(name, path, error) from None
    with torch.device("meta"):  # weights are put in their places, not drawn before
        fresh = LlamaForCausalLM(type(model.config).from_dict(_plain(model.config.to_dict())))
    fresh.load_state_dict(model.state_dict(), assign=True)
    fresh.tie_weights()
    fresh.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "config.json"
    write_json(path, _plain(read_json(path)) | {OF_LAYERS: blocks})
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))


def _opened(name: str, path: Path) -> "GGUFReader":
    if not path.is_file():
        raise StudyError(f"encoders.{name}.name: {path} does not exist; expected a GGUF file")
    try:
        from gguf import GGUFReader
    except ImportError:
        raise StudyError(
            f"encoders.{name}: the package gguf, which reads {path.name}, is not installed; run "
            "`make setup`"
        ) from None
    try:
        return GGUFReader(path)
    except Exception as error:  # of bytes that are no GGUF, or not all of it
        raise _unreadable(name, path, error) from None


def _check(name: str, encoder: Encoder, reader: "GGUFReader", path: Path) -> int:
    """How many layers the file has; it is one that is read, of the size that the entry says."""
    where = f"encoders.{name}: {path}"
    kind = _value(reader, "general.architecture")
    if kind != ACCEPTED:
        raise StudyError(
            f"{where}: general.architecture {shown(kind)} is not accepted; accepted: {ACCEPTED}, "
            "which Llama and SmolLM are"
        )
    for tensor in reader.tensors:
        if tensor.name not in _OTHERS and not _LAYER.fullmatch(tensor.name):
            raise StudyError(
                f"{where}: the tensor {shown(tensor.name)} is not accepted; accepted: those of a "
                "Llama without biases and without scaled positions"
            )
    readable = readable_types()
    for tensor in reader.tensors:
        if tensor.tensor_type.name not in readable:
            raise StudyError(
                f"{where}: {tensor.name} is quantised as {tensor.tensor_type.name}, which cannot "
                f"be read; accepted: {', '.join(readable)}"
            )
    width, blocks = _value(reader, f"{ACCEPTED}.embedding_length"), _value(reader, BLOCKS)
    if width != encoder.width:
        raise StudyError(f"{where}: embedding_length is {shown(width)}, not {encoder.width}")
    if not isinstance(blocks, int) or blocks < encoder.layers:
        raise StudyError(
            f"{where}: block_count is {shown(blocks)}; expected {encoder.layers} or more, the "
            "layers that are used"
        )
    return blocks


def readable_types() -> list[str]:
    """Names of the types of tensors that the package gguf can read: plain ones and quantised."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    found = []
    for kind in GGMLQuantizationType:
        try:
            dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
        except NotImplementedError:
            continue
        found.append(kind.name)
    return found


def _copy(reader: "GGUFReader", layers: int, path: Path) -> None:
    """The same file without the words of its tokenizer and with its first layers alone."""
    from gguf import GGUFValueType, GGUFWriter

    writer = GGUFWriter(path, ACCEPTED)  # writes the architecture, and what GGUF says of itself
    for key, field in reader.fields.items():
        kind = field.types[0]
        own = key.startswith("GGUF.") or key == "general.architecture"
        if not own and kind != GGUFValueType.ARRAY and key not in (BLOCKS, WORDS):
            writer.add_key_value(key, field.contents(), kind)
    writer.add_block_count(layers)
    for tensor in reader.tensors:
        if tensor.name == "token_embd.weight":
            writer.add_vocab_size(int(tensor.shape[1]))
        layer = _LAYER.fullmatch(tensor.name)
        if layer is None or int(layer[1]) < layers:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Without what says that the weights were quantised, and where they lay."""
    others = ("quantization_config", "_name_or_path", "_model_name_or_path")
    return {key: value for key, value in config.items() if key not in others}


def _value(reader: "GGUFReader", key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _unreadable(name: str, path: Path, error: Exception) -> StudyError:
    told = textwrap.shorten(str(error), 200) or type(error).__name__
    return StudyError(
        f"encoders.{name}: {path}: cannot be read as GGUF ({told}); expected the whole file of a "
        f"{ACCEPTED} model as it was published: install the package again"
    )
