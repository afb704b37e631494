"""The report of the benchmarks: reports/benchmarks/README.md from what pytest-benchmark saved.

`python tests/benchmarks/table.py FILE` takes the JSON of the benchmarks that were just run (all of
them or some) into reports/benchmarks/ and writes the page anew. Those on a GPU have a page of their
own, `gpu/README.md`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from profile_text import profile_text
from scaling_plot import scaling_text, write_scaling
from wording import commit_text, markdown, memory_text, number, ratio_text, seconds_text

from replication.files.atomic import write_json, write_text

FOLDER = Path("reports/benchmarks")
GPU = "gpu"  # the folder of the GPU's page
RESIDENT = (
    "the resident memory of a process that does this work alone; where data grow or vectors are "
    "read from disk, what it needs over the libraries and the model."
)
ELSEWHERE = "What was done on a GPU has [a page of its own](gpu/README.md)."
ON_GPU = "what torch held on the GPU at most, weights included."
_UNITS = {
    "ratio": "times", "seconds": "s", "peak_mib": "MiB",
    "time growth": "times the time", "memory growth": "times the memory",
}  # fmt: skip


def page(saved: dict[str, Any], profiles: dict[str, Any] | None, available: list[str]) -> str:
    """README.md as text.

    saved      the JSON of pytest-benchmark, with the hooks of conftest.py
    profiles   the JSON of profiles.py, or None
    available  the names of all benchmark files, so that those which were not run are named
    """
    rows = [*measured_rows(saved), *unmeasured_rows(saved)]
    head = ["work", "size", "naive", "ours", "ratio", "peak memory", "goal", "result"]
    parts = [
        "# Benchmarks",
        "The study's work done the naive way (`tests/benchmarks/naive/`, as the released code does "
        "it) and our way, side by side in one run. A ratio is naive over our seconds; seconds are "
        "medians, ours after one untimed round. Peak memory, naive → ours, is "
        + (ON_GPU if saved["machine_info"]["gpu"] else RESIDENT),
        machine_text(saved),
        markdown(head, rows),
    ]
    if not saved["machine_info"]["gpu"]:
        parts.append(ELSEWHERE)
    if notes := notes_of(saved):
        parts.append(notes)
    ran = {entry["fullname"].split("::")[0].rsplit("/")[-1] for entry in _entries(saved)}
    if missing := [f"`{name}`" for name in available if name not in ran]:
        parts.append(f"Not run this time: {', '.join(missing)}.")
    if points := scaling_points(saved):
        parts.append(scaling_text(points))
    if profiles:
        parts.append(profile_text(profiles))
    return "\n\n".join(parts) + "\n"


def scaling_points(saved: dict[str, Any]) -> list[dict[str, Any]]:
    """What bench_scaling.py found, if it was run."""
    return [point for b in saved["benchmarks"] for point in b["extra_info"].get("points", ())]


def measured_rows(saved: dict[str, Any]) -> list[list[str]]:
    """A row of text per benchmark that gave a figure; one that failed afterwards has no result."""
    failed = {entry["fullname"] for entry in saved["not_measured"]}
    rows = []
    for benchmark in saved["benchmarks"]:
        if benchmark["fullname"] in failed:
            continue
        info = benchmark["extra_info"]
        rows.append(
            [
                info.get("work") or _plain_name(benchmark["fullname"]),
                info.get("size") or "–",
                seconds_text(info.get("naive_seconds")),
                seconds_text(benchmark["stats"]["median"]),
                ratio_text(info.get("ratio")),
                memory_text(info.get("naive_peak_mib"), info.get("peak_mib")),
                info.get("goal") or "–",
                result_text(info.get("goals", [])),
            ]
        )
    return rows


def unmeasured_rows(saved: dict[str, Any]) -> list[list[str]]:
    """A row per benchmark that was skipped or failed, with the reason."""
    works = {b["fullname"]: b["extra_info"].get("work") for b in saved["benchmarks"]}
    return [
        [
            works.get(entry["fullname"]) or _plain_name(entry["fullname"]),
            *["–"] * 6,
            f"**{entry['outcome']}**: {entry['reason']}",
        ]
        for entry in saved["not_measured"]
    ]


def result_text(goals: list[dict[str, Any]]) -> str:
    """`met`, or every goal that was missed and by how much, or not measured."""
    if not goals:
        return "–"
    bad = []
    for goal in goals:
        unit, wanted, value = _UNITS[goal["of"]], goal["goal"], goal["value"]
        if value is None:
            bad.append(f"**not measured**: {goal['of'].replace('_mib', ' memory')}")
        elif not goal["met"]:
            off = 100 * abs(value / wanted - 1)
            side = "under" if goal["of"] == "ratio" else "over"
            bad.append(f"**missed**: {number(value)} {unit}, {number(off)} % {side} the goal")
    return "; ".join(bad) or "met"


def machine_text(saved: dict[str, Any]) -> str:
    """Hardware, versions, date, commit, how long it took and how to run it again."""
    machine = saved["machine_info"]
    libraries = machine["libraries"]
    return (
        f"Measured on {saved['datetime'][:10]}: {machine['processor']}, {machine['cores']} cores "
        f"({machine['threads']} threads), {machine['memory_gib']} GiB, bf16 "
        f"{'yes' if machine['bf16'] else 'no'}, GPU {machine['gpu'] or 'none'}; Python "
        f"{libraries['python']}, torch {libraries['torch']}; "
        f"{commit_text(saved['commit_info'])}. It took "
        f"{number(saved['seconds'] / 60)} minutes. Again: "
        f"`make bench{'-gpu' if machine['gpu'] else ''}` on an idle machine."
    )


def notes_of(saved: dict[str, Any]) -> str:
    """What the benchmarks say of their own figures, as a list."""
    found = [b["extra_info"] for b in saved["benchmarks"] if b["extra_info"].get("note")]
    return "\n".join(f"- {info['work']}: {info['note']}" for info in found)


def _entries(saved: dict[str, Any]) -> list[dict[str, Any]]:
    return [*saved["benchmarks"], *saved["not_measured"]]


def _plain_name(fullname: str) -> str:
    """`bench_browser.py::test_page_change[cost]` as `browser: page change, cost`."""
    file, _, name = fullname.partition("::")
    words = name.removeprefix("test_").replace("_", " ").replace("[", ", ").rstrip("]")
    return ": ".join(filter(None, (Path(file).stem.removeprefix("bench_"), words)))


def write(saved: dict[str, Any]) -> None:
    """Keep `saved` as benchmarks.json, and write README.md with the profile that lies beside it."""
    on_gpu = bool(saved["machine_info"]["gpu"])
    folder = FOLDER / GPU if on_gpu else FOLDER
    profiles = folder / "profiles.json"
    known = json.loads(profiles.read_text(encoding="utf-8")) if profiles.exists() else None
    here = Path(__file__).parent
    available = sorted(
        path.name for path in here.glob("bench_*.py") if ("gpu" in path.stem) == on_gpu
    )
    text = page(saved, known, available)
    folder.mkdir(exist_ok=True)
    write_json(folder / "benchmarks.json", saved)
    if points := scaling_points(saved):
        write_scaling(points, folder)
    write_text(folder / "README.md", text)


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
