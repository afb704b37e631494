"""Clicks as questions to a causal model: will the user, who read these news, read that one?

A sample's candidates share its click history. They are packed into one sequence, so that the
history is read once: each candidate's part sees the history and itself, at the positions that it
would have alone.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from replication.encoders.lora.masks import seen
from replication.encoders.sentences import Span, Tokens, around, tokenise
from replication.encoders.tokens import load_tokenizer
from replication.files.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# The wording is ours: what the paper's fine-tuning asked was not published.
OPENING = "A user has read these news:"
CLICK = "\n- {title}"
CANDIDATE = "\nThe next one shown: {title}"
QUESTION = "\nWill the user read it?"
ANSWERS = (" yes", " no")
WORDING = f"{OPENING}{CLICK}...{CANDIDATE}{QUESTION}"


@dataclass(frozen=True)
class Questions:
    """b samples of 1 + K candidates each, packed into sequences of t tokens.

    ids, positions: (b, t) int64. attends: (b, 1, t, t) bool, which tokens (rows) see which
    (columns). ends: (b, 1 + K) int64, where each candidate's question ends. asked: (b, 1 + K)
    bool, False where there is no candidate.
    """

    ids: Tensor
    positions: Tensor
    attends: Tensor
    ends: Tensor
    asked: Tensor

    def to(self, device: torch.device) -> "Questions":
        """The same on another device."""
        return Questions(*(getattr(self, field.name).to(device) for field in fields(self)))


class Questioner:
    """Writes questions about articles in a checkpoint's tokens, which are those of whole sentences.

    titles  of all articles, by id; each is cut at `title_tokens` tokens
    answers (yes, no): the token of each answer that stands first where the two differ
    Errors: `StudyError` where the tokenizer does not tell the answers apart.
    """

    def __init__(self, titles: list[str], checkpoint: Path, title_tokens: int):
        self.tokenizer = load_tokenizer(checkpoint)
        self.titles, self.title_tokens = titles, title_tokens
        answered = tokenise(self.tokenizer, [QUESTION + answer for answer in ANSWERS])
        pairs = zip(*(found.ids.tolist() for found in answered), strict=False)
        answers = next(((yes, no) for yes, no in pairs if yes != no), None)
        if answers is None:
            raise StudyError(
                f"{checkpoint}/tokenizer.json: begins {ANSWERS[0]!r} and {ANSWERS[1]!r} alike, "
                "so that a model cannot be asked; choose another base"
            )
        self.answers: tuple[int, int] = answers

    def ask(self, histories: list[np.ndarray], candidates: np.ndarray) -> Questions:
        """Questions of b samples.

        histories   article ids of each sample's clicks, oldest first; may be empty
        candidates  (b, 1 + K) article ids, 0 where there is none
        """
        asked = [
            self._sentence(history, candidate)
            for history, row in zip(histories, candidates, strict=True)
            for candidate in row
            if candidate
        ]
        tokens = iter(tokenise(self.tokenizer, [sentence for sentence, _ in asked]))
        spans = iter([spans for _, spans in asked])
        rows = [
            _packed(row, [self._cut(next(tokens), next(spans)) for candidate in row if candidate])
            for row in candidates
        ]
        width = max(len(ids) for ids, *_ in rows)
        ids, positions = np.zeros((2, len(rows), width), np.int64)
        parts = np.full((len(rows), width), -1)  # 0: history; j: candidate j; -1: padding
        ends = np.zeros(candidates.shape, np.int64)
        for row, (tokens_, places, part, last) in enumerate(rows):
            ids[row, : len(tokens_)] = tokens_
            positions[row, : len(tokens_)] = places
            parts[row, : len(tokens_)] = part
            ends[row] = last
        part_of = torch.from_numpy(parts)
        queries, keys = part_of[:, :, None], part_of[:, None, :]
        attends = ((keys == 0) | (keys == queries)) & torch.ones(width, width).tril().bool()
        return Questions(
            ids=torch.from_numpy(ids),
            positions=torch.from_numpy(positions),
            attends=attends[:, None],
            ends=torch.from_numpy(ends),
            asked=torch.from_numpy(candidates > 0),
        )

    def longest(self, clicks: int) -> int:
        """Tokens of the longest question that so many clicks can make."""
        alone = tokenise(self.tokenizer, self.titles)
        lengths = [min(len(found.ids), self.title_tokens) for found in alone]
        chosen = np.argsort(lengths, kind="stable")[::-1]
        sentence, spans = self._sentence(np.resize(chosen, clicks), chosen[0])
        return len(self._cut(tokenise(self.tokenizer, [sentence])[0], spans)[0])

    def _sentence(self, history: np.ndarray, candidate: int) -> tuple[str, list[Span]]:
        """The question about one candidate, and where the titles stand in it: the candidate's is
        the last."""
        sentence, spans = OPENING, []
        for template, article in [*((CLICK, a) for a in history), (CANDIDATE, candidate)]:
            part, (start, stop) = around(
                template.replace("{title}", "{text}"), self.titles[article]
            )
            spans.append((len(sentence) + start, len(sentence) + stop))
            sentence += part
        return sentence + QUESTION, spans

    def _cut(self, tokens: Tokens, spans: list[Span]) -> tuple[list[int], int]:
        """Ids of one question with its titles cut, and how many of them stand before what is said
        of the candidate. Marks behind the question are left out: the answer stands there."""
        tokens = tokens.cut(spans, self.title_tokens)
        count = int(np.flatnonzero(tokens.spans[:, 0] >= 0)[-1]) + 1
        begins = spans[-1][0] - len(CANDIDATE.partition(" {title}")[0])
        return tokens.ids[:count].tolist(), int(np.argmax(tokens.spans[:, 0] >= begins))


def _packed(row: np.ndarray, asked: list[tuple[list[int], int]]) -> tuple[list[int], ...]:
    """Tokens of one sample, their positions and parts, and where each question ends.

    row    the sample's candidates, 0 where there is none
    asked  of each of the others the ids of its question, and how many of them the others share
    """
    first = asked[0][0]
    shared = min(count for _, count in asked)
    for ids, _ in asked:  # no more than are the same in all
        same = [a == b for a, b in zip(ids[:shared], first, strict=False)]
        shared = same.index(False) if False in same else len(same)
    ids, positions, parts, ends = first[:shared], list(range(shared)), [0] * shared, []
    questions = iter(asked)
    for number, article in enumerate(row, start=1):
        if article:
            own = next(questions)[0][shared:]
            ids = ids + own
            positions += range(shared, shared + len(own))
            parts += [number] * len(own)
        ends.append(len(ids) - 1)
    return ids, positions, parts, ends


def answer_scores(
    model: "PreTrainedModel", questions: Questions, answers: tuple[int, int]
) -> Tensor:
    """logit(yes) - logit(no) at the end of each question: (b, 1 + K) float32.

    Only these two rows of the model's head are used: logits of the whole vocabulary at every token
    would outweigh the model. They are taken in float32, for the difference is small.
    """
    states = model.get_decoder()(
        input_ids=questions.ids,
        attention_mask=seen(model.config, questions.attends, questions.positions, model.dtype),
        position_ids=questions.positions,
        use_cache=False,
    ).last_hidden_state  # (b, t, d)
    where = questions.ends.unsqueeze(2).expand(-1, -1, states.shape[2])
    last = states.gather(1, where).float()  # (b, 1 + K, d)
    yes, no = model.get_output_embeddings().weight[list(answers)].float()
    with torch.autocast(last.device.type, enabled=False):
        return last @ (yes - no)
