"""Batches by hand."""

import torch

from replication.recommenders import Batch


def batch_of(
    candidates: list[list[int]], clicked: list[list[int]], users: list[int], width: int = 5
) -> Batch:
    padded = [[0] * (width - len(row)) + row for row in clicked]
    c = torch.tensor(candidates)
    return Batch(c, c > 0, torch.tensor(padded), torch.tensor(users))


BATCH = batch_of(
    [[1, 2, 3], [4, 1, 5], [6, 7, 0], [2, 2, 9]],
    [[1, 2, 3, 4, 5], [6], [], [7, 8, 7]],
    [1, 2, 3, 1],
)
