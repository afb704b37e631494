"""The look of the figures, on a light and on a dark page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import altair as alt
import polars as pl

from replication.report.names import TUNING_NAMES

# Shape and dash repeat what colour says.
SHAPES = {"frozen": "circle", "finetuned": "square"}
RECOMMENDER_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
DASHES = {"random": [8, 2, 2, 2], "popularity": [2, 2], "ceiling": [6, 3]}


@dataclass(frozen=True)
class Theme:
    """Colours as hexadecimal text; those of data are Okabe and Ito's, or darkened from them, with a
    contrast to the background of 3 or more.

    suffix      of the files' names
    tunings     frozen, finetuned; references: random, popularity, ceiling
    """

    suffix: str
    background: str
    text: str
    grid: str
    tunings: dict[str, str]
    references: dict[str, str]

    @property
    def colours(self) -> list[str]:
        """All of them, in one order."""
        page = [self.background, self.text, self.grid]
        return [*page, *self.tunings.values(), *self.references.values()]


LIGHT = Theme(
    "", "#ffffff", "#1f2328", "#d8dee4",
    {"frozen": "#0072b2", "finetuned": "#d55e00"},
    {"random": "#8f4a73", "popularity": "#555555", "ceiling": "#007a5a"},
)  # fmt: skip
DARK = Theme(
    "-dark", "#0d1117", "#e6edf3", "#30363d",
    {"frozen": "#56b4e9", "finetuned": "#e69f00"},
    {"random": "#cc79a7", "popularity": "#a8a8a8", "ceiling": "#00b383"},
)  # fmt: skip
THEMES = (LIGHT, DARK)


def recoloured(svg: str, theme: Theme) -> str:
    """A figure drawn in LIGHT with the colours of another theme in their places."""
    places = dict(zip(LIGHT.colours, theme.colours, strict=True))
    return re.sub("|".join(places), lambda found: places[found[0]], svg)


def specification(
    chart: alt.TopLevelMixin, theme: Theme, **others: Mapping[str, Any]
) -> dict[str, Any]:
    """A chart as Vega-Lite, in the theme's colours.

    others: what else is said of a part of its configuration, such as `legend`

    Not by Altair's `configure`: every call of it copies the whole chart, and all together they took
    as long as drawing it. What is said here Vega-Lite's schema accepts; the tests ask it.
    """
    spec = chart.to_dict(validate=False)
    names = {
        "labelFontSize": 12, "titleFontSize": 12, "labelColor": theme.text,
        "titleColor": theme.text, "titleFontWeight": "normal",
    }  # fmt: skip
    lines = {"gridColor": theme.grid, "domainColor": theme.text, "tickColor": theme.text}
    look: dict[str, Any] = {
        "view": {"stroke": theme.grid},
        "axis": names | lines | {"labelLimit": 220},
        "legend": names | {"orient": "bottom"},
        "title": {"color": theme.text, "subtitleColor": theme.text},
    }
    config = spec.setdefault("config", {})
    for part in (look, others):
        for name, told in part.items():
            config[name] = config.get(name, {}) | told
    return spec


def nothing_yet(theme: Theme) -> alt.Chart:
    """What stands in place of a figure that has no point."""
    text = alt.Chart(pl.DataFrame({"text": ["Nothing of this has been run."]})).mark_text(
        color=theme.text, fontSize=13
    )
    return text.encode(text="text:N").properties(width=480, height=60)


def tuning_colour(theme: Theme, title: str = "tuning") -> alt.Color:
    """The channel that tells frozen from fine-tuned; every figure has the same."""
    names = list(theme.tunings)
    scale = alt.Scale(domain=names, range=[theme.tunings[name] for name in names])
    return alt.Color("tuning:N", scale=scale, title=title, legend=tuning_legend())


def tuning_legend() -> alt.Legend:
    """A legend that names the tunings as people do; legends of one field merge if alike."""
    return alt.Legend(labelExpr=spelled(TUNING_NAMES))


def spelled(names: Mapping[str, str], label: str = "datum.label") -> str:
    """Vega's expression for a label: its entry of `names`, or the label as it is."""
    return f"({json.dumps(dict(names), ensure_ascii=False)})[{label}] || {label}"


def tuning_shape() -> alt.Shape:
    scale = alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
    return alt.Shape("tuning:N", scale=scale, title="tuning", legend=tuning_legend())


def auc_scale(values: list[float]) -> alt.Scale:
    """An axis that holds all values, with some room."""
    room = 0.05 * (max(values) - min(values)) or 0.01
    return alt.Scale(domain=[min(values) - room, max(values) + room], nice=False, zero=False)


def layered(*layers: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """`alt.layer` of what has no facets: of charts with some it would make a FacetChart."""
    return cast(alt.LayerChart, alt.layer(*layers))
