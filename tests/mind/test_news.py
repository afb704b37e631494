import pytest
from files import SAMPLE, article, write_rows
from hypothesis import given
from hypothesis import strategies as st

from replication.files.errors import StudyError
from replication.mind.news import FIELDS, read_news

# Anything a field may hold: no tab, no line end, no surrogate (not UTF-8), not blank.
text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\r\n\ufeff"), min_size=1
).filter(str.strip)
news_id = st.from_regex(r"N[0-9]{1,6}", fullmatch=True)
articles = st.builds(
    article,
    news_id,
    category=text,
    subcategory=text,
    title=text,
    abstract=st.just("") | text,
    title_entities=st.sampled_from(["", "[]", '[{"Label": "Ålesund", "Confidence": 1.0}]']),
)


@given(
    rows=st.lists(articles, min_size=1, max_size=6, unique_by=lambda row: row[0]),
    end=st.sampled_from(["\n", "\r\n"]),
    last_end=st.booleans(),
)
def test_what_was_written_is_read(tmp_path_factory, rows, end, last_end):
    path = write_rows(tmp_path_factory.mktemp("news") / "news.tsv", rows, end, last_end)
    news = read_news(path)
    assert news.columns == FIELDS
    assert news.rows() == rows


def test_double_quotes_are_characters(tmp_path):
    titles = ['"Quoted"', 'An open " quote', '"']
    rows = [article(f"N{i}", title=title) for i, title in enumerate(titles)]
    assert read_news(write_rows(tmp_path / "news.tsv", rows))["title"].to_list() == titles


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "news.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + "\t".join(article("N1")).encode())
    assert read_news(path)["news_id"].to_list() == ["N1"]


GOOD = article("N1")
LONG = "x" * 500


@pytest.mark.parametrize(
    ("rows", "line", "field", "problem"),
    [
        ([GOOD, article("N2")[:5]], 2, "url", "5 fields; expected 8 fields"),
        ([GOOD, (*article("N2"), "more")], 2, "abstract_entities", "9 fields; expected 8 fields"),
        ([GOOD, ("",), article("N2")], 2, "news_id", "blank line; expected 8 fields"),
        ([GOOD, ("  ",)], 2, "news_id", "blank line"),
        ([article("")], 1, "news_id", "not an article id: ''"),
        ([GOOD, article("N 2")], 2, "news_id", "not an article id: 'N 2'"),
        ([GOOD, article("N2-1")], 2, "news_id", "not an article id: 'N2-1'"),
        ([GOOD, article("N2"), GOOD], 3, "news_id", "'N1' stands on line 1 already"),
        ([GOOD, article("N2", category="")], 2, "category", "empty: ''"),
        ([GOOD, article("N2", subcategory=" ")], 2, "subcategory", "empty: ' '"),
        ([GOOD, article("N2", title="")], 2, "title", "empty: ''"),
        ([article("N1", title_entities="[{]")], 1, "title_entities", "not a JSON list: '[{]'"),
        ([article("N1", abstract_entities="{}")], 1, "abstract_entities", "not a JSON list: '{}'"),
        ([article("N1", abstract_entities=LONG)], 1, "abstract_entities", f"'{'x' * 56}..."),
    ],
)
def test_a_malformed_line_is_named(tmp_path, rows, line, field, problem):
    path = write_rows(tmp_path / "news.tsv", rows)
    with pytest.raises(StudyError) as error:
        read_news(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {line}, field {field}: ")
    assert problem in message and "; expected " in message and "\n" not in message


def test_invalid_utf8_is_named(tmp_path):
    path = tmp_path / "news.tsv"
    lines = ["\t".join(article(f"N{i}")).encode() for i in (1, 2, 3)]
    path.write_bytes(b"\n".join(lines).replace(b"N2\tnews\t", b"N2\tn\xe9ws\t"))
    with pytest.raises(StudyError) as error:
        read_news(path)
    expected = "line 2, field category: byte 0xe9 is not UTF-8; expected UTF-8 text"
    assert str(error.value) == f"{path}, {expected}"


def test_a_missing_or_empty_file_is_named(tmp_path):
    path = tmp_path / "news.tsv"
    with pytest.raises(StudyError, match=r"news\.tsv: no such file"):
        read_news(path)
    path.touch()
    with pytest.raises(StudyError, match=r"news\.tsv, line 1, field news_id: the file is empty"):
        read_news(path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs real MIND rows in ../shared/mind-sample")
def test_real_rows():
    news = read_news(SAMPLE / "news.tsv")
    assert len(news) == 2000
    text = news["title"] + " " + news["abstract"]
    assert text.str.contains('"').mean() == pytest.approx(0.13, abs=0.005)
    assert text.str.contains(r"[^\x00-\x7f]").mean() == pytest.approx(0.02, abs=0.005)
    assert (news["abstract"] == "").mean() == pytest.approx(0.05, abs=0.005)
    assert news["title"].str.split(" ").list.len().mean() == pytest.approx(10.9, abs=0.05)
    share = dict(news["category"].value_counts(normalize=True).rows())
    assert [round(share[name], 2) for name in ("news", "sports", "finance")] == [0.3, 0.3, 0.06]
