"""Turn patterns and vocabulary (the YAML files beside this one) into headlines and abstracts."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from replication.mind.demo.words import (
    capitalized,
    is_plural,
    plural,
    third_person,
    with_article,
)

_SLOT = re.compile(r"\{(\w+)\}")
_ORDINALS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "twelfth")
KINDS = ("things", "roles", "acts", "topics")


@dataclass(frozen=True)
class Subject:
    """What one subcategory is called, how common it is, and its two wordings."""

    name: str
    category: str
    share: float  # of all articles; the shares of all subjects sum to 1
    near: tuple[str, ...]  # subjects of other names that the same readers like
    wordings: tuple[dict[str, list[str]], dict[str, list[str]]]  # kind -> phrases, twice


@dataclass(frozen=True)
class Mention:
    """A stretch of a text that names an entity; offsets count characters."""

    start: int
    length: int
    label: str
    type: str  # MIND's letters: P person, G place, O organisation, F club, V vehicle, W work


def _load(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _split(text: str) -> list[str]:
    return text.strip().split(", ")  # with the blank: "1,000 oaks" is one phrase


@cache
def subjects() -> tuple[Subject, ...]:
    """Return all subjects in the order of subjects.yaml."""
    data = _load("subjects.yaml")
    total = sum(category["share"] for category in data.values())
    found = []
    for category, entry in data.items():
        weights = sum(subject["weight"] for subject in entry["subjects"].values())
        for name, subject in entry["subjects"].items():
            halves = [subject[kind].split("|") for kind in KINDS]
            one, other = (
                {kind: _split(half[i]) for kind, half in zip(KINDS, halves, strict=True)}
                for i in (0, 1)
            )
            share = entry["share"] / total * subject["weight"] / weights
            found.append(Subject(name, category, share, tuple(subject["near"]), (one, other)))
    return tuple(found)


@cache
def patterns() -> dict[str, Any]:
    """Return templates.yaml as it is."""
    return _load("templates.yaml")


@cache
def names() -> dict[str, Any]:
    """Return names.yaml with its comma-separated lists split."""
    data = _load("names.yaml")
    nested = {
        table: {key: _split(value) for key, value in data.pop(table).items()}
        for table in ("orgs", "abroad")
    }
    return {key: _split(value) for key, value in data.items()} | nested


@cache
def _parsed(pattern: str) -> tuple[str, ...]:
    """Literal, slot, literal, ..., literal."""
    return tuple(_SLOT.split(pattern))


class Chance:
    """Cheap single draws from a numpy generator, taken in blocks."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._left:
            self._left = self._rng.random(4096).tolist()
        return self._left.pop()

    def between(self, low: int, high: int) -> int:
        """Return an integer, both ends included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, items: Sequence[Any]) -> Any:
        """Return one of the items."""
        return items[int(self.uniform() * len(items))]

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        """Return the items in a random order."""
        return sorted(items, key=lambda _: self.uniform())


class Writer:
    """Fills patterns for one article: one subject, one wording (or both), one cast of people."""

    def __init__(self, subject: Subject, wordings: Sequence[int], chance: Chance) -> None:
        self.subject = subject
        self._chance = chance
        chosen = [subject.wordings[i] for i in wordings]
        self._stock = {kind: [p for w in chosen for p in w[kind]] for kind in KINDS}
        # A pattern with a plural verb needs a plural noun; not every wording has such a topic.
        countable = [topic for topic in self._stock["topics"] if is_plural(topic)]
        self._stock["plural_topics"] = countable or [plural(t) for t in self._stock["things"]]
        self._decks: dict[str, list[str]] = {}
        lists = names()
        self._person, self._other = (
            f"{first} {last}"
            for first, last in zip(
                chance.shuffled(lists["first"])[:2], chance.shuffled(lists["last"])[:2], strict=True
            )
        )
        abroad = lists["abroad"].get(subject.name)
        places = chance.shuffled(abroad or lists["places"])
        self._place, place2 = places[:2]
        mascot, mascot2 = chance.shuffled(lists["mascots"])[:2]
        self._clubs = (self._place, mascot), (place2, mascot2)
        self._town = places[2] if abroad else chance.pick(lists["towns"])
        special = lists["orgs"].get(subject.category, [])
        pool = special if special and chance.uniform() < 0.7 else lists["orgs"]["general"]
        self._org = chance.pick(pool)
        self._fixed = {
            key: chance.pick(lists[key + "s"])
            for key in ("car", "work", "venue", "month", "day", "hour")
        }
        self._accented = chance.pick(lists["accented"])
        self._small = chance.between(3, 12)
        self._introduced = False

    def _deal(self, kind: str) -> str:
        """Deal the phrases of a kind in random order, all of them before any comes again."""
        deck = self._decks.get(kind)
        if not deck:
            deck = self._decks[kind] = self._chance.shuffled(self._stock[kind])
        return deck.pop()

    def _number(self, slot: str) -> str:
        chance = self._chance
        if slot == "n":
            self._small = chance.between(3, 12)
            return str(self._small)
        if slot == "m":
            return str(self._small + chance.between(1, 6))
        if slot == "big":
            return f"{chance.between(11, 980) * chance.pick((100, 100, 1000)):,}"
        if slot == "money":
            slot = chance.pick(("millions", "thousands"))
        if slot == "millions":
            return f"${chance.between(11, 890) / 10:g} million"
        if slot == "thousands":
            return f"${chance.between(12, 980) * 100:,}"
        if slot == "price":
            return f"${chance.between(4, 99)}9"
        if slot == "score":
            low, high, margin = _SCORES.get(self.subject.name, _SCORES["football_pro"])
            lost = chance.between(low, high)
            return f"{lost + chance.between(1, margin)}-{lost}"
        return str(chance.between(*_RANGES[slot]))

    def _fill(self, slot: str) -> tuple[str, str, str]:
        """Return (text, entity label or "", entity type)."""
        if slot in _WORDS:
            kind, inflect = _WORDS[slot]
            return inflect(self._deal(kind)), "", ""
        if slot == "person":
            surface = self._person.split()[-1] if self._introduced else self._person
            self._introduced = True
            return surface, self._person, "P"
        if slot == "last":
            self._introduced = True
            return self._person.split()[-1], self._person, "P"
        if slot in ("other", "accented"):
            name = self._other if slot == "other" else self._accented
            return name, name, "P"
        if slot in ("place", "town"):
            name = self._place if slot == "place" else self._town
            return name, name, "G"
        if slot == "org":
            return self._org, self._org.removeprefix("the "), "O"
        if slot.removesuffix("2") in ("team", "mascot"):
            home, mascot = self._clubs[slot.endswith("2")]
            name = f"{home} {mascot}"
            return (name if slot.startswith("team") else mascot), name, "F"
        if slot in self._fixed:
            text = self._fixed[slot]
            kind = {"car": "V", "work": "W", "venue": "O"}.get(slot, "")
            return text, text.removeprefix("the ") if kind else "", kind
        if slot == "nth":
            return self._chance.pick(_ORDINALS), "", ""
        return self._number(slot), "", ""

    def own(self, table: str) -> list[str]:
        """Patterns of the subject, or else of its category, or none."""
        found = patterns()[table]
        return found.get(self.subject.name, found.get(self.subject.category, []))

    def new_text(self) -> None:
        """Start another text of the article: people are introduced by their full names again."""
        self._introduced = False

    def fill(self, pattern: str, offset: int = 0, begins: bool = True) -> tuple[str, list[Mention]]:
        """Fill a pattern; shift mentions by `offset`; where it `begins`, start in upper case."""
        parts = _parsed(pattern)
        text, mentions = parts[0], []
        for slot, literal in zip(parts[1::2], parts[2::2], strict=True):
            filled, label, kind = self._fill(slot)
            if label:
                mentions.append(Mention(offset + len(text), len(filled), label, kind))
            text += filled + literal
        if text.endswith(".m.."):  # "8 p.m." ends a sentence by itself
            text = text[:-1]
        return (capitalized(text) if begins else text), mentions


def _same(phrase: str) -> str:
    return phrase


_WORDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "thing": ("things", _same),
    "a_thing": ("things", with_article),
    "things": ("things", plural),
    "role": ("roles", _same),
    "a_role": ("roles", with_article),
    "roles": ("roles", plural),
    "act": ("acts", _same),
    "acts": ("acts", third_person),
    "topic": ("topics", _same),
    "topics": ("plural_topics", _same),
}
# Fewest and most points of the loser, widest margin.
_SCORES = {
    "football_pro": (3, 27, 21),
    "baseball": (0, 6, 5),
    "softball_little": (0, 8, 7),
    "basketball_pro": (88, 119, 22),
    "basketball_college": (51, 78, 25),
    "ice_hockey": (0, 4, 3),
    "soccer": (0, 2, 2),
}
_RANGES = {"pct": (3, 60), "age": (19, 84), "year": (1998, 2018), "year2": (2021, 2030)}
