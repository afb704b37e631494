"""Q5, end to end against two steps: LoRA that the recommender's own loss trains in a large language
model, against LoRA on clicks before its vectors are computed once, after as many clicks.
"""

from collections.abc import Sequence

import numpy as np

from replication.paper import verdict
from replication.paper.cells import number
from replication.paper.evidence import Evidence, Place
from replication.paper.questions import Question
from replication.paper.results import (
    Result,
    correct,
    differences,
    not_testable,
    require_runs,
    result,
)
from replication.questions.asked import Asked
from replication.questions.deciding import told_aside, wanted

EQUAL = 0.1  # of the larger number of clicks: no further apart
OF_ONE = "told: the answer is that of all recommenders"
SECONDS = "told: of the machine at hand, both steps together"


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """AUC end to end less that of two steps, on average over recommenders; those of each, and the
    seconds, are told."""
    evidence = asked.evidence
    pairs = _pairs(evidence, protocol)
    if not pairs:
        raise not_testable(
            f"the study has no large language model under {protocol} with LoRA in a recommender "
            "and adapted beforehand, as `-S study=end-to-end` has them"
        )
    places = [place for pair in pairs for place in pair]
    require_runs(evidence, places)
    learned, before = _clicks(asked, pairs)
    if abs(learned - before) > EQUAL * max(learned, before):
        raise not_testable(
            f"end to end LoRA learned from {learned:,.0f} clicks, in two steps from {before:,.0f}: "
            "they are to be as many (adapters.NAME.max_steps times batch_size)"
        )
    main = _main(question, evidence, pairs)
    word = verdict.of_effect(main["ci95"], 1, main["p_holm"], main["effect"])
    if word == "confirmed":
        main["small"] = main["ci95"][1] < main["effect"]
    if word != "not testable" and asked.seeds(places) == 1:
        main["these_runs"], word = word, verdict.ONE_SEED
    main["verdict"] = word
    shared = evidence.uncertainty("auc", _sides(pairs))
    clusters = evidence.clusters()
    users = len(clusters.user) if clusters else 0
    return result(
        word,
        parts=[main, *_told(evidence, pairs)],
        places=places,
        small=main["small"],
        power=wanted(main, shared, len(asked.auc(places[0])), users),
    )


def _pairs(evidence: Evidence, protocol: str) -> list[tuple[Place, Place]]:
    """End to end and two steps, of the same recommender over the same language model."""
    two_steps = {
        (place.recommender, place.encoder): place
        for place in evidence.grid
        if place.protocol == protocol and evidence.cells[place][0].adapter
    }
    return [
        (place, two_steps[place[:2]])
        for place in evidence.parts
        if place.protocol == protocol and place.part == "lora" and place[:2] in two_steps
    ]


def _clicks(asked: Asked, pairs: Sequence[tuple[Place, Place]]) -> tuple[float, float]:
    """That LoRA learned from, on average over runs: end to end, and in the first of two steps. What
    a recommender learns beside it, before or after, is as much for both."""
    learned, before = [], []
    for place, two_steps in pairs:
        for cell in asked.evidence.ran(place):
            training = (cell.run or {}).get("training", {})
            where = cell.folder / "run.json: training"
            learned.append(number(training, "samples", where) or 0.0)
        for cell in asked.evidence.ran(two_steps):
            adapter = asked.params.adapters[cell.reads]
            before.append(float(adapter.max_steps * adapter.batch_size))
    return float(np.mean(learned)), float(np.mean(before))


def _sides(pairs: Sequence[tuple[Place, Place]]) -> list[tuple[Place, float]]:
    return [side for a, b in pairs for side in ((a, 1 / len(pairs)), (b, -1 / len(pairs)))]


def _main(question: Question, evidence: Evidence, pairs: Sequence[tuple[Place, Place]]) -> Result:
    means = [(evidence.mean(a, "auc"), evidence.mean(b, "auc")) for a, b in pairs]
    known = [a - b for a, b in means if a is not None and b is not None]
    found = float(np.mean(known)) if len(known) == len(means) else None
    p, ends = evidence.tested(found, "auc", _sides(pairs))
    part = {
        "what": "all recommenders: LoRA end to end less LoRA in two steps",
        "unit": "AUC", "found": found, "ci95": ends, "p": p, "p_holm": None,
        "effect": question.effect, "small": False, "verdict": "not testable",
    }  # fmt: skip
    correct([part])
    return part


def _told(evidence: Evidence, pairs: Sequence[tuple[Place, Place]]) -> list[Result]:
    told: list[Result] = []
    for (place, _), part in zip(pairs, differences(evidence, pairs, "auc"), strict=True):
        what = f"{place.recommender}: LoRA in the top {place.layers} layers less two steps"
        told.append(told_aside(what, "AUC", part["found"], part["ci95"], OF_ONE))
    seconds = [
        _seconds(evidence, place) - _seconds(evidence, two_steps) for place, two_steps in pairs
    ]
    what = "seconds of a run: end to end less two steps"
    told.append(told_aside(what, "s", float(np.mean(seconds)), None, SECONDS))
    return told


def _seconds(evidence: Evidence, place: Place) -> float:
    """Mean of its runs, with those of the adapter and of its vectors; unknown ones are 0."""
    found = []
    for cell in evidence.ran(place):
        costs = [cell.cost]
        if cell.adapter:
            costs += [cell.adapter_cost, cell.embedding_cost]
        found.append(sum(float((cost or {}).get("seconds") or 0.0) for cost in costs))
    return float(np.mean(found))
