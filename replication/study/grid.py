"""What is run: the grid, the runs beside it, and the sweep over fine-tuned depths."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

from replication.study.strict import strict


def _numbered(letter: str, value: Any, info: ValidationInfo) -> Any:
    """3 of `s3` or `k3`: seeds and depths stand in params.yaml as in the names of runs."""
    if isinstance(value, str) and value[:1] == letter and value[1:].isdecimal():
        return int(value[1:])
    if info.mode == "python":  # a number, where code makes one set of parameters of another
        return value
    raise ValueError(f"expected {letter}1, {letter}2, ..., as in the names of runs")


Seed = Annotated[int, BeforeValidator(partial(_numbered, "s")), PlainSerializer("s{}".format)]
Depth = Annotated[int, BeforeValidator(partial(_numbered, "k")), PlainSerializer("k{}".format)]


class Experiment(NamedTuple):
    """One of the grid, all its seeds; stage: what it is called in dvc.yaml, before the `@`."""

    stage: str
    recommender: str
    encoder: str
    tuning: str
    protocol: str


@strict
class Also:
    """Runs beside the grid, under protocols that the whole of it is not run under.

    Every combination of `recommenders`, `encoders` and `tunings`, and every one of
    `llm_recommenders` and `llms`.
    """

    recommenders: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    tunings: tuple[Literal["frozen", "finetuned"], ...] = ()
    llm_recommenders: tuple[str, ...] = ()
    llms: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


@strict
class Grid:
    """The runs that the report tables: every combination is one cached stage. In params.yaml a
    seed is `s1`, a depth `k4`: so DVC calls a stage as the run is called."""

    recommenders: tuple[str, ...]
    encoders: tuple[str, ...]
    tunings: tuple[Literal["frozen", "finetuned"], ...]
    llms: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: tuple[Seed, ...]
    also: Also = Also()

    @property
    def every_protocol(self) -> tuple[str, ...]:
        """Those of the whole grid, then those of some runs alone."""
        return tuple(dict.fromkeys((*self.protocols, *self.also.protocols)))

    @property
    def experiments(self) -> list[Experiment]:
        """All that is run, in reading order; the sweep's other depths are not among them."""
        also = self.also
        own = (self.recommenders, self.encoders, self.tunings, self.protocols)
        beside = (also.recommenders, also.encoders, also.tunings, also.protocols)
        return [
            *_experiments("grid", *own, self.recommenders, self.llms),
            *_experiments("also", *beside, also.llm_recommenders, also.llms),
        ]

    @property
    def repeated(self) -> list[str]:
        """Experiments that two stages would run."""
        counts = Counter(experiment[1:] for experiment in self.experiments)
        return ["-".join(of) for of, times in counts.items() if times > 1]


def _experiments(
    stage: str,
    recommenders: tuple[str, ...],
    encoders: tuple[str, ...],
    tunings: tuple[str, ...],
    protocols: tuple[str, ...],
    llm_recommenders: tuple[str, ...],
    llms: tuple[str, ...],
) -> Iterator[Experiment]:
    """By recommender; of each, what trains here before the LLMs, whose vectors are read."""
    for recommender in dict.fromkeys((*recommenders, *llm_recommenders)):
        if recommender in recommenders:
            for of in product(encoders, tunings, protocols):
                yield Experiment(stage, recommender, *of)
        if recommender in llm_recommenders:
            for llm, protocol in product(llms, protocols):
                yield Experiment(f"{stage}-llm", recommender, llm, "frozen", protocol)


@strict
class Sweep:
    """Layer sweep: fine-tuned depths that are run beside the grid's own depth of that encoder."""

    encoder: str
    layers: tuple[Depth, ...]
    protocol: str
