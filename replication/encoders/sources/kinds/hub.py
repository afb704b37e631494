"""Source `hub`: a repository of the Hugging Face hub at a pinned commit."""

from replication.encoders.sources.kinds.base import Source


class Hub(Source):
    fetched = True

    def found(self, name, encoder):
        from replication.encoders.sources.checkpoints import download

        return download(name, encoder)
