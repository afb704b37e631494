"""The demo corpus against MIND's marginals, and the same marginals against real rows."""

from pathlib import Path

import polars as pl
import pytest
from marginals import BEHAVIORS, MARGINALS, NEWS, measure, read

from replication.mind.demo.corpus import DemoSize, write_demo

SAMPLE = Path(__file__).parents[3] / "shared" / "mind-sample"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    folder = tmp_path_factory.mktemp("marginals") / "demo"
    write_demo(folder, DemoSize(), 1)
    news = pl.concat(read(folder / split / "news.tsv", NEWS) for split in ("train", "dev"))
    return measure(news.unique("id"), read(folder / "train" / "behaviors.tsv", BEHAVIORS))


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
