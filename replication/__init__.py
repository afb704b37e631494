"""Replication of Zhao et al., Revisiting Language Models in Neural News Recommender Systems."""

__version__ = "0.1.0"
