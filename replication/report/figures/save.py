"""Each figure as SVG and PNG, for light and dark pages."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import altair as alt
import vl_convert

from replication.report.figures.theme import LIGHT, THEMES, Theme, recoloured, specification

SCALE = 1.5  # of PNG files, times the size on a screen


def save_figure(
    build: Callable[[Theme], alt.TopLevelMixin], title: str, label: str, folder: Path, name: str
) -> None:
    """Write `<name>.svg` and `<name>.png`, and both again with `-dark`."""
    svg = as_svg(build(LIGHT), LIGHT, title, label)
    # From what is drawn already: laying a figure out takes most of the time.
    for theme in THEMES:
        drawn = folder / f"{name}{theme.suffix}.svg"
        drawn.write_text(themed := recoloured(svg, theme), encoding="utf-8")
        drawn.with_suffix(".png").write_bytes(packed(vl_convert.svg_to_png(themed, scale=SCALE)))


def as_svg(chart: alt.TopLevelMixin, theme: Theme, title: str, label: str) -> str:
    """A figure with its title, the label below it, on a page of the theme's colour."""
    spec = specification(chart, theme)
    spec["title"] = {
        "text": title, "subtitle": label, "anchor": "start", "offset": 14, "subtitleFontSize": 12,
    }  # fmt: skip
    spec |= {"background": theme.background, "padding": 12}
    return vl_convert.vegalite_to_svg(spec)


def packed(png: bytes) -> bytes:
    """The same image, compressed as well as zlib can: vl-convert's is some six times larger."""
    chunks, at, pixels = [], 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            pixels += content
        else:
            chunks.append((kind, content))
        at += 12 + length
    chunks.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(pixels), 9)))
    return png[:8] + b"".join(
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )  # fmt: skip
