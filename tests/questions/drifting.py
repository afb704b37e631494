"""Studies whose news grows away from what was trained on, with a planted loss of AUC."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
from planted import CANDIDATES, Planted

from replication.mind.columns.prepared import SECONDS_A_DAY, Impressions, split_last_day
from replication.mind.columns.ragged import Ragged
from replication.paper.cells import Cell
from replication.questions.asked import Asked
from replication.questions.exposures import exposures

ARTICLES_A_DAY = 60
TRAINED = 4  # days


@dataclass
class Drifting(Planted):
    """Four days to train on, the last of which is held out, then `days` of test; each day shows
    articles of the last week."""

    days: int = 4

    def __post_init__(self):
        super().__post_init__()
        rng = np.random.default_rng(self.seed + 1)
        self.train = self._shown(0, TRAINED, 2000, rng)
        test = self._shown(TRAINED, TRAINED + self.days, self.impressions, rng)
        self.data = replace(self.data, time=test.time, candidates=test.candidates)
        self.exposures = exposures(split_last_day(self.train)[0], self.train, self.data)

    def _shown(self, start: int, end: int, count: int, rng: np.random.Generator) -> Impressions:
        time = rng.integers(start * SECONDS_A_DAY, end * SECONDS_A_DAY, count)
        day = time // SECONDS_A_DAY
        born = rng.integers(
            np.maximum(day - 6, 0)[:, None], (day + 1)[:, None], (count, CANDIDATES)
        )
        shown = 1 + born * ARTICLES_A_DAY + rng.integers(0, ARTICLES_A_DAY, born.shape)
        return Impressions(
            impression_id=np.arange(1, count + 1),
            user=np.ones(count, np.int32),
            time=time,
            history_row=np.zeros(count, np.int32),
            user_of_history=np.ones(1, np.int32),
            histories=Ragged.from_lengths(np.empty(0, np.int32), np.zeros(1, np.int64)),
            candidates=Ragged.from_lengths(
                shown.ravel().astype(np.int32), np.full(count, CANDIDATES)
            ),
            labels=np.zeros(count * CANDIDATES, np.int8),
        )

    def asked(self, auc: Callable[[Cell, dict[str, np.ndarray]], np.ndarray | float]) -> Asked:
        """auc: expected, of a run and by the exposures of its impressions."""
        asked = Asked(self.params, self.evidence(lambda cell, clicks: auc(cell, self.exposures)))
        asked.__dict__["data"] = SimpleNamespace(train=self.train, test=self.data)
        return asked
