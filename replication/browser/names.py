"""What people read for what links, commands and files call `nrms`, `minilm`, `finetuned`, `D1`."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

from replication.browser.reading.study import Study
from replication.paper.cells import Cell
from replication.report.deviations import SHORT
from replication.report.names import (
    encoder_label,
    encoder_name,
    encoder_sizes,
    recommender_name,
    tuning_name,
)
from replication.study.parts import part_name


class Experiment(Protocol):
    """What is told of one, whether it has been run or not."""

    @property
    def recommender(self) -> str: ...
    @property
    def encoder(self) -> str: ...
    @property
    def tuning(self) -> str: ...
    @property
    def layers(self) -> int | None: ...
    @property
    def protocol(self) -> str: ...


def experiment_name(of: Experiment, part: str = "top") -> str:
    """Such as `NRMS, MiniLM, fine-tuned, 2 layers, clean`; of another part than the top layers
    `lora2` in the place of these."""
    parts = [recommender_name(of.recommender), encoder_name(of.encoder), tuning_name(of.tuning)]
    if of.layers is not None:
        top = part == "top"
        parts.append(layers_text(str(of.layers)) if top else part_name(part, of.layers))
    return ", ".join([*parts, of.protocol])


def layers_text(layers: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{layers} layer{'s' * (layers != '1')}"


def run_name(cell: Cell) -> str:
    """Such as `NAML, SmolLM2-LoRA, fine-tuned, clean, seed 1`: the encoder is what it reads."""
    return f"{experiment_name(replace(cell, encoder=cell.reads), cell.part)}, seed {cell.seed}"


def deviation_name(deviation: str) -> str:
    """Such as `D1, chosen on the test split`."""
    return f"{deviation}, {SHORT[deviation]}" if deviation in SHORT else deviation


def encoder_labels(study: Study) -> Callable[[str], str]:
    """What an encoder is, such as `MiniLM, 22.6 M, stands for BERT-base`, by its identifier."""
    params = study.params.content
    sizes = encoder_sizes(run.cell for experiment in study.grid for run in experiment.runs)
    return partial(encoder_label, sizes=sizes, models=params.paper if params else {})


def encoders_text(study: Study, encoders: Iterable[str]) -> str:
    """What each of some encoders is, for below a chart or a table that has no room for it."""
    label = encoder_labels(study)
    names = "; ".join(label(encoder) for encoder in dict.fromkeys(encoders))
    return f"Encoders: {names}."
