"""The page of encoders is that of the table of architectures."""

from typing import get_args, get_type_hints

from encoders_table import table
from small import ROOT

from replication.encoders.tokens import PROMPT
from replication.study.params import Encoder


def test_the_page_of_encoders_is_that_of_the_table():
    page = (ROOT / "docs/encoders.md").read_text(encoding="utf-8")
    assert table() in page
    assert PROMPT in page
    for pooling in get_args(get_args(get_type_hints(Encoder)["pooling"])[0]):
        assert f"`{pooling}`" in page
