"""docs/extending*.md: their files and lines, added to a copy of the package, do what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import ready_python
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PAGES = ("extending.md", "extending-encoder.md", "extending-data.md")
PAGE = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in PAGES)
FILES = re.findall(r"^`(replication/\S+\.py)`:\n\n```python\n(.*?)^```", PAGE, re.M | re.S)
LINES = re.findall(r"^In `(\w+)`:\n\n```python\n(.*?)^```", PAGE, re.M | re.S)
ENTRY = re.search(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)[1]
RUN = """
import sys
from replication.__main__ import main

for stage in (
    ["check"],
    ["checkpoint", "mine"],
    ["embed", "mine"],
    ["run", "mean-mine-frozen-clean-s1"],
    ["run", "mean-mine-finetuned-clean-s1"],
    ["run", "mean-minilm-frozen-clean-s1"],
):
    if main(stage):
        sys.exit(f"failed: {stage}")
"""
BRING = """
import sys
from replication.__main__ import main

for stage in (
    ["data"],
    ["prepare"],
    ["expect"],
    ["checkpoint", "minilm"],
    ["embed", "minilm"],
    ["run", "nrms-minilm-frozen-clean-s1"],
):
    if main(stage):
        sys.exit(f"failed: {stage}")
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A folder that holds the package with the pages' files and lines, as well where a reader has
    added them to this one."""
    folder = tmp_path_factory.mktemp("extended")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "replication", folder / "replication", ignore=ignored)
    for name, text in FILES:
        (folder / name).write_text(text, encoding="utf-8")
    registry = folder / "replication/study/registry.py"
    text = registry.read_text(encoding="utf-8")
    for name, line in LINES:
        text, count = re.subn(
            rf"(^{name} = Lines\(.*?)(^    \}}\n)", rf"\1        {line}\2", text, flags=re.M | re.S
        )
        assert count == 1, name
    registry.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.slow
def test_the_pages_files_are_typed_as_the_package_is(extended):
    """What `make lint` knows of the libraries is not found out again: four fifths of the time."""
    if (known := ROOT / ".mypy_cache").is_dir():
        shutil.copytree(known, extended / known.name)
    names = [name for name, _ in FILES]
    checked = [sys.executable, "-m", "mypy", *names]
    done = subprocess.run(checked, cwd=extended, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def python(code: str, extended: Path) -> str:
    """What a program prints that sees the extended package, in the working directory."""
    done = subprocess.run(
        [ready_python.python(), "-c", code],
        env=os.environ | {"PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pages_have_an_example_of_each_list():
    assert [name for name, _ in LINES] == ["RECOMMENDERS", "FAMILIES", "SOURCES", "DATA_SETS"]
    assert len(FILES) == 4
    for (path, _), (_, line) in zip(FILES, LINES, strict=True):
        assert path.removesuffix(".py").replace("/", ".") in line and line.count("\n") == 1


def test_recommender_family_and_source_run(extended, own_project, edit):
    edit(lambda values: values["encoders"].update(YAML(typ="safe", pure=True).load(ENTRY)))
    Path("replication/mind/demo").mkdir(parents=True)  # what data.path names has to be there
    printed = python(RUN, extended)
    for name in ("mean-mine-frozen", "mean-mine-finetuned", "mean-minilm-frozen"):
        assert f"reports/runs/{name}-clean-s1/metrics.json" in printed
        metrics = json.loads(Path(f"reports/runs/{name}-clean-s1/metrics.json").read_bytes())
        assert 0 < metrics["auc"] < 1
        run = json.loads(Path(f"reports/runs/{name}-clean-s1/run.json").read_bytes())
        code = {"replication/recommenders/mean.py"}
        if "mine" in name:
            code.add("replication/encoders/families/letters.py")
        assert code <= run["code_sha256"].keys()  # what is imported late is recorded too


def test_the_data_set_is_brought_prepared_expected_and_run(extended, own_project, edit, tmp_path):
    lines = [f"U{u},I{i},{1 + (u + i // 2) % 5}\n" for u in range(6) for i in range(12)]
    (tmp_path / "ratings.csv").write_text("".join(lines), encoding="utf-8")
    edit(lambda values: values.update(profile="local"))
    edit(lambda values: values["data"].update(path=str(tmp_path)))
    printed = python(BRING, extended)
    assert "data/prepared: 12 articles, 6 users; train: 6 impressions, " in printed
    card = json.loads(Path("reports/data.json").read_bytes())
    assert card["articles"] == 12 and card["splits"]["train"]["impressions"] == 6
    assert card["splits"]["train"]["last_day_impressions"] == 3
    metrics = json.loads(Path("reports/runs/nrms-minilm-frozen-clean-s1/metrics.json").read_bytes())
    assert 0 <= metrics["auc"] <= 1
