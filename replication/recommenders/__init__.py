"""News recommenders over any text encoder, and the attention they share. A new one is one file and
one line here.

Imports `machine`, and what a text encoder is given as.
"""

from replication.recommenders.base import Batch, Recommender, Sizes
from replication.recommenders.lstur import LSTUR
from replication.recommenders.naml import NAML
from replication.recommenders.nrms import NRMS

RECOMMENDERS: dict[str, type[Recommender]] = {"naml": NAML, "nrms": NRMS, "lstur": LSTUR}

__all__ = ["LSTUR", "NAML", "NRMS", "RECOMMENDERS", "Batch", "Recommender", "Sizes"]
