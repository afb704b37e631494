"""Each figure as SVG and PNG, for light and dark pages."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import altair as alt
import vl_convert

from replication.report.figures.theme import THEMES, Theme, finished

SCALE = 1.5  # of PNG files, times the size on a screen


def save_figure(
    build: Callable[[Theme], alt.TopLevelMixin], title: str, label: str, folder: Path, name: str
) -> None:
    """Write `<name>.svg` and `<name>.png`, and both again with `-dark`."""
    for theme in THEMES:
        chart = finished(build(theme), theme, title, label)
        drawn = folder / f"{name}{theme.suffix}.svg"
        chart.save(drawn)
        # From what is drawn already: laying a figure out takes most of the time.
        image = vl_convert.svg_to_png(drawn.read_text(encoding="utf-8"), scale=SCALE)
        drawn.with_suffix(".png").write_bytes(packed(image))


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
