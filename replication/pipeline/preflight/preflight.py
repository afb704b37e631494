"""`python -m replication preflight`: one table of all that a study needs, before any work."""

import argparse

from replication.files.errors import StudyError, one_line
from replication.pipeline.preflight.downloads import download_rows
from replication.pipeline.preflight.machine import machine_rows
from replication.pipeline.preflight.rows import Row
from replication.pipeline.preflight.wanted import wanted
from replication.report.tables import markdown
from replication.study.params import Params


def preflight(params: Params, profile: str | None, offline: bool) -> list[Row]:
    """What the study needs, what would stop it first. Nothing is downloaded or written.

    profile  of which `params` are; None: params.yaml as it is
    offline  ask no server
    """
    from huggingface_hub import constants

    downloads = download_rows(wanted(params), params.profile, offline or constants.HF_HUB_OFFLINE)
    coming = sum(row.size or 0 for row in downloads if row.state == "reachable")
    rows = [*downloads, *machine_rows(params, profile, coming)]
    return sorted(rows, key=lambda row: row.problem is None)


def text(rows: list[Row], profile: str) -> str:
    """The rows in words: problems and their remedies, the table, what is good to know."""
    problems: dict[str, list[str]] = {}
    for row in rows:
        if row.problem:
            problems.setdefault(row.problem, []).append(row.what)
    notes = [row.note for row in rows if row.note]
    parts = [f"# Before a study of profile {profile}\n"]
    if problems:
        parts.append("It would stop:\n")
        parts += [f"- {', '.join(of)}: {one_line(told)}" for told, of in problems.items()]
    else:
        parts.append("Nothing that would stop it was found.")
    head = ["what", "where", "size", "licence", "state"]
    cells = [[r.what, r.where, _size(r.size), r.licence, _state(r)] for r in rows]
    parts.append("\n" + markdown(head, cells, text_columns=5).rstrip())
    if notes:
        parts.append("\nGood to know:\n")
        parts += [f"- {one_line(note)}" for note in dict.fromkeys(notes)]
    return "\n".join(parts)


def _state(row: Row) -> str:
    return f"STOPS: {row.state}" if row.problem else row.state


def _size(size: float | None) -> str:
    if size is None:
        return ""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"


def run(arguments: argparse.Namespace) -> None:
    """Print the table. Errors: `StudyError` (so exit status 1) where something would stop."""
    from replication.pipeline.plan.stages import study

    params, _ = study(arguments.profile)
    rows = preflight(params, arguments.profile, arguments.offline)
    print(text(rows, params.profile), flush=True)
    if stopping := [row for row in rows if row.problem]:
        raise StudyError(f"preflight: {len(stopping)} of {len(rows)} would stop the study")
