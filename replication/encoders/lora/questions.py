"""Clicks as questions to a causal model: will the user, who read these news, read that one?

A sample's candidates share its click history. They are packed into one sequence, so that the
history is read once: each candidate's part sees the history and itself, at the positions that it
would have alone.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from replication.encoders.tokens import load_tokenizer
from replication.files.errors import StudyError

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
    """Writes questions about articles in a checkpoint's tokens.

    titles  of all articles, by id; each is cut at `title_tokens` tokens
    answers (yes, no): the token of each answer that stands first where the two differ
    Errors: `StudyError` where the tokenizer does not tell the answers apart.
    """

    def __init__(self, titles: list[str], checkpoint: Path, title_tokens: int):
        tokenizer = load_tokenizer(checkpoint)

        def encode(text: str) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=False).ids

        self.opening = tokenizer.encode(OPENING).ids  # with the checkpoint's first token, if any
        self.click, self.candidate = (encode(t.split(" {")[0]) for t in (CLICK, CANDIDATE))
        self.question = encode(QUESTION)
        pairs = zip(*map(encode, ANSWERS), strict=False)  # of an answer in several tokens the first
        self.answers = next((pair for pair in pairs if pair[0] != pair[1]), None)
        if self.answers is None:
            raise StudyError(
                f"{checkpoint}/tokenizer.json: begins {ANSWERS[0]!r} and {ANSWERS[1]!r} alike, "
                "so that a model cannot be asked; choose another base"
            )
        tokenizer.enable_truncation(title_tokens)
        encoded = tokenizer.encode_batch([f" {t}" for t in titles], add_special_tokens=False)
        self.titles = [e.ids for e in encoded]

    def ask(self, histories: list[np.ndarray], candidates: np.ndarray) -> Questions:
        """Questions of b samples.

        histories   article ids of each sample's clicks, oldest first; may be empty
        candidates  (b, 1 + K) article ids, 0 where there is none
        """
        rows = [self._pack(h, c) for h, c in zip(histories, candidates, strict=True)]
        width = max(len(ids) for ids, *_ in rows)
        ids, positions = np.zeros((2, len(rows), width), np.int64)
        parts = np.full((len(rows), width), -1)  # 0: history; j: candidate j; -1: padding
        ends = np.zeros(candidates.shape, np.int64)
        for row, (tokens, places, part, last) in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            positions[row, : len(tokens)] = places
            parts[row, : len(tokens)] = part
            ends[row] = last
        parts = torch.from_numpy(parts)
        queries, keys = parts[:, :, None], parts[:, None, :]
        attends = ((keys == 0) | (keys == queries)) & torch.ones(width, width).tril().bool()
        return Questions(
            ids=torch.from_numpy(ids),
            positions=torch.from_numpy(positions),
            attends=attends[:, None],
            ends=torch.from_numpy(ends),
            asked=torch.from_numpy(candidates > 0),
        )

    def _pack(self, history: np.ndarray, candidates: np.ndarray) -> tuple[list[int], ...]:
        """Tokens of one sample, their positions and parts, and where each question ends."""
        ids = list(self.opening)
        for article in history:
            ids += self.click + self.titles[article]
        shared = len(ids)
        positions, parts, ends = list(range(shared)), [0] * shared, []
        for number, article in enumerate(candidates, start=1):
            if article:
                own = self.candidate + self.titles[article] + self.question
                ids += own
                positions += range(shared, shared + len(own))
                parts += [number] * len(own)
            ends.append(len(ids) - 1)
        return ids, positions, parts, ends


def answer_scores(model, questions: Questions, answers: tuple[int, int]) -> Tensor:
    """logit(yes) - logit(no) at the end of each question: (b, 1 + K) float32.

    Only these two rows of the model's head are used: logits of the whole vocabulary at every token
    would outweigh the model. They are taken in float32, for the difference is small.
    """
    states = model.get_decoder()(
        input_ids=questions.ids,
        attention_mask=questions.attends,
        position_ids=questions.positions,
        use_cache=False,
    ).last_hidden_state  # (b, t, d)
    where = questions.ends.unsqueeze(2).expand(-1, -1, states.shape[2])
    last = states.gather(1, where).float()  # (b, 1 + K, d)
    yes, no = model.get_output_embeddings().weight[list(answers)].float()
    with torch.autocast(last.device.type, enabled=False):
        return last @ (yes - no)
