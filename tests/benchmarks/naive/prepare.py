"""Prepare MIND as the released code does: line by line, with a dict of articles and a list of ids
per impression, pickled. No tokens, no checks, no checksums."""

import pickle
from pathlib import Path

SPLITS = ("train", "dev")


def prepare(raw: Path, out: Path) -> dict:
    """``raw/{train,dev}/{news,behaviors}.tsv`` -> ``out/prepared.pickle``; returns its content.

    `articles`: id -> (number, category, subcategory, title, abstract); `labels`: name -> number;
    `users`: id -> number; per split a list of impressions (id, user, time, clicked articles, shown
    articles, labels). Numbers count from 1, in the order of the files, training first.
    """
    articles, labels = _read_news(raw)
    users: dict[str, int] = {}
    content = {"articles": articles, "labels": labels, "users": users}
    for split in SPLITS:
        content[split] = _read_behaviors(raw / split / "behaviors.tsv", articles, users)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "prepared.pickle").open("wb") as stream:
        pickle.dump(content, stream)
    return content


def _read_news(raw: Path) -> tuple[dict[str, tuple], dict[str, int]]:
    read = {}
    for split in SPLITS:
        with (raw / split / "news.tsv").open(encoding="utf-8") as stream:
            for line in stream:
                news_id, category, subcategory, title, abstract, *_ = line.rstrip("\n").split("\t")
                if news_id not in read:
                    read[news_id] = (category, subcategory, title, abstract)
    names = sorted({name for article in read.values() for name in article[:2]})
    labels = {name: number for number, name in enumerate(names, start=1)}
    articles = {
        news_id: (number, labels[category], labels[subcategory], title, abstract)
        for number, (news_id, (category, subcategory, title, abstract)) in enumerate(
            read.items(), start=1
        )
    }
    return articles, labels


def _read_behaviors(path: Path, articles: dict[str, tuple], users: dict[str, int]) -> list[tuple]:
    impressions = []
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            number, user, time, history, shown = line.rstrip("\n").split("\t")
            if user not in users:
                users[user] = len(users) + 1
            clicked = [articles[news_id][0] for news_id in history.split()]
            candidates, clicks = [], []
            for item in shown.split():
                news_id, label = item.split("-")
                candidates.append(articles[news_id][0])
                clicks.append(int(label))
            impressions.append((int(number), users[user], time, clicked, candidates, clicks))
    return impressions
