"""Figures: what is drawn, in both themes, and that it can be told apart."""

import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from contextlib import nullcontext

import altair as alt
import pytest

from replication.report import write
from replication.report.cold_starts import gain_points
from replication.report.figures.cost import label_rows
from replication.report.figures.save import packed
from replication.report.figures.sweep import segments
from replication.report.figures.theme import DARK, LIGHT, THEMES, specification
from replication.study import paths

SVG = "{http://www.w3.org/2000/svg}"
# Name -> how many points it draws of a study.
POINTS = {
    "auc": lambda study: len(study.experiments),
    "sweep": lambda study: sum(len(curve["curve"]) for curve in study.comparison["sweep"]),
    "cold_start": lambda study: len(gain_points(study)),
    "cost": lambda study: len(study.experiments),
}
LABELS = {
    "auc": {"NAML, clean", "NRMS, released", "SmolLM2", "popularity", "ceiling", "AUC", "frozen"},
    "sweep": {"fine-tuned layers", "AUC", "NAML, MiniLM (clean)"},
    "cold_start": {"minus static", "minus minilm", "group (1: fewest clicks)", "LSTUR"},
    "cost": {"parameters (log scale)", "AUC, NRMS", "static vectors", "MiniLM-L3", "fine-tuned"},
}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", THEMES)
def test_colours_stand_out_from_the_page(theme):
    for colour in (theme.text, *theme.tunings.values(), *theme.references.values()):
        low, high = sorted((luminance(colour), luminance(theme.background)))
        assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.slow
def test_vega_lite_accepts_all_that_is_said_of_a_figure(finished, monkeypatch):
    built = {}
    monkeypatch.setattr(write, "new_folder", nullcontext)
    monkeypatch.setattr(
        write, "save_figure", lambda build, title, label, folder, name: built.update({name: build})
    )
    write._draw(finished)
    assert built.keys() == POINTS.keys()
    for build in built.values():
        alt.Chart.from_dict(specification(build(DARK), DARK))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", POINTS)
def test_a_figure_has_its_points_and_labels(finished, name, theme):
    path = paths.REPORTS / f"figures/{name}{theme.suffix}.svg"
    root = ElementTree.parse(path).getroot()
    points = [
        mark
        for mark in root.iter(f"{SVG}path")
        if mark.get("aria-roledescription") in ("point", "circle", "square")
    ]
    assert len(points) == POINTS[name](finished)
    texts = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert texts >= LABELS[name]
    assert any("Demo data: not evidence about the paper." in text for text in texts)
    colours = set(re.findall(r"#[0-9a-f]{6}", path.read_text(encoding="utf-8")))
    assert theme.background in colours and colours <= set(theme.colours)


def test_themes_differ_in_their_colours(finished):
    light, dark = (paths.REPORTS / f"figures/auc{t.suffix}.svg" for t in (LIGHT, DARK))
    assert LIGHT.tunings["frozen"] in light.read_text(encoding="utf-8")
    assert LIGHT.tunings["frozen"] not in dark.read_text(encoding="utf-8")


def test_a_missing_depth_breaks_the_curve():
    seen = {"runs": [1, 1], "verdict": "no paper value"}
    points = [{"layers": n, "ours": 0.6, "ci95": [0.5, 0.7]} | seen for n in (0, 2, 4, 6)]
    points[2] |= {"ours": None, "ci95": None, "runs": [0, 1], "verdict": "not run"}
    points[3]["ci95"] = None  # a figure without its interval is no gap
    drawn = segments(points)
    assert [(p["layers"], p["segment"]) for p in drawn] == [(0, 0), (2, 0), (6, 1)]
    assert [(p["low"], p["high"]) for p in drawn] == [(0.5, 0.7), (0.5, 0.7), (None, None)]


def test_labels_that_would_overlap_stand_in_rows():
    near = [(100.0, "bert-base"), (110.0, "roberta-base"), (400.0, "llama")]
    assert label_rows(near) == [0, 1, 0]
    assert label_rows([]) == []


def test_a_packed_image_has_the_same_pixels(finished):
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    pixels = b"".join(b"\0" + bytes(range(100)) for _ in range(50))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 50, 8, 0, 0, 0, 0))
    data = zlib.compress(pixels, 0)
    image = head + chunk(b"IDAT", data[:999]) + chunk(b"IDAT", data[999:]) + chunk(b"IEND", b"")
    small = packed(image)
    assert len(small) < len(image) / 5
    assert small == head + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", POINTS)
def test_images_are_small(finished, name):
    assert (paths.REPORTS / f"figures/{name}.png").stat().st_size < 150_000
