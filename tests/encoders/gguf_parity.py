"""What a checkpoint made of a GGUF file computes, beside what transformers reads of it."""

from pathlib import Path

import numpy as np
import torch

from replication.encoders.models.states import load_transformer, write_states
from replication.encoders.tokens import prompted_ids

TEXTS = ["the old team wins", "", "rain over the river town, a new vote"]


def reference(folder: Path, file: str, layers: int):
    """transformers' own model from the same file."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, num_hidden_layers=layers, dtype=torch.float32
    ).eval()


def embedded(checkpoint: Path, layers: int, texts: list[str]) -> tuple[list[list[int]], np.ndarray]:
    """Ids of texts in the prompt and the states of their last ten positions, as stage `embed`."""
    tokens = prompted_ids(texts, checkpoint, 20)
    path = checkpoint.parent / "states.npy"
    write_states(path, checkpoint, layers, tokens, "fp32", "", last=10)
    return [tokens.row(i).tolist() for i in range(len(texts))], np.load(path)


def assert_parity(checkpoint: Path, folder: Path, file: str, layers: int, texts=TEXTS) -> None:
    """Token by token the embeddings are those of transformers' own forward on the same file."""
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    expected = reference(folder, file, layers)
    ours = load_transformer(checkpoint, layers)
    ids, stored = embedded(checkpoint, layers, texts)
    ends = np.cumsum([min(len(row), 10) for row in ids])
    for row, text, end in zip(ids, texts, ends, strict=True):
        assert row == theirs(f"This news: {text} means in one word:")["input_ids"]
        batch = torch.tensor([row])
        with torch.no_grad():
            states = expected.model(batch).last_hidden_state[0]
            found = ours(batch, attention_mask=torch.ones_like(batch)).last_hidden_state[0]
        torch.testing.assert_close(found, states, rtol=1e-5, atol=1e-5)
        last = states[-10:].numpy()
        kept = stored[end - len(last) : end]
        np.testing.assert_allclose(kept, last, rtol=1e-3, atol=1e-3)  # 16 bits on disk
