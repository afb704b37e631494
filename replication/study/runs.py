"""The id of a run: one string for its folder, its run.json, its stage, its command and its chart.

An *experiment* is a recommender over an encoder, frozen or fine-tuned, under a protocol; a *run* is
one seed of it. `nrms-minilm-finetuned-k4-clean-s1` reads: NRMS over MiniLM, fine-tuned in its top 4
layers, under the protocol `clean`, seed 1. The depth is left out where it is the encoder's own. Of
other parts than the top layers it is said always (`study/parts.py`): `lora4` in the place of `k4`.
"""

import re

from replication.files.errors import StudyError
from replication.study.checks import known_protocols
from replication.study.params import Params, grid_cell, protocol_label
from replication.study.parts import FORM as PART_FORM
from replication.study.parts import part_name, part_named
from replication.study.registry import RECOMMENDERS

_FORM = "RECOMMENDER-ENCODER-TUNING[-kLAYERS]-PROTOCOL-sSEED"
_WHERE = "the command line"


def named(
    recommender: str,
    encoder: str,
    tuning: str,
    layers: int | None,
    protocol: str,
    seed: int,
    part: str = "top",
) -> str:
    """The id of a run; layers: None for the encoder's own depth."""
    depth = [] if layers is None else [part_name(part, layers)]
    return "-".join([recommender, encoder, tuning, *depth, protocol, f"s{seed}"])


def experiment_id(params: Params) -> str:
    """The experiment at hand, over all its seeds: `nrms-minilm-finetuned-k4-clean`."""
    return run_id(params).rpartition("-s")[0]


def run_id(params: Params) -> str:
    """The run at hand: `nrms-minilm-finetuned-k4-clean-s1`."""
    entry = params.registry[params.encoder]
    tuned = params.tuning == "finetuned" and entry.layers  # word vectors have none
    layers = params.finetune_layers if tuned else None
    part = params.tuned_parts
    if part == "top" and layers == entry.finetune_layers:
        layers = None
    label = protocol_label(params.protocol)
    of = params.recommender, params.encoder, params.tuning, layers, label, params.seed
    return named(*of, part)


def run_named(name: str, params: Params) -> Params:
    """`params` with the run called `name` at hand.

    Errors: `StudyError` where no run can be called so, or where it goes by another name.
    """
    names = (RECOMMENDERS, params.registry, ("frozen", "finetuned"), known_protocols())
    recommender, encoder, tuning, protocol = ("|".join(map(re.escape, known)) for known in names)
    form = rf"({recommender})-({encoder})-({tuning})(?:-({PART_FORM}))?-({protocol})-s(\d+)"
    found = re.fullmatch(form, name)
    if found is None:
        raise StudyError(
            f"{_WHERE}: no run can be called {name!r}; expected {_FORM}, such as {run_id(params)}, "
            "with names of params.yaml"
        )
    recommender, encoder, tuning, tuned, _, _, protocol, seed = found.groups()
    part, layers = (tuned and part_named(tuned)) or ("top", None)
    run = grid_cell(params, recommender, encoder, tuning, protocol, int(seed), layers, part)
    if run_id(run) != name:
        raise StudyError(f"{_WHERE}: the run {name!r} is called {run_id(run)!r}")
    return run
