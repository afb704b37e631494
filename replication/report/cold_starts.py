"""Cold start: users by number of clicks."""

from collections.abc import Sequence
from typing import Any

from replication.paper.cells import Cell
from replication.paper.verdict import significant
from replication.report.names import encoder_name
from replication.report.study import COMPARED, EXPERIMENT, FIFTHS, GROUPS, Study
from replication.report.tables import Field, Number, Probability, Table

FAMILY = ("recommender", "tuning", "protocol")  # what the models of a contrast share


def group_of(cell: Cell, group: int | str) -> dict[str, Any]:
    """One group of a run's cold_start.json."""
    found = cell.cold_start
    assert found is not None  # the cell has been run
    return found["groups"][group - 1] if isinstance(group, int) else found[group]


def groups_table(study: Study) -> Table:
    """How many users and clicks each group has, and the paper's mean clicks where it gives them."""
    paper = [claim.get("mean_clicks") for claim in study.claims["claims"]]
    paper_mean = next((clicks for clicks in paper if clicks is not None), None)
    rows: list[list[Field]] = []
    for protocol in study.protocols:
        ran = [c for c in study.cells if c.cold_start and c.protocol == protocol]
        for group in GROUPS if ran else ():
            found = group_of(ran[0], group)
            some = found["clicks_min"] is not None
            rows.append(
                [
                    protocol,
                    GROUPS[group],
                    f"{found['clicks_min']} to {found['clicks_max']}" if some else "none",
                    Number(found["users"], form=",d"),
                    Number(found["impressions"], form=",d"),
                    Number(found["clicks_mean"], form=".2f"),
                    Number(paper_mean if group == 1 else None, form=".2f", absent="not given"),
                ]
            )
    header = ["protocol", "group", "clicks", "users", "impressions", "mean clicks", "the paper's"]
    caption = "The groups of users by clicks, 1 the coldest."
    return Table("groups", caption, "dvc repro report", header, rows, text_columns=3)


def cold_start_table(study: Study) -> Table:
    """AUC of every experiment in each group of five, and the paper's where it has been imported."""
    cells = study.comparison["cells"]
    known = any(group["paper"] is not None for cell in cells for group in cell["groups"])
    rows: list[list[Field]] = []
    for cell in cells:
        absent = "undefined" if cell["runs"][0] else "not run"
        row: list[Field] = [cell[key] for key in EXPERIMENT]
        for group in cell["groups"]:
            row.append(Number(group["ours"], group["ci95"], absent=absent))
            if known:
                row.append(Number(group["paper"], absent="no paper value"))
        rows.append(row)
    header = list(EXPERIMENT)
    for group in FIFTHS:
        header += [f"group {group}", f"{group}, paper"] if known else [f"group {group}"]
    caption = "AUC by group of users, mean over seeds; group 1 has the fewest clicks."
    return Table("cold_start", caption, COMPARED, header, rows, text_columns=4)


def gains_table(study: Study) -> Table:
    """AUC of the largest model minus that of each smaller one, by group, and its trend."""
    rows: list[list[Field]] = []
    for family, contrast in _contrasts(study):
        groups = {row["group"]: row for row in contrast["groups"]}
        row: list[Field] = [family[key] for key in FAMILY]
        row.append(_sides(family, contrast))
        row += [_difference(groups[g], starred=True) for g in FIFTHS]
        trend = contrast["trend"]
        row.append(Number(trend["slope"], trend["ci95"], "+.4f", "+.4f", _star(trend)))
        rows.append(row)
    header = [*FAMILY, "difference", *map(str, FIFTHS), "trend"]
    caption = (
        "Difference of AUC to the largest language model, by group of users, with 95 % intervals; "
        "* where p (Holm) is below 0.05. The trend is the slope per group."
    )
    return Table("gains", caption, COMPARED, header, rows, text_columns=4)


def contrasts_table(study: Study) -> Table:
    """The same, a row per group, with the tests."""
    rows: list[list[Field]] = [
        [
            *(family[key] for key in FAMILY),
            _sides(family, contrast),
            GROUPS[row["group"]],
            Number(row["impressions"], form=",d"),
            _difference(row),
            Probability(row["p"]),
            Probability(row["p_holm"]),
        ]
        for family, contrast in _contrasts(study)
        for row in contrast["groups"]
    ]
    header = [*FAMILY, "difference", "group", "impressions", "AUC", "p", "p (Holm)"]
    caption = (
        "Difference of AUC to the largest language model in each group of users; p is "
        "Holm-corrected over the groups and models of a recommender, tuning and protocol."
    )
    return Table("contrasts", caption, COMPARED, header, rows, text_columns=5)


def gain_points(study: Study) -> list[dict[str, Any]]:
    """A point per contrast and group of five, for the figure; what is undefined is left out."""
    return [
        {
            **{key: family[key] for key in FAMILY},
            "minus": contrast["minus"],
            "group": row["group"],
            "difference": row["difference"],
            "low": row["ci95"][0],
            "high": row["ci95"][1],
        }
        for family, contrast in _contrasts(study)
        for row in contrast["groups"]
        if row["group"] in FIFTHS and row["difference"] is not None and row["ci95"]
    ]


def cold_start_text(study: Study) -> str:
    if not study.comparison["cold_start"]:
        return (
            "No contrast yet: the largest language model and a smaller one must have been run with "
            "the same recommender, tuning and protocol."
        )
    return (
        "The largest language model gains where a difference is above zero. A trend below zero "
        "means that its advantage shrinks as histories grow (claim C4). The five groups and the "
        "groups of at most and more than 5 clicks overlap; every p stands in "
        "[tables/contrasts.csv](tables/contrasts.csv)."
    )


def _contrasts(study: Study) -> Sequence[tuple[dict[str, Any], dict[str, Any]]]:
    """Every contrast with the family it is of."""
    return [(f, contrast) for f in study.comparison["cold_start"] for contrast in f["contrasts"]]


def _sides(family: dict[str, Any], contrast: dict[str, Any]) -> str:
    return f"{encoder_name(family['encoder'])} - {encoder_name(contrast['minus'])}"


def _difference(row: dict[str, Any], starred: bool = False) -> Number:
    unit = _star(row) if starred else ""
    return Number(row["difference"], row["ci95"], "+.4f", "+.3f", unit)


def _star(row: dict[str, Any]) -> str:
    return " *" if significant(row["p_holm"]) else ""
