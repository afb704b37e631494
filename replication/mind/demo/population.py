"""The invented readers: sparse interests over subjects, and how much each has read."""

from dataclasses import dataclass

import numpy as np

from replication.mind.demo.articles import Catalogue
from replication.mind.demo.grammar import subjects

# An interest in one subject spills over to others: by this much to subjects of the same category,
# and by this much to those that subjects.yaml calls near.
SAME_CATEGORY, NEAR = 0.1, 0.3
INTERESTS = (2, 5)  # fewest and most subjects a reader follows
BETA = 1.05  # log-odds of a click per standard deviation of a reader's affinity
# History length at cumulative shares of the readers. MIND-small: empty 2.4 %, median 19,
# 95th percentile 108, at most 558.
_LENGTH_AT = (
    [0.0, 0.023, 0.024, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0],
    [0, 0, 1, 2, 7, 19, 40, 74, 108, 185, 300, 558],
)
# Up to this share of the pool a history holds no article twice; a longer one repeats articles,
# as one in five of MIND's histories does.
_DISTINCT = 0.12
UNSEEN = 0.881  # share of the test users who are not in the training split
_LATER_READS = 3.0  # articles a returning reader's history gains during the training week, mean


@dataclass(frozen=True)
class Population:
    """The users of one split; all arrays have one entry per user, `u` in all."""

    ids: np.ndarray  # (u,) int64: 123 stands for U123
    affinity: np.ndarray  # (u, s) float64: log-odds of a click for each subject, mean 0 over them
    turned: np.ndarray  # (u, s) float64: the same once all interest has drifted
    histories: list[np.ndarray]  # u arrays of article indices, oldest first


def _kernel() -> np.ndarray:
    """(s, s): how far an interest in the row's subject is one in the column's."""
    themes = subjects()
    place = {theme.name: i for i, theme in enumerate(themes)}
    category = np.array([theme.category for theme in themes])
    kernel = np.where(category[:, None] == category, SAME_CATEGORY, 0.0)
    for i, theme in enumerate(themes):
        for other in theme.near:
            kernel[i, place[other]] = kernel[place[other], i] = NEAR
    np.fill_diagonal(kernel, 1.0)
    return kernel


def draw_affinities(users: int, rng: np.random.Generator) -> np.ndarray:
    """Return (users, subjects) log-odds: sparse interests spread over related subjects."""
    share = np.array([theme.share for theme in subjects()])
    most = INTERESTS[1]
    # The k best of Gumbel keys are k draws without replacement; common subjects are liked by more.
    keys = 0.5 * np.log(share) + rng.gumbel(size=(users, len(share)))
    liked = np.argsort(-keys, axis=1, kind="stable")[:, :most]
    count = rng.integers(*INTERESTS, size=users, endpoint=True)
    strength = rng.gamma(6.0, size=liked.shape) * (np.arange(most) < count[:, None])
    interest = np.zeros((users, len(share)))
    np.put_along_axis(interest, liked, strength, axis=1)
    raw = interest @ _kernel()
    # Halfway between counting subjects and counting articles: a reader of something rare is picky,
    # but not beyond all measure.
    weight = np.sqrt(share) / np.sqrt(share).sum()
    centred = raw - (raw @ weight)[:, None]
    spread = np.sqrt(centred**2 @ weight)[:, None]
    return BETA * centred / spread


def draw_lengths(users: int, rng: np.random.Generator) -> np.ndarray:
    """Return (users,) int64 history lengths: evenly spaced quantiles in random order."""
    quantiles = (rng.permutation(users) + 0.5) / users
    return np.round(np.interp(quantiles, *_LENGTH_AT)).astype(np.int64)


def _read(
    catalogue: Catalogue,
    pool: np.ndarray,
    affinity: np.ndarray,
    lengths: np.ndarray,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Let every user click `lengths` articles of the pool; the same model as for impressions."""
    weight = affinity[:, catalogue.subject[pool]] + catalogue.appeal[pool]
    keys = weight + rng.gumbel(size=weight.shape)
    ranked = np.argsort(-keys, axis=1, kind="stable")
    most = max(1, int(_DISTINCT * len(pool)))
    chances = np.exp(weight - weight.max(axis=1, keepdims=True))
    cumulative = np.cumsum(chances, axis=1)
    histories = []
    for user, length in enumerate(lengths.tolist()):
        read = ranked[user, : min(length, most)]
        if length > most:
            luck = rng.random(length - most) * cumulative[user, -1]
            again = np.searchsorted(cumulative[user], luck, side="right")
            read = np.concatenate([read, np.minimum(again, len(pool) - 1)])
        articles = pool[read]
        # Read within hours of publication, so the oldest article was read first.
        late = catalogue.hour[articles] + rng.exponential(12.0, length)
        histories.append(articles[np.argsort(late, kind="stable")])
    return histories


def draw_population(
    catalogue: Catalogue,
    train_users: int,
    test_users: int,
    rng: np.random.Generator,
    drifting: np.random.Generator,
) -> tuple[Population, Population]:
    """Return the users of the training and of the test split; a few are the same people.

    A returning user keeps id, affinity and history; the history gains what the user read in the
    training week. `drifting` draws what interests turn into; whatever drifts, histories were read
    before.
    """
    returning = min(test_users - round(UNSEEN * test_users), train_users)
    people = train_users + test_users - returning
    ids = rng.choice(np.arange(1, 10 * people), people, replace=False)
    affinity, turned = draw_affinities(people, rng), draw_affinities(people, drifting)
    train, new = slice(0, train_users), slice(train_users, people)

    old, week = (np.flatnonzero(catalogue.group == name) for name in ("old", "week"))
    before_test = np.flatnonzero(np.isin(catalogue.group, ("old", "old_dev", "week")))
    read_before = _read(catalogue, old, affinity[train], draw_lengths(train_users, rng), rng)
    new_users = test_users - returning
    read_new = _read(catalogue, before_test, affinity[new], draw_lengths(new_users, rng), rng)

    back = np.sort(rng.choice(train_users, returning, replace=False))
    gain = np.minimum(rng.poisson(_LATER_READS, returning), len(week))
    gain[[len(read_before[user]) == 0 for user in back]] = 0
    later = _read(catalogue, week, affinity[back], gain, rng)
    grown = [np.concatenate([read_before[u], more]) for u, more in zip(back, later, strict=True)]

    first = Population(ids[train], affinity[train], turned[train], read_before)
    second = Population(
        np.concatenate([ids[back], ids[new]]),
        np.concatenate([affinity[back], affinity[new]]),
        np.concatenate([turned[back], turned[new]]),
        grown + read_new,
    )
    return first, second
