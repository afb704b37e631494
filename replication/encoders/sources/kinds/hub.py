"""Source `hub`: a repository of the Hugging Face hub at a pinned commit."""

from replication.encoders.sources.kinds.base import Source


class Hub(Source):
    fetched = True

    def found(self, name, encoder):
        from replication.encoders.sources.checkpoints import _download

        return _download(name, encoder)
