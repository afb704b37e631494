"""The clicks that an adapter learns from, or is judged by, and the batches drawn from them."""

from dataclasses import dataclass

import numpy as np

from replication.files.errors import StudyError
from replication.mind.columns.labelled import negatives
from replication.mind.columns.prepared import Impressions
from replication.study.encoders import Adapter


@dataclass(frozen=True)
class Clicks:
    """n clicks: the article, (n,) int32, and the row of its impression, (n,) int64.

    Clicks beside which nothing was left unclicked teach nothing and are left out. passed: bool,
    parallel to the impressions' candidates, those among which negatives are drawn.
    """

    impressions: Impressions
    article: np.ndarray
    impression: np.ndarray
    passed: np.ndarray

    @classmethod
    def of(cls, impressions: Impressions) -> "Clicks":
        lengths = impressions.candidates.lengths
        owner = np.repeat(np.arange(len(impressions)), lengths)
        passed = negatives(impressions)
        useful = np.bincount(owner[passed], minlength=len(lengths)) > 0
        chosen = (np.asarray(impressions.labels) == 1) & useful[owner]
        if not chosen.any():
            raise StudyError(
                "adapt: no impression of these days has both a click and a "
                "candidate that was not clicked, so there is nothing to learn"
            )
        articles = np.asarray(impressions.candidates.values)
        return cls(impressions, articles[chosen], owner[chosen], passed)

    def draw(self, adapter: Adapter, step: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The batch of one step: b histories, and (b, 1 + K) candidates, the clicked one first.

        Clicks come epoch by epoch in random order; negatives are drawn without replacement.
        """
        places = step * adapter.batch_size + np.arange(adapter.batch_size)
        epochs = places // len(self.article)
        orders = {
            e: np.random.default_rng([adapter.seed, 0, e]).permutation(len(self.article))
            for e in np.unique(epochs)
        }
        rng = np.random.default_rng([adapter.seed, 1, step])
        histories, candidates = [], np.zeros((len(places), 1 + adapter.negatives), np.int64)
        for i, (epoch, place) in enumerate(zip(epochs, places % len(self.article), strict=True)):
            sample = orders[epoch][place]
            row = self.impression[sample]
            history = self.impressions.histories.row(self.impressions.history_row[row])
            histories.append(history[max(0, len(history) - adapter.clicks) :])
            where = self.impressions.candidates.positions(np.array([row]))
            others = np.asarray(self.impressions.candidates.values[where[self.passed[where]]])
            drawn = rng.choice(others, min(len(others), adapter.negatives), replace=False)
            candidates[i, : 1 + len(drawn)] = [self.article[sample], *drawn]
        return histories, candidates
