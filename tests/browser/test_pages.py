"""Every page over every state of a project: it shows, and says what it must."""

import json
import re
from pathlib import Path

import pytest
from counts import GRID, STAGES
from streamlit.testing.v1 import AppTest
from trees import HOSTILE, RUN, TREES

from replication.browser.views import VIEWS
from replication.browser.views.overview import TITLE
from replication.paper.words import of_claim

ROOT = Path(__file__).parents[2]
CLAIMS = json.loads((ROOT / "reports/claims.json").read_text(encoding="utf-8"))["claims"]
VERDICTS = sorted({of_claim(claim, claim["verdicts"]["clean"]) for claim in CLAIMS})
RUNS = [
    name
    for name in STAGES
    if name.startswith(("grid@", "grid-llm@", "also@", "also-llm@", "sweep@"))
]


def outdated(*folders: str) -> set[str]:
    """Stages that read one of these folders, or what such a stage makes, by dvc.lock."""
    paths, found = set(folders), set()
    while True:
        more = {
            name for name, stage in STAGES.items()
            if any(_overlap(dep["path"], path) for dep in stage.get("deps", ()) for path in paths)
        } - found  # fmt: skip
        if not more:
            return found
        found |= more
        paths |= {out["path"] for name in more for out in STAGES[name].get("outs", ())}


def _overlap(a: str, b: str) -> bool:
    return f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/")


CHANGED = ("replication/recommenders", "replication/paper")  # in the tree `stale`
DEMO = "Demo data: not evidence about the paper."
RUN_NAME = RUN.rpartition("/")[2]
# Words that a page must show over a tree; `*` stands for every page that the tree has no line for.
WORDS = {
    "full": {
        "*": [DEMO],
        "overview": [f"{len(GRID)} of {len(GRID)}",
                     "None of the 11 claims has been tested on MIND", *VERDICTS],
        "health": [f"All {len(STAGES)} stages are up to date", "No file is damaged",
                   "53aa51172d142c89"],
    },
    "empty": {
        "overview": ["not run", "dvc repro"],
        "results": ["not run", "dvc repro"],
        "layers": ["not run", "dvc repro"],
        "cold-start": ["not run", "dvc repro"],
        "cost": ["not run", "dvc repro"],
        "audit": ["not run", "dvc repro"],
        "beyond": ["not run", "dvc repro questions"],
        "health": [f"None of the {len(STAGES)} stages has been run", "dvc repro", "dvc.lock"],
    },
    "one_run": {
        "overview": ["not run"],
        "results": ["not run"],
        "health": ["stale", "is missing", "dvc repro"],
    },
    "partial": {"overview": [f"{len(GRID)} partial"], "results": ["partial 1/3"],
                "health": [f"{2 * len(RUNS)} are not run"]},
    "stale": {"overview": ["stale"], "results": ["stale"],
              "health": [f"{len(outdated(*CHANGED))} are stale",
                         "replication/recommenders has changed since"]},
    "running": {"overview": ["running"], "results": ["running"],
                "health": ["1 is running", "dvc repro is at it (process"]},
    "truncated": {"*": [f"{RUN}/metrics.json: not valid JSON"], "overview": ["unreadable"],
                  "results": ["unreadable"],
                  "health": ["1 file cannot be read", f"dvc repro grid@{RUN_NAME}"]},
    "nan": {"*": [f"{RUN}/metrics.json: auc: "], "overview": ["unreadable"],
            "results": ["unreadable"], "health": ["finite number"]},
    "text_metric": {"*": [f"{RUN}/metrics.json: auc: "], "overview": ["unreadable"],
                    "results": ["unreadable"], "health": ["given: '0.6'"]},
    "damaged_comparison": {"*": ["reports/claims.json: not valid JSON"],
                           "overview": ["unreadable"],
                           "health": ["reports/comparison.json", "2 files cannot be read"]},
    "bad_lock": {"*": ["dvc.lock"], "health": ["not valid YAML", f"{len(STAGES)} are stale"]},
    "bad_params": {"*": ["no_such_key"], "health": ["params.yaml"]},
    "hostile": {"overview": [HOSTILE], "health": [HOSTILE]},
}  # fmt: skip
ABSENT = {
    "empty": {"*": ["0 %", "0.0 %", "0.0000"]},
    "full": {
        "*": ["↺ stale", "! unreadable", "problem with the study"],
        # Questions beyond the paper may wait for other data.
        **{view.name: ["○ not run"] for view in VIEWS if view.name != "beyond"},
    },
}

MISSING = re.compile(r"\b(None(?! of)|nan|NaN|NaT)\b")
# Kinds of elements whose text Streamlit reads as Markdown.
MARKDOWN = ("markdown", "caption", "warning", "info", "error", "success", "title", "header",
            "subheader", "expander")  # fmt: skip


PAGE = "from replication.browser.frame import framed; framed({!r})"


def opened(name: str, **link: str) -> AppTest:
    """The page under an address, run once in the working directory."""
    app = AppTest.from_string(PAGE.format(name), default_timeout=30)
    app.query_params.update(link)
    return app.run()


@pytest.fixture(scope="session")
def shown(made_trees):
    """Each page over each tree, run once."""
    seen: dict[tuple[str, str], AppTest] = {}

    def show(tree: str, name: str) -> AppTest:
        if (tree, name) not in seen:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(made_trees(tree))
                seen[tree, name] = opened(name)
        return seen[tree, name]

    return show


def markdown(app: AppTest) -> list[str]:
    """All that is read as Markdown: texts, and the cells and column names of tables."""
    bodies = [str(element.value) for kind in MARKDOWN for element in app.get(kind)
              if hasattr(element, "value")]  # fmt: skip
    bodies += [block.label for block in app.get("expander")]
    for table in app.table:
        bodies += [str(name) for name in table.value.columns]
        bodies += [str(cell) for cell in table.value.to_numpy().ravel()]
    return bodies


def literal(app: AppTest) -> list[str]:
    """What is shown as it is: code, text, cells of data frames, options of pickers."""
    texts = [element.value for kind in ("code", "text") for element in app.get(kind)]
    for frame in app.dataframe:
        texts += [str(name) for name in frame.value.columns]
        cells = frame.value.astype(object).where(
            frame.value.notna(), frame.proto.placeholder or None
        )
        texts += [str(cell) for cell in cells.to_numpy().ravel()]
    for picker in app.selectbox:
        texts += picker.options
    return texts + [json.dumps(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def unescaped(body: str) -> str:
    """The words of a Markdown text, as a reader sees them."""
    # A word joiner keeps Streamlit from replacing `:material/` and addresses.
    body = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", body)
    return body.replace("\N{WORD JOINER}", "").replace("`", "").replace("**", "")


def words(app: AppTest) -> str:
    return "\n".join([*map(unescaped, markdown(app)), *literal(app)])


def table(of: dict, tree: str, name: str) -> list[str]:
    lines = of.get(tree, {})
    return [*lines.get("*", []), *lines.get(name, [])]


QUICK = ("full", "empty", "hostile")  # the others with the slow tests: a page takes half a second
CASES = [
    pytest.param(tree, view.name, marks=() if tree in QUICK else pytest.mark.slow)
    for tree in TREES
    for view in VIEWS
]
each_case = pytest.mark.parametrize(("tree", "name"), CASES)


@each_case
def test_a_page_shows_and_says_what_it_must(shown, tree, name):
    app = shown(tree, name)
    assert [error.value for error in app.exception] == []
    text = words(app)
    purpose = next(view.purpose for view in VIEWS if view.name == name)
    assert purpose in text
    for expected in table(WORDS, tree, name):
        assert expected in text or unescaped(expected) in text, expected
    for forbidden in table(ABSENT, tree, name):
        assert forbidden not in text, forbidden


@each_case
def test_no_page_shows_a_missing_value_as_a_word_of_python(shown, tree, name):
    lines = words(shown(tree, name)).splitlines()
    # The reason of a damaged file quotes what it holds; a chart has switches that are off.
    lines = [line for line in lines if "(given: " not in line and not line.startswith('"{')]
    assert [line for line in lines if MISSING.search(line)] == []


@each_case
def test_nothing_from_a_file_is_markup(shown, tree, name):
    for body in markdown(shown(tree, name)):
        outside_code = re.sub(r"`[^`\n]+`", "", body).replace(":gray[", "")  # the pages' own
        assert not re.search(r"(?<!\\)!\[", outside_code), body
        assert not re.search(r"(?<!\\)<\s*[a-z]", outside_code), body
        assert not re.search(r"(?<!\\):[a-z]+\[", outside_code), body


@each_case
def test_no_page_asks_for_raw_html(shown, tree, name):
    app = shown(tree, name)
    assert not app.get("html")
    assert not any(element.allow_html for element in (*app.markdown, *app.caption))


# ---------------------------------------------------------------- figures are those of the files


def metrics(run: str) -> dict:
    return json.loads(Path("reports/runs", run, "metrics.json").read_text(encoding="utf-8"))


def tells(text: str, number: float) -> bool:
    """Whether it stands in a text, in full or with four decimals."""
    return f"{number:.4f}" in text or repr(number) in text


def test_results_shows_the_files_aucs(shown, inside):
    inside("full")
    text = words(shown("full", "results"))
    for folder in sorted(Path("reports/runs").iterdir()):
        auc = metrics(folder.name)["auc"]
        assert tells(text, auc), folder.name


def test_a_changed_run_shows_at_once(own_tree):
    own_tree("full")
    path = Path(RUN, "metrics.json")
    path.write_text(json.dumps(metrics(RUN_NAME) | {"auc": 0.98765}), encoding="utf-8")
    assert tells(words(opened("results")), 0.98765)


def test_the_layer_sweep_shows_every_depth(shown, inside):
    inside("full")
    text = words(shown("full", "layers"))
    depths = sorted(Path("reports/runs").glob("*-minilm-finetuned-*clean*"))
    assert len(depths) == 3 * 4  # the grid's own depth among them
    for folder in depths:
        auc = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["auc"]
        assert tells(text, auc), folder.name


def test_cold_start_shows_the_groups_users(shown, inside):
    inside("full")
    text = words(shown("full", "cold-start"))
    groups = json.loads(Path(RUN, "cold_start.json").read_text(encoding="utf-8"))["groups"]
    for group in groups:
        assert str(group["users"]) in text
        assert str(group["impressions"]) in text


def test_cost_shows_parameters(shown, inside):
    inside("full")
    text = words(shown("full", "cost"))
    cost = json.loads(Path(RUN, "cost.json").read_text(encoding="utf-8"))
    assert f"{cost['parameters']:,}" in text or str(cost["parameters"]) in text


def test_a_damaged_run_has_no_number(shown, inside):
    """Its AUC of before is nowhere."""
    inside("full")
    auc = metrics(RUN_NAME)["auc"]
    assert tells(words(shown("full", "results")), auc)
    for tree in ("truncated", "nan", "text_metric", "running"):
        assert not tells(words(shown(tree, "results")), auc), tree


def test_every_address_opens(made_trees, monkeypatch):
    monkeypatch.chdir(made_trees("full"))
    app = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=30).run()
    assert not app.exception
    assert TITLE in [header.value for header in app.header]
