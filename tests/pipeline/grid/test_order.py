"""Which stage runs next: of the demo's own study, and where nothing is known of the work."""

import pytest

from replication.files.errors import StudyError
from replication.pipeline.grid import order
from replication.pipeline.grid.graph import Stage, needed_by
from replication.pipeline.grid.order import in_order
from replication.pipeline.plan.stages import study


@pytest.fixture(scope="module")
def demo():
    params, graph = study("demo")
    return params, {name: Stage(name, None, needs, True) for name, needs in graph.items()}


def test_what_is_needed_stands_before_what_needs_it(demo):
    params, stages = demo
    names = list(in_order(stages, list(stages), params))
    assert sorted(names) == sorted(stages)
    for name, stage in stages.items():
        assert all(names.index(other) < names.index(name) for other in stage.upstream)


def test_the_experiment_at_hand_is_first_and_long_chains_begin_early(demo):
    params, stages = demo
    names = list(in_order(stages, list(stages), params))
    # It is fine-tuned, from a start that a frozen run leaves.
    at_hand = needed_by(stages, ["experiment"]) | {"grid@nrms-minilm-frozen-clean-s1"}
    assert set(names[: len(at_hand)]) == at_hand and names[len(at_hand)] == "experiment"
    rest = names[len(at_hand) + 1 :]
    # The language model is tuned, embedded and trained over: the longest chain. An audit, the
    # longest stage of those that nothing but the report waits for, is before the short ones.
    assert rest.index("adapt@smollm2-lora") < 5
    short = rest.index("sweep@naml-minilm-finetuned-k0-clean-s1")
    assert rest.index("audit@words") < short < rest.index("compare")


def test_a_tuned_run_waits_for_the_one_that_trains_its_start(demo):
    params, stages = demo
    tuned = "grid@nrms-minilm-finetuned-clean-s1"
    waits = in_order(stages, [tuned], params)[tuned]
    assert "grid@nrms-minilm-frozen-clean-s1" in waits and set(stages[tuned].upstream) <= {*waits}


def test_where_the_size_of_the_data_is_not_known_it_is_the_order_of_dvc(demo, monkeypatch):
    params, stages = demo

    def unknown(*_):
        raise StudyError("the data are not prepared yet")

    monkeypatch.setattr(order, "works", unknown)
    found = in_order(stages, list(stages), params)
    assert list(found) == list(stages)
    assert found == {name: stage.upstream for name, stage in stages.items()}
