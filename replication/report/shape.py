"""What of a data set decides the cost of a run, and MIND's two sizes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What of a data set decides the cost; `learned` is the share of clicks before the last day."""

    articles: int
    clicks: int
    train_articles: int
    test_articles: int
    history: float  # mean clicks of a history
    learned: float
    tokens: dict[str, float]  # word pieces of a text as it is cut, special tokens included
    impressions: int  # of training
    test_impressions: int


# MIND-small as published; tokens: 2,000 of its articles, cut at 20 and 50 word pieces of BERT.
_TOKENS = {"title": 15.4, "abstract": 33.0}
SMALL = Shape(
    65_238, 236_344, 51_282, 42_416, 32.5, 126_695 / 156_965, _TOKENS, 156_965, 73_152
)  # fmt: skip
# MIND-large's training and dev splits as others have counted them (not checked here: `prepare`
# counts them anew). Articles of both together are assumed: training has 101,527, all three splits
# 130,379. The share of clicks before the last day is MIND-small's.
LARGE = Shape(104_000, 3_383_656, 101_527, 72_023, 33.0, SMALL.learned, _TOKENS, 2_232_748, 376_471)
