"""A study of the real one's shape, 12 cells, whose stages take milliseconds; and its user."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
CELL = "${item.recommender}-${item.encoder}-${item.tuning}-clean-s1"
STAGES = {
    "check": ("params.yaml", "cache/params.checked"),
    "prepare": ("cache/params.checked", "data/prepared"),
    "checkpoint": ("data/prepared", "checkpoints/${item}"),
    "embed": ("checkpoints/${item}", "embeddings/${item}"),
    "grid": (
        "data/prepared embeddings/${item.encoder}",
        f"runs/grid/{CELL}.parquet reports/runs/{CELL}/metrics.json",
    ),
    "compare": ("reports/runs", "reports/comparison.json"),
    "report": ("reports/comparison.json", "reports/REPORT.md"),
}
MATRIX = """    matrix:
      recommender: [naml, nrms, lstur]
      encoder: [static, minilm]
      tuning: [frozen, finetuned]
"""
CELLS = [
    f"{recommender}-{encoder}-{tuning}"
    for recommender in ("naml", "nrms", "lstur")
    for encoder in ("static", "minilm")
    for tuning in ("frozen", "finetuned")
]
EVERY = len(CELLS) + 8  # stages


def write_stand_in(folder: Path) -> Path:
    """Write the study and the folder that controls its stages (see `stand_in`)."""
    for name in ("control/fail", "control/hold", "control/here", "conf/protocol", ".dvc"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "conf/protocol", folder / "conf/protocol", dirs_exist_ok=True)
    shutil.copy(Path(__file__).with_name("stand_in.py"), folder / "conf")
    (folder / "replication").symlink_to(ROOT / "replication")
    (folder / ".dvcignore").write_text("control\n__pycache__\n", encoding="utf-8")
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    (folder / "dvc.yaml").write_text(_dvc_yaml(), encoding="utf-8")
    return folder


def _dvc_yaml() -> str:
    lines = ["stages:\n"]
    for name, (needs, makes) in STAGES.items():
        many = {"grid": MATRIX}.get(name, "    foreach: [static, minilm]\n    do:\n")
        one = not any("${item" in made for made in makes.split())
        item = "" if one else "@${item}" if name != "grid" else f"@{CELL[:-9]}"
        body = [f"cmd: python conf/stand_in.py {name}{item} {makes} -- {needs}", "deps:"]
        body += [f"- {path}" for path in [*needs.split(), "conf/stand_in.py"]]
        for made in makes.split():
            in_git = made.startswith(("reports", "cache"))
            body += ["metrics:" if made.endswith("metrics.json") else "outs:"]
            body += [f"- {made}:", "    cache: false"] if in_git else [f"- {made}"]
        indent = 4 if one or name == "grid" else 6
        lines.append(f"  {name}:\n" + ("" if one else many))
        lines += [f"{' ' * indent}{line}\n" for line in body]
    return "".join(lines)


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen:
    """Start `python -m ...` in the study's folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        # The stages of a stand-in import nothing that would have to be imported for them.
        env={**os.environ, "CONTROL": str(folder / "control"), "PATH": path, "REPLICATION_WARM": ""}
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, *words: str, succeed: bool = True, **environment: str) -> str:
    """Run `python -m ...` in the study's folder; what it prints."""
    process = start(folder, *words, **environment)
    printed, _ = process.communicate()
    assert (process.returncode == 0) == succeed, printed
    return printed


def ran(folder: Path) -> list[str]:
    """The stages that were started, in order, since the last time this was asked."""
    return [line.split()[0] for line in lines_of(folder)]


def lines_of(folder: Path) -> list[str]:
    """As `ran`, with what they were started with."""
    path = folder / "control/ran"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def facts(line: str) -> dict[str, str]:
    """What a stage was started with."""
    return dict(fact.split("=", 1) for fact in line.split()[1:])


def wait_for(study, stage: str) -> int:
    """Wait until a stage runs; its process."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        path = study / "control/ran"
        for line in path.read_text().splitlines() if path.exists() else []:
            if line.startswith(f"{stage} "):
                return int(facts(line)["pid"])
        time.sleep(0.02)
    raise AssertionError(f"{stage} did not start")


def results(folder: Path) -> dict[str, bytes]:
    """What the study found, and what DVC has recorded of it."""
    files = [p for p in (folder / "reports").rglob("*") if p.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in [*files, folder / "dvc.lock"]}
