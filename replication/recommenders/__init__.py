"""News recommenders over any text encoder, and the attention they share. A new one is one file here
and one line in `study/registry.py`.

Imports `study` and `machine`; a text encoder is given to it.
"""

from replication.recommenders.base import Batch, Recommender, Sizes
from replication.recommenders.lstur import LSTUR
from replication.recommenders.naml import NAML
from replication.recommenders.nrms import NRMS
from replication.study.registry import RECOMMENDERS

__all__ = ["LSTUR", "NAML", "NRMS", "RECOMMENDERS", "Batch", "Recommender", "Sizes"]
