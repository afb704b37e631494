"""Stage `prepare`: MIND's TSV files become integers in flat arrays."""

from pathlib import Path

import numpy as np
import polars as pl

from replication.files.atomic import new_folder, write_json
from replication.files.digest import sha256
from replication.files.errors import shown, warn
from replication.mind.behaviors import Behaviors, read_behaviors
from replication.mind.by_day import by_day
from replication.mind.columns.labelled import days, require_decided
from replication.mind.columns.prepared import SECONDS_A_DAY
from replication.mind.columns.ragged import Ragged, save_array
from replication.mind.figures import figures_of, zips_of
from replication.mind.news import read_news
from replication.mind.raw_files import FILES, ORIGIN, SPLITS, find_file
from replication.mind.releases import PINS
from replication.mind.statistics import are_verified, check_statistics

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
    zips = zips_of(raw / ORIGIN, digests)
    told = {"sha256": digests, **({"zips": zips} if zips else {})}
    if train_days is not None:
        users = _number_users({split: behaviors[split].user_id for split in SPLITS})
        whole = figures_of(release, behaviors, news, articles, users) | told
        check_statistics(whole, release, pins, are_verified(whole))
        path = paths["train"]["behaviors.tsv"]
        behaviors = by_day(behaviors["train"], train_days, path)
        for split in SPLITS:
            _require_labels(behaviors[split], split, path)
        news = dict.fromkeys(SPLITS, news["train"])
        articles = _number_articles(news)
    users = _number_users({split: behaviors[split].user_id for split in SPLITS})
    meta = figures_of(release, behaviors, news, articles, users) | told

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
