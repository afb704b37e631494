"""A recommender that stands in this file and is listed by one line goes through the whole study."""

from pathlib import Path

import pytest
import torch

from replication.browser.content.rerun import at_hand, expected_cost, options
from replication.browser.content.results_table import rows_of
from replication.browser.reading.study import read_study
from replication.evaluation.reference import write_baselines
from replication.experiment.flips import untouched
from replication.experiment.run import run
from replication.files.errors import StudyError
from replication.paper.cells import grid_cells
from replication.paper.compare import compare
from replication.paper.values import paper_cells
from replication.recommenders import RECOMMENDERS, Recommender
from replication.report.expected import expected_rows
from replication.report.write import write_report
from replication.study import paths
from replication.study.params import grid_cell, load_params
from replication.study.registry import Listed

PAPER = {"naml", "nrms", "lstur"}


class Mean(Recommender):
    """The mean of the abstract's tokens, and of the clicks."""

    def build(self, sizes, users):
        return self.token_width

    def encode_news(self, articles):
        return self.read_text("abstract", articles, mean)

    def read_user(self, clicked, mask, lengths, users):
        return mean(clicked, mask)


def mean(x, mask):
    """(n, t, w) and (n, t) or None -> (n, w)."""
    if mask is None:
        mask = torch.ones_like(x[..., 0], dtype=torch.bool)
    return (x * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


@pytest.fixture
def listed():
    RECOMMENDERS["average"] = Listed(Mean, ("abstract",), lambda filters, window: 0)


def test_without_its_line_it_is_refused(own_project, edit):
    edit(lambda values: values.update(recommender="average"))
    with pytest.raises(StudyError, match="recommender: 'average' is not accepted; accepted: naml"):
        load_params()


def test_it_goes_through_the_whole_study(listed, own_project, edit, monkeypatch):
    monkeypatch.setattr("replication.report.write.save_figure", lambda *_: None)  # seconds each
    edit(lambda values: values["grid"].update(recommenders=["average"], seeds=["s1"]))
    edit(lambda values: values.update(recommender="average"))
    params = load_params()

    for cell in grid_cells(params):
        chosen = grid_cell(params, "average", cell.encoder, cell.tuning, cell.protocol, 1)
        found = run(chosen, cell.folder, cell.per_impression)
        assert 0 < found["auc"] < 1 and cell.folder.name.startswith("average-")

    expected = {row.name: row for row in expected_rows_of_the_data(params)}
    estimate = expected["average-minilm-frozen-clean"]
    assert estimate.estimate.seconds > 0 and estimate.measured[2] == 1

    write_baselines(params)
    compare(params)
    write_report(params)
    table = (paths.REPORTS / "tables/results.md").read_text(encoding="utf-8")
    assert table.count("| average ") == 4 and "not run" not in table

    study = read_study()
    rows = rows_of(study, "auc")
    ran = [row for row in rows if not row.swept]
    assert {row.experiment.recommender for row in rows} == {"average"} and len(ran) == 4
    assert all(row.figure.ours is not None for row in ran)
    assert "average" in options(params)["recommender"]
    assert expected_cost(params, at_hand(params), []).seconds > 0


def expected_rows_of_the_data(params):
    """`expected_rows`, which reads the size of the data in reports/data.json."""
    paths.DATA_CARD.parent.mkdir(parents=True, exist_ok=True)
    paths.DATA_CARD.write_bytes((paths.PREPARED / "meta.json").read_bytes())
    return expected_rows(params)


def test_its_fields_decide_what_it_costs(listed, params, monkeypatch):
    from replication.report.estimate import training
    from replication.report.machines import machine
    from replication.report.shape import SMALL

    def operations(name: str) -> float:
        cell = grid_cell(params, name, "minilm", "frozen", "clean", 1)
        return training(cell, SMALL, machine("core")).operations

    assert 0 < operations("average") < operations("naml")


@pytest.mark.parametrize("deviation", ["D3", "D9"])
def test_the_audit_flips_what_touches_it_alone(listed, params, deviation):
    cell = grid_cell(params, "average", "static", "frozen", "clean", 1)
    assert untouched(deviation, cell) == "only LSTUR has a GRU and user vectors by ID"
    RECOMMENDERS["average"] = Listed(Mean, ("abstract",), deviations=("D3",))
    reason = untouched(deviation, cell)
    assert reason is None if deviation == "D3" else reason


def test_the_paper_s_tables_stay_the_paper_s(listed):
    assert {cell.recommender for cell in paper_cells()} == PAPER


def test_no_room_above_knows_a_recommender_by_name():
    """But the paper, whose own three they are, and sentences that explain."""
    package = Path(__file__).parents[2] / "replication"
    rooms = ("training", "evaluation", "experiment", "report", "browser", "pipeline", "study")
    named = {
        path.name
        for room in rooms
        for path in (package / room).rglob("*.py")
        if any(f'"{name}"' in path.read_text(encoding="utf-8") for name in PAPER)
    }
    assert named == {"registry.py"}
