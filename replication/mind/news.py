"""Read MIND's news.tsv: one article per line."""

from pathlib import Path

import polars as pl

from replication.mind.tsv import ARTICLE_ID, read_rows, refuse, refuse_repeated

# In the file's order; https://github.com/msnews/msnews.github.io, assets/doc/introduction.md
FIELDS = [
    "news_id",
    "category",
    "subcategory",
    "title",
    "abstract",
    "url",
    "title_entities",
    "abstract_entities",
]


def read_news(path: Path) -> pl.DataFrame:
    """Read and check a news.tsv: one row per article, in the file's order (row i is line i + 1).

    Columns, all str: news_id, category, subcategory, title, abstract (may be empty), url,
    title_entities, abstract_entities (JSON lists as text, may be empty).
    StudyError naming file, line and field for: a malformed line (see `read_rows`), an id that is
    empty, repeated or holds white space, what cannot be seen or "-" (which parts id and label in
    behaviors.tsv), an empty category, subcategory or title, entities that are not a JSON list.
    """
    news = read_rows(path, FIELDS)
    well_formed = news["news_id"].str.contains(ARTICLE_ID)
    refuse(path, news["news_id"], ~well_formed, "not an article id", "one like N55528")
    refuse_repeated(path, news["news_id"])
    for values in news["category", "subcategory", "title"]:
        refuse(path, values, values.str.strip_chars() == "", "empty", "text")
    for values in news["title_entities", "abstract_entities"]:
        parsed = values.str.json_path_match("$")  # null where it is not JSON
        well_formed = (values == "") | (values.str.starts_with("[") & parsed.is_not_null())
        refuse(path, values, ~well_formed, "not a JSON list", "a JSON list or nothing")
    return news
