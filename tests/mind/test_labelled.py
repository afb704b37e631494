"""What labels allow, by hand."""

from tiny_study import impressions_of

from replication.mind.columns.labelled import decided, negatives


def test_an_impression_is_decided_by_a_click_and_a_candidate_without_one():
    impressions = impressions_of(
        [
            (1, [], [1, 2], [0, 0]),
            (1, [], [1, 2], [1, 1]),
            (1, [], [1, 2, 3], [0, 1, 0]),
            (1, [], [1], [1]),
            (1, [], [1], [0]),
        ]
    )
    found = decided(impressions.candidates, impressions.labels)
    assert found.tolist() == [False, False, True, False, False]


def test_a_negative_is_an_article_that_was_not_clicked_and_counts_once():
    impressions = impressions_of(
        [
            (1, [], [5, 7, 5, 9], [1, 0, 0, 0]),  # 5 was clicked in its first place
            (1, [], [5, 7, 5, 7], [0, 0, 1, 0]),  # in its second; 7 stands there twice
            (2, [], [7, 5], [0, 1]),  # another impression's clicks do not count
            (2, [], [3, 3], [1, 0]),
        ]
    )
    found = [impressions.candidates.values[negatives(impressions)].tolist()]
    assert found == [[7, 9, 7, 7]]
    assert negatives(impressions).nonzero()[0].tolist() == [1, 3, 5, 8]
