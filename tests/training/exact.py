"""Hidden states below the cut in full precision, where the package's cache keeps float16."""

import numpy as np
import torch

from replication.encoders.models.states import load_transformer
from replication.encoders.models.text import Places, StoredVectors
from replication.mind.columns.ragged import Ragged
from replication.recommenders import Recommender
from replication.study import paths
from replication.study.params import Params


def states_of(params: Params, field: str) -> np.ndarray:
    """(positions, d) float32, each article computed alone, without padding."""
    depth = params.registry[params.encoder].layers - params.finetune_layers
    model = load_transformer(paths.CHECKPOINTS / params.encoder, depth)
    tokens = Ragged.load(paths.EMBEDDINGS / params.encoder, field)
    rows = (torch.tensor(tokens.row(i), dtype=torch.int64)[None] for i in range(len(tokens)))
    with torch.no_grad():
        return np.concatenate([model(row).last_hidden_state[0].numpy() for row in rows])


def with_exact_states(model: Recommender, params: Params) -> Recommender:
    """The model, whose tuned transformers read those states instead of their own."""
    for field, encoder in model.text.items():
        offsets = Ragged.load(paths.EMBEDDINGS / params.encoder, field).offsets
        encoder.below = StoredVectors(states_of(params, field), Places(offsets), True, blank=False)
    return model
