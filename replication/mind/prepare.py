"""Stage `prepare`: MIND's TSV files become integers in flat arrays."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from replication.files.atomic import new_folder, write_json
from replication.files.digest import sha256
from replication.files.documents import read_json
from replication.files.errors import StudyError, shown, warn
from replication.files.listing import files_below
from replication.mind.behaviors import Behaviors, read_behaviors
from replication.mind.by_day import by_day
from replication.mind.columns.labelled import days, require_decided
from replication.mind.columns.prepared import SECONDS_A_DAY
from replication.mind.columns.ragged import Ragged, save_array
from replication.mind.news import read_news
from replication.mind.releases import PINS
from replication.mind.statistics import are_verified, check_statistics

SPLITS = {"train": "train", "test": "dev"}  # ours: MIND's, whose own test set has no labels
FILES = ("news.tsv", "behaviors.tsv")
ORIGIN = "source.json"  # beside train/ and dev/: where they are from
READ_FIELDS = ["news_id", "category", "subcategory", "title", "abstract"]


def prepare(
    raw: Path,
    out: Path,
    release: str | None = None,
    pins: Path = PINS,
    train_days: int | None = None,
) -> None:
    """Read and check ``raw/{train,dev}/{news,behaviors}.tsv``, then write `out` in one step.

    A file may also lie in a subfolder of ``train`` or ``dev`` (some of MIND's zips wrap theirs).
    `out` then holds (integer ids count from 1; 0 = padding or unknown):

    - articles.parquet, row i = article i, row 0 empty: news_id, category, subcategory, title,
      abstract (str); category_id, subcategory_id (int32, one numbering of all labels, sorted, as
      in the released code); in_train, in_test (bool: stands in that split's news.tsv);
    - users.parquet, row i = user i, row 0 empty: user_id (str), in_train (bool). Training users
      come first: a user is known from training if the id is at most meta's `train_users`;
    - train/ and test/ (MIND's dev set), .npy files for n impressions and h distinct (user,
      history): impression_id (n,) int64, user (n,) int32, time (n,) int64 in seconds since 1970,
      history_row (n,) int32, user_of_history (h,) int32, histories and candidates (`Ragged` of
      int32 article ids), labels int8 parallel to candidates.values;
    - meta.json: counts and shares, the SHA-256 of the four files read, and `zips`, where they came
      in some: by split, file (its name), sha256, and verified (whether it is a release's zip for
      certain, and what was read is what was in it).

    `release` (demo, small, large) is the release of MIND whose figures, in `pins`, must come out.
    `train_days`: train on the first so many days of MIND's train, test on its others (`by_day`);
    all that is read is held against the release.

    An article that reads differently in the two splits is told, and stands as in training.
    StudyError, with `out` left as it was, for a missing or malformed file, for labels by which
    nothing can be learned, selected or measured, and for a figure that is not the release's (see
    `check_statistics`).
    """
    paths = {split: {f: find_file(raw / mind, f) for f in FILES} for split, mind in SPLITS.items()}
    news = {split: read_news(paths[split]["news.tsv"]).select(READ_FIELDS) for split in SPLITS}
    _tell_different(news, {split: paths[split]["news.tsv"] for split in SPLITS})
    articles = _number_articles(news)
    behaviors = {
        split: read_behaviors(paths[split]["behaviors.tsv"], news[split]["news_id"])
        for split in SPLITS
    }
    for split in SPLITS:
        _require_labels(behaviors[split], split, paths[split]["behaviors.tsv"])
    digests = {
        f"{mind}/{file}": sha256(paths[split][file])
        for split, mind in SPLITS.items()
        for file in FILES
    }
    zips = _zips(raw / ORIGIN, digests)
    told = {"sha256": digests, **({"zips": zips} if zips else {})}
    if train_days is not None:
        users = _number_users({split: behaviors[split].user_id for split in SPLITS})
        whole = _meta(release, behaviors, news, articles, users) | told
        check_statistics(whole, release, pins, are_verified(whole))
        path = paths["train"]["behaviors.tsv"]
        behaviors = by_day(behaviors["train"], train_days, path)
        for split in SPLITS:
            _require_labels(behaviors[split], split, path)
        news = dict.fromkeys(SPLITS, news["train"])
        articles = _number_articles(news)
    users = _number_users({split: behaviors[split].user_id for split in SPLITS})
    meta = _meta(release, behaviors, news, articles, users) | told

    with new_folder(out) as folder:
        articles.write_parquet(folder / "articles.parquet")
        users.write_parquet(folder / "users.parquet")
        for split in SPLITS:
            _write_split(folder / split, behaviors[split], news[split]["news_id"], articles, users)
        if train_days is None:
            check_statistics(meta, release, pins, are_verified(meta))
        else:
            meta["train_days"] = train_days
        write_json(folder / "meta.json", meta)


def _meta(
    release: str | None,
    behaviors: dict[str, Behaviors],
    news: dict[str, pl.DataFrame],
    articles: pl.DataFrame,
    users: pl.DataFrame,
) -> dict[str, Any]:
    """The figures of meta.json."""
    return {
        "release": release,
        "splits": {split: _describe(behaviors[split], news[split]) for split in SPLITS},
        **_totals(articles, users, behaviors),
    }


def _zips(origin: Path, digests: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Of the splits that came in zips, what meta.json says of these; digests: of the files read."""
    splits = read_json(origin).get("splits") if origin.is_file() else None
    zips = {}
    for split, known in splits.items() if isinstance(splits, dict) else ():
        if not isinstance(known, dict) or known.get("file") is None:
            continue
        read = {file: digests.get(f"{split}/{file}") for file in FILES}
        verified = known.get("verified") is True and known.get("tables") == read
        zips[split] = {"file": known["file"], "sha256": known.get("sha256"), "verified": verified}
    return zips


def find_file(folder: Path, name: str) -> Path:
    """The one file called `name` in `folder` or, failing that, below it."""
    if (folder / name).is_file():
        return folder / name
    found = files_below(folder, name)
    if len(found) != 1:
        count = f"{len(found)} such files" if found else "no such file"
        raise StudyError(f"{folder / name}: {count}, here or in a subfolder; expected one")
    return found[0]


def _tell_different(news: dict[str, pl.DataFrame], paths: dict[str, Path]) -> None:
    """Warn of articles that read differently in the two splits: how many, and the first."""
    train, test = (news[split].with_row_index("row") for split in SPLITS)
    both = test.join(train, on="news_id", suffix="_train", maintain_order="left")
    differs = [pl.col(field) != pl.col(f"{field}_train") for field in READ_FIELDS[1:]]
    different = both.filter(pl.any_horizontal(differs))
    if different.is_empty():
        return
    first = different.row(0, named=True)
    field = next(f for f in READ_FIELDS[1:] if first[f] != first[f"{f}_train"])
    count = len(different)
    many = "1 article reads" if count == 1 else f"{count:,} articles read"
    warn(
        f"{paths['test']}: {many} otherwise than in {paths['train']}, whose text is taken: in line "
        f"{first['row'] + 1}, {first['news_id']} has the {field} {shown(first[field])}; there, in "
        f"line {first['row_train'] + 1}, {shown(first[f'{field}_train'])}"
    )


def _require_labels(behaviors: Behaviors, split: str, path: Path) -> None:
    """StudyError where a split's labels leave nothing to learn, to select by or to measure."""
    can = {"train": "teaches nothing", "test": "has no AUC"}
    what = f"the {split} split {can[split]}"
    candidates, labels = behaviors.candidates, behaviors.labels
    require_decided(candidates, labels, str(path), what, "get a file with click labels")
    last = behaviors.time >= behaviors.time.max() // SECONDS_A_DAY * SECONDS_A_DAY
    if split == "test" or last.all():
        return
    for part, name, purpose in (
        (last, "its last day", "early stopping has no AUC to look at"),
        (~last, "its days but the last", "nothing can be learned once that is held out"),
    ):
        require_decided(
            candidates.take(part),
            labels[candidates.positions(part)],
            f"{path}: {name}, {days(behaviors.time[part])}",
            f"{purpose} (protocol key selection)",
            "get the clicks of that time, or leave its lines out",
        )


def _number_articles(news: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """articles.parquet: the training articles in their file's order, then those of test only."""
    articles = pl.concat(news.values()).unique("news_id", keep="first", maintain_order=True)
    padding = pl.DataFrame({field: [""] for field in READ_FIELDS})
    labels = pl.concat([articles["category"], articles["subcategory"]]).unique().sort()
    label_ids = pl.Enum(["", *labels])
    return pl.concat([padding, articles]).with_columns(
        pl.col("category").cast(label_ids).to_physical().cast(pl.Int32).alias("category_id"),
        pl.col("subcategory").cast(label_ids).to_physical().cast(pl.Int32).alias("subcategory_id"),
        *(
            pl.col("news_id").is_in(news[split]["news_id"].implode()).alias(f"in_{split}")
            for split in SPLITS
        ),
    )


def _number_users(user_ids: dict[str, pl.Series]) -> pl.DataFrame:
    """users.parquet: each split's users in order of first appearance, training first."""
    padding = pl.Series("user_id", [""])
    users = pl.concat([padding, *user_ids.values()]).unique(maintain_order=True).to_frame()
    return users.with_columns(in_train=pl.col("user_id").is_in(user_ids["train"].implode()))


def _write_split(
    folder: Path,
    behaviors: Behaviors,
    news_ids: pl.Series,
    articles: pl.DataFrame,
    users: pl.DataFrame,
) -> None:
    """Write one split's arrays, with the file's own ids turned into the common ones."""
    article = _positions(news_ids, articles["news_id"])
    user = _positions(behaviors.user_id, users["user_id"])
    user_of_history = np.zeros(len(behaviors.histories), np.int32)
    user_of_history[behaviors.history_row] = user
    arrays = {
        "impression_id": behaviors.impression_id,
        "user": user,
        "time": behaviors.time,
        "history_row": behaviors.history_row,
        "user_of_history": user_of_history,
        "labels": behaviors.labels,
    }
    folder.mkdir()
    for name, values in arrays.items():
        save_array(folder / f"{name}.npy", values)
    for name in ("histories", "candidates"):
        ragged = getattr(behaviors, name)
        Ragged(article[ragged.values], ragged.offsets).save(folder, name)


def _positions(ids: pl.Series, known: pl.Series) -> np.ndarray:
    """Position of each of `ids` in `known`, which holds it: int32."""
    return ids.cast(pl.Enum(known)).to_physical().cast(pl.Int32).to_numpy()


def _describe(behaviors: Behaviors, news: pl.DataFrame) -> dict[str, Any]:
    """The split in figures."""
    day = behaviors.time // SECONDS_A_DAY
    impressions = len(behaviors.candidates)
    candidates = len(behaviors.labels)
    clicks = int(behaviors.labels.sum())
    return {
        "impressions": impressions,
        "users": behaviors.user_id.n_unique(),
        "candidates": candidates,
        "clicks": clicks,
        "news": len(news),
        **_describe_histories(_history_lengths(behaviors)),
        "candidates_mean": candidates / impressions,
        "clicks_mean": clicks / impressions,
        "first": _iso(behaviors.time.min()),
        "last": _iso(behaviors.time.max()),
        "last_day_impressions": int((day == day.max()).sum()),
        "missing_abstract_share": (news["abstract"] == "").mean(),
    }


def _history_lengths(behaviors: Behaviors) -> np.ndarray:
    """Clicks in the history of each impression: (n,) int64."""
    return behaviors.histories.lengths[behaviors.history_row]


def _describe_histories(lengths: np.ndarray) -> dict[str, int | float]:
    """Clicks per impression in figures."""
    return {
        "empty_history_share": float((lengths == 0).mean()),
        "history_mean": float(lengths.mean()),
        "history_median": float(np.median(lengths)),
        "history_p95": float(np.percentile(lengths, 95)),
        "history_max": int(lengths.max()),
    }


def _totals(
    articles: pl.DataFrame, users: pl.DataFrame, behaviors: dict[str, Behaviors]
) -> dict[str, int | float]:
    """Both splits together; row 0 of either table is padding and not counted."""
    # Polars' own types do not tell what a column of numbers or of truth values sums up to.
    train_users = cast(int, users["in_train"].sum())
    largest = [cast(int, articles[label].max()) for label in ("category_id", "subcategory_id")]
    test_users = behaviors["test"].user_id.n_unique()
    test_only_users = len(users) - 1 - train_users
    return {
        "articles": len(articles) - 1,
        "test_only_articles": len(articles) - 1 - cast(int, articles["in_train"].sum()),
        "users": len(users) - 1,
        "train_users": train_users,
        "test_users_unseen_share": test_only_users / test_users,
        "categories": articles["category"].n_unique() - 1,
        "subcategories": articles["subcategory"].n_unique() - 1,
        "labels": max(largest),
        "missing_abstract_share": cast(float, (articles["abstract"][1:] == "").mean()),
        "impressions": sum(len(b.candidates) for b in behaviors.values()),
        "candidates": sum(len(b.labels) for b in behaviors.values()),
        "clicks": sum(int(b.labels.sum()) for b in behaviors.values()),
        **_describe_histories(np.concatenate([_history_lengths(b) for b in behaviors.values()])),
    }


def _iso(seconds: np.int64) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None).isoformat()
