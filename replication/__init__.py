"""Replication of Zhao et al., Revisiting Language Models in Neural News Recommender Systems.

The rooms of the house in the order in which they may import: each imports those before it, and
none after it. What a room holds stands at the top of its `__init__.py`; docs/architecture.md shows
the way of one click history through all of them.
"""

__version__ = "0.1.0"

ROOMS = (
    "files",
    "study",
    "machine",
    "mind",
    "encoders",
    "recommenders",
    "training",
    "evaluation",
    "experiment",
    "paper",
    "questions",
    "report",
    "browser",
    "pipeline",
    "importers",
    "commands",
)
