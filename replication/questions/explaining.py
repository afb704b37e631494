"""What stands beside Q6's answer: what other parts than the top layers are worth, and what explains
which depth is best. Both are told, and decide nothing.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from replication.paper.cells import read_json
from replication.paper.evidence import Evidence, Place
from replication.paper.results import Result, minus
from replication.questions.deciding import told_aside
from replication.study.parts import part_name

LEAST = 8  # points of a correlation whose square says anything
NORMAL = 1.959964  # 95 %, two-sided
TOLD = "told: no test of which depth is best"
EXPLAINING = {
    "gradient": "the mean layer of the loss's gradient at the start",
    "similar": "the mean layer of what tuning changes (1 - CKA, LoRA)",
}


def ablations(evidence: Evidence, protocol: str, encoder: str) -> list[Result]:
    """AUC of each tuned part less that of as many top layers, on average over recommenders. Parts
    without such a depth, or of which a run is missing, are left out."""
    tops = {
        (place.recommender, place.layers): place
        for place in evidence.sweep
        if (place.protocol, place.encoder) == (protocol, encoder)
    }
    own = [p for p in evidence.parts if (p.protocol, p.encoder) == (protocol, encoder)]

    def kind(place: Place) -> tuple[str, int | None]:
        return place.part, place.layers

    found = []
    for (part, number), places in itertools.groupby(sorted(own, key=_by_name), kind):
        count = 1 if part == "layer" else number
        pairs = [(place, tops.get((place.recommender, count))) for place in places]
        known = [(a, b) for a, b in pairs if b is not None]
        ran, of = evidence.coverage([place for pair in known for place in pair])
        if number is not None and known and ran == of:
            found.append(_less(evidence, f"{part_name(part, number)} less k{count}", known))
    return found


def _by_name(place: Place) -> tuple[str, int, str]:
    return place.part, place.layers or 0, place.recommender


def _less(evidence: Evidence, what: str, pairs: Sequence[tuple[Place, Place]]) -> Result:
    sides = [side for a, b in pairs for side in ((a, 1 / len(pairs)), (b, -1 / len(pairs)))]
    each = [minus(evidence.mean(a, "auc"), evidence.mean(b, "auc")) for a, b in pairs]
    known = [value for value in each if value is not None]
    found = float(np.mean(known)) if len(known) == len(pairs) else None
    ours, top = (_trained(evidence, [pair[i] for pair in pairs]) for i in (0, 1))
    if ours is not None and top is not None:
        what += f" ({ours:,.0f} trained parameters, {top:,.0f})"
    return told_aside(what, "AUC", found, evidence.tested(found, "auc", sides)[1], TOLD)


def _trained(evidence: Evidence, places: Sequence[Place]) -> float | None:
    """Mean of what trains in a run, the recommender's own parameters included."""
    costs = [cell.cost or {} for place in places for cell in evidence.ran(place)]
    found = [cost["trainable_parameters"] for cost in costs if cost.get("trainable_parameters")]
    return float(np.mean(found)) if len(found) == len(costs) else None


def explained(
    evidence: Evidence, protocol: str, encoder: str, best: Mapping[str, int]
) -> list[Result]:
    """How the best depth of recommenders goes with what layers.json tells of their runs; nothing
    of a study without such runs.

    best: by recommender, its own best depth of the sweep over `encoder`
    """
    own = [p for p in evidence.parts if (p.protocol, p.encoder) == (protocol, encoder)]
    found = []
    for key, told in EXPLAINING.items() if own else ():
        points = []
        for recommender, depth in best.items():
            places = [p for p in own if p.recommender == recommender]
            if key == "similar":
                places = [p for p in places if p.part == "lora"]
            centres = [c for p in places for c in _centres(evidence, p, key)]
            if centres:
                points.append((float(depth), float(np.mean(centres))))
        what = f"correlation of the best depth of recommenders with {told}"
        found.append(correlation(what, points))
    return found


def gradients(evidence: Evidence, protocol: str, encoder: str) -> list[Result]:
    """A panel for each recommender: each layer's share of the gradient, the mean over its runs."""
    shares: dict[str, list[list[float]]] = {}
    for place in evidence.parts:
        if (place.protocol, place.encoder) == (protocol, encoder):
            known = _by_layer(evidence, place, "gradient")
            shares.setdefault(place.recommender, []).extend(known)
    return [
        panel(
            f"gradient-{recommender}", "layer", f"share of the gradient, {recommender}",
            enumerate(np.mean(of, axis=0), 1),
        )
        for recommender, of in shares.items()
        if of
    ]  # fmt: skip


def panel(name: str, x: str, y: str, points: Iterable[tuple[float | None, float]]) -> Result:
    """A curve of an answer: (x, y) each, without intervals; what is not known is left out."""
    known = [(a, float(b)) for a, b in points if a is not None and not np.isnan(b)]
    drawn = [{"line": "finetuned", "x": a, "y": b, "ci95": None} for a, b in known]
    return {"name": name, "x": x, "y": y, "points": drawn}


def correlation(what: str, points: Sequence[tuple[float, float]]) -> Result:
    """Pearson's, with Fisher's interval; its square is the share of variation that is explained."""
    depths, values = zip(*points, strict=True) if points else ((), ())
    if len(points) < LEAST:
        reason = (
            f"{len(points)} recommenders have a best depth and a figure; how much is explained can "
            f"be told from {LEAST} on"
        )
        return told_aside(what, "r", None, None, reason)
    if not (np.ptp(depths) and np.ptp(values)):
        return told_aside(what, "r", None, None, "all recommenders have the same")
    r = float(np.corrcoef(depths, values)[0, 1])
    half = NORMAL / math.sqrt(len(points) - 3)
    middle = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    ends = [math.tanh(middle - half), math.tanh(middle + half)]
    return told_aside(what, "r", r, ends, f"told: explains {r * r:.0%} of the variation of depths")


def _centres(evidence: Evidence, place: Place, key: str) -> list[float]:
    """Of each run that has it, the mean layer, by what is told of each: 1 is the first."""
    found = []
    for values in _by_layer(evidence, place, key):
        weights = 1 - np.array(values) if key == "similar" else np.array(values)
        if weights.sum() > 0:
            found.append(float(weights @ np.arange(1, len(weights) + 1) / weights.sum()))
    return found


def _by_layer(evidence: Evidence, place: Place, key: str) -> list[list[float]]:
    """What layers.json tells of each layer, of each run that has it."""
    found = []
    for cell in evidence.ran(place):
        values = (read_json(cell.folder / "layers.json") or {}).get(key)
        if isinstance(values, list) and all(isinstance(v, int | float) for v in values):
            found.append([float(value) for value in values])
    return found
