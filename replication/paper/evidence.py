"""What our own runs say: metrics per impression, and replicates of each experiment's means."""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from replication.evaluation.intervals import resampled_means
from replication.files.errors import StudyError
from replication.paper.cells import Cell, number, read_columns
from replication.paper.models import MODELS
from replication.study.params import Params

SEED = 1  # of the resamples; not an experiment's
Group = int | str | None  # 1 to 5, "at_most_5", "more_than_5", or None: everybody


class Place(NamedTuple):
    """An experiment of the study: all its seeds."""

    recommender: str
    encoder: str
    tuning: str
    protocol: str
    layers: int | None


class Evidence:
    """Our runs, by experiment. Impressions are read when first wanted; `grid` and `sweep` are the
    experiments of either, in the order of their runs, the grid's own depth being in both.

    paper_names  the paper's language models -> our encoders, as the parameters map them
    """

    def __init__(self, params: Params, grid: Iterable[Cell], sweep: Iterable[Cell] = ()):
        self.paper_names = params.paper
        self.samples = params.evaluation.bootstrap_samples
        self.cells: dict[Place, list[Cell]] = {}
        self.grid, self.sweep = self._places(grid), self._places(sweep)
        self._gridded = {place[:4]: place for place in self.grid}
        # Means and replicates are small and kept; of the impressions, one metric at a time.
        self.values = lru_cache(maxsize=len(self.cells))(self._values)
        self.mean = cache(self._mean)
        self.replicates = cache(self._replicates)
        self.grouping = cache(self._grouping)
        self._first: Cell | None = None

    def _places(self, cells: Iterable[Cell]) -> list[Place]:
        places: dict[Place, None] = {}
        for cell in cells:
            place = Place(*(getattr(cell, name) for name in Place._fields))
            places[place] = None
            known = self.cells.setdefault(place, [])
            if cell.name in (other.name for other in known):
                continue
            if cell.seed in (other.seed for other in known):
                raise StudyError(
                    f"params.yaml: grid.llms: {known[0].name} and {cell.name} are both the "
                    f"{cell.tuning} form of {cell.encoder}; expected one of them"
                )
            known.append(cell)
        return list(places)

    def find(self, recommender: str, model: str, tuning: str, protocol: str) -> Place | None:
        """The grid's experiment with one of the paper's models, never another depth of the sweep;
        None where it has none in this study."""
        encoder = self.paper_names.get(model)
        return self._gridded.get((recommender, encoder, tuning, protocol)) if encoder else None

    def models(self) -> list[str]:
        """The paper's models that this study has, by size."""
        return [name for name in MODELS if name in self.paper_names]

    def coverage(self, places: Sequence[Place]) -> tuple[int, int]:
        """Runs there are and runs there should be."""
        cells = [cell for place in dict.fromkeys(places) for cell in self.cells[place]]
        return sum(cell.metrics is not None for cell in cells), len(cells)

    def missing(self, places: Sequence[Place]) -> list[str]:
        """The commands that would run what has not been run."""
        cells = [cell for place in dict.fromkeys(places) for cell in self.cells[place]]
        return [cell.command for cell in cells if cell.metrics is None]

    def ran(self, place: Place) -> list[Cell]:
        return [cell for cell in self.cells[place] if cell.metrics is not None]

    def inside(self, protocol: str, group: Group) -> np.ndarray:
        """Which impressions are of the group: (I,) bool."""
        fifth, clicks = self.grouping(protocol)
        if group is None:
            return np.ones(len(fifth), dtype=bool)
        if group == "at_most_5":
            return clicks <= 5
        return clicks > 5 if group == "more_than_5" else fifth == group

    def _grouping(self, protocol: str) -> tuple[np.ndarray, np.ndarray]:
        """Group of five and clicks of each impression, each (I,), alike in a protocol's runs."""
        columns = ("group", "history_length")
        first, *others = self._ran_under(protocol)
        found = read_columns(first.per_impression, columns, first.command)
        for cell in others:
            if not read_columns(cell.per_impression, columns, cell.command).equals(found):
                raise StudyError(
                    f"{cell.per_impression}: its groups of users are not those of "
                    f"{first.per_impression}; run `{cell.command}`"
                )
        group, clicks = (found[name].to_numpy() for name in columns)
        return group, clicks

    def _ran_under(self, protocol: str) -> list[Cell]:
        return [c for place in self.cells if place.protocol == protocol for c in self.ran(place)]

    def _values(self, place: Place, metric: str) -> np.ndarray:
        """The metric per seed and impression: (S, I) float64, NaN where undefined.

        Errors: `StudyError` where a file is missing or damaged, where its impressions are not those
        of the other runs, or where their mean is not that of the run's metrics.json.
        """
        return np.stack([self._column(cell, metric) for cell in self.ran(place)])

    def _column(self, cell: Cell, metric: str) -> np.ndarray:
        path = cell.per_impression
        frame = read_columns(path, ("impression_id", metric), cell.command)
        if self._first is None:
            self._first, self._order = cell, frame["impression_id"]
        elif not frame["impression_id"].equals(self._order):
            raise StudyError(
                f"{path}: its impressions are not those of {self._first.per_impression}; "
                f"run `{cell.command}`"
            )
        assert cell.metrics is not None  # it has been run
        told = number(cell.metrics, metric, cell.folder / "metrics.json")
        mean: Any = frame[metric].mean()  # a column of numbers: a float, or None
        if (told is None) != (mean is None) or (told is not None and abs(told - mean) > 1e-6):
            raise StudyError(
                f"{path}: its mean {metric} is {mean}, but {cell.folder / 'metrics.json'} says "
                f"{told}: they are of different runs; run `{cell.command}`"
            )
        return frame[metric].fill_null(np.nan).to_numpy()

    def _replicates(self, protocol: str, metric: str, group: Group) -> dict[Place, np.ndarray]:
        """Replicates of the mean, (samples,) each, of every experiment of a protocol that has been
        run: of the whole study for the AUC of everybody, of the grid for the rest.

        The impressions drawn are the same for all experiments and groups, and so are the seeds
        drawn of an experiment for all groups, so that differences of replicates are paired.
        """
        wanted = self.cells if (metric, group) == ("auc", None) else self.grid
        places = [p for p in wanted if p.protocol == protocol and self.ran(p)]
        outside = ~self.inside(protocol, group)
        values = {}
        for place in places:
            values[place] = self.values(place, metric)
            if outside.any():
                values[place] = np.where(outside, np.nan, values[place])
        return resampled_means(values, self.samples, SEED)

    def _mean(self, place: Place, metric: str, group: Group = None) -> float | None:
        """Mean over impressions and seeds; None where it is undefined."""
        values = self.values(place, metric)[:, self.inside(place.protocol, group)]
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else None
