"""REPRODUCING.md against the study: its claims, its files, its stages and their estimated costs."""

import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from networkx import descendants

from replication.paper.claims import load_claims

ROOT = Path(__file__).parents[1]
HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1}


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of each row of the first table after a heading."""
    lines = text.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


MAP = table((ROOT / "REPRODUCING.md").read_text(encoding="utf-8"), "From the paper to commands")
COSTED = [(command, cost) for _, command, _, cost in MAP if "runs," in cost or "run," in cost]


def test_every_claim_table_and_figure_has_a_row():
    for claim in load_claims():
        assert any(re.search(rf"\b{claim.id}(?![-\w])", row[0]) for row in MAP), claim.id
    places = [place for row in MAP for place in re.findall(r"`(reports/[^`]*)`", row[2])]
    for place in places:
        assert list(ROOT.glob(place.rstrip("/"))) or "bert-base" in place, place
    for folder in ("tables", "figures"):
        for file in (ROOT / "reports" / folder).iterdir():
            light = file.name.replace("-dark", "")
            assert any(fnmatchcase(f"reports/{folder}/{light}", place) for place in places), file


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """From a target of `dvc repro` to the addresses of what it runs under profile mind-small."""
    from dvc.repo import Repo
    from dvc.utils.hydra import compose_and_dump

    folder = tmp_path_factory.mktemp("project")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    shutil.copy(ROOT / "dvc.yaml", folder)
    conf, none = str(ROOT / "conf"), str(ROOT / "conf/protocol")  # without Hydra plugins
    compose_and_dump(folder / "params.yaml", conf, None, "config", none, ["profile=mind-small"])
    with Repo(folder) as repo:
        graph = repo.index.graph  # from a stage to those that it needs
    named = {stage.addressing.rsplit(":", 1)[-1]: stage for stage in graph}
    names = {stage: name for name, stage in named.items()}

    def ran(target: str) -> set[str]:
        chosen = [stage for name, stage in named.items() if fnmatchcase(name, target)]
        return {names[one] for stage in chosen for one in (stage, *descendants(graph, stage))}

    return ran


def addresses(kind: str, cell: str, seeds: int) -> list[str]:
    """The stages of dvc.yaml that a row of docs/expected-cost.md is about."""
    if kind in ("embed", "adapt"):
        return [f"{kind}@{cell}", f"{kind}-adapted@{cell}"]  # the second where it is an adapter's
    stage = "grid-llm" if kind == "grid" and "llama" in cell else kind
    return [f"{stage}@{cell}-s{seed}" for seed in range(1, seeds + 1)]


@pytest.fixture(scope="module")
def expected():
    """Estimated hours and GiB of each stage that docs/expected-cost.md lists, by its address."""
    found = {}
    text = (ROOT / "docs/expected-cost.md").read_text(encoding="utf-8")
    for line in re.findall(r"^\| (?:embed|adapt|grid|sweep) .*", text, re.MULTILINE):
        kind, cell, runs, _, time, memory, _ = (x.strip(" ~") for x in line.strip("|").split("|"))
        amount, unit = time.split() if time != "-" else ("0", "h")
        cost = float(amount) * HOURS[unit], 0.0 if memory == "-" else float(memory)
        found |= dict.fromkeys(addresses(kind, cell, int(runs)), cost)
    return found


@pytest.mark.parametrize(("command", "cost"), COSTED)
def test_a_command_runs_and_costs_what_its_row_says(command, cost, stages, expected):
    command = command.split("`")[1]
    targets = re.findall(r"[\w-]+@[^' ]+|grid\*", command)
    assert targets
    ran = set.union(*(stages(target) for target in targets))
    runs = {stage for stage in ran if stage.startswith(("grid", "sweep@"))}
    assert runs <= expected.keys()
    hours = sum(expected[stage][0] for stage in ran if stage in expected)
    memory = max(expected[stage][1] for stage in ran if stage in expected)
    said = re.fullmatch(r"(\d+) runs?, ~([\d.]+) h, ~([\d.]+) GiB", cost)
    assert (len(runs), pytest.approx(hours, rel=0.03), pytest.approx(memory, rel=0.03)) == (
        int(said[1]), float(said[2]), float(said[3]),
    )  # fmt: skip


@pytest.mark.parametrize("without", [None, "llama"])
def test_the_whole_study_takes_what_its_row_says(without, stages, expected):
    rows = table((ROOT / "REPRODUCING.md").read_text(encoding="utf-8"), "What it takes")
    (row,) = (
        r for r in rows if r[1].startswith("MIND-small") and ("without" in r[1]) == bool(without)
    )
    ran = {s for s in stages("report") & expected.keys() if not (without and without in s)}
    assert sum(s.startswith(("grid", "sweep")) for s in ran) == int(
        re.search(r"(\d+) runs", row[1])[1]
    )
    hours, memory = (float(re.search(r"~(\d+) ", row[column])[1]) for column in (2, 3))
    assert sum(expected[s][0] for s in ran) == pytest.approx(hours, rel=0.01)
    assert max(expected[s][1] for s in ran) == pytest.approx(memory, rel=0.01)
