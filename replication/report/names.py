"""Names as people write them: NAML, MiniLM, fine-tuned. Identifiers stand in commands and files."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES, Cell
from replication.paper.models import RECOMMENDERS

TUNING_NAMES = {"frozen": "frozen", "finetuned": "fine-tuned", "both": "both"}
# Parts of identifiers whose spelling is known; others stay as they are.
_SPELLED = {
    "bert": "BERT", "roberta": "RoBERTa", "modernbert": "ModernBERT", "deberta": "DeBERTa",
    "distilbert": "DistilBERT", "glove": "GloVe", "minilm": "MiniLM", "mpnet": "MPNet",
    "llama": "Llama", "smollm2": "SmolLM2", "qwen3": "Qwen3", "qwen2": "Qwen2", "lora": "LoRA",
    "gguf": "GGUF", "l3": "L3", "l6": "L6", "8b": "8B", "1b": "1B", "3b": "3B",
    "static": "static vectors",
}  # fmt: skip
_UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def recommender_name(recommender: str) -> str:
    """`naml` -> NAML; one that is not the paper's stays as it is."""
    return recommender.upper() if recommender in RECOMMENDERS else recommender


def encoder_name(encoder: str) -> str:
    """`minilm-l3` -> MiniLM-L3; also of the paper's own names."""
    return "-".join(_SPELLED.get(part, part) for part in encoder.split("-"))


def tuning_name(tuning: str) -> str:
    return TUNING_NAMES.get(tuning, tuning)


def metric_name(metric: str) -> str:
    return METRIC_NAMES[metric] if metric in METRICS else metric


# Column of a table -> how people write what stands in it.
COLUMNS: dict[str, Callable[[str], str]] = {
    "recommender": recommender_name,
    "encoder": encoder_name,
    "tuning": tuning_name,
}


def processor_name(hardware: Mapping[str, Any], *more: str | None) -> str | None:
    """Such as `AMD EPYC (AuthenticAMD 25 1 1)`, as run.json has it: one name has served several
    processors. None where it has no name. more: what else stands in the brackets"""
    name = hardware.get("processor")
    inside = ", ".join(filter(None, (hardware.get("processor_family"), *more)))
    return f"{name} ({inside})" if name and inside else name


def commit_name(git: Mapping[str, Any] | None, mark: str = "") -> str:
    """Such as `d74cef78e7`, with a word where the tree was another, of what run.json has; `mark`
    stands around the number."""
    if not git or not git.get("commit"):
        return "not recorded"
    return f"{mark}{git['commit'][:10]}{mark}{', changed' if git.get('changed') else ''}"


def encoder_sizes(cells: Iterable[Cell]) -> dict[str, int]:
    """Parameters of each encoder as its runs counted them: what a frozen run does not train.

    An encoder without a frozen run that is known is left out.
    """
    sizes: dict[str, int] = {}
    for cell in cells:
        cost = cell.cost or {}
        whole, trained = cost.get("parameters"), cost.get("trainable_parameters")
        if cell.tuning == "frozen" and whole is not None and trained is not None:
            sizes.setdefault(cell.encoder, int(whole - trained))
    return sizes


def short_count(count: float) -> str:
    """Such as `22.6 M`: three digits, or as many as the whole number has."""
    for unit, letter in _UNITS:
        if count >= unit:
            return f"{count / unit:.3g} {letter}"
    return f"{count:.0f}"


def encoder_label(encoder: str, sizes: Mapping[str, int], models: Mapping[str, str]) -> str:
    """What an encoder is: `MiniLM, 22.6 M, stands for BERT-base`.

    sizes: see `encoder_sizes`; models: the paper's names -> ours, where the study has stand-ins.
    """
    parts = [encoder_name(encoder)]
    if encoder in sizes:
        parts.append(short_count(sizes[encoder]))
    theirs = [model for model, ours in models.items() if ours == encoder and model != encoder]
    if theirs:
        parts.append(f"stands for {' and '.join(map(encoder_name, theirs))}")
    return ", ".join(parts)
