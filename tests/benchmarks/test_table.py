"""The page of the benchmarks says what was measured, and what was not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import table
from measuring import met
from wording import seconds_text, without_folders

MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "memory_gib": 23.5,
    "gpu": None,
    "threads": 2,
    "bf16": True,
    "libraries": {"python": "3.11.7", "torch": "2.13.0"},
}


def a_benchmark(name: str, median: float, **info: Any) -> dict[str, Any]:
    goals = info.pop("goals", [])
    for goal in goals:
        goal["met"] = met(goal["of"], goal["goal"], goal["value"])
    return {
        "name": name,
        "fullname": f"tests/benchmarks/bench_{name}.py::test_{name}",
        "extra_info": info | {"goals": goals} if info else {},
        "stats": {"median": median},
    }


def saved(*benchmarks: dict[str, Any], not_measured: list[dict] | None = None) -> dict[str, Any]:
    return {
        "machine_info": MACHINE,
        "commit_info": {"commit": "0123456789abcdef", "changed": True},
        "datetime": "2025-11-24T08:09:56+00:00",
        "seconds": 90.0,
        "benchmarks": list(benchmarks),
        "not_measured": not_measured or [],
    }


def row_of(page: str, work: str) -> dict[str, str]:
    """The cells of a row of the first table, by the name of its column."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    head, row = lines[0], next(line for line in lines if line.startswith(f"| {work} |"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)]
    return dict(zip(*cells, strict=True))


def test_goal_met():
    goals = [{"of": "ratio", "goal": 25, "value": 31.24}]
    one = a_benchmark(
        "test_split",
        2.0,
        work="test split",
        size="73,152 impressions",
        naive_seconds=62.48,
        ratio=31.24,
        goal=">= 25x",
        goals=goals,
    )
    assert row_of(table.page(saved(one), None, []), "test split") == {
        "work": "test split",
        "size": "73,152 impressions",
        "naive": "62.5 s",
        "ours": "2 s",
        "ratio": "31.2x",
        "goal": ">= 25x",
        "result": "met",
    }


@pytest.mark.parametrize(
    ("of", "goal", "value", "text"),
    [
        ("ratio", 20, 18, "**missed**: 18 times, 10 % under the goal"),
        ("seconds", 5, 6, "**missed**: 6 s, 20 % over the goal"),
        ("peak_mib", 1000, 1500.4, "**missed**: 1,500 MiB, 50 % over the goal"),
        ("time growth", 11, 22, "**missed**: 22 times the time, 100 % over the goal"),
        ("memory growth", 1.3, 1.3, "met"),
        ("peak_mib", 1000, None, "**not measured**: peak memory"),
        ("ratio", 20, 20, "met"),
        ("seconds", 5, 5, "met"),
    ],
)
def test_result(of, goal, value, text):
    goals = [{"of": of, "goal": goal, "value": value, "met": met(of, goal, value)}]
    assert table.result_text(goals) == text


def test_one_of_two_goals_missed():
    """What was met is not spoken of; what was missed is."""
    goals = [
        {"of": "seconds", "goal": 15, "value": 3.0, "met": True},
        {"of": "peak_mib", "goal": 1000, "value": 2000.0, "met": False},
    ]
    assert table.result_text(goals) == "**missed**: 2,000 MiB, 100 % over the goal"


def test_without_naive_way_or_goal():
    plain = a_benchmark("browser", 0.0123)
    plain["fullname"] = "tests/benchmarks/bench_browser.py::test_page_change[cost]"
    timed = a_benchmark("prepare", 4.0, work="prepare", size="all", naive_seconds=8.0, ratio=2.0)
    page = table.page(saved(plain, timed), None, [])
    assert row_of(page, "browser: page change, cost") == {
        "work": "browser: page change, cost", "size": "–", "naive": "–", "ours": "12.3 ms",
        "ratio": "–",
    }  # fmt: skip


def test_memory():
    both = a_benchmark("a", 1.0, work="both", peak_mib=210.4, naive_peak_mib=4700.0)
    ours = a_benchmark("b", 1.0, work="ours", peak_mib=12.3)
    theirs = a_benchmark("c", 1.0, work="theirs", naive_peak_mib=4700.0)
    page = table.page(saved(both, ours, theirs), None, [])
    memory = [row_of(page, work)["peak memory"] for work in ("both", "ours", "theirs")]
    assert memory == ["4,700 MiB → 210 MiB", "12.3 MiB", "4,700 MiB → –"]


def test_skipped_and_failed():
    """Each has its reason; a figure measured before the failure is not shown."""
    one = a_benchmark("prepare", 1.0, work="prepare", ratio=3.0, naive_seconds=3.0)
    reasons = [
        {"fullname": one["fullname"], "outcome": "failed", "reason": "AssertionError: differ | so"},
        {"fullname": "bench_browser.py", "outcome": "skipped", "reason": "no chromium"},
    ]
    page = table.page(saved(one, not_measured=reasons), None, [])
    assert "| prepare | **failed**: AssertionError: differ \\| so |" in page
    assert row_of(page, "browser")["result"] == "**skipped**: no chromium"
    assert "3x" not in page


def test_files_that_were_not_run():
    page = table.page(saved(a_benchmark("a", 1.0)), None, ["bench_a.py", "bench_b.py"])
    assert "Not run this time: `bench_b.py`." in page


def test_head():
    page = table.page(saved(a_benchmark("a", 1.0)), None, [])
    assert (
        "Measured on 2025-11-24: A processor, 2 cores (2 threads), 23.5 GiB, bf16 yes, GPU none; "
        "Python 3.11.7, torch 2.13.0; commit 0123456789, with changes since. It took 1.5 minutes."
    ) in page


def test_scaling_and_profile(tmp_path, monkeypatch):
    """Their tables stand on the page, and the figure beside it."""
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    point = {"work": "prepare", "share": 0.1, "impressions": 1000, "seconds": 1.0}
    small = point | {"peak_mib": 50.0, "columnar_mib": 10.0}
    large = small | {"share": 1.0, "impressions": 10_000, "seconds": 9.0, "peak_mib": 140.0}
    phase = {
        "phase": "optimiser", "seconds": 0.01, "share": 0.25, "gflop": {"bf16": 3.0},
        "moved_mb": 12.0, "bound": "memory", "least_seconds": 0.005, "attained": 0.5,
    }  # fmt: skip
    profiles = {
        "date": "2025-11-24T08:09:56+00:00",
        "commit": {"commit": None, "changed": None},
        "seconds": 60.0,
        "bounds": {
            "multiply": {"bf16": {"2 x 2": 2e11}},
            "copy": 2e10,
            "gather": 1e10,
            "sort": 2e8,
        },
        "profiles": [{"title": "One step", "phases": [phase]}],
    }
    (tmp_path / "profiles.json").write_text(json.dumps(profiles), encoding="utf-8")
    scaled = a_benchmark("scaling", 1.0, work="growth", points=[large, small])
    table.write(saved(scaled))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (
        "| prepare | 1,000 | 10,000 | 1 s | 9 s | 9 times the time for 10 times the data |" in page
    )
    assert "| optimiser | 10 ms | 25.0 % | 3 bf16 | 12 | memory, in order | 5 ms | 50 % |" in page
    assert json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8")) == saved(scaled)
    names = {"README.md", "benchmarks.json", "profiles.json", "scaling.svg", "scaling-dark.svg"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "<svg" in (tmp_path / "scaling.svg").read_text(encoding="utf-8")


def test_nothing_is_written_of_a_broken_file(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    broken = saved(a_benchmark("a", 1.0))
    del broken["machine_info"]["processor"]
    with pytest.raises(KeyError):
        table.write(broken)
    assert not list(tmp_path.iterdir())


def test_no_stage_reads_or_writes_them():
    """DVC would restore times of another day with its outputs, or run stages anew for them."""
    stages = (Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8")
    named = {Path(place) for place in re.findall(r"reports[\w/.-]*", stages)}
    assert Path("reports/comparison.json") in named
    for place in named - {Path("reports")}:
        assert not table.FOLDER.is_relative_to(place) and not place.is_relative_to(table.FOLDER)
    assert not re.search(r"^\s*- \"?reports/?\"?:?\s*$", stages, re.MULTILINE)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(412.3, "412 s"), (1.0, "1 s"), (0.0123, "12.3 ms"), (8.3e-7, "0.83 µs"), (None, "–")],
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


def test_without_folders():
    assert without_folders("[Errno 2] No such file: '/home/me/a b/x.tsv', 3 GB/s, and/or") == (
        "[Errno 2] No such file: 'a b/x.tsv', 3 GB/s, and/or"
    )
