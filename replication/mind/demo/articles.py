"""The invented catalogue: subjects, publication times, appeal, and the text of every article."""

import json
from dataclasses import dataclass

import numpy as np

from replication.mind.demo.grammar import Chance, Mention, Subject, Writer, patterns, subjects
from replication.mind.demo.words import headline_case

# Where an article of the demo belongs, as a share of the catalogue. MIND-small: 21.4 % of the
# articles are in dev only, 35.0 % in train only, 43.6 % in both.
GROUPS = {
    "fresh": 0.128,  # dev only: published on the test day
    "old_dev": 0.086,  # dev only: read by test users long ago
    "old": 0.270,  # both: read long ago
    "week": 0.091,  # both: published in the training week and read by test users
    "eve": 0.075,  # both: published on the last training day
    "train": 0.350,  # train only: published in the training week
}
# What a headline's style adds to an article's appeal (log-odds of a click).
STYLE_APPEAL = {
    "plain": 0.0,
    "list": 0.25,
    "question": 0.1,
    "howto": 0.05,
    "drama": 0.45,
    "analysis": -0.35,
    "category": 0.1,
}
_STYLE_SHARES = (0.30, 0.13, 0.10, 0.10, 0.07, 0.10, 0.20)
APPEAL_NOISE = 0.30  # standard deviation of the part of the appeal that no text shows
# Words of an abstract at these cumulative shares (from MIND's own distribution: one hump of
# one-sentence teasers, one of paragraphs cut off at a fixed length).
_WORDS_AT = ([0.0, 0.05, 0.25, 0.5, 0.66, 0.75, 0.9, 0.99, 1.0], [4, 8, 17, 25, 44, 64, 74, 82, 90])
_EMPTY, _QUOTED, _BYLINE = 0.05, 0.127, 0.016  # shares of abstracts
_QUOTED_TITLE, _ACCENTED_TITLE = 0.009, 0.004
_TAIL = 0.40  # share of the headlines, where one fits, that go on after a comma or a bar
_LINKED = 0.9  # share of the mentions that the entity linker found


@dataclass(frozen=True)
class Catalogue:
    """All articles, one entry each; `n` is their number."""

    ids: np.ndarray  # (n,) int64: 123 stands for N123
    subject: np.ndarray  # (n,) int64: index into grammar.subjects()
    hour: np.ndarray  # (n,) float64: publication, hours since 9 November 2019, 0:00
    group: np.ndarray  # (n,) str: key of GROUPS
    appeal: np.ndarray  # (n,) float64: log-odds
    exposure: np.ndarray  # (n,) float64: log-weight of being shown
    rows: list[str]  # tab-separated MIND rows without the line end

    def members(self, split: str) -> np.ndarray:
        """(n,) bool: which articles stand in the news.tsv of "train" or "dev"."""
        absent = ("fresh", "old_dev") if split == "train" else ("train",)
        return ~np.isin(self.group, absent)


def _apportion(shares: np.ndarray, total: int, least: int) -> np.ndarray:
    """Whole numbers near shares * total that sum to total; each at least `least` if possible."""
    least = min(least, total // len(shares))
    free = total - least * len(shares)
    ideal = np.maximum(shares * total - least, 0)
    ideal *= free / ideal.sum()
    counts = np.floor(ideal).astype(np.int64)
    order = np.argsort(counts - ideal, kind="stable")
    counts[order[: free - counts.sum()]] += 1
    return counts + least


def _hours(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Publication times; within a day most articles appear between midnight and early evening."""
    n = len(group)
    within = rng.beta(1.2, 2.0, n) * 24
    day = np.full(n, -1)  # the day before the training week feeds its first hours
    in_week = np.isin(group, ("week", "train"))
    day[in_week] = rng.permutation(np.arange(in_week.sum()) % 6) - 1
    day[group == "eve"], day[group == "fresh"] = 5, 6
    long_ago = np.isin(group, ("old", "old_dev"))
    return np.where(long_ago, -24 - rng.random(n) * 24 * 27, day * 24.0 + within)


def _title(writer: Writer, style: str, chance: Chance) -> tuple[str, list[Mention]]:
    found = patterns()
    luck = chance.uniform()
    if luck < _QUOTED_TITLE:
        choices = found["quoted_titles"]
    elif luck < _QUOTED_TITLE + _ACCENTED_TITLE:
        choices = found["accented_titles"]
    elif style == "category":
        choices = writer.own("category_titles") or found["titles"]["plain"]
    else:
        choices = found["titles"][style]
    title, named = writer.fill(chance.pick(choices))
    complete = any(mark in title for mark in ("?", '"', ": ", " say", "according to", "tips from"))
    if complete or chance.uniform() >= _TAIL:
        return title, named
    tail, more = writer.fill(chance.pick(found["title_tails"]), len(title), begins=False)
    return title + tail, named + more


def _abstract(writer: Writer, chance: Chance) -> tuple[str, list[Mention]]:
    if chance.uniform() < _EMPTY:
        return "", []
    found = patterns()
    target = float(np.interp(chance.uniform(), *_WORDS_AT))
    queue = chance.shuffled(found["sentences"])
    for pattern in chance.shuffled(
        writer.own("category_sentences")
    ):  # what is typical of the category comes early
        queue.insert(chance.between(0, 3), pattern)
    if target < 13:
        queue = chance.shuffled(found["short_sentences"])
    if chance.uniform() < _QUOTED:
        queue.insert(0 if target < 30 else chance.between(0, 1), chance.pick(found["quotes"]))
    if chance.uniform() < _BYLINE:
        queue.insert(0, chance.pick(found["bylines"]))
    text, mentions, words = "", [], 0
    for pattern in queue:
        sentence, named = writer.fill(pattern, len(text) + bool(text))
        more = sentence.count(" ") + 1
        if text and (words >= target or words + more - target > target - words):
            break
        text += (" " if text else "") + sentence
        mentions += named
        words += more
    if target > 55 and words > target:
        text = " ".join(text.split(" ")[: int(target)]) + "..."
    return text, [m for m in mentions if m.start + m.length <= len(text.removesuffix("..."))]


class _Linker:
    """Gives every name an invented identifier and writes MIND's entity column."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._ids: dict[str, str] = {}

    def column(self, text: str, mentions: list[Mention]) -> str:
        entities: dict[str, dict] = {}
        for mention in mentions:
            if self._chance.uniform() >= _LINKED:
                continue
            identifier = self._ids.setdefault(mention.label, f"Q9990{len(self._ids):05d}")
            entity = entities.setdefault(
                mention.label,
                {
                    "Label": mention.label,
                    "Type": mention.type,
                    "WikidataId": identifier,
                    "Confidence": 1.0 if self._chance.uniform() < 0.7 else 0.95,
                    "OccurrenceOffsets": [],
                    "SurfaceForms": [],
                },
            )
            entity["OccurrenceOffsets"].append(mention.start)
            # Read back from the text: headline case may have changed a letter.
            entity["SurfaceForms"].append(text[mention.start : mention.start + mention.length])
        return json.dumps(list(entities.values()), ensure_ascii=True)


def _wordings(chance: Chance) -> tuple[int, ...]:
    return chance.pick(((0,), (0,), (1,), (1,), (0, 1)))


def _row(
    number: int, subject: Subject, style: str, seen: set[str], chance: Chance, linker: _Linker
) -> str:
    for _ in range(20):  # a title used before is written again
        writer = Writer(subject, _wordings(chance), chance)
        title, named = _title(writer, style, chance)
        if title.lower() not in seen:
            break
    seen.add(title.lower())
    if chance.uniform() < 0.45:
        title = headline_case(title)
    writer.new_text()
    abstract, named_below = _abstract(writer, chance)
    return "\t".join(
        (
            f"N{number}",
            subject.category,
            subject.name,
            title,
            abstract,
            f"https://example.org/demo/N{number}.html",
            linker.column(title, named),
            linker.column(abstract, named_below),
        )
    )


def write_articles(count: int, rng: np.random.Generator) -> Catalogue:
    """Invent `count` articles (at least 1 a subject); order and ids carry no information."""
    themes = subjects()
    sizes = _apportion(np.array([s.share for s in themes]), count, least=3)
    subject = rng.permutation(np.repeat(np.arange(len(themes)), sizes))
    group_sizes = _apportion(np.array(list(GROUPS.values())), count, least=1)
    group = rng.permutation(np.repeat(np.array(list(GROUPS)), group_sizes))
    ids = rng.choice(np.arange(1, 3 * count), count, replace=False)
    names = list(STYLE_APPEAL)
    style = rng.choice(len(names), count, p=_STYLE_SHARES)
    appeal = np.array(list(STYLE_APPEAL.values()))[style] + rng.normal(0, APPEAL_NOISE, count)
    chance = Chance(rng)
    seen: set[str] = set()
    linker = _Linker(chance)
    rows = [
        _row(number, themes[s], names[k], seen, chance, linker)
        for number, s, k in zip(ids.tolist(), subject.tolist(), style.tolist(), strict=True)
    ]
    return Catalogue(
        ids=ids,
        subject=subject,
        hour=_hours(group, rng),
        group=group,
        appeal=appeal - appeal.mean(),
        exposure=rng.normal(0, 0.5, count) + 0.5 * (appeal - appeal.mean()),
        rows=rows,
    )
