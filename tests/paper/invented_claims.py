"""Invented studies whose truth is known, and how often a claim's verdict on them is false.

Every run has a metric per impression, drawn at once: a level, the effects of users and of clicked
articles, noise, and a deviation by its seed. Differences of runs have a standard error of about
.0035, most of it by article; a run's seed moves it by .0024, as NewsReX reports. As a command it
prints a table: `python tests/paper/invented_claims.py 1000 C1,C2 3 5`, with the number of studies
per claim, truth and number of seeds, and, where not all are wanted, claims and numbers of seeds.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from replication.evaluation.clusters import Clusters
from replication.paper import judges
from replication.paper.cells import Cell, read_grid, read_sweep
from replication.paper.claims import load_claims
from replication.paper.evidence import Evidence
from replication.paper.judges import judge
from replication.study.params import Params

IMPRESSIONS, ARTICLES = 400, 100
LEVEL, NOISE, BY_ARTICLE, BY_USER, SEED_SD = 0.65, 0.02, 0.017, 0.005, 0.0024
RECOMMENDERS = ("naml", "nrms", "lstur")
LLM, GLOVE = "my-llama-3-1-8b", "my-glove"
SMALL = 0.25  # of the paper's effect
Truth = Callable[[Cell, np.ndarray], Any]  # cell, group 1 to 5 (I,) -> AUC


@dataclass(frozen=True)
class Kind:
    """A claim's studies: models, recommenders and tunings; truths by name; and, of each truth, the
    words that would be false."""

    models: Sequence[str]
    recommenders: Sequence[str]
    tunings: Sequence[str]
    truths: dict[str, Truth]
    false: dict[str, tuple[str, ...]]
    sweep: bool = False


BOTH = ("confirmed", "contradicted")
OF_SIGN = {"null": BOTH, "paper": ("contradicted",), "opposite": ("confirmed",),
           "small": ("contradicted",)}  # fmt: skip


def _tuned(effect: float) -> dict[str, Truth]:
    """Fine-tuning changes the AUC by a fraction."""

    def of(share: float) -> Truth:
        return lambda cell, group: LEVEL * (1 + share * effect * (cell.tuning == "finetuned"))

    return {"null": of(0), "paper": of(1), "opposite": of(-1), "small": of(SMALL)}


def _peak(best: int) -> dict[str, Truth]:
    def of(at: int, height: float) -> Truth:
        return lambda cell, group: LEVEL - height * abs((cell.layers or 0) - at)

    return {"null": of(best, 0), "paper": of(best, 0.003), "opposite": of(12 - best, 0.003),
            "small": of(best, 0.0007)}  # fmt: skip


def _cold(share: float) -> Truth:
    """The LLM gains 5 % of the AUC in group 1 and nothing in group 5."""
    return lambda cell, group: (
        LEVEL
        * (1 + (cell.encoder == LLM) * share * 0.0125 * ((5 - group) if share > 0 else (1 - group)))
    )


def _rank(orders: Sequence[float]) -> Truth:
    names = [GLOVE, "my-bert-tiny", "my-bert-base", LLM]
    return lambda cell, group: LEVEL + 0.02 * orders[names.index(cell.encoder)]


def _below(by: float) -> Truth:
    return lambda cell, group: LEVEL - by * (cell.encoder != GLOVE)


LADDER = ("glove", "bert-tiny", "bert-base", "llama-3.1-8b")
TWO = ("frozen", "finetuned")
KINDS = {
    "C1": Kind(("bert-base",), ("nrms",), TWO, _tuned(0.0358), OF_SIGN),
    "C2": Kind(("glove",), ("nrms",), TWO, _tuned(-0.0099), OF_SIGN),
    "C3a": Kind(("bert-base",), ("naml",), TWO, _peak(10), OF_SIGN, sweep=True),
    "C4": Kind(
        LADDER, RECOMMENDERS, TWO,
        {"null": _cold(0), "paper": _cold(1), "opposite": _cold(-1), "small": _cold(SMALL)},
        OF_SIGN,
    ),
    "C5": Kind(
        LADDER, RECOMMENDERS, TWO,
        {"null": _rank((0, 0, 0, 0)), "paper": _rank((0, 1, 0, 1)), "opposite": _rank((0, 1, 2, 3)),
         "small": _rank((0, SMALL, 0, SMALL))},
        OF_SIGN,
    ),
    "C6": Kind(
        LADDER[:3], RECOMMENDERS, ("frozen",),
        {"null": _below(0), "paper": _below(0.01), "opposite": _below(-0.01),
         "small": _below(0.0025)},
        OF_SIGN,
    ),
    "C7": Kind(LADDER[3:], ("naml",), ("frozen",), _tuned(-0.0154), OF_SIGN),
}  # fmt: skip


class Studies:
    """Of one claim, with some seeds. folder: becomes the working directory."""

    def __init__(self, claim: str, seeds: int, folder: Path, chdir: Any):
        from planted import counted, planted_params, with_sweep

        self.kind = KINDS[claim]
        self.claim = next(each for each in load_claims() if each.id == claim)
        params: Params = planted_params(
            folder, chdir, self.kind.models, self.kind.recommenders, range(1, seeds + 1),
            tunings=list(self.kind.tunings),
        )  # fmt: skip
        self.params = with_sweep(params) if self.kind.sweep else params
        rng = np.random.default_rng(0)
        popular = 1 / np.arange(1, ARTICLES + 1) ** 0.6
        self.user = rng.integers(IMPRESSIONS * 2 // 3, size=IMPRESSIONS)
        self.article = rng.choice(ARTICLES, IMPRESSIONS, p=popular / popular.sum())
        self.group = (self.user % 5 + 1).astype(np.int8)
        self.cells = tuple(
            [replace(cell, cost=counted(cell)) for cell in cells]
            for cells in (read_grid(self.params), read_sweep(self.params))
        )

    def evidence(self, truth: str, seed: int, seed_sd: float = SEED_SD) -> Evidence:
        rng = np.random.default_rng(seed)
        values: dict[str, np.ndarray] = {}

        def ran(cells: list[Cell]) -> list[Cell]:
            for cell in cells:
                if cell.name not in values:
                    values[cell.name] = self.run(rng, cell, truth, places, seed_sd)
            return [replace(c, metrics={"auc": values[c.name].mean()}) for c in cells]

        places: dict[tuple, np.ndarray] = {}
        found = Evidence(self.params, ran(self.cells[0]), ran(self.cells[1]))
        found._column = lambda cell, metric: values[cell.name]  # type: ignore[method-assign]
        found.grouping = lambda protocol: (self.group, self.group)  # type: ignore[assignment]
        found._found = Clusters.of(self.user, self.article)
        return found

    def run(
        self, rng: np.random.Generator, cell: Cell, truth: str, places: dict, seed_sd: float
    ) -> np.ndarray:
        """Articles and users err alike in all seeds of a place, and not alike in two places."""
        key = (cell.recommender, cell.encoder, cell.tuning, cell.layers)
        if key not in places:
            by_article = rng.normal(scale=BY_ARTICLE, size=ARTICLES)[self.article]
            places[key] = by_article + rng.normal(scale=BY_USER, size=IMPRESSIONS)[self.user]
        noise = rng.normal(scale=NOISE, size=IMPRESSIONS) + rng.normal(scale=seed_sd)
        return self.kind.truths[truth](cell, self.group) + places[key] + noise

    def words(self, truth: str, studies: int, first: int = 0) -> Counter:
        """How often each verdict is given; `false` counts those that are, and `false if naive`
        those that would be if impressions were taken as independent."""
        counts: Counter = Counter()
        for seed in range(first, first + studies):
            found = judge(self.claim, self.evidence(truth, seed), "clean")
            counts[found["verdict"]] += 1
            counts["false"] += found["verdict"] in self.kind.false[truth]
            counts["false if naive"] += found["naive"]["verdict"] in self.kind.false[truth]
        return counts


class Here:
    """What `planted_params` needs of a monkeypatch."""

    chdir = staticmethod(os.chdir)


def main(studies: int, claims: Sequence[str], seeds: Sequence[int]) -> None:
    judges.power_of = lambda *_: None  # type: ignore[assignment]  takes longer than all the rest
    for claim in claims:
        for count in seeds:
            with tempfile.TemporaryDirectory() as folder:
                made = Studies(claim, count, Path(folder), Here)
                for truth in made.kind.truths:
                    words = made.words(truth, studies)
                    share = {word: f"{100 * n / studies:.1f} %" for word, n in words.items()}
                    print(claim, f"seeds {count}", truth, share, flush=True)
                os.chdir("/")


if __name__ == "__main__":
    chosen = sys.argv[2].split(",") if len(sys.argv) > 2 else list(KINDS)
    main(int(sys.argv[1]), chosen, [int(n) for n in sys.argv[3:]] or [1, 2, 3, 4, 5])
