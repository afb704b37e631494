"""What each experiment of a profile is expected to take, beside what its runs took, if any."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replication.encoders.tokens import token_limits
from replication.files.errors import StudyError
from replication.mind.releases import EXCERPTS, Figure, load_pins
from replication.paper.cells import parts_cells, read_json
from replication.report.estimate import PASSES, Estimate, adapting, embedding, training
from replication.report.machines import Machine, machine
from replication.report.shape import LARGE, SMALL, Shape
from replication.report.tables import markdown
from replication.study import paths
from replication.study.params import Params, grid_cell
from replication.study.runs import experiment_id, run_id
from replication.study.starts import starts

GIB = 2**30
CALIBRATION = (
    "How far to trust it: docs/planning.md has the demo's runs beside what is predicted of them. "
    "No run on an accelerator has been compared."
)


@dataclass(frozen=True)
class Expected:
    """One line: what each of `runs` runs takes, which differ in their seed alone.

    kind      embed, adapt, grid, sweep, parts, or start: what runs begin from that none leaves
    measured  mean seconds and greatest peak bytes of its runs, and how many; None before the first
    start     seconds of what a run begins from, which it trains where no other has
    """

    kind: str
    name: str
    runs: int
    estimate: Estimate
    measured: tuple[float, float, int] | None = None
    start: float = 0.0


def default_machine(params: Params) -> str:
    """Profiles of a release of MIND are meant for an accelerator, others for a laptop, as those are
    that say so in their name, and those of an excerpt."""
    whole = params.data.release is not None and params.data.release not in EXCERPTS
    laptop = not whole or params.profile.endswith("-laptop")
    return "core" if laptop else "accelerator"


def machine_of(params: Params) -> Machine:
    """The machine that a profile is meant for."""
    return machine(default_machine(params))


def shape_of(params: Params) -> Shape:
    """MIND-small's; of other data, what `prepare` found; before that, of a corpus that is still to
    be made what its generator is asked for, with MIND-small's clicks a history and an impression,
    and of MIND-large what others have counted.

    Errors: `StudyError` where the data are not prepared yet and their size is not known, or where
    their card is damaged.
    """
    if params.data.release == "small":
        return SMALL
    card, limits = read_json(paths.DATA_CARD), token_limits(params.text)
    tokens = {field: min(SMALL.tokens[field], limits[field]) for field in limits}
    if card is None or card.get("release") != params.data.release:
        if (shape := _before_they_are_prepared(params)) is not None:
            return replace(shape, tokens=tokens)
        raise StudyError(
            f"{paths.DATA_CARD}: is not of profile {params.profile}, the size of whose data is not "
            "known before they are prepared; run `dvc repro prepare`"
        )
    return Shape(
        int(_size(card, "articles")),
        int(_size(card, "splits", "train", "clicks")),
        int(_size(card, "splits", "train", "news")),
        int(_size(card, "splits", "test", "news")),
        _size(card, "splits", "train", "history_mean"),
        SMALL.learned,
        tokens,
        int(_size(card, "splits", "train", "impressions")),
        int(_size(card, "splits", "test", "impressions")),
    )


def _before_they_are_prepared(params: Params) -> Shape | None:
    if params.data.release == "large":
        return LARGE
    if params.data.release in EXCERPTS:
        return _pinned(params.data.release)
    asked, impressions = params.data.articles, params.data.train_impressions
    tested = params.data.test_impressions
    if not (asked and impressions and tested):
        return None
    return replace(
        SMALL,
        articles=asked,
        clicks=round(SMALL.clicks / SMALL.impressions * impressions),
        train_articles=asked,
        test_articles=asked,
        impressions=impressions,
        test_impressions=tested,
    )


def _pinned(release: str) -> Shape:
    """Of an excerpt, by the figures that it is known by."""
    figures = load_pins().excerpt(release).figures

    def figure(part: str, name: str) -> float:
        found = figures[part][name]
        return float(found.value if isinstance(found, Figure) else found)

    return replace(
        SMALL,
        articles=int(figure("both", "articles")),
        clicks=int(figure("train", "clicks")),
        train_articles=int(figure("train", "news")),
        test_articles=int(figure("test", "news")),
        history=figure("train", "history_mean"),
        learned=1 - figure("train", "last_day_impressions") / figure("train", "impressions"),
        impressions=int(figure("train", "impressions")),
        test_impressions=int(figure("test", "impressions")),
    )


def _size(card: Any, *keys: str) -> float:
    for key in keys:
        card = card.get(key) if isinstance(card, dict) else None
    if (size := _positive(card)) is None:
        raise StudyError(
            f"{paths.DATA_CARD}: {'.'.join(keys)}: {card!r} is not a size; run `dvc repro prepare`"
        )
    return size


def _positive(value: Any) -> float | None:
    """A number that a run can have counted, or None; of JSON anything may come, NaN too."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and 0 < value < 1e15 else None


def expected_rows(params: Params) -> list[Expected]:
    """Every encoder and adapter that is wanted, every experiment of the grid and of the sweep, and
    every start that these share.

    Runs that differ in their seed alone are one row. Errors: as `shape_of`.
    """
    shape, machine = shape_of(params), machine_of(params)
    grid, sweep = params.grid, params.sweep
    plain, llms = [*grid.encoders, *grid.also.encoders], [*grid.llms, *grid.also.llms]
    wanted = dict.fromkeys([*plain, sweep.encoder, *params.parts.encoders, *llms])
    rows = [Expected("embed", e, 1, embedding(params, e, shape, machine)) for e in wanted]
    adapters = [name for name in wanted if name in params.adapters]
    rows += [Expected("adapt", a, 1, adapting(params, a, machine)) for a in adapters]
    runs, cells = len(grid.seeds), list(_cells(params))
    for shared, frozen in starts(cell for *_, cell in cells).items():
        _, estimate = starting(frozen, shape, machine)
        rows.append(Expected("start", shared.rpartition("-s")[0], runs, estimate))
    for kind, name, folders, cell in cells:
        own = training(cell, shape, machine)
        begun = (starting(frozen, shape, machine)[1] for frozen in starts([cell]).values())
        start = sum(estimate.seconds for estimate in begun)
        rows.append(Expected(kind, name, runs, own, _measured(params, folders), start))
    return rows


def _cells(params: Params) -> Iterator[tuple[str, str, list[Path], Params]]:
    """Kind, name without seed, the folder of each seed's run, and the parameters of the first."""
    grid, sweep = params.grid, params.sweep
    for _, recommender, encoder, tuning, protocol in grid.experiments:
        cell = grid_cell(params, recommender, encoder, tuning, protocol, grid.seeds[0])
        yield "grid", *_named(cell, grid.seeds), cell
    for recommender in grid.recommenders:
        for depth in sweep.layers:
            of = recommender, sweep.encoder, "finetuned", sweep.protocol, grid.seeds[0], depth
            cell = grid_cell(params, *of)
            yield "sweep", *_named(cell, grid.seeds), cell
    for made in parts_cells(params):
        if made.seed == grid.seeds[0]:
            key = made.recommender, made.encoder, made.tuning, made.protocol, made.seed
            cell = grid_cell(params, *key, made.layers, made.part)
            yield "parts", *_named(cell, grid.seeds), cell


def starting(frozen: Params, shape: Shape, machine: Machine) -> tuple[str, Estimate]:
    """What a start takes, of `study.starts`, and the kind of its work."""
    # Stage `embed` keeps what it reads.
    return "frozen", replace(training(frozen, shape, machine), disk=0.0)


def _named(cell: Params, seeds: Iterable[int]) -> tuple[str, list[Path]]:
    """The experiment's id, and the folder of each seed's run."""
    return experiment_id(cell), [paths.RUNS / run_id(replace(cell, seed=seed)) for seed in seeds]


def _measured(params: Params, folders: list[Path]) -> tuple[float, float, int] | None:
    """Mean seconds without the start, greatest peak memory and number of the runs made under this
    profile."""
    costs = []
    for folder in folders:
        try:
            run, cost = (read_json(folder / f"{name}.json") or {} for name in ("run", "cost"))
        except StudyError:
            continue
        if run.get("profile") == params.profile and (seconds := _positive(cost.get("seconds"))):
            begun = _positive(cost.get("start_seconds")) or 0.0
            costs.append(cost | {"seconds": seconds - begun})
    return mean_cost(costs)


def mean_cost(costs: Iterable[dict[str, Any]]) -> tuple[float, float, int] | None:
    """Mean seconds, greatest peak bytes (the GPU's where there is one) and number of those objects
    of cost.json that hold both; None where none does."""
    found = []
    for cost in costs:
        seconds = _positive(cost.get("seconds"))
        peak = _positive(cost.get("peak_gpu_memory_mib")) or _positive(cost.get("peak_memory_mib"))
        if seconds and peak:
            found.append((seconds, peak * 2**20))
    if not found:
        return None
    times, peaks = zip(*found, strict=True)
    return sum(times) / len(times), max(peaks), len(found)


def expected_table(params: Params) -> str:
    """`expected_rows` as Markdown, with what it assumes. Errors: as `shape_of`."""
    rows, shape, machine = expected_rows(params), shape_of(params), machine_of(params)
    introduction = (
        f"# Expected cost of profile {params.profile}\n\n"
        f"Made by `python -m replication expect`. Data: {shape.articles:,} articles, "
        f"{shape.clicks:,} training clicks. Figures with a tilde are **estimated**, those without "
        "are **measured** in runs of this profile.\n\n"
        f"Assumed: {machine.name}; {machine.bytes_read / 1e9:g} GB of vectors read from disk a "
        f"second; {machine.batch_seconds * 1000:g} ms a batch besides; {PASSES} passes over the "
        f"training clicks until early stopping. {CALIBRATION}\n\n"
        "Time and memory are of one run, `runs` are its seeds. Memory is the accelerator's "
        "(measured without one: the process's). Vectors on disk are shared by the runs that read "
        "the same ones; the first of them makes them, in about the time of `embed`, which is not "
        "counted, nor is the protocol audit.\n"
    )
    header = ["stage", "experiment", "runs", "PFLOP", "time", "memory (GiB)", "vectors (GiB)"]
    shown = [
        [
            row.kind,
            row.name,
            str(row.runs),
            f"~{row.estimate.operations / 1e15:.3g}" if row.estimate.operations else "-",
            _beside(row, 0, duration, row.estimate.seconds),
            _beside(row, 1, lambda size: f"{size / GIB:.2g}", row.estimate.memory),
            f"~{row.estimate.disk / GIB:.2g}" if row.estimate.disk else "-",
        ]
        for row in rows
    ]
    total = sum(row.runs * row.estimate.seconds for row in rows)
    closing = f"All runs one after another: ~{duration(total)} (estimated)."
    ratios = [row.measured[0] / row.estimate.seconds for row in rows if row.measured]
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        closing += (
            f" Measured over estimated time, {len(ratios)} rows: {mean:.2g} (geometric mean), "
            f"{min(ratios):.2g} to {max(ratios):.2g}."
        )
    return "\n".join([introduction, markdown(header, shown, text_columns=2), closing])


def duration(seconds: float) -> str:
    """Such as `14 min`: two digits are more than an estimate has."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            count = seconds / size
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.1f} {unit}"
    return f"{seconds:.0f} s"


def _beside(row: Expected, index: int, text: Callable[[float], str], estimate: float) -> str:
    about = f"~{text(estimate)}" if estimate else "-"
    return about if row.measured is None else f"{text(row.measured[index])} ({about})"
