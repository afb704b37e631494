"""What our own runs say: metrics per impression, and replicates of each experiment's means."""

import copy
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from replication.evaluation.clusters import Clusters, prepared_clusters
from replication.evaluation.intervals import resampled_means
from replication.evaluation.metrics import known_mean
from replication.files.errors import StudyError
from replication.paper.cells import Cell, number, read_columns
from replication.paper.models import MODELS
from replication.paper.significance import Uncertainty, uncertainty
from replication.study import paths
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
    part: str = "top"


class Evidence:
    """Our runs, by experiment. Impressions are read when first wanted; `grid`, `sweep` and `parts`
    are the experiments of each, in the order of their runs, the grid's own depth being in two.

    paper_names  the paper's language models -> our encoders, as the parameters map them
    layers       our encoders -> how many transformer layers they have
    """

    def __init__(
        self,
        params: Params,
        grid: Iterable[Cell],
        sweep: Iterable[Cell] = (),
        parts: Iterable[Cell] = (),
    ):
        self.paper_names = params.paper
        self.layers = {name: encoder.layers for name, encoder in params.registry.items()}
        self._registry = params.registry
        self.samples = params.evaluation.bootstrap_samples
        self.cells: dict[Place, list[Cell]] = {}
        self.grid, self.sweep, self.parts = map(self._places, (grid, sweep, parts))
        self._gridded = {place[:4]: place for place in self.grid}
        # Means and replicates are small and kept; of the impressions, one metric at a time.
        self.values = lru_cache(maxsize=len(self.cells))(self._values)
        self.mean = cache(self._mean)
        self.replicates = cache(self._replicates)
        self.grouping = cache(self._grouping)
        self._first: Cell | None = None
        self._found: Clusters | None = None
        self._independent = False
        self._naive: Evidence | None = None

    @property
    def naive(self) -> "Evidence":
        """The same runs with every impression taken as independent of the others."""
        if self._naive is None:
            twin = copy.copy(self)
            twin._independent = True
            twin.replicates = cache(twin._replicates)
            self._naive = twin
        return self._naive

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
        """The paper's models that this study has, in the paper's order."""
        return [name for name in MODELS if name in self.paper_names]

    def sizes(self, recommender: str) -> dict[str, float]:
        """Encoder -> parameters counted, with this recommender's own; those that a run has counted.

        Of a tuned model's runs the frozen one's count is taken, where it is there.
        """
        found: dict[str, float] = {}
        places = [place for place in self.grid if place.recommender == recommender]
        for place in sorted(places, key=lambda place: place.tuning != "frozen"):
            for cell in self.ran(place):
                count = cell.cost and number(cell.cost, "parameters", cell.folder / "cost.json")
                if count:
                    found.setdefault(place.encoder, count)
        return found

    def stand_ins(self, models: Iterable[str]) -> dict[str, str]:
        """Of the paper's models, those in whose place stands one of another depth or width; word
        vectors, all of which have depth 0, are GloVe if the address of their file says so."""
        found = {}
        for model in models:
            if (name := self.paper_names.get(model)) is None:
                continue
            ours, theirs = self._registry[name], MODELS[model]
            alike = (ours.layers, ours.width) == (theirs.layers, theirs.width)
            if not alike or (not theirs.layers and "glove" not in ours.name.lower()):
                found[model] = name
        return found

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

    def repeated(self, protocol: str, metric: str) -> dict[Place, np.ndarray]:
        """The values, (S, I) each, of the places of a protocol that were run with several seeds."""
        places = [place for place in self.cells if place.protocol == protocol]
        return {p: self.values(p, metric) for p in places if len(self.ran(p)) > 1}

    def spread(self, protocol: str, metric: str) -> dict[str, Any] | None:
        """What seeds do to a mean over impressions, measured on this study's repeated runs: the
        standard deviation `sd`, pooled over `places` with `runs` of them; None without any."""
        found = list(self.repeated(protocol, metric).values())
        means = [np.nanmean(values, axis=1) for values in found]
        freedom = sum(len(mean) - 1 for mean in means)
        if not freedom:
            return None
        squares = sum(float(((mean - mean.mean()) ** 2).sum()) for mean in means)
        runs = sum(map(len, means))
        return {"sd": float(np.sqrt(squares / freedom)), "places": len(means), "runs": runs}

    def uncertainty(
        self, metric: str, sides: Sequence[tuple[Place, np.ndarray | float]]
    ) -> Uncertainty | None:
        """Of the sum over sides, (place, weight), of weight times the place's metric; a weight is
        one number, or one per impression (I,)."""
        terms = [weight * self.values(place, metric) for place, weight in sides]
        single = self._single([place for place, _ in sides])
        others = list(self.repeated(sides[0][0].protocol, metric).values()) if single else []
        alike = [(weight * runs for runs in others) for _, weight in sides]
        return uncertainty(terms, self.clusters(), alike)

    def p_value(
        self,
        contrast: float | None,
        metric: str,
        sides: Sequence[tuple[Place, np.ndarray | float]],
    ) -> float | None:
        """Two-sided p that the contrast, the mean of `uncertainty`'s sum, is zero."""
        return self.tested(contrast, metric, sides)[0]

    def tested(
        self,
        contrast: float | None,
        metric: str,
        sides: Sequence[tuple[Place, np.ndarray | float]],
    ) -> tuple[float | None, list[float] | None]:
        """`p_value`, and the interval that agrees with it. The bootstrap's is too wide for a
        difference of places with few seeds: it does not add up their degrees of freedom."""
        found = self.uncertainty(metric, sides)
        if found is None or contrast is None:
            return None, None
        return found.p(contrast), found.interval(contrast)

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

    def clusters(self) -> Clusters | None:
        """Users and clicked articles of the runs' impressions, from the prepared data; None
        where they are taken as independent, and until a run has been read."""
        if self._independent:
            return None
        if self._found is None and self._first is not None:
            self._found = self._prepared(self._first)
        return self._found

    def _prepared(self, first: Cell) -> Clusters:
        folder = first.root / paths.PREPARED / "test"
        ids, clusters = prepared_clusters(folder)
        if not np.array_equal(ids, self._order.to_numpy()):
            raise StudyError(
                f"{folder}: its impressions are not those of {first.per_impression}; "
                f"run `{first.command}`"
            )
        return clusters

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

        def within(values: np.ndarray) -> np.ndarray:
            return np.where(outside, np.nan, values) if outside.any() else values

        values = {place: within(self.values(place, metric)) for place in places}
        others = self.repeated(protocol, metric).values()
        repeated = [within(other) for other in others] if self._single(places) else []
        return resampled_means(values, self.samples, SEED, self.clusters(), repeated)

    def _single(self, places: Sequence[Place]) -> bool:
        return any(len(self.ran(place)) == 1 for place in places)

    def _mean(self, place: Place, metric: str, group: Group = None) -> float | None:
        """Mean over impressions and seeds; None where it is undefined."""
        return known_mean(self.values(place, metric)[:, self.inside(place.protocol, group)])
