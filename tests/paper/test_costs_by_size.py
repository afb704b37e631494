"""C8: costs that grow with a model's size, or do not."""

import pytest
from planted import Planted, flat, planted_params

from replication.files.errors import StudyError
from replication.paper.cells import read_grid
from replication.paper.claims import load_claims
from replication.paper.evidence import Evidence
from replication.paper.judges import judge

CLAIMS = {claim.id: claim for claim in load_claims()}


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """Four models below the LLM, whose own fine-tuning stands beside the runs."""
    models = ["glove", "bert-tiny", "bert-small", "bert-base", "llama-3.1-8b"]
    return planted_params(tmp_path, monkeypatch, models, seeds=(1, 2), tunings=["finetuned"])


LADDER = {"my-glove": 1, "my-bert-tiny": 2, "my-bert-small": 3, "my-bert-base": 4}


def growing(cell):
    size = LADDER.get(cell.encoder, 0)  # the LLM's recommender is the cheapest of all
    return {
        "seconds_a_sample": 2.0 * size, "peak_memory_mib": 3.0 * size, "seconds": 4.0 * size,
        "operations_a_sample": 5.0 * size, "states_seconds": 1.0 * size, "reads_embeddings": False,
    }  # fmt: skip


def shrinking(cell):
    return growing(cell) | {
        key: 100 - value for key, value in growing(cell).items() if value is not False
    }


def searched(cell):
    width = 0.01 * LADDER.get(cell.encoder, 0)
    return [{"selection_auc": 0.6}, {"selection_auc": 0.6 + width}, {"selection_auc": 0.601}]


def cost_of(params, costs, search):
    planted = Planted(params, impressions=20)
    planted.write(flat, costs, search)
    return judge(CLAIMS["C8"], Evidence(params, read_grid(params)), "clean")


@pytest.mark.parametrize(
    ("costs", "verdict"), [(growing, "confirmed"), (shrinking, "contradicted")]
)
def test_costs_by_size(tuned, costs, verdict):
    found = cost_of(tuned, costs, searched)
    assert found["verdict"] == verdict and len(found["parts"]) == 15
    assert found["reason"] is None
    by_measure = {part["measure"]: part for part in found["parts"]}
    assert by_measure["seconds_a_sample"]["found"] == pytest.approx(1 if costs is growing else -1)
    assert by_measure["sensitivity"]["found"] == pytest.approx(1)
    values = by_measure["sensitivity"]["values"]
    assert values["my-bert-base"] == pytest.approx(0.04)
    assert [part["values"]["my-llama-3-1-8b"] for part in found["parts"]] == [None] * 15
    for measure in ("operations", "device_seconds", "memory"):
        assert by_measure[measure]["found"] == pytest.approx(1 if costs is growing else -1)
    # The LLM's own training is not recorded: without it, its runs say nothing of its cost.
    if costs is growing:
        assert by_measure["device_seconds"]["values"]["my-bert-base"] == 20.0


def test_runs_of_before_say_so_and_leave_the_claim_to_the_rest(tuned):
    def costs(cell):
        kept = ("seconds_a_sample", "peak_memory_mib", "reads_embeddings")
        return {key: value for key, value in growing(cell).items() if key in kept}

    found = cost_of(tuned, costs, searched)
    assert found["verdict"] == "confirmed"
    unknown = {part["measure"]: part["verdict"] for part in found["parts"] if part.get("reason")}
    assert unknown == dict.fromkeys(("operations", "device_seconds"), "not testable")
    assert "operations: unknown, its runs, or an adapter's training, have not" in found["reason"]


def test_embedding_is_booked_to_the_runs_that_read_it(tuned):
    from replication.files.atomic import write_json
    from replication.study import paths

    for name, size in LADDER.items():
        took = {"seconds": 100.0 * (5 - size), "processes": 2, "peak_memory_mib": 1.0}
        write_json(paths.EMBEDDING_COSTS / f"{name}.json", took | {"peak_gpu_memory_mib": None})

    def costs(cell):
        return growing(cell) | {"reads_embeddings": cell.encoder != "my-bert-base"}

    parts = cost_of(tuned, costs, searched)["parts"]
    values = next(p["values"] for p in parts if p["measure"] == "device_seconds")
    # Run and states take 5 a size; embedding 400, 300 and 200 on each of two devices.
    expected = {"my-glove": 805.0, "my-bert-tiny": 610.0, "my-bert-small": 415.0}
    assert values == expected | {"my-bert-base": 20.0, "my-llama-3-1-8b": None}


@pytest.mark.parametrize(("memory", "found"), [(40.0, 1), (1.0, 0.2), (None, 1)])
def test_an_adapters_cost_counts_as_its_models(tuned, memory, found):
    from replication.files.atomic import write_json
    from replication.study import paths

    took = {"peak_memory_mib": memory, "peak_gpu_memory_mib": None}
    more = {"seconds": 30.0, "seconds_a_sample": 7.0, "operations_a_sample": 9.0, "processes": 2}
    write_json(paths.ADAPTERS / "my-lora.json", took | more)
    parts = cost_of(tuned, growing, searched)["parts"]
    by_measure = {part["measure"]: part for part in parts}
    llm = {name: part["values"]["my-llama-3-1-8b"] for name, part in by_measure.items()}
    assert llm.pop("memory") == memory and llm.pop("sensitivity") is None
    # Its recommender takes nothing here.
    assert llm == {"seconds_a_sample": 7.0, "operations": 9.0, "device_seconds": 60.0}
    # At 1 MiB the largest model is the cheapest: 6 pairs of 10 in order, 4 against it.
    assert by_measure["memory"]["found"] == pytest.approx(found)


def test_costs_that_grow_but_for_one_step_are_near(tuned):
    def costs(cell):
        return growing(cell) | (
            {"seconds_a_sample": 3.0} if cell.encoder == "my-bert-small" else {}
        )

    assert cost_of(tuned, costs, searched)["verdict"] == "undecided"


def test_memory_is_the_gpus_where_there_is_one(tuned):
    def costs(cell):
        size = LADDER.get(cell.encoder, 0)
        return growing(cell) | {"peak_memory_mib": 100.0 - size, "peak_gpu_memory_mib": 1.0 * size}

    found = cost_of(tuned, costs, searched)
    [part, *_] = [part for part in found["parts"] if part["measure"] == "memory"]
    assert part["values"]["my-bert-base"] == 4.0 and part["found"] == pytest.approx(1)


@pytest.mark.parametrize(("spread", "word"), [(0.0, "contradicted"), (0.0005, "contradicted"),
                                              (0.02, "undecided")])  # fmt: skip
def test_a_range_over_rates_must_be_shown_to_fall(tuned, spread, word):
    """It falls by .03 from the smallest to the largest model, and by `spread` from seed to seed:
    Welch's test by hand gives t = .03 / spread * sqrt(2), with 2 degrees of freedom."""

    def falling(cell):
        width = 0.05 - 0.01 * LADDER.get(cell.encoder, 0) + spread * (cell.seed == 2)
        return [{"selection_auc": 0.6}, {"selection_auc": 0.6 + width}]

    found = cost_of(tuned, growing, falling)
    assert {part["verdict"] for part in found["parts"] if part["measure"] == "sensitivity"} == {
        word
    }
    assert found["verdict"] == word


def test_one_seed_shows_no_range_to_fall(tmp_path, monkeypatch):
    models = ["glove", "bert-tiny", "bert-small", "bert-base", "llama-3.1-8b"]
    params = planted_params(tmp_path, monkeypatch, models, seeds=(1,), tunings=["finetuned"])
    narrowing = [{"selection_auc": 0.6}, {"selection_auc": 0.7}]
    found = cost_of(
        params, growing, lambda c: searched(c) if c.encoder != "my-glove" else narrowing
    )
    assert found["verdict"] == "undecided"


def test_without_a_search_the_claim_is_not_testable(tuned):
    found = cost_of(tuned, growing, lambda cell: [])
    assert found["verdict"] == "not testable"
    assert "searched for a learning rate" in found["reason"]
    assert {p["verdict"] for p in found["parts"] if p["measure"] == "seconds_a_sample"} == {
        "confirmed"
    }


def test_models_that_were_not_searched_are_null_and_the_others_judged(tuned):
    found = cost_of(tuned, growing, lambda c: [] if c.encoder == "my-glove" else searched(c))
    [part, *_] = [part for part in found["parts"] if part["measure"] == "sensitivity"]
    assert part["values"]["my-glove"] is None and part["verdict"] == "confirmed"


def test_runs_of_several_machines_cannot_be_compared(tuned):
    from replication.files.atomic import write_json
    from replication.paper.cells import read_json

    planted = Planted(tuned, impressions=20)
    planted.write(flat, growing, searched)
    path = read_grid(tuned)[0].folder / "run.json"
    write_json(path, read_json(path) | {"hardware": {"processor": "another", "gpu": None}})
    found = judge(CLAIMS["C8"], Evidence(tuned, read_grid(tuned)), "clean")
    assert (found["verdict"], found["reason"]) == (
        "not testable", "the runs are of several machines",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("cost", {"parameters": "many"}, "parameters: 'many'"),
        ("cost", {"parameters": 5, "seconds_a_sample": "long"}, "seconds_a_sample: 'long'"),
        ("run", {"hardware": {}, "training": {"samples": 1}}, "training.search: is missing"),
        ("run", {"training": {"search": [], "samples": 1}}, "hardware: is missing"),
    ],
)
def test_a_damaged_cost_is_named(tuned, file, content, told):
    from replication.files.atomic import write_json

    planted = Planted(tuned, impressions=20)
    planted.write(flat, growing, searched)
    path = read_grid(tuned)[0].folder / f"{file}.json"
    write_json(path, content)
    with pytest.raises(StudyError, match=told) as error:
        judge(CLAIMS["C8"], Evidence(tuned, read_grid(tuned)), "clean")
    assert str(path) in str(error.value)


def test_costs_are_sorted_by_the_parameters_counted(tuned):
    """A model twice as dear as all others is no step down where it is the largest."""

    def costs(cell):
        dear = cell.encoder == "my-bert-tiny"
        return growing(cell) | (
            {"training_seconds": 100.0, "peak_memory_mib": 100.0, "parameters": 1e7} if dear else {}
        )

    found = cost_of(tuned, costs, lambda cell: [])
    by_measure = {part["measure"]: part for part in found["parts"]}
    assert by_measure["memory"]["verdict"] == "confirmed"
    assert list(by_measure["memory"]["values"])[-2:] == ["my-bert-tiny", "my-llama-3-1-8b"]
