"""A small project with a DVC pipeline like the study's, and DVC's own answers about it."""

import contextlib
import sys
from pathlib import Path

import networkx
from dvc.repo import Repo

from replication.study import paths
from replication.study.shares import write_shares

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  check:
    cmd: PYTHON check.py
    deps: [params.yaml, conf/protocol]
    outs:
      - cache/settings:
          cache: false
  code-rooms:
    cmd: PYTHON code.py
    deps: [rooms/nrms, rooms/paper.csv]
    outs:
      - cache/code/rooms.json:
          cache: false
  data:
    cmd: mkdir -p data/sub && cp source/words.txt data/ && date > data/sub/made
    deps: [source]
    params: [words, training.frozen]
    outs: [data]
  checkpoint:
    foreach: ${encoders}
    do:
      cmd: mkdir -p checkpoints && echo ${key} ${item.layers} > checkpoints/${key}
      deps: ["${source}"]
      params: ["encoders.${key}", training.tuned_layers]
      outs: ["checkpoints/${key}"]
  grid:
    matrix:
      recommender: ${grid.recommenders}
      encoder: ["${sweep.encoder}"]
      protocol: ${grid.protocols}
      seed: ${grid.seeds}
    cmd: PYTHON run.py ${key} ${item.encoder}-${item.protocol}
    deps: [data, "cache/settings/${item.encoder}-${item.protocol}.json", cache/code/rooms.json]
    outs: ["runs/grid/${key}.txt"]
    plots:
      - "reports/runs/${key}":
          cache: false
  audit:
    foreach: ${audit.pairs}
    do:
      cmd: mkdir -p reports/audit && echo ${key} ${item.frozen} > reports/audit/${key}.json
      deps: ["${source}"]
      outs:
        - reports/audit/${key}.json:
            cache: false
  compare:
    cmd: cat reports/runs/*/metrics.json > reports/claims.json
    deps: [reports/runs, runs/grid, cache/settings/study.json]
    outs:
      - reports/claims.json:
          cache: false
  report:
    cmd: cp reports/claims.json reports/REPORT.md
    deps: [reports/claims.json]
    outs:
      - reports/REPORT.md:
          cache: false
""".replace("PYTHON", sys.executable)
PARAMS = """
profile: small
words: 20
source: source/words.txt
text: {title_tokens: 8}
history: 20
model: {heads: 6, width: null}
evaluation: {samples: 10}
training: {precision: auto, frozen: {rate: 1e-05, wait: false}, tuned_words: {},
           tuned_layers: {layers: [0, 2]}}
encoders: {tiny: {layers: 2}}
adapters: {tiny-lora: {base: tiny}}
grid: {recommenders: [nrms, naml], encoders: [tiny], llms: [tiny-lora], protocols: [clean],
       seeds: [s1]}
sweep: {encoder: tiny, protocol: clean}
audit: {pairs: {words: {frozen: tiny, finetuned: tiny}, llm: {frozen: tiny, finetuned: tiny-lora}}}
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": PARAMS,
    "conf/protocol/clean.yaml": "name: clean\nnegatives: 4\n",
    ".dvcignore": "# compiled\n__pycache__/\n*.pyc\n",
    "source/words.txt": "word\n",
    "source/__pycache__/a.txt": "compiled\n",
    "rooms/nrms/nrms.py": "HEADS = 6\n",
    "rooms/paper.csv": "auc\n0.6\n",
    # The study's own code cuts the settings and digests the rooms; the run is a stand-in.
    "check.py": f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from replication.study import paths
from replication.study.shares import write_shares
write_shares(paths.SETTINGS)
""",
    "code.py": f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from replication.pipeline.code import write_code
write_code("rooms")
""",
    "run.py": """
import json
import sys
from pathlib import Path
name, settings = sys.argv[1:]
share = json.loads(Path("cache/settings", f"{settings}.json").read_text())
(protocol,) = share.pop("protocols").values()
folder = Path("reports/runs", name)
folder.mkdir(parents=True)
(folder / "run.json").write_text(json.dumps({"params": {**share, "protocol": protocol}}))
(folder / "metrics.json").write_text(f"{name}\\n")
Path("runs/grid").mkdir(parents=True, exist_ok=True)
Path("runs/grid", f"{name}.txt").write_text(f"{name}\\n")
""",
}


def write_project(folder: Path) -> None:
    """The project in an empty folder, not yet run."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    Repo.init(str(folder), no_scm=True).close()


def dvc_names(folder: Path) -> list[str]:
    """The stages' names, in DVC's order."""
    with Repo(str(folder)) as repo:
        return [stage.name for stage in repo.stage.collect()]


def dvc_changed(folder: Path, cloned: bool = False) -> set[str]:
    """Names of the stages that `dvc status` finds changed, and of all that depend on them, once
    stage `check` has cut the present parameters: `cache/settings` is written.

    cloned: leave out what is only absent, here or in the cache
    """
    with contextlib.chdir(folder):
        write_shares(paths.SETTINGS)
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
        for changes in entry.values():
            for change in changes.values():
                words += change.values() if isinstance(change, dict) else [change]
    return words
