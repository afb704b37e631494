"""The page Compare, driven as its widgets would be."""

import json

import pytest
from scored import FROZEN, TUNED, record, scores
from streamlit.testing.v1 import AppTest

from replication.browser.charts.curves import MEASURES, learning_curves
from replication.browser.views.compare import PURPOSE
from replication.report.figures.theme import DARK, LIGHT


def _script() -> None:
    from replication.browser.frame import framed

    framed("compare")


@pytest.fixture
def opened():
    """The page under a link, in the folder that the test stands in."""

    def open_page(**link: str) -> AppTest:
        page = AppTest.from_function(_script, default_timeout=60)
        for key, value in link.items():
            page.query_params[key] = value
        page.run()
        assert not page.exception
        return page

    return open_page


def said(page: AppTest) -> str:
    """All texts, escapes undone."""
    parts = [*page.markdown, *page.caption, *page.warning, *page.info, *page.error]
    return "\n".join(part.value for part in parts).replace("\\", "")


def cells(page: AppTest) -> list[list[str]]:
    return [
        [str(cell).replace("\\", "") for cell in row]
        for table in page.table
        for row in table.value.to_numpy().tolist()
    ]


def link(page: AppTest) -> dict[str, str]:
    """The page's own link; a test's answer has a list where a key was given once."""
    given = page.query_params.items()
    return {key: value if isinstance(value, str) else value[0] for key, value in given}


def test_a_link_shows_its_two_runs(inside, opened):
    folder = inside("full")
    page = opened(a=FROZEN, b=TUNED)
    assert PURPOSE in said(page)
    assert "No first" not in said(page) and "No second" not in said(page)
    a, b = (
        json.loads((folder / f"reports/runs/{run}/metrics.json").read_text())
        for run in (FROZEN, TUNED)
    )
    row = next(row for row in cells(page) if row[0] == "AUC")
    assert row[1].startswith(f"{a['auc']:.4f} [") and row[2].startswith(f"{b['auc']:.4f} [")
    assert row[3] == f"{b['auc'] - a['auc']:+.4f}"
    assert "In all rows: better: higher." in said(page)
    assert "no paired test" in said(page)
    codes = [code.value for code in page.code]
    assert "dvc repro grid@nrms-minilm-frozen-clean-s1 grid@nrms-minilm-finetuned-clean-s1" in codes
    assert "dvc repro grid@nrms-minilm-finetuned-clean-s1" in codes


def test_without_a_choice_an_example_is_called_so(inside, opened):
    inside("full")
    page = opened()
    assert "No first and no second run is chosen: an example stands here." in said(page)
    assert "B's AUC is" in said(page)


def test_picking_and_swapping_change_the_link(inside, opened):
    inside("full")
    page = opened(a=FROZEN)
    page.selectbox(key="b").select("experiment").run()
    assert link(page) == {"a": FROZEN, "b": "experiment"}
    next(button for button in page.button if button.label == "Swap").click().run()
    assert link(page) == {"a": "experiment", "b": FROZEN}
    assert page.selectbox(key="a").value == "experiment"
    assert not page.exception


def test_an_example_can_be_swapped(inside, opened):
    inside("full")
    page = opened(a=FROZEN)
    next(button for button in page.button if button.label == "Swap").click().run()
    assert link(page) == {"a": TUNED, "b": FROZEN}


def test_a_link_to_a_run_that_is_not_there_is_told(inside, opened):
    inside("full")
    text = said(opened(a=FROZEN, b="nothing"))
    assert "The link asks for second run nothing, which is not here." in text
    assert "No second run is chosen" in text


def test_all_parameters_by_button_and_by_link(inside, opened):
    inside("full")
    page = opened(a=FROZEN, b=TUNED)
    assert "identical hidden" in said(page)
    assert not any(row[0] == "history" for row in cells(page))
    page.button(key="all").click().run()
    assert link(page)["all"] == "yes"
    assert ["history", "15", "15", "same"] in cells(page)
    assert ["history", "15", "15", "same"] in cells(opened(a=FROZEN, b=TUNED, all="yes"))
    page.button(key="all").click().run()
    assert "all" not in page.query_params
    assert "The link asks for parameters shown" in said(opened(a=FROZEN, b=TUNED, all="x"))


def test_scores_at_hand_bring_the_paired_test(own_tree, opened):
    folder = own_tree("full")
    for seed, run in enumerate((FROZEN, TUNED)):
        record(folder, run, scores(folder, run, seed))
    page = opened(a=FROZEN, b=TUNED)
    assert "(Holm, over 4 metrics), on 3,000 shared impressions" in said(page)
    row = next(row for row in cells(page) if row[0] == "AUC")
    assert row[-1] in ("A better", "B better", "not resolved")


@pytest.mark.parametrize(
    "state, words",
    [
        ("empty", "Nothing to compare yet: A is ○ not run"),
        ("truncated", "B is ! unreadable (reports/runs/nrms-minilm-finetuned-clean-s1/metrics"),
        ("stale", "No judgement: A is ↺ stale"),
        ("running", "B is ▶ running"),
        ("bad_lock", "No judgement"),
        ("bad_params", "params.yaml is unreadable"),
        ("hostile", "B's AUC is"),
        ("one_run", "A is ○ not run"),
    ],
)
def test_every_state_says_what_is_the_matter(inside, opened, state, words):
    inside(state)
    assert words in said(opened(a=FROZEN, b=TUNED))


def test_no_git_leaves_the_rest(inside, opened, monkeypatch):
    inside("full")
    monkeypatch.setenv("GIT_DIR", "nowhere")
    text = said(opened(a=FROZEN, b=TUNED))
    assert "DVC experiments cannot be read" in text
    assert "B's AUC is" in text


def test_a_run_and_itself(inside, opened):
    inside("full")
    page = opened(a=FROZEN, b=FROZEN)
    assert "The same run is chosen twice" in said(page)
    assert not page.table


def test_nothing_at_all(tmp_path, monkeypatch, opened):
    monkeypatch.chdir(tmp_path)
    assert "There are not two runs to choose from." in said(opened(a=FROZEN))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_curves_hold_every_point_and_a_gap_for_what_is_missing(theme):
    curves = {"A": [(10, 1.5, 0.5), (20, None, 0.6)], "B": [(5, 1.4, None)]}
    for measure, expected in zip(MEASURES, ([1.5, None, 1.4], [0.5, 0.6, None]), strict=True):
        chart = learning_curves(curves, measure, theme).to_dict()
        (data,) = chart["datasets"].values()
        assert [point["value"] for point in data] == expected
        assert [(point["run"], point["step"]) for point in data] == [("A", 10), ("A", 20), ("B", 5)]


def test_curves_without_a_value_say_so():
    chart = learning_curves({"A": [(1, None, 0.5)]}, "mean training loss", LIGHT).to_dict()
    assert "Nothing of this has been run." in json.dumps(chart)
