"""Whether prepared data are a release of MIND: by figures, and by digests."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from replication.files.errors import StudyError, warn
from replication.mind.releases import PINS, Figure, load_pins

Known = Literal["verified", "figures", "other"]


def check_statistics(
    meta: dict[str, Any], release: str | None, pins: Path = PINS, verified: bool = False
) -> None:
    """Hold the figures of `meta` (meta.json) against the release's own.

    A number must agree to the decimals that the pinned one carries. Without a release, or for one
    without figures, there is nothing to hold against.
    verified  whether the bytes are known to be the release's: then another figure is told, for it
              is the pinned one that is wrong
    Errors: `StudyError` naming the first figure of grade H that differs in bytes that are not
    verified. Other figures are told.
    """
    figures = getattr(load_pins(pins).releases, release).figures if release else None
    parts = {"train": meta["splits"]["train"], "test": meta["splits"]["test"], "both": meta}
    for part, expected in (figures or {}).items():
        among = parts if part == "any" else {part: parts[part]}
        for name, pinned in expected.items():
            graded = isinstance(pinned, Figure)
            value, grade = (pinned.value, pinned.grade) if graded else (pinned, "H")
            found = {where: values[name] for where, values in among.items() if name in values}
            if any(_agree(v, value) for v in found.values()):
                continue
            told = " and ".join(f"{v} in {where}" for where, v in found.items())
            message = f"{name} of MIND-{release} is {told or 'missing'}, expected {value} ({pins})"
            if grade == "H" and not verified:
                raise StudyError(
                    f"{message}; the data are not that release: get them again, or set "
                    "data.release=null"
                )
            why = "the bytes are the release's own" if verified else f"a figure of grade {grade}"
            warn(f"{message}; {why}: it goes on")


def shows_release(card: dict[str, Any], release: str, pins: Path = PINS) -> bool:
    """Whether the figures of a data card (meta.json, reports/data.json) are those that a release is
    known by, every one of grade H; whatever profile or folder the data came by. False for a release
    without figures, which nothing can be known by."""
    figures = getattr(load_pins(pins).releases, release).figures or {}
    splits = card.get("splits") or {}
    parts = {"train": splits.get("train") or {}, "test": splits.get("test") or {}, "both": card}
    for part, expected in figures.items():
        among = list(parts.values()) if part == "any" else [parts[part]]
        for name, pinned in expected.items():
            value, grade = (
                (pinned.value, pinned.grade) if isinstance(pinned, Figure) else (pinned, "H")
            )
            if grade == "H" and not any(
                name in values and _agree(values[name], value) for values in among
            ):
                return False
    return bool(figures)


def are_verified(card: dict[str, Any]) -> bool:
    """Whether the data of a card came in zips whose bytes are a release's for certain."""
    zips = card.get("zips") or {}
    return all((zips.get(split) or {}).get("verified") is True for split in ("train", "dev"))


def known_as(card: dict[str, Any], release: str, pins: Path = PINS) -> Known:
    """What shows that the data of a card (meta.json, reports/data.json) are a release of MIND.

    `verified`: its zips' bytes or its tables' are the release's, by the pinned SHA-256, and so are
    the figures. `figures`: these alone; other tables could have them too. `other`: neither.
    """
    if not shows_release(card, release, pins):
        return "other"
    verified = card.get("release") == release and are_verified(card)
    return "verified" if verified or _has_digests(card, release, pins) else "figures"


def _has_digests(card: dict[str, Any], release: str, pins: Path) -> bool:
    """Whether all four tables have their pinned digests; not, where one is not recorded."""
    found, pinned = card.get("sha256") or {}, load_pins(pins)
    return all(
        digest is not None and found.get(f"{split}/{name}") == digest
        for split in ("train", "dev")
        for name, digest in (pinned.split(release, split).digests or {"news.tsv": None}).items()
    )


def _agree(found: int | float | str, expected: int | float | str) -> bool:
    if isinstance(expected, str):
        return found == expected
    pinned = Decimal(repr(expected))
    exponent = pinned.as_tuple().exponent
    assert isinstance(exponent, int)  # pins.yaml has finite numbers alone
    unit = Decimal(1).scaleb(exponent)  # of the last decimal
    return abs(Decimal(repr(found)) - pinned) <= unit / 2
