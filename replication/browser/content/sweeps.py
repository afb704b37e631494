"""What the page Layer sweep tells: a curve per recommender, and how sure its best depth is."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from replication.browser.content.gaps import absent
from replication.browser.content.results_table import whole_command
from replication.browser.reading.experiments import Experiment, Figure
from replication.browser.reading.runs import READY
from replication.browser.reading.study import Study
from replication.browser.words import counted, signed, told_text
from replication.paper.cells import METRIC_NAMES
from replication.paper.words import told
from replication.report.depths import claim_about
from replication.report.names import encoder_name, recommender_name
from replication.report.study import COMPARED
from replication.report.tables import Field, Number, Table


@dataclass(frozen=True)
class Best:
    """The depth with the best AUC.

    ends    the depths that hold the middle 95 % of resamples
    shares  depth -> the share of resamples in which it is best
    stale   why it is not that of the present code and files; None: it is
    """

    found: int
    ends: tuple[int, int]
    shares: dict[int, float]
    stale: str | None


@dataclass(frozen=True)
class Curve:
    """One recommender.

    experiments, figures  by depth, the shallowest first
    claim            what the paper claims of this very sweep; None: it speaks of another
    best             a `Best`, or why there is none, in one line
    deepest          layers of the encoder; None: unknown
    """

    experiments: tuple[Experiment, ...]
    figures: tuple[Figure, ...]
    claim: dict[str, Any] | None
    best: Best | str
    deepest: int | None

    @property
    def first(self) -> Experiment:
        return self.experiments[0]

    @property
    def name(self) -> str:
        return recommender_name(self.first.recommender)

    @property
    def drawn(self) -> dict[str, Any]:
        """As the report's figure of the sweep takes it."""
        return {
            "recommender": self.first.recommender,
            "encoder": self.first.encoder,
            "protocol": self.first.protocol,
            "paper": self.claim["value"] if self.claim else None,
            "curve": [
                {
                    "layers": experiment.layers,
                    "ours": figure.ours,
                    "ci95": figure.ci95,
                    "runs": (len(experiment.done), len(experiment.runs)),
                    "verdict": figure.verdict,
                }
                for experiment, figure in zip(self.experiments, self.figures, strict=True)
            ],
        }


def curves_of(study: Study, metric: str, claims: Sequence[dict[str, Any]]) -> list[Curve]:
    """A curve of `metric` per recommender, run or not; the best depth is by AUC in any case."""
    params = study.params.content
    found = []
    for _, group in itertools.groupby(study.sweep, key=lambda experiment: experiment.recommender):
        experiments = tuple(group)
        first = experiments[0]
        about = {
            "recommender": first.recommender,
            "model": first.model,
            "curve": [{"layers": experiment.layers} for experiment in experiments],
        }
        found.append(
            Curve(
                experiments,
                tuple(experiment.figure(metric) for experiment in experiments),
                claim_about(claims, about),
                _best(study, experiments),
                params.registry[first.encoder].layers if params else None,
            )
        )
    return found


def _best(study: Study, experiments: Sequence[Experiment]) -> Best | str:
    """As `compare` found it, where it is of these very figures."""
    lacking = [
        experiment for experiment in experiments if experiment.state().word not in (READY, "stale")
    ]
    if lacking:
        return (
            f"{len(experiments) - len(lacking)} of {counted(len(experiments), 'depth')} complete; "
            "it is told once every depth has been run with every seed"
        )
    comparison = study.comparison.content
    if comparison is None:
        return study.comparison.problem or f"run `{COMPARED}`"
    depths = [experiment.layers for experiment in experiments if experiment.layers is not None]
    figures = [experiment.figure("auc").ours for experiment in experiments]
    values = [value for value in figures if value is not None]
    if len(values) < len(experiments):
        return "AUC is undefined"
    for curve in comparison["sweep"]:
        best = curve["best"]
        if best and _is_of(curve, experiments, depths, values) and best["found"] in depths:
            stale = [
                experiment.state().reason
                for experiment in experiments
                if experiment.state().word == "stale"
            ]
            shares = dict(zip(depths, best["shares"], strict=False))
            reason = study.stale("compare") or next(iter(stale), None)
            return Best(best["found"], best["ci95"], shares, reason)
    return f"these runs have not been compared: run `{COMPARED}`"


def _is_of(
    curve: dict[str, Any],
    experiments: Sequence[Experiment],
    depths: Sequence[int],
    values: Sequence[float],
) -> bool:
    first, points = experiments[0], curve["curve"]
    keys = ("recommender", "encoder", "protocol")
    return (
        all(curve[key] == getattr(first, key) for key in keys)
        and [point["layers"] for point in points] == list(depths)
        and len(curve["best"]["shares"]) == len(points)
        and all(
            point["ours"] is not None and isclose(point["ours"], value, rel_tol=1e-9)
            for point, value in zip(points, values, strict=True)
        )
    )


def answer(curves: Sequence[Curve]) -> str:
    """Such as `By AUC, NAML is best with 3 of 3 layers (in 99.5 % of resamples).`; where others are
    not ruled out, only which has the highest AUC."""
    told = [(curve, best) for curve in curves if isinstance(best := curve.best, Best)]
    text = "Which depth is best is not known."
    if told:
        parts = [f"{curve.name} {_depth(curve, best)}" for curve, best in told]
        text = f"By AUC, {'; '.join(parts)}."
    reasons: dict[str, list[str]] = {}
    for curve in curves:
        if isinstance(curve.best, str):
            reasons.setdefault(curve.best, []).append(curve.name)
    lines = [f"{_and(names)}: {reason}." for reason, names in reasons.items()]
    return " ".join([text, *lines])


def _depth(curve: Curve, best: Best) -> str:
    of = "" if curve.deepest is None else f" of {curve.deepest}"
    low, high = best.ends
    share = f"{100 * best.shares[best.found]:.1f} % of resamples"
    if low == high:
        return f"is best with {best.found}{of} layers (in {share})"
    return (
        f"has no best depth that is shown: {low} to {high}{of} layers are not ruled out "
        f"({best.found} is highest in {share})"
    )


def stale_text(curves: Sequence[Curve]) -> str | None:
    """Why the best depths are outdated; None where they are not."""
    reasons = [c.best.stale for c in curves if isinstance(c.best, Best) and c.best.stale]
    return f"the best depths were found before; {reasons[0]}" if reasons else None


def paper_text(curves: Sequence[Curve], claims: Sequence[dict[str, Any]], data: str | None) -> str:
    """What the paper says of the best depth, and whether it is of the model swept here."""
    said = [claim for claim in claims if claim["kind"] == "depth"]
    if not said or not curves:
        return ""
    marked = [curve.claim for curve in curves if curve.claim]
    if marked:
        parts = [
            f"about {claim['value']} for {recommender_name(claim['recommender'])} "
            f"({', '.join(told_text(told(claim, v, data)) for v in claim['verdicts'].values())})"
            for claim in marked
        ]
        return f"The paper's best depths are marked: {_and(parts)}."
    depths = said[0]["sweep"]
    parts = [
        f"about {claim['value']} for {recommender_name(claim['recommender'])}" for claim in said
    ]
    first = curves[0].first
    stands = f", which stands for {encoder_name(first.model)}" if first.model else ""
    return (
        f"The paper's claim is about {encoder_name(said[0]['model'])} with {depths[0]} to "
        f"{depths[-1]} layers: best with {_and(parts)}. Swept here is "
        f"{encoder_name(first.encoder)}{stands}, so these depths are not marked."
    )


def _and(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def points_table(study: Study, curves: Sequence[Curve], metric: str) -> Table:
    """A row per depth: its figure, in how many resamples it is best, the paper's, its command."""
    name = METRIC_NAMES[metric]
    ranked = metric == "auc" and any(isinstance(curve.best, Best) for curve in curves)
    known = any(figure.paper is not None for curve in curves for figure in curve.figures)
    rows: list[list[Field]] = []
    for curve in curves:
        shares = curve.best.shares if isinstance(curve.best, Best) else {}
        for experiment, figure in zip(curve.experiments, curve.figures, strict=True):
            row: list[Field] = [experiment.recommender, str(experiment.layers)]
            row += [f"{len(experiment.done)}/{len(experiment.runs)}", signed(figure.verdict)]
            row.append(Number(figure.ours, figure.ci95, absent=absent(experiment)))
            if ranked:
                share = None if experiment.layers is None else shares.get(experiment.layers)
                percent = None if share is None else 100 * share
                row.append(Number(percent, form=".1f", unit=" %", absent="unknown"))
            if known:
                row.append(Number(figure.paper, absent="no paper value"))
            rows.append([*row, whole_command(study.params.content, experiment) or "none"])
    header = ["recommender", "layers", "runs", "verdict", name]
    header += ["best in"] * ranked + [f"{name}, paper"] * known + ["command"]
    caption = f"{name} by the number of fine-tuned layers, with 95 % intervals"
    caption += ", and the share of resamples in which a depth is best." if ranked else "."
    return Table(f"sweep-{metric.replace('@', '-')}", caption, COMPARED, header, rows, 4)
