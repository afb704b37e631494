"""What the numbers were made of: code, data, checkpoints, libraries and machines, over all runs."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from replication.browser.reading.runs import UNASKED
from replication.browser.reading.study import Study
from replication.browser.words import counted
from replication.machine.git import git_commit
from replication.report.tables import Table
from replication.study import paths

HEADER = ("about", "what", "value", "runs")
UNKNOWN = "unknown"
Row = tuple[str, str, str, str]


def provenance_table(study: Study) -> Table:
    """A row per fact; where the runs differ in it, a row per value and how many runs name it."""
    runs = contents(study)
    rows = [*_study(study, runs), *_data(study, runs), *_checkpoints(runs)]
    rows += [row for about, pick in _FACTS.items() for row in _facts(about, runs, pick)]
    return Table("provenance", "What the results were made of.", "dvc repro", HEADER, rows, 4)


def contents(study: Study) -> list[dict[str, Any]]:
    """run.json of every run that params.yaml asks for and whose run.json can be read."""
    asked = (run.files["run"].content for run in study.runs if run.stale != UNASKED)
    return [content for content in asked if content is not None]


def differences(table: Table) -> list[str]:
    """What the runs do not agree in, such as `libraries: torch`."""
    names = Counter((about, what) for about, what, *_ in table.rows)
    return [f"{about}: {what}" for (about, what), count in names.items() if count > 1]


def _study(study: Study, runs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    params = study.params.content
    known = study.paper.content
    facts = {
        "commit checked out": commit(),
        "dvc.lock, sha256": study.stages.lock_digest or "no such file",
        "params.yaml, sha256": _sha256(),
        "profile": study.profile or UNKNOWN,
        "protocols": ", ".join(params.grid.every_protocol) if params else UNKNOWN,
        "seeds": ", ".join(map(str, params.grid.seeds)) if params else UNKNOWN,
        "first run started": min((r["started"] for r in runs if "started" in r), default=UNKNOWN),
        "last run ended": max((r["ended"] for r in runs if "ended" in r), default=UNKNOWN),
        "the paper's figures": f"{len(known)} imported"
        if known
        else study.paper.problem or "not imported; `python -m replication paper import FILE`",
    }
    yield from (("study", what, value, "") for what, value in facts.items())


def _data(study: Study, runs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """The digests that data.json holds, and those of the runs where they are others."""
    card = study.data.content
    yield "data", "release", ((card or {}).get("release") or "none"), ""
    held = card["sha256"] if card else {}
    for name in _ordered(held, *(run["data_sha256"] for run in runs)):
        found = _spread(run["data_sha256"].get(name) for run in runs)
        if name in held:
            found.setdefault(held[name], 0)
        for digest, count in found.items():
            beside = "data.json, " if digest == held.get(name) else ""
            yield "data", f"{name}, sha256", digest, beside + _share(count, len(runs))


def _checkpoints(runs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for encoder in sorted({run["checkpoint"]["encoder"] for run in runs}):
        used = [run for run in runs if run["checkpoint"]["encoder"] == encoder]
        found = _spread(_source(run["checkpoint"]) for run in used)
        for source, count in found.items():
            yield "checkpoint", encoder, source, _share(count, len(used))
        for name in _ordered(*(run["checkpoint"]["sha256"] for run in used)):
            found = _spread(run["checkpoint"]["sha256"].get(name) for run in used)
            for digest, count in found.items():
                yield "checkpoint", f"{encoder}/{name}, sha256", digest, _share(count, len(used))


def _source(checkpoint: dict[str, Any]) -> str:
    parts = [checkpoint.get("source"), checkpoint.get("name")]
    if checkpoint.get("revision"):
        parts.append(f"revision {checkpoint['revision']}")
    return ", ".join(part for part in parts if part) or UNKNOWN


def _libraries(run: dict[str, Any]) -> dict[str, Any]:
    return run["libraries"]


def _hardware(run: dict[str, Any]) -> dict[str, Any]:
    machine = run["hardware"]
    return {
        "processor": machine["processor"],
        "cores": machine["cores"],
        "memory, GiB": machine["memory_gib"],
        "GPU": machine["gpu"] or "none",
        "precision": run.get("precision"),
    }


def _code(run: dict[str, Any]) -> dict[str, Any]:
    git = run.get("git", {})
    changed = {True: "yes", False: "no"}.get(git.get("changed"))
    return {"commit of the runs": git.get("commit"), "with changes beside it": changed}


_FACTS = {"libraries": _libraries, "hardware": _hardware, "code": _code}


def _facts(
    about: str, runs: Sequence[dict[str, Any]], pick: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[Row]:
    picked = [pick(run) for run in runs]
    for name in _ordered(*picked):
        for value, count in _spread(facts.get(name) for facts in picked).items():
            yield about, name, value, _share(count, len(runs))


def _ordered(*found: Iterable[str]) -> list[str]:
    """Every key once, as first met."""
    return list(dict.fromkeys(key for keys in found for key in keys))


def _spread(values: Iterable[Any]) -> dict[str, int]:
    """Value in words -> how many name it, the most named first."""
    found = Counter(UNKNOWN if value is None else str(value) for value in values)
    return dict(found.most_common())


def _share(count: int, of: int) -> str:
    if count == of:
        return f"all {counted(of, 'run')}" if of > 1 else counted(of, "run")
    return f"{count} of {counted(of, 'run')}"


def _sha256() -> str:
    try:
        return hashlib.sha256(paths.PARAMS.read_bytes()).hexdigest()
    except OSError:
        return "no such file"


def commit() -> str:
    """The commit that is checked out, short, and whether tracked code or configuration differ from
    it; `unknown` and why where it cannot be told."""
    found = git_commit()
    changed = ", changed" if found["changed"] else ""
    return (
        f"{str(found['commit'])[:10]}{changed}"
        if found["commit"]
        else f"{UNKNOWN} ({found['reason']})"
    )
