"""Two studies of the same encoders on different impressions, one of which stands beside."""

from collections.abc import Callable
from dataclasses import replace

from planted import Planted, own

from replication.paper.cells import Cell
from replication.questions.asked import Asked, Beside
from replication.study.params import Params
from replication.study.settings import Questions

Truth = Callable[[Cell], float]


def two(
    params: Params, here: Truth, there: Truth, impressions: int = 3000, seed: int = 0, **more
) -> Asked:
    """here, there: the expected AUC of a run of either."""
    named = replace(params, questions=Questions(beside="another"))
    first = Planted(named, impressions, 2 * seed, **more)
    second = Planted(params, impressions, 2 * seed + 1, **more)
    asked = Asked(named, first.evidence(lambda cell, clicks: here(cell)))
    evidence = second.evidence(lambda cell, clicks: there(cell))
    asked.__dict__["beside"] = Beside(params, evidence)
    return asked


def ranked(models, step: float, base: float = 0.6) -> Truth:
    """AUC that rises by `step` from model to model, in this order."""
    rank = {own(model): i for i, model in enumerate(models)}
    return lambda cell: base + step * rank[cell.encoder]
