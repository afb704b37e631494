"""Layer sweeps with a planted best depth of each recommender."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from planted import Planted, with_sweep

from replication.paper.cells import Cell
from replication.questions.asked import Asked

DEPTHS = (0, 4, 8, 12)  # 4 is the grid's own


@dataclass
class Sweeping(Planted):
    """held_out_sd: how much the AUC of the day held out errs beside the run's own.

    run_sd: how much a run deviates by its seed, on the day held out and on the test day alike.
    """

    held_out_sd: float = 0.001
    run_sd: float = 0.0

    def __post_init__(self):
        self.params = with_sweep(self.params, [d for d in DEPTHS if d != 4])
        super().__post_init__()

    def asked(self, auc: Callable[[Cell], float]) -> Asked:
        """auc: expected, of a run."""
        drift: dict[str, float] = {}

        def of_run(cell: Cell) -> float:
            if cell.name not in drift:
                drift[cell.name] = float(self.rng.normal(scale=self.run_sd))
            return auc(cell) + drift[cell.name]

        evidence = self.evidence(lambda cell, clicks: of_run(cell))
        for place in evidence.sweep:
            evidence.cells[place] = [self._with_run(c, of_run(c)) for c in evidence.cells[place]]
        return Asked(self.params, evidence)

    def _with_run(self, cell: Cell, value: float) -> Cell:
        seen = value + float(self.rng.normal(scale=self.held_out_sd))
        return replace(cell, run={"training": {"selection_auc": seen}})


def by_depth(best: dict[str, int], loss: float) -> Callable[[Cell], float]:
    """AUC that falls by `loss` for every four layers away from a recommender's best depth."""
    return lambda cell: 0.7 - loss * abs((cell.layers or 0) - best[cell.recommender]) / 4
