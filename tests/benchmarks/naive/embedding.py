"""Embed texts with a causal model the naive way: in the order of articles, all padded alike.

As in the released code, texts are padded on the left to one length with token 0, and the last
positions of the last layer are kept. The hidden states of all layers and the scores of the whole
vocabulary are computed on the way.
"""

import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from replication.machine.precision import computing_device
from replication.mind.columns.ragged import Ragged

AT_ONCE = 32


@torch.no_grad()
def last_positions(
    checkpoint: Path, tokens: Ragged, length: int, positions: int
) -> tuple[np.ndarray, float]:
    """(articles, positions, d) float32, and the seconds that it took once the model was loaded."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16)
    model = model.to(computing_device()).eval()
    padded = torch.from_numpy(tokens.padded(length).astype(np.int64))  # on the left
    mask = torch.arange(length) >= length - torch.from_numpy(tokens.lengths)[:, None]
    started, found = time.perf_counter(), []
    for ids, read in zip(padded.split(AT_ONCE), mask.split(AT_ONCE), strict=True):
        output = model(
            ids.to(model.device),
            attention_mask=read.long().to(model.device),
            output_hidden_states=True,
        )
        found.append(output.hidden_states[-1][:, -positions:].float().cpu().numpy())
    return np.concatenate(found), time.perf_counter() - started
