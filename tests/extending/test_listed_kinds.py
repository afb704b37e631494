"""What the registry lists is of the class that says its signature."""

import pytest

from replication.encoders.families.base import Family
from replication.encoders.sources.kinds.base import Source
from replication.mind.imports.base import DataSet
from replication.recommenders import Recommender
from replication.study.registry import DATA_SETS, FAMILIES, RECOMMENDERS, SOURCES, located


@pytest.mark.parametrize(
    ("lines", "base"), [(FAMILIES, Family), (SOURCES, Source), (DATA_SETS, DataSet)]
)
def test_each_line_is_of_the_class_that_says_its_signature(lines, base):
    assert lines
    assert all(isinstance(lines[name], base) for name in lines)


def test_each_recommender_is_of_the_class_that_says_its_signature():
    assert all(issubclass(located(RECOMMENDERS[name].code), Recommender) for name in RECOMMENDERS)
