import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged, save_array

lists_of_rows = st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=8)


def ragged(rows: list[list[int]]) -> Ragged:
    values = np.array([value for row in rows for value in row], np.int32)
    return Ragged.from_lengths(values, np.array([len(row) for row in rows], np.int64))


def as_lists(table: Ragged) -> list[list[int]]:
    return [table.row(i).tolist() for i in range(len(table))]


@given(lists_of_rows)
def test_rows_are_the_lists_it_was_made_of(rows):
    table = ragged(rows)
    assert as_lists(table) == rows
    assert table.lengths.tolist() == [len(row) for row in rows]
    assert table.offsets.dtype == table.lengths.dtype == np.int64


@given(lists_of_rows, st.data())
def test_take_is_indexing(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
    taken = ragged(rows).take(np.array(chosen, np.int64))
    assert as_lists(taken) == [rows[i] for i in chosen]
    assert taken.values.dtype == np.int32


@given(lists_of_rows, st.data())
def test_take_accepts_a_mask(rows, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    taken = ragged(rows).take(np.array(mask, bool))
    assert as_lists(taken) == [row for row, wanted in zip(rows, mask, strict=True) if wanted]


def test_positions_select_from_a_parallel_array():
    table = ragged([[5, 6], [], [7, 8, 9]])
    parallel = np.array(list("abcde"))
    assert "".join(parallel[table.positions(np.array([2, 0, 1]))]) == "cdeab"


@given(lists_of_rows, st.integers(1, 8))
def test_newest_keeps_the_end_of_each_row(rows, width):
    assert as_lists(ragged(rows).newest(width)) == [row[-width:] for row in rows]


@given(lists_of_rows, st.integers(1, 8))
def test_padded_is_slicing(rows, width):
    table = ragged(rows)
    for keep in ("newest", "oldest"):
        for side in ("left", "right"):
            expected = []
            for row in rows:
                kept = row[-width:] if keep == "newest" else row[:width]
                zeros = [0] * (width - len(kept))
                expected.append(zeros + kept if side == "left" else kept + zeros)
            padded = table.padded(width, keep, side)
            assert padded.tolist() == expected
            assert padded.shape == (len(rows), width) and padded.dtype == np.int32


@pytest.mark.parametrize("rows", [[[1, 2], [], [3]], [[], []], []])
def test_saved_and_loaded_it_is_the_same(tmp_path, rows):
    ragged(rows).save(tmp_path, "clicks")
    loaded = Ragged.load(tmp_path, "clicks")
    assert as_lists(loaded) == rows
    assert loaded.values.dtype == np.int32 and loaded.offsets.dtype == np.int64
    assert {path.name for path in tmp_path.iterdir()} == {"clicks.values.npy", "clicks.offsets.npy"}


def test_loaded_values_stay_on_disk(tmp_path):
    ragged([[1, 2], [3]]).save(tmp_path, "clicks")
    assert isinstance(Ragged.load(tmp_path, "clicks").values, np.memmap)


@pytest.mark.parametrize("name", ["clicks.values.npy", "clicks.offsets.npy"])
@pytest.mark.parametrize("bytes_left", [0, 20, -1])
def test_a_truncated_file_is_named(tmp_path, name, bytes_left):
    ragged([[1, 2], [3]]).save(tmp_path, "clicks")
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:bytes_left])
    with pytest.raises(StudyError, match=name):
        Ragged.load(tmp_path, "clicks")


def test_offsets_of_another_table_are_refused(tmp_path):
    ragged([[1, 2], [3]]).save(tmp_path, "clicks")
    np.save(tmp_path / "clicks.values.npy", np.zeros(5, np.int32))
    with pytest.raises(StudyError, match=r"clicks\.offsets\.npy: does not fit clicks\.values\.npy"):
        Ragged.load(tmp_path, "clicks")


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_out_of_range_is_an_error(row):
    with pytest.raises(IndexError):
        ragged([[1, 2], [3]]).take(np.array([row]))


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(0,), (5,), (3, 4), (2, 0)])
def test_an_array_is_saved_as_numpy_would(tmp_path, shape, dtype):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", values, allow_pickle=False)
    save_array(tmp_path / "b.npy", values)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()
    save_array(tmp_path / "c.npy", np.asfortranarray(values))
    np.testing.assert_array_equal(np.load(tmp_path / "c.npy"), values)
