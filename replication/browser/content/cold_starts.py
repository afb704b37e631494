"""What the page Cold start tells: differences to the largest model, and AUC, by group of users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from replication.browser.content.gaps import absent
from replication.browser.content.results_table import whole_command
from replication.browser.reading.experiments import Experiment
from replication.browser.reading.runs import READY
from replication.browser.reading.study import Study
from replication.browser.words import counted, signed, told_text
from replication.paper.cells import Cell
from replication.paper.verdict import significant
from replication.paper.words import told
from replication.report.cold_starts import (
    cold_start_text,
    contrasts_table,
    group_of,
    groups_table,
)
from replication.report.names import encoder_name
from replication.report.study import COMPARED, FIFTHS, GROUPS
from replication.report.study import Study as Report
from replication.report.tables import Field, Number, Probability, Table
from replication.study.params import Params

COLDEST = 1
RULES = {
    "users": "a user is in one group, by the longest of the user's histories",
    "histories": "an impression is in the group of its own history, clicks counted as far as the "
    "model reads them (as the released code does)",
}


@dataclass(frozen=True)
class Contrast:
    """The largest model minus one smaller model.

    content  of comparison.json: groups, trend, runs
    """

    recommender: str
    tuning: str
    protocol: str
    large: str
    minus: str
    content: dict[str, Any]

    @property
    def points(self) -> list[dict[str, Any]]:
        """The groups of five that have a difference, as the report's figure takes them."""
        return [
            {
                "recommender": self.recommender,
                "tuning": self.tuning,
                "group": row["group"],
                "difference": row["difference"],
                "low": row["ci95"][0],
                "high": row["ci95"][1],
                "significant": significant(row["p_holm"]),
            }
            for row in self.content["groups"]
            if row["group"] in FIFTHS and row["difference"] is not None and row["ci95"]
        ]


def contrasts_of(study: Study) -> list[Contrast]:
    """All that `compare` has found; empty where it has not been run, or cannot be read."""
    comparison = study.comparison.content or {"cold_start": []}
    return [
        Contrast(
            family["recommender"],
            family["tuning"],
            family["protocol"],
            family["encoder"],
            contrast["minus"],
            contrast | {"groups": [row for row in contrast["groups"] if row["group"] in GROUPS]},
        )
        for family in comparison["cold_start"]
        for contrast in family["contrasts"]
    ]


def none_text(study: Study) -> str:
    """Why there is no contrast."""
    if study.comparison.content is None:
        return study.comparison.problem or f"The differences are not there: run `{COMPARED}`."
    return cold_start_text(_report(study, {"cold_start": []}, []))


def answer(contrasts: Sequence[Contrast]) -> str:
    """How many differences are significant, among the users with the fewest clicks and others."""
    if not contrasts:
        return "Whether they do is not known yet."
    cold = [p for c in contrasts for p in c.points if p["group"] == COLDEST]
    warm = [p for c in contrasts for p in c.points if p["group"] != COLDEST]
    names = list(dict.fromkeys(encoder_name(contrast.large) for contrast in contrasts))
    trends = [contrast.content["trend"] for contrast in contrasts]
    steep = [t for t in trends if significant(t["p_holm"])]
    falling = sum((trend["slope"] or 0) < 0 for trend in steep)
    return (
        f"For the users with the fewest clicks, {_counted(cold)} between {' or '.join(names)} and "
        f"a smaller model are significant after Holm's correction{_directions(cold)}; "
        f"for the others, {_counted(warm)} are{_directions(warm)}. "
        f"Of the {counted(len(trends), 'trend')} with the number of clicks, {falling or 'none'} "
        "fall significantly."
    )


def _counted(points: Sequence[dict[str, Any]]) -> str:
    found = sum(point["significant"] for point in points)
    return f"{found or 'none'} of the {counted(len(points), 'difference')}"


def _directions(points: Sequence[dict[str, Any]]) -> str:
    known = [point for point in points if point["significant"]]
    if not known:
        return ""
    gains = sum(point["difference"] > 0 for point in known)
    return f" ({gains} for the larger model, {len(known) - gains} against it)"


def claims_text(claims: Sequence[dict[str, Any]], data: str | None) -> list[str]:
    """A line per claim of the paper about cold start: what it says, and its verdicts; data: see
    `words.told`."""
    lines = []
    for claim in claims:
        if claim["kind"] == "cold_gain":
            words = [
                f"{told_text(told(claim, found, data))} under {protocol}"
                for protocol, found in claim["verdicts"].items()
            ]
            lines.append(f"The paper, {claim['id']}: {claim['statement']} {'; '.join(words)}.")
    return lines


def trends_table(contrasts: Sequence[Contrast]) -> Table:
    """The slope of the difference over the five groups, of each contrast."""
    rows: list[list[Field]] = []
    for contrast in contrasts:
        trend = contrast.content["trend"]
        slope = Number(trend["slope"], trend["ci95"], "+.4f", "+.4f")
        rows.append([contrast.recommender, contrast.tuning, slope, Probability(trend["p_holm"])])
    caption = "What each further group, with more clicks, adds to the difference:"
    header = ["recommender", "tuning", "trend per group", "p (Holm)"]
    return Table("cold-start-trends", caption, COMPARED, header, rows, text_columns=2)


def differences_table(study: Study, contrasts: Sequence[Contrast]) -> Table:
    """A row per contrast and group, those of at most and more than 5 clicks among them."""
    families = [
        {
            "recommender": contrast.recommender,
            "tuning": contrast.tuning,
            "protocol": contrast.protocol,
            "encoder": contrast.large,
            "contrasts": [contrast.content],
        }
        for contrast in contrasts
    ]
    return contrasts_table(_report(study, {"cold_start": families}, []))


def users_table(study: Study, claims: Sequence[dict[str, Any]]) -> Table | None:
    """Users, impressions and clicks of each group, and the paper's mean clicks; None where no run
    tells them, or no protocol is known."""
    table = groups_table(_report(study, {}, claims)) if study.params.content else None
    return table if table and table.rows else None


def rules_text(study: Study) -> str:
    """How users are grouped under each protocol."""
    rules: dict[str, str] = {}
    for cell in _grouped(study):
        if cell.cold_start:
            rules.setdefault(cell.protocol, cell.cold_start["rule"])
    return " ".join(
        f"Under {protocol}, {RULES.get(rule, f'users are grouped by the rule {rule}')}."
        for protocol, rule in rules.items()
    )


def _grouped(study: Study) -> list[Cell]:
    """The runs that tell all five groups."""
    cells = [run.cell for experiment in study.grid for run in experiment.runs]
    return [
        cell
        for cell in cells
        if cell.cold_start and tuple(row["group"] for row in cell.cold_start["groups"]) == FIFTHS
    ]


def _report(study: Study, comparison: dict[str, Any], claims: Sequence[dict[str, Any]]) -> Report:
    """What the report's tables of cold start read, and nothing else."""
    params = cast(Params, study.params.content)  # which only the table of users reads
    return Report(params, _grouped(study), comparison, {"claims": claims}, {}, {})


def dots(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """AUC of each experiment and group of five, for the figure; what is undefined is left out."""
    found = []
    for experiment in experiments:
        for group in FIFTHS:
            figure = experiment.figure("auc", group)
            if figure.ours is not None:
                low, high = figure.ci95 or (None, None)
                found.append(
                    {"encoder": experiment.encoder, "tuning": experiment.tuning, "group": group,
                     "auc": figure.ours, "low": low, "high": high, "verdict": figure.verdict}
                )  # fmt: skip
    return found


def auc_table(study: Study, experiments: Sequence[Experiment]) -> Table:
    """AUC of each experiment in every group, the paper's where it is known, and its command."""
    known = any(
        experiment.figure("auc", group).paper is not None
        for experiment in experiments
        for group in FIFTHS
    )
    rows: list[list[Field]] = []
    for experiment in experiments:
        line = whole_command(study.params.content, experiment) or "none"
        runs = f"{len(experiment.done)}/{len(experiment.runs)}"
        for group, name in GROUPS.items():
            row: list[Field] = [
                experiment.recommender,
                experiment.encoder,
                experiment.tuning,
                experiment.protocol,
            ]
            row += [name, runs]
            if isinstance(group, int):
                figure = experiment.figure("auc", group)
                row += [signed(figure.verdict)]
                row += [Number(figure.ours, figure.ci95, absent=absent(experiment, "cold_start"))]
                row += [Number(figure.paper, absent="no paper value")] * known
            else:
                word = experiment.state("cold_start").word
                row += ["" if word == READY else signed(word), _by_clicks(experiment, group)]
                row += [Number(None, absent="not given")] * known
            rows.append([*row, line])
    header = ["recommender", "encoder", "tuning", "protocol", "group", "runs", "verdict"]
    header += ["AUC", *(["AUC, paper"] * known), "command"]
    caption = "AUC by group of users, with 95 % intervals; group 1 has the fewest clicks."
    return Table("cold-start-auc", caption, "dvc repro", header, rows, text_columns=7)


def _by_clicks(experiment: Experiment, group: str) -> Number:
    """AUC of the users of at most or more than 5 clicks; the interval of a single run's own."""
    cells = [run.cell for run in experiment.done if run.cell.cold_start]
    found = [group_of(cell, group) for cell in cells]
    values = [row["auc"] for row in found]
    if not found or len(found) < len(experiment.done) or None in values:
        return Number(None, absent=absent(experiment, "cold_start"))
    return Number(sum(values) / len(values), found[0]["ci95"]["auc"] if len(found) == 1 else None)
