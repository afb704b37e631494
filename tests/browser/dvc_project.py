"""A small project with a DVC pipeline like the study's, and DVC's own answers about it."""

from pathlib import Path

import networkx
from dvc.repo import Repo

PIPELINE = """
stages:
  check:
    cmd: mkdir -p cache && echo checked > cache/params.checked
    deps: [params.yaml]
    outs:
      - cache/params.checked:
          cache: false
  data:
    cmd: mkdir -p data/sub && cp source/words.txt data/ && date > data/sub/made
    deps: [cache/params.checked, source]
    params: [history]
    outs: [data]
  grid:
    matrix:
      recommender: ${grid.recommenders}
      seed: ${grid.seeds}
    cmd: >-
      mkdir -p runs/grid reports/runs/${item.recommender}-s${item.seed}
      && echo ${key} | tee runs/grid/${item.recommender}-s${item.seed}.txt
      > reports/runs/${item.recommender}-s${item.seed}/metrics.json
    deps: [data]
    params: [training, "models.${item.recommender}"]
    outs: ["runs/grid/${item.recommender}-s${item.seed}.txt"]
    metrics:
      - reports/runs/${item.recommender}-s${item.seed}/metrics.json:
          cache: false
  audit:
    foreach: ${audit}
    do:
      cmd: mkdir -p reports/audit && echo ${key} ${item.with} > reports/audit/${key}.json
      deps: ["${source}"]
      outs:
        - reports/audit/${key}.json:
            cache: false
  compare:
    cmd: cat reports/runs/*/metrics.json > reports/claims.json
    deps: [reports/runs, runs/grid]
    params: [grid]
    outs:
      - reports/claims.json:
          cache: false
  report:
    cmd: cp reports/claims.json reports/REPORT.md
    deps: [reports/claims.json]
    outs:
      - reports/REPORT.md:
          cache: false
"""
PARAMS = """
history: 20
source: source/words.txt
training: {rate: 1e-05, wait: false, layers: [0, 2]}
models: {nrms: {heads: 6}, naml: {heads: null}}
grid: {recommenders: [nrms, naml], seeds: [1]}
audit: {words: {with: static}, llm: {with: tiny}}
"""


def write_project(folder: Path) -> None:
    """The project in an empty folder, not yet run."""
    (folder / "source/__pycache__").mkdir(parents=True)
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (folder / ".dvcignore").write_text("# compiled\n__pycache__/\n*.pyc\n", encoding="utf-8")
    (folder / "source/words.txt").write_text("word\n", encoding="utf-8")
    (folder / "source/__pycache__/a.txt").write_text("compiled\n", encoding="utf-8")
    Repo.init(str(folder), no_scm=True).close()


def dvc_names(folder: Path) -> list[str]:
    """The stages' names, in DVC's order."""
    with Repo(str(folder)) as repo:
        return [stage.name for stage in repo.stage.collect()]


def dvc_changed(folder: Path, cloned: bool = False) -> set[str]:
    """Names of the stages that `dvc status` finds changed, and of all that depend on them.

    cloned: leave out what is only absent, here or in the cache
    """
    absent = {"deleted", "not in cache"} if cloned else set()
    with Repo(str(folder)) as repo:
        changed = {name for name, entries in repo.status().items() if set(_kinds(entries)) - absent}
        # That parameters have been checked anew changes nothing for the others.
        graph = networkx.relabel_nodes(repo.index.graph, lambda stage: stage.name)
        graph.remove_node("check")
        waiting = [networkx.ancestors(graph, name) for name in changed - {"check"}]
    return changed.union(*waiting)


def _kinds(entries) -> list[str]:
    """The words for each change of a stage: modified, new, deleted, changed command ..."""
    words = []
    for entry in entries:
        if not isinstance(entry, dict):
            words.append(entry)
            continue
        for paths in entry.values():
            for change in paths.values():
                words += change.values() if isinstance(change, dict) else [change]
    return words
