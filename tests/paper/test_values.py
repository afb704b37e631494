"""Filling in the paper's tables: template, import, load; spreadsheets' habits; garbage."""

import csv
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication.files.errors import StudyError
from replication.paper.claims import load_claims
from replication.paper.values import (
    HEADER,
    SWEEP_LAYERS,
    VALUES,
    PaperCell,
    Value,
    import_values,
    load_values,
    paper_cells,
    template,
)

HEAD = "recommender,model,tuning,layers,group,metric,value,source\n"
ROW = "nrms,bert-base,frozen,,,auc,66.86,Table 9\n"  # invented values throughout
NRMS_BERT = PaperCell("nrms", "bert-base", "frozen", None, None, "auc")


@pytest.fixture
def give(tmp_path):
    """Import a text as if it were a file; errors must be one line, and must write nothing."""
    target = tmp_path / "values.csv"

    def give(text):
        path = tmp_path / "filled.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        before = target.read_bytes() if target.exists() else None
        try:
            values = import_values(path, target)
        except StudyError as error:
            assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1
            assert (target.read_bytes() if target.exists() else None) == before
            raise
        assert load_values(target) == values
        return values

    give.target = target
    return give


def test_no_value_of_the_paper_is_shipped():
    assert VALUES.read_text(encoding="utf-8") == HEAD
    assert load_values() == {}


def test_cells_are_those_of_the_paper():
    cells = paper_cells()
    assert len(set(cells)) == len(cells)
    main = [cell for cell in cells if cell.layers is None and cell.group is None]
    assert len(main) == 3 * 8 * 2 * 4 and list(cells[: len(main)]) == main
    sweep = [cell for cell in cells if cell.layers is not None]
    assert len(sweep) == 3 * 7
    assert {(c.model, c.tuning, c.group, c.metric) for c in sweep} == {
        ("bert-base", "finetuned", None, "auc")
    }
    assert tuple(SWEEP_LAYERS) == next(c for c in load_claims() if c.id == "C3a").sweep
    cold = [cell for cell in cells if cell.group is not None]
    assert len(cold) == 3 * 8 * 2 * 5 and {c.group for c in cold} == {1, 2, 3, 4, 5}
    assert len(cells) == len(main) + len(sweep) + len(cold)


def test_a_template_has_every_cell_and_no_value(tmp_path):
    path = tmp_path / "new" / "paper.csv"
    template(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER and len(rows) == len(paper_cells())
    assert {(row["value"], row["source"]) for row in rows} == {("", "")}
    assert load_values(path) == {}
    with pytest.raises(StudyError, match="exists already"):
        template(path)


def test_an_empty_template_leaves_the_values_alone(give, tmp_path):
    give(HEAD + ROW)
    template(tmp_path / "paper.csv")
    with pytest.raises(StudyError, match="column value: is empty"):
        give((tmp_path / "paper.csv").read_bytes())
    assert list(load_values(give.target)) == [NRMS_BERT]


def test_a_filled_template_comes_back(give, tmp_path):
    """All cells filled in, in percent, rows shuffled: each value in its cell, order restored."""
    template(tmp_path / "paper.csv")
    head, *rows = (tmp_path / "paper.csv").read_text(encoding="utf-8").splitlines()
    rows = [f'{row[:-1]}{50 + i / 100:.2f},"Table {i}, p. 9"' for i, row in enumerate(rows)]
    random.Random(0).shuffle(rows)
    values = give("\n".join([head, *rows]))
    assert list(values) == list(paper_cells())
    for i, value in enumerate(values.values()):
        assert value == Value((5000 + i) / 10_000, f"Table {i}, p. 9")


def test_import_keeps_the_digits_and_replaces_what_was_there(give):
    give(HEAD + "naml,glove,frozen,,,mrr,31.2,T1\n" + ROW.replace("66.86", "66.80"))
    assert give.target.read_text(encoding="utf-8") == (
        HEAD + "naml,glove,frozen,,,mrr,0.312,T1\nnrms,bert-base,frozen,,,auc,0.6680,Table 9\n"
    )
    once = give.target.read_bytes()
    assert give(once)[NRMS_BERT] == Value(0.668, "Table 9")
    assert give.target.read_bytes() == once
    assert list(give(HEAD + ROW)) == [NRMS_BERT]


def test_sweep_and_group_have_cells_of_their_own(give):
    values = give(
        HEAD
        + "lstur,bert-base,finetuned,4,,auc,.65,F1\nlstur,bert-base,finetuned,,1,auc,.63,F2\n"
        + "lstur,bert-base,finetuned,,,auc,.64,T1\nlstur,bert-base,finetuned,0,,auc,,\n"
    )
    place = ("lstur", "bert-base", "finetuned")
    assert values == {
        PaperCell(*place, None, None, "auc"): Value(0.64, "T1"),
        PaperCell(*place, 4, None, "auc"): Value(0.65, "F1"),
        PaperCell(*place, None, 1, "auc"): Value(0.63, "F2"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEAD + ROW,
        (HEAD + ROW).replace("\n", "\r\n"),
        (HEAD + ROW).replace("\n", "\r"),
        (HEAD + ROW).removesuffix("\n"),
        (HEAD + ROW).replace(",", ";"),
        (HEAD + ROW).replace(",", ";").replace("66.86", "66,86"),
        (HEAD + ROW).replace(",", "\t"),
        (HEAD + ROW).replace("66.86", '"66,86"'),
        (HEAD + ROW).replace("66.86", " 66.86 ").replace("Table 9", '"Table\n  9"'),
        (HEAD + ROW).replace("\n", ",,\n"),
        HEAD + ",,,,,,,\n\n" + ROW + "naml,glove,frozen,,,auc\n",
        (HEAD + ROW).replace("66.86", ".6686"),
        (HEAD + ROW).replace("66.86", "0,6686").replace(",0,6686", ',"0,6686"'),
    ],
)
def test_what_spreadsheets_make_of_a_csv_is_read(give, text):
    assert give(text) == {NRMS_BERT: Value(0.6686, "Table 9")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + ROW.replace("nrms", "npa"), ["line 2, column recommender", "'npa'", "naml, nrms"]),
        (HEAD + ROW.replace("bert-base", "bert"), ["column model", "'bert'", "bert-tiny"]),
        (HEAD + ROW.replace("frozen", "half"), ["column tuning", "frozen, finetuned"]),
        (HEAD + ROW.replace(",,,", ",1,,"), ["column layers", "'1'", "nothing, 0, 2"]),
        (HEAD + ROW.replace(",,,", ",,6,"), ["column group", "'6'", "nothing, 1, 2, 3, 4, 5"]),
        (HEAD + ROW.replace("auc", "AUC"), ["column metric", "'AUC'", "auc, mrr"]),
        (HEAD + ROW.replace(",,,", ",4,,"), ["line 2, column layers and group", "template"]),
        (HEAD + ROW.replace(",,,", ",4,1,"), ["column layers and group"]),
        (
            HEAD + ROW.replace("auc,66", "mrr,66").replace(",,,", ",,1,"),
            ["column layers and group"],
        ),
        (HEAD + ROW + "\n" + ROW, ["line 4", "as on line 2", "each cell once"]),
        (HEAD + ROW.replace("66.86", "n/a"), ["line 2, column value: 'n/a'", "66.86, or nothing"]),
        (HEAD + ROW.replace("66.86", "nan"), ["column value"]),
        (HEAD + ROW.replace("66.86", "inf"), ["column value"]),
        (HEAD + ROW.replace("66.86", "-66.86"), ["column value"]),
        (HEAD + ROW.replace("66.86", "6.686e1"), ["column value"]),
        (HEAD + ROW.replace("66.86", "66.86±.2"), ["column value"]),
        (HEAD + ROW.replace("66.86", "٦٦"), ["column value"]),
        (HEAD + ROW.replace("66.86", "."), ["column value"]),
        (HEAD + ROW.replace("66.86", "0"), ["column value: '0'", "0.4 to 1"]),
        (HEAD + ROW.replace("66.86", "32.49"), ["column value: '32.49'", "40.0 to 100", "auc"]),
        (HEAD + ROW.replace("66.86", "668.6"), ["column value: '668.6'", "0.4 to 1"]),
        (HEAD + ROW.replace("auc,66.86", "mrr,.03249"), ["column value", "0.1 to 1", "mrr"]),
        (HEAD + ROW.replace("Table 9", " "), ["line 2, column source", "Table 2, p. 9"]),
        (
            HEAD + ROW + ROW.replace("frozen", "finetuned").replace("66.86", ".6686"),
            ["line 3, column value: '.6686'", "percent, as on line 2"],
        ),
        (
            HEAD + ROW.replace("66.86", ".6686") + ROW.replace("nrms", "naml"),
            ["line 3, column value: '66.86'", "fractions, as on line 2"],
        ),
        (HEAD + ROW.replace("Table 9", "Table 9, p. 1"), ["line 2", "9 columns", "quote"]),
        (HEAD + ROW.replace("Table 9", '"Table\n9"') + "x\n", ["line 4, column recommender"]),
        (HEAD + ROW.replace("Table 9", '"Table 9'), ["balanced quotes"]),
        (ROW, ["line 1", "another header", "recommender,model"]),
        (HEAD.replace("group,", "") + ROW, ["line 1", "another header"]),
        ("", ["line 1", "empty"]),
        ((HEAD + ROW.replace("Table", "Tablé")).encode("cp1252"), ["line 2", "not UTF-8"]),
        ((HEAD + ROW).encode("utf-16"), ["line 1", "not UTF-8", "CSV UTF-8"]),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(give, text, words):
    with pytest.raises(StudyError) as error:
        give(text)
    for word in words:
        assert word in str(error.value), str(error.value)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(StudyError, match="expected a CSV file"):
        load_values(tmp_path / name)


field = st.sampled_from(
    ["", "nrms", "naml", "glove", "bert-base", "frozen", "finetuned", "auc", "mrr"]
)
number = st.sampled_from(["", "4", "1", ".5", "66,8", "66.8", "1e1", "0x1", "NaN", "-", "½", "1_0"])
noise = st.text(max_size=6) | st.sampled_from(['"', "\x00", "\r", "\n", ",", ";"])
pieces = st.lists(field | number | noise, max_size=10)
lines = st.lists(st.builds(",".join, pieces) | st.just(ROW.strip()) | noise, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.builds("\n".join, lines) | st.binary(max_size=60), headed=st.booleans())
def test_garbage_is_an_error_of_one_line_or_values_that_are_in_the_text(give, text, headed):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    data = HEAD.encode() * headed + data
    try:
        values = give(data)
    except StudyError:
        return
    readable = data.decode("utf-8-sig").replace(",", ".")
    for cell, value in values.items():
        assert cell in paper_cells() and value.source
        digits = f"{value.value:.4f}".removeprefix("0.").rstrip("0")
        assert digits in readable.replace(".", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    given_values=st.dictionaries(
        st.sampled_from(paper_cells()),
        st.none() | st.tuples(st.integers(4000, 9999), st.text(max_size=12)),
        max_size=8,
    )
)
def test_only_what_was_filled_in_has_a_value(give, given_values):
    """Any subset of cells, any text as source: values come back, missing ones stay missing."""
    rows = [HEAD]
    for cell, filled in given_values.items():
        key = (cell.recommender, cell.model, cell.tuning, cell.layers, cell.group, cell.metric)
        value, source = (f"0.{filled[0]}", filled[1]) if filled else ("", "")
        texts = ["" if part is None else str(part) for part in key]
        source = source.encode("utf-8", "replace").decode().replace('"', '""')
        rows.append(",".join([*texts, value, f'"{source}"']) + "\n")
    filled = {cell: both for cell, both in given_values.items() if both}
    if not filled or any(not source.strip() for _, source in filled.values()):
        with pytest.raises(StudyError, match=r"column (value|source)"):
            give("".join(rows))
        return
    values = give("".join(rows))
    assert {cell: value.value for cell, value in values.items()} == {
        cell: pytest.approx(digits / 10_000) for cell, (digits, _) in filled.items()
    }
