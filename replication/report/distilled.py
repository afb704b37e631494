"""What a study found, in one small file of figures: for data whose rows may not be passed on.

Every figure is a mean, an interval or a count over impressions; no row, id or text of the data is
among them. A page such as docs/real-clicks.md shows `distilled_tables` of the file.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from replication.evaluation.clusters import design_effect
from replication.evaluation.intervals import interval
from replication.evaluation.metrics import METRICS
from replication.evaluation.statistics import holm
from replication.files.errors import StudyError
from replication.paper.cells import Cell, read_grid, read_json
from replication.paper.contrasts import GROUPS
from replication.paper.evidence import Evidence, Place
from replication.report.distilled_answers import answers_text
from replication.report.tables import markdown
from replication.study import paths
from replication.study.params import Params

MARKS = ("<!-- figures: made by `python -m replication distil` -->", "<!-- end of figures -->")
NAMES = {"auc": "AUC", "mrr": "MRR", "ndcg@5": "nDCG@5", "ndcg@10": "nDCG@10"}
OF_DATA = ("impressions", "users", "clicks", "news", "first", "last", "last_day_impressions")


def distil(params: Params) -> dict[str, Any]:
    """The content of the file, from the runs there are.

    rows         per experiment, by size: seeds, parameters, metrics with their 95 % intervals over
                 users and clicked articles (`ci95`) and over impressions taken as independent
                 (`naive95`), AUC by seed and by cold-start group
    differences  of AUC: the next larger model minus a model, both frozen, and fine-tuned minus
                 frozen; overall and by group, with p (Holm over the overall ones) and the design
                 effects by clicked article and by user
    Errors: `StudyError` where nothing has been run, or a file is damaged.
    """
    evidence = Evidence(params, read_grid(params))
    places = sorted((p for p in evidence.grid if evidence.ran(p)), key=_by_size(params, evidence))
    if not places:
        raise StudyError("reports/runs: no run of this study; run `dvc repro` first")
    rows = [_row(evidence, place) for place in places]
    found = [_difference(evidence, a, b) for a, b in _pairs(places)]
    for difference, adjusted in zip(found, holm([d["p"] for d in found]), strict=True):
        difference["p_holm"] = adjusted
    card = read_json(paths.DATA_CARD) or {}
    runs = [cell for place in places for cell in evidence.ran(place)]
    return {
        "profile": params.profile,
        "data": {
            "release": card.get("release"),
            "articles": card.get("articles"),
            **{s: {k: part.get(k) for k in OF_DATA} for s, part in card.get("splits", {}).items()},
        },
        "settings": {
            "protocol": sorted({place.protocol for place in places}),
            "model": _of_runs(runs, "params", "model"),
            "history": _of_runs(runs, "params", "history"),
            "text": _of_runs(runs, "params", "text"),
        },
        "commits": _of_runs(runs, "git"),
        "hardware": _of_runs(runs, "hardware"),
        "rows": rows,
        "references": read_json(paths.BASELINES),
        "differences": found,
    }


def _of_runs(runs: Sequence[Cell], *keys: str) -> list[Any]:
    """The different values of a key of run.json, in the order of the runs."""
    found: list[Any] = []
    for cell in runs:
        value: Any = cell.run
        for key in keys:
            value = (value or {}).get(key)
        if value not in found:
            found.append(value)
    return found


def _by_size(params: Params, evidence: Evidence) -> Any:
    """Recommender, tuning, then word vectors first and language models by their parameters."""

    def key(place: Place) -> tuple:
        layers = params.registry[place.encoder].layers
        size = (evidence.ran(place)[0].cost or {}).get("parameters") or 0
        order = list(params.grid.recommenders).index(place.recommender)
        return place.protocol, order, place.tuning != "frozen", layers > 0, size

    return key


def _pairs(places: Sequence[Place]) -> list[tuple[Place, Place]]:
    """(a, b) of which a - b is looked at."""
    frozen = [place for place in places if place.tuning == "frozen"]
    steps = [
        (large, small)
        for small, large in pairwise(frozen)
        if (small.recommender, small.protocol) == (large.recommender, large.protocol)
    ]
    same = ("recommender", "encoder", "protocol")
    tuned = [
        (a, b)
        for a in places
        for b in frozen
        if a.tuning != "frozen" and all(getattr(a, k) == getattr(b, k) for k in same)
    ]
    return steps + tuned


def _row(evidence: Evidence, place: Place) -> dict[str, Any]:
    cells = evidence.ran(place)
    metrics = {
        metric: {
            "mean": evidence.mean(place, metric),
            "ci95": _interval(evidence, place, metric),
            "naive95": _interval(evidence.naive, place, metric),
        }
        for metric in METRICS
    }
    groups = [_group(evidence, place, group) for group in GROUPS]
    return {
        **place._asdict(),
        "seeds": [cell.seed for cell in cells],
        "parameters": (cells[0].cost or {}).get("parameters"),
        "trainable_parameters": (cells[0].cost or {}).get("trainable_parameters"),
        "seconds": [(cell.cost or {}).get("seconds") for cell in cells],
        "training": [(cell.run or {}).get("training") for cell in cells],
        "schedule": _of_runs(cells, "params", "training"),
        "metrics": metrics,
        "auc_by_seed": [(cell.metrics or {}).get("auc") for cell in cells],
        "groups": groups,
    }


def _interval(evidence: Evidence, place: Place, metric: str, group: Any = None) -> Any:
    return interval(evidence.replicates(place.protocol, metric, group)[place])


def _group(evidence: Evidence, place: Place, group: Any) -> dict[str, Any]:
    inside = evidence.inside(place.protocol, group)
    _, clicks = evidence.grouping(place.protocol)
    return {
        "group": group,
        "impressions": int(inside.sum()),
        "clicks": [int(clicks[inside].min()), int(clicks[inside].max())] if inside.any() else None,
        "auc": evidence.mean(place, "auc", group),
        "ci95": _interval(evidence, place, "auc", group),
        "naive95": _interval(evidence.naive, place, "auc", group),
    }


def _difference(evidence: Evidence, a: Place, b: Place) -> dict[str, Any]:
    gaps = evidence.values(a, "auc").mean(axis=0) - evidence.values(b, "auc").mean(axis=0)
    clusters = evidence.clusters()
    assert clusters is not None  # runs have been read
    groups = []
    for group in (None, *GROUPS):
        mask = np.where(evidence.inside(a.protocol, group), 1.0, np.nan)
        means = [evidence.mean(place, "auc", group) for place in (a, b)]
        difference = None if None in means else means[0] - means[1]  # type: ignore[operator]
        sides = [(a, mask), (b, -mask)]
        p, ci95 = evidence.tested(difference, "auc", sides)
        naive_p, naive95 = evidence.naive.tested(difference, "auc", sides)
        groups.append(
            {
                "group": group,
                "difference": difference,
                "ci95": ci95,
                "p": p,
                "naive95": naive95,
                "naive_p": naive_p,
            }
        )
    whole, *by_group = groups
    del whole["group"]
    return {
        "a": a._asdict(),
        "b": b._asdict(),
        **whole,
        "design_effect": {
            "article": design_effect(gaps, clusters.article),
            "user": design_effect(gaps, clusters.user),
        },
        "groups": by_group,
    }


def distilled_tables(found: dict[str, Any]) -> str:
    """The file's figures as Markdown tables: results, differences, cold start, and `questions`."""
    answered = answers_text(found.get("questions", ()))
    return "\n".join([_results(found), _differences(found), _cold(found), *answered])


def with_tables(page: Path, found: dict[str, Any]) -> str:
    """The page with the tables of `found` between its two marks. `StudyError` where it has none."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{page}: {error.strerror}; expected a page in Markdown") from None
    before, start, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (start and end):
        raise StudyError(f"{page}: expected the lines {MARKS[0]} and {MARKS[1]} in it")
    return f"{before}{start}\n{distilled_tables(found)}\n{end}{after}"


def _results(found: dict[str, Any]) -> str:
    rows = []
    for row in found["rows"]:
        auc = row["metrics"]["auc"]
        others = [f"{row['metrics'][m]['mean']:.3f}" for m in METRICS if m != "auc"]
        shown = [_named(row), _millions(row["parameters"]), str(len(row["seeds"]))]
        rows.append(
            [*shown, f"{auc['mean']:.3f}", _ends(auc["ci95"]), _ends(auc["naive95"]), *others]
        )
    for name in ("popularity", "random"):
        reference = (found["references"] or {}).get(name)
        if reference:
            others = [f"{reference[m]:.3f}" for m in METRICS if m != "auc"]
            ends = _ends(reference["ci95"]["auc"])
            rows.append([name, "", "", f"{reference['auc']:.3f}", ends, "", *others])
    header = ["model", "parameters", "seeds", "AUC", "95 %", "95 %, naive"]
    return markdown([*header, *(NAMES[m] for m in METRICS if m != "auc")], rows, text_columns=1)


def _differences(found: dict[str, Any]) -> str:
    rows = [
        [
            f"{_named(d['a'])} - {_named(d['b'])}",
            _signed(d["difference"]),
            _ends(d["ci95"], signed=True),
            _p(d["p"]),
            _p(d["p_holm"]),
            _ends(d["naive95"], signed=True),
            _p(d["naive_p"]),
            *(_effect(d["design_effect"][of]) for of in ("article", "user")),
        ]
        for d in found["differences"]
    ]
    header = [
        "AUC", "difference", "95 %", "p", "p (Holm)", "95 %, naive", "p, naive",
        "design effect, article", "user",
    ]  # fmt: skip
    return markdown(header, rows, text_columns=1)


def _cold(found: dict[str, Any]) -> str:
    rows = []
    for row in found["rows"]:
        rows.append([_named(row), *(_figure(g["auc"], g["ci95"]) for g in row["groups"])])
    for d in found["differences"]:
        name = f"{_named(d['a'])} - {_named(d['b'])}"
        rows.append([name, *(_figure(g["difference"], g["ci95"], True) for g in d["groups"])])
    groups = found["rows"][0]["groups"]
    return markdown(["AUC", *map(_group_name, groups)], rows, text_columns=1)


def _group_name(group: dict[str, Any]) -> str:
    low, high = group["clicks"] or ("-", "-")
    return f"{low} to {high} clicks ({group['impressions']})"


def _named(place: dict[str, Any]) -> str:
    depth = f", top {place['layers']} layers" if place["layers"] else ""
    tuning = "frozen" if place["tuning"] == "frozen" else f"fine-tuned{depth}"
    return f"{place['recommender'].upper()}, {place['encoder']} {tuning}"


def _millions(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f} M"


def _signed(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.3f}"


def _ends(ends: Sequence[float] | None, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    return f"[{ends[0]:{form}}, {ends[1]:{form}}]" if ends else "unknown"


def _figure(value: float | None, ends: Sequence[float] | None, signed: bool = False) -> str:
    if value is None:
        return "undefined"
    return f"{value:{'+.3f' if signed else '.3f'}} {_ends(ends, signed)}"


def _p(value: float | None) -> str:
    return "unknown" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _effect(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"
