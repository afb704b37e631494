"""The demo's language: variety of subjects, wordings without common words, sound morphology."""

import itertools
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from marginals import NEWS, read

from replication.mind.demo.grammar import KINDS, Chance, Writer, patterns, subjects
from replication.mind.demo.words import capitalized, headline_case, plural, third_person
from replication.mind.demo.words import with_article as article


@pytest.fixture(scope="module")
def news(demo_corpus: Path) -> pl.DataFrame:
    every = pl.concat(read(demo_corpus / s / "news.tsv", NEWS) for s in ("train", "dev"))
    return every.unique("id")


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_many_categories_and_subjects_occur(news: pl.DataFrame):
    assert news["category"].n_unique() >= 15
    assert news["subcategory"].n_unique() >= 100
    assert set(news["subcategory"]) == {subject.name for subject in subjects()}


def test_articles_of_a_subject_often_share_no_word_of_it(news: pl.DataFrame):
    # Words of a subject's vocabulary are content words; "of" and the like belong to none.
    common = words("the a an of on in to at for and by with from up out off over as it")
    groups = defaultdict(list)
    for name, title in zip(news["subcategory"], news["title"], strict=True):
        groups[name].append(words(title))
    disjoint = []
    for subject in subjects():
        vocabulary = set().union(
            *(words(p) for wording in subject.wordings for kind in KINDS for p in wording[kind])
        )
        titles = [title & (vocabulary - common) for title in groups[subject.name]][:20]
        disjoint += [not a & b for a, b in itertools.combinations(titles, 2)]
    assert np.mean(disjoint) > 0.5


def test_the_two_wordings_of_a_subject_hardly_overlap():
    overlap = []
    for subject in subjects():
        one, two = (
            set().union(*(words(p) for kind in KINDS for p in wording[kind] if len(p) > 3))
            for wording in subject.wordings
        )
        short = {w for w in one | two if len(w) < 4}
        overlap.append(len((one & two) - short) / len((one | two) - short))
    assert np.mean(overlap) < 0.05


@pytest.mark.parametrize(
    "word", ["pitch", "court", "draft", "strike", "season", "pilot", "trailer"]
)
def test_some_words_mean_several_things(word: str):
    using = [
        subject.name
        for subject in subjects()
        if any(word in words(p) for wording in subject.wordings for k in KINDS for p in wording[k])
    ]
    assert len(using) >= 2


def test_near_subjects_exist():
    known = {subject.name for subject in subjects()}
    assert all(known.issuperset(subject.near) for subject in subjects())
    assert sum(subject.share for subject in subjects()) == pytest.approx(1)


def every_pattern(node) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [
        p
        for part in (node.values() if isinstance(node, dict) else node)
        for p in every_pattern(part)
    ]


def test_every_pattern_can_be_filled_for_every_subject():
    chance = Chance(np.random.default_rng(0))
    for subject in subjects():
        writer = Writer(subject, (0, 1), chance)
        for pattern in every_pattern(patterns()):
            text, mentions = writer.fill(pattern)
            assert "{" not in text
            assert all(m.start + m.length <= len(text) for m in mentions)


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("city council", "city councils"),
        ("spending bill", "spending bills"),
        ("councilwoman", "councilwomen"),
        ("hole in one", "holes in one"),
        ("head of state", "heads of state"),
        ("chance of rain", "chances of rain"),
        ("coach", "coaches"),
        ("lottery", "lotteries"),
        ("essay", "essays"),
        ("spelling quiz", "spelling quizzes"),
        ("moose", "moose"),
    ],
)
def test_plural(noun: str, expected: str):
    assert plural(noun) == expected


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("carry a bag", "carries a bag"),
        ("go viral", "goes viral"),
        ("quit", "quits"),
        ("catch up", "catches up"),
        ("say yes", "says yes"),
    ],
)
def test_third_person(verb: str, expected: str):
    assert third_person(verb) == expected


@pytest.mark.parametrize(
    "expected",
    [
        "an SUV",
        "a Marine",
        "a union leader",
        "an umbrella",
        "an NFL pick",
        "a one-pot supper",
        "a DNA sample",
        "an EV",
        "a V8",
        "an undocumented worker",
        "an essayist",
        "a 401(k) plan",
    ],
)
def test_article(expected: str):
    assert article(expected.split(" ", 1)[1]) == expected


def test_headline_case_keeps_length():
    text = "'unbelievable': the state of play at 9 a.m. in St. Louis"
    assert len(headline_case(text)) == len(text)
    assert headline_case("a day in the sun") == "A Day in the Sun"
    assert capitalized("'unbelievable'") == "'Unbelievable'"
