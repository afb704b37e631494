"""The page Cold start: its numbers against the files that they come from."""

import json

import altair as alt
import pytest
from streamlit.testing.v1 import AppTest

from replication.browser.charts.groups import ON_DARK, ON_LIGHT, SHAPES, differences, levels
from replication.browser.content.cold_starts import (
    answer,
    auc_table,
    claims_text,
    contrasts_of,
    differences_table,
    dots,
    none_text,
    rules_text,
    trends_table,
    users_table,
)
from replication.browser.reading.study import read_study
from replication.browser.words import told_text
from replication.paper.words import told
from replication.report.figures.cold_start import panel
from replication.report.figures.theme import DARK, LIGHT

PAGE = """
from replication.browser.frame import framed
framed("cold-start")
"""
NAMES = ["1", "2", "3", "4", "5", "≤ 5", "> 5"]
RUN = "reports/runs/naml-static-frozen-clean-s1/cold_start.json"
C4 = {
    "id": "C4", "kind": "cold_gain", "statement": "It shrinks.", "mean_clicks": 4.01,
    "verdicts": {"clean": {"verdict": "near"}, "released": {"verdict": "partial 1/3"}},
}  # fmt: skip


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def edit(path, change):
    value = read(path)
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def experiment_of(study, *key):
    return next(p for p in study.grid if (p.recommender, p.encoder, p.tuning) == key)


def shown(**link) -> AppTest:
    page = AppTest.from_string(PAGE, default_timeout=60)
    for key, value in link.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    kinds = (page.markdown, page.info, page.warning, page.error, page.caption, page.code)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def test_the_answer_counts_what_is_significant(inside):
    families = read(inside("full") / "reports/comparison.json")["cold_start"]
    contrasts = [contrast for family in families for contrast in family["contrasts"]]
    text = answer(contrasts_of(read_study()))
    for few, groups in ((True, slice(0, 1)), (False, slice(1, 5))):
        rows = [row for c in contrasts for row in c["groups"][groups]]
        sure = [row["difference"] for row in rows if row["p_holm"] < 0.05]
        ups = sum(d > 0 for d in sure)
        between = " between SmolLM2 and a smaller model" if few else ""
        assert f"{len(sure) or 'none'} of the {len(rows)} differences{between} are" in text
        if sure:
            assert f"({ups} for the larger model, {len(sure) - ups} against it)" in text
    trends = [c["trend"] for c in contrasts if c["trend"]["p_holm"] < 0.05]
    falling = sum(trend["slope"] < 0 for trend in trends) or "none"
    assert f"Of the {len(contrasts)} trends with the number of clicks, {falling} fall" in text


def test_a_significant_gain_of_the_coldest_is_told(own_tree):
    def change(value):
        contrasts = [c for family in value["cold_start"] for c in family["contrasts"]]
        for contrast in contrasts:
            contrast["groups"][0]["p_holm"] = contrast["trend"]["p_holm"] = 1.0
        contrast = contrasts[0]
        contrast["groups"][0] |= {"difference": 0.05, "ci95": [0.02, 0.08], "p_holm": 0.001}
        contrast["trend"] |= {"slope": -0.01, "p_holm": 0.001}

    edit(own_tree("full") / "reports/comparison.json", change)
    text = answer(contrasts_of(read_study()))
    assert "1 of the 18 differences" in text
    assert "correction (1 for the larger model, 0 against it);" in text
    assert "clicks, 1 fall significantly." in text


def test_differences_have_every_group(inside):
    found = read(inside("full") / "reports/comparison.json")["cold_start"][0]["contrasts"][1]
    study = read_study()
    table = differences_table(study, contrasts_of(study)[1:2])
    assert [row[4] for row in table.rows] == NAMES
    for row, group in zip(table.rows, found["groups"], strict=True):
        assert (row[6].value, list(row[6].interval)) == (group["difference"], group["ci95"])
        assert (row[7].value, row[8].value) == (group["p"], group["p_holm"])


def test_auc_is_the_runs_own_and_its_interval_the_comparison_s(inside):
    folder = inside("full")
    found = read(folder / RUN)
    cells = read(folder / "reports/comparison.json")["cells"]
    key = {"recommender": "naml", "encoder": "static", "tuning": "frozen", "protocol": "clean"}
    [compared] = [cell for cell in cells if key.items() <= cell.items()]
    study = read_study()
    experiment = experiment_of(study, "naml", "static", "frozen")
    rows = auc_table(study, [experiment]).rows
    assert [row[4] for row in rows] == NAMES
    groups = [*found["groups"], found["at_most_5"], found["more_than_5"]]
    # `compare` adds what other seeds would; it has no groups by at most and more than 5 clicks.
    ends = [group["ci95"] for group in compared["groups"]]
    ends += [group["ci95"]["auc"] for group in groups[len(ends) :]]
    for row, group, interval in zip(rows, groups, ends, strict=True):
        assert row[7].value == pytest.approx(group["auc"], rel=1e-12)
        assert list(row[7].interval) == interval
        assert row[-1] == "dvc repro grid@naml-static-frozen-clean-s1"
    assert [dot["auc"] for dot in dots([experiment])] == [g["auc"] for g in found["groups"]]


def test_an_empty_group_is_a_gap(own_tree):
    def change(value):
        nothing = {"auc": None, "ci95": dict.fromkeys(value["at_most_5"]["ci95"])}
        value["groups"][2] |= nothing | {"users": 0, "clicks_mean": None, "clicks_min": None}
        value["at_most_5"] |= nothing

    edit(own_tree("full") / RUN, change)
    study = read_study()
    experiment = experiment_of(study, "naml", "static", "frozen")
    assert [dot["group"] for dot in dots([experiment])] == [1, 2, 4, 5]
    rows = auc_table(study, [experiment]).rows
    assert [str(rows[i][7]) for i in (2, 5)] == ["undefined", "undefined"]
    assert [str(row[5]) for row in users_table(study, []).rows][2] == "undefined"


def test_a_difference_that_is_not_known_is_a_gap(own_tree):
    empty = {"difference": None, "ci95": None, "p": None, "p_holm": None, "impressions": 0}

    def change(value):
        value["cold_start"][0]["contrasts"][0]["groups"][1] |= empty

    edit(own_tree("full") / "reports/comparison.json", change)
    contrast, *_ = contrasts_of(read_study())
    assert [point["group"] for point in contrast.points] == [1, 3, 4, 5]
    assert [row[4] for row in differences_table(read_study(), [contrast]).rows] == NAMES


def test_groups_are_those_of_the_runs_beside_the_paper_s_first(inside):
    found = read(inside("full") / RUN)
    study = read_study()
    rows = users_table(study, [C4]).rows
    for row, group in zip(rows, found["groups"], strict=False):
        numbers = group["users"], group["impressions"], group["clicks_mean"]
        assert tuple(cell.value for cell in row[3:6]) == numbers
    assert [str(row[6]) for row in rows[:2]] == ["4.01", "not given"]
    assert rules_text(study).startswith("Under clean, a user is in one group")


def test_a_run_without_five_groups_tells_none(own_tree):
    root = own_tree("one_run")
    path = next(root.glob("reports/runs/*/cold_start.json"))
    assert users_table(read_study(), [C4]) is not None
    edit(path, lambda value: value["groups"].pop())
    assert users_table(read_study(), [C4]) is None
    assert "The first run will tell" in words(shown())


def test_verdicts_stand_with_the_claim():
    other = C4 | {"kind": "gain"}
    assert claims_text([C4, other], None) == [
        "The paper, C4: It shrinks. ? undecided (near) under clean; ◐ partial 1/3 under released."
    ]


def test_why_there_is_no_difference(own_tree):
    root = own_tree("full")
    edit(root / "reports/comparison.json", lambda value: value.update(cold_start=[]))
    assert none_text(read_study()).startswith("No contrast yet:")
    (root / "reports/comparison.json").unlink()
    assert "run `dvc repro compare report`" in none_text(read_study())


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("theme", "colours"), [(LIGHT, ON_LIGHT), (DARK, ON_DARK)])
def test_encoders_can_be_told_apart(theme, colours):
    for colour in colours:
        low, high = sorted((luminance(colour), luminance(theme.background)))
        assert (high + 0.05) / (low + 0.05) >= 3
    names = [f"e{i}" for i in range(2 * len(colours))]
    row = {"group": 1, "auc": 0.6, "low": None, "high": None, "verdict": "within"}
    rows = [row | {"encoder": name, "tuning": "frozen"} for name in names]
    chart = levels(rows, ["frozen"], names, "AUC", theme).to_dict()
    points = chart["layer"][0]["layer"][2]["encoding"]
    ranges = [points[channel]["scale"]["range"] for channel in ("color", "shape")]
    assert len(set(zip(*ranges, strict=True))) == len(names)
    assert len(set(colours)) == 8
    assert len(set(SHAPES)) == len(SHAPES)
    low, high = points["y"]["scale"]["domain"]
    assert low < 0.5 < 0.6 < high  # chance is in sight


def test_what_is_not_significant_is_drawn_hollow():
    point = {"group": 1, "tuning": "frozen", "difference": 0.1, "low": 0.0, "high": 0.2}
    sure, unsure = (point | {"significant": known} for known in (True, False))
    filled, hollow = (
        panel(points, alt.X("group:O"), {"title": "difference"}, LIGHT).to_dict()["layer"]
        for points in ([sure], [sure, unsure])
    )
    assert len(hollow) == len(filled) + 1
    assert hollow[-1]["encoding"]["color"] == {"value": LIGHT.background}
    assert hollow[-1]["transform"] == [{"filter": "!datum.significant"}]


def test_panels_share_a_view_and_keep_their_groups_apart():
    point = {"tuning": "frozen", "low": -0.1, "high": 0.1, "difference": 0.0, "significant": True}
    rows = [point | {"recommender": name, "group": 5} for name in ("nrms", "lstur")]
    spec = differences(rows, "A title", LIGHT).to_dict()
    drawn, heads = spec["layer"]
    experiments = drawn["layer"][1]["encoding"]["x"]["scale"]["domain"]
    first, second = ([f"{name} {group}" for group in range(1, 6)] for name in ("nrms", "lstur"))
    assert experiments == [
        *first,
        "lstur ",
        *second,
    ]  # an experiment without a group stands between
    named = [row["name"] for row in spec["datasets"][heads["data"]["name"]]]
    assert named == ["NRMS", "LSTUR"]


def test_trends_are_those_of_the_comparison(inside):
    families = read(inside("full") / "reports/comparison.json")["cold_start"]
    trends = [contrast["trend"] for family in families for contrast in family["contrasts"]]
    rows = trends_table(contrasts_of(read_study())).rows
    assert [row[2].value for row in rows] == [trend["slope"] for trend in trends]
    assert [list(row[2].interval) for row in rows] == [trend["ci95"] for trend in trends]
    assert [row[3].value for row in rows] == [trend["p_holm"] for trend in trends]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("full", "{} under clean"),
        ("empty", "Whether they do is not known yet."),
        ("one_run", "The differences are not there: run `dvc repro compare report`"),
        ("partial", "◐ partial 1/3: static vectors frozen, fine-tuned"),
        ("stale", "↺ stale: replication/paper has changed since"),
        ("damaged_comparison", "reports/comparison.json: not valid JSON"),
        ("bad_params", "params.yaml: unknown key no_such_key"),
        ("hostile", "{} under clean"),
    ],
)
def test_the_page_says_what_there_is(inside, state, expected):
    folder = inside(state)
    text = words(shown())
    if "{}" in expected:  # the claim's verdict, whatever it is
        claims = read(folder / "reports/claims.json")["claims"]
        claim = next(c for c in claims if c["id"] == "C4")
        expected = expected.format(told_text(told(claim, claim["verdicts"]["clean"], "demo")))
    assert expected in text
    assert not {"None", "nan"} & set(text.split())


def test_a_link_chooses_what_is_subtracted(inside):
    inside("full")
    page = shown(minus="static", tuning="frozen")
    assert list(page.dataframe[0].value.columns[:2]) == ["experiment", "AUC"]
    assert "tuning: frozen; protocol: clean; difference: SmolLM2 - static vectors" in words(page)
    assert "The link asks for minus nobody, which is not here." in words(shown(minus="nobody"))
