"""Damage to what earlier stages wrote: prepared data, embeddings, results of runs."""

import numpy as np
from case import ABSENT, Case, changed, gone, holds, with_keys

BASELINES, EMBED, COMPARE = ("baselines",), ("embed", "static"), ("compare",)
RUN = ("run", "nrms-static-frozen-clean-s1")
META, RESULT = "data/prepared/meta.json", "reports/runs/nrms-static-frozen-clean-s1/metrics.json"


def _prepared() -> list[Case]:
    again = "run `dvc repro prepare`"
    texts = [("empty", ""), ("cut short", '{"articles": 4'), ("a list", "[]"), ("latin-1", b"\xe9")]
    cases = [Case(f"meta.json: {n}", EMBED, holds(META, c), (META, again)) for n, c in texts]
    for key in (
        "users",
        "articles",
        "train_users",
        "splits",
        "splits/train",
        "splits/test/impressions",
    ):
        for name, value in (("absent", ABSENT), ("a text", "many")):
            cases.append(
                Case(
                    f"meta.json: {key} {name}", EMBED, with_keys(META, {key: value}), (META, again)
                )
            )
    arrays = [f"{split}/{name}.npy" for split in ("train", "test") for name in (
        "impression_id", "user", "time", "history_row", "user_of_history", "labels",
        "histories.values", "histories.offsets", "candidates.values", "candidates.offsets")]  # fmt: skip
    for name in arrays:
        path = f"data/prepared/{name}"
        cases += [
            Case(f"{name}: missing", EMBED, gone(path), (path, "no such file", again)),
            Case(f"{name}: cut short", EMBED, changed(path, lambda b: b[:-5]), (path, again)),
            Case(f"{name}: its header cut", EMBED, changed(path, lambda b: b[:40]), (path, again)),
        ]
    for name in ("articles.parquet", "users.parquet"):
        path = f"data/prepared/{name}"
        cases += [
            Case(f"{name}: missing", EMBED, gone(path), (path, "no such file", again)),
            Case(
                f"{name}: cut short",
                EMBED,
                changed(path, lambda b: b[: len(b) // 2]),
                (path, again),
            ),
            Case(f"{name}: empty", EMBED, holds(path, b""), (path, again)),
        ]

    def pickled() -> None:
        path = "data/prepared/train/labels.npy"
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    told = ("data/prepared/train/labels.npy", "damaged", again)
    return [*cases, Case("labels.npy: a pickle", EMBED, pickled, told)]


def _embedded() -> list[Case]:
    folder, again = "embeddings/static", "run `dvc repro embed@static`"
    names = ("vectors.npy", "title.values.npy", "title.offsets.npy")
    cases = []
    for name in names:
        path = f"{folder}/{name}"
        cases += [
            Case(f"{path}: missing", RUN, gone(path), (path, "no such file", again)),
            Case(f"{path}: cut short", RUN, changed(path, lambda b: b[:-3]), (path, again)),
        ]
    return cases


def _results() -> list[Case]:
    texts = [("empty", "", "not valid JSON"), ("cut", '{"auc": 0.', "not valid JSON"),
             ("a list", "[]", "expected a JSON object"), ("latin-1", b"\xe9", "not valid JSON"),
             ("no AUC", '{"mrr": 0.5}', "auc: is missing"), ("a text", '{"auc": "high"}', "auc: 'high' is not"),
             ("NaN", '{"auc": NaN}', "auc: nan is not a finite number")]  # fmt: skip
    return [
        Case(
            f"metrics.json: {name}",
            COMPARE,
            holds(RESULT, content),
            (RESULT, told, "run `dvc repro`"),
        )
        for name, content, told in texts
    ]


CASES = [*_prepared(), *_embedded(), *_results()]
