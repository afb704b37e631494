"""The page's own seventh question: one entry and one file, and it says yes and no."""

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from drifting import Drifting
from planted import CANDIDATES, planted_params

from replication.mind.columns.ragged import Ragged
from replication.paper import questions

PAGE = Path(__file__).parents[2] / "docs/extending-question.md"


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    return found


@pytest.mark.parametrize(("loss", "word"), [(0.1, "confirmed"), (0.0, "contradicted")])
def test_the_question_of_the_page(tmp_path, monkeypatch, loss, word):
    (tmp_path / "long_pages.py").write_text(block("python"), encoding="utf-8")
    (tmp_path / "entry.yaml").write_text(block("yaml"), encoding="utf-8")
    monkeypatch.setattr(questions, "JUDGES", tmp_path)
    [seventh] = questions.load_questions(tmp_path / "entry.yaml")
    judge = ModuleType("long_pages")
    exec(block("python"), judge.__dict__)

    params = planted_params(tmp_path, monkeypatch, models=("bert-base",), recommenders=("nrms",))
    study = Drifting(params, impressions=4000)
    # The same candidates, and a few hundred more of the first one in every other impression.
    shown = study.data.candidates.values.reshape(-1, CANDIDATES)
    extra = np.where(np.arange(len(shown)) % 2, 300, 0)
    wide = np.concatenate(
        [np.append(row, np.full(n, row[0])) for row, n in zip(shown, extra, strict=True)]
    )
    labels = np.concatenate(
        [np.append(row, np.zeros(n, np.int8))
         for row, n in zip(study.data.labels.reshape(shown.shape), extra, strict=True)]
    )  # fmt: skip
    asked = study.asked(lambda cell, x: 0.75 - loss * extra / 100)
    lists = Ragged.from_lengths(wide, CANDIDATES + extra)
    asked.data.test = replace(study.data, candidates=lists, labels=labels)
    found = judge.judge(replace(seventh, effect=0.03), asked, "clean")
    assert found["verdict"] == word
    assert found["parts"][0]["found"] == pytest.approx(-loss, abs=0.02)
