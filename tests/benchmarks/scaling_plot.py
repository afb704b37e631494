"""How time and memory grow with the data: a figure and a table of the points of bench_scaling.py.

points: dicts of `work`, `share` (of the largest size, 0 to 1), `impressions`, `seconds`, `peak_mib`
(over that of the process before it) and `columnar_mib` (the prepared data themselves).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
from wording import markdown, number, seconds_text

from replication.files.atomic import write_text
from replication.report.figures.cost import ticks
from replication.report.figures.save import as_svg
from replication.report.figures.theme import RECOMMENDER_SHAPES, THEMES, Theme

TITLE = "Time and memory as the data grow"
LABEL = "A thin line: what is exactly in proportion to the first point. Both axes are logarithmic."
MEASURES = {"seconds": "seconds", "peak_mib": "peak MiB"}
Points = Sequence[dict[str, Any]]


def scaling_text(points: Points) -> str:
    """The figure, and the growth from the smallest to the largest size in figures."""
    rows = []
    for work, own in _by_work(points).items():
        first, last = own[0], own[-1]
        rows.append(
            [
                work,
                *(f"{p['impressions']:,}" for p in (first, last)),
                *(seconds_text(p["seconds"]) for p in (first, last)),
                f"{number(last['seconds'] / first['seconds'])} times the time for "
                f"{number(last['impressions'] / first['impressions'])} times the data",
                *(_memory(p) for p in (first, last)),
            ]
        )
    head = ["work", "impressions from", "to", "time from", "to", "growth", "peak from", "to"]
    return "\n\n".join(
        [
            f"## {TITLE}",
            "<picture>\n"
            '  <source media="(prefers-color-scheme: dark)" srcset="scaling-dark.svg">\n'
            '  <img alt="Time and peak memory by number of impressions" src="scaling.svg">\n'
            "</picture>",
            markdown(head, rows),
        ]
    )


def write_scaling(points: Points, folder: Path) -> None:
    """Write scaling.svg and scaling-dark.svg."""
    for theme in THEMES:
        svg = as_svg(scaling_figure(points, theme), theme, TITLE, LABEL)
        write_text(folder / f"scaling{theme.suffix}.svg", svg)


def scaling_figure(points: Points, theme: Theme) -> alt.HConcatChart:
    """Seconds, and peak memory with the columnar data's size dashed, over impressions."""
    panels = [_panel(points, measure, title, theme) for measure, title in MEASURES.items()]
    return alt.hconcat(*panels, spacing=25)


def _panel(points: Points, measure: str, title: str, theme: Theme) -> alt.LayerChart:
    works = list(_by_work(points))
    colours = [*theme.tunings.values(), *theme.references.values()]
    rows = [
        {"work": p["work"], "impressions": p["impressions"], "value": p[measure]}
        for p in points
        if p[measure] is not None
    ]
    lines = [
        {"work": work, "impressions": p["impressions"], "value": scale * p["impressions"]}
        for work, own in _by_work(points).items()
        if own[0][measure] is not None
        for scale in [own[0][measure] / own[0]["impressions"]]
        for p in (own[0], own[-1])
    ]
    sizes = [p["impressions"] for p in points]
    across = alt.Scale(type="log", domain=[min(sizes) / 1.2, max(sizes) * 1.2], nice=False)
    x = alt.X("impressions:Q", scale=across, title="impressions").axis(
        values=ticks(*across["domain"]), format="~s"
    )
    y = alt.Y("value:Q", scale=alt.Scale(type="log"), title=title).axis(format="~s", tickCount=6)
    colour = alt.Color("work:N", scale=alt.Scale(domain=works, range=colours[: len(works)]))
    shape = alt.Shape("work:N", scale=alt.Scale(domain=works, range=list(RECOMMENDER_SHAPES)))
    measured = alt.Chart(_frame(rows)).encode(x=x, y=y, color=colour)
    layers = [
        alt.Chart(_frame(lines)).mark_line(strokeWidth=1, opacity=0.6).encode(x, y, colour),
        measured.mark_point(filled=True, size=60, opacity=1).encode(shape=shape),
    ]
    if measure == "peak_mib":
        own = [
            {"work": p["work"], "impressions": p["impressions"], "value": p["columnar_mib"]}
            for p in points
            if p["columnar_mib"] is not None
        ]
        layers.append(
            alt.Chart(_frame(own))
            .mark_line(strokeDash=[4, 3], strokeWidth=1.5)
            .encode(x, y, colour)
        )
    return alt.layer(*layers).properties(width=330, height=240)


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"work": str, "impressions": float, "value": float})


def _memory(point: dict[str, Any]) -> str:
    if point["peak_mib"] is None:
        return "–"
    data = point["columnar_mib"]
    of = "" if data is None else f", of which data {number(data)}"
    return f"{number(point['peak_mib'])} MiB{of}"


def _by_work(points: Points) -> dict[str, list[dict[str, Any]]]:
    """The points of each work, by size."""
    found: dict[str, list[dict[str, Any]]] = {}
    for point in sorted(points, key=lambda p: p["impressions"]):
        found.setdefault(point["work"], []).append(point)
    return found
