"""The invented impressions: who looks when, what is shown, what is clicked."""

from dataclasses import dataclass

import numpy as np

from replication.mind.demo.articles import Catalogue
from replication.mind.demo.inclusion import inclusion_probabilities
from replication.mind.demo.population import Population

# Shares of the six training days, 9 to 14 November 2019; MIND-small's last has 30,270 of 156,965.
DAY_SHARES = (0.088, 0.098, 0.222, 0.204, 0.1952, 0.1928)
# Relative traffic by hour of the day.
_TRAFFIC = (
    *(6, 11, 12, 17, 34, 52, 72, 79, 83, 73, 74, 77),
    *(71, 64, 52, 40, 41, 35, 29, 24, 19, 17, 11, 8),
)
# Candidates of an impression at cumulative shares. MIND-small: mean 37.3, median 24,
# 5th and 95th percentile 2 and 120.
_CANDIDATES_AT = (
    [0.0, 0.065, 0.1, 0.25, 0.375, 0.5, 0.625, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0],
    [1.6, 2.4, 4, 10, 16, 24, 35.5, 51, 91, 119, 158, 210, 285],
)
_MOST_CLICKS = 18
_CLICK_SPREAD = 1.1  # shape of the gamma mixture of the extra clicks; smaller is more uneven
_LIFE = 14.0  # hours after which an article is shown exp(-1) times as often
_STAYING = 3.0  # editors keep what is clicked: an appeal of 1 makes a life exp(this) times longer
_WINDOW = 48.0  # hours after which it is not shown any more


@dataclass(frozen=True)
class Impressions:
    """The impressions of one split, `i` in all, padded to the widest."""

    user: np.ndarray  # (i,) int64: index into the population
    second: np.ndarray  # (i,) int64: seconds since 9 November 2019, 0:00
    count: np.ndarray  # (i,) int64: candidates
    shown: np.ndarray  # (i, width) int64: article index in the order shown, -1 for padding
    clicked: np.ndarray  # (i, width) bool
    probability: np.ndarray  # (i, width) float64: of a click, given how many there are; 0 padding
    logit: np.ndarray  # (i, width) float64: log-weight of a click, -inf padding


def _who(users: int, impressions: int, rng: np.random.Generator) -> np.ndarray:
    """(impressions,) user of each; everybody once if possible, then some more than others."""
    everybody = rng.permutation(users)[:impressions]
    eager = rng.gamma(4.0, size=users)
    rest = rng.choice(users, impressions - len(everybody), p=eager / eager.sum())
    return rng.permutation(np.concatenate([everybody, rest]))


def _when(days: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(impressions,) seconds since the first midnight."""
    traffic = np.array(_TRAFFIC) / sum(_TRAFFIC)
    hour = rng.choice(24, len(days), p=traffic)
    return days * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(days))


def _show(
    catalogue: Catalogue,
    live: np.ndarray,
    hour: np.ndarray,
    wanted: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw what one day's impressions show: (i, max wanted) article indices, -1 padding; counts.

    Fresh and heavily exposed articles first; fewer than wanted where not enough are out yet.
    """
    age = hour[:, None] - catalogue.hour[live]
    out = (age >= 0) & (age <= _WINDOW)
    life = _LIFE * np.exp(_STAYING * catalogue.appeal[live])
    keys = catalogue.exposure[live] - age / life + rng.gumbel(size=age.shape)
    keys[~out] = -np.inf
    count = np.minimum(wanted, out.sum(axis=1))
    order = np.argsort(-keys, axis=1, kind="stable")[:, : wanted.max()]
    taken = np.arange(order.shape[1]) < count[:, None]
    # The order on the page tells nothing about freshness.
    lottery = np.where(taken, rng.random(order.shape), np.inf)
    order = np.take_along_axis(order, np.argsort(lottery, axis=1, kind="stable"), axis=1)
    shown = np.full((len(hour), wanted.max()), -1)
    shown[:, : order.shape[1]] = np.where(taken, live[order], -1)
    return shown, count


def _how_many_clicks(count: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(i,) clicks: at least 1, never all; long pages get more."""
    mean_extra = 0.0225 * np.maximum(count - 2, 0) ** 0.88
    extra = rng.poisson(mean_extra * rng.gamma(_CLICK_SPREAD, 1 / _CLICK_SPREAD, len(count)))
    return np.minimum(1 + extra, np.minimum(count - 1, _MOST_CLICKS))


def interest(
    catalogue: Catalogue,
    population: Population,
    user: np.ndarray,
    shown: np.ndarray,
    drift: float,
) -> np.ndarray:
    """(i, width) log-odds that a subject adds to the articles `shown` (i, width) to each `user`.

    drift  of a right angle by which interests turn a day: an article published so many days after
           9 November, 0:00, is met with interests as far from those of the histories, at most with
           wholly others; 0: with the same
    """
    days = np.maximum(catalogue.hour / 24, 0)
    angle = (np.pi / 2 * np.minimum(drift * days, 1))[shown]
    of = user[:, None], catalogue.subject[shown]
    return np.cos(angle) * population.affinity[of] + np.sin(angle) * population.turned[of]


def draw_impressions(
    catalogue: Catalogue,
    population: Population,
    split: str,
    impressions: int,
    rng: np.random.Generator,
    drift: float = 0.0,
) -> Impressions:
    """Draw all impressions of a split ("train": 9 to 14 November, "dev": 15 November); `drift`: see
    `interest`."""
    if split == "train":
        ends = np.round(np.cumsum((0, *DAY_SHARES)) * impressions).astype(np.int64)
        days = np.repeat(np.arange(6), ends[1:] - ends[:-1])
    else:
        days = np.full(impressions, 6)
    days = rng.permutation(days)
    second = _when(days, rng)
    user = _who(len(population.ids), impressions, rng)
    quantile = (rng.permutation(impressions) + 0.5) / impressions
    wanted = np.round(np.interp(quantile, *_CANDIDATES_AT)).astype(np.int64)

    shown = np.full((impressions, wanted.max()), -1)
    count = np.zeros(impressions, dtype=np.int64)
    listed = catalogue.members(split)
    for day in np.unique(days):
        now = np.flatnonzero(days == day)
        possible = (catalogue.hour < day * 24 + 24) & (catalogue.hour >= day * 24 - _WINDOW)
        live = np.flatnonzero(possible & listed & ~np.isin(catalogue.group, ("old", "old_dev")))
        page, count[now] = _show(catalogue, live, second[now] / 3_600, wanted[now], rng)
        shown[now, : page.shape[1]] = page

    logit = interest(catalogue, population, user, shown, drift) + catalogue.appeal[shown]
    logit = np.where(shown >= 0, logit, -np.inf)
    clicks = _how_many_clicks(count, rng)
    order = np.argsort(-(logit + rng.gumbel(size=logit.shape)), axis=1, kind="stable")
    clicked = np.zeros(shown.shape, dtype=bool)
    np.put_along_axis(clicked, order, np.arange(shown.shape[1]) < clicks[:, None], axis=1)
    return Impressions(
        user=user,
        second=second,
        count=count,
        shown=shown,
        clicked=clicked,
        probability=inclusion_probabilities(logit, clicks),
        logit=logit,
    )
