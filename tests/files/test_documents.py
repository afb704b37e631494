"""A document is what its file holds now, and its reader's own."""

from replication.files.documents import read_yaml


def test_what_a_reader_changes_is_not_seen_by_the_next(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: {b: [1, 2]}\n", encoding="utf-8")
    read_yaml(path)["a"]["b"].append(3)
    assert read_yaml(path) == {"a": {"b": [1, 2]}}


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "a.yaml"
    for text, value in (("a: 1\n", 1), ("a: 2\n", 2), ("a: 1\n", 1)):
        path.write_text(text, encoding="utf-8")
        assert read_yaml(path) == {"a": value}
