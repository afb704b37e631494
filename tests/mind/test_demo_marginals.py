"""The demo corpus against MIND's marginals, and the same marginals against real rows."""

from pathlib import Path

import polars as pl
import pytest
from marginals import BEHAVIORS, MARGINALS, NEWS, measure, read

SAMPLE = Path(__file__).parents[3] / "shared" / "mind-sample"


@pytest.fixture(scope="module")
def demo(demo_corpus: Path) -> dict[str, float]:
    news = pl.concat(read(demo_corpus / split / "news.tsv", NEWS) for split in ("train", "dev"))
    return measure(news.unique("id"), read(demo_corpus / "train" / "behaviors.tsv", BEHAVIORS))


@pytest.fixture(scope="module")
def sample() -> dict[str, float]:
    if not SAMPLE.is_dir():
        pytest.skip("no sample of MIND beside the repository (its licence forbids shipping one)")
    return measure(read(SAMPLE / "news.tsv", NEWS), read(SAMPLE / "behaviors.tsv", BEHAVIORS))


@pytest.mark.parametrize("name", MARGINALS)
def test_demo_is_like_mind(demo: dict[str, float], name: str) -> None:
    assert demo[name] == pytest.approx(MARGINALS[name].value, abs=MARGINALS[name].demo)


@pytest.mark.parametrize("name", MARGINALS)
def test_marginals_are_those_of_real_rows(sample: dict[str, float], name: str) -> None:
    assert sample[name] == pytest.approx(MARGINALS[name].value, abs=MARGINALS[name].sample)
