"""The tables of cold start, against the files that they come from."""

import json

import pytest

from replication.report.cold_starts import (
    cold_start_table,
    contrasts_table,
    gain_points,
    gains_table,
    groups_table,
)
from replication.study import paths


def test_groups_are_counted_as_in_the_runs_beside_the_paper_s_first(finished):
    path = paths.RUNS / "naml-static-frozen-clean-s1" / "cold_start.json"
    groups = json.loads(path.read_bytes())
    rows = groups_table(finished).rows
    rows = [row for row in rows if row[0] == "clean"]
    assert [row[1] for row in rows] == ["1", "2", "3", "4", "5", "≤ 5", "> 5"]
    for row, group in zip(rows, [*groups["groups"], groups["at_most_5"]], strict=False):
        assert row[3].value == group["users"]
        assert row[4].value == group["impressions"]
        assert row[5].value == group["clicks_mean"]
    assert [str(row[6]) for row in rows[:2]] == ["4.01", "not given"]


def test_contrasts_have_a_row_per_model_and_group(finished):
    # 3 recommenders, 2 tunings, 3 smaller models, 7 groups
    table = contrasts_table(finished)
    assert len(table.rows) == 3 * 2 * 3 * 7
    first = finished.comparison["cold_start"][0]["contrasts"][0]["groups"][0]
    assert table.rows[0][6].value == first["difference"]
    assert table.rows[0][8].value == first["p_holm"]
    assert len(gains_table(finished).rows) == 3 * 2 * 3
    assert len(gain_points(finished)) == 3 * 2 * 3 * 5


@pytest.mark.parametrize(("p", "star"), [(0.049, " *"), (0.05, ""), (None, "")])
def test_only_what_is_significant_has_a_star(finished, p, star):
    for family in finished.comparison["cold_start"]:
        for contrast in family["contrasts"]:
            contrast["groups"][0]["p_holm"] = p
    row = gains_table(finished).rows[0]
    assert str(row[4]).endswith(f"]{star}")


def test_an_empty_group_is_undefined_and_not_drawn(finished):
    group = finished.comparison["cold_start"][0]["contrasts"][0]["groups"][1]
    group |= {"difference": None, "ci95": None, "p": None, "p_holm": None, "impressions": 0}
    assert str(gains_table(finished).rows[0][5]) == "undefined"
    assert len(gain_points(finished)) == 3 * 2 * 3 * 5 - 1


def test_auc_by_group_is_the_comparison_s(finished):
    rows = cold_start_table(finished).rows
    cells = finished.comparison["cells"]
    assert [[n.value for n in row[4:]] for row in rows] == [
        [group["ours"] for group in cell["groups"]] for cell in cells
    ]
