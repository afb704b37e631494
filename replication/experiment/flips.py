"""What an audit runs: each deviation of the released code flipped alone, for one pair.

Known without torch, which takes seconds to import: the grid asks for it before it starts a stage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from replication.encoders.tokens import lowers_letters
from replication.study import paths
from replication.study.numbers import RATES, candidates
from replication.study.params import Params, flipped, grid_cell
from replication.study.registry import FAMILIES, RECOMMENDERS
from replication.training.search import with_rates

TUNINGS = ("frozen", "finetuned")

# What a recommender has whose own deviation it is.
OWN = {
    "D3": "a GRU and user vectors by ID",
    "D9": "a GRU and user vectors by ID",
    "D13": "self-attention",
    "D15": "vectors of categories",
}


def untouched(deviation: str, cell: Params) -> str | None:
    """Why a deviation cannot change the scores of an experiment; None where it can."""
    family = FAMILIES[cell.registry[cell.encoder].family]
    layers_train = family.trains_layers and cell.tuning == "finetuned"
    own = [name for name, listed in RECOMMENDERS.items() if deviation in listed.deviations]
    pooler = cell.protocol.head == "by_tuning" and cell.tuning == "finetuned"
    if deviation == "D13" and pooler and family.head == "cls":
        return None
    if own and cell.recommender not in own:
        have = "has" if len(own) == 1 else "have"
        return f"only {' and '.join(own).upper()} {have} {OWN.get(deviation, 'what it changes')}"
    if deviation in ("D5", "D6", "D17") and not layers_train:
        return "no transformer runs in training"
    if deviation == "D7" and cell.tuning == "frozen":
        return "the released code uses this head here too"
    if deviation == "D8" and not family.positions:
        return "the encoder reads no prompt"
    if deviation == "D10":
        return "it moves the borders of the cold-start groups, no score"
    if deviation == "D14" and family.layer:
        return "the encoder has no table of words"
    if deviation == "D17" and lowers_letters(paths.CHECKPOINTS / cell.encoder):
        return "the encoder's tokenizer lowers all letters itself"
    if deviation == "D18" and cell.protocol.attention_masks:
        return "empty slots are masked (D4)"
    if deviation == "D18" and layers_train:
        return "the released code has zeros here too"
    return None


@dataclass(frozen=True)
class AuditRun:
    """One run of an audit.

    key        such as `clean~D4/frozen`, or `clean@2/frozen` of the base with seed 2, another than
               the first
    untouched  why its deviation cannot change the scores of `cell`, so that it is not run
    again      whether it is a run that stands before it: D11's, that of the base's second seed
    """

    key: str
    base: str
    flip: str
    tuning: str
    cell: Params
    untouched: str | None
    again: bool


def audit_runs(params: Params, name: str) -> Iterator[AuditRun]:
    """All runs of one pair's audit: each base with every seed, then its flips."""
    first, *others = params.audit.seeds
    for base in params.audit.bases:
        labels: list[tuple[str, str, int | None]]
        labels = [(f"{base}@{seed}", "none", seed) for seed in others]
        labels += [(f"{base}~{flip}", flip, None) for flip in params.audit.flips(name)]
        for label, flip, seed in [(base, "none", first), *labels]:
            for tuning in TUNINGS:
                cell = audit_cell(params, name, base, flip, tuning, seed)
                why, again = untouched(flip, cell), flip == "D11" and bool(others)
                yield AuditRun(f"{label}/{tuning}", base, flip, tuning, cell, why, again)


def audit_cell(
    params: Params, name: str, base: str, flip: str, tuning: str, seed: int | None = None
) -> Params:
    """One run of the audit as the experiment at hand.

    seed  None: the first of the audit's, but for D11, which takes the second, or the number after
          the first where there is one alone
    """
    pair, seeds = params.audit.pairs[name], params.audit.seeds
    if seed is None:
        seed = seeds[0] if flip != "D11" else [*seeds, seeds[0] + 1][1]
    encoder = getattr(pair, tuning)
    # The fine-tuned form of an LLM is an encoder of its own, whose vectors are read as they are.
    own = "frozen" if FAMILIES[params.registry[encoder].family].by_lora else tuning
    cell = grid_cell(params, pair.recommender, encoder, own, base, seed)
    cell = replace(cell, protocol=replace(flipped(base, flip), seeded=True))
    if cell.schedule.start == "frozen":  # which is the pair's own frozen run, as long as that
        cell = replace(_of_length(params, replace(cell, tuning="frozen")), tuning=cell.tuning)
    return _of_length(params, cell)


def _of_length(params: Params, cell: Params) -> Params:
    """As long as the audit's runs are, and without a search: with rates chosen anew, a flip would
    change two things."""
    rate, encoder_rate = (candidates(getattr(cell.schedule, key))[0] for key in RATES)
    return with_rates(cell, rate, encoder_rate, params.audit.max_steps)
