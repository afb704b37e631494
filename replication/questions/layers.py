"""Q6, which layers: is a depth that the day held out chooses for each recommender better on the
test day than the one depth that it chooses for all?

A run that happens to be good on the day held out, by its seed, is likely to be so on the test day.
So no run is tested at a depth that it has chosen itself: for each seed the others choose. The gains
of two seeds then have chosen for each other, which makes them alike: their variance is widened as
C. Nadeau and Y. Bengio (Inference for the Generalization Error, 2003) do for cross-validation.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from replication.evaluation.clusters import Clusters
from replication.paper import verdict
from replication.paper.cells import number
from replication.paper.evidence import Evidence, Place
from replication.paper.questions import Question
from replication.paper.results import Result, correct, not_testable, require_runs, result
from replication.paper.significance import Uncertainty, uncertainty
from replication.questions.asked import Asked
from replication.questions.deciding import wanted
from replication.questions.explaining import ablations, explained, gradients, panel

ALL = "all recommenders, each at its own best depth, less all at the best one for all"


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """The gain in AUC of the test day, on average over recommenders; that of each is told."""
    evidence = asked.evidence
    sweep = [place for place in evidence.sweep if place.protocol == protocol]
    recommenders = list(dict.fromkeys(place.recommender for place in sweep))
    depths = list(dict.fromkeys(place.layers for place in sweep))
    if not sweep:
        raise not_testable(f"the study has no layer sweep under {protocol}")
    if len(recommenders) < 2 or len(depths) < 2:
        raise not_testable(
            f"the layer sweep is of {len(depths)} depths in {len(recommenders)} recommenders; it "
            "needs two of either"
        )
    if not asked.held_out(protocol):
        raise not_testable(f"under {protocol} no day is held out that could choose a depth")
    require_runs(evidence, sweep)
    table = {(place.recommender, place.layers): place for place in sweep}
    rows = [[table[recommender, depth] for depth in depths] for recommender in recommenders]
    held_out = np.array([[held_out_auc(evidence, place) for place in row] for row in rows])
    gains = _gains(evidence, rows, held_out)
    clusters = evidence.clusters() or Clusters.independent(gains.shape[2])
    main, sure = _part(question, ALL, gains.mean(axis=0), clusters)
    own = [
        _part(question, _chosen(recommender, depths, scores, held_out), gain, clusters)
        for recommender, scores, gain in zip(recommenders, held_out, gains, strict=True)
    ]
    correct([main])
    correct([part for part, _ in own])
    for part in (main, *(part for part, _ in own)):
        _judged(part, len(gains[0]))
    encoder = sweep[0].encoder
    best = dict(zip(recommenders, (depths[k] for k in _best(held_out)[0]), strict=True))
    aside = [*ablations(evidence, protocol, encoder), *explained(evidence, protocol, encoder, best)]
    seen = zip(recommenders, held_out.mean(axis=2), strict=True)
    return result(
        main["verdict"],
        parts=[main, *(part for part, _ in own), *aside],
        curves=[
            *(
                panel(
                    f"held-out-{name}",
                    "tuned layers",
                    f"AUC of the day held out, {name}",
                    zip(depths, scores, strict=True),
                )
                for name, scores in seen
            ),
            *gradients(evidence, protocol, encoder),
        ],
        places=sweep,
        small=main["small"],
        power=wanted(main, sure, len(clusters), len(clusters.user)),
    )


def held_out_auc(evidence: Evidence, place: Place) -> list[float]:
    """AUC of the day held out of each run, (S,), at the step that it kept; NaN where it is none."""
    found = []
    for cell in evidence.ran(place):
        training = (cell.run or {}).get("training", {})
        value = number(training, "selection_auc", cell.folder / "run.json: training")
        found.append(np.nan if value is None else value)
    return found


def _gains(evidence: Evidence, rows: Sequence[Sequence[Place]], held_out: np.ndarray) -> np.ndarray:
    """AUC at the own best depth less that at the best one for all: (R, S, I). What is best the
    other seeds say; a single one says it of itself.

    rows: (R, D) places; held_out: (R, D, S)
    """
    auc = [[evidence.values(place, "auc") for place in row] for row in rows]  # (S, I) each
    seeds = held_out.shape[2]
    gains = []
    for s in range(seeds):
        others = np.arange(seeds) != s if seeds > 1 else np.ones(1, dtype=bool)
        own, common = _best(held_out[:, :, others])
        gains.append([row[k][s] - row[common][s] for row, k in zip(auc, own, strict=True)])
    return np.array(gains).swapaxes(0, 1)


def _best(held_out: np.ndarray) -> tuple[np.ndarray, int]:
    """The best depth of each recommender (R,), and that of all; the first of several alike.

    held_out: (R, D, S)
    """
    means = held_out.mean(axis=2)
    return means.argmax(axis=1), int(means.mean(axis=0).argmax())


def _chosen(
    recommender: str, depths: Sequence[int | None], scores: np.ndarray, held_out: np.ndarray
) -> str:
    own, common = _best(scores[None])[0][0], _best(held_out)[1]
    chosen, of_all = depths[own], depths[common]
    return f"{recommender} at its own (by all seeds k{chosen}; the best one for all: k{of_all})"


def _part(
    question: Question, what: str, gain: np.ndarray, clusters: Clusters
) -> tuple[Result, Uncertainty | None]:
    """gain: (S, I)."""
    sure = _widened(uncertainty([gain], clusters), len(gain))
    defined = gain[:, ~np.isnan(gain).any(axis=0)]
    found = float(defined.mean()) if defined.size else None
    ends = p = None
    if sure is not None and found is not None:
        ends, p = sure.interval(found), sure.p(found)
    return {
        "what": what,
        "unit": "AUC",
        "found": found,
        "ci95": ends,
        "p": p,
        "p_holm": None,
        "effect": question.effect,
        "small": False,
        "verdict": "not testable",
    }, sure


def _widened(sure: Uncertainty | None, seeds: int) -> Uncertainty | None:
    """The variance of the mean over seeds, 1 / S of theirs, made 1 / S + 1 / (S - 1)."""
    if sure is None or seeds == 1:
        return sure
    impressions, *of_seeds = sure.parts
    factor = 1 + seeds / (seeds - 1)
    return replace(sure, parts=(impressions, *((v * factor, df) for v, df in of_seeds)))


def _judged(part: Result, seeds: int) -> None:
    word = verdict.of_effect(part["ci95"], 1, part["p_holm"], part["effect"])
    if word == "confirmed":
        part["small"] = part["ci95"][1] < part["effect"]
    if word != "not testable" and seeds == 1:
        part["these_runs"], word = word, verdict.ONE_SEED
    part["verdict"] = word
