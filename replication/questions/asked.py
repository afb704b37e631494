"""What a judge of a question reads: the runs, and the impressions that they were tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from replication.mind.columns.prepared import (
    Impressions,
    Prepared,
    load_prepared,
    split_last_day,
)
from replication.paper.cells import read_grid, read_sweep
from replication.paper.evidence import Evidence, Place
from replication.paper.results import not_testable
from replication.study import paths
from replication.study.params import Params, load_params, load_protocol


class Beside(NamedTuple):
    """Another study, whose runs are made."""

    params: Params
    evidence: Evidence


@dataclass(frozen=True)
class Asked:
    params: Params
    evidence: Evidence

    @cached_property
    def beside(self) -> Beside:
        """The study that questions.beside names; NotJudged where it names none, and where one of
        the two has invented clicks and the other has not. Errors: as of `Evidence`."""
        if self.params.questions.beside is None:
            raise not_testable(
                "no other study stands beside: `questions.beside` names none; expected the folder "
                "of one whose runs are made"
            )
        params = load_params(paths.BESIDE / paths.PARAMS)
        if params.demo != self.params.demo:
            raise not_testable(
                f"one of the profiles {self.params.profile} and {params.profile} is of invented "
                "clicks, the other is not"
            )
        cells = (read(params, paths.BESIDE) for read in (read_grid, read_sweep))
        return Beside(params, Evidence(params, *cells))

    @cached_property
    def data(self) -> Prepared:
        return load_prepared(paths.PREPARED)

    def held_out(self, protocol: str) -> bool:
        """Whether runs under it select on the last training day, and so do not learn from it."""
        return load_protocol(protocol).selection == "last_day"

    def learned_from(self, protocol: str) -> Impressions:
        """The training impressions that runs under the protocol learn from."""
        train = self.data.train
        return split_last_day(train)[0] if self.held_out(protocol) else train

    def places(self, protocol: str) -> list[Place]:
        """The experiments of the grid under it."""
        return [place for place in self.evidence.grid if place.protocol == protocol]

    def auc(self, place: Place) -> np.ndarray:
        """AUC per impression, averaged over the seeds: (I,) float64, NaN where undefined."""
        return self.evidence.values(place, "auc").mean(axis=0)

    def seeds(self, places: Sequence[Place]) -> int:
        """Of the place with the fewest runs."""
        return min(len(self.evidence.ran(place)) for place in places)
